using System.Collections.Concurrent;
using Backend.Domain.Notices;
using Backend.Platform.Outbox;

namespace Backend.Tests.Support;

/// <summary>A channel to phones as the pump sees it: remembers what it was asked to send, and answers as told.</summary>
internal sealed class ChannelStub(Channel channel) : IMessageChannel
{
    private readonly ConcurrentQueue<(string OpenId, Guid Notice)> _sent = new();
    private readonly ConcurrentDictionary<string, int> _open = new();

    public Channel Channel => channel;

    public TimeSpan LongestSend { get; set; } = TimeSpan.FromSeconds(30);

    public string? CreditTemplate { get; set; }

    /// <summary>The answer to one call; by default it is sent.</summary>
    public Func<string, CancellationToken, Task<DeliveryOutcome>>? Answer { get; set; }

    public IReadOnlyList<(string OpenId, Guid Notice)> Sent => [.. _sent];

    /// <summary>The most calls that were open at once to one person.</summary>
    public int MostToOnePerson;

    /// <summary>The most calls that were open at once.</summary>
    public int MostInAll;

    private int _all;

    public async Task<DeliveryOutcome> SendAsync(string openId, Guid noticeId, DateTimeOffset at, CancellationToken cancellation)
    {
        var open = _open.AddOrUpdate(openId, 1, (_, n) => n + 1);
        Max(ref MostToOnePerson, open);
        Max(ref MostInAll, Interlocked.Increment(ref _all));
        _sent.Enqueue((openId, noticeId));
        try
        {
            return Answer is null ? new(SendResult.Sent, "ok") : await Answer(openId, cancellation);
        }
        finally
        {
            Interlocked.Decrement(ref _all);
            _open.AddOrUpdate(openId, 0, (_, n) => n - 1);
        }
    }

    private static void Max(ref int most, int value)
    {
        int seen;
        while ((seen = Volatile.Read(ref most)) < value && Interlocked.CompareExchange(ref most, value, seen) != seen) { }
    }
}
