using System.Globalization;
using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Platform.Realtime;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Backend.Tests.Features.Grid;

/// <summary>Leaders are appointed and dismissed by hand, and rights follow at once (A-51, A-54, AZ11, AZ15).</summary>
public sealed class AppointmentsTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private Api _api = null!;
    private Scene _scene = null!;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database);
        _scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("一层", Role.FloorLeader, "s.c.a.b.f1", leads: true)
            .Person("二层", Role.FloorLeader, "s.c.a.b.f2", leads: true)
            .Person("楼长", Role.BuildingLeader, "s.c.a.b", leads: true)
            .Person("社区长", Role.CommunityLeader, "s.c", leads: true)
            .Person("员工", Role.Staff, "s.c")
            .Person("外社区长", Role.CommunityLeader, "s.d", leads: true)
            .Person("外楼层", Role.FloorLeader, "s.d.a.b.f1", leads: true)
            .Vacant(Role.FloorLeader, "s.c.a.b.f3");
        foreach (var (path, door) in ((string, string)[])[("s.c.a.b.f2", "202"), ("s.c.a.b.f3", "301"), ("s.c.a.b.f3", "302"), ("s.d.a.b.f1", "901")]) _scene.Home(path, door, Day);
        _scene.Joined("居民", "301");
        _scene.Joined("外居民", "901");
        await _scene.SaveAsync(fixture.Database);
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task A51_AZ11_a_resident_becomes_a_floor_leader_and_reaches_her_floor_and_no_more_after_her_dismissal()
    {
        var (leader, resident) = (await SignInAsync("社区长"), await SignInAsync("居民"));
        var neighbour = $"/api/v1/households/{_scene.Household("302").Id}";
        await resident.GetAsync(neighbour).RefusedAsync(404, "not_found");
        var (key, body) = (Guid.CreateVersion7().ToString(), new { residentId = _scene.Head("301"), fromDay = Day });
        var path = $"/api/v1/posts/{Vacant()}/appointments";
        var id = (await leader.SendAsync(HttpMethod.Post, path, body, key).OkAsync()).GetProperty("id").GetGuid();
        Assert.Equal(id, (await leader.SendAsync(HttpMethod.Post, path, body, key).OkAsync()).GetProperty("id").GetGuid());
        await SettleAsync();
        await resident.GetAsync(neighbour).OkAsync();
        await resident.GetAsync($"/api/v1/households/{_scene.Household("202").Id}").RefusedAsync(404, "not_found");
        await using var hub = await HubClient.ConnectAsync(_api, resident.AccessToken);
        var listed = (await PostsAsync(leader)).Single(p => p.GetProperty("postId").GetGuid() == Vacant()).GetProperty("holders")[0];
        Assert.Equal((id, "居民"), (listed.GetProperty("id").GetGuid(), listed.GetProperty("name").GetString()));

        await leader.SendAsync(HttpMethod.Delete, $"/api/v1/appointments/{id}").OkAsync();
        await SettleAsync();
        await resident.GetAsync(neighbour).RefusedAsync(404, "not_found");
        await hub.ClosedAsync();
        await resident.GetAsync($"/api/v1/households/{_scene.Household("301").Id}").OkAsync();
        await leader.SendAsync(HttpMethod.Delete, $"/api/v1/appointments/{id}").RefusedAsync(404, "not_found");
        Assert.Equal(2, await fixture.Database.ScalarAsync<long>("select count(*) from audit_entries where operation in ('appointLeader', 'dismissLeader') and result = 'done' and $1 = any(target_ids)", id));
    }

    [Fact]
    public async Task AZ11_one_who_was_appointed_earlier_is_dismissed_with_yesterday_and_the_seat_is_free()
    {
        var leader = await SignInAsync("社区长");
        var held = await fixture.Database.ScalarAsync<Guid>("select id from appointments where post_id = $1", Post("二层"));
        await AppointAsync(leader, Post("二层"), new { residentId = _scene.Head("301"), fromDay = Text(Day) }).RefusedAsync(409, "conflict");
        await leader.SendAsync(HttpMethod.Delete, $"/api/v1/appointments/{held}").OkAsync();
        Assert.Equal(Day.AddDays(-1), await fixture.Database.ScalarAsync<DateOnly>("select to_day from appointments where id = $1", held));
        await AppointAsync(leader, Post("二层"), new { residentId = _scene.Head("301"), fromDay = Text(Day) }).OkAsync();
    }

    [Fact]
    public async Task A54_one_person_holds_several_posts_from_the_days_that_were_said()
    {
        var leader = await SignInAsync("社区长");
        await AppointAsync(leader, Vacant(), new { accountId = _scene.Account("一层").Id, fromDay = Text(Day.AddDays(1)), toDay = Text(Day.AddDays(1)) }).OkAsync();
        foreach (var (days, reaches) in ((int, bool)[])[(0, false), (1, true), (2, false)])
        {
            if (days > 0) _api.Clock.SetUtcNow(ShanghaiDay.At(Day.AddDays(days), new TimeOnly(0, 0)));
            var page = (await SignInAsync("一层")).GetAsync($"/api/v1/households/{_scene.Household("302").Id}");
            if (reaches) await page.OkAsync();
            else await page.RefusedAsync(404, "not_found");
        }
    }

    [Fact]
    public async Task A51_what_makes_no_sense_is_refused_and_of_two_who_appoint_at_once_one_does()
    {
        var leader = await SignInAsync("社区长");
        var resident = _scene.Head("301");
        foreach (var (body, member) in ((object, string)[])
            [
                (new { residentId = resident, fromDay = Text(Day.AddDays(-1)) }, "fromDay"),
                (new { residentId = resident, fromDay = Text(Day), toDay = Text(Day.AddDays(-1)) }, "toDay"),
                (new { fromDay = Text(Day) }, "residentId"),
                (new { residentId = resident, accountId = _scene.Account("一层").Id, fromDay = Text(Day) }, "residentId"),
            ])
        {
            var refused = await AppointAsync(leader, Vacant(), body).RefusedAsync(400, "invalid_request");
            Assert.True(refused.GetProperty("errors").TryGetProperty(member, out _), member);
        }

        await AppointAsync(leader, Vacant(), new { residentId = _scene.Head("302"), fromDay = Text(Day) }).RefusedAsync(422, "appointment_not_allowed");
        var both = await Task.WhenAll(
            AppointAsync(leader, Vacant(), new { residentId = resident, fromDay = Text(Day) }),
            AppointAsync(leader, Vacant(), new { accountId = _scene.Account("一层").Id, fromDay = Text(Day.AddDays(3)) }));
        Assert.Equal([200, 409], both.Select(a => (int)a.StatusCode).Order());
        Array.ForEach(both, a => a.Dispose());
    }

    [Theory]
    [InlineData("社区长", "二层", 204)]
    [InlineData("社区长", "楼长", 204)]
    [InlineData("社区长", "社区长", 422)]
    [InlineData("社区长", "员工", 422)]
    [InlineData("社区长", "外楼层", 404)]
    [InlineData("外社区长", "二层", 404)]
    [InlineData("员工", "二层", 403)]
    [InlineData("楼长", "二层", 403)]
    public async Task AZ01_AZ15_who_may_dismiss_whom(string who, string held, int status)
    {
        var id = await fixture.Database.ScalarAsync<Guid>("select id from appointments where post_id = $1", Post(held));
        using var answer = await (await SignInAsync(who)).SendAsync(HttpMethod.Delete, $"/api/v1/appointments/{id}");
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(status == 204, await fixture.Database.ScalarAsync<bool>("select to_day is not null from appointments where id = $1", id));
    }

    [Theory]
    [InlineData("社区长", "301", null, "", 200)]
    [InlineData("社区长", null, "一层", "", 200)]
    [InlineData("社区长", "901", null, "", 400)]
    [InlineData("社区长", null, "外楼层", "", 400)]
    [InlineData("社区长", null, "社区长", "", 422)]
    [InlineData("社区长", null, "一层", "员工", 422)]
    [InlineData("外社区长", "901", null, "", 404)]
    [InlineData("员工", "301", null, "", 403)]
    [InlineData("楼长", "301", null, "", 403)]
    [InlineData("居民", "301", null, "", 403)]
    public async Task AZ01_AZ15_who_may_appoint_whom(string who, string? resident, string? account, string post, int status)
    {
        var seat = post.Length == 0 ? Vacant() : Post(post);
        object body = resident is null ? new { accountId = _scene.Account(account!).Id, fromDay = Text(Day) } : new { residentId = _scene.Head(resident), fromDay = Text(Day) };
        using var answer = await AppointAsync(await SignInAsync(who), seat, body);
        Assert.True(status == (int)answer.StatusCode, $"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
        if (post.Length == 0) Assert.Equal(status == 200 ? 1 : 0, await fixture.Database.ScalarAsync<long>("select count(*) from appointments where post_id = $1", seat));
    }

    [Fact]
    public async Task AZ05_AZ15_the_database_itself_gives_no_post_outside_the_reach_none_of_staff_and_none_to_oneself()
    {
        Task<string?> TryAsync(Guid post, string account) => fixture.Database.RefusedAsync(
            _scene.Account("社区长").Id, _scene.Node("s.c").Path, "insert into appointments (id, post_id, account_id, from_day) values ($1, $2, $3, $4)",
            Guid.CreateVersion7(), post, _scene.Account(account).Id, Day);

        Assert.Null(await TryAsync(Vacant(), "一层"));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await TryAsync(Post("外楼层"), "一层"));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await TryAsync(Post("员工"), "一层"));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await TryAsync(Vacant(), "社区长"));
    }

    /// <summary>What another replica would notice by itself within seconds.</summary>
    private async Task SettleAsync()
    {
        await _api.Services.GetRequiredService<RightsCache>().PollAsync(default);
        await _api.Services.GetRequiredService<ReachWatch>().LookAsync(default);
    }

    private static string Text(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private Guid Post(string who) => _scene.PostOf(who).Id;

    private Guid Vacant() => _scene.VacantAt("s.c.a.b.f3").Id;

    private static Task<HttpResponseMessage> AppointAsync(SignedIn who, Guid post, object body) => who.SendAsync(HttpMethod.Post, $"/api/v1/posts/{post}/appointments", body);

    private async Task<List<JsonElement>> PostsAsync(SignedIn who) =>
        [.. (await who.GetAsync($"/api/v1/grid-nodes/{_scene.Node("s.c").Id}/posts").OkAsync()).GetProperty("items").EnumerateArray()];

    private Task<SignedIn> SignInAsync(string who) => _api.SignInAsync(_scene.OpenIdOf(who));
}
