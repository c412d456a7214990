using Backend.Domain.Grid;
using Backend.Domain.Privacy;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Tests.Architecture;
using Backend.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Backend.Tests.Platform.Persistence;

/// <summary>The second wall: what the database itself refuses, whatever the code above it forgets (docs/adr/004).</summary>
public class RowLevelSecurityTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    /// <summary>Scopes that must show nothing: unset, empty, blank, wildcards, broken lists, other people's words.</summary>
    public static readonly TheoryData<string?> Hostile = new(
        null, "", " ", ",", ".", "*", "%", "..", "{}", "*.*", "dc,", ",dc", "dc,,ty", "dc..ty", "dc.", ".dc", "DC", "dc ty", "dc\n", "dc;drop table households",
        "null", "true", "' or '1'='1", "*{0,}", "!x", "dc|x", "东川");

    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private readonly Vault _vault = VaultOf(fixture.Database);
    private Scene _scene = null!;

    private PostgresDatabase Database => fixture.Database;

    internal static Vault VaultOf(PostgresDatabase database) => new(new ConfigurationBuilder()
        .AddInMemoryCollection(database.Settings()).Build().GetSection("Vault").Get<VaultOptions>()!);

    public async Task InitializeAsync()
    {
        _scene = new Scene(_vault).Person("staff", Role.Staff, "s.c");
        _scene.Home("s.c.a.b1.f1", $"{_scene.Top}-1-1-101", Day);
        _scene.Home("s.c.a.b10.f1", $"{_scene.Top}-10-1-101", Day);
        await _scene.SaveAsync(Database);
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task AZ05_every_table_with_personal_data_is_under_forced_row_level_security()
    {
        var personal = DataClasses.Rows.Where(r => r.Class is "personal" or "sensitive" or "minor").Select(r => r.Table).Distinct().Order().ToList();
        Assert.True(personal.Count >= 20);
        var forced = new HashSet<string>();
        await ReadAsync(Database.Superuser, "select relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' and relrowsecurity and relforcerowsecurity",
            row => forced.Add(row.GetString(0)));
        Assert.Empty(personal.Except(forced));
    }

    [Fact]
    public async Task AZ05_the_app_and_the_worker_own_nothing_and_cannot_pass_by()
    {
        foreach (var role in (string[])["backend_app", "backend_worker", "backend_definer"])
        {
            Assert.Equal(0L, await Database.ScalarAsync<long>($"select count(*) from pg_class c join pg_roles r on r.oid = c.relowner where r.rolname = '{role}'"));
            Assert.False(await Database.ScalarAsync<bool>($"select rolsuper or rolbypassrls or rolcreaterole or rolcreatedb from pg_roles where rolname = '{role}'"));
        }
    }

    [Fact]
    public async Task AZ05_the_owner_sees_and_changes_no_rows()
    {
        Assert.Equal(0L, await ScalarAsync<long>(Database.Owner, "select count(*) from households"));
        await using var connection = new NpgsqlConnection(Database.Owner);
        await connection.OpenAsync();
        await using var update = new NpgsqlCommand("update households set door = 'x'", connection);
        Assert.Equal(0, await update.ExecuteNonQueryAsync());
    }

    [Fact]
    public async Task AZ05_nobody_inherits_what_the_sign_in_functions_may()
    {
        foreach (var role in (string[])["backend_owner", "backend_app", "backend_worker", "backend_backup"])
            Assert.False(await Database.ScalarAsync<bool>($"select pg_has_role('{role}', 'backend_definer', 'usage')"));
        Assert.Equal(39L, await Database.ScalarAsync<long>(
            "select count(*) from pg_proc p join pg_roles r on r.oid = p.proowner where r.rolname = 'backend_definer' and p.prosecdef and p.proconfig @> array['search_path=pg_catalog, pg_temp']"));
        Assert.Equal(0L, await Database.ScalarAsync<long>(
            "select count(*) from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = 'app' and has_function_privilege('public', p.oid, 'execute')"));
    }

    [Fact]
    public async Task AZ05_the_worker_cannot_read_residents_tag_values_visits_or_photos()
    {
        foreach (var table in (string[])["residents", "tag_values", "visits", "photos", "account_photos", "measures", "register_marks"])
        {
            var refused = await Assert.ThrowsAsync<PostgresException>(() => ScalarAsync<long>(Database.Worker, $"select count(*) from {table}"));
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
        }
    }

    [Theory]
    [MemberData(nameof(Hostile))]
    public async Task AZ06_a_scope_that_is_not_well_formed_shows_nothing(string? reach)
    {
        await using var source = new NpgsqlDataSourceBuilder(Database.App + ";Maximum Pool Size=1").Build();
        // A fresh connection, then the same one again after somebody with a real scope has used it.
        for (var round = 0; round < 2; round++)
        {
            await using (var connection = await source.OpenConnectionAsync())
            await using (var transaction = await connection.BeginTransactionAsync())
            {
                if (reach is not null)
                {
                    foreach (var setting in (string[])["app.reach", "app.homes", "app.account"])
                    {
                        await using var set = new NpgsqlCommand("select set_config(@name, @value, true)", connection);
                        set.Parameters.AddWithValue("name", setting);
                        set.Parameters.AddWithValue("value", reach);
                        await set.ExecuteNonQueryAsync();
                    }
                }

                foreach (var table in await ReadableAsync(connection))
                {
                    await using var count = new NpgsqlCommand($"select count(*) from {table}", connection);
                    Assert.True(0L == (long)(await count.ExecuteScalarAsync())!, $"{table} with the scope '{reach}', round {round}");
                }
            }

            await using (var connection = await source.OpenConnectionAsync())
            await using (var transaction = await connection.BeginTransactionAsync())
            {
                await using var set = new NpgsqlCommand($"select set_config('app.reach', '{_scene.Top}', true)", connection);
                await set.ExecuteNonQueryAsync();
                await using var count = new NpgsqlCommand("select count(*) from households", connection);
                Assert.Equal(2L, await count.ExecuteScalarAsync());
            }
        }
    }

    [Fact]
    public async Task AZ06_a_scope_ends_with_its_transaction_even_when_it_was_set_for_the_session()
    {
        await using var source = new NpgsqlDataSourceBuilder(Database.App + ";Maximum Pool Size=1").Build();
        await using (var connection = await source.OpenConnectionAsync())
        {
            await using var set = new NpgsqlCommand($"select set_config('app.reach', '{_scene.Top}', false)", connection);
            await set.ExecuteNonQueryAsync();
        }

        // Npgsql resets the session on return: the next user has none.
        await using (var connection = await source.OpenConnectionAsync())
        {
            await using var count = new NpgsqlCommand("select count(*) from households", connection);
            Assert.Equal(0L, await count.ExecuteScalarAsync());
        }
    }

    [Fact]
    public async Task AZ04_a_node_never_covers_one_whose_code_only_begins_like_it()
    {
        var doors = new List<string>();
        await InScopeAsync(new Scope(null, [_scene.Node("s.c.a.b1").Path], []), async db => doors.AddRange(await db.Households.Select(h => h.Door).ToListAsync()));
        Assert.Equal([$"{_scene.Top}-1-1-101"], doors);
    }

    [Fact]
    public async Task AZ05_single_households_are_seen_with_all_that_hangs_on_them_and_nothing_else()
    {
        var home = _scene.Household($"{_scene.Top}-10-1-101");
        await InScopeAsync(new Scope(null, [], [home.Id]), async db =>
        {
            Assert.Equal([home.Id], await db.Households.Select(h => h.Id).ToListAsync());
            Assert.Equal([home.Id], await db.Residents.Select(r => r.HouseholdId).Distinct().ToListAsync());
            Assert.Equal([home.Id], await db.TagValues.Select(v => v.HouseholdId).Distinct().ToListAsync());
        });
    }

    [Fact]
    public async Task AZ05_a_row_cannot_be_hung_on_a_household_out_of_reach()
    {
        var (mine, foreign) = (_scene.Household($"{_scene.Top}-1-1-101"), _scene.Household($"{_scene.Top}-10-1-101"));
        // The foreign key alone would accept it, also under the path of a household that is in reach.
        foreach (var path in (string[])[foreign.NodePath, mine.NodePath])
        {
            var refused = await Assert.ThrowsAnyAsync<Exception>(() => InScopeAsync(new Scope(null, [_scene.Node("s.c.a.b1").Path], []), async db =>
            {
                db.TagValues.Add(Value(foreign.Id, path));
                await db.SaveChangesAsync();
            }));
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, Assert.IsType<PostgresException>(refused.InnerException ?? refused).SqlState);
        }

        await InScopeAsync(new Scope(null, [_scene.Node("s.c.a.b1").Path], []), async db =>
        {
            db.TagValues.Add(Value(mine.Id, mine.NodePath));
            Assert.Equal(1, await db.SaveChangesAsync());
        });
    }

    [Fact]
    public async Task AZ05_copy_into_a_guarded_table_is_refused_to_the_app()
    {
        await using var connection = new NpgsqlConnection(Database.App);
        await connection.OpenAsync();
        var refused = await Assert.ThrowsAsync<PostgresException>(() => connection.BeginBinaryImportAsync("copy tag_values (id) from stdin (format binary)"));
        Assert.Contains(refused.SqlState, (string[])[PostgresErrorCodes.FeatureNotSupported, PostgresErrorCodes.InsufficientPrivilege]);
    }

    [Fact]
    public async Task AU02_the_app_can_only_add_and_read_audit_entries()
    {
        foreach (var right in (string[])["update", "delete", "truncate"])
            Assert.False(await Database.ScalarAsync<bool>($"select has_table_privilege('backend_app', 'audit_entries', '{right}')"));
        foreach (var table in (string[])["tier_changes", "tile_changes", "visits", "tag_values", "delivery_attempts"])
        {
            Assert.False(await Database.ScalarAsync<bool>($"select has_table_privilege('backend_app', '{table}', 'update') or has_table_privilege('backend_app', '{table}', 'delete')"));
            Assert.False(await Database.ScalarAsync<bool>($"select has_table_privilege('backend_worker', '{table}', 'update') or has_table_privilege('backend_worker', '{table}', 'delete')"));
        }
    }

    [Fact]
    public async Task A_command_outside_a_scoped_transaction_throws()
    {
        await using var db = Context(new Scope(null, [_scene.Top], []));
        await Assert.ThrowsAsync<InvalidOperationException>(() => db.Households.CountAsync());
        await Assert.ThrowsAsync<InvalidOperationException>(() => db.SaveChangesAsync().ContinueWith(_ => db.Households.ToListAsync()).Unwrap());
        await db.BeginAsync(default);
        Assert.Throws<NotSupportedException>(() => db.Households.Count());
    }

    [Fact]
    public async Task PD01_every_column_has_a_class_and_a_purpose_and_the_reverse()
    {
        var columns = new List<string>();
        await ReadAsync(Database.Superuser, "select table_name || '.' || column_name from information_schema.columns where table_schema = 'public' and table_name <> '__EFMigrationsHistory'",
            row => columns.Add(row.GetString(0)));
        var listed = DataClasses.Rows.Select(r => $"{r.Table}.{r.Column}").ToList();
        Assert.Empty(columns.Except(listed));
        Assert.Empty(listed.Except(columns));
        Assert.All(DataClasses.Rows, r => Assert.Contains(r.Class, (string[])["public", "internal", "personal", "sensitive", "minor"]));
        Assert.All(DataClasses.Rows, r => Assert.NotEmpty(r.Purpose));
    }

    [Fact]
    public void PD02_every_sealed_column_is_named_once_and_is_personal()
    {
        using var source = new NpgsqlDataSourceBuilder(Database.Owner).Build();
        using var db = OwnerContext.Create(source);
        var sealedColumns = db.Model.GetEntityTypes().SelectMany(e => e.GetProperties()
            .Where(p => (Nullable.GetUnderlyingType(p.ClrType) ?? p.ClrType) == typeof(Sealed)).Select(p => $"{e.GetTableName()}.{p.GetColumnName()}")).Order().ToList();
        var fields = SealedColumn.All.Select(c => c.Field).Order().ToList();
        Assert.Equal(sealedColumns, fields);
        var classes = DataClasses.Rows.ToDictionary(r => $"{r.Table}.{r.Column}", r => r.Class);
        Assert.All(fields.Where(f => f != SealedFields.WeChatToken), f => Assert.Contains(classes[f], (string[])["personal", "sensitive", "minor"]));
        // What is sensitive is sealed; an index of it is a keyed hash.
        Assert.All(classes.Where(c => c.Value == "sensitive" && !c.Key.EndsWith("_index", StringComparison.Ordinal)), c => Assert.Contains(c.Key, fields));
    }

    private Backend.Domain.Households.TagValue Value(Guid household, string path)
    {
        var id = Guid.CreateVersion7();
        return new()
        {
            Id = id,
            HouseholdId = household,
            NodePath = path,
            Subject = Backend.Domain.Tags.SubjectKind.Household,
            SubjectId = household,
            TagCode = "water_safe",
            Value = _vault.Seal(SealedFields.TagValue, id, "true"),
            Source = Backend.Domain.Tags.ValueSource.Staff,
            ObservedAt = Day,
            RecordedAt = Api.Noon,
        };
    }

    private async Task InScopeAsync(Scope scope, Func<BackendDb, Task> work)
    {
        await using var db = Context(scope);
        await db.BeginAsync(default);
        await work(db);
        await db.RollbackAsync(default);
    }

    private BackendDb Context(Scope scope) => new(
        BackendDbFactory.Options(NpgsqlDataSource.Create(Database.App)), new FixedScope(scope), new(), new(), new(), TimeProvider.System);

    private static async Task<List<string>> ReadableAsync(NpgsqlConnection connection)
    {
        var tables = DataClasses.Rows.Where(r => r.Class is "personal" or "sensitive").Select(r => r.Table).Distinct().ToList();
        await using var command = new NpgsqlCommand("select t from unnest(@tables) t where has_table_privilege(t, 'select')", connection);
        command.Parameters.AddWithValue("tables", tables.ToArray());
        await using var reader = await command.ExecuteReaderAsync();
        var readable = new List<string>();
        while (await reader.ReadAsync()) readable.Add(reader.GetString(0));
        Assert.True(readable.Count >= 15);
        return readable;
    }

    private static async Task<T> ScalarAsync<T>(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    private static async Task ReadAsync(string connectionString, string sql, Action<NpgsqlDataReader> row)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync()) row(reader);
    }
}

/// <summary>The list PD01: class and purpose of every column.</summary>
internal static class DataClasses
{
    public static readonly IReadOnlyList<(string Table, string Column, string Class, string Purpose)> Rows =
        File.ReadAllLines(Path.Combine(DirectionTests.Root(), "api/Platform/Persistence/data-classes.csv")).Skip(1)
            .Select(l => l.Split(',')).Select(c => (c[0], c[1], c[2], c[3])).ToList();
}
