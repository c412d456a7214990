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
        services.AddSingleton(_ => new AppDataSource(Open(configuration, "App")));
        services.AddSingleton(_ => new WorkerDataSource(Open(configuration, "Worker")));
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

    private static NpgsqlDataSource Open(IConfiguration configuration, string name)
    {
        var connectionString = configuration.GetConnectionString(name)
            ?? throw new InvalidOperationException($"ConnectionStrings:{name} is missing.");
        var settings = new NpgsqlConnectionStringBuilder(connectionString) { ApplicationName = $"backend-{name.ToLowerInvariant()}" };
        // Never "No Reset On Close": the next user would keep the last one's scope (AZ06).
        if (settings.NoResetOnClose) throw new InvalidOperationException($"ConnectionStrings:{name}: 'No Reset On Close' is not allowed (AZ06).");
        if (settings.MaxAutoPrepare == 0) settings.MaxAutoPrepare = 100;
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
