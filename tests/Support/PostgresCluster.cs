using Backend.Platform.Persistence;
using Local;
using Local.Demo;
using Npgsql;

namespace Backend.Tests.Support;

/// <summary>A PostgreSQL of the tests with its templates. Databases are copies of a template.</summary>
internal sealed class PostgresCluster : IAsyncDisposable
{
    private readonly ClusterHome _home;
    private readonly Lazy<Task> _migrated;
    private readonly Lazy<Task> _demo;
    // Two to four copies at a time are the fastest (docs of the kernel, section 8).
    private readonly SemaphoreSlim _copies = new(3);
    private int _number;

    private PostgresCluster(ClusterHome home, PostgresServer server)
    {
        _home = home;
        Server = server;
        _migrated = new(MakeMigratedAsync);
        _demo = new(MakeDemoAsync);
    }

    public PostgresServer Server { get; }

    /// <param name="durable">With fsync, for tests that kill something; the others go without.</param>
    /// <param name="cancellation">Ends the start.</param>
    /// <param name="prepare">Puts files into its folder and gives settings that name them.</param>
    public static async Task<PostgresCluster> StartAsync(
        bool durable, CancellationToken cancellation, Func<ClusterHome, Task<IReadOnlyList<string>>>? prepare = null)
    {
        var home = await ClusterHome.TemporaryAsync("tests", cancellation);
        try
        {
            var settings = prepare is null ? [] : await prepare(home);
            var server = await PostgresServer.StartAsync(
                new PostgresOptions(home, PostgresFixture.Secrets.SuperuserPassword) { Fsync = durable, Settings = settings }, cancellation);
            return new PostgresCluster(home, server);
        }
        catch
        {
            home.Delete();
            throw;
        }
    }

    /// <summary>A fresh copy of a template: <see cref="PostgresFixture.Migrated"/> or <see cref="PostgresFixture.Demo"/>.</summary>
    public async Task<PostgresDatabase> CreateAsync(string template)
    {
        await (template == PostgresFixture.Demo ? _demo : _migrated).Value;
        var name = $"test_{Interlocked.Increment(ref _number)}";
        await _copies.WaitAsync();
        try
        {
            // Copying files is faster for the large template, writing the log for the small one: it spares the checkpoints.
            var strategy = template == PostgresFixture.Demo ? "file_copy" : "wal_log";
            await ExecuteAsync("postgres", $"create database {name} template {template} strategy {strategy} owner backend_owner");
        }
        finally
        {
            _copies.Release();
        }
        return new PostgresDatabase(this, name);
    }

    /// <summary>As an operator's first step leaves it: the roles, and a database without anything in it.</summary>
    public async Task<PostgresDatabase> CreateEmptyAsync()
    {
        // The roles belong to the whole cluster and come with the first template.
        await _migrated.Value;
        var name = $"test_{Interlocked.Increment(ref _number)}";
        await ExecuteAsync("postgres", $"create database {name} template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C' owner backend_owner");
        return new PostgresDatabase(this, name);
    }

    public Task DropAsync(string database) => ExecuteAsync("postgres", $"drop database if exists {database} with (force)");

    /// <summary>Runs statements one by one as the superuser.</summary>
    public async Task ExecuteAsync(string database, params string[] statements)
    {
        await using var connection = new NpgsqlConnection(Server.SuperuserConnectionString(database));
        await connection.OpenAsync();
        foreach (var statement in statements)
        {
            await using var command = new NpgsqlCommand(statement, connection) { CommandTimeout = 120 };
            await command.ExecuteNonQueryAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        _copies.Dispose();
        _home.Delete();
    }

    private async Task MakeMigratedAsync()
    {
        await RolesScript.RunAsync(Server.SuperuserConnectionString(), PostgresFixture.Secrets, PostgresFixture.Migrated, CancellationToken.None);
        await Migrator.MigrateAsync(
            Server.ConnectionString("backend_owner", PostgresFixture.Secrets.OwnerPassword, PostgresFixture.Migrated, pooled: false), CancellationToken.None);
        await SealAsync(PostgresFixture.Migrated);
    }

    private async Task MakeDemoAsync()
    {
        await _migrated.Value;
        await ExecuteAsync("postgres", $"create database {PostgresFixture.Demo} template {PostgresFixture.Migrated} owner backend_owner");
        await DemoLoader.LoadAsync(
            Server.SuperuserConnectionString(PostgresFixture.Demo), PostgresFixture.Secrets.Vault, PostgresFixture.DemoDay, CancellationToken.None);
        await SealAsync(PostgresFixture.Demo);
    }

    // A template is copied page by page and only while nobody is connected to it.
    private async Task SealAsync(string template)
    {
        await ExecuteAsync(template, "vacuum (full, analyze)", "checkpoint");
        await ExecuteAsync("postgres", $"alter database {template} with allow_connections false");
    }
}
