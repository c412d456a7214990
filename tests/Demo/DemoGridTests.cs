using System.Text.RegularExpressions;
using Backend.Domain.Grid;
using Local.Demo;

namespace Backend.Tests.Demo;

/// <summary>The grid of the demo hangs together.</summary>
public sealed partial class DemoGridTests
{
    private static DemoDistrict District => DemoFiguresTests.District;

    [GeneratedRegex(@"^dc(\.[a-z0-9_]+)*$")]
    private static partial Regex PathForm { get; }

    [GeneratedRegex("^[1-9][0-9]*-[1-9]-[1-9][0-9]{2,3}$")]
    private static partial Regex DoorForm { get; }

    [Fact]
    public void Paths_follow_the_parents_and_wall_roots_are_communities_and_the_area_under_a_street()
    {
        var byId = District.Nodes.ToDictionary(n => n.Id);
        Assert.Equal(District.Nodes.Count, District.Nodes.Select(n => n.Path).Distinct().Count());
        foreach (var node in District.Nodes)
        {
            Assert.Matches(PathForm, node.Path);
            var parent = node.ParentId is { } id ? byId[id] : null;
            Assert.Equal(parent is null ? node.Code : $"{parent.Path}.{node.Code}", node.Path);
            var isRoot = node.LevelCode == "community" || node.LevelCode == "area" && parent!.LevelCode == "street";
            Assert.Equal(isRoot ? node.Id : parent?.RootId, node.RootId);
            Assert.Equal(node.LevelCode == "floor", node.FloorNumber is not null);
        }
    }

    [Fact]
    public void Every_household_hangs_on_a_floor_behind_a_door_of_its_own()
    {
        Assert.All(District.Households, h => Assert.Equal("floor", h.Floor.LevelCode));
        Assert.Equal(7081, District.Households.Select(h => h.Plan.Door.Text).Distinct().Count());
        Assert.All(District.Households, h => Assert.Matches(DoorForm, h.Plan.Door.Text));
        Assert.Contains(District.Households, h => h.Plan.Door.Text == "13-4-104");
        // Building 13, unit 4, first floor, fourth room.
        Assert.All(District.Households, h =>
        {
            var parts = h.Plan.Door.Text.Split('-');
            Assert.EndsWith($".b{parts[0]}.f{parts[2][..^2]}", h.Floor.Path, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void A51_A55_every_floor_has_a_leader_a_vacant_post_or_passes_up_and_nobody_is_without_a_leader()
    {
        var holders = District.Appointments.Where(a => a.ToDay is null || a.ToDay >= District.AsOf).ToLookup(a => a.PostId);
        var byId = District.Nodes.ToDictionary(n => n.Id);
        foreach (var floor in District.Nodes.Where(n => n.LevelCode == "floor"))
        {
            // The nearest one on the way up who holds what covers the floor.
            var covered = false;
            for (var node = floor; node is not null && !covered; node = node.ParentId is { } id ? byId[id] : null)
                covered = District.Assignments.Any(a => a.NodeId == node.Id && (a.FloorFrom is null || floor.FloorNumber >= a.FloorFrom && floor.FloorNumber <= a.FloorTo) && holders[a.PostId].Any());
            Assert.True(covered, floor.Path);
        }
        foreach (var household in District.Households)
            Assert.Contains(household.Plan.Id, DemoBlueprint.Instance.Leaders.LeaderOf.Keys);

        // Each node down to the building has exactly one leader post, and a few are vacant.
        var posts = District.Posts.Where(p => p.LeadsNode).ToLookup(p => p.NodeId!.Value);
        Assert.All(District.Nodes.Where(n => n.LevelCode != "floor"), n => Assert.Single(posts[n.Id]));
        Assert.All(District.Nodes.Where(n => n.LevelCode == "floor"), n => Assert.True(posts[n.Id].Count() <= 1));
        var vacant = District.Posts.Where(p => p.LeadsNode && !holders[p.Id].Any()).ToList();
        Assert.Equal([Role.FloorLeader, Role.BuildingLeader, Role.AreaLeader], vacant.Select(p => p.Role).Distinct().Order());
    }

    [Fact]
    public void Some_leaders_have_a_stand_in_today_and_somebody_holds_two_grid_posts()
    {
        Assert.True(District.StandIns.Count(s => s.FromDay <= District.AsOf && s.ToDay >= District.AsOf) >= 3);
        Assert.Contains(District.StandIns, s => s.ToDay < District.AsOf);
        Assert.Contains(District.StandIns, s => s.FromDay > District.AsOf);
        var posts = District.Posts.ToDictionary(p => p.Id);
        Assert.Contains(District.Appointments.Where(a => posts[a.PostId].NodeId is not null).GroupBy(a => a.AccountId), g => g.Count() > 1);
    }

    [Fact]
    public void The_demo_accounts_lie_on_one_path_of_tongyuan()
    {
        var nodes = District.Nodes.ToDictionary(n => n.Id);
        Assert.Equal("dc.td.ty.a4.b13.f4", Seat("demo-floor-leader", Role.FloorLeader));
        Assert.Equal("dc.td.ty.a4.b13", Seat("demo-building-leader", Role.BuildingLeader));
        Assert.Equal("dc.td.ty.a4", Seat("demo-area-leader", Role.AreaLeader));
        Assert.Equal("dc.td.ty", Seat("demo-staff", Role.Staff));
        Assert.Equal("dc.td", Seat("demo-street", Role.StreetManager));
        Assert.Equal("dc", Seat("demo-district", Role.DistrictManager));
        var resident = District.Accounts.Single(a => a.DemoCode == "demo-resident").ResidentId;
        Assert.Equal("dc.td.ty.a4.b13.f4", District.Households.Single(h => h.Residents.Any(r => r.Id == resident)).Floor.Path);
        // The administrator looks after nobody.
        var admin = District.Accounts.Single(a => a.DemoCode == "demo-admin");
        var seat = District.Posts.Single(p => p.Id == District.Appointments.Single(a => a.AccountId == admin.Id).PostId);
        Assert.Equal(Role.SystemAdmin, seat.Role);
        Assert.DoesNotContain(District.Assignments, a => a.PostId == seat.Id);

        string Seat(string code, Role role)
        {
            var account = District.Accounts.Single(a => a.DemoCode == code);
            var mine = District.Appointments.Where(a => a.AccountId == account.Id).Select(a => District.Posts.Single(p => p.Id == a.PostId)).Where(p => p.NodeId is not null);
            var post = Assert.Single(mine);
            Assert.Equal(role, post.Role);
            return nodes[Assert.Single(District.Assignments, a => a.PostId == post.Id).NodeId!.Value].Path;
        }
    }
}
