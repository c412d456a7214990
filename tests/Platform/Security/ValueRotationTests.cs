using System.Collections.Concurrent;
using System.Security.Cryptography;
using Backend.Domain.Grid;
using Backend.Domain.Privacy;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Tests.Features.Admin;
using Backend.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Backend.Tests.Platform.Security;

/// <summary>PD02, PD03: the keys under sealed values and blind indexes are changed while others write, ended in the middle, gone on with, and nothing is lost.</summary>
public sealed class ValueRotationTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private const int Homes = 40, RowsOfOthers = 25;

    /// <summary>What a change of keys must leave as it is: ETags, versions of the wall, whose rights have changed, the audit.</summary>
    private const string Untouched = """
        select (select sum(revision) from households) || ' ' || (select sum(version) from wall_roots) || ' ' || (select epoch from rights_epoch) || ' '
            || (select count(*) from rights_changes) || ' ' || (select count(*) from tile_changes) || ' ' || (select count(*) from audit_entries) || ' ' || (select count(*) from outbox_messages)
        """;

    private readonly VaultOptions _first = PostgresFixture.Secrets.Vault;
    private readonly ConcurrentDictionary<(string Field, Guid Id), string> _values = new();
    private Scene _scene = null!;

    private PostgresDatabase Database => fixture.Database;

    public async Task InitializeAsync()
    {
        using var vault = new Vault(_first);
        _scene = new Scene(vault).Person("员工", Role.Staff, "s.c");
        for (var i = 0; i < Homes; i++) _scene.Home("s.c.a.b.f1", $"{_scene.Top}-{i}", PostgresFixture.DemoDay);
        await _scene.SaveAsync(Database);
        foreach (var column in SealedColumn.All) await FillAsync(column, vault);
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task PD03_rotation_under_writes_is_ended_and_resumed_until_no_value_stands_under_the_old_key_and_none_is_lost()
    {
        // AES to SM4, the index key with it; then SM4 to another key of AES.
        var second = Next(_first, 2, "sm4", 16);
        await RotateAsync(_first, second);
        var third = Next(second, 3, "aes", 32);
        await RotateAsync(second, third);
    }

    [Fact]
    public async Task PD03_two_rotations_at_once_are_one()
    {
        using var vault = new Vault(_first);
        await using var source = NpgsqlDataSource.Create(Database.Owner);
        await new KeyRotation(source, vault, TimeProvider.System).RunAsync(_ => Assert.ThrowsAsync<RotationRuns>(
            () => new KeyRotation(source, vault, TimeProvider.System).RunAsync(_ => { }, default)).GetAwaiter().GetResult(), default);
    }

    [Fact]
    public async Task PD02_the_service_itself_may_not_do_it_and_the_command_can_for_every_sealed_column()
    {
        foreach (var column in SealedColumn.All)
        {
            foreach (var name in ((string?[])[column.Column, column.Index]).OfType<string>())
                foreach (var right in (string[])["select", "update"])
                    Assert.True(await Database.ScalarAsync<bool>($"select has_column_privilege('backend_definer', '{column.Table}', '{name}', '{right}')"), $"{column.Table}.{name} {right}: grant it in a migration, as in KeyRotations.sql");
            Assert.Equal(2L, await Database.ScalarAsync<long>($"select count(*) from pg_policies where tablename = '{column.Table}' and policyname in ('rotation_select', 'rotation_update')"));
        }

        Assert.False(await Database.ScalarAsync<bool>("select has_any_column_privilege('backend_worker', 'residents', 'select') or has_any_column_privilege('backend_worker', 'tier_changes', 'update') or has_any_column_privilege('backend_app', 'visits', 'update')"));
    }

    [Fact]
    public void PD02_every_blind_index_of_the_model_is_one_of_a_sealed_column()
    {
        using var source = new NpgsqlDataSourceBuilder(Database.Owner).Build();
        using var db = OwnerContext.Create(source);
        var indexes = db.Model.GetEntityTypes().SelectMany(e => e.GetProperties().Where(p => p.ClrType == typeof(byte[]) && p.GetColumnName().EndsWith("_index", StringComparison.Ordinal)).Select(p => $"{e.GetTableName()}.{p.GetColumnName()}"));
        Assert.Equal(indexes.Order(), SealedColumn.All.Where(c => c.Index is not null).Select(c => $"{c.Table}.{c.Index}").Order());
    }

    [Fact]
    public async Task PD03_sign_in_finds_an_identity_before_in_the_middle_and_after_a_change_of_the_index_key()
    {
        var second = Next(_first, 2, "sm4", 16);
        await using (var api = await Api.StartAsync(Database)) await api.SignInAsync(_scene.OpenIdOf("员工"));
        await using (var api = await Api.StartAsync(Database, Settings(second)))
        {
            await api.SignInAsync(_scene.OpenIdOf("员工"));
            Assert.Equal(0, await RunAsync(second));
            await api.SignInAsync(_scene.OpenIdOf("员工"));
        }

        // Neither former key is needed any more.
        var alone = Alone(second);
        await using (var api = await Api.StartAsync(Database, Settings(alone, without: 1))) await api.SignInAsync(_scene.OpenIdOf("员工"));
    }

    [Fact]
    public async Task PD03_the_command_changes_everything_says_so_and_is_done_at_once_the_second_time()
    {
        await using var database = await Database.Cluster.CreateAsync(PostgresFixture.Migrated);
        using var vault = new Vault(_first);
        var scene = new Scene(vault).Person("员工", Role.Staff, "s.c");
        scene.Home("s.c.a.b.f1", "1", PostgresFixture.DemoDay);
        await scene.SaveAsync(database);
        using var folder = new TemporaryFolder();
        var photo = Guid.CreateVersion7();
        var store = new Backend.Platform.Files.PhotoStore(folder.Path, vault, Microsoft.Extensions.Logging.Abstractions.NullLogger<Backend.Platform.Files.PhotoStore>.Instance);
        await store.WriteAsync(photo, "picture"u8.ToArray(), default);

        var second = Next(_first, 2, "sm4", 16);
        var settings = Settings(second);
        settings["ConnectionStrings:Owner"] = database.Owner;
        settings["Files:Folder"] = folder.Path;
        var (code, output, error) = await AdminRun.RunAsync(["rotate-keys", "--check"], settings);
        Assert.Equal((1, ""), (code, error));
        Assert.Contains("households.snapshot：已换 0 个，还剩 1 个", output, StringComparison.Ordinal);
        (code, output, error) = await AdminRun.RunAsync(["rotate-keys"], settings);
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("households.snapshot：已换 1 个，还剩 0 个", output, StringComparison.Ordinal);
        Assert.Contains("照片：已换 1 个，还剩 0 个", output, StringComparison.Ordinal);
        Assert.Contains("完成：所有值都在用密钥 2。", output, StringComparison.Ordinal);
        (code, _, _) = await AdminRun.RunAsync(["rotate-keys", "--check"], settings);
        Assert.Equal(0, code);
        (code, output, _) = await AdminRun.RunAsync(["rotate-keys"], settings);
        Assert.Equal(0, code);
        Assert.Contains("照片：已换 0 个，还剩 0 个", output, StringComparison.Ordinal);
        using var alone = new Vault(Alone(second));
        var moved = new Backend.Platform.Files.PhotoStore(folder.Path, alone, Microsoft.Extensions.Logging.Abstractions.NullLogger<Backend.Platform.Files.PhotoStore>.Instance);
        Assert.Equal("picture"u8.ToArray(), await moved.ReadAsync(photo, default));

        // A key that is gone too early: said, and nothing is lost.
        var third = Next(second, 3, "aes", 32);
        third.Keys.Remove(2);
        settings = Settings(third, without: 1);
        settings["ConnectionStrings:Owner"] = database.Owner;
        (code, _, error) = await AdminRun.RunAsync(["rotate-keys"], settings);
        Assert.Equal(2, code);
        Assert.Contains("不在 Vault:Keys 中", error, StringComparison.Ordinal);
        (code, _, error) = await AdminRun.RunAsync(["rotate-keys"], Settings(second));
        Assert.Equal((2, "无法轮换密钥：缺少 ConnectionStrings:Owner。\n"), (code, error));
    }

    /// <summary>One rotation under the writes of a replica that knows both keys, ended after a few batches again and again, once by cutting its connection.</summary>
    private async Task RotateAsync(VaultOptions from, VaultOptions to)
    {
        var before = await Database.ScalarAsync<string>(Untouched);
        using var vault = new Vault(to);
        using var stop = new CancellationTokenSource();
        var writers = Enumerable.Range(0, 3).Select(n => Task.Run(() => WriteAsync(vault, n, stop.Token))).ToList();
        await using var source = NpgsqlDataSource.Create(Database.Owner);
        var (ends, changed) = (0, 0L);
        while (true)
        {
            using var end = new CancellationTokenSource();
            var batches = 0;
            try
            {
                // Small batches, so that there are many ends to choose from. The end comes between two, or falls into the next one.
                await new KeyRotation(source, vault, TimeProvider.System, batch: 7).RunAsync(
                    _ =>
                    {
                        if (++batches != 5 || ends >= 20) return;
                        if (++ends % 3 == 0) Database.ExecuteAsync("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'backend_owner' and datname = current_database()").GetAwaiter().GetResult();
                        else end.Cancel();
                    }, end.Token);
                break;
            }
            catch (Exception e) when (e is OperationCanceledException or NpgsqlException or RotationRuns)
            {
                // What was changed before stays so: the next run goes on from there.
                var kept = await Database.ScalarAsync<decimal>("select sum(changed) from key_rotations where target like $1", $"{to.CurrentKey} %");
                Assert.True((long)kept >= changed);
                changed = (long)kept;
            }
        }

        await stop.CancelAsync();
        var writes = (await Task.WhenAll(writers)).Sum();
        Assert.Equal(20, ends);
        Assert.True(writes > 50, $"only {writes} writes");
        Assert.Equal(0, await RunAsync(to));

        // Without the former keys: everything opens, is what was written last, and is found by its index.
        using var alone = new Vault(Alone(to));
        foreach (var column in SealedColumn.All)
        {
            var found = await ReadAsync(column);
            Assert.True(found.Count >= 20, $"{column.Field}: {found.Count}");
            Assert.All(found, row =>
            {
                Assert.Equal(to.CurrentKey, Vault.KeyOf(row.Value));
                var plain = Convert.ToBase64String(alone.Open(column.Field, row.Id, new Sealed(row.Value)));
                Assert.Equal(_values[(column.Field, row.Id)], plain);
                if (row.Index is not null) Assert.Equal(alone.BlindIndex(column.IndexField!, System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(plain))), row.Index);
            });
        }

        Assert.Equal(before, await Database.ScalarAsync<string>(Untouched));
    }

    /// <summary>What a replica does meanwhile: a phone number with its index, a snapshot read, changed and written in one transaction, a new tag value.</summary>
    private async Task<int> WriteAsync(Vault vault, int writer, CancellationToken stop)
    {
        await using var connection = new NpgsqlConnection(Database.Superuser);
        await connection.OpenAsync(CancellationToken.None);
        var mine = _values.Keys.Where(k => k.Id.GetHashCode() % 3 == writer || -k.Id.GetHashCode() % 3 == writer).ToList();
        var (phones, snapshots) = (mine.Where(k => k.Field == SealedFields.ResidentPhone).ToList(), mine.Where(k => k.Field == SealedFields.FactsSnapshot).ToList());
        var writes = 0;
        for (; !stop.IsCancellationRequested; writes++)
        {
            if (writes % 2 == 0 || snapshots.Count == 0)
            {
                var (field, id) = phones[writes / 2 % phones.Count];
                var text = $"1001{writes:0000000}";
                await RunAsync("update residents set phone = $2, phone_index = $3 where id = $1", id, vault.Seal(field, id, text).Bytes, vault.BlindIndex(field, text));
                _values[(field, id)] = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(text));
            }
            else
            {
                var (field, id) = snapshots[writes / 2 % snapshots.Count];
                await using var transaction = await connection.BeginTransactionAsync(CancellationToken.None);
                await using var read = new NpgsqlCommand("select snapshot from households where id = $1 for update", connection, transaction) { Parameters = { new() { Value = id } } };
                var text = System.Text.Encoding.UTF8.GetString(vault.Open(field, id, new Sealed((byte[])(await read.ExecuteScalarAsync(CancellationToken.None))!))) + ".";
                await RunAsync("update households set snapshot = $2 where id = $1", id, vault.Seal(field, id, text).Bytes);
                await transaction.CommitAsync(CancellationToken.None);
                _values[(field, id)] = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(text));
            }
        }

        return writes;

        async Task RunAsync(string sql, params object[] values)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            foreach (var value in values) command.Parameters.Add(new NpgsqlParameter { Value = value });
            Assert.Equal(1, await command.ExecuteNonQueryAsync(CancellationToken.None));
        }
    }

    private async Task<long> RunAsync(VaultOptions to)
    {
        using var vault = new Vault(to);
        await using var source = NpgsqlDataSource.Create(Database.Owner);
        return await new KeyRotation(source, vault, TimeProvider.System).RunAsync(_ => { }, default);
    }

    /// <summary>At least so many values in every sealed column, whatever else their rows hold; all are kept in mind.</summary>
    private async Task FillAsync(SealedColumn column, Vault vault)
    {
        await Database.ExecuteAsync($"""
            do $$
            declare
                columns text;
                made text;
                rule name;
            begin
                -- The rows are for their sealed columns alone; the database is this class's own.
                for rule in select conname from pg_constraint where conrelid = '{column.Table}'::regclass and contype = 'c' loop
                    execute format('alter table {column.Table} drop constraint %I', rule);
                end loop;
                select string_agg(quote_ident(a.attname), ', '), string_agg(case format_type(a.atttypid, null)
                    when 'uuid' then 'gen_random_uuid()' when 'bytea' then 'sha256(gen_random_uuid()::text::bytea)' when 'timestamp with time zone' then 'now()' when 'date' then 'current_date'
                    when 'boolean' then 'false' when 'bytea[]' then 'array[sha256(''x'')]' when 'integer' then '0' when 'bigint' then '0' when 'smallint' then '0' when 'ltree' then '''x''::ltree' else 'gen_random_uuid()::text' end, ', ')
                into columns, made
                from pg_attribute a where a.attrelid = '{column.Table}'::regclass and a.attnum > 0 and not a.attisdropped and a.attnotnull;
                set local session_replication_role = replica;
                execute format('insert into {column.Table} (%s) select %s from generate_series(1, {RowsOfOthers} - (select count(*) from {column.Table}))', columns, made);
            end $$
            """);
        foreach (var row in await ReadAsync(column, all: true))
        {
            string text;
            try
            {
                text = vault.OpenText(column.Field, row.Id, new Sealed(row.Value));
            }
            catch (CryptographicException)
            {
                text = $"{column.Field} {row.Id}";
                await Database.ExecuteAsync($"update {column.Table} set {column.Column} = $2 where id = $1", row.Id, vault.Seal(column.Field, row.Id, text).Bytes);
            }

            if (column.Index is not null && text != "990113198001010011")
                await Database.ExecuteAsync($"update {column.Table} set {column.Index} = $2 where id = $1", row.Id, vault.BlindIndex(column.IndexField!, text));
            _values[(column.Field, row.Id)] = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(text));
        }
    }

    private async Task<List<(Guid Id, byte[] Value, byte[]? Index)>> ReadAsync(SealedColumn column, bool all = false)
    {
        await using var connection = new NpgsqlConnection(Database.Superuser);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand($"select id, coalesce({column.Column}, ''), {column.Index ?? "null::bytea"} from {column.Table}{(all ? "" : $" where octet_length({column.Column}) > 0")}", connection);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<(Guid, byte[], byte[]?)>();
        while (await reader.ReadAsync()) rows.Add((reader.GetGuid(0), reader.GetFieldValue<byte[]>(1), reader.IsDBNull(2) ? null : reader.GetFieldValue<byte[]>(2)));
        return rows;
    }

    private static VaultOptions Next(VaultOptions from, uint key, string suite, int length)
    {
        var next = new VaultOptions
        {
            CurrentKey = key,
            Keys = new(from.Keys) { [key] = Random(length) },
            Suites = new(from.Suites) { [key] = suite },
            IndexKey = Random(32),
            IndexSuite = suite,
            OtherIndexKey = from.IndexKey,
            OtherIndexSuite = from.IndexSuite,
        };
        return next.Checked();
    }

    private static VaultOptions Alone(VaultOptions options) => new()
    {
        CurrentKey = options.CurrentKey,
        Keys = { [options.CurrentKey] = options.Keys[options.CurrentKey] },
        Suites = new(options.Suites),
        IndexKey = options.IndexKey,
        IndexSuite = options.IndexSuite,
    };

    private static Dictionary<string, string?> Settings(VaultOptions options, uint? without = null)
    {
        var settings = new Dictionary<string, string?>
        {
            ["Vault:CurrentKey"] = $"{options.CurrentKey}",
            ["Vault:IndexKey"] = options.IndexKey,
            ["Vault:IndexSuite"] = options.IndexSuite,
            ["Vault:OtherIndexKey"] = options.OtherIndexKey,
            ["Vault:OtherIndexSuite"] = options.OtherIndexSuite,
        };
        foreach (var (id, key) in options.Keys) settings[$"Vault:Keys:{id}"] = key;
        foreach (var (id, suite) in options.Suites) settings[$"Vault:Suites:{id}"] = suite;
        // One that the test's own settings have: overwritten by one that is not it.
        if (without is { } gone) settings[$"Vault:Keys:{gone}"] = Random(32);
        return settings;
    }

    private static string Random(int length) => Convert.ToBase64String(RandomNumberGenerator.GetBytes(length));
}
