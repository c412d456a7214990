using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Platform.Realtime;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Backend.Tests.Features.Grid;

/// <summary>The grid is edited by hand: nodes are added, renamed, moved with all that hangs on them, and removed when nothing does (A-50, AZ11, RL04, RL07).</summary>
public sealed class GridEditsTests : IAsyncLifetime
{
    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private PostgresDatabase _database = null!;
    private Api _api = null!, _other = null!;
    private Scene _scene = null!;

    public async Task InitializeAsync()
    {
        _database = await (await PostgresFixture.ClusterAsync()).CreateAsync(PostgresFixture.Migrated);
        (_api, _other) = (await Api.StartAsync(_database), await Api.StartAsync(_database));
        _scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("楼层长", Role.FloorLeader, "s.c.a.b.f2", leads: true)
            .Person("旧片区长", Role.AreaLeader, "s.c.a", leads: true)
            .Person("新片区长", Role.AreaLeader, "s.c.e", leads: true)
            .Person("社区长", Role.CommunityLeader, "s.c", leads: true)
            .Person("外社区长", Role.CommunityLeader, "s.d", leads: true)
            .Person("街道", Role.StreetManager, "s")
            .Place("s.c.e.b9").Place("s.d.a");
        foreach (var (path, door) in ((string, string)[])[("s.c.a.b.f1", "101"), ("s.c.a.b.f2", "201"), ("s.c.a.b.f2", "202"), ("s.d.a.b.f1", "901")]) _scene.Home(path, door, Day);
        await _scene.SaveAsync(_database);
    }

    public async Task DisposeAsync()
    {
        await _api.DisposeAsync();
        await _other.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task AZ11_RL07_a_floor_that_moves_takes_its_households_from_one_leader_to_another_and_the_walls_follow()
    {
        var (leader, floor) = (await SignInAsync("社区长"), _scene.Node("s.c.a.b.f2").Id);
        var (old, next) = (await _other.SignInAsync(_scene.OpenIdOf("旧片区长")), await _other.SignInAsync(_scene.OpenIdOf("新片区长")));
        var page = $"/api/v1/households/{_scene.Household("201").Id}";
        await old.GetAsync(page).OkAsync();
        await next.GetAsync(page).RefusedAsync(404, "not_found");
        var before = await WallAsync(leader, "s.c");
        var (there, here) = (await WallAsync(old, "s.c.a"), await WallAsync(next, "s.c.e"));
        await using var hub = await HubClient.ConnectAsync(_other, old.AccessToken);

        var moved = await MoveAsync(leader, "s.c.a.b.f2", "s.c.e.b9").OkAsync();
        Assert.Equal(_scene.Node("s.c.e.b9").Path + ".f2", moved.GetProperty("path").GetString());
        await SettleAsync();

        await old.GetAsync(page).RefusedAsync(404, "not_found");
        await next.GetAsync(page).OkAsync();
        // Who leads the floor itself goes with it, as it does for those above both places.
        await (await SignInAsync("楼层长")).GetAsync(page).OkAsync();
        Assert.Equal(["101", "201", "202"], Doors(await WallAsync(leader, "s.c")).Order());
        Assert.Equal(["101"], Doors(await WallAsync(old, "s.c.a")));
        Assert.Equal(["201", "202"], Doors(await WallAsync(next, "s.c.e")));
        // One version, in which they go and come; whoever watches the old place is told that they have gone.
        var (gone, come) = (await ChangesAsync(old, "s.c.a", there), await ChangesAsync(next, "s.c.e", here));
        Assert.Equal((2, 0), (gone.GetProperty("removed").GetArrayLength(), gone.GetProperty("changed").GetArrayLength()));
        Assert.Equal((0, 2), (come.GetProperty("removed").GetArrayLength(), come.GetProperty("changed").GetArrayLength()));
        Assert.Equal(Number(before) + 1, Number(await WallAsync(leader, "s.c")));
        await _other.Services.GetRequiredService<WallFeed>().PushAsync(default);
        await hub.UntilAsync(h => h.Of("tilesChanged").Any(m => m.GetProperty("tiles").EnumerateArray().Count(t => t.TryGetProperty("removed", out var removed) && removed.GetBoolean()) == 2));
        Assert.Equal(0, await StrayPathsAsync());
        Assert.Equal(1, await _database.ScalarAsync<long>("select count(*) from audit_entries where operation = 'moveGridNode' and result = 'done' and target_ids = array[$1::uuid, $2::uuid]", floor, _scene.Node("s.c.e.b9").Id));
    }

    [Fact]
    public async Task AZ11_RL07_a_building_that_moves_to_another_community_leaves_one_wall_and_comes_to_the_other()
    {
        var (street, mine, others) = (await SignInAsync("街道"), await SignInAsync("社区长"), await SignInAsync("外社区长"));
        var (left, entered) = (await WallAsync(mine, "s.c"), await WallAsync(others, "s.d"));
        // The code is taken over there: nothing happens.
        await MoveAsync(street, "s.c.a.b", "s.d.a").RefusedAsync(409, "conflict");
        await AddAsync(street, "s.d", "z", "area").OkAsync();
        var area = await _database.ScalarAsync<Guid>("select id from grid_nodes where code = 'z'");
        await street.SendAsync(HttpMethod.Put, $"/api/v1/grid-nodes/{_scene.Node("s.c.a.b").Id}/place", new { parentId = area }, ifMatch: "\"0\"").OkAsync();
        await SettleAsync();

        Assert.Empty(Doors(await WallAsync(mine, "s.c")));
        Assert.Equal(["101", "201", "202", "901"], Doors(await WallAsync(others, "s.d")).Order());
        Assert.Equal(3, (await ChangesAsync(mine, "s.c", left)).GetProperty("removed").GetArrayLength());
        Assert.Equal(3, (await ChangesAsync(others, "s.d", entered)).GetProperty("changed").GetArrayLength());
        await mine.GetAsync($"/api/v1/households/{_scene.Household("101").Id}").RefusedAsync(404, "not_found");
        await others.GetAsync($"/api/v1/households/{_scene.Household("101").Id}").OkAsync();
        Assert.Equal(0, await StrayPathsAsync());
        Assert.Equal(4, await _database.ScalarAsync<long>("select count(*) from households h join grid_nodes n on n.id = h.node_id where h.root_id = $1 and n.root_id = $1", _scene.Node("s.d").Id));
    }

    [Fact]
    public async Task RL04_a_household_that_was_read_before_it_moved_cannot_be_written_as_it_was()
    {
        await _scene.Person("员工", Role.Staff, "s.c").SaveAsync(_database);
        var staff = await SignInAsync("员工");
        var home = _scene.Household("201").Id;
        var page = await staff.GetAsync($"/api/v1/households/{home}").OkAsync();
        await MoveAsync(await SignInAsync("社区长"), "s.c.a.b.f2", "s.c.e.b9").OkAsync();
        object Fact() => new { values = new[] { new { subject = "household", subjectId = home, tag = "last_major_event", value = "illness", observedAt = Day } } };
        var revision = page.GetProperty("revision").GetInt32();
        await staff.SendAsync(HttpMethod.Put, $"/api/v1/households/{home}/facts", Fact(), ifMatch: $"\"{revision}\"").RefusedAsync(412, "version_stale");
        await staff.SendAsync(HttpMethod.Put, $"/api/v1/households/{home}/facts", Fact(), ifMatch: $"\"{revision + 1}\"").OkAsync();
        Assert.Equal(0, await StrayPathsAsync());
    }

    [Fact]
    public async Task A50_what_makes_no_grid_is_refused()
    {
        var (leader, street) = (await SignInAsync("社区长"), await SignInAsync("街道"));
        await AddAsync(leader, "s.c.a", "B!", "building").RefusedAsync(400, "invalid_request");
        await AddAsync(leader, "s.c.a", "b7", "area").RefusedAsync(400, "invalid_request");
        await AddAsync(leader, "s.c.a", "b7", "moon").RefusedAsync(400, "invalid_request");
        await AddAsync(leader, "s.c.a", "b", "building").RefusedAsync(409, "conflict");
        await AddAsync(leader, "s.d.a", "b7", "building").RefusedAsync(404, "not_found");
        await MoveAsync(leader, "s.c.a", "s.c.a.b").RefusedAsync(400, "invalid_request");
        await MoveAsync(leader, "s.c.a", "s.c.a").RefusedAsync(400, "invalid_request");
        await MoveAsync(leader, "s.c.a.b", "s.c.e.b9").RefusedAsync(400, "invalid_request");
        // Neither into her reach nor out of it.
        await MoveAsync(leader, "s.d.a.b", "s.c.e").RefusedAsync(404, "not_found");
        await MoveAsync(leader, "s.c.a.b", "s.d.a").RefusedAsync(400, "invalid_request");
        // What has a wall keeps it, and nothing gets one by moving.
        await MoveAsync(street, "s.c.e", "s").RefusedAsync(409, "conflict");
        foreach (var full in (string[])["s.c.a", "s.c.a.b.f1", "s.c.e"])
            await leader.SendAsync(HttpMethod.Delete, $"/api/v1/grid-nodes/{_scene.Node(full).Id}", ifMatch: "\"0\"").RefusedAsync(409, "conflict");
        Assert.Equal(0, await _database.ScalarAsync<long>("select count(*) from grid_nodes where revision > 0"));
    }

    [Fact]
    public async Task A50_a_community_that_is_added_has_a_wall_and_goes_as_it_came()
    {
        var street = await SignInAsync("街道");
        var added = await AddAsync(street, "s", "n1", "community").OkAsync();
        var path = $"/api/v1/grid-nodes/{added.GetProperty("id").GetGuid()}";
        await SettleAsync();
        Assert.Equal(0, (await street.GetAsync($"{path}/wall").OkAsync()).GetProperty("tiles").GetArrayLength());
        await street.SendAsync(HttpMethod.Put, $"{path}/name", new { name = "新社区" }, ifMatch: "\"0\"").OkAsync();
        await SettleAsync();
        var listed = (await street.GetAsync("/api/v1/grid-nodes").OkAsync()).GetProperty("items").EnumerateArray().Single(n => n.GetProperty("id").GetGuid() == added.GetProperty("id").GetGuid());
        Assert.Equal(("新社区", 1), (listed.GetProperty("name").GetString(), listed.GetProperty("revision").GetInt32()));
        await street.SendAsync(HttpMethod.Delete, path, ifMatch: "\"1\"").OkAsync();
        await SettleAsync();
        await street.GetAsync($"{path}/wall").RefusedAsync(404, "not_found");
    }

    [Fact]
    public async Task RL04_of_two_who_change_a_node_at_once_one_is_told_that_she_is_late()
    {
        var leader = await SignInAsync("社区长");
        var path = $"/api/v1/grid-nodes/{_scene.Node("s.c.a.b").Id}/name";
        await leader.SendAsync(HttpMethod.Put, path, new { name = "一号楼" }).RefusedAsync(428, "if_match_missing");
        var answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => leader.SendAsync(HttpMethod.Put, path, new { name = $"{i}号楼" }, ifMatch: "\"0\"")));
        Assert.Single(answers, a => a.IsSuccessStatusCode);
        Assert.All(answers.Where(a => !a.IsSuccessStatusCode), a => Assert.Equal((412, "\"1\""), ((int)a.StatusCode, a.Headers.ETag!.Tag)));
    }

    [Fact]
    public async Task AZ05_the_database_itself_refuses_an_edit_outside_the_reach()
    {
        var (account, reach) = (_scene.Account("社区长").Id, _scene.Node("s.c").Path);
        var (mine, foreign) = (_scene.Node("s.c.a.b").Id, _scene.Node("s.d.a").Id);
        Task<string?> TryAsync(string sql, params object[] of) => _database.RefusedAsync(account, reach, sql, of);
        const string Add = "insert into grid_nodes (id, parent_id, level_code, code, name, path, position, revision) values (gen_random_uuid(), $1, 'floor', 'q', 'q', $2::ltree, 0, 0)";
        Assert.Null(await TryAsync(Add, mine, _scene.Node("s.c.a.b").Path + ".q"));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await TryAsync(Add, foreign, _scene.Node("s.d.a").Path + ".q"));
        Assert.Null(await TryAsync("update grid_nodes set name = 'q' where id = $1", mine));
        foreach (var sql in (string[])["update grid_nodes set name = 'q' where id = $1", "delete from grid_nodes where id = $1", "insert into wall_roots (node_id, version, history_from) values ($1, 1, 1)"])
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await TryAsync(sql, foreign));
        // Neither a path nor a parent is the app's to write.
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await TryAsync("update grid_nodes set path = 'q' where id = $1", mine));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await TryAsync("update grid_nodes set parent_id = $2 where id = $1", mine, foreign));
        foreach (var (node, parent) in ((Guid, Guid)[])[(mine, foreign), (_scene.Node("s.d.a.b").Id, _scene.Node("s.c.a").Id)])
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await TryAsync("select app.move_grid_node($1, $2, 0, now())", node, parent));
        Assert.Null(await TryAsync("select app.move_grid_node($1, $2, 0, now())", mine, _scene.Node("s.c.e").Id));
    }

    /// <summary>Rows of any table whose path is not that of the node that they, or their household, hang on.</summary>
    private async Task<long> StrayPathsAsync()
    {
        var tables = await _database.ScalarAsync<string[]>("""
            select array_agg(distinct c.table_name::text) from information_schema.columns c join information_schema.columns h using (table_schema, table_name)
            where c.table_schema = 'public' and c.column_name = 'node_path' and h.column_name = 'household_id' and c.table_name <> 'tile_changes'
            """);
        Assert.True(tables!.Length >= 12);
        var counts = tables.Select(t => $"select count(*) from \"{t}\" t join households h on h.id = t.household_id where t.node_path <> h.node_path")
            .Append("select count(*) from households h join grid_nodes n on n.id = h.node_id where h.node_path <> n.path or h.root_id <> n.root_id")
            .Append("select count(*) from tiles t join households h on h.id = t.household_id where t.root_id <> h.root_id")
            .Append("select count(*) from displays d join grid_nodes n on n.id = d.node_id where d.node_path <> n.path")
            .Append("select count(*) from grid_nodes n join grid_nodes p on p.id = n.parent_id where n.path <> p.path || n.code or n.root_id <> p.root_id and n.root_id <> n.id");
        return await _database.ScalarAsync<long>($"select sum(count)::bigint from ({string.Join(" union all ", counts)}) c");
    }

    private Task<SignedIn> SignInAsync(string who) => _api.SignInAsync(_scene.OpenIdOf(who));

    private Task<HttpResponseMessage> AddAsync(SignedIn who, string at, string nodeCode, string level) =>
        who.SendAsync(HttpMethod.Post, $"/api/v1/grid-nodes/{_scene.Node(at).Id}/nodes", new { nodeCode, name = "新网格", level });

    private Task<HttpResponseMessage> MoveAsync(SignedIn who, string node, string parent) =>
        who.SendAsync(HttpMethod.Put, $"/api/v1/grid-nodes/{_scene.Node(node).Id}/place", new { parentId = _scene.Node(parent).Id }, ifMatch: "\"0\"");

    private Task<JsonElement> WallAsync(SignedIn who, string path) => who.GetAsync($"/api/v1/grid-nodes/{_scene.Node(path).Id}/wall").OkAsync();

    private Task<JsonElement> ChangesAsync(SignedIn who, string path, JsonElement since) =>
        who.GetAsync($"/api/v1/grid-nodes/{_scene.Node(path).Id}/wall/changes?after={since.GetProperty("version").GetString()}").OkAsync();

    private static List<string> Doors(JsonElement wall) => [.. wall.GetProperty("tiles").EnumerateArray().Select(t => t.GetProperty("door").GetString()!)];

    private static long Number(JsonElement wall) => long.Parse(wall.GetProperty("version").GetString()!.Split('.')[1], System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>What each replica's polls would bring within three seconds.</summary>
    private async Task SettleAsync()
    {
        foreach (var api in (Api[])[_api, _other])
        {
            api.Clock.Advance(TimeSpan.FromSeconds(4));
            await api.Services.GetRequiredService<RightsCache>().PollAsync(default);
            await api.Services.GetRequiredService<ReachWatch>().LookAsync(default);
        }
    }
}
