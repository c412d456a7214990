using Backend.Domain.Grid;
using Backend.Domain.Messages;
using Backend.Domain.Tiers;
using Backend.Features.Notices;
using Backend.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace Backend.Tests.Features.Notices;

/// <summary>A rise opens one alarm and tells those responsible; the decision itself is RecipientsTests.</summary>
public sealed class AlarmLeadersTests : LeadersTest
{
    [Fact]
    public async Task A26_a_rise_opens_exactly_one_alarm_and_a_fall_or_a_missing_fact_none()
    {
        var replica = AddReplica();
        await ChangeAsync(replica, "1-1-101", Tier.Yellow);
        await ChangeAsync(replica, "1-1-101", Tier.Red);
        await ChangeAsync(replica, "1-1-101", Tier.Orange);
        await using (var db = replica.Worker())
        {
            await db.BeginAsync(default);
            db.Send(new TierChanged(Guid.CreateVersion7(), Scene.Households["1-1-102"], "x", Tier.Green, Tier.Yellow, TierState.Unassessed, Rise: false, null));
            await db.CommitAsync(default);
        }

        await replica.Dispatcher.DrainAsync(default);

        Assert.Equal(2, await CountAsync("alarms where household_id = $1 and acknowledged_at is null and node_path is not null", Scene.Households["1-1-101"]));
        Assert.Equal(2, await CountAsync("alarms"));
        Assert.Equal(1, await CountAsync("alarms where tier = 'red'"));
    }

    [Fact]
    public async Task A26_the_people_of_the_floor_the_building_the_area_and_the_staff_are_told_and_nobody_of_the_next_building()
    {
        await ToldAboutAsync("1-1-301", ["area", "building1", "floor3", "staff1", "staff2"]);
        await ToldAboutAsync("2-1-101", ["area", "building2", "other1", "staff1", "staff2"]);
    }

    [Fact]
    public async Task A26_a_vacant_area_passes_to_the_community_and_a_disabled_account_leaves_its_post_vacant()
    {
        await Scene.ExecuteAsync("delete from appointments where account_id = $1", Scene.Accounts["area"]);
        await ToldAboutAsync("1-1-301", ["building1", "community", "floor3", "staff1", "staff2"]);
        await Scene.ExecuteAsync("update accounts set disabled_at = $1 where id = $2", Clock.GetUtcNow().UtcDateTime, Scene.Accounts["community"]);
        await ToldAboutAsync("1-1-302", ["building1", "floor3", "staff1", "staff2", "street"]);
    }

    [Fact]
    public async Task A26_a_stand_in_of_today_is_told_in_the_holders_place_and_a_person_with_two_posts_once()
    {
        await Scene.ExecuteAsync("insert into stand_ins (id, post_id, account_id, from_day, to_day) values ($1, $2, $3, $4, $4)",
            Guid.CreateVersion7(), Scene.Posts["floor1"].Id, Scene.Accounts["building1"], new DateOnly(2026, 11, 25));
        await ToldAboutAsync("1-1-101", ["area", "building1", "staff1", "staff2"]);
    }

    [Fact]
    public async Task A58_floor_ranges_and_single_households_are_found_by_their_assignments()
    {
        var range = new Post { Id = Guid.CreateVersion7(), Role = Role.FloorLeader, NodeId = Scene.Nodes["building1"].Id, Title = "楼层长" };
        var single = new Post { Id = Guid.CreateVersion7(), Role = Role.FloorLeader, NodeId = Scene.Nodes["building2"].Id, Title = "楼层长" };
        await using (var db = Scene.Superuser())
        {
            db.AddRange(range, single,
                new Assignment { Id = Guid.CreateVersion7(), PostId = range.Id, NodeId = Scene.Nodes["building1"].Id, FloorFrom = 2, FloorTo = 3 },
                new Assignment { Id = Guid.CreateVersion7(), PostId = single.Id, HouseholdId = Scene.Households["1-1-101"] });
            await db.SaveChangesAsync();
        }

        await Scene.AddAccountAsync("range", range);
        await Scene.AddAccountAsync("single", single);
        await ToldAboutAsync("1-1-101", ["area", "building1", "floor1", "single", "staff1", "staff2"]);
        await ToldAboutAsync("1-1-201", ["area", "building1", "floor2", "range", "staff1", "staff2"]);
    }

    [Fact]
    public async Task A26_an_alarm_that_reaches_nobody_is_open_all_the_same_and_told_to_operators()
    {
        await Scene.ExecuteAsync("delete from appointments");
        var replica = AddReplica();
        await ChangeAsync(replica, "1-1-101", Tier.Red);
        await replica.DrainAsync();

        Assert.Equal(1, await CountAsync("alarms"));
        Assert.Equal(0, await CountAsync("notices"));
        Assert.Contains("alarm_without_recipient", Assert.Single(replica.Log.OperatorAlarms), StringComparison.Ordinal);
    }

    [Fact]
    public async Task RL06_two_replicas_that_handle_the_same_change_at_once_write_one_notice_a_person()
    {
        var (one, two) = (AddReplica(), AddReplica());
        var change = await ChangeAsync(one, "1-1-101", Tier.Red);
        var message = new TierChanged(change, Scene.Households["1-1-101"], "x", Tier.Green, Tier.Red, TierState.Provisional, Rise: true, null);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(async i =>
        {
            await using var db = (i % 2 == 0 ? one : two).Worker();
            await db.BeginAsync(default);
            await new AlarmLeaders(NullLogger<AlarmLeaders>.Instance).HandleAsync(message, db, default);
            await db.CommitAsync(default);
        }));

        Assert.Equal((1L, 5L, 5L, 10L), (await CountAsync("alarms"), await CountAsync("notices"), await CountAsync("notice_alarms"), await CountAsync("deliveries")));
    }

    private async Task ToldAboutAsync(string door, string[] told)
    {
        var replica = AddReplica();
        var change = await ChangeAsync(replica, door, Tier.Red);
        await replica.Dispatcher.DrainAsync(default);
        var accounts = await Database.ScalarAsync<Guid[]>("select array_agg(account_id) from notices where cause_id = $1", change);
        Assert.Equal(told, accounts!.Select(Scene.NameOf).Order(StringComparer.Ordinal));
    }

    private async Task<Guid> ChangeAsync(Replica replica, string door, Tier to)
    {
        await using var db = replica.Worker();
        return await LeadersScene.ChangeAsync(db, Scene.Households[door], to);
    }
}
