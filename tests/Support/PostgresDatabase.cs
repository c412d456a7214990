using Npgsql;

namespace Backend.Tests.Support;

/// <summary>One database of a test class, with the connection strings of each role.</summary>
internal sealed class PostgresDatabase(PostgresCluster cluster, string name) : IAsyncDisposable
{
    public PostgresCluster Cluster { get; } = cluster;

    public string Name { get; } = name;

    public string App => As("backend_app", PostgresFixture.Secrets.AppPassword);

    public string Worker => As("backend_worker", PostgresFixture.Secrets.WorkerPassword);

    public string Owner => As("backend_owner", PostgresFixture.Secrets.OwnerPassword);

    public string Backup => As("backend_backup", PostgresFixture.Secrets.BackupPassword);

    /// <summary>Sees through row level security: for arranging and asserting only.</summary>
    public string Superuser => Cluster.Server.ConnectionString(Local.PostgresServer.Superuser, PostgresFixture.Secrets.SuperuserPassword, Name);

    /// <summary>
    /// The api's settings for this database; WeChat's addresses are the caller's to add. The tests share two cores, so the waits are long: no test
    /// but those about the limits themselves shall fail by one.
    /// </summary>
    public Dictionary<string, string?> Settings() => PostgresFixture.Secrets.Settings($"{App};{Patient}", $"{Worker};{Patient}");

    /// <summary>Only its connections, with the api's own time limits (RL14, RL18), through a proxy where a port is given.</summary>
    public Dictionary<string, string?> StrictConnections(int? appPort = null, int? workerPort = null) => new()
    {
        ["ConnectionStrings:App"] = Through(App, appPort),
        ["ConnectionStrings:Worker"] = Through(Worker, workerPort),
    };

    private const string Patient = "Timeout=15;Command Timeout=30";

    private static string Through(string connectionString, int? port) => port is null ? connectionString : $"{connectionString};Port={port}";

    /// <summary>One value as the superuser, for assertions.</summary>
    public async Task<T?> ScalarAsync<T>(string sql, params object[] parameters)
    {
        await using var connection = new NpgsqlConnection(Superuser);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var parameter in parameters) command.Parameters.Add(new NpgsqlParameter { Value = parameter });
        return await command.ExecuteScalarAsync() is var value and not (null or DBNull) ? (T)value : default;
    }

    /// <summary>One statement as the superuser; how many rows it touched.</summary>
    public async Task<int> ExecuteAsync(string sql, params object[] parameters)
    {
        await using var connection = new NpgsqlConnection(Superuser);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var parameter in parameters) command.Parameters.Add(new NpgsqlParameter { Value = parameter });
        return await command.ExecuteNonQueryAsync();
    }

    /// <summary>One statement as the app, under the scope of an account and undone afterwards: the SQLSTATE by which the database refused it, or null.</summary>
    public async Task<string?> RefusedAsync(Guid account, string reach, string sql, params object[] parameters)
    {
        await using var connection = new NpgsqlConnection(App);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using (var scope = new NpgsqlCommand("select set_config('app.account', $1, true), set_config('app.reach', $2, true), set_config('app.homes', '', true)", connection, transaction))
        {
            scope.Parameters.Add(new NpgsqlParameter { Value = account.ToString() });
            scope.Parameters.Add(new NpgsqlParameter { Value = reach });
            await scope.ExecuteNonQueryAsync();
        }

        await using var command = new NpgsqlCommand(sql, connection, transaction);
        foreach (var parameter in parameters) command.Parameters.Add(new NpgsqlParameter { Value = parameter });
        try
        {
            await command.ExecuteNonQueryAsync();
            return null;
        }
        catch (PostgresException refused)
        {
            return refused.SqlState;
        }
    }

    /// <summary>After the server was killed: this process's own pools hold dead connections.</summary>
    public void ForgetConnections()
    {
        foreach (var connectionString in (string[])[App, Worker, Owner, Backup, Superuser])
        {
            using var connection = new NpgsqlConnection(connectionString);
            NpgsqlConnection.ClearPool(connection);
        }
    }

    public async ValueTask DisposeAsync()
    {
        ForgetConnections();
        await Cluster.DropAsync(Name);
    }

    private string As(string role, string password) => Cluster.Server.ConnectionString(role, password, Name);
}

/// <summary>Class fixture: an empty migrated database of the class's own, <c>IClassFixture&lt;MigratedDatabase&gt;</c>.</summary>
public sealed class MigratedDatabase : PostgresClassFixture
{
    private protected override string Template => PostgresFixture.Migrated;
}

/// <summary>Class fixture: a copy of the demo district of the class's own, <c>IClassFixture&lt;DemoDatabase&gt;</c>.</summary>
public sealed class DemoDatabase : PostgresClassFixture
{
    private protected override string Template => PostgresFixture.Demo;
}

public abstract class PostgresClassFixture : IAsyncLifetime
{
    private PostgresDatabase? _database;

    private protected abstract string Template { get; }

    internal PostgresDatabase Database => _database ?? throw new InvalidOperationException("The fixture has not started.");

    public async Task InitializeAsync() => _database = await (await PostgresFixture.ClusterAsync()).CreateAsync(Template);

    public async Task DisposeAsync()
    {
        if (_database is not null) await _database.DisposeAsync();
    }
}

/// <summary>Class fixture for tests that kill: a cluster of its own with fsync, <c>IClassFixture&lt;DurableCluster&gt;</c>.</summary>
public sealed class DurableCluster : IAsyncLifetime
{
    private PostgresCluster? _cluster;

    internal PostgresCluster Cluster => _cluster ?? throw new InvalidOperationException("The fixture has not started.");

    public async Task InitializeAsync() => _cluster = await PostgresCluster.StartAsync(durable: true, CancellationToken.None);

    public async Task DisposeAsync()
    {
        if (_cluster is not null) await _cluster.DisposeAsync();
    }
}
