using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Backend.Domain.Grid;
using Backend.Domain.Tiers;
using Backend.Platform.Persistence;
using Backend.Platform.Realtime;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Features.Wall;

/// <summary>The public hall (B-15, A-10): counts, and nothing from which a door could be guessed.</summary>
public sealed class HallTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private readonly List<IAsyncDisposable> _open = [];
    private Api _api = null!;

    public async Task InitializeAsync() => _api = Keep(await Api.StartAsync(fixture.Database));

    public async Task DisposeAsync()
    {
        _open.Reverse();
        foreach (var one in _open) await one.DisposeAsync();
    }

    [Fact]
    public async Task B15_no_byte_of_any_answer_or_push_differs_between_two_communities_with_the_same_counts()
    {
        // As different as two communities with the same counts can be: other doors, floors, days, order of loading.
        var first = await CommunityAsync((Tier.Green, "1"), (Tier.Red, "2"), (Tier.Green, "3"), (Tier.Yellow, "4"));
        var second = await CommunityAsync((Tier.Yellow, "88"), (Tier.Green, "89"), (Tier.Green, "7"), (Tier.Red, "a-1"));
        var (one, other) = (await OpenAsync(first), await OpenAsync(second));
        Assert.Equal(await SaidAsync(one), await SaidAsync(other));

        foreach (var (scene, door, to) in ((Scene, string, Tier)[])[(first, "1", Tier.Red), (second, "7", Tier.Red), (first, "4", Tier.Green), (second, "88", Tier.Green)])
            await TurnAsync(scene, door, to);
        await one.Hub.UntilAsync(c => c.Of("hallChanged").LastOrDefault().ToString().Contains("2-0-0-2", StringComparison.Ordinal));
        await other.Hub.UntilAsync(c => c.Of("hallChanged").LastOrDefault().ToString().Contains("2-0-0-2", StringComparison.Ordinal));
        var said = await SaidAsync(one);
        Assert.Equal(said, await SaidAsync(other));
        Assert.Contains("\"red\":2", said, StringComparison.Ordinal);
        Assert.Equal(Pushes(one), Pushes(other));
    }

    [Fact]
    public async Task B15_a_change_that_changes_no_count_is_not_pushed()
    {
        var scene = await CommunityAsync((Tier.Red, "1"), (Tier.Green, "2"), (Tier.Green, "3"));
        var hall = await OpenAsync(scene);
        await hall.Hub.UntilAsync(c => c.Of("hallChanged").Any());
        var feed = _api.Services.GetRequiredService<WallFeed>();
        await feed.PushAsync(default);
        var before = Pushes(hall);

        await fixture.Database.ExecuteAsync("update households set due_day = due_day + 1 where id = $1", scene.Household(Door(scene, "2")).Id);
        await fixture.Database.ExecuteAsync("""
            with r as (update wall_roots w set version = w.version + 1 from tiles t where t.household_id = $1 and w.node_id = t.root_id returning w.version)
            insert into tile_changes (root_id, version, household_id, node_id, node_path, door, tier, state, due_day, last_visit_day, removed, at)
            select t.root_id, r.version, t.household_id, t.node_id, t.node_path, t.door, t.tier, null, t.due_day + 1, null, false, now() from tiles t, r where t.household_id = $1
            """, scene.Household(Door(scene, "2")).Id);
        await feed.PushAsync(default);
        await TurnAsync(scene, "3", Tier.Orange);
        await hall.Hub.UntilAsync(c => c.Of("hallChanged").Last().ToString().Contains("1-1-0-1", StringComparison.Ordinal));
        Assert.Equal(before.Count + 1, Pushes(hall).Count);
        Assert.Empty(hall.Hub.Tiles);
        Assert.Empty(hall.Hub.Resyncs);
    }

    [Fact]
    public async Task B15_a_hall_sees_its_counts_and_nothing_else()
    {
        var scene = await CommunityAsync((Tier.Red, "1"), (Tier.Green, "2"));
        var hall = await OpenAsync(scene);
        var household = scene.Household(Door(scene, "1")).Id;
        var node = scene.Node("s.c").Id;
        string[] refused =
        [
            $"/api/v1/grid-nodes/{node}/wall", $"/api/v1/grid-nodes/{node}/wall/changes?after=a.1", $"/api/v1/grid-nodes/{node}/wall/layouts/0", $"/api/v1/grid-nodes/{node}/overview",
            "/api/v1/grid-nodes", "/api/v1/households", $"/api/v1/households/{household}", $"/api/v1/households/{household}/tier", "/api/v1/me", "/api/v1/notices", "/api/v1/displays",
        ];
        foreach (var path in refused) await hall.Browser.GetAsync(path).RefusedAsync(403, "operation_not_allowed");
        using var display = JsonContent.Create(new { purpose = "display", nodeId = node });
        await hall.Browser.PostAsync("/api/v1/tickets", display).RefusedAsync(403, "operation_not_allowed");

        // And nobody else sees a hall: a person reads walls.
        await hall.Staff.GetAsync("/api/v1/display/hall").RefusedAsync(403, "operation_not_allowed");
    }

    [Fact]
    public async Task B15_a_display_is_registered_on_a_community_or_above_listed_and_revoked()
    {
        var scene = await CommunityAsync((Tier.Red, "1"));
        var staff = await _api.SignInAsync(scene.OpenIdOf("员工"));
        object Of(string path, string name = "一楼大厅") => new { nodeId = scene.Node(path).Id, name };
        (await staff.SendAsync(HttpMethod.Post, "/api/v1/displays", Of("s.c.a")).RefusedAsync(400, "invalid_request")).GetProperty("errors").GetProperty("nodeId");
        await staff.SendAsync(HttpMethod.Post, "/api/v1/displays", Of("s")).RefusedAsync(404, "not_found");
        await staff.SendAsync(HttpMethod.Post, "/api/v1/displays", Of("s.c", "")).RefusedAsync(400, "invalid_request");
        var leader = await _api.SignInAsync(scene.OpenIdOf("楼层长"));
        await leader.SendAsync(HttpMethod.Post, "/api/v1/displays", Of("s.c")).RefusedAsync(403, "operation_not_allowed");

        var street = await _api.SignInAsync(scene.OpenIdOf("街道"));
        Assert.Equal("1-0-0-0", (await (await OpenAsync(scene, street, "s")).Browser.GetAsync("/api/v1/display/hall").OkAsync()).GetProperty("version").GetString());
        var hall = await OpenAsync(scene, staff);
        Assert.Equal("hall", (await hall.Browser.GetAsync("/api/v1/display").OkAsync()).GetProperty("mode").GetString());
        Assert.Equal(JsonValueKind.Null, (await hall.Browser.GetAsync("/api/v1/display").OkAsync()).GetProperty("nodeId").ValueKind);
        var listed = (await staff.GetAsync("/api/v1/displays").OkAsync()).GetProperty("displays").EnumerateArray().Select(d => d.GetProperty("id").GetGuid()).ToList();
        Assert.Contains(hall.Id, listed);
        Assert.DoesNotContain(hall.Id, (await (await _api.SignInAsync(scene.OpenIdOf("外社区"))).GetAsync("/api/v1/displays").OkAsync()).GetProperty("displays").EnumerateArray().Select(d => d.GetProperty("id").GetGuid()));
        await (await _api.SignInAsync(scene.OpenIdOf("外社区"))).SendAsync(HttpMethod.Delete, $"/api/v1/displays/{hall.Id}").RefusedAsync(404, "not_found");

        // Whoever registered it may go; the screen stays until it is revoked, also by another.
        await fixture.Database.ExecuteAsync("update accounts set disabled_at = now() where id = $1", scene.Account("员工").Id);
        await _api.Services.GetRequiredService<RightsCache>().PollAsync(default);
        await hall.Browser.GetAsync("/api/v1/display/hall").OkAsync();
        await street.SendAsync(HttpMethod.Delete, $"/api/v1/displays/{hall.Id}").OkAsync();
        await _api.Services.GetRequiredService<RightsCache>().PollAsync(default);
        await hall.Browser.GetAsync("/api/v1/display/hall").RefusedAsync(401, "session_ended");
        Assert.Equal(1, await _api.Services.GetRequiredService<ReachWatch>().LookAsync(default));
        await hall.Hub.ClosedAsync();
    }

    [Fact]
    public async Task B15_ninety_days_begin_anew_with_each_day_of_use()
    {
        var scene = await CommunityAsync((Tier.Red, "1"));
        var hall = await OpenAsync(scene);
        for (var month = 0; month < 6; month++)
        {
            _api.Clock.Advance(TimeSpan.FromDays(60));
            using var answer = await hall.Browser.GetAsync("/api/v1/display/hall");
            Assert.Equal(200, (int)answer.StatusCode);
            Assert.Contains("max-age=7776000", answer.Headers.GetValues("Set-Cookie").Single(), StringComparison.Ordinal);
        }

        _api.Clock.Advance(TimeSpan.FromDays(90));
        await hall.Browser.GetAsync("/api/v1/display/hall").RefusedAsync(401, "not_signed_in");
    }

    private sealed record Hall(Guid Id, HttpClient Browser, HubClient Hub, SignedIn Staff);

    private async Task<Scene> CommunityAsync(params (Tier Tier, string Door)[] homes)
    {
        var scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("员工", Role.Staff, "s.c").Person("街道", Role.StreetManager, "s").Person("楼层长", Role.FloorLeader, "s.c.a.b1.f1", leads: true).Person("外社区", Role.Staff, "s.d");
        var floor = 0;
        foreach (var (_, door) in homes) scene.Home($"s.c.a.b1.f{++floor}", Door(scene, door), Day);
        await scene.SaveAsync(fixture.Database);
        foreach (var (tier, door) in homes.Where(h => h.Tier != Tier.Green)) await TurnAsync(scene, door, tier);
        return scene;
    }

    private static string Door(Scene scene, string number) => $"{scene.Top}-{number}";

    private async Task<Hall> OpenAsync(Scene scene, SignedIn? by = null, string path = "s.c")
    {
        by ??= await _api.SignInAsync(scene.OpenIdOf("员工"));
        var registered = await by.SendAsync(HttpMethod.Post, "/api/v1/displays", new { nodeId = scene.Node(path).Id, name = "大厅" }).OkAsync();
        var browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = _api.Address };
        using var opened = await browser.GetAsync($"/wall?ticket={registered.GetProperty("ticket").GetString()}");
        Assert.Equal("/hall", opened.Headers.Location!.ToString());
        browser.DefaultRequestHeaders.Add("Cookie", opened.Headers.GetValues("Set-Cookie").Single().Split(';')[0]);
        using var body = JsonContent.Create(new { purpose = "hub" });
        var ticket = (await browser.PostAsync("/api/v1/tickets", body).OkAsync()).GetProperty("ticket").GetString();
        var hub = Keep(HubClient.Build($"{_api.Address}hubs/live?ticket={ticket}"));
        await hub.Connection.StartAsync();
        await hub.UntilAsync(c => c.Of("hallChanged").Any());
        return new Hall(registered.GetProperty("id").GetGuid(), browser, hub, by);
    }

    /// <summary>Status, headers and body of everything that a hall can read, in all forms; without the date.</summary>
    private static async Task<string> SaidAsync(Hall hall)
    {
        var said = new StringBuilder();
        foreach (var path in (string[])["/api/v1/display", "/api/v1/display/hall", "/hall"])
        {
            using var answer = await hall.Browser.GetAsync(path);
            said.AppendLine(path).Append((int)answer.StatusCode).AppendLine();
            foreach (var header in answer.Headers.Concat(answer.Content.Headers).Where(h => h.Key != "Date").OrderBy(h => h.Key, StringComparer.Ordinal))
                said.Append(header.Key).Append(": ").AppendJoin(", ", header.Value).AppendLine();
            said.AppendLine(Regex.Replace(await answer.Content.ReadAsStringAsync(), "\"traceId\":\"[^\"]*\"", ""));
        }

        return said.ToString();
    }

    private static List<string> Pushes(Hall hall) => [.. hall.Hub.Of("hallChanged").Select(m => m.GetRawText()).Distinct()];

    private async Task TurnAsync(Scene scene, string door, Tier to)
    {
        await using var db = _api.Services.GetRequiredService<BackendDbFactory>().ForWorker();
        await LeadersScene.ChangeAsync(db, scene.Household(Door(scene, door)).Id, to);
        await _api.Services.GetRequiredService<WallFeed>().PushAsync(default);
    }

    private T Keep<T>(T one) where T : IAsyncDisposable
    {
        _open.Add(one);
        return one;
    }
}
