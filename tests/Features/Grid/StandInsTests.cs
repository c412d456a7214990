using System.Globalization;
using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Platform.Realtime;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Backend.Tests.Features.Grid;

/// <summary>Who acts for whom is named and ended by hand, and rights follow the days (AZ11, B-14).</summary>
public sealed class StandInsTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
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
            .Person("片区长", Role.AreaLeader, "s.c.a", leads: true)
            .Person("员工", Role.Staff, "s.c")
            .Person("外社区", Role.Staff, "s.d")
            .Person("外楼层", Role.FloorLeader, "s.d.a.b.f1", leads: true);
        _scene.Home("s.c.a.b.f2", "202", Day);
        await _scene.SaveAsync(fixture.Database);
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task B14_from_the_first_day_on_a_stand_in_reaches_what_the_holder_does_and_after_the_last_no_more()
    {
        var (staff, first) = (await SignInAsync("员工"), await SignInAsync("一层"));
        var home = _scene.Household("202").Id;
        await first.GetAsync($"/api/v1/households/{home}").RefusedAsync(404, "not_found");
        await NameAsync(staff, "二层", "一层", Day.AddDays(1), Day.AddDays(2)).OkAsync();
        await first.GetAsync($"/api/v1/households/{home}").RefusedAsync(404, "not_found");

        foreach (var (days, reaches) in ((int, bool)[])[(1, true), (2, true), (3, false)])
        {
            _api.Clock.SetUtcNow(ShanghaiDay.At(Day.AddDays(days), new TimeOnly(0, 0)));
            first = await SignInAsync("一层");
            var page = first.GetAsync($"/api/v1/households/{home}");
            if (reaches) await page.OkAsync();
            else await page.RefusedAsync(404, "not_found");
        }
    }

    [Fact]
    public async Task AZ11_ending_it_takes_the_reach_back_on_http_and_hub_and_twice_is_once()
    {
        var (staff, first) = (await SignInAsync("员工"), await SignInAsync("一层"));
        var key = Guid.CreateVersion7().ToString();
        var body = new { accountId = _scene.Account("一层").Id, fromDay = Day, toDay = Day.AddDays(9) };
        var path = $"/api/v1/posts/{Post("二层")}/stand-ins";
        var id = (await staff.SendAsync(HttpMethod.Post, path, body, key).OkAsync()).GetProperty("id").GetGuid();
        Assert.Equal(id, (await staff.SendAsync(HttpMethod.Post, path, body, key).OkAsync()).GetProperty("id").GetGuid());
        await SettleAsync();
        await first.GetAsync($"/api/v1/households/{_scene.Household("202").Id}").OkAsync();
        await using var hub = await HubClient.ConnectAsync(_api, first.AccessToken);

        var listed = (await PostsAsync(staff)).Single(p => p.GetProperty("postId").GetGuid() == Post("二层"));
        Assert.Equal("二层", listed.GetProperty("holders")[0].GetProperty("name").GetString());
        Assert.Equal((id, "一层"), (listed.GetProperty("standIns")[0].GetProperty("id").GetGuid(), listed.GetProperty("standIns")[0].GetProperty("name").GetString()));

        await staff.SendAsync(HttpMethod.Delete, $"/api/v1/stand-ins/{id}").OkAsync();
        await SettleAsync();
        await first.GetAsync($"/api/v1/households/{_scene.Household("202").Id}").RefusedAsync(404, "not_found");
        await hub.ClosedAsync();
        await staff.SendAsync(HttpMethod.Delete, $"/api/v1/stand-ins/{id}").RefusedAsync(404, "not_found");
        Assert.Equal(2, await fixture.Database.ScalarAsync<long>("select count(*) from audit_entries where operation in ('nameStandIn', 'endStandIn') and result = 'done' and $1 = any(target_ids)", id));
    }

    [Fact]
    public async Task B14_one_that_began_earlier_ends_with_yesterday()
    {
        var staff = await SignInAsync("员工");
        var id = (await NameAsync(staff, "二层", "一层", Day, Day.AddDays(9)).OkAsync()).GetProperty("id").GetGuid();
        _api.Clock.Advance(TimeSpan.FromDays(2));
        staff = await SignInAsync("员工");
        await staff.SendAsync(HttpMethod.Delete, $"/api/v1/stand-ins/{id}").OkAsync();
        Assert.Equal(Day.AddDays(1), await fixture.Database.ScalarAsync<DateOnly>("select to_day from stand_ins where id = $1", id));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task B14_of_two_who_end_it_at_once_one_does(int daysLater)
    {
        var staff = await SignInAsync("员工");
        var id = (await NameAsync(staff, "二层", "一层", Day, Day.AddDays(9)).OkAsync()).GetProperty("id").GetGuid();
        _api.Clock.Advance(TimeSpan.FromDays(daysLater));
        staff = await SignInAsync("员工");
        var both = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => staff.SendAsync(HttpMethod.Delete, $"/api/v1/stand-ins/{id}")));
        Assert.Equal([204, 404], both.Select(a => (int)a.StatusCode).Order());
        Array.ForEach(both, a => a.Dispose());
    }

    [Fact]
    public async Task B14_days_that_make_no_sense_are_refused_and_two_at_once_are_one()
    {
        var staff = await SignInAsync("员工");
        foreach (var (from, to, member) in ((int, int, string)[])[(-1, 3, "fromDay"), (3, 2, "toDay"), (0, 180, "toDay")])
        {
            var refused = await NameAsync(staff, "二层", "一层", Day.AddDays(from), Day.AddDays(to)).RefusedAsync(400, "invalid_request");
            Assert.True(refused.GetProperty("errors").TryGetProperty(member, out _));
        }

        var both = await Task.WhenAll(NameAsync(staff, "二层", "一层", Day, Day.AddDays(5)), NameAsync(staff, "二层", "楼长", Day.AddDays(5), Day.AddDays(9)));
        Assert.Equal([200, 409], both.Select(a => (int)a.StatusCode).Order());
        Array.ForEach(both, a => a.Dispose());
        await NameAsync(staff, "二层", "一层", Day.AddDays(20), Day.AddDays(21)).OkAsync();
    }

    [Theory]
    [InlineData("员工", "二层", "员工", 422)]
    [InlineData("员工", "二层", "二层", 422)]
    [InlineData("员工", "员工", "一层", 422)]
    [InlineData("员工", "二层", "外楼层", 400)]
    [InlineData("员工", "外楼层", "一层", 404)]
    [InlineData("外社区", "二层", "外楼层", 404)]
    [InlineData("片区长", "员工", "一层", 404)]
    [InlineData("片区长", "二层", "员工", 400)]
    [InlineData("一层", "一层", "二层", 403)]
    [InlineData("楼长", "二层", "一层", 403)]
    [InlineData("片区长", "二层", "一层", 200)]
    [InlineData("片区长", "楼长", "一层", 200)]
    public async Task AZ01_AZ11_who_may_name_whom_for_which_post(string who, string post, string standIn, int status)
    {
        using var answer = await NameAsync(await SignInAsync(who), post, standIn, Day, Day);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(status == 200 ? 1 : 0, await fixture.Database.ScalarAsync<long>("select count(*) from stand_ins where post_id = $1", Post(post)));
    }

    [Fact]
    public async Task AZ05_the_database_itself_takes_no_stand_in_outside_the_reach_and_none_for_oneself()
    {
        Task<string?> TryAsync(string post, string account) => fixture.Database.RefusedAsync(
            _scene.Account("员工").Id, _scene.Node("s.c").Path, "insert into stand_ins (id, post_id, account_id, from_day, to_day) values ($1, $2, $3, $4, $4)",
            Guid.CreateVersion7(), Post(post), _scene.Account(account).Id, Day);

        Assert.Null(await TryAsync("二层", "一层"));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await TryAsync("外楼层", "一层"));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await TryAsync("二层", "员工"));
    }

    /// <summary>What another replica would notice by itself within seconds.</summary>
    private async Task SettleAsync()
    {
        _api.Clock.Advance(TimeSpan.FromSeconds(1));
        await _api.Services.GetRequiredService<ReachWatch>().LookAsync(default);
    }

    private Guid Post(string who) => _scene.PostOf(who).Id;

    private Task<HttpResponseMessage> NameAsync(SignedIn who, string post, string standIn, DateOnly from, DateOnly to) =>
        who.SendAsync(HttpMethod.Post, $"/api/v1/posts/{Post(post)}/stand-ins", new
        {
            accountId = _scene.Account(standIn).Id,
            fromDay = from.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            toDay = to.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        });

    private async Task<List<JsonElement>> PostsAsync(SignedIn who) =>
        [.. (await who.GetAsync($"/api/v1/grid-nodes/{_scene.Node("s.c").Id}/posts").OkAsync()).GetProperty("items").EnumerateArray()];

    private Task<SignedIn> SignInAsync(string who) => _api.SignInAsync(_scene.OpenIdOf(who));
}
