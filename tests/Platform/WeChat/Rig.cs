using System.Collections.Concurrent;
using Backend.Platform.WeChat;
using Backend.Tests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace Backend.Tests.Platform.WeChat;

/// <summary>
/// The adapter, registered as the service does it, pointed at some server. Everything it logs at any level is kept. Its time limits run on a clock that
/// stands still unless a test moves it: a busy machine must not turn a slow answer into a lost one.
/// </summary>
internal sealed class Rig : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    public Rig(IEnumerable<KeyValuePair<string, string?>> configuration, TimeProvider? clock = null, ISharedTokenStore? store = null, TimeProvider? machine = null)
    {
        Configuration = new ConfigurationBuilder().AddInMemoryCollection(configuration).Build();
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(Log).AddProvider(WholeLog.Run));
        if (clock is not null) services.AddSingleton(clock);
        if (store is not null) services.AddSingleton(store);
        services.AddWeChat(Configuration);
        services.AddSingleton(provider => new CallLimits(
            provider.GetRequiredService<IOptions<WeChatOptions>>().Value, provider.GetRequiredService<ILoggerFactory>(), machine ?? new FakeTimeProvider()));
        _services = services.BuildServiceProvider(validateScopes: true);
    }

    public static Rig At(WeChatStub stub, TimeProvider? clock = null, ISharedTokenStore? store = null, TimeProvider? machine = null) =>
        new(stub.Configuration, clock, store, machine);

    public static Rig At(Uri address, TimeProvider? machine = null, ISharedTokenStore? store = null, TimeProvider? clock = null) => new(new Dictionary<string, string?>
    {
        ["WeChat:BaseAddress"] = address.ToString(),
        ["WeChat:AppId"] = WeChatStub.AppId,
        ["WeChat:AppSecret"] = WeChatStub.AppSecret,
        ["WeChat:RedAlarmTemplate"] = WeChatStub.RedAlarmTemplate,
        ["WeChat:MiniProgramPage"] = WeChatStub.MiniProgramPage,
        ["WeChat:RetryDelay"] = "00:00:00",
    }, clock, store, machine);

    public IConfiguration Configuration { get; }
    public CapturedLog Log { get; } = new();
    public IServiceProvider Services => _services;
    public WeChatClient Client => _services.GetRequiredService<WeChatClient>();

    public Task<CodeExchange> Login(string code) => Client.CodeToSessionAsync(code, CancellationToken.None);

    public Task<PhoneExchange> Verify(string code, string openId = "oFAKE_openid_0000000000000001") => Client.VerifyPhoneAsync(code, openId, CancellationToken.None);

    public Task<SendOutcome> Send(string openId = "oFAKE_openid_0000000000000002", string text = "红色预警待走访") =>
        Client.SendEmploymentMessageAsync(openId, WeChatStub.RedAlarmTemplate, WeChatStub.MiniProgramPage,
            new Dictionary<string, string> { ["thing1"] = text, ["time2"] = "2026-09-21 08:30" }, CancellationToken.None);

    public Task<SendOutcome> SendSubscribe(string openId = "oFAKE_openid_0000000000000002", string text = "您有一条新的走访任务") =>
        Client.SendSubscribeMessageAsync(openId, WeChatStub.SubscribeTemplate, WeChatStub.MiniProgramPage,
            new Dictionary<string, string> { ["thing1"] = text, ["time2"] = "2026-09-21 08:30", ["phrase3"] = "待处理" }, CancellationToken.None);

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}

internal sealed class CapturedLog : ILoggerProvider
{
    private readonly ConcurrentQueue<string> _lines = new();

    public IReadOnlyCollection<string> Lines => _lines;

    public string Text => string.Join('\n', _lines);

    public ILogger CreateLogger(string categoryName) => new Logger(categoryName, _lines);

    public void Dispose()
    {
    }

    private sealed class Logger(string category, ConcurrentQueue<string> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull
        {
            lines.Enqueue($"{category} scope {Describe(state)}");
            return null;
        }

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Enqueue($"{category} {logLevel} {eventId.Name} {formatter(state, exception)} {Describe(state)} {exception}");

        // Structured values reach a log sink even when the message does not show them.
        private static string Describe<TState>(TState state) =>
            state is IEnumerable<KeyValuePair<string, object?>> values ? string.Join(", ", values.Select(v => $"{v.Key}={v.Value}")) : $"{state}";
    }
}
