using Backend.Platform.Oidc;
using Backend.Platform.Persistence;
using Backend.Platform.WeChat;
using Backend.Tests.Architecture;
using Backend.Tests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Npgsql;
using Polly.CircuitBreaker;
using Polly.RateLimiting;
using Polly.Retry;
using Polly.Testing;
using Polly.Timeout;

namespace Backend.Tests.Platform;

/// <summary>RL18: every way out of the process has its limits, and they are those that docs/operations.md states.</summary>
public sealed class LimitsTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>
{
    [Fact]
    public async Task RL18_every_database_connection_has_limits_of_time_and_number()
    {
        await using var services = Services(fixture.Database.StrictConnections());
        var (app, worker) = (services.GetRequiredService<AppDataSource>(), services.GetRequiredService<WorkerDataSource>());
        foreach (var (source, limits, name) in new[] { (app.Source, DatabaseLimits.App, "backend-app"), (worker.Source, DatabaseLimits.Worker, "backend-worker") })
        {
            var settings = new NpgsqlConnectionStringBuilder(source.ConnectionString);
            Assert.Equal((limits.Pool, limits.Kept, DatabaseLimits.Connect, limits.Command), (settings.MaxPoolSize, settings.MinPoolSize, settings.Timeout, settings.CommandTimeout));
            Assert.Equal(TimeSpan.FromSeconds(limits.Statement), Span(await ShowAsync(source, "statement_timeout")));
            Assert.Equal(TimeSpan.FromSeconds(limits.IdleInTransaction), Span(await ShowAsync(source, "idle_in_transaction_session_timeout")));
            Assert.Equal(name, await ShowAsync(source, "application_name"));
        }

        await using var read = worker.ForRequest("select 1");
        Assert.Equal(DatabaseLimits.App.Command, read.CommandTimeout);
        // A silent server costs the command limit and one connect limit (RL14: 3 s).
        Assert.True(DatabaseLimits.App.Command + DatabaseLimits.Connect < 3);
    }

    [Fact]
    public async Task RL18_what_a_connection_string_says_itself_holds()
    {
        var settings = fixture.Database.StrictConnections();
        settings["ConnectionStrings:App"] += ";Maximum Pool Size=7;Timeout=9;Command Timeout=11;Options=-c statement_timeout=13s";
        await using var services = Services(settings);
        var source = services.GetRequiredService<AppDataSource>().Source;
        var effective = new NpgsqlConnectionStringBuilder(source.ConnectionString);
        Assert.Equal((7, 7, 9, 11), (effective.MaxPoolSize, effective.MinPoolSize, effective.Timeout, effective.CommandTimeout));
        Assert.Equal("13s", await ShowAsync(source, "statement_timeout"));
        Assert.Equal("10s", await ShowAsync(source, "idle_in_transaction_session_timeout"));
    }

    [Fact]
    public async Task RL18_every_call_to_WeChat_has_connect_total_and_idle_limits_a_bound_and_a_breaker()
    {
        using var stub = new WeChatStub();
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddWeChat(new ConfigurationBuilder().AddInMemoryCollection(stub.Configuration).Build());
        await using var provider = services.BuildServiceProvider();

        var limits = provider.GetRequiredService<CallLimits>();
        foreach (var group in Enum.GetValues<CallGroup>())
        {
            var strategies = limits[group].GetPipelineDescriptor().Strategies.Select(s => s.Options).ToList();
            // From the outside in: total limit, places, repeats, breaker, limit of one exchange.
            Assert.Equal(
                [typeof(TimeoutStrategyOptions), typeof(RateLimiterStrategyOptions), typeof(RetryStrategyOptions), typeof(CircuitBreakerStrategyOptions), typeof(TimeoutStrategyOptions)],
                strategies.Select(s => s!.GetType().IsGenericType ? s.GetType().BaseType! : s.GetType()).ToArray());
            var times = strategies.OfType<TimeoutStrategyOptions>().Select(t => t.Timeout).ToList();
            Assert.All(times, t => Assert.InRange(t, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(15)));
        }

        Assert.Equal((4.5, 15.0, 10.0), (limits.LoginTotal.TotalSeconds, limits.TokenTotal.TotalSeconds, limits.MessageTotal.TotalSeconds));
        var handler = provider.GetRequiredService<IHttpMessageHandlerFactory>().CreateHandler(nameof(WeChatClient));
        while (handler is DelegatingHandler outer) handler = outer.InnerHandler!;
        var sockets = Assert.IsType<SocketsHttpHandler>(handler);
        Assert.Equal(TimeSpan.FromSeconds(2), sockets.ConnectTimeout);
        Assert.Equal(TimeSpan.FromSeconds(30), sockets.PooledConnectionIdleTimeout);
        Assert.Equal(64, sockets.MaxConnectionsPerServer);
        Assert.Null(sockets.SslOptions.RemoteCertificateValidationCallback);
    }

    [Fact]
    public async Task RL18_every_call_to_the_identity_provider_has_connect_total_and_idle_limits_a_bound_and_a_breaker()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton(TimeProvider.System);
        services.AddOidc(new ConfigurationBuilder().Build());
        await using var provider = services.BuildServiceProvider();
        Assert.Equal(
            [typeof(RateLimiterStrategyOptions), typeof(CircuitBreakerStrategyOptions)],
            provider.GetRequiredService<OidcLimits>().Pipeline.GetPipelineDescriptor().Strategies.Select(s => s.Options!.GetType().IsGenericType ? s.Options.GetType().BaseType! : s.Options.GetType()).ToArray());
        Assert.InRange(provider.GetRequiredService<IOptions<OidcOptions>>().Value.AnswerLimit, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5));
        var handler = provider.GetRequiredService<IHttpMessageHandlerFactory>().CreateHandler(nameof(OidcProvider));
        while (handler is DelegatingHandler outer) handler = outer.InnerHandler!;
        var sockets = Assert.IsType<SocketsHttpHandler>(handler);
        Assert.Equal((2.0, 30.0, OidcLimits.Parallel), (sockets.ConnectTimeout.TotalSeconds, sockets.PooledConnectionIdleTimeout.TotalSeconds, sockets.MaxConnectionsPerServer));
        Assert.Null(sockets.SslOptions.RemoteCertificateValidationCallback);
    }

    [Fact]
    public void RL18_there_is_no_other_way_out()
    {
        string[] Naming(string word) => [.. DirectionTests.SourceFiles().Where(f => File.ReadAllText(f).Contains(word, StringComparison.Ordinal)).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];
        Assert.Equal(["OidcRegistration.cs", "WeChatRegistration.cs"], Naming("AddHttpClient"));
        Assert.Empty(Naming("new HttpClient("));
        Assert.Empty(Naming("new TcpClient("));
        // Data sources are made in one place for the service, and by the operator's commands; the wake-ups and the command that verifies the audit have connections of their own.
        Assert.Equal(["AdminTool.cs", "Migrator.cs", "PersistenceRegistration.cs"], Naming("NpgsqlDataSourceBuilder("));
        Assert.Empty(Naming("NpgsqlDataSource.Create("));
        Assert.Equal(["AuditVerifier.cs", "WakeUps.cs"], Naming("new NpgsqlConnection("));
    }

    private static ServiceProvider Services(Dictionary<string, string?> settings)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton(TimeProvider.System);
        services.AddPersistence(new ConfigurationBuilder().AddInMemoryCollection(settings).Build());
        return services.BuildServiceProvider();
    }

    private static async Task<string> ShowAsync(NpgsqlDataSource source, string name)
    {
        await using var command = source.CreateCommand($"select current_setting('{name}')");
        return (string)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>PostgreSQL writes <c>1min</c> for sixty seconds and <c>75s</c> for seventy-five.</summary>
    private static TimeSpan Span(string text) => text.EndsWith("min", StringComparison.Ordinal)
        ? TimeSpan.FromMinutes(int.Parse(text[..^3], System.Globalization.CultureInfo.InvariantCulture))
        : TimeSpan.FromSeconds(int.Parse(text[..^1], System.Globalization.CultureInfo.InvariantCulture));
}
