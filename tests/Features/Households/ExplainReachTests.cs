using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Features.Households;

/// <summary>"Why do I see this household": the posts, stand-ins and the membership from which it follows, with their days.</summary>
public sealed class ExplainReachTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly DateOnly Day = PostgresFixture.DemoDay;

    private Api _api = null!;
    private Scene _scene = null!;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database);
        _scene = new Scene(_api.Services.GetRequiredService<Vault>());
        _scene.Person("楼层长", Role.FloorLeader, "s.c.a.b.f2").Person("社区", Role.CommunityLeader, "s.c").Person("外人", Role.FloorLeader, "s.c.a.b.f1");
        _scene.Home("s.c.a.b.f2", "甲", Day);
        _scene.Home("s.c.a.b.f1", "乙", Day);
        _scene.Joined("居民", "甲");
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task AZ01_whoever_sees_a_household_is_told_by_which_post_or_membership_and_until_when()
    {
        // She leads the floor, stands in for the community until tomorrow, has this one household by itself and a range of floors from an older time.
        Post Seat(string at, string title, (int From, int To)? floors = null, string? door = null)
        {
            var post = new Post { Id = Guid.CreateVersion7(), Role = Role.BuildingLeader, NodeId = _scene.Node(at).Id, Title = title };
            _scene.Add(post);
            _scene.Add(new Assignment { Id = Guid.CreateVersion7(), PostId = post.Id, NodeId = door is null ? post.NodeId : null, FloorFrom = floors?.From, FloorTo = floors?.To, HouseholdId = door is null ? null : _scene.Household(door).Id });
            return post;
        }

        var (floors, single, past) = (Seat("s.c.a.b", "一至三层", (1, 3)), Seat("s.c.a.b", "责任户", door: "甲"), Seat("s.c.a.b", "从前的"));
        var account = _scene.Account("楼层长").Id;
        foreach (var (post, from, to) in ((Post, DateOnly, DateOnly?)[])[(floors, Day, null), (single, Day.AddDays(-3), Day), (past, Day.AddDays(-9), Day.AddDays(-1))])
            _scene.Add(new Appointment { Id = Guid.CreateVersion7(), PostId = post.Id, AccountId = account, FromDay = from, ToDay = to });
        _scene.Add(new StandIn { Id = Guid.CreateVersion7(), PostId = _scene.PostOf("社区").Id, AccountId = account, FromDay = Day, ToDay = Day.AddDays(1) });
        await _scene.SaveAsync(fixture.Database);

        var grounds = await GroundsAsync("楼层长", "甲");
        Assert.Equal(
            [
                "appointment building_leader 责任户 household f2 null null 2026-11-17 2026-11-20",
                "appointment building_leader 一至三层 floors b 1 3 2026-11-20 null",
                $"appointment floor_leader {_scene.PostOf("楼层长").Title} node f2 null null 2020-01-01 null",
                $"stand_in community_leader {_scene.PostOf("社区").Title} node c null null 2026-11-20 2026-11-21",
            ],
            grounds);
        Assert.Equal(["appointment building_leader 一至三层 floors b 1 3 2026-11-20 null", $"stand_in community_leader {_scene.PostOf("社区").Title} node c null null 2026-11-20 2026-11-21"],
            await GroundsAsync("楼层长", "乙"));
        Assert.Equal([$"membership resident null household f2 null null {Day.AddDays(-1000):yyyy-MM-dd} null"], await GroundsAsync("居民", "甲"));
        Assert.Equal(1, await fixture.Database.ScalarAsync<long>(
            "select count(*) from audit_entries where operation = 'explainReach' and account_id = $1 and target_ids = array[$2::uuid]", _scene.Account("居民").Id, _scene.Household("甲").Id));
    }

    [Fact]
    public async Task AZ07_who_does_not_see_it_is_not_told_why()
    {
        await _scene.SaveAsync(fixture.Database);
        var stranger = await _api.SignInAsync(_scene.OpenIdOf("外人"));
        foreach (var id in (Guid[])[_scene.Household("甲").Id, Guid.CreateVersion7()])
            await stranger.GetAsync($"/api/v1/households/{id}/reach").RefusedAsync(404, "not_found");
    }

    private async Task<IReadOnlyList<string>> GroundsAsync(string who, string door)
    {
        var answer = await (await _api.SignInAsync(_scene.OpenIdOf(who))).GetAsync($"/api/v1/households/{_scene.Household(door).Id}/reach").OkAsync();
        return [.. answer.GetProperty("grounds").EnumerateArray().Select(g => string.Join(' ',
            ((string[])["kind", "role", "postTitle", "covers"]).Select(m => Text(g.GetProperty(m))).Append(Text(g.GetProperty("nodeNames").EnumerateArray().Last()))
                .Concat(((string[])["floorFrom", "floorTo", "fromDay", "toDay"]).Select(m => Text(g.GetProperty(m))))))];

        static string Text(JsonElement value) => value.ValueKind == JsonValueKind.Null ? "null" : value.ToString();
    }
}
