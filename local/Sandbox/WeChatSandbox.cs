using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Local.Sandbox;

/// <summary>A message that "WeChat" received.</summary>
/// <param name="Number">Counts from 1 since the start, for the page.</param>
/// <param name="Kind">用工消息 or 订阅消息.</param>
/// <param name="Recipient">Who it is in the demo; null for an openid that has no name here.</param>
internal sealed record SandboxMessage(
    long Number, DateTimeOffset At, string Kind, string OpenId, string? Recipient, string Template, string Page, IReadOnlyList<SandboxValue> Values);

internal sealed record SandboxValue(string Key, string Text);

/// <summary>
/// What the sandbox keeps, in memory only: its token, who has been told whose name, and the last 500 messages.
/// </summary>
internal sealed class WeChatSandbox(string appId, string appSecret, TimeProvider clock)
{
    public const int KeptMessages = 500;

    private static readonly TimeSpan TokenLife = TimeSpan.FromSeconds(7200);
    private static readonly TimeSpan Overlap = TimeSpan.FromSeconds(300);

    private sealed record Token(string Value, DateTimeOffset ExpiresAt);

    private readonly Lock _lock = new();
    private readonly LinkedList<SandboxMessage> _messages = new();
    private readonly ConcurrentDictionary<string, string> _names = new(
        DemoCodes.All.Select(code => new KeyValuePair<string, string>(DemoCodes.OpenIdOf(code), code)));
    private Token? _token, _before;
    private long _received;

    public string AppId => appId;

    public DateTimeOffset Now => clock.GetUtcNow();

    public bool IsSecret(string secret) => secret == appSecret;

    /// <summary>All messages since the start, the forgotten ones included.</summary>
    public long Received
    {
        get { lock (_lock) return _received; }
    }

    /// <summary>Newest first.</summary>
    public IReadOnlyList<SandboxMessage> Messages
    {
        get { lock (_lock) return [.. _messages]; }
    }

    /// <summary>Gives an openid a name for the page, for example 13栋4楼楼层长. The loader calls it for the leaders it binds.</summary>
    public void Name(string openId, string name) => _names[openId] = name;

    /// <summary>As stable_token does: the same token while it is valid, the next one in its last five minutes, both taken in between.</summary>
    public (string Value, int ExpiresIn) GiveToken()
    {
        lock (_lock)
        {
            var now = clock.GetUtcNow();
            if (_token is null || now >= _token.ExpiresAt - Overlap)
                (_before, _token) = (_token, new Token("SANDBOX_" + Convert.ToHexString(RandomNumberGenerator.GetBytes(32)), now + TokenLife));
            return (_token.Value, (int)(_token.ExpiresAt - now).TotalSeconds);
        }
    }

    public bool IsToken(string token)
    {
        lock (_lock)
        {
            var now = clock.GetUtcNow();
            return (_token is { } current && current.Value == token && now < current.ExpiresAt) || (_before is { } before && before.Value == token && now < before.ExpiresAt);
        }
    }

    /// <summary>Takes a message, and gives its number since the start.</summary>
    public long Receive(string kind, string openId, string template, string page, IReadOnlyList<SandboxValue> values)
    {
        lock (_lock)
        {
            _messages.AddFirst(new SandboxMessage(++_received, clock.GetUtcNow(), kind, openId, _names.GetValueOrDefault(openId), template, page, values));
            if (_messages.Count > KeptMessages) _messages.RemoveLast();
            return _received;
        }
    }
}
