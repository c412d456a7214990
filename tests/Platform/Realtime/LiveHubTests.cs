using System.Net.WebSockets;
using System.Text;
using Backend.Domain.Grid;
using Backend.Domain.Tiers;
using Backend.Platform.Outbox;
using Backend.Platform.Persistence;
using Backend.Platform.Realtime;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Platform.Realtime;

/// <summary>Who hears what on the hub, in which order, and when a connection is closed (AZ11, AZ12, RL07, RL08, RL09).</summary>
public sealed class LiveHubTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private readonly List<IAsyncDisposable> _open = [];
    private Api _api = null!;
    private Scene _scene = null!;

    public async Task InitializeAsync()
    {
        _api = await OpenAsync();
        _scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("楼层长", Role.FloorLeader, "s.c.a.b1.f1", leads: true)
            .Person("楼长", Role.BuildingLeader, "s.c.a.b1", leads: true)
            .Person("员工", Role.Staff, "s.c")
            .Person("街道", Role.StreetManager, "s")
            .Person("劳务", Role.LabourOfficer, "s.c")
            .Person("邻楼", Role.FloorLeader, "s.c.a.b10.f1", leads: true)
            .Person("外社区", Role.Staff, "s.d");
        foreach (var (path, door) in ((string, string)[])[("s.c.a.b1.f1", "1"), ("s.c.a.b1.f2", "2"), ("s.c.a.b1.f3", "3"), ("s.c.a.b10.f1", "4"), ("s.d.a.b.f1", "5")])
            _scene.Home(path, Door(door), Day);
        AddPost("楼层区间", new Assignment { Id = Guid.CreateVersion7(), PostId = Guid.CreateVersion7(), NodeId = _scene.Node("s.c.a.b1").Id, FloorFrom = 2, FloorTo = 3 });
        AddPost("责任户", new Assignment { Id = Guid.CreateVersion7(), PostId = Guid.CreateVersion7(), HouseholdId = Home("2") });
        await _scene.SaveAsync(fixture.Database);
    }

    public async Task DisposeAsync()
    {
        _open.Reverse();
        foreach (var one in _open) await one.DisposeAsync();
    }

    [Theory]
    [InlineData("楼层长", "1")]
    [InlineData("楼长", "1 2 3")]
    [InlineData("员工", "1 2 3 4")]
    [InlineData("街道", "1 2 3 4 5")]
    [InlineData("楼层区间", "2 3")]
    [InlineData("责任户", "2")]
    [InlineData("邻楼", "4")]
    [InlineData("外社区", "5")]
    [InlineData("劳务", "")]
    public async Task AZ12_a_connection_hears_the_tiles_of_its_reach_and_no_other(string who, string hears)
    {
        var all = await HubClientOf("街道");
        var client = who == "街道" ? all : await HubClientOf(who);
        foreach (var door in (string[])["1", "2", "3", "4", "5"]) await TurnAsync(_api, Home(door));

        // The one who hears everything has heard the last of it; whatever was for the other was sent no later.
        await all.UntilAsync(c => c.Tiles.Count == 5);
        var expected = hears.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Home).ToHashSet();
        await client.UntilAsync(c => c.Tiles.Count >= expected.Count);
        Assert.Equal(expected, client.Tiles.Select(t => t.Id).ToHashSet());
        Assert.Equal(expected.Count, client.Tiles.Count);
    }

    [Fact]
    public async Task AZ12_a_display_hears_its_one_node_and_no_notices()
    {
        var staff = await _api.SignInAsync(_scene.OpenIdOf("员工"));
        var screen = await ScreenAsync(staff, "s.c.a.b1");
        var person = await HubClientOf("员工");
        await TurnAsync(_api, Home("4"));
        await TurnAsync(_api, Home("1"));
        await QuietAsync(_api);

        await person.UntilAsync(c => c.Notices.Count == 2 && c.Tiles.Count == 2);
        await screen.UntilAsync(c => c.Tiles.Count == 1);
        Assert.Equal(Home("1"), screen.Tiles[0].Id);
        Assert.Empty(screen.Notices);
    }

    [Fact]
    public async Task AZ12_there_is_nothing_to_call_and_no_way_to_join()
    {
        var stranger = await HubClientOf("外社区");
        foreach (var method in (string[])["Join", "JoinGroup", "AddToGroup", "Subscribe", "OnConnectedAsync", "Dispose", "ToString", "Send"])
        {
            var refused = await Assert.ThrowsAsync<Microsoft.AspNetCore.SignalR.HubException>(
                () => stranger.Connection.InvokeAsync(method, $"node:{_scene.Node("s.c").Id}"));
            Assert.DoesNotContain("Backend", refused.Message, StringComparison.Ordinal);
        }

        var all = await HubClientOf("街道");
        await TurnAsync(_api, Home("1"));
        await all.UntilAsync(c => c.Tiles.Count == 1);
        Assert.Empty(stranger.Tiles);
    }

    [Fact]
    public async Task AZ12_the_push_carries_ids_tiers_and_versions_alone()
    {
        var staff = await HubClientOf("员工");
        await TurnAsync(_api, Home("1"));
        await QuietAsync(_api);
        await staff.UntilAsync(c => c.Tiles.Count == 1 && c.Notices.Count == 1);

        var message = staff.Of("tilesChanged").Single();
        Assert.Equal(["root", "version", "tiles"], message.EnumerateObject().Select(p => p.Name));
        Assert.Equal(["id", "tier", "state", "version"], message.GetProperty("tiles")[0].EnumerateObject().Select(p => p.Name));
        Assert.Equal(_scene.Node("s.c").Id, message.GetProperty("root").GetGuid());
        Assert.Matches("^[0-9a-z]+\\.[0-9]+$", message.GetProperty("version").GetString()!);
        Assert.Equal("provisional", message.GetProperty("tiles")[0].GetProperty("state").GetString());
        Assert.Equal(["id"], staff.Of("noticeArrived").Single().EnumerateObject().Select(p => p.Name));
    }

    [Theory]
    [InlineData("dismissed")]
    [InlineData("stand-in begins")]
    [InlineData("assignment taken")]
    [InlineData("session ended")]
    [InlineData("account disabled")]
    [InlineData("token over")]
    public async Task AZ11_AZ12_a_lost_right_closes_the_connection_and_leaves_the_others(string how)
    {
        var leader = await HubClientOf("楼长");
        var other = await HubClientOf("员工");
        var account = _scene.Account("楼长").Id;
        var watch = _api.Services.GetRequiredService<ReachWatch>();
        Assert.Equal(0, await watch.LookAsync(default));

        switch (how)
        {
            case "dismissed":
                await fixture.Database.ExecuteAsync("update appointments set to_day = $1 where account_id = $2", Day.AddDays(-1), account);
                break;
            case "stand-in begins":
                await fixture.Database.ExecuteAsync(
                    "insert into stand_ins (id, post_id, account_id, from_day, to_day) select $1, id, $2, $3, $3 from posts where node_id = $4 and leads_node",
                    Guid.CreateVersion7(), account, Day, _scene.Node("s.c.a.b10.f1").Id);
                break;
            case "assignment taken":
                await fixture.Database.ExecuteAsync("delete from assignments where post_id in (select post_id from appointments where account_id = $1)", account);
                break;
            case "session ended":
                await fixture.Database.ExecuteAsync("update sessions set ended_at = $1 where account_id = $2", _api.Clock.GetUtcNow().UtcDateTime, account);
                break;
            case "account disabled":
                await fixture.Database.ExecuteAsync("update accounts set disabled_at = $1 where id = $2", _api.Clock.GetUtcNow().UtcDateTime, account);
                break;
            case "token over":
                // The other one comes back with a fresh token a minute before the first one's ends.
                _api.Clock.Advance(TimeSpan.FromMinutes(14));
                await other.DisposeAsync();
                other = await HubClientOf("员工");
                _api.Clock.Advance(TimeSpan.FromMinutes(1));
                break;
        }

        await watch.LookAsync(default);
        await leader.ClosedAsync();
        Assert.False(other.IsClosed);
        await TurnAsync(_api, Home("1"));
        await other.UntilAsync(c => c.Tiles.Count == 1);
        Assert.Empty(leader.Tiles);
    }

    [Fact]
    public async Task AZ12_the_last_day_of_an_appointment_ends_the_connection_at_midnight_in_Shanghai()
    {
        await fixture.Database.ExecuteAsync("update appointments set to_day = $1 where account_id = $2", Day, _scene.Account("楼长").Id);
        // By a ticket: it lasts as long as its session, not as a token.
        var client = Keep(HubClient.Build($"{_api.Address}hubs/live?ticket={await TicketAsync(await _api.SignInAsync(_scene.OpenIdOf("楼长")))}"));
        await client.Connection.StartAsync();
        await client.UntilAsync(c => c.Resyncs.Count > 0);
        var watch = _api.Services.GetRequiredService<ReachWatch>();
        _api.Clock.SetUtcNow(ShanghaiDay.At(Day, new TimeOnly(23, 59)));
        await watch.LookAsync(default);
        Assert.False(client.IsClosed);

        _api.Clock.SetUtcNow(ShanghaiDay.At(Day.AddDays(1), new TimeOnly(0, 0)));
        await watch.LookAsync(default);
        await client.ClosedAsync();
    }

    [Fact]
    public async Task AZ12_whoever_takes_a_right_can_close_the_connections_at_once()
    {
        var (leader, other) = (await HubClientOf("楼长"), await HubClientOf("员工"));
        _api.Services.GetRequiredService<LiveConnections>().Drop(_scene.Account("楼长").Id);
        await leader.ClosedAsync();
        Assert.False(other.IsClosed);
    }

    [Fact]
    public async Task RL08_an_account_has_at_most_five_connections_and_a_closed_one_makes_room()
    {
        var signedIn = await _api.SignInAsync(_scene.OpenIdOf("员工"));
        var clients = new List<HubClient>();
        for (var i = 0; i < 5; i++) clients.Add(Keep(await HubClient.ConnectAsync(_api, signedIn.AccessToken)));

        var sixth = Keep(await HubClient.ConnectAsync(_api, signedIn.AccessToken, awaitGroups: false));
        await sixth.ClosedAsync();

        await clients[0].Connection.StopAsync();
        var connections = _api.Services.GetRequiredService<LiveConnections>();
        for (var i = 0; i < 500 && connections.Count > 4; i++) await Task.Delay(10);
        Keep(await HubClient.ConnectAsync(_api, signedIn.AccessToken));
        Assert.All(clients.Skip(1), c => Assert.False(c.IsClosed));
        // Another account is not concerned.
        await HubClientOf("楼长");
    }

    [Fact]
    public async Task RL08_P10_all_come_back_at_once_and_the_database_hardly_notices()
    {
        var tokens = new List<string>();
        foreach (var who in (string[])["员工", "街道", "楼长", "楼层长", "邻楼", "外社区"])
            for (var n = 0; n < 5; n++) tokens.Add((await _api.SignInAsync(_scene.OpenIdOf(who))).AccessToken);
        // A replica that has just started knows nobody.
        var cold = await OpenAsync();
        using var sql = new SqlCount(fixture.Database);
        var clients = await Task.WhenAll(tokens.Select(t => HubClient.ConnectAsync(cold, t)));
        Assert.InRange(sql.Count, 1, 15);

        foreach (var client in clients) await client.DisposeAsync();
        var connections = cold.Services.GetRequiredService<LiveConnections>();
        for (var i = 0; i < 500 && connections.Count > 0; i++) await Task.Delay(10);
        sql.Reset();
        foreach (var client in await Task.WhenAll(tokens.Select(t => HubClient.ConnectAsync(cold, t)))) Keep(client);
        Assert.Equal([], sql.Commands);
        Assert.Equal(tokens.Count, connections.Count);
    }

    [Fact]
    public async Task RL09_nobody_connects_without_a_session_and_a_token_in_the_query_is_not_read()
    {
        var signedIn = await _api.SignInAsync(_scene.OpenIdOf("员工"));
        foreach (var query in (string[])["", $"?access_token={signedIn.AccessToken}", "?ticket=invented", $"?ticket={signedIn.AccessToken}"])
        {
            var client = Keep(HubClient.Build($"{_api.Address}hubs/live{query}"));
            await Assert.ThrowsAnyAsync<Exception>(() => client.Connection.StartAsync());
            using var answer = await _api.Anonymous().PostAsync($"hubs/live/negotiate{query}", null);
            Assert.Equal(401, (int)answer.StatusCode);
        }
    }

    [Fact]
    public async Task RL09_a_ticket_opens_one_connection_and_no_negotiation()
    {
        var signedIn = await _api.SignInAsync(_scene.OpenIdOf("员工"));
        var ticket = await TicketAsync(signedIn);
        using (var negotiation = await _api.Anonymous().PostAsync($"hubs/live/negotiate?ticket={ticket}", null)) Assert.Equal(401, (int)negotiation.StatusCode);
        var first = Keep(HubClient.Build($"{_api.Address}hubs/live?ticket={ticket}"));
        await first.Connection.StartAsync();
        await first.UntilAsync(c => c.Resyncs.Count > 0);

        var second = Keep(HubClient.Build($"{_api.Address}hubs/live?ticket={ticket}"));
        await Assert.ThrowsAnyAsync<Exception>(() => second.Connection.StartAsync());
    }

    [Fact]
    public async Task RL07_two_replicas_write_at_once_and_every_client_hears_every_version_once_and_in_order()
    {
        var other = await OpenAsync();
        var here = await HubClientOf("员工");
        var there = Keep(await HubClient.ConnectAsync(other, (await other.SignInAsync(_scene.OpenIdOf("员工"))).AccessToken));
        string[] doors = ["1", "2", "3", "4"];

        for (var round = 0; round < 10; round++)
        {
            await Task.WhenAll(doors.Select((door, i) => TurnAsync(i % 2 == 0 ? _api : other, Home(door))));
            // Behind the back of the history, so that the same four can rise again.
            await fixture.Database.ExecuteAsync("update households set tier = 'green', state = null, engine_tier = 'green' where id = any($1)", doors.Select(Home).ToArray());
        }

        foreach (var client in (HubClient[])[here, there])
        {
            await client.UntilAsync(c => c.Tiles.Count >= 40);
            Assert.Equal(Enumerable.Range(2, 40).Select(v => (long)v), client.Tiles.Select(t => t.Version));
        }
    }

    [Fact]
    public async Task RL05_a_notice_is_heard_once_and_on_another_replica_than_the_one_that_sent_it()
    {
        var other = await OpenAsync();
        var there = Keep(await HubClient.ConnectAsync(other, (await other.SignInAsync(_scene.OpenIdOf("楼层长"))).AccessToken));
        await TurnAsync(_api, Home("1"));
        await QuietAsync(_api);
        await there.UntilAsync(c => c.Notices.Count > 0);

        for (var i = 0; i < 3; i++) await other.Services.GetRequiredService<NoticeFeed>().PushAsync(default);
        await TurnAsync(other, Home("1"), Tier.Orange);
        await there.UntilAsync(c => c.Tiles.Count == 2);
        Assert.Single(there.Notices);
    }

    [Fact]
    public async Task RL07_more_than_a_message_should_hold_is_a_resync()
    {
        var (staff, single, stranger) = (await HubClientOf("员工"), await HubClientOf("责任户"), await HubClientOf("邻楼"));
        foreach (var client in (HubClient[])[staff, single, stranger]) client.Clear();
        await ManyChangesAsync(Home("5"), 1001);
        await ManyChangesAsync(Home("1"), 1001);
        await _api.Services.GetRequiredService<WallFeed>().PushAsync(default);

        await staff.UntilAsync(c => c.Resyncs.Count == 1);
        // Its household may lie under either root.
        await single.UntilAsync(c => c.Resyncs.Count == 2);
        Assert.Equal([_scene.Node("s.c").Id], staff.Resyncs);
        Assert.Empty(staff.Tiles);
    }

    [Fact]
    public async Task RL08_a_client_that_does_not_read_is_cut_and_delays_nobody()
    {
        // Long enough that the client that reads is not cut while this process is busy with other tests, and well below the 15 s.
        var api = await OpenAsync(new Dictionary<string, string?> { ["Realtime:SendLimit"] = "00:00:05" });
        var reader = Keep(await HubClient.ConnectAsync(api, (await api.SignInAsync(_scene.OpenIdOf("员工"))).AccessToken));
        using var stalled = new ClientWebSocket();
        stalled.Options.SetRequestHeader("Authorization", $"Bearer {(await api.SignInAsync(_scene.OpenIdOf("街道"))).AccessToken}");
        await stalled.ConnectAsync(new Uri($"{api.Address}hubs/live".Replace("http", "ws", StringComparison.Ordinal)), default);
        await stalled.SendAsync(Encoding.UTF8.GetBytes("{\"protocol\":\"json\",\"version\":1}\u001e"), WebSocketMessageType.Text, endOfMessage: true, default);
        var connections = api.Services.GetRequiredService<LiveConnections>();
        for (var i = 0; i < 500 && connections.Count < 2; i++) await Task.Delay(10);
        Assert.Equal(2, connections.Count);

        // Until more is on the way than the sockets of this machine take without a reader.
        var feed = api.Services.GetRequiredService<WallFeed>();
        var sent = 0;
        while (connections.Count == 2 && sent < 200_000)
        {
            await ManyChangesAsync(Home("1"), 1000);
            await feed.PushAsync(default);
            sent += 1000;
            await reader.UntilAsync(c => c.TileCount >= sent || c.IsClosed);
            Assert.False(reader.IsClosed, $"the client that reads was cut after {sent} changes");
        }

        for (var i = 0; i < 1500 && connections.Count == 2; i++) await Task.Delay(10);
        Assert.Equal(1, connections.Count);
        Assert.False(reader.IsClosed);
        Assert.Equal(sent, reader.TileCount);
        await TurnAsync(api, Home("2"));
        await reader.UntilAsync(c => c.TileCount == sent + 1);
    }

    private Task ManyChangesAsync(Guid household, int count) => fixture.Database.ExecuteAsync("""
        with root as (update wall_roots w set version = w.version + $2 from tiles t where t.household_id = $1 and w.node_id = t.root_id returning w.version)
        insert into tile_changes (root_id, version, household_id, node_id, node_path, door, tier, state, due_day, last_visit_day, removed, at)
        select t.root_id, r.version - $2 + n, t.household_id, t.node_id, t.node_path, t.door, 'green', null, null, null, false, now()
        from tiles t, root r, generate_series(1, $2) n where t.household_id = $1
        """, household, count);

    private string Door(string number) => $"{_scene.Top}-{number}";

    private Guid Home(string number) => _scene.Household(Door(number)).Id;

    private void AddPost(string name, Assignment assignment)
    {
        var account = _scene.Known(name);
        _scene.Add(new Post { Id = assignment.PostId, Role = Role.FloorLeader, NodeId = _scene.Node("s.c.a.b1").Id, Title = name }).Add(assignment)
            .Add(new Appointment { Id = Guid.CreateVersion7(), PostId = assignment.PostId, AccountId = account.Id, FromDay = new DateOnly(2020, 1, 1) });
    }

    private async Task<Api> OpenAsync(IReadOnlyDictionary<string, string?>? settings = null) => Keep(await Api.StartAsync(fixture.Database, settings));

    private T Keep<T>(T one) where T : IAsyncDisposable
    {
        _open.Add(one);
        return one;
    }

    private async Task<HubClient> HubClientOf(string who)
    {
        var signedIn = await _api.SignInAsync(_scene.OpenIdOf(who));
        // Whoever has no wall is told no root; she is in when she is counted and her groups are joined.
        var client = Keep(await HubClient.ConnectAsync(_api, signedIn.AccessToken, awaitGroups: who is not ("责任户" or "劳务")));
        var connections = _api.Services.GetRequiredService<LiveConnections>();
        for (var i = 0; i < 500 && !connections.Hears(HubGroups.Account(_scene.Account(who).Id)); i++) await Task.Delay(10);
        return client;
    }

    private static async Task<string> TicketAsync(SignedIn signedIn) =>
        (await signedIn.SendAsync(HttpMethod.Post, "/api/v1/tickets", new { purpose = "hub" }).OkAsync()).GetProperty("ticket").GetString()!;

    /// <summary>A wall in a browser: display ticket, cookie, and a hub ticket for the connection.</summary>
    private async Task<HubClient> ScreenAsync(SignedIn staff, string path)
    {
        var display = await staff.SendAsync(HttpMethod.Post, "/api/v1/tickets", new { purpose = "display", nodeId = _scene.Node(path).Id }).OkAsync();
        using var browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = _api.Address };
        using var opened = await browser.GetAsync($"/wall?ticket={display.GetProperty("ticket").GetString()}");
        browser.DefaultRequestHeaders.Add("Cookie", opened.Headers.GetValues("Set-Cookie").Single().Split(';')[0]);
        using var body = System.Net.Http.Json.JsonContent.Create(new { purpose = "hub" });
        var ticket = (await browser.PostAsync("/api/v1/tickets", body).OkAsync()).GetProperty("ticket").GetString();
        var client = Keep(HubClient.Build($"{_api.Address}hubs/live?ticket={ticket}"));
        await client.Connection.StartAsync();
        await client.UntilAsync(c => c.Resyncs.Count > 0);
        return client;
    }

    private static async Task TurnAsync(Api api, Guid household, Tier to = Tier.Red)
    {
        await using var db = api.Services.GetRequiredService<BackendDbFactory>().ForWorker();
        await LeadersScene.ChangeAsync(db, household, to);
    }

    private static async Task QuietAsync(Api api)
    {
        var (dispatcher, pump) = (api.Services.GetRequiredService<OutboxDispatcher>(), api.Services.GetRequiredService<DeliveryPump>());
        while (await dispatcher.DrainAsync(default) + await pump.DrainAsync(default) > 0) { }
    }
}
