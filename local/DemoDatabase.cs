using Backend.Platform.Persistence;
using Local.Demo;
using Npgsql;

namespace Local;

/// <summary>The database <c>backend</c> of the private cluster: roles, schema and the demo district.</summary>
internal sealed class DemoDatabase(PostgresServer postgres, Secrets secrets)
{
    private const string Name = "backend";

    private static string Stamp => Path.Combine(LocalFolder.Root, "migrated-by");

    /// <summary>Does nothing when this very build of the api has migrated this database before: asking EF takes seconds, and a second start is to be quick.</summary>
    public async Task MigrateAsync(CancellationToken cancellation)
    {
        var build = typeof(Migrator).Module.ModuleVersionId.ToString();
        var isNew = await RolesScript.RunAsync(postgres.SuperuserConnectionString(), secrets, Name, cancellation);
        if (!isNew && File.Exists(Stamp) && await File.ReadAllTextAsync(Stamp, cancellation) == build) return;
        File.Delete(Stamp);
        try
        {
            await Migrator.MigrateAsync(postgres.ConnectionString("backend_owner", secrets.OwnerPassword, Name, pooled: false), cancellation);
        }
        catch (PostgresException mismatch)
        {
            // Data of another branch or of an unreleased migration that has changed since.
            throw new Refusal($"已有的演示数据与这份代码不符，迁移失败：{mismatch.MessageText}\n请执行 make reset，然后重新 make run。");
        }
        await File.WriteAllTextAsync(Stamp, build, cancellation);
    }

    public async Task<bool> IsEmptyAsync(CancellationToken cancellation)
    {
        await using var connection = new NpgsqlConnection(postgres.SuperuserConnectionString(Name));
        await connection.OpenAsync(cancellation);
        await using var command = new NpgsqlCommand("select not exists(select from households)", connection);
        return await command.ExecuteScalarAsync(cancellation) is true;
    }

    /// <summary>As the superuser: COPY is refused into tables under forced row level security (design.md section 4).</summary>
    public async Task LoadAsync(DateOnly asOf, CancellationToken cancellation)
    {
        await DemoLoader.LoadAsync(postgres.SuperuserConnectionString(Name), secrets.Vault, asOf, cancellation);
        // Fresh statistics at once; and the first stop need not write the load out.
        await using var connection = new NpgsqlConnection(postgres.SuperuserConnectionString(Name));
        await connection.OpenAsync(cancellation);
        foreach (var statement in (string[])["vacuum (analyze)", "checkpoint"])
        {
            await using var command = new NpgsqlCommand(statement, connection);
            await command.ExecuteNonQueryAsync(cancellation);
        }
    }

    public Dictionary<string, string?> Settings()
    {
        var settings = secrets.Settings(
            postgres.ConnectionString("backend_app", secrets.AppPassword, Name),
            postgres.ConnectionString("backend_worker", secrets.WorkerPassword, Name));
        settings["Files:Folder"] = LocalFolder.Photos;
        settings["Audit:Sink"] = LocalFolder.AuditSink;
        return settings;
    }
}
