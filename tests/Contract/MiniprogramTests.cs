using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Platform.Outbox;
using Backend.Platform.Realtime;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Local;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Contract;

/// <summary>
/// The contract package against the running api: the file that WeChat's developer tools would take, in a realm with nothing but ECMAScript, wx,
/// console and timers, on a bad network.
/// </summary>
public sealed class MiniprogramTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private static readonly SemaphoreSlim Building = new(1);
    private readonly List<Phone> _phones = [];
    private Api _api = null!;
    private Scene _scene = null!;
    private SignedIn _staff = null!;
    private Guid _first, _second;

    public async Task InitializeAsync()
    {
        await Building.WaitAsync();
        try
        {
            // Nothing is done where nothing has changed; `make test` has built it before.
            await WebPages.BuildAsync(_ => { }, CancellationToken.None);
        }
        finally
        {
            Building.Release();
        }

        _api = await Api.StartAsync(fixture.Database);
        _scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("楼层长", Role.FloorLeader, "s.c.a.b.f1", leads: true)
            .Person("楼长", Role.BuildingLeader, "s.c.a.b", leads: true)
            .Person("员工", Role.Staff, "s.c");
        _first = _scene.Home("s.c.a.b.f1", $"{_scene.Top}-1", Day).Id;
        _second = _scene.Home("s.c.a.b.f1", $"{_scene.Top}-2", Day).Id;
        await _scene.SaveAsync(fixture.Database);
        _staff = await _api.SignInAsync(_scene.OpenIdOf("员工"));
    }

    public async Task DisposeAsync()
    {
        foreach (var phone in _phones)
        {
            await phone.DisposeAsync();
            Assert.Empty(phone.Complaints);
        }

        await _api.DisposeAsync();
    }

    [Fact]
    public async Task It_loads_in_a_bare_realm_and_signs_in_silently()
    {
        var phone = PhoneOf("楼层长");
        var names = (await phone.DoAsync("names")).EnumerateArray().Select(n => n.GetString()!).ToList();
        Assert.DoesNotContain(names, n => n is "URL" or "fetch" or "TextDecoder" or "AbortController" or "globalThis" or "process" or "require" or "Intl");
        await Assert.ThrowsAsync<InvalidOperationException>(() => phone.RunAsync("return eval('1')"));

        var me = await phone.RunAsync("return await client.readMe()");
        Assert.Equal("楼层长", me.GetProperty("name").GetString());
        await phone.RunAsync("await client.readMe()");
        var seen = await phone.DoAsync("seen");
        Assert.Equal(1, seen.GetProperty("logins").GetInt32());
        // Our own tokens and nothing of WeChat's.
        var stored = Assert.Single(seen.GetProperty("storage").EnumerateObject());
        Assert.Equal("session https://api.example.cn", stored.Name);
        using var kept = JsonDocument.Parse(stored.Value.GetString()!);
        Assert.Equal(["accessToken", "expiresIn", "refreshToken", "until"], kept.RootElement.EnumerateObject().Select(m => m.Name).Order());
    }

    [Fact]
    public async Task Another_program_start_goes_on_with_the_stored_session()
    {
        var phone = PhoneOf("楼层长");
        await phone.RunAsync("await client.readMe()");
        var me = await phone.RunAsync("return await contract.createClient({ base: DOMAIN, host: contract.wxHost(wx) }).readMe()");
        Assert.Equal("楼层长", me.GetProperty("name").GetString());
        Assert.Equal(1, (await phone.DoAsync("seen")).GetProperty("logins").GetInt32());
    }

    [Fact]
    public async Task Five_calls_with_a_stale_token_make_one_renewal_and_five_results()
    {
        var phone = PhoneOf("楼层长");
        await phone.RunAsync("await client.readMe()");
        // The phone does not know that time has passed: it learns it by five 401s at once.
        _api.Clock.Advance(TimeSpan.FromMinutes(16));
        await phone.DoAsync("forget");
        var names = await phone.RunAsync("return await Promise.all([1, 2, 3, 4, 5].map(() => client.readMe().then((me) => me.name)))");
        Assert.Equal(Enumerable.Repeat("楼层长", 5), names.EnumerateArray().Select(n => n.GetString()));
        var paths = await PathsAsync(phone);
        Assert.Single(paths, p => p == "/api/v1/sessions/refresh");
        Assert.Equal(10, paths.Count(p => p == "/api/v1/me"));
        Assert.Equal(1, (await phone.DoAsync("seen")).GetProperty("logins").GetInt32());

        // The refresh token has rotated, and so it does again.
        _api.Clock.Advance(TimeSpan.FromMinutes(16));
        await phone.RunAsync("await client.readMe()");
        Assert.Equal(1, (await phone.DoAsync("seen")).GetProperty("logins").GetInt32());
    }

    [Fact]
    public async Task ID04_a_renewal_whose_answer_was_lost_is_asked_for_again_and_a_dead_session_is_replaced_silently()
    {
        var phone = PhoneOf("楼层长");
        await phone.RunAsync("await client.readMe()");
        _api.Clock.Advance(TimeSpan.FromMinutes(16));
        await phone.DoAsync("lose", "sessions/refresh");
        await phone.RunAsync("await client.readMe()");
        Assert.Equal(1, (await phone.DoAsync("seen")).GetProperty("logins").GetInt32());

        // Eight days idle: the refresh token is over, and wx.login is asked.
        _api.Clock.Advance(TimeSpan.FromDays(8));
        await phone.RunAsync("await client.readMe()");
        Assert.Equal(2, (await phone.DoAsync("seen")).GetProperty("logins").GetInt32());
    }

    [Fact]
    public async Task Signing_out_is_not_undone_silently()
    {
        var phone = PhoneOf("楼层长");
        await phone.RunAsync("await client.endSession()");
        Assert.Equal("session_ended", await RefusalAsync(phone, "client.readMe()"));
        Assert.Equal("", (await phone.DoAsync("seen")).GetProperty("storage").EnumerateObject().Single().Value.GetString());
        await phone.RunAsync("await client.signIn(); await client.readMe()");
        Assert.Equal(2, (await phone.DoAsync("seen")).GetProperty("logins").GetInt32());
    }

    [Fact]
    public async Task Refusals_can_be_shown_as_they_are()
    {
        var phone = PhoneOf("楼层长");
        var error = await phone.RunAsync($"return await client.readHousehold({{ id: '{Guid.CreateVersion7()}' }}).catch((e) => ({{ ...e, isError: e instanceof contract.ApiError, message: e.message }}))");
        Assert.True(error.GetProperty("isError").GetBoolean());
        Assert.Equal(404, error.GetProperty("status").GetInt32());
        Assert.Equal("not_found", error.GetProperty("code").GetString());
        Assert.Contains(error.GetProperty("title").GetString()!, c => c >= '一');
        Assert.NotEqual("", error.GetProperty("traceId").GetString());

        var staff = PhoneOf("员工");
        Assert.Equal("version_stale", await RefusalAsync(staff, $"client.reviseFacts({Illness(_first, revision: 7)})"));
        var invalid = await staff.RunAsync("return await client.listHouseholds({ limit: 1000 }).catch((e) => e)");
        Assert.NotEmpty(invalid.GetProperty("errors").GetProperty("limit").EnumerateArray());

        await phone.DoAsync("offline");
        Assert.Equal("unreachable", await RefusalAsync(phone, "client.readMe()"));
    }

    [Fact]
    public async Task Somebody_whom_nobody_has_bound_gets_a_binding_ticket()
    {
        _api.WeChat.AddCode("code-of-a-stranger", "o-nobody-knows-this-one-000");
        var phone = Opened(Phone.Start(_api.Address, "code-of-a-stranger"));
        await phone.RunAsync("this.client = contract.createClient({ base: DOMAIN, host: contract.wxHost(wx) })");
        var error = await phone.RunAsync("return await client.readMe().catch((e) => e)");
        Assert.Equal("account_not_bound", error.GetProperty("code").GetString());
        Assert.NotEqual("", error.GetProperty("bindingTicket").GetString());
    }

    [Fact]
    public async Task Forty_calls_at_once_stay_within_the_platforms_ten()
    {
        var phone = PhoneOf("楼层长");
        var count = await phone.RunAsync("const all = []; for (let i = 0; i < 40; i++) all.push(client.readMe()); return (await Promise.all(all)).length");
        Assert.Equal(40, count.GetInt32());
        Assert.Equal(8, (await phone.DoAsync("seen")).GetProperty("mostRequests").GetInt32());
    }

    [Fact]
    public async Task RL02_an_acknowledgement_whose_answer_was_lost_is_sent_again_under_the_same_key()
    {
        await IllAsync(_first);
        await QuietAsync();
        var phone = PhoneOf("楼层长");
        await phone.DoAsync("lose", "acknowledgement");
        var taken = await phone.RunAsync("const { items } = await client.listNotices(); return await client.acknowledgeNotice({ id: items[0].id })");
        Assert.True(taken.GetProperty("alarms")[0].GetProperty("byMe").GetBoolean());
        var keys = (await phone.DoAsync("seen")).GetProperty("requests").EnumerateArray().Where(r => r.GetProperty("path").GetString()!.EndsWith("acknowledgement", StringComparison.Ordinal))
            .Select(r => r.GetProperty("key").GetString()).ToList();
        Assert.Equal(2, keys.Count);
        Assert.Single(keys.Distinct());
        Assert.Equal(1L, await fixture.Database.ScalarAsync<long>("select count(*) from alarms where household_id = $1 and acknowledged_at is not null", _first));
    }

    [Theory]
    [InlineData("uniHost(uni)")]
    [InlineData("taroHost(Taro)")]
    public async Task The_other_frameworks_hear_the_same_by_a_ticket(string host)
    {
        var phone = await FollowingAsync("楼层长", host);
        await IllAsync(_first);
        await phone.UntilAsync($"wall.get('{_first}').tier === 'red'");
        Assert.Contains("/api/v1/tickets", await PathsAsync(phone));
    }

    [Fact]
    public async Task Node_hears_the_same_with_the_hosts_of_a_browser()
    {
        var code = $"code-{Guid.CreateVersion7():N}";
        _api.WeChat.AddCode(code, _scene.OpenIdOf("楼层长"));
        var node = Opened(Phone.StartNode(_api.Address, code));
        await node.RunAsync(Follow);
        await node.UntilAsync("wall.tiles.length === 2 && states[states.length - 1] === 'on'");
        await IllAsync(_first);
        await QuietAsync();
        await node.UntilAsync($"wall.get('{_first}').tier === 'red' && notices.length === 1");
        await node.RunAsync("wall.stop(); news.stop()");
    }

    [Fact]
    public async Task A07_RL07_a_tile_turns_red_on_the_phone_and_its_notice_arrives()
    {
        var phone = await FollowingAsync("楼层长");
        await IllAsync(_first);
        await QuietAsync();
        await phone.UntilAsync($"wall.get('{_first}').tier === 'red' && wall.get('{_first}').state === 'provisional'");
        await phone.UntilAsync("notices.length === 1 && notices[0].state === 'unread'");
        // What the hint did not say is brought by the change feed.
        await phone.UntilAsync($"wall.version === '{await VersionAsync()}'");
        Assert.Equal(1, (await phone.DoAsync("seen")).GetProperty("openSockets").GetInt32());
        await phone.RunAsync("wall.stop(); news.stop()");
        Assert.Equal(0, (await phone.DoAsync("seen")).GetProperty("openSockets").GetInt32());
    }

    [Fact]
    public async Task RL07_a_cut_network_is_caught_up_with_and_nothing_goes_back()
    {
        var phone = await FollowingAsync("楼层长");
        await phone.DoAsync("offline");
        await phone.UntilAsync("states.includes('waiting')");
        await IllAsync(_first);
        await IllAsync(_second);
        await QuietAsync();
        await phone.DoAsync("online");
        await phone.DoAsync("networkChanged");
        await phone.UntilAsync($"wall.get('{_first}').tier === 'red' && wall.get('{_second}').tier === 'red' && notices.length === 2");
        await phone.UntilAsync("states[states.length - 1] === 'on'");
        Assert.Equal(["connecting", "on", "waiting"], (await phone.RunAsync("return states.slice(0, 3)")).EnumerateArray().Select(s => s.GetString()));
        // Each told once: green to red, and never another colour.
        Assert.Equal(["green>red", "green>red"], (await phone.RunAsync("return changes")).EnumerateArray().Select(c => c.GetString()));
    }

    [Fact]
    public async Task A_connection_that_the_server_closes_comes_back_by_itself()
    {
        var phone = await FollowingAsync("楼层长");
        _api.Services.GetRequiredService<LiveConnections>().Drop(_scene.Account("楼层长").Id);
        await phone.UntilAsync("states.filter((s) => s === 'on').length === 2");
        await IllAsync(_first);
        await phone.UntilAsync($"wall.get('{_first}').tier === 'red'");
    }

    [Fact]
    public async Task RL08_a_connection_whose_token_has_ended_comes_back_with_a_new_one()
    {
        var phone = await FollowingAsync("楼层长");
        await phone.DoAsync("forget");
        _api.Clock.Advance(TimeSpan.FromMinutes(16));
        await phone.UntilAsync("states.filter((s) => s === 'on').length === 2");
        Assert.Single(await PathsAsync(phone), p => p == "/api/v1/sessions/refresh");
        _staff = await _api.SignInAsync(_scene.OpenIdOf("员工"));
        await IllAsync(_first);
        await phone.UntilAsync($"wall.get('{_first}').tier === 'red'");
    }

    [Fact]
    public async Task In_the_background_nothing_works_and_in_front_again_everything_is_caught_up_with()
    {
        var phone = await FollowingAsync("楼层长");
        await phone.DoAsync("background");
        Assert.Equal("unreachable", await RefusalAsync(phone, "client.readMe()"));
        await IllAsync(_first);
        await QuietAsync();
        // The socket has ended without a word, so the phone still believes in it.
        Assert.Equal("on", (await phone.RunAsync("return states[states.length - 1]")).GetString());
        await phone.DoAsync("foreground");
        await phone.UntilAsync($"wall.get('{_first}').tier === 'red' && notices.length === 1 && states[states.length - 1] === 'on'");
        Assert.Equal(1, (await phone.DoAsync("seen")).GetProperty("openSockets").GetInt32());
    }

    [Fact]
    public async Task A_version_older_than_the_history_reloads_the_wall()
    {
        var phone = await FollowingAsync("楼层长");
        await phone.DoAsync("offline");
        await IllAsync(_first);
        await phone.DoAsync("forget");
        await phone.DoAsync("refuse", new { path = "/wall/changes", status = 410, problem = new { code = "wall_history_gone", title = "变化记录已过期" } });
        await phone.DoAsync("online");
        await phone.DoAsync("networkChanged");
        await phone.UntilAsync($"wall.get('{_first}').tier === 'red' && wall.version === '{await VersionAsync()}'");
        Assert.Contains(await PathsAsync(phone), p => p.EndsWith("/wall", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_compact_wall_says_the_same_colours_and_is_refused_in_the_same_words()
    {
        await IllAsync(_first);
        var phone = PhoneOf("楼层长");
        var said = await phone.RunAsync("""
            const id = (await client.readMe()).rootNodes[0].id;
            const [wall, compact] = await Promise.all([client.readWall({ id }), client.readWallTiers({ id })]);
            const layout = await client.readWallLayout({ id, layoutVersion: compact.layoutVersion });
            const tiles = layout.tiles.map((place, i) => ({ ...place, tier: compact.tiers[i] }));
            return { wall: wall.tiles.map(({ id, node, door, tier }) => ({ id, node, door, tier })), tiles, versions: [wall.version, compact.version] };
            """);
        Assert.Equal(2, said.GetProperty("tiles").GetArrayLength());
        Assert.Equal(said.GetProperty("wall").GetRawText(), said.GetProperty("tiles").GetRawText());
        Assert.Contains("\"red\"", said.GetProperty("tiles").GetRawText(), StringComparison.Ordinal);
        Assert.Equal(said.GetProperty("versions")[0].GetString(), said.GetProperty("versions")[1].GetString());
        // A refusal of bytes is bytes too.
        Assert.Equal("not_found", await RefusalAsync(phone, $"client.readWallTiers({{ id: '{Guid.CreateVersion7()}' }})"));
    }

    [Fact]
    public async Task The_code_of_the_README_signs_in_shows_the_wall_a_live_change_and_acknowledges()
    {
        var phone = PhoneOf("楼层长");
        await phone.DoAsync("load", "developer/generated/readme.js");
        await phone.RunAsync("await pages[0].onLoad()");
        await phone.UntilAsync("pages[0].wall.tiles.length === 2");
        Assert.Equal(0, (await phone.RunAsync("return pages[0].data.red")).GetInt32());
        await IllAsync(_first);
        await QuietAsync();
        await phone.UntilAsync("pages[0].data.red === 1 && pages[0].data.notices.length === 1");
        await phone.RunAsync("await pages[0].take({ currentTarget: { dataset: { id: pages[0].data.notices[0].id } } })");
        var toasts = (await phone.DoAsync("seen")).GetProperty("toasts").EnumerateArray().Select(t => t.GetString()).ToList();
        Assert.Equal([$"{_scene.Top}-1 变为红色", "已确认收到"], toasts);
        await phone.RunAsync($"await pages[0].take({{ currentTarget: {{ dataset: {{ id: '{Guid.CreateVersion7()}' }} }} }}); pages[0].onUnload()");
        var seen = await phone.DoAsync("seen");
        Assert.NotEqual("", Assert.Single(seen.GetProperty("modals").EnumerateArray()).GetProperty("title").GetString());
        Assert.Equal(0, seen.GetProperty("openSockets").GetInt32());
    }

    /// <summary>A phone of somebody, with a client.</summary>
    private Phone PhoneOf(string name, string host = "wxHost(wx)")
    {
        var codes = Enumerable.Range(0, 4).Select(_ => $"code-{Guid.CreateVersion7():N}").ToArray();
        foreach (var code in codes) _api.WeChat.AddCode(code, _scene.OpenIdOf(name));
        var phone = Opened(Phone.Start(_api.Address, codes));
        _ = phone.RunAsync($"this.client = contract.createClient({{ base: DOMAIN, host: contract.{host} }})");
        return phone;
    }

    private Phone Opened(Phone phone)
    {
        _phones.Add(phone);
        return phone;
    }

    /// <summary>The wall of one's own place and one's notices, live.</summary>
    private const string Follow = """
        Object.assign(this, { states: [], changes: [], notices: [] });
        const me = await client.readMe();
        this.wall = client.followWall(me.rootNodes[0].id, {
          state: (state) => states.push(state),
          changed: (tile, was) => tile.tier !== was && changes.push(was + ">" + tile.tier),
        });
        this.news = client.followNotices({ arrived: (page) => { notices = page.items; } });
        """;

    private async Task<Phone> FollowingAsync(string name, string host = "wxHost(wx)")
    {
        var phone = PhoneOf(name, host);
        await phone.RunAsync(Follow);
        await phone.UntilAsync("wall.tiles.length === 2 && states[states.length - 1] === 'on'");
        return phone;
    }

    private static async Task<string> RefusalAsync(Phone phone, string call) =>
        (await phone.RunAsync($"return await {call}.then(() => 'no refusal', (e) => e.code)")).GetString()!;

    private static async Task<List<string>> PathsAsync(Phone phone) =>
        [.. (await phone.DoAsync("seen")).GetProperty("requests").EnumerateArray().Select(r => r.GetProperty("path").GetString()!)];

    private async Task<string> VersionAsync() =>
        (await _staff.GetAsync($"/api/v1/grid-nodes/{_scene.Node("s.c").Id}/wall").OkAsync()).GetProperty("version").GetString()!;

    private static string Illness(Guid home, int revision) => $$"""
        { id: '{{home}}', revision: {{revision}}, body: { values: [{ subject: 'household', subjectId: '{{home}}', tag: 'last_major_event', value: 'illness', observedAt: '{{Day:yyyy-MM-dd}}' }] } }
        """;

    private async Task IllAsync(Guid home)
    {
        var body = new { values = new[] { new { subject = "household", subjectId = home, tag = "last_major_event", value = "illness", observedAt = Day } } };
        await _staff.SendAsync(HttpMethod.Put, $"/api/v1/households/{home}/facts", body, ifMatch: "\"1\"").OkAsync();
    }

    /// <summary>Until the outbox and the deliveries have nothing more to do now, and what was sent has been said.</summary>
    private async Task QuietAsync()
    {
        var (dispatcher, pump) = (_api.Services.GetRequiredService<OutboxDispatcher>(), _api.Services.GetRequiredService<DeliveryPump>());
        while (await dispatcher.DrainAsync(default) + await pump.DrainAsync(default) > 0) { }
    }
}
