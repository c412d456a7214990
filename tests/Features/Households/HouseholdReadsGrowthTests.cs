using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Features.Households;
using Backend.Platform.Audit;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Local.Demo;
using Local.Sandbox;
using Microsoft.AspNetCore.Http;
using Npgsql;

namespace Backend.Tests.Features.Households;

/// <summary>
/// How the cost of a leader's reads grows: with the people and visits that they show, and not with all households or all visits. Counted in round trips,
/// rows and bytes, in the demo district of 7,081 households.
/// </summary>
public sealed class HouseholdReadsGrowthTests(DemoDatabase demo) : IClassFixture<DemoDatabase>, IAsyncLifetime
{
    private Api _api = null!;
    private SignedIn _leader = null!;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(demo.Database);
        _leader = await _api.SignInAsync(DemoCodes.OpenIdOf("demo-floor-leader"));
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task P5_a_leaders_list_is_one_round_trip_whose_rows_and_bytes_are_those_it_shows()
    {
        await _leader.GetAsync("/api/v1/households").OkAsync();
        using var sql = new SqlCount(demo.Database);
        var body = await _leader.GetAsync("/api/v1/households").OkAsync();
        Assert.Equal(1, sql.Count);

        var items = body.GetProperty("items");
        var (shown, people) = (items.GetArrayLength(), items.EnumerateArray().Sum(i => i.GetProperty("people").GetInt32()));
        Assert.InRange(shown, 10, 30);
        Assert.InRange(body.GetRawText().Length, 1, 600 * shown);

        var touched = await TouchedAsync(scope => [ListHouseholds.Command(Audit("listHouseholds", scope), null, null, null, 50)]);
        Assert.InRange(touched["households"], shown, 2 * shown);
        Assert.InRange(touched["memberships"], shown, 4 * people);
        Assert.InRange(touched["residents"], shown, 2 * shown);
    }

    [Fact]
    public async Task P5_a_households_page_is_one_round_trip_whose_rows_are_its_own_people_and_visits()
    {
        var list = await _leader.GetAsync("/api/v1/households").OkAsync();
        var household = list.GetProperty("items")[0].GetProperty("id").GetGuid();
        // Years of visits, of which five are shown.
        await demo.Database.ExecuteAsync("""
            insert into visits select (jsonb_populate_record(v, jsonb_build_object('id', gen_random_uuid(), 'visited_at', v.visited_at - n * interval '7 days'))).*
            from visits v, generate_series(1, 200) n where v.id = (select id from visits where household_id = $1 limit 1)
            """, household);
        await demo.Database.ExecuteAsync("analyze visits");
        await _leader.GetAsync($"/api/v1/households/{household}").OkAsync();
        using var sql = new SqlCount(demo.Database);
        var page = await _leader.GetAsync($"/api/v1/households/{household}").OkAsync();
        Assert.Equal(1, sql.Count);

        var people = page.GetProperty("people").GetArrayLength();
        Assert.Equal(5, page.GetProperty("lastVisits").GetArrayLength());
        var touched = await TouchedAsync(scope => ReadHousehold.Commands(household, PostgresFixture.DemoDay, Audit("readHousehold", scope)));
        Assert.InRange(touched["visits"], 5, 6);
        Assert.InRange(touched["residents"], people, 2 * people);
        Assert.InRange(touched["memberships"], people, 2 * people + 2);
        // The page's own row, its leader's way up, and the audit's look whether it is there.
        Assert.InRange(touched["households"], 1, 5);
    }

    /// <summary>Rows that PostgreSQL read of each table of people for these commands, those that a filter dropped included.</summary>
    private async Task<Dictionary<string, long>> TouchedAsync(Func<Scope, IReadOnlyList<NpgsqlBatchCommand>> commands)
    {
        var floor = DemoFloor();
        var account = await demo.Database.ScalarAsync<Guid>("""
            select a.account_id from appointments a join posts p on p.id = a.post_id join grid_nodes n on n.id = p.node_id
            where n.path = $1::ltree and p.role = 'floor_leader' and a.to_day is null
            """, floor);
        var scope = new Scope(account, [floor], []);
        var touched = new Dictionary<string, long>();
        await using var connection = new NpgsqlConnection(demo.Database.App);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        foreach (var (command, explained) in (IEnumerable<(NpgsqlBatchCommand, bool)>)[(ScopedCommands.ReadScope(scope), false), .. commands(scope).Select(c => (c, true))])
        {
            await using var run = new NpgsqlCommand(explained ? "explain (analyze, format json) " + command.CommandText : command.CommandText, connection, transaction);
            foreach (NpgsqlParameter parameter in command.Parameters) run.Parameters.Add(parameter.Clone());
            var said = await run.ExecuteScalarAsync();
            if (explained) Add(JsonDocument.Parse((string)said!).RootElement[0].GetProperty("Plan"), touched);
        }

        await transaction.RollbackAsync();
        return touched;

        static void Add(JsonElement node, Dictionary<string, long> touched)
        {
            long Of(string name) => node.TryGetProperty(name, out var value) ? (long)value.GetDouble() : 0;
            if (node.TryGetProperty("Relation Name", out var relation) && !node.GetProperty("Node Type").GetString()!.Contains("ModifyTable", StringComparison.Ordinal))
            {
                var rows = Of("Actual Loops") * (Of("Actual Rows") + Of("Rows Removed by Filter") + Of("Rows Removed by Index Recheck"));
                touched[relation.GetString()!] = touched.GetValueOrDefault(relation.GetString()!) + rows;
            }

            if (!node.TryGetProperty("Plans", out var plans)) return;
            foreach (var plan in plans.EnumerateArray()) Add(plan, touched);
        }
    }

    /// <summary>The floor of the demo's floor leader.</summary>
    private static string DemoFloor() => DemoBlueprint.Instance.Grid.Nodes
        .Single(n => n.LevelCode == "floor" && n.FloorNumber == GridPlan.DemoFloor && n.Path.EndsWith($".b{GridPlan.DemoBuilding}.f{GridPlan.DemoFloor}", StringComparison.Ordinal)).Path;

    private static AuditWriter Audit(string operation, Scope scope)
    {
        var me = new CurrentAccount();
        me.Enter(operation, null, [Role.FloorLeader], scope);
        return new AuditWriter(
            me, OwnerContext.Create(NpgsqlDataSource.Create("Host=nowhere")), new AppDataSource(NpgsqlDataSource.Create("Host=nowhere")), new HttpContextAccessor(),
            new AuditSigner(new AuditKeys(PostgresFixture.Secrets.Audit)));
    }
}
