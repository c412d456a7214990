using System.Collections.Concurrent;
using Backend.Platform.Outbox;
using Backend.Platform.WeChat;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Backend.Platform.Persistence;

internal static class PersistenceRegistration
{
    public static IServiceCollection AddPersistence(this IServiceCollection services, IConfiguration configuration)
    {
        // By factory: the container closes what it made, so no connection outlives its host.
        services.AddSingleton(_ => new AppDataSource(Open(configuration, "App", DatabaseLimits.App)));
        services.AddSingleton(s => new WorkerDataSource(Open(configuration, "Worker", DatabaseLimits.Worker), s.GetRequiredService<AppDataSource>().Limit));
        services.AddSingleton<GridMap>();
        services.AddSingleton<ReferenceData>();
        services.AddSingleton<OutboxSignal>();
        services.AddSingleton<CommittedWallVersions>();
        services.AddSingleton<Walls.WallMemory>();
        services.AddSingleton<ISharedTokenStore, WeChatTokenStore>();
        services.AddScoped(s => s.GetRequiredService<BackendDbFactory>().Build(
            s.GetRequiredService<AppDataSource>().Source, s.GetRequiredService<IScopeSource>()));
        services.AddSingleton<BackendDbFactory>();
        return services;
    }

    /// <exception cref="StartRefused">It is missing, misspelt, without a password worth the name, or would keep a scope.</exception>
    public static NpgsqlConnectionStringBuilder Parse(string name, string? text)
    {
        if (string.IsNullOrWhiteSpace(text)) throw new StartRefused($"缺少 ConnectionStrings:{name}。");
        NpgsqlConnectionStringBuilder settings;
        try
        {
            settings = new NpgsqlConnectionStringBuilder(text);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidCastException)
        {
            // Without the cause: it may quote the value.
            throw new StartRefused($"ConnectionStrings:{name} 格式有误。");
        }

        // Never "No Reset On Close": the next user would keep the last one's scope (AZ06).
        if (settings.NoResetOnClose) throw new StartRefused($"ConnectionStrings:{name} 不允许 No Reset On Close，否则下一个请求会沿用上一个的可见范围 (AZ06)。");
        var byFile = settings.Passfile is { Length: > 0 } || settings.SslCertificate is { Length: > 0 };
        if (settings.Password is not { Length: > 0 } password)
        {
            if (!byFile) throw new StartRefused($"ConnectionStrings:{name} 没有密码。");
        }
        else if (password.Length < 12 || password == settings.Username || password.Distinct().Count() < 6)
        {
            throw new StartRefused($"ConnectionStrings:{name} 的密码过弱或为默认密码，应为至少 12 位的随机密码。");
        }

        return settings;
    }

    private static NpgsqlDataSource Open(IConfiguration configuration, string name, DatabaseLimits limits)
    {
        var settings = Parse(name, configuration.GetConnectionString(name));
        settings.ApplicationName = $"backend-{name.ToLowerInvariant()}";
        if (settings.MaxAutoPrepare == 0) settings.MaxAutoPrepare = 100;
        limits.ApplyTo(settings);
        return new NpgsqlDataSourceBuilder(settings.ConnectionString).Build();
    }
}

/// <summary>Builds contexts: of the request (app role, the caller's scope) and of background work (worker role, its own policies).</summary>
internal sealed class BackendDbFactory(
    WorkerDataSource worker, OutboxCatalogue outbox, OutboxSignal signal, CommittedWallVersions committed, TimeProvider clock, ILoggerFactory loggers)
{
    private static readonly FixedScope Worker = new(Scope.Nobody);

    // Built once a data source: building them costs a request more than all else that a context does before its first command.
    private readonly ConcurrentDictionary<NpgsqlDataSource, DbContextOptions<BackendDb>> _options = new();

    /// <summary>A context for background work. Dispose it.</summary>
    public BackendDb ForWorker() => Build(worker.Source, Worker);

    public BackendDb Build(NpgsqlDataSource source, IScopeSource scope) =>
        new(_options.GetOrAdd(source, s => Options(s, loggers)), scope, outbox, signal, committed, clock);

    public static DbContextOptions<BackendDb> Options(NpgsqlDataSource source, ILoggerFactory? loggers = null) =>
        new DbContextOptionsBuilder<BackendDb>()
            .UseNpgsql(source)
            .UseSnakeCaseNamingConvention()
            .UseLoggerFactory(loggers)
            .AddInterceptors(ScopeGuard.Instance)
            .Options;
}
