using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Features.Wall;

public sealed class WallTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private Api _api = null!;
    private Scene _scene = null!;
    private SignedIn _staff = null!;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database);
        _scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("员", Role.Staff, "s.c").Person("街道", Role.StreetManager, "s").Person("楼层长", Role.FloorLeader, "s.c.a.b1.f1", leads: true).Person("他人", Role.Staff, "s.d");
        _scene.Home("s.c.a.b1.f1", $"{_scene.Top}-1", Day);
        _scene.Home("s.c.a.b1.f2", $"{_scene.Top}-2", Day);
        _scene.Home("s.c.a.b10.f1", $"{_scene.Top}-3", Day);
        _scene.Home("s.d.a.b1.f1", $"{_scene.Top}-4", Day);
        await _scene.SaveAsync(fixture.Database);
        _staff = await _api.SignInAsync(_scene.OpenIdOf("员"));
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task A11_a_wall_has_one_tile_a_household_and_nobody_elses()
    {
        Assert.Equal([1, 2, 3], await Doors(_staff, "s.c"));
        Assert.Equal([1, 2], await Doors(_staff, "s.c.a.b1"));
        Assert.Equal([1, 2, 3, 4], await Doors(await _api.SignInAsync(_scene.OpenIdOf("街道")), "s"));
    }

    [Theory]
    [InlineData("s.c")]
    [InlineData("s")]
    [InlineData("s.c.a.b10")]
    public async Task A_staff_wall_is_whole_or_404(string path)
    {
        var leader = await _api.SignInAsync(_scene.OpenIdOf("楼层长"));
        await leader.GetAsync(Path(path)).RefusedAsync(404, "not_found");
        await leader.GetAsync(Path(path) + "/changes?after=a.1").RefusedAsync(404, "not_found");
        Assert.Equal([1], await Doors(leader, "s.c.a.b1.f1"));
    }

    [Fact]
    public async Task RL07_every_change_comes_once_in_order_from_any_version_on()
    {
        var start = (await _staff.GetAsync(Path("s.c")).OkAsync()).GetProperty("version").GetString()!;
        await Turn(1, "illness");
        var middle = (await _staff.GetAsync(Path("s.c")).OkAsync()).GetProperty("version").GetString()!;
        await Turn(2, "illness");
        await Turn(3, "fire");

        var all = await Changes("s.c", start);
        Assert.Equal([1, 2, 3], Numbers(all));
        Assert.All(all.GetProperty("changed").EnumerateArray(), c => Assert.Equal("red", c.GetProperty("tier").GetString()));
        Assert.Equal([2, 3], Numbers(await Changes("s.c", middle)));
        var versions = all.GetProperty("changed").EnumerateArray().Select(c => c.GetProperty("version").GetString()!).ToList();
        Assert.Equal(versions.Distinct().Count(), versions.Count);
        Assert.Equal(all.GetProperty("version").GetString(), versions[^1]);

        // From the last version there is nothing more; a sub-wall shares its root's version and shows only its own.
        Assert.Empty(Numbers(await Changes("s.c", versions[^1])));
        Assert.Equal([1, 2], Numbers(await Changes("s.c.a.b1", start)));
        // Asking from each version in turn gives exactly the rest.
        Assert.Equal([3], Numbers(await Changes("s.c", versions[1])));
    }

    [Fact]
    public async Task RL07_above_the_roots_a_list_of_versions_does_the_same()
    {
        var street = await _api.SignInAsync(_scene.OpenIdOf("街道"));
        var start = (await street.GetAsync(Path("s")).OkAsync()).GetProperty("version").GetString()!;
        await Turn(1, "illness");
        var other = await _api.SignInAsync(_scene.OpenIdOf("他人"));
        await Turn(4, "illness", other);
        var changes = await street.GetAsync($"{Path("s")}/changes?after={start}").OkAsync();
        Assert.Equal([1, 4], Numbers(changes).Order());
        var versions = changes.GetProperty("changed").EnumerateArray().Select(c => c.GetProperty("version").GetString()!).ToList();
        var rest = await street.GetAsync($"{Path("s")}/changes?after={versions[0]}").OkAsync();
        Assert.Equal([Numbers(changes)[1]], Numbers(rest));
    }

    [Theory]
    [InlineData("zzzzzzzz.1")]
    [InlineData("$.99999")]
    [InlineData("$.0")]
    [InlineData("$.1-1")]
    public async Task A_version_that_the_history_does_not_reach_answers_410(string after)
    {
        var now = (await _staff.GetAsync(Path("s.c")).OkAsync()).GetProperty("version").GetString()!;
        await _staff.GetAsync($"{Path("s.c")}/changes?after={after.Replace("$", now.Split('.')[0], StringComparison.Ordinal)}").RefusedAsync(410, "wall_history_gone");
    }

    [Theory]
    [InlineData("changes")]
    [InlineData("changes?after=")]
    [InlineData("changes?after=1")]
    [InlineData("changes?after=a.-1")]
    [InlineData("changes?after=a.1.2")]
    [InlineData("changes?after=a.99999999999999999999")]
    [InlineData("changes?after=%00.1")]
    public async Task What_is_no_version_is_refused(string query)
    {
        using var answer = await _staff.GetAsync($"{Path("s.c")}/{query}");
        Assert.Contains((int)answer.StatusCode, (int[])[400, 410]);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
    }

    [Fact]
    public async Task An_unchanged_wall_answers_304_and_a_changed_one_does_not()
    {
        var first = await _staff.GetAsync(Path("s.c"));
        Assert.True(first.Headers.CacheControl is { Private: true, NoCache: true, NoStore: false });
        Assert.Equal(["Accept", "Accept-Encoding", "Authorization", "Cookie"], first.Headers.Vary);
        Assert.True(first.Headers.ETag!.IsWeak);
        using var ask = new HttpRequestMessage(HttpMethod.Get, Path("s.c"));
        ask.Headers.IfNoneMatch.Add(first.Headers.ETag);
        Assert.Equal(304, (int)(await _staff.Client.SendAsync(ask)).StatusCode);
        await Turn(1, "illness");
        using var again = new HttpRequestMessage(HttpMethod.Get, Path("s.c"));
        again.Headers.IfNoneMatch.Add(first.Headers.ETag);
        Assert.Equal(200, (int)(await _staff.Client.SendAsync(again)).StatusCode);
    }

    [Fact]
    public async Task A_display_ticket_opens_one_browser_on_one_node_once()
    {
        var ticket = (await _staff.SendAsync(HttpMethod.Post, "/api/v1/tickets", new { purpose = "display", nodeId = _scene.Node("s.c.a.b1").Id }).OkAsync()).GetProperty("ticket").GetString();
        using var browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = _api.Address };
        var opened = await browser.GetAsync($"/wall?ticket={ticket}");
        Assert.Equal(302, (int)opened.StatusCode);
        var cookie = opened.Headers.GetValues("Set-Cookie").Single();
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=strict", cookie, StringComparison.OrdinalIgnoreCase);
        await browser.GetAsync($"/wall?ticket={ticket}").RefusedAsync(401, "ticket_invalid");

        browser.DefaultRequestHeaders.Add("Cookie", cookie.Split(';')[0]);
        Assert.Equal(_scene.Node("s.c.a.b1").Id, (await browser.GetAsync("/api/v1/display").OkAsync()).GetProperty("nodeId").GetGuid());
        Assert.Equal(2, (await browser.GetAsync(Path("s.c.a.b1")).OkAsync()).GetProperty("tiles").GetArrayLength());
        // Its one node, and nothing beside or above it; no change of anything.
        await browser.GetAsync(Path("s.c")).RefusedAsync(404, "not_found");
        await browser.GetAsync($"/api/v1/households/{_scene.Household($"{_scene.Top}-3").Id}").RefusedAsync(404, "not_found");
        await browser.GetAsync($"/api/v1/households/{_scene.Household($"{_scene.Top}-1").Id}").OkAsync();
        using var put = new HttpRequestMessage(HttpMethod.Put, $"/api/v1/households/{_scene.Household($"{_scene.Top}-1").Id}/facts") { Content = new StringContent("{}", null, "application/json") };
        put.Headers.Add("Idempotency-Key", "x");
        await browser.SendAsync(put).RefusedAsync(403, "operation_not_allowed");
        using var further = new HttpRequestMessage(HttpMethod.Post, "/api/v1/tickets") { Content = System.Net.Http.Json.JsonContent.Create(new { purpose = "display", nodeId = _scene.Node("s.c.a.b1").Id }) };
        await browser.SendAsync(further).RefusedAsync(403, "operation_not_allowed");

        _api.Clock.Advance(TimeSpan.FromHours(12));
        await browser.GetAsync("/api/v1/display").RefusedAsync(401, "not_signed_in");
    }

    [Fact]
    public async Task RL09_a_ticket_ends_after_60_seconds_and_is_not_given_for_a_wall_out_of_reach()
    {
        var ticket = (await _staff.SendAsync(HttpMethod.Post, "/api/v1/tickets", new { purpose = "display", nodeId = _scene.Node("s.c").Id }).OkAsync()).GetProperty("ticket").GetString();
        _api.Clock.Advance(TimeSpan.FromSeconds(60));
        await _api.Anonymous().GetAsync($"/wall?ticket={ticket}").RefusedAsync(401, "ticket_invalid");
        await _staff.SendAsync(HttpMethod.Post, "/api/v1/tickets", new { purpose = "display", nodeId = _scene.Node("s").Id }).RefusedAsync(404, "not_found");
        await _staff.SendAsync(HttpMethod.Post, "/api/v1/tickets", new { purpose = "display" }).RefusedAsync(400, "invalid_request");
        await _staff.SendAsync(HttpMethod.Post, "/api/v1/tickets", new { purpose = "door" }).RefusedAsync(400, "malformed_body");
    }

    private string Path(string node) => $"/api/v1/grid-nodes/{_scene.Node(node).Id}/wall";

    private async Task<JsonElement> Changes(string node, string after) => await _staff.GetAsync($"{Path(node)}/changes?after={after}").OkAsync();

    private async Task<List<int>> Doors(SignedIn who, string node) =>
        (await who.GetAsync(Path(node)).OkAsync()).GetProperty("tiles").EnumerateArray().Select(Number).Order().ToList();

    private List<int> Numbers(JsonElement changes) => changes.GetProperty("changed").EnumerateArray().Select(Number).ToList();

    private int Number(JsonElement tile) => int.Parse(tile.GetProperty("door").GetString()!.Split('-')[1], System.Globalization.CultureInfo.InvariantCulture);

    private async Task Turn(int number, string what, SignedIn? who = null)
    {
        var home = _scene.Household($"{_scene.Top}-{number}").Id;
        var values = new { values = new[] { new { subject = "household", subjectId = home, tag = "last_major_event", value = what, observedAt = Day } } };
        await (who ?? _staff).SendAsync(HttpMethod.Put, $"/api/v1/households/{home}/facts", values, ifMatch: "\"1\"").OkAsync();
    }
}
