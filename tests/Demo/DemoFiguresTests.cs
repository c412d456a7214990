using Backend.Domain.Grid;
using Backend.Domain.Households;
using Backend.Domain.Tags;
using Backend.Domain.Tiers;
using Local.Demo;

namespace Backend.Tests.Demo;

/// <summary>The figures of the report from the generated rows, in memory. <see cref="DemoDatabaseTests"/> does the same with what is in the database.</summary>
public sealed class DemoFiguresTests
{
    private static readonly Lazy<DemoDistrict> Made = new(() => DemoDistrict.Generate(Support.PostgresFixture.DemoDay));

    internal static DemoDistrict District => Made.Value;

    [Fact]
    public void A100_to_A106_every_figure_of_the_report_is_exact_from_the_rows() => ReportFigures.AreExact(DistrictRows.Of(District));

    [Fact]
    public void A02_A03_A50_two_streets_three_communities_and_one_area_under_a_street_on_six_levels()
    {
        Assert.Equal(6, District.Levels.Count);
        var levels = District.Nodes.CountBy(n => n.LevelCode).ToDictionary();
        Assert.Equal((1, 2, 3, 11), (levels["district"], levels["street"], levels["community"], levels["area"]));
        Assert.True(levels["building"] >= 29);
        var byId = District.Nodes.ToDictionary(n => n.Id);
        Assert.Single(District.Nodes, n => n.LevelCode == "area" && byId[n.ParentId!.Value].LevelCode == "street");
        Assert.Equal(["铜源社区", "铜兴社区", "碧泉社区", "碧湾片区"], District.Nodes.Where(n => n.RootId == n.Id).Select(n => n.Name));
    }

    [Fact]
    public void A52_A53_110_party_bodies_mirror_the_grid_and_groups_cover_several_floors()
    {
        var bodies = District.PartyBodies.CountBy(b => b.Kind).ToDictionary();
        Assert.Equal((1, 2, 3, 11, 29, 64), (bodies[PartyBodyKind.DistrictCommittee], bodies[PartyBodyKind.StreetCommittee],
            bodies[PartyBodyKind.CommunityOrganisation], bodies[PartyBodyKind.GeneralBranch], bodies[PartyBodyKind.Branch], bodies[PartyBodyKind.Group]));
        Assert.All(District.PartyBodies.Where(b => b.Kind == PartyBodyKind.Group), b => Assert.True(b.NodeIds.Length > 1));
        var building = District.Nodes.ToDictionary(n => n.Id, n => n.ParentId);
        Assert.Contains(District.PartyBodies, b => b.Kind == PartyBodyKind.Group && b.NodeIds.Select(n => building[n]).Distinct().Count() > 1);
        // Every floor belongs to exactly one group: where residents live there is the organisation.
        Assert.Equal(
            District.Nodes.Where(n => n.LevelCode == "floor").Select(n => n.Id).Order(),
            District.PartyBodies.Where(b => b.Kind == PartyBodyKind.Group).SelectMany(b => b.NodeIds).Order());
    }

    [Fact]
    public void A54_one_person_holds_a_party_post_and_a_grid_post_on_one_node()
    {
        var posts = District.Posts.ToDictionary(p => p.Id);
        var bodies = District.PartyBodies.ToDictionary(b => b.Id);
        var held = District.Appointments.GroupBy(a => a.AccountId).Select(g => g.Select(a => posts[a.PostId]).ToList());
        Assert.Contains(held, mine => mine.Any(p => p.NodeId is { } node && mine.Any(other => other.PartyBodyId is { } body && bodies[body].NodeIds.Contains(node))));
        // A Party post reaches nothing, and gives its holder no role that she has not got.
        var party = District.Posts.Where(p => p.PartyBodyId is not null).ToDictionary(p => p.Id);
        Assert.DoesNotContain(District.Assignments, a => party.ContainsKey(a.PostId));
        var residents = District.Accounts.Where(a => a.ResidentId is not null).Select(a => a.Id).ToHashSet();
        Assert.All(District.Appointments.Where(a => party.ContainsKey(a.PostId)), a => Assert.True(
            party[a.PostId].Role == Role.Resident ? residents.Contains(a.AccountId)
                : District.Appointments.Any(b => b.AccountId == a.AccountId && posts[b.PostId] is { NodeId: not null } p && p.Role == party[a.PostId].Role)));
    }

    [Fact]
    public void A56_376_floor_leaders_hold_376_posts_in_the_three_communities()
    {
        var nodes = District.Nodes.ToDictionary(n => n.Id);
        var communities = District.Nodes.Where(n => n.LevelCode == "community").Select(n => n.Id).ToHashSet();
        var posts = District.Posts.Where(p => p.Role == Role.FloorLeader && communities.Contains(nodes[p.NodeId!.Value].RootId!.Value)).Select(p => p.Id).ToHashSet();
        var held = District.Appointments.Where(a => posts.Contains(a.PostId) && a.ToDay is null).ToList();
        Assert.Equal((376, 376, 376), (posts.Count, held.Count, held.Select(a => a.AccountId).Distinct().Count()));
        Assert.Equal(376, District.Appointments.Count(a => District.Posts.Single(p => p.Id == a.PostId) is { Role: Role.FloorLeader, NodeId: not null }));
    }

    [Fact]
    public void A57_A60_A61_leaders_live_on_their_floors_and_look_after_about_15_households_one_33_and_one_39()
    {
        var home = District.Households.SelectMany(h => h.Residents.Select(r => (r.Id, h))).ToDictionary(p => p.Id, p => p.h);
        var accounts = District.Accounts.ToDictionary(a => a.Id);
        var load = new List<int>();
        foreach (var appointment in District.Appointments.Where(a => District.Posts.Single(p => p.Id == a.PostId) is { Role: Role.FloorLeader, NodeId: not null }))
        {
            var mine = District.Assignments.Where(a => a.PostId == appointment.PostId).ToList();
            var households = District.Households.Where(h => mine.Any(a => Covers(a, h))).ToList();
            load.Add(households.Count);
            // In the building where she lives, and among those she looks after.
            Assert.Contains(home[accounts[appointment.AccountId].ResidentId!.Value], households);
        }
        Assert.Contains(33, load);
        Assert.Contains(39, load);
        Assert.All(load, n => Assert.InRange(n, 8, 39));
        Assert.Equal(2, load.Count(n => n > 20));
        Assert.Equal(6522, load.Sum());
    }

    [Fact]
    public void A58_assignments_go_by_node_by_floor_range_and_by_single_household()
    {
        Assert.Contains(District.Assignments, a => a is { NodeId: not null, FloorFrom: null });
        Assert.Contains(District.Assignments, a => a is { FloorFrom: 1, FloorTo: 4 });
        var single = District.Assignments.Where(a => a.HouseholdId is not null).ToList();
        Assert.True(single.Count > 20);
        Assert.Equal(single.Count, single.Select(a => a.HouseholdId).Distinct().Count());
        Assert.Equal(3, single.Select(a => a.PostId).Distinct().Count());
    }

    [Fact]
    public void A61_A86_A92_the_leaders_of_the_report_have_households_that_joined_that_work_and_that_are_away()
    {
        var joined = District.Households.Where(h => h.Plan.Door is { Building: GridPlan.JoinedBuilding, FloorNumber: <= 2 }).ToList();
        var accounts = District.Accounts.Where(a => a.ResidentId is not null).Select(a => a.ResidentId!.Value).ToHashSet();
        Assert.Equal(39, joined.Count);
        Assert.All(joined, h => Assert.Contains(h.Residents, r => accounts.Contains(r.Id)));
        Assert.Equal(10, joined.Count(h => h.Plan.Occupancy == Occupancy.AllAway));

        var working = DistrictRows.Of(District).Households.Where(h => h.Path.StartsWith("dc.td.ty.a3.b7.f", StringComparison.Ordinal) && int.Parse(h.Path[^1..], System.Globalization.CultureInfo.InvariantCulture) <= 4 && h.Path.Length == "dc.td.ty.a3.b7.f1".Length).ToList();
        Assert.Equal(33, working.Count);
        Assert.Equal(32, working.Count(h => h.Labour(new DateOnly(2022, 11, 30)).Any(s => s is "employed" or "self" or "farming")));
    }

    [Fact]
    public void The_tiers_have_the_published_shares_and_yellow_has_signals_of_many_kinds()
    {
        var tiers = District.Households.CountBy(h => (h.Tier, h.State)).ToDictionary();
        Assert.Equal(284, tiers[(Tier.Red, TierState.Confirmed)]);
        Assert.Equal(667, tiers[(Tier.Orange, null)]);
        Assert.Equal(DemoParameters.YellowPerMille * 7081 / 1000, tiers[(Tier.Yellow, null)]);
        Assert.Equal(DemoParameters.Unassessed, tiers[(Tier.Yellow, TierState.Unassessed)]);
        Assert.Equal(5, tiers.Count);
        Assert.True(District.Households.Where(h => h.Tier == Tier.Yellow).Select(h => h.Plan.Signal).Distinct().Count() > 20);
    }

    [Fact]
    public void Most_visits_are_in_time_some_are_due_and_a_few_are_overdue()
    {
        var due = District.Households.Where(h => h.DueDay is not null).Select(h => h.DueDay!.Value.DayNumber - District.AsOf.DayNumber).ToList();
        Assert.InRange(due.Count(d => d < 0), 1, 7081 * 6 / 100);
        Assert.InRange(due.Count(d => d is 0 or 1), 100, 900);
        Assert.True(due.Count(d => d > 1) > 7081 * 80 / 100);
        Assert.All(District.Households.Where(h => h.Plan.Occupancy == Occupancy.Vacant), h => Assert.Empty(h.Visits));
        // Nothing lies ahead of the moment of loading.
        Assert.All(District.Households.SelectMany(h => h.Visits), v => Assert.True(v.Day < District.AsOf));
        Assert.All(District.Households.SelectMany(h => h.Values), v => Assert.True(v.Value.ObservedAt < District.AsOf));
    }

    [Fact]
    public void Only_tags_of_the_catalogue_are_used_with_values_that_their_types_allow_and_no_projection_is_stored()
    {
        var catalogue = TagCatalogue.Default;
        foreach (var value in District.Households.SelectMany(h => h.Values).Select(v => v.Value).DistinctBy(v => (v.Tag, v.Value)))
        {
            var problem = TagRules.Check(catalogue, value.Tag, value.Subject, value.Value, out var canonical);
            Assert.True(problem is null, $"{value.Tag} = {value.Value}: {problem?.Text}");
            Assert.Equal(canonical, value.Value);
        }
    }

    private static bool Covers(Assignment a, DemoHousehold h) =>
        a.HouseholdId == h.Id || a.NodeId == h.Floor.Id
        || a.FloorFrom is not null && a.NodeId == h.Floor.ParentId && h.Floor.FloorNumber >= a.FloorFrom && h.Floor.FloorNumber <= a.FloorTo;
}
