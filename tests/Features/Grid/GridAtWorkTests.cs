using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Tests.Architecture;
using Backend.Tests.Demo;
using Backend.Tests.Support;
using Local.Demo;
using Local.Sandbox;

namespace Backend.Tests.Features.Grid;

/// <summary>The reports on the grid at work, with the exact figures of the demo district; what is expected is counted from its plan, not by the code under test.</summary>
public sealed class GridAtWorkTests(DemoDatabase demo) : IClassFixture<DemoDatabase>, IAsyncLifetime
{
    private static DemoDistrict District => DemoFiguresTests.District;
    private Api _api = null!;
    private SignedIn _district = null!;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(demo.Database);
        _district = await SignInAsync("demo-district");
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Theory]
    [InlineData("dc", 7081, 6522, 559)]
    [InlineData("dc.td.ty", 2802, 2802, 0)]
    [InlineData("dc.bg.bw", 559, 0, 559)]
    public async Task A55_no_household_is_without_a_leader_and_every_one_is_counted_under_the_level_that_has_it(string path, int households, int byFloor, int byBuilding)
    {
        var coverage = await ReadAsync(_district, path, "coverage");
        Assert.Equal((households, 0, 0), (Int(coverage, "households"), Int(coverage, "withoutLeader"), coverage.GetProperty("places").GetArrayLength()));
        (string, int)[] expected = [("floor_leader", byFloor), ("building_leader", byBuilding)];
        Assert.Equal(expected.Where(e => e.Item2 > 0), coverage.GetProperty("ledBy").EnumerateArray().Select(l => (l.GetProperty("role").GetString()!, Int(l, "households"))));
    }

    [Fact]
    public async Task A55_households_that_lose_every_leader_on_their_path_are_named_by_place_in_grid_order()
    {
        // Whoever holds a leader's post there can no longer sign in: nobody acts, from the floors to the community.
        var gone = await demo.Database.ExecuteAsync("""
            update accounts set disabled_at = $1 where id in (
                select x.account_id from appointments x join posts p on p.id = x.post_id join grid_nodes n on n.id = p.node_id where n.path <@ 'dc.td.tx' and p.role like '%leader'
                union select x.account_id from stand_ins x join posts p on p.id = x.post_id join grid_nodes n on n.id = p.node_id where n.path <@ 'dc.td.tx')
            """, _api.Clock.GetUtcNow().UtcDateTime);
        Assert.True(gone > 50);
        try
        {
            var coverage = await ReadAsync(_district, "dc.td.tx", "coverage");
            Assert.Equal((2040, 2040), (Int(coverage, "households"), Int(coverage, "withoutLeader")));
            var places = coverage.GetProperty("places").EnumerateArray().ToList();
            Assert.Equal(2040, places.Sum(p => Int(p, "withoutLeader")));
            Assert.Equal(InGridOrder(places.Select(p => p.GetProperty("nodeId").GetGuid())), places.Select(p => p.GetProperty("nodeId").GetGuid()));
            Assert.Equal(2040, Int(await ReadAsync(_district, "dc", "overview"), "withoutLeader"));
            Assert.Equal(0, Int(await ReadAsync(_district, "dc.td.ty", "coverage"), "withoutLeader"));
        }
        finally
        {
            await demo.Database.ExecuteAsync("update accounts set disabled_at = null where disabled_at is not null");
        }
    }

    [Fact]
    public async Task A57_every_leader_stands_in_grid_order_with_her_households_and_those_above_20_are_flagged()
    {
        var planned = DemoBlueprint.Instance.Leaders.LeaderOf.Values.GroupBy(leader => leader).Select(g => g.Count()).ToList();
        var (items, head) = await AllLoadsAsync("dc");

        Assert.Equal((15, 20, 7081), (Int(head, "guide"), Int(head, "warnAbove"), Int(head, "households")));
        Assert.Equal(376, items.Count(i => i.GetProperty("role").GetString() == "floor_leader"));
        Assert.Equal((planned.Count, planned.Count), (Int(head, "leaders"), items.Count));
        // Who carries what, as the plan has it: nobody is left out and nobody counted twice.
        Assert.Equal(planned.Order(), items.Select(i => Int(i, "households")).Order());
        Assert.Equal((planned.Count(n => n > 20), planned.Count(n => n > 20)), (Int(head, "above"), items.Count(i => i.GetProperty("above").GetBoolean())));
        Assert.All(items, i => Assert.Equal(Int(i, "households") > 20, i.GetProperty("above").GetBoolean()));
        Assert.Equal(decimal.Round(7081m / planned.Count, 1), head.GetProperty("mean").GetDecimal());
        // A-60 and A-61: four floors with 33 households, two with 39.
        Assert.Contains(items, i => Int(i, "households") == 33 && i.GetProperty("title").GetString()!.Contains("1至4层", StringComparison.Ordinal));
        Assert.Contains(items, i => Int(i, "households") == 39);

        // No ranking: the order is the grid's, whatever the loads.
        var nodes = items.Select(i => i.GetProperty("nodeId").GetGuid()).ToList();
        Assert.Equal(InGridOrder(nodes), nodes);
        var loads = items.ConvertAll(i => Int(i, "households"));
        Assert.NotEqual(loads.Order(), loads);
        Assert.NotEqual(loads.OrderDescending(), loads);
    }

    [Fact]
    public async Task A57_the_single_households_of_the_top_floors_are_their_own_leaders()
    {
        var (items, _) = await AllLoadsAsync("dc.td.ty.a4.b13");
        var byTitle = items.ToDictionary(i => i.GetProperty("title").GetString()!, i => Int(i, "households"));
        int Planned(string title) => District.Assignments.Count(a => a.HouseholdId is not null && a.PostId == District.Posts.Single(p => p.Title == title).Id);
        foreach (var title in (string[])["13栋15层楼层长", "13栋16层楼层长", "13栋联户楼层长"])
        {
            Assert.True(Planned(title) > 0);
            Assert.Equal(Planned(title), byTitle[title]);
        }
    }

    [Fact]
    public async Task A51_vacancies_name_the_post_who_stands_in_and_to_whom_it_passes()
    {
        var answer = await ReadAsync(_district, "dc", "vacancies");
        var items = answer.GetProperty("items").EnumerateArray().ToList();
        Assert.Equal((17, 17), (Int(answer, "count"), items.Count));
        Assert.Equal(
            [("area_leader", 1), ("building_leader", 2), ("floor_leader", 12), ("labour_officer", 1), ("staff", 1)],
            items.GroupBy(i => i.GetProperty("role").GetString()!).Select(g => (g.Key, g.Count())).OrderBy(g => g.Key, StringComparer.Ordinal));
        Assert.Equal(InGridOrder(items.Select(i => i.GetProperty("nodeId").GetGuid())), items.Select(i => i.GetProperty("nodeId").GetGuid()));
        Assert.All(items, i => Assert.Equal(JsonValueKind.Null, i.GetProperty("standIn").ValueKind));
        // A floor's post passes to its building's leader, a building's to the area's, the area's to the community's.
        Assert.Equal(
            [("area_leader", "网格长"), ("building_leader", "片区长"), ("floor_leader", "楼长")],
            items.Where(i => i.GetProperty("passesTo").ValueKind != JsonValueKind.Null)
                .Select(i => (i.GetProperty("role").GetString()!, i.GetProperty("passesTo").GetProperty("title").GetString()![^(i.GetProperty("role").GetString() == "floor_leader" ? 2 : 3)..]))
                .Distinct().OrderBy(p => p.Item1, StringComparer.Ordinal));
        Assert.Equal(2, items.Count(i => i.GetProperty("passesTo").ValueKind == JsonValueKind.Null));
        Assert.DoesNotContain(items, i => i.GetProperty("nodeName").GetString() == "");
    }

    [Fact]
    public async Task A_stand_in_in_a_vacant_post_is_named_and_the_households_are_hers()
    {
        var post = District.Posts.Single(p => p.Title == "6栋楼长");
        var path = District.Nodes.Single(n => n.Id == post.NodeId).Path;
        var by = District.Accounts.Single(a => a.DemoCode == "demo-staff");
        var standIn = Guid.CreateVersion7();
        await demo.Database.ExecuteAsync("insert into stand_ins (id, post_id, account_id, from_day, to_day) values ($1, $2, $3, $4, $5)",
            standIn, post.Id, by.Id, PostgresFixture.DemoDay, PostgresFixture.DemoDay.AddDays(7));
        try
        {
            var vacancy = Assert.Single((await ReadAsync(_district, path, "vacancies")).GetProperty("items").EnumerateArray());
            Assert.Equal((by.Name, "2026-11-27", JsonValueKind.Null), (
                vacancy.GetProperty("standIn").GetString(), vacancy.GetProperty("standInUntil").GetString(), vacancy.GetProperty("passesTo").ValueKind));
            Assert.Equal(1, Int(await ReadAsync(_district, path, "overview"), "vacancies"));
        }
        finally
        {
            await demo.Database.ExecuteAsync("delete from stand_ins where id = $1", standIn);
        }
    }

    [Theory]
    [InlineData("dc")]
    [InlineData("dc.td.ty")]
    [InlineData("dc.bg.bw")]
    public async Task The_overview_counts_what_the_reports_list(string path)
    {
        var (overview, (items, _)) = (await ReadAsync(_district, path, "overview"), await AllLoadsAsync(path));
        Assert.Equal(Int(await ReadAsync(_district, path, "coverage"), "withoutLeader"), Int(overview, "withoutLeader"));
        Assert.Equal(items.Count(i => i.GetProperty("above").GetBoolean()), Int(overview, "loadsAbove"));
        Assert.Equal(Int(await ReadAsync(_district, path, "vacancies"), "count"), Int(overview, "vacancies"));
    }

    [Fact]
    public async Task The_page_of_a_household_names_the_leader_who_has_it_in_the_load_report()
    {
        var (items, _) = await AllLoadsAsync("dc.td.ty.a4.b13");
        var counted = new Dictionary<string, int>();
        foreach (var household in District.Households.Where(h => h.Floor.Path.StartsWith("dc.td.ty.a4.b13.", StringComparison.Ordinal)))
        {
            var leader = (await _district.GetAsync($"/api/v1/households/{household.Id}").OkAsync()).GetProperty("leader").GetProperty("title").GetString()!;
            counted[leader] = counted.GetValueOrDefault(leader) + 1;
        }

        Assert.Equal(items.ToDictionary(i => i.GetProperty("title").GetString()!, i => Int(i, "households")), counted);
    }

    [Theory]
    [InlineData("coverage")]
    [InlineData("leader-loads")]
    [InlineData("vacancies")]
    public async Task AZ03_a_report_reaches_as_far_as_its_reader_and_no_farther(string report)
    {
        var leader = await SignInAsync("demo-floor-leader");
        var floor = await ReadAsync(leader, "dc.td.ty.a4.b13.f4", report);
        if (report == "coverage") Assert.Equal(District.Households.Count(h => h.Floor.Path == "dc.td.ty.a4.b13.f4"), Int(floor, "households"));
        if (report == "leader-loads") Assert.Equal(1, Int(floor, "leaders"));
        foreach (var path in (string[])["dc", "dc.td.ty", "dc.td.ty.a4.b13", "dc.td.ty.a4.b13.f5"])
            await leader.GetAsync($"/api/v1/grid-nodes/{Node(path).Id}/{report}").RefusedAsync(404, "not_found");
        await leader.GetAsync($"/api/v1/grid-nodes/{Guid.CreateVersion7()}/{report}").RefusedAsync(404, "not_found");
        foreach (var code in (string[])["demo-resident", "demo-admin"])
            await (await SignInAsync(code)).GetAsync($"/api/v1/grid-nodes/{Node("dc").Id}/{report}").RefusedAsync(403, "operation_not_allowed");
        await _api.Anonymous().GetAsync($"/api/v1/grid-nodes/{Node("dc").Id}/{report}").RefusedAsync(401, "not_signed_in");
    }

    [Theory]
    [InlineData("coverage")]
    [InlineData("leader-loads?limit=100")]
    [InlineData("vacancies")]
    [InlineData("overview")]
    public async Task A_report_is_one_round_trip_for_a_floor_and_for_the_district(string report)
    {
        // Rights and grid are in their caches: the clock stands still.
        foreach (var path in (string[])["dc", "dc.td.ty.a4.b13.f4"]) await ReadAsync(_district, path, report);
        foreach (var path in (string[])["dc", "dc.td.ty.a4.b13.f4"])
        {
            using var sql = new SqlCount(demo.Database);
            await ReadAsync(_district, path, report);
            Assert.Equal(1, sql.Count);
        }
    }

    [Fact]
    public async Task A_cursor_of_one_place_is_not_one_of_another()
    {
        var first = await ReadAsync(_district, "dc", "leader-loads?limit=1");
        var cursor = Uri.EscapeDataString(first.GetProperty("next").GetString()!);
        await _district.GetAsync($"/api/v1/grid-nodes/{Node("dc.td").Id}/leader-loads?cursor={cursor}").RefusedAsync(400, "cursor_invalid");
        await _district.GetAsync($"/api/v1/grid-nodes/{Node("dc").Id}/leader-loads?limit=0").RefusedAsync(400, "invalid_request");
    }

    [Fact]
    public void No_operation_sorts_or_scores_people()
    {
        // 指尖上的形式主义: no ranking anywhere, so nothing to ask for one by and no member to carry one.
        var words = System.Text.RegularExpressions.Regex.Matches(File.ReadAllText(Path.Combine(DirectionTests.Root(), "openapi.yaml")), @"^\s+(?:- name: (\w+)|(\w+):)\s*$",
            System.Text.RegularExpressions.RegexOptions.Multiline, TimeSpan.FromSeconds(5)).Select(m => m.Groups[1].Value + m.Groups[2].Value).Distinct().ToList();
        Assert.Contains("leaders", words);
        Assert.Empty(words.Intersect(["sort", "sortBy", "order", "orderBy", "rank", "ranking", "score", "points", "best", "worst"], StringComparer.OrdinalIgnoreCase));
    }

    private async Task<(List<JsonElement> Items, JsonElement Head)> AllLoadsAsync(string path)
    {
        var (items, cursor, head) = (new List<JsonElement>(), "", default(JsonElement));
        do
        {
            head = await ReadAsync(_district, path, $"leader-loads?limit=100{cursor}");
            items.AddRange(head.GetProperty("items").EnumerateArray());
            cursor = head.GetProperty("next").GetString() is { } next ? $"&cursor={Uri.EscapeDataString(next)}" : "";
        }
        while (cursor.Length > 0);
        return (items, head);
    }

    private Task<SignedIn> SignInAsync(string code) => _api.SignInAsync(DemoCodes.OpenIdOf(code));

    private static Task<JsonElement> ReadAsync(SignedIn who, string path, string report) => who.GetAsync($"/api/v1/grid-nodes/{Node(path).Id}/{report}").OkAsync();

    private static GridNode Node(string path) => District.Nodes.Single(n => n.Path == path);

    /// <summary>As they lie in the grid: area by area, building by building, floor by floor.</summary>
    private static IEnumerable<Guid> InGridOrder(IEnumerable<Guid> nodes)
    {
        var byId = District.Nodes.ToDictionary(n => n.Id);
        // The plan lists nodes from the top down, place by place; a node's own comes before those below it.
        string Key(Guid id) => byId[id].ParentId is { } parent ? $"{Key(parent)}.{byId[id].Position:D4}{byId[id].Code}" : "";
        return nodes.OrderBy(Key, StringComparer.Ordinal);
    }

    private static int Int(JsonElement from, string name) => from.GetProperty(name).GetInt32();
}
