using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Npgsql;

namespace Backend.Platform;

/// <summary><c>/health/live</c> asks nothing of anybody; <c>/health/ready</c> asks the database, at most once a second, and reveals nothing (RL23).</summary>
internal static class Health
{
    public static void MapHealth(this WebApplication app)
    {
        var why = new UnguardedAttribute("probes of the platform");
        app.MapGet("/health/live", () => Results.Text("ok")).WithName("live").WithMetadata(why).ExcludeFromDescription().DisableRateLimiting();
        app.MapGet("/health/ready", async (Readiness readiness, CancellationToken cancellation) =>
                await readiness.IsReadyAsync(cancellation) ? Results.Text("ok") : Results.Text("not ready", statusCode: 503))
            .WithName("ready").WithMetadata(why).ExcludeFromDescription().DisableRateLimiting();
    }
}

internal sealed class Readiness(AppDataSource source, TimeProvider clock)
{
    private static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(1);
    private (long At, bool Ready)? _last;

    public async Task<bool> IsReadyAsync(CancellationToken cancellation)
    {
        if (_last is { } last && clock.GetElapsedTime(last.At) < MaxAge) return last.Ready;
        bool ready;
        try
        {
            await using var command = source.Source.CreateCommand("select 1");
            command.CommandTimeout = 2;
            await command.ExecuteScalarAsync(cancellation);
            ready = true;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            ready = false;
        }

        _last = (clock.GetTimestamp(), ready);
        return ready;
    }
}

/// <summary>The service refuses to start where the second wall is not standing (AZ05) or keys are missing, and says why.</summary>
internal sealed class StartupChecks(AppDataSource app, WorkerDataSource worker, Vault vault, Tokens tokens, ILogger<StartupChecks> log) : IHostedService
{
    private const string Check = """
        select r.rolname, r.rolsuper, r.rolbypassrls,
            (select count(*) from pg_tables t where t.schemaname = 'public' and t.tableowner = current_user),
            (select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = 'public' and c.relkind = 'r' and c.relrowsecurity and not c.relforcerowsecurity),
            (select count(*) from pg_class c where c.relname = 'households' and c.relforcerowsecurity)
        from pg_roles r where r.rolname = current_user
        """;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        // Building them read the keys: a missing or weak one has thrown by now.
        ArgumentNullException.ThrowIfNull(vault);
        ArgumentNullException.ThrowIfNull(tokens);
        foreach (var source in (NpgsqlDataSource[])[app.Source, worker.Source])
        {
            await using var command = source.CreateCommand(Check);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            await reader.ReadAsync(cancellationToken);
            var role = reader.GetString(0);
            if (reader.GetBoolean(1) || reader.GetBoolean(2)) throw new InvalidOperationException($"拒绝启动：数据库角色 {role} 可绕过行级安全 (AZ05)。");
            if (reader.GetInt64(3) > 0) throw new InvalidOperationException($"拒绝启动：数据库角色 {role} 拥有数据表 (AZ05)。");
            if (reader.GetInt64(4) > 0 || reader.GetInt64(5) == 0) throw new InvalidOperationException("拒绝启动：行级安全未强制启用，请先执行 admin migrate (AZ05)。");
        }

        log.LogInformation("Row level security is forced; the roles cannot pass it.");
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
