using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Backend.Platform;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Backend.Tests.Support;

/// <summary>
/// The api itself in this process: real Kestrel on a free port, real PostgreSQL, WeChat as a stub over HTTP, a clock that stands still until it is
/// told otherwise. Starts with <see cref="StartAsync"/>; an unmatched outside call fails the test at its end.
/// </summary>
internal sealed class Api : IAsyncDisposable
{
    /// <summary>Noon in Shanghai on the demo's day.</summary>
    public static readonly DateTimeOffset Noon = new(PostgresFixture.DemoDay.ToDateTime(new TimeOnly(4, 0)), TimeSpan.Zero);

    private readonly Factory _factory;

    /// <summary>For proofs that ask whether each request is answered right, not how many may come: the limits of a replica count by the real clock.</summary>
    public static readonly IReadOnlyDictionary<string, string?> Unlimited =
        ((string[])["AccountPerMinute", "AddressPerMinute", "Strict:PerAccount", "Strict:PerDevice", "Strict:PerAddress"]).ToDictionary(n => $"RateLimits:{n}", string? (_) => "10000000");

    private Api(PostgresDatabase database, IReadOnlyDictionary<string, string?> more)
    {
        Database = database;
        WeChat = new WeChatStub { Clock = Clock };
        var settings = new Dictionary<string, string?>(database.Settings());
        foreach (var (key, value) in WeChat.Configuration.Concat(WholeLog.AtDebug)) settings[key] = value;
        foreach (var (key, value) in more) settings[key] = value;
        _factory = new Factory(settings, Clock);
    }

    public PostgresDatabase Database { get; }

    public WeChatStub WeChat { get; }

    public FakeTimeProvider Clock { get; } = new(Noon);

    public Uri Address => _factory.ClientOptions.BaseAddress;

    public IServiceProvider Services => _factory.Services;

    /// <summary>What the api logged as an error; a test that did not expect one shows it.</summary>
    public IReadOnlyCollection<string> Errors => _factory.Errors;

    public static async Task<Api> StartAsync(PostgresDatabase database, IReadOnlyDictionary<string, string?>? settings = null)
    {
        var api = new Api(database, settings ?? new Dictionary<string, string?>());
        api._factory.StartServer();
        if (api.Address.Port != 0) return api;
        // The factory takes a refused start for a started one. Asked again, the checks say why.
        await using (api) await api.Services.GetRequiredService<StartupChecks>().RunAsync(CancellationToken.None);
        throw new InvalidOperationException("The api refused to start, and no longer says why.");
    }

    /// <summary>A client without a session.</summary>
    public HttpClient Anonymous() => new() { BaseAddress = Address };

    /// <summary>Signs in by a WeChat identity and gives a client that is simply signed in.</summary>
    public async Task<SignedIn> SignInAsync(string openId)
    {
        var code = $"code-{Guid.CreateVersion7():N}";
        WeChat.AddCode(code, openId);
        var client = Anonymous();
        var answer = await client.PostAsJsonAsync("/api/v1/sessions/wechat", new { code });
        var body = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(answer.IsSuccessStatusCode, $"{openId} could not sign in: {body} {string.Join('\n', Errors)}");
        var access = body.GetProperty("accessToken").GetString()!;
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", access);
        return new SignedIn(client, access, body.GetProperty("refreshToken").GetString()!);
    }

    public async ValueTask DisposeAsync()
    {
        await _factory.DisposeAsync();
        WeChat.Dispose();
    }

    private sealed class Factory : WebApplicationFactory<PolicyTable>
    {
        private readonly IReadOnlyDictionary<string, string?> _settings;
        private readonly FakeTimeProvider _clock;

        public System.Collections.Concurrent.ConcurrentQueue<string> Errors { get; } = new();

        public Factory(IReadOnlyDictionary<string, string?> settings, FakeTimeProvider clock)
        {
            (_settings, _clock) = (settings, clock);
            UseKestrel(0);
        }

        protected override void ConfigureWebHost(IWebHostBuilder web)
        {
            web.UseEnvironment("Test");
            foreach (var (key, value) in _settings) web.UseSetting(key, value);
            web.ConfigureServices(services => services.AddSingleton<TimeProvider>(_clock).AddSingleton<IStartupFilter, SecretsGivenOut>());
            web.ConfigureLogging(logging => logging.ClearProviders().AddProvider(new ErrorSink(Errors)).AddProvider(WholeLog.Run));
        }

        protected override IHost CreateHost(IHostBuilder builder)
        {
            builder.ConfigureHostConfiguration(c => c.AddInMemoryCollection(_settings));
            return base.CreateHost(builder);
        }
    }
}

/// <summary>Keeps what was logged as an error.</summary>
internal sealed class ErrorSink(System.Collections.Concurrent.ConcurrentQueue<string> errors) : ILoggerProvider
{
    public ILogger CreateLogger(string categoryName) => new Sink(categoryName, errors);

    public void Dispose()
    {
    }

    private sealed class Sink(string category, System.Collections.Concurrent.ConcurrentQueue<string> errors) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel)) errors.Enqueue($"{category}: {formatter(state, exception)} {exception}");
        }
    }
}

/// <summary>A client with a session.</summary>
internal sealed record SignedIn(HttpClient Client, string AccessToken, string RefreshToken)
{
    public Task<HttpResponseMessage> GetAsync(string path) => Client.GetAsync(path);

    /// <summary>She reads the privacy notice and says so.</summary>
    public async Task<SignedIn> ReadNoticeAsync()
    {
        var version = (await GetAsync("/api/v1/privacy-notice").OkAsync()).GetProperty("noticeVersion").GetInt32();
        await SendAsync(HttpMethod.Post, "/api/v1/me/consents", new { purpose = "privacy_notice", noticeVersion = version }).OkAsync();
        return this;
    }

    /// <summary>A change with a key of its own.</summary>
    public Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, object? body = null, string? key = null, string? ifMatch = null)
    {
        var request = new HttpRequestMessage(method, path);
        if (body is not null) request.Content = JsonContent.Create(body);
        request.Headers.Add("Idempotency-Key", key ?? Guid.CreateVersion7().ToString());
        if (ifMatch is not null) request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        return Client.SendAsync(request);
    }
}

internal static class Answers
{
    public static async Task<JsonElement> JsonAsync(this HttpResponseMessage answer) => await answer.Content.ReadFromJsonAsync<JsonElement>();

    /// <summary>Asserts the status and gives the body.</summary>
    public static async Task<JsonElement> OkAsync(this Task<HttpResponseMessage> sending)
    {
        using var answer = await sending;
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, $"{(int)answer.StatusCode} {text}");
        return text.Length == 0 ? default : JsonSerializer.Deserialize<JsonElement>(text);
    }

    /// <summary>Asserts a refusal: status, problem document, code, Chinese title.</summary>
    public static async Task<JsonElement> RefusedAsync(this Task<HttpResponseMessage> sending, int status, string code)
    {
        using var answer = await sending;
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True((int)answer.StatusCode == status, $"expected {status}, got {(int)answer.StatusCode} {text}");
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var body = JsonSerializer.Deserialize<JsonElement>(text);
        Assert.Equal(code, body.GetProperty("code").GetString());
        Assert.Contains(body.GetProperty("title").GetString()!, c => c >= '一');
        Assert.False(string.IsNullOrEmpty(body.GetProperty("traceId").GetString()));
        return body;
    }
}
