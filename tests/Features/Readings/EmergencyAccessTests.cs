using System.Net;
using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Features.Readings;
using Backend.Platform.Outbox;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Features.Readings;

/// <summary>紧急查看: one household outside one's reach, to read, with a justification and an end, told to its people and to the supervisor (B-7, PD06).</summary>
public sealed class EmergencyAccessTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private const string Why = "电话打不通，邻居说有烟味";
    private Api _api = null!;
    private Scene _scene = null!;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database);
        _scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("一层", Role.FloorLeader, "s.c.a.b.f1", leads: true)
            .Person("社区", Role.CommunityLeader, "s.c", leads: true)
            .Person("街道", Role.StreetManager, "s", leads: true)
            .Person("外员工", Role.Staff, "s.d")
            .Person("外社区", Role.CommunityLeader, "s.d", leads: true);
        foreach (var door in (string[])["101", "102"]) _scene.Home("s.c.a.b.f1", door, Day);
        _scene.Joined("居民", "101");
        await _scene.SaveAsync(fixture.Database);
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task B7_PD06_AZ11_it_opens_this_household_to_reading_until_its_end_on_every_replica()
    {
        await using var other = await Api.StartAsync(fixture.Database);
        var staff = await SignInAsync("外员工");
        var elsewhere = new SignedIn(other.Anonymous(), staff.AccessToken, staff.RefreshToken);
        elsewhere.Client.DefaultRequestHeaders.Authorization = staff.Client.DefaultRequestHeaders.Authorization;
        await staff.GetAsync(Home("101")).RefusedAsync(404, "not_found");
        await elsewhere.GetAsync(Home("101")).RefusedAsync(404, "not_found");

        var opened = await OpenAsync(staff, "101", hours: 2).OkAsync();
        Assert.Equal(_scene.Household("101").Id, opened.GetProperty("householdId").GetGuid());
        Assert.Equal(Api.Noon.AddHours(2), opened.GetProperty("endsAt").GetDateTimeOffset());
        foreach (var (api, who) in ((Api, SignedIn)[])[(_api, staff), (other, elsewhere)])
        {
            await api.Services.GetRequiredService<RightsCache>().PollAsync(default);
            await who.GetAsync(Home("101")).OkAsync();
            await who.GetAsync($"{Home("101")}/tier").OkAsync();
            await who.GetAsync(Home("102")).RefusedAsync(404, "not_found");
        }

        await RevealAsync(staff, "101").OkAsync();
        // To read, and nothing else; and by no list.
        await staff.SendAsync(HttpMethod.Put, $"{Home("101")}/facts", Fact(), ifMatch: "\"1\"").RefusedAsync(404, "not_found");
        await staff.SendAsync(HttpMethod.Post, $"/api/v1/residents/{_scene.Head("101")}/invites").RefusedAsync(404, "not_found");
        await staff.GetAsync($"{Home("101")}/reach").RefusedAsync(404, "not_found");
        Assert.Empty((await staff.GetAsync("/api/v1/households").OkAsync()).GetProperty("items").EnumerateArray());

        foreach (var api in (Api[])[_api, other]) api.Clock.Advance(TimeSpan.FromHours(2));
        foreach (var who in (SignedIn[])[await SignInAsync("外员工"), await other.SignInAsync(_scene.OpenIdOf("外员工"))]) await who.GetAsync(Home("101")).RefusedAsync(404, "not_found");
    }

    [Fact]
    public async Task B7_AU01_its_readings_stand_in_the_read_log_as_an_emergency_also_after_she_has_ended_it()
    {
        var (staff, resident) = (await SignInAsync("外员工"), await SignInAsync("居民"));
        await OpenAsync(staff, "101").OkAsync();
        await PollAsync();
        await staff.GetAsync(Home("101")).OkAsync();
        await staff.GetAsync($"{Home("101")}/tier").OkAsync();
        await (await SignInAsync("一层")).GetAsync(Home("101")).OkAsync();
        Assert.Equal(HttpStatusCode.NoContent, (await staff.SendAsync(HttpMethod.Delete, "/api/v1/emergency-accesses/current")).StatusCode);
        await PollAsync();
        await staff.GetAsync(Home("101")).RefusedAsync(404, "not_found");

        var readings = (await resident.GetAsync("/api/v1/me/readings").OkAsync()).GetProperty("items").EnumerateArray()
            .Select(r => (Text(r, "role"), Text(r, "postTitle"), Text(r, "content"), Text(r, "purpose"))).ToList();
        Assert.Equal(
            [
                ("floor_leader", _scene.PostOf("一层").Title, "household_page", "care"), ("staff", _scene.PostOf("外员工").Title, "decision_sheet", "emergency"),
                ("staff", _scene.PostOf("外员工").Title, "household_page", "emergency"),
            ], readings);
        Assert.Equal(1, await fixture.Database.ScalarAsync<long>("select count(*) from audit_entries where operation = 'openEmergencyAccess' and result = 'done' and account_id = $1 and target_ids @> array[$2]",
            _scene.Account("外员工").Id, _scene.Household("101").Id));
    }

    [Fact]
    public async Task B7_the_people_of_the_household_and_the_supervisor_are_told_and_nobody_else()
    {
        var staff = await SignInAsync("外员工");
        await OpenAsync(staff, "101").OkAsync();
        await DrainAsync();
        foreach (var who in (string[])["居民", "社区"])
        {
            var notice = Assert.Single((await (await SignInAsync(who)).GetAsync("/api/v1/notices").OkAsync()).GetProperty("items").EnumerateArray());
            Assert.Equal(("emergency_access", "unread", 0), (Text(notice, "causeKind"), Text(notice, "state"), notice.GetProperty("count").GetInt32()));
            Assert.Equal(1, await fixture.Database.ScalarAsync<long>("select count(*) from deliveries where notice_id = $1 and channel = 'live' and state = 'sent'", notice.GetProperty("id").GetGuid()));
        }

        foreach (var who in (string[])["外员工", "外社区", "一层", "街道"])
            Assert.Empty((await (await SignInAsync(who)).GetAsync("/api/v1/notices").OkAsync()).GetProperty("items").EnumerateArray());

        // The supervisor reads who and why; others of that role elsewhere do not.
        var line = Assert.Single(await AccessesAsync("社区"));
        Assert.Equal(("外员工", "staff", "101", Why), (Text(line, "accountName"), Text(line, "role"), Text(line, "door"), Text(line, "justification")));
        Assert.Single(await AccessesAsync("外员工"));
        Assert.Empty(await AccessesAsync("外社区"));
        Assert.Equal(0, await fixture.Database.ScalarAsync<long>("select count(*) from deliveries d join notices n on n.id = d.notice_id where n.cause_kind = 'emergency_access' and d.channel <> 'live'"));
    }

    [Fact]
    public async Task B7_where_the_leader_s_post_is_vacant_the_next_above_is_told()
    {
        await fixture.Database.ExecuteAsync("update appointments set to_day = $2 where account_id = $1", _scene.Account("社区").Id, Day.AddDays(-1));
        await OpenAsync(await SignInAsync("外员工"), "102").OkAsync();
        await DrainAsync();
        Assert.Equal(_scene.Account("街道").Id, await fixture.Database.ScalarAsync<Guid>("select account_id from notices where cause_kind = 'emergency_access' and account_id in ($1, $2)", _scene.Account("街道").Id, _scene.Account("社区").Id));
    }

    [Fact]
    public async Task AZ07_RL17_what_is_not_there_is_recorded_and_counted_like_what_is_and_five_are_all_of_a_day()
    {
        var staff = await SignInAsync("外员工");
        for (var i = 0; i < OpenEmergencyAccess.MostInADay; i++)
        {
            var body = await OpenAsync(staff, i == 0 ? "101" : $"9{i}").OkAsync();
            Assert.Equal((i == 0, OpenEmergencyAccess.MostInADay - i - 1), (body.GetProperty("householdId").ValueKind == JsonValueKind.String, body.GetProperty("leftToday").GetInt32()));
        }

        foreach (var door in (string[])["102", "404"])
        {
            using var refused = await OpenAsync(staff, door);
            Assert.Equal((HttpStatusCode.TooManyRequests, ShanghaiDay.At(Day.AddDays(1), TimeOnly.MinValue) - _api.Clock.GetUtcNow()), (refused.StatusCode, refused.Headers.RetryAfter!.Delta!.Value));
        }

        await OpenAsync(await SignInAsync("外社区"), "102").OkAsync();
        Assert.Equal(0, await fixture.Database.ScalarAsync<long>("select count(*) from emergency_accesses t where t::text like $1", $"%{Why}%"));
    }

    [Theory]
    [InlineData("101", 25, Why)]
    [InlineData("101", 0, Why)]
    [InlineData("101", 1, "急")]
    [InlineData("", 1, Why)]
    public async Task B7_IN02_without_a_reason_or_with_a_longer_end_nothing_opens(string door, int hours, string why) =>
        await OpenAsync(await SignInAsync("外员工"), door, hours, why).RefusedAsync(400, "invalid_request");

    [Fact]
    public async Task AZ01_AZ11_neither_a_floor_leader_opens_one_nor_does_one_outlast_her_post()
    {
        await OpenAsync(await SignInAsync("一层"), "101").RefusedAsync(403, "operation_not_allowed");
        var staff = await SignInAsync("外员工");
        await OpenAsync(staff, "101").OkAsync();
        await fixture.Database.ExecuteAsync("update appointments set to_day = $2 where account_id = $1", _scene.Account("外员工").Id, Day.AddDays(-1));
        await PollAsync();
        await staff.GetAsync(Home("101")).RefusedAsync(403, "operation_not_allowed");
    }

    private object Fact() => new { values = new[] { new { subject = "household", subjectId = _scene.Household("101").Id, tag = "last_major_event", value = "illness", observedAt = Day } } };

    private static string Text(JsonElement from, string member) => from.GetProperty(member).GetString()!;

    private string Home(string door) => $"/api/v1/households/{_scene.Household(door).Id}";

    private async Task<List<JsonElement>> AccessesAsync(string who) => [.. (await (await SignInAsync(who)).GetAsync("/api/v1/emergency-accesses").OkAsync()).GetProperty("items").EnumerateArray()];

    private Task<HttpResponseMessage> OpenAsync(SignedIn who, string door, int hours = 1, string justification = Why) =>
        who.SendAsync(HttpMethod.Post, "/api/v1/emergency-accesses", new { nodeId = _scene.Node("s.c").Id, door, hours, justification });

    private Task<HttpResponseMessage> RevealAsync(SignedIn who, string door) =>
        who.SendAsync(HttpMethod.Post, $"{Home(door)}/residents/{_scene.Head(door)}/phone-reveals", new { purpose = "emergency", justification = Why });

    private Task PollAsync() => _api.Services.GetRequiredService<RightsCache>().PollAsync(default);

    private async Task DrainAsync()
    {
        var (dispatcher, pump) = (_api.Services.GetRequiredService<OutboxDispatcher>(), _api.Services.GetRequiredService<DeliveryPump>());
        while (await dispatcher.DrainAsync(default) + await pump.DrainAsync(default) > 0) { }
    }

    private Task<SignedIn> SignInAsync(string who) => _api.SignInAsync(_scene.OpenIdOf(who));
}
