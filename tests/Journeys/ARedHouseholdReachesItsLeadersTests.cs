using System.Collections.Concurrent;
using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Features.Tiers;
using Backend.Platform.Outbox;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.AspNetCore.Http.Connections;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Backend.Tests.Journeys;

/// <summary>
/// The main job from end to end: a fact changes, the tile turns red on two open walls, floor, building and area leader and the staff are told once
/// each by SignalR and by WeChat, one of them takes it on. Real Kestrel, PostgreSQL and SignalR clients; WeChat is a stub over HTTP.
/// </summary>
public sealed class ARedHouseholdReachesItsLeadersTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly string[] Told = ["楼层长一", "楼长", "片区长", "员工"];
    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private readonly List<IAsyncDisposable> _open = [];
    private Api _api = null!;
    private Scene _scene = null!;
    private SignedIn _staff = null!;
    private Guid _first, _second;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database);
        _scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("楼层长一", Role.FloorLeader, "s.c.a.b.f1", leads: true)
            .Person("楼层长二", Role.FloorLeader, "s.c.a.b.f2", leads: true)
            .Person("楼长", Role.BuildingLeader, "s.c.a.b", leads: true)
            .Person("片区长", Role.AreaLeader, "s.c.a", leads: true)
            .Person("员工", Role.Staff, "s.c")
            .Person("外人", Role.FloorLeader, "s.c.a.b2.f1", leads: true)
            .Person("外社区员工", Role.Staff, "s.d");
        var gap = ("medical_insured", "false");
        _first = _scene.Home("s.c.a.b.f1", $"{_scene.Top}-1", Day).Id;
        _second = _scene.Home("s.c.a.b.f2", $"{_scene.Top}-2", Day).Id;
        // Not insured since 20 days: eleven days later the 30 days of grace are over for both.
        foreach (var (node, door) in ((string, string)[])[("s.c.a.b.f1", "11"), ("s.c.a.b.f2", "12")])
            _scene.Home(node, $"{_scene.Top}-{door}", Day, gap).NextEvaluationOn = Day.AddDays(11);
        await _scene.SaveAsync(fixture.Database);
        _staff = await _api.SignInAsync(_scene.OpenIdOf("员工"));
    }

    public async Task DisposeAsync()
    {
        foreach (var one in _open) await one.DisposeAsync();
        await _api.DisposeAsync();
    }

    [Fact]
    public async Task RL01_RL05_RL06_AZ12_everybody_on_the_path_is_told_once_and_nobody_else()
    {
        var screens = new[] { await ScreenAsync("s.c"), await ScreenAsync("s.c.a.b") };
        var leaders = new Dictionary<string, Ear>();
        foreach (var name in Told) leaders[name] = await ListenAsync(name);
        var strangers = new[] { await ListenAsync("外人"), await ListenAsync("外社区员工"), await ListenAsync("楼层长二") };
        await QuietAsync();
        foreach (var ear in (Ear[])[.. screens, .. leaders.Values, .. strangers]) ear.Clear();

        await IllAsync(_first);
        await QuietAsync();

        // The tile is red on both walls; the push says ids, tiers and versions and nothing more.
        foreach (var screen in screens)
        {
            await screen.UntilAsync(e => e.Tiles.Any(t => t.Id == _first && t.Tier == "red"));
            Assert.All(screen.TileMembers, m => Assert.Contains(m, (string[])["id", "tier", "state", "version"]));
        }

        foreach (var (name, ear) in leaders)
        {
            await ear.UntilAsync(e => !e.Notices.IsEmpty);
            Assert.Single(ear.Notices);
            var notice = Assert.Single((await (await _api.SignInAsync(_scene.OpenIdOf(name))).GetAsync("/api/v1/notices").OkAsync()).GetProperty("items").EnumerateArray());
            Assert.Equal(1, notice.GetProperty("count").GetInt32());
            Assert.Equal(ear.Notices.Single(), notice.GetProperty("id").GetGuid());
            Assert.Equal(_first, notice.GetProperty("alarms")[0].GetProperty("householdId").GetGuid());
            Assert.Equal(1, _api.WeChat.SendsTo(_scene.OpenIdOf(name)));
        }

        foreach (var stranger in strangers) Assert.Empty(stranger.Notices);
        Assert.DoesNotContain(strangers[0].Tiles, t => t.Id == _first);
        Assert.DoesNotContain(strangers[1].Tiles, t => t.Id == _first);
        Assert.DoesNotContain(strangers[2].Tiles, t => t.Id == _first);
        foreach (var name in (string[])["外人", "外社区员工", "楼层长二"]) Assert.Equal(0, _api.WeChat.SendsTo(_scene.OpenIdOf(name)));
        Assert.Equal(1L, await fixture.Database.ScalarAsync<long>("select count(*) from alarms where household_id = $1", _first));
        // What lies on a lock screen says nothing of the household (wechat-platform 4.3).
        Assert.All(_api.WeChat.Messages, m => Assert.DoesNotContain(m.Values.Values, v => v.Contains(_scene.Top, StringComparison.Ordinal) || v.Contains('红')));
    }

    [Fact]
    public async Task RL06_one_acknowledgement_stops_the_rest_and_reading_stops_nothing()
    {
        // WeChat is busy: every message waits for its next try.
        _api.WeChat.Always(WeChatCall.EmploymentMessage, StubAnswer.Refuse(-1));
        await IllAsync(_first);
        await QuietAsync();
        Assert.Equal(4L, await Deliveries("state = 'waiting' and channel = 'employment_message'"));

        var floor = await _api.SignInAsync(_scene.OpenIdOf("楼层长一"));
        var id = (await floor.GetAsync("/api/v1/notices").OkAsync()).GetProperty("items")[0].GetProperty("id").GetGuid();
        Assert.Equal(204, (int)(await floor.SendAsync(HttpMethod.Post, $"/api/v1/notices/{id}/read")).StatusCode);
        await PassAsync(TimeSpan.FromMinutes(30));
        Assert.Equal(4L, await Deliveries("state = 'waiting' and channel = 'employment_message'"));

        // Half an hour has passed: the access token has ended with it.
        floor = await _api.SignInAsync(_scene.OpenIdOf("楼层长一"));
        var taken = await floor.SendAsync(HttpMethod.Post, $"/api/v1/notices/{id}/acknowledgement").OkAsync();
        Assert.True(taken.GetProperty("alarms")[0].GetProperty("byMe").GetBoolean());
        Assert.Equal(_api.Clock.GetUtcNow().AddHours(24), taken.GetProperty("alarms")[0].GetProperty("visitBy").GetDateTimeOffset());

        // WeChat is back, and nobody is told any more.
        _api.WeChat.Always(WeChatCall.EmploymentMessage, null);
        await PassAsync(TimeSpan.FromHours(2));
        Assert.All(Told, name => Assert.Equal(0, _api.WeChat.SendsTo(_scene.OpenIdOf(name))));
        Assert.Equal(4L, await Deliveries("state = 'stopped' and channel = 'employment_message'"));

        // A second one answers 200 and names the first.
        var building = await _api.SignInAsync(_scene.OpenIdOf("楼长"));
        var mine = (await building.GetAsync("/api/v1/notices").OkAsync()).GetProperty("items")[0];
        Assert.Equal("acknowledged", mine.GetProperty("state").GetString());
        var second = await building.SendAsync(HttpMethod.Post, $"/api/v1/notices/{mine.GetProperty("id").GetGuid()}/acknowledgement").OkAsync();
        Assert.False(second.GetProperty("alarms")[0].GetProperty("byMe").GetBoolean());
        Assert.Equal("楼层长一", second.GetProperty("alarms")[0].GetProperty("acknowledgedBy").GetString());
        // A stranger cannot take it.
        var stranger = await _api.SignInAsync(_scene.OpenIdOf("外人"));
        await stranger.SendAsync(HttpMethod.Post, $"/api/v1/notices/{id}/acknowledgement").RefusedAsync(404, "not_found");
    }

    [Fact]
    public async Task A_night_tells_each_person_once_and_another_household_of_the_same_batch_goes_on()
    {
        _api.WeChat.Always(WeChatCall.EmploymentMessage, StubAnswer.Refuse(-1));
        _api.Clock.Advance(TimeSpan.FromDays(11));
        var night = _api.Services.GetServices<IHostedService>().OfType<ReevaluateDueHouseholds>().Single();
        await night.RunAsync(Day.AddDays(11), default);
        await QuietAsync();

        var (a, b) = (_scene.Household($"{_scene.Top}-11").Id, _scene.Household($"{_scene.Top}-12").Id);
        foreach (var home in (Guid[])[a, b])
            Assert.Equal("red", await fixture.Database.ScalarAsync<string>("select tier from households where id = $1", home));
        var building = await _api.SignInAsync(_scene.OpenIdOf("楼长"));
        var both = Assert.Single((await building.GetAsync("/api/v1/notices").OkAsync()).GetProperty("items").EnumerateArray());
        Assert.Equal("batch", both.GetProperty("causeKind").GetString());
        Assert.Equal(new[] { a, b }.Order().ToArray(), both.GetProperty("alarms").EnumerateArray().Select(l => l.GetProperty("householdId").GetGuid()).Order().ToArray());

        var one = await _api.SignInAsync(_scene.OpenIdOf("楼层长一"));
        var mine = Assert.Single((await one.GetAsync("/api/v1/notices").OkAsync()).GetProperty("items").EnumerateArray());
        Assert.Equal(1, mine.GetProperty("count").GetInt32());
        await one.SendAsync(HttpMethod.Post, $"/api/v1/notices/{mine.GetProperty("id").GetGuid()}/acknowledgement").OkAsync();

        _api.WeChat.Always(WeChatCall.EmploymentMessage, null);
        await PassAsync(TimeSpan.FromHours(2));
        Assert.Equal(0, _api.WeChat.SendsTo(_scene.OpenIdOf("楼层长一")));
        Assert.All((string[])["楼层长二", "楼长", "片区长", "员工"], name => Assert.Equal(1, _api.WeChat.SendsTo(_scene.OpenIdOf(name))));
        building = await _api.SignInAsync(_scene.OpenIdOf("楼长"));
        both = (await building.GetAsync("/api/v1/notices").OkAsync()).GetProperty("items")[0];
        Assert.Equal("unread", both.GetProperty("state").GetString());
        Assert.Equal([b], both.GetProperty("alarms").EnumerateArray().Where(l => l.GetProperty("acknowledgedAt").ValueKind == JsonValueKind.Null)
            .Select(l => l.GetProperty("householdId").GetGuid()).ToArray());
    }

    [Fact]
    public async Task RL07_after_a_cut_connection_the_client_catches_up_with_no_gap()
    {
        var screen = await ScreenAsync("s.c");
        var version = (await _staff.GetAsync($"/api/v1/grid-nodes/{_scene.Node("s.c").Id}/wall").OkAsync()).GetProperty("version").GetString()!;
        await screen.CutAsync();
        await IllAsync(_first);
        await IllAsync(_second);
        await QuietAsync();

        var missed = await _staff.GetAsync($"/api/v1/grid-nodes/{_scene.Node("s.c").Id}/wall/changes?after={version}").OkAsync();
        Assert.Equal([_first, _second], missed.GetProperty("changed").EnumerateArray().Select(c => c.GetProperty("id").GetGuid()).ToArray());
        var again = await ScreenAsync("s.c");
        await QuietAsync();
        again.Clear();
        await IllAsync(_scene.Household($"{_scene.Top}-12").Id);
        await QuietAsync();
        await again.UntilAsync(e => e.Tiles.Any(t => t.Id == _scene.Household($"{_scene.Top}-12").Id));
        Assert.DoesNotContain(again.Tiles, t => t.Id == _first || t.Id == _second);
    }

    private async Task IllAsync(Guid home)
    {
        var body = new { values = new[] { new { subject = "household", subjectId = home, tag = "last_major_event", value = "illness", observedAt = Day } } };
        await _staff.SendAsync(HttpMethod.Put, $"/api/v1/households/{home}/facts", body, ifMatch: "\"1\"").OkAsync();
    }

    /// <summary>Until the outbox and the deliveries have nothing more to do now.</summary>
    private async Task QuietAsync()
    {
        var (dispatcher, pump) = (_api.Services.GetRequiredService<OutboxDispatcher>(), _api.Services.GetRequiredService<DeliveryPump>());
        while (await dispatcher.DrainAsync(default) + await pump.DrainAsync(default) > 0) { }
    }

    /// <summary>Lets time pass in steps, as the sweeps see it.</summary>
    private async Task PassAsync(TimeSpan time)
    {
        for (var step = TimeSpan.Zero; step < time; step += TimeSpan.FromMinutes(10))
        {
            _api.Clock.Advance(TimeSpan.FromMinutes(10));
            await QuietAsync();
        }

        _staff = await _api.SignInAsync(_scene.OpenIdOf("员工"));
    }

    private Task<long> Deliveries(string where) => fixture.Database.ScalarAsync<long>($"""
        select count(*) from deliveries d where {where} and cause_id in (select id from tier_changes where household_id = $1)
        """, _first);

    private async Task<Ear> ListenAsync(string name)
    {
        var leader = await _api.SignInAsync(_scene.OpenIdOf(name));
        return await OpenAsync($"{_api.Address}hubs/live", o => o.Headers["Authorization"] = $"Bearer {leader.AccessToken}");
    }

    /// <summary>A wall in a browser: display ticket, cookie, and a hub ticket for the connection (RL09).</summary>
    private async Task<Ear> ScreenAsync(string path)
    {
        var ticket = (await _staff.SendAsync(HttpMethod.Post, "/api/v1/tickets", new { purpose = "display", nodeId = _scene.Node(path).Id }).OkAsync()).GetProperty("ticket").GetString();
        using var browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = _api.Address };
        using var opened = await browser.GetAsync($"/wall?ticket={ticket}");
        browser.DefaultRequestHeaders.Add("Cookie", opened.Headers.GetValues("Set-Cookie").Single().Split(';')[0]);
        using var content = System.Net.Http.Json.JsonContent.Create(new { purpose = "hub" });
        var hub = (await browser.PostAsync("/api/v1/tickets", content).OkAsync()).GetProperty("ticket").GetString();
        return await OpenAsync($"{_api.Address}hubs/live?ticket={hub}", _ => { });
    }

    private async Task<Ear> OpenAsync(string url, Action<Microsoft.AspNetCore.Http.Connections.Client.HttpConnectionOptions> more)
    {
        var connection = new HubConnectionBuilder().WithUrl(url, o =>
        {
            o.SkipNegotiation = true;
            o.Transports = HttpTransportType.WebSockets;
            more(o);
        }).Build();
        var ear = new Ear(connection);
        await connection.StartAsync();
        _open.Add(ear);
        // The server answers the handshake before it has chosen the groups; the resync says that they are joined.
        await ear.UntilAsync(e => e.IsIn);
        return ear;
    }

    /// <summary>One connected client and all it heard.</summary>
    private sealed class Ear : IAsyncDisposable
    {
        private readonly HubConnection _connection;
        private readonly SemaphoreSlim _heard = new(0);

        public Ear(HubConnection connection)
        {
            _connection = connection;
            connection.On<JsonElement>("tilesChanged", message =>
            {
                foreach (var tile in message.GetProperty("tiles").EnumerateArray())
                {
                    foreach (var member in tile.EnumerateObject()) TileMembers.Add(member.Name);
                    Tiles.Enqueue((tile.GetProperty("id").GetGuid(), tile.GetProperty("tier").GetString()!));
                }

                _heard.Release();
            });
            connection.On<JsonElement>("resync", _ =>
            {
                IsIn = true;
                _heard.Release();
            });
            connection.On<JsonElement>("noticeArrived", message =>
            {
                Notices.Enqueue(message.GetProperty("id").GetGuid());
                _heard.Release();
            });
        }

        public ConcurrentQueue<(Guid Id, string Tier)> Tiles { get; } = new();

        public ConcurrentQueue<Guid> Notices { get; } = new();

        public volatile bool IsIn;

        public ConcurrentBag<string> TileMembers { get; } = [];

        public void Clear()
        {
            Tiles.Clear();
            Notices.Clear();
        }

        /// <summary>Waits for the next messages until the condition holds.</summary>
        public async Task UntilAsync(Func<Ear, bool> condition)
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            while (!condition(this)) await _heard.WaitAsync(patience.Token);
        }

        public Task CutAsync() => _connection.StopAsync();

        public ValueTask DisposeAsync() => _connection.DisposeAsync();
    }
}
