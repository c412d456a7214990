using System.Reflection;
using Backend.Domain.Accounts;
using Backend.Domain.Grid;
using Backend.Domain.Privacy;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Local;
using Local.Demo;
using Local.Sandbox;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql;

namespace Bench;

/// <summary>
/// Fills the databases: the demo district with 1,000 more members of staff, and the same with copies of itself until it has as many households as
/// wanted. A copy's sealed values cannot be opened, for they are bound to the rows they came from: copies are the crowd, and nobody asks for one of them.
/// </summary>
internal sealed class Seeding(PostgresServer postgres, Secrets secrets, DateOnly day, Action<string> say)
{
    public const string Small = "backend";
    public const int Staff = 1000;
    /// <summary>铜源社区: 2,802 tiles.</summary>
    public const string Community = "dc.td.ty";

    private const int Form = 2;

    public static string Large(int households) => $"backend_{households}";

    /// <summary>Changes of the wall that no process of the api has seen happen.</summary>
    public const int History = 240;

    public static string StaffOpenId(int number) => DemoCodes.OpenIdOf($"bench-staff-{number}");

    public async Task SmallAsync(CancellationToken cancellation)
    {
        if (await IsReadyAsync(Small, cancellation)) return;
        await DropAsync(Small, cancellation);
        var database = new DemoDatabase(postgres, secrets);
        await database.MigrateAsync(cancellation);
        say($"装入演示片区（日期 {day:yyyy-MM-dd}）与 {Staff:N0} 名后台服务人员…");
        await database.LoadAsync(day, cancellation);
        await StaffAsync(cancellation);
        // A history that is older than any process of the api: what the change feed reads past its memory. It changes no tile.
        await RunAsync(Small, $"""
            insert into tile_changes (root_id, version, household_id, node_id, node_path, door, tier, state, due_day, last_visit_day, removed, at)
                select root_id, 1 + row_number() over (order by door), household_id, node_id, node_path, door, tier, state, due_day, last_visit_day, false, now()
                from tiles where node_path <@ '{Community}' order by door limit {History};
            update wall_roots set version = {History + 1} where node_id = (select id from grid_nodes where path = '{Community}')
            """, cancellation);
        await FinishAsync(Small, cancellation);
    }

    public async Task LargeAsync(int households, CancellationToken cancellation)
    {
        var name = Large(households);
        if (await IsReadyAsync(name, cancellation)) return;
        await DropAsync(name, cancellation);
        await RunAsync("postgres", $"create database {name} template {Small}", cancellation);
        var copies = (households + 7_080) / 7_081 - 1;
        say($"复制片区到 {households:N0} 户（{copies} 份）…");
        // An index is built over all rows faster than it is kept over each.
        await RunAsync(name, """
            create table bench_indexes as select indexdef, indexrelid::regclass::text as name from pg_indexes i
                join pg_index x on x.indexrelid = (i.schemaname || '.' || quote_ident(i.indexname))::regclass
                where i.tablename in ('households', 'residents', 'memberships', 'visits', 'measures') and not x.indisprimary
                    and not exists (select from pg_constraint c where c.conindid = x.indexrelid);
            do $$ declare n text; begin for n in select name from bench_indexes loop execute 'drop index ' || n; end loop; end $$
            """, cancellation);
        for (var copy = 1; copy <= copies; copy++) await RunAsync(name, CopyOf(copy), cancellation);
        await RunAsync(name, """
            do $$ declare d text; begin for d in select indexdef from bench_indexes loop execute d; end loop; end $$;
            drop table bench_indexes
            """, cancellation);
        await FinishAsync(name, cancellation);
    }

    /// <summary>
    /// 1,000 people of the back office who look at one community's wall, each with an account and a WeChat identity, all in one post. It is a street
    /// manager's: staff proper are told of every red household, and a thousand notices a change is nobody's office.
    /// </summary>
    private async Task StaffAsync(CancellationToken cancellation)
    {
        using var vault = new Vault(secrets.Vault);
        await using var source = new NpgsqlDataSourceBuilder(postgres.SuperuserConnectionString(Small)).Build();
        await using var db = OwnerContext.Create(source);
        await using var connection = await source.OpenConnectionAsync(cancellation);
        Guid node;
        await using (var find = new NpgsqlCommand($"select id from grid_nodes where path = '{Community}'", connection))
            node = (Guid)(await find.ExecuteScalarAsync(cancellation))!;

        var people = Enumerable.Range(0, Staff).Select(number => (Number: number, Account: Guid.CreateVersion7(), Identity: Guid.CreateVersion7())).ToList();
        var post = new Post { Id = Guid.CreateVersion7(), Role = Role.StreetManager, NodeId = node, LeadsNode = false, Title = "街道后台" };
        var since = TimeProvider.System.GetUtcNow();
        var copy = new CopyWriter(db.Model, connection);
        await copy.WriteAsync(people.Select(p => new Account { Id = p.Account, Name = $"后台{p.Number + 1}", CreatedAt = since }), cancellation);
        await copy.WriteAsync(people.Select(p => new Consent
        {
            Id = p.Account,
            AccountId = p.Account,
            Purpose = Purpose.Notice,
            Version = 1,
            Withdrawn = false,
            At = since,
            Channel = ConsentChannel.MiniProgram,
        }), cancellation);
        await copy.WriteAsync(people.Select(p => new WeChatIdentity
        {
            Id = p.Identity,
            AccountId = p.Account,
            OpenIdIndex = vault.BlindIndex(SealedFields.OpenId, StaffOpenId(p.Number)),
            OpenId = vault.Seal(SealedFields.OpenId, p.Identity, StaffOpenId(p.Number)),
            BoundAt = since,
            EmploymentBound = true,
        }), cancellation);
        await copy.WriteAsync([post], cancellation);
        await copy.WriteAsync([new Assignment { Id = Guid.CreateVersion7(), PostId = post.Id, NodeId = node }], cancellation);
        await copy.WriteAsync(people.Select(p => new Appointment { Id = Guid.CreateVersion7(), PostId = post.Id, AccountId = p.Account, FromDay = day.AddDays(-30) }), cancellation);
    }

    /// <summary>One more district beside the first: its own root, the same shape, ids and paths derived from the originals.</summary>
    private static string CopyOf(int copy) => $"""
        set session_replication_role = replica;
        create or replace function pg_temp.its(original uuid) returns uuid language sql immutable as $$ select md5(original::text || '/{copy}')::uuid $$;
        create or replace function pg_temp.there(original ltree) returns ltree language sql immutable as $$ select 'c{copy}'::ltree || original $$;
        insert into grid_nodes select (jsonb_populate_record(n, jsonb_build_object('id', pg_temp.its(n.id), 'parent_id', pg_temp.its(n.parent_id),
            'path', pg_temp.there(n.path), 'root_id', pg_temp.its(n.root_id)))).* from grid_nodes n where n.path <@ 'dc';
        insert into posts select (jsonb_populate_record(p, jsonb_build_object('id', pg_temp.its(p.id), 'node_id', pg_temp.its(p.node_id)))).*
            from posts p join grid_nodes n on n.id = p.node_id where n.path <@ 'dc' and p.title <> '街道后台';
        insert into assignments select (jsonb_populate_record(a, jsonb_build_object('id', pg_temp.its(a.id), 'post_id', pg_temp.its(a.post_id), 'node_id', pg_temp.its(a.node_id),
            'household_id', pg_temp.its(a.household_id)))).* from assignments a join posts p on p.id = pg_temp.its(a.post_id);
        insert into households select (jsonb_populate_record(h, jsonb_build_object('id', pg_temp.its(h.id), 'node_id', pg_temp.its(h.node_id), 'root_id', pg_temp.its(h.root_id),
            'node_path', pg_temp.there(h.node_path)))).* from households h where h.node_path <@ 'dc';
        insert into residents select (jsonb_populate_record(r, jsonb_build_object('id', pg_temp.its(r.id), 'household_id', pg_temp.its(r.household_id),
            'node_path', pg_temp.there(r.node_path), 'id_number_index', sha256(r.id_number_index || '/{copy}')))).* from residents r where r.node_path <@ 'dc';
        insert into memberships select (jsonb_populate_record(m, jsonb_build_object('id', pg_temp.its(m.id), 'household_id', pg_temp.its(m.household_id),
            'resident_id', pg_temp.its(m.resident_id), 'node_path', pg_temp.there(m.node_path)))).* from memberships m where m.node_path <@ 'dc';
        insert into visits select (jsonb_populate_record(v, jsonb_build_object('id', pg_temp.its(v.id), 'household_id', pg_temp.its(v.household_id),
            'node_path', pg_temp.there(v.node_path)))).* from visits v where v.node_path <@ 'dc';
        insert into measures select (jsonb_populate_record(m, jsonb_build_object('id', pg_temp.its(m.id), 'household_id', pg_temp.its(m.household_id),
            'node_path', pg_temp.there(m.node_path)))).* from measures m where m.node_path <@ 'dc';
        """;

    private async Task<bool> IsReadyAsync(string database, CancellationToken cancellation)
    {
        await using var connection = new NpgsqlConnection(postgres.SuperuserConnectionString());
        await connection.OpenAsync(cancellation);
        await using var command = new NpgsqlCommand(
            "select exists(select from pg_database where datname = $1 and shobj_description(oid, 'pg_database') = $2)", connection)
        {
            Parameters = { new() { Value = database }, new() { Value = StampOf() } },
        };
        return await command.ExecuteScalarAsync(cancellation) is true;
    }

    /// <summary>For which day, by which migrations and by which form of this class it was loaded: anything else begins anew.</summary>
    private string StampOf() =>
        $"bench {Form}, {day:yyyy-MM-dd}, {typeof(Migrator).Assembly.GetTypes().Select(t => t.GetCustomAttribute<MigrationAttribute>()?.Id).OfType<string>().Max()}";

    private async Task FinishAsync(string database, CancellationToken cancellation)
    {
        await RunAsync(database, "vacuum (analyze)", cancellation);
        await RunAsync("postgres", "checkpoint", cancellation);
        await RunAsync("postgres", $"comment on database {database} is '{StampOf()}'", cancellation);
    }

    private Task DropAsync(string database, CancellationToken cancellation) => RunAsync("postgres", $"drop database if exists {database} with (force)", cancellation);

    private async Task RunAsync(string database, string sql, CancellationToken cancellation)
    {
        await using var connection = new NpgsqlConnection(postgres.SuperuserConnectionString(database));
        await connection.OpenAsync(cancellation);
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 600 };
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
