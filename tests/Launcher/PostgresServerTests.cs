using Backend.Tests.Support;
using Local;
using Npgsql;

namespace Backend.Tests.Launcher;

public sealed class PostgresServerTests(DurableCluster durable, MigratedDatabase migrated) : IClassFixture<DurableCluster>, IClassFixture<MigratedDatabase>
{
    [Fact]
    public async Task BR07_a_test_class_has_a_migrated_database_of_its_own_and_reaches_it_as_every_role()
    {
        var database = migrated.Database;
        foreach (var (connectionString, role) in ((string, string)[])
            [(database.App, "backend_app"), (database.Worker, "backend_worker"), (database.Owner, "backend_owner"), (database.Backup, "backend_backup")])
        {
            await using var connection = new NpgsqlConnection(connectionString);
            await connection.OpenAsync();
            await using var command = new NpgsqlCommand("select current_user || '@' || current_database()", connection);
            Assert.Equal($"{role}@{database.Name}", await command.ExecuteScalarAsync());
        }
        Assert.True(await database.ScalarAsync<long>("select count(*) from pg_tables where schemaname = 'public'") > 10);
        Assert.Equal("C UTF8", await database.ScalarAsync<string>(
            "select datcollate || ' ' || pg_encoding_to_char(encoding) from pg_database where datname = current_database()"));
    }

    [Fact]
    public async Task AZ05_no_login_role_but_the_superuser_of_the_private_cluster_may_do_everything()
    {
        await using var connection = new NpgsqlConnection(migrated.Database.Superuser);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            "select rolname || case when rolsuper then ' super' else '' end || case when rolbypassrls then ' bypassrls' else '' end "
            + "from pg_roles where rolcanlogin order by rolname", connection);
        await using var reader = await command.ExecuteReaderAsync();
        var roles = new List<string>();
        while (await reader.ReadAsync()) roles.Add(reader.GetString(0));
        Assert.Equal(["backend_app", "backend_backup bypassrls", "backend_owner", "backend_worker", "postgres super bypassrls"], roles);
    }

    [Fact]
    public async Task RL01_what_was_committed_survives_a_stop_and_a_kill_of_the_server()
    {
        var server = durable.Cluster.Server;
        var port = server.Port;
        await durable.Cluster.ExecuteAsync("postgres", "create table survivors (id int primary key)", "insert into survivors values (1)");

        await server.StopAsync();
        await server.StartAgainAsync(CancellationToken.None);
        await durable.Cluster.ExecuteAsync("postgres", "insert into survivors values (2)");
        await server.KillAsync();
        await server.StartAgainAsync(CancellationToken.None);

        Assert.Equal(port, server.Port);
        await using var connection = new NpgsqlConnection(server.SuperuserConnectionString());
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("select sum(id) from survivors", connection);
        Assert.Equal(3L, await command.ExecuteScalarAsync());
        await using var settings = new NpgsqlCommand("select current_setting('fsync') || current_setting('synchronous_commit')", connection);
        Assert.Equal("onon", await settings.ExecuteScalarAsync());
    }

    [Fact]
    public async Task Only_this_machine_and_only_with_the_password()
    {
        var server = (await PostgresFixture.ClusterAsync()).Server;
        await using var connection = new NpgsqlConnection(server.SuperuserConnectionString());
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("select current_setting('listen_addresses') || '|' || current_setting('unix_socket_directories')", connection);
        Assert.Equal("127.0.0.1|", await command.ExecuteScalarAsync());

        await using var stranger = new NpgsqlConnection(server.ConnectionString(PostgresServer.Superuser, "guessed", "postgres", pooled: false));
        var refused = await Assert.ThrowsAsync<PostgresException>(() => stranger.OpenAsync());
        Assert.Equal(PostgresErrorCodes.InvalidPassword, refused.SqlState);
    }

    [Fact]
    public async Task A_server_that_a_killed_run_left_behind_is_taken_over_and_its_data_kept()
    {
        using var home = await TemporaryHome.CreateAsync();
        var left = await PostgresServer.StartAsync(home.Options, CancellationToken.None);
        var process = left.ProcessId;
        await ExecuteAsync(left, "create table kept (id int)");

        await using var next = await PostgresServer.StartAsync(home.Options, CancellationToken.None);

        Assert.False(next.IsNew);
        Assert.NotEqual(process, next.ProcessId);
        await left.Ended.WaitAsync(TimeSpan.FromSeconds(5));
        await ExecuteAsync(next, "insert into kept values (1)");
    }

    [Fact]
    public async Task A_stale_pid_file_whose_number_another_process_has_now_is_no_obstacle()
    {
        using var home = await TemporaryHome.CreateAsync();
        var first = await PostgresServer.StartAsync(home.Options, CancellationToken.None);
        await first.StopAsync();
        await File.WriteAllTextAsync(Path.Combine(home.Options.Home.Data, "postmaster.pid"), $"{Environment.ProcessId}\n{home.Options.Home.Data}\n");

        await using var next = await PostgresServer.StartAsync(home.Options, CancellationToken.None);

        await ExecuteAsync(next, "select 1");
    }

    [Fact]
    public async Task A_cluster_of_another_major_version_is_refused_with_a_word_about_make_reset()
    {
        using var home = await TemporaryHome.CreateAsync();
        Directory.CreateDirectory(home.Options.Home.Data);
        await File.WriteAllTextAsync(Path.Combine(home.Options.Home.Data, "PG_VERSION"), "12\n");

        var refusal = await Assert.ThrowsAsync<Refusal>(() => PostgresServer.StartAsync(home.Options, CancellationToken.None));

        Assert.Contains("PostgreSQL 12", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("make reset", refusal.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(home.Options.Home.Data, "PG_VERSION")));
    }

    [Fact]
    public async Task A_start_that_was_cut_off_while_it_made_the_cluster_makes_it_anew()
    {
        using var home = await TemporaryHome.CreateAsync();
        Directory.CreateDirectory(home.Options.Home.Data + ".new/base");

        await using var server = await PostgresServer.StartAsync(home.Options, CancellationToken.None);

        Assert.True(server.IsNew);
        await ExecuteAsync(server, "select 1");
    }

    [Fact]
    public async Task Two_clones_have_two_clusters()
    {
        using var clones = new TemporaryFolder();
        var homes = new List<ClusterHome>();
        foreach (var name in (string[])["one", "two"])
        {
            var local = Path.Combine(clones.Path, name);
            Directory.CreateDirectory(local);
            homes.Add(await ClusterHome.ForCloneAsync(local, CancellationToken.None));
            // Asked again, the same clone gets the same place.
            Assert.Equal(homes[^1].Folder, (await ClusterHome.ForCloneAsync(local, CancellationToken.None)).Folder);
        }
        try
        {
            await using var one = await PostgresServer.StartAsync(new PostgresOptions(homes[0], "one") { Fsync = false }, CancellationToken.None);
            await using var two = await PostgresServer.StartAsync(new PostgresOptions(homes[1], "two") { Fsync = false }, CancellationToken.None);
            Assert.NotEqual(one.Port, two.Port);
            await ExecuteAsync(one, "create database only_in_one");
            await using var connection = new NpgsqlConnection(two.SuperuserConnectionString("only_in_one"));
            Assert.Equal(PostgresErrorCodes.InvalidCatalogName, (await Assert.ThrowsAsync<PostgresException>(() => connection.OpenAsync())).SqlState);
        }
        finally
        {
            homes.ForEach(home => home.Delete());
        }
    }

    [Fact]
    public async Task The_files_of_a_cluster_are_for_its_user_alone()
    {
        using var home = await TemporaryHome.CreateAsync();
        await using var server = await PostgresServer.StartAsync(home.Options, CancellationToken.None);
        const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
            | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(home.Options.Home.Folder) & Others);
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(home.Options.Home.Data) & Others);
        Assert.False(File.Exists(Path.Combine(home.Options.Home.Folder, "password")));
    }

    private static async Task ExecuteAsync(PostgresServer server, string sql)
    {
        await using var connection = new NpgsqlConnection(server.SuperuserConnectionString());
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private sealed record TemporaryHome(PostgresOptions Options) : IDisposable
    {
        public static async Task<TemporaryHome> CreateAsync() =>
            new(new PostgresOptions(await ClusterHome.TemporaryAsync("tests", CancellationToken.None), "secret") { Fsync = false });

        public void Dispose() => Options.Home.Delete();
    }
}
