using Backend.Domain.Grid;

namespace Backend.Tests.Domain.Grid;

/// <summary>Who looks after which households: the nearest post that somebody acts in, and nobody's households are lost in the count.</summary>
public class ResponsibilityTests
{
    private static readonly Guid Community = Id(1), Building = Id(2), First = Id(3), Second = Id(4);
    private static readonly Guid CommunityLeader = Id(10), BuildingLeader = Id(11), FloorLeader = Id(12), RangeLeader = Id(13), HomeLeader = Id(14);
    private readonly List<Assignment> _assignments = [];
    private readonly Dictionary<Guid, Guid> _homes = [];

    [Fact]
    public void A55_the_nearest_leader_has_the_households_and_a_vacant_post_passes_them_up()
    {
        Assign(CommunityLeader, Community);
        Assign(BuildingLeader, Building);
        Assign(FloorLeader, First);

        Assert.Equal([(BuildingLeader, 5), (FloorLeader, 3)], Loads(CommunityLeader, BuildingLeader, FloorLeader));
        Assert.Equal([(BuildingLeader, 8)], Loads(CommunityLeader, BuildingLeader));
        Assert.Equal([(CommunityLeader, 8)], Loads(CommunityLeader));
    }

    [Fact]
    public void A55_where_nobody_acts_on_the_whole_path_the_households_stand_under_their_node()
    {
        Assign(FloorLeader, First);
        var (loads, without) = Count([FloorLeader]);
        Assert.Equal([(FloorLeader, 3)], loads);
        Assert.Equal([(Second, 5)], without);
        Assert.Equal([(First, 3), (Second, 5)], Count([]).Without);
    }

    [Fact]
    public void A58_a_range_of_floors_comes_before_the_node_and_a_household_by_itself_before_both()
    {
        Assign(FloorLeader, Second);
        Assign(RangeLeader, Building, 2, 3);
        foreach (var home in (Guid[])[Id(100), Id(101)]) AssignHome(HomeLeader, home, Second);
        // Assigned as well to somebody whose post is vacant: nothing of it counts.
        AssignHome(Id(9), Id(102), Second);

        Assert.Equal([(RangeLeader, 3), (HomeLeader, 2)], Loads(FloorLeader, RangeLeader, HomeLeader));
        Assert.Equal([(FloorLeader, 3), (HomeLeader, 2)], Loads(FloorLeader, HomeLeader));
        // The range begins on the second floor.
        Assert.Equal([(First, 3)], Count([FloorLeader, RangeLeader, HomeLeader]).Without);
    }

    [Fact]
    public void A58_a_household_that_two_have_by_itself_is_counted_once()
    {
        AssignHome(FloorLeader, Id(100), Second);
        AssignHome(HomeLeader, Id(100), Second);
        Assert.Equal([(FloorLeader, 1)], Loads(FloorLeader, HomeLeader));
        Assert.Equal([(First, 3), (Second, 4)], Count([FloorLeader, HomeLeader]).Without);
    }

    private (List<(Guid, int)> Loads, List<(Guid, int)> Without) Count(Guid[] acting)
    {
        var counted = new Responsibility(
            acting.ToHashSet(), _assignments,
            [new NodeHouseholds(First, Building, 1, 3), new NodeHouseholds(Second, Building, 2, 5)], _homes,
            node => node == First || node == Second ? [node, Building, Community] : node == Building ? [Building, Community] : [Community]);
        return (Of(counted.Loads), Of(counted.WithoutLeader));

        static List<(Guid, int)> Of(IReadOnlyDictionary<Guid, int> counts) => [.. counts.Select(c => (c.Key, c.Value)).OrderBy(c => c.Key)];
    }

    private List<(Guid, int)> Loads(params Guid[] acting) => Count(acting).Loads;

    private void Assign(Guid post, Guid node, int? from = null, int? to = null) =>
        _assignments.Add(new Assignment { Id = Id(1000 + _assignments.Count), PostId = post, NodeId = node, FloorFrom = from, FloorTo = to });

    private void AssignHome(Guid post, Guid home, Guid node)
    {
        _homes[home] = node;
        _assignments.Add(new Assignment { Id = Id(1000 + _assignments.Count), PostId = post, HouseholdId = home });
    }

    private static Guid Id(int number) => new(number, 0, 0, new byte[8]);
}
