using System.Globalization;
using System.Text.RegularExpressions;
using Backend.Platform.Audit;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Backend.Platform;

/// <summary>A start that must not happen, with its reason for the operator in Chinese. Names settings, never their values (RL23).</summary>
internal sealed class StartRefused(string reason, Exception? inner = null) : InvalidOperationException($"拒绝启动：{reason}", inner)
{
    public string Reason => reason;
}

/// <summary>
/// The service refuses to start where the second wall is not standing (AZ05), where keys or passwords are missing or weak, where personal data would
/// travel in the clear (BR04), over another schema than its own, or where the audit chain could not go on (AU03); and says why (RL23).
/// </summary>
internal sealed class StartupChecks(
    IServiceProvider services, IConfiguration configuration, IHostEnvironment environment, ILogger<StartupChecks> log)
{
    private const string Check = """
        select r.rolname, r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolcreatedb or r.rolreplication or exists (select from pg_auth_members m where m.member = r.oid),
            (select count(*) from pg_shdepend d where d.refclassid = 'pg_authid'::regclass and d.refobjid = r.oid and d.deptype = 'o'),
            (select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = 'public' and c.relkind = 'r' and c.relrowsecurity and not c.relforcerowsecurity),
            (select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = 'public' and c.relname = 'households' and c.relrowsecurity and c.relforcerowsecurity)
        from pg_roles r where r.rolname = current_user;
        select c.relname || '.' || a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'public' and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
        """;

    public async Task RunAsync(CancellationToken cancellation)
    {
        if (Refusals().FirstOrDefault() is { } refusal) throw refusal;

        var (appSource, workerSource) = (services.GetRequiredService<AppDataSource>().Source, services.GetRequiredService<WorkerDataSource>().Source);
        var app = await CheckDatabaseAsync("App", appSource, cancellation);
        var worker = await CheckDatabaseAsync("Worker", workerSource, cancellation);
        if (app == worker) throw SameRole(app);
        await AuditSealer.CheckServerAsync(workerSource, cancellation);
        log.LogInformation("Row level security is forced; the roles own nothing and cannot pass it.");
        await WarmAsync(appSource, cancellation);
        await WarmAsync(workerSource, cancellation);
    }

    /// <summary>What the configuration itself is refused for, before anybody else is asked: the first is what a start says, all of them what <c>admin check-config</c> does.</summary>
    public IEnumerable<StartRefused> Refusals()
    {
        // Making them reads the keys.
        Action[] checks =
        [
            CheckPlatform, CheckOptions, () => CheckConnection("App"), () => CheckConnection("Worker"), () => CheckConnection("Direct"), CheckRoles,
            () => CheckAddress("WeChat:BaseAddress"), () => CheckAddress("Oidc:Authority"), () => CheckAddress("Oidc:RedirectAddress"), CheckFolder, () => Proxies.Of(configuration),
            () => services.GetRequiredService<Vault>(), () => services.GetRequiredService<Tokens>(), () => services.GetRequiredService<AuditKeys>(), () => services.GetRequiredService<AuditSink>(),
            () => services.GetRequiredService<StrictLimits>(),
        ];
        foreach (var check in checks)
        {
            StartRefused? refusal = null;
            try
            {
                check();
            }
            catch (StartRefused e)
            {
                refusal = e;
            }
            catch (InvalidOperationException e) when (Misread(e) is { } setting)
            {
                refusal = new StartRefused($"{setting} 格式有误。");
            }

            if (refusal is not null) yield return refusal;
        }
    }

    /// <summary>The setting that the framework could not read; its own words would quote the value.</summary>
    private static string? Misread(Exception e) =>
        MisreadAt.Match(e.Message) is { Success: true } match ? match.Groups[1].Value : null;

    private static readonly Regex MisreadAt = new("^Failed to convert configuration value .* at '([^']+)' to type", RegexOptions.NonBacktracking);

    private static StartRefused SameRole(string role) =>
        new($"ConnectionStrings:App 与 ConnectionStrings:Worker 使用了同一数据库角色 {role}，应分别为 backend_app 与 backend_worker。");

    /// <summary>Before the host starts, which would log the stack trace of what it fails on.</summary>
    private void CheckOptions()
    {
        try
        {
            services.GetService<IStartupValidator>()?.Validate();
        }
        catch (Exception e) when (e is OptionsValidationException or AggregateException)
        {
            throw new StartRefused(e is AggregateException several ? string.Join(" ", several.InnerExceptions.Select(i => i.Message)) : e.Message);
        }
    }

    /// <summary>A developer's machine, the tests and the benchmarks: everything on loopback, without certificates.</summary>
    private bool IsTrial => environment.EnvironmentName is "Local" or "Test" or "Bench";

    /// <summary>An image without time zones or ICU would shift every day and garble every order (BR03).</summary>
    private static void CheckPlatform()
    {
        try
        {
            var noon = new DateTimeOffset(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
            if (TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai").GetUtcOffset(noon) != TimeSpan.FromHours(8)) throw new TimeZoneNotFoundException();
        }
        catch (Exception e) when (e is TimeZoneNotFoundException or InvalidTimeZoneException)
        {
            throw new StartRefused("系统缺少时区数据（tzdata），无法得到 Asia/Shanghai。", e);
        }

        try
        {
            // By sound bo comes before zhang; by code point it does not.
            if (CultureInfo.GetCultureInfo("zh-CN").CompareInfo.Compare("波", "张") >= 0) throw new CultureNotFoundException();
        }
        catch (CultureNotFoundException e)
        {
            throw new StartRefused("系统缺少 ICU，或设置了 DOTNET_SYSTEM_GLOBALIZATION_INVARIANT，中文无法按拼音排序。", e);
        }
    }

    /// <summary>Well formed, with a password worth the name, and TLS with the certificate checked (BR04). A Unix socket leaves no machine.</summary>
    private void CheckConnection(string name)
    {
        if (name == "Direct" && configuration.GetConnectionString(name) is null) return;
        var settings = PersistenceRegistration.Parse(name, configuration.GetConnectionString(name));
        if (!IsTrial && settings.SslMode != SslMode.VerifyFull && settings.Host?.StartsWith('/') != true)
            throw new StartRefused($"ConnectionStrings:{name} 应为 SSL Mode=VerifyFull，使数据库连接加密并核对证书 (BR04)。");
    }

    private void CheckRoles()
    {
        string? RoleOf(string name) => PersistenceRegistration.Parse(name, configuration.GetConnectionString(name)).Username;
        if (RoleOf("App") is { Length: > 0 } role && role == RoleOf("Worker")) throw SameRole(role);
    }

    /// <summary>WeChat and the identity provider too are reached by TLS, and the browser comes back by it (BR04).</summary>
    private void CheckAddress(string setting)
    {
        if (!IsTrial && configuration[setting] is { Length: > 0 } address && !address.StartsWith("https://", StringComparison.OrdinalIgnoreCase))
            throw new StartRefused($"{setting} 应为 https 地址 (BR04)。");
    }

    private void CheckFolder()
    {
        if (configuration["Files:Folder"] is { Length: > 0 } folder && !Directory.Exists(folder)) throw new StartRefused($"Files:Folder 指向的文件夹 {folder} 不存在。");
    }

    /// <summary>
    /// Connections in the pool before anybody comes. Opened by all background services and the first requests at once, in a process that has just
    /// started, they would exceed the limit of a connect (<see cref="DatabaseLimits"/>), which is for one that runs. Fewer are no reason not to start.
    /// </summary>
    private static async Task WarmAsync(NpgsqlDataSource source, CancellationToken cancellation)
    {
        var kept = new NpgsqlConnectionStringBuilder(source.ConnectionString).MinPoolSize;
        var open = new List<NpgsqlConnection>();
        try
        {
            while (open.Count < kept) open.Add(await source.OpenConnectionAsync(cancellation));
        }
        catch (NpgsqlException)
        {
            // The server has no more to give at this moment; whoever needs one asks for herself.
        }
        finally
        {
            foreach (var connection in open) await connection.DisposeAsync();
        }
    }

    private async Task<string> CheckDatabaseAsync(string name, NpgsqlDataSource source, CancellationToken cancellation)
    {
        try
        {
            await using var command = source.CreateCommand(Check);
            // A cold server may take its time once.
            command.CommandTimeout = 30;
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            await reader.ReadAsync(cancellation);
            var role = reader.GetString(0);
            if (reader.GetBoolean(1)) throw new StartRefused($"ConnectionStrings:{name} 的数据库角色 {role} 权限过大：可绕过行级安全、可建角色或数据库，或是其他角色的成员 (AZ05)。");
            if (reader.GetInt64(2) > 0) throw new StartRefused($"ConnectionStrings:{name} 的数据库角色 {role} 拥有数据库对象，应一无所有 (AZ05)。");
            var unforced = reader.GetInt64(3) > 0 || reader.GetInt64(4) == 0;

            await reader.NextResultAsync(cancellation);
            var columns = new HashSet<string>(StringComparer.Ordinal);
            while (await reader.ReadAsync(cancellation)) columns.Add(reader.GetString(0));
            // A newer schema is welcome: the old version serves on while the new one is rolled out (RL20).
            var missing = Columns().Where(c => !columns.Contains(c)).Take(3).ToList();
            if (missing.Count > 0) throw new StartRefused($"数据库结构与本版本不符，缺少 {string.Join("、", missing)} 等，请先执行 admin migrate。");
            if (unforced) throw new StartRefused("行级安全未强制启用，请先执行 admin migrate (AZ05)。");
            return role;
        }
        catch (NpgsqlException e)
        {
            throw new StartRefused($"ConnectionStrings:{name} 无法连接数据库（{(e as PostgresException)?.SqlState ?? e.InnerException?.GetType().Name ?? "NpgsqlException"}）。", e);
        }
    }

    /// <summary>Every column that this version's model names.</summary>
    private List<string> Columns()
    {
        using var db = services.GetRequiredService<BackendDbFactory>().ForWorker();
        return [.. db.Model.GetRelationalModel().Tables.SelectMany(t => t.Columns.Select(c => $"{t.Name}.{c.Name}"))];
    }
}

internal static class RefusableStart
{
    /// <summary>Runs until it is stopped. A refused start ends with 1 and one line that an operator understands, not with a stack trace.</summary>
    public static async Task<int> RunOrRefuseAsync(this WebApplication app)
    {
        try
        {
            await app.Services.GetRequiredService<StartupChecks>().RunAsync(CancellationToken.None);
            await app.RunAsync();
            return 0;
        }
        catch (StartRefused e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 1;
        }
    }
}
