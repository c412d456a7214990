using Backend.Domain.Grid;
using Backend.Domain.Notices;

namespace Backend.Tests.Domain.Notices;

/// <summary>Whom a rise is told to (A-26, A-51, A-58, tier-rules.md H1), as a pure function of rows.</summary>
public sealed class RecipientsTests
{
    private static readonly DateOnly Today = new(2026, 11, 25);
    private static readonly Guid Household = Guid.CreateVersion7(), Other = Guid.CreateVersion7();

    private readonly Rows _rows = new();

    [Fact]
    public void H1_the_leaders_of_floor_building_and_area_and_the_staff_are_told_and_nobody_above()
    {
        var floor = _rows.Leader("floor");
        var building = _rows.Leader("building");
        var area = _rows.Leader("area");
        _rows.Leader("community");
        _rows.Leader("street");
        var staff = _rows.Staff("community");

        Assert.Equal([floor, building, area, staff], Told());
    }

    [Fact]
    public void A26_a_vacant_post_passes_to_the_next_level_up()
    {
        var building = _rows.Leader("building");
        _rows.Vacant("area");
        var community = _rows.Leader("community");

        Assert.Equal([building, community], Told());
    }

    [Fact]
    public void A26_a_vacant_community_passes_on_to_the_street()
    {
        _rows.Leader("floor");
        _rows.Leader("building");
        _rows.Vacant("community");
        var street = _rows.Leader("street");

        Assert.Contains(street, Told());
        Assert.Equal(3, Told().Count);
    }

    [Fact]
    public void A26_when_every_post_is_vacant_only_the_staff_are_told()
    {
        var staff = _rows.Staff("community");

        Assert.Equal([staff], Told());
    }

    [Fact]
    public void A26_a_person_with_two_posts_is_told_once()
    {
        var floor = _rows.Leader("floor");
        _rows.Leader("building", account: floor);
        var area = _rows.Leader("area");

        Assert.Equal([floor, area], Told());
    }

    [Fact]
    public void A26_a_stand_in_is_told_instead_of_the_holder_from_the_first_to_the_last_day()
    {
        var floor = _rows.Leader("floor");
        var post = _rows.Posts[^1].Id;
        var substitute = _rows.StandIn(post, Today, Today);
        _rows.Leader("building");
        _rows.Leader("area");

        Assert.Contains(substitute, Told());
        Assert.DoesNotContain(floor, Told());
        Assert.Contains(floor, Told(Today.AddDays(1)));
        Assert.DoesNotContain(substitute, Told(Today.AddDays(1)));
        Assert.Contains(floor, Told(Today.AddDays(-1)));
    }

    [Fact]
    public void A26_a_stand_in_fills_a_post_that_has_no_holder()
    {
        _rows.Vacant("floor");
        var substitute = _rows.StandIn(_rows.Posts[^1].Id, Today.AddDays(-1), Today.AddDays(1));

        Assert.Contains(substitute, Told());
    }

    [Fact]
    public void A26_an_appointment_counts_from_its_first_to_its_last_day()
    {
        var old = _rows.Leader("floor", from: Today.AddDays(-10), to: Today);
        var next = _rows.Appoint(_rows.Posts[^1].Id, Today.AddDays(1));

        Assert.Equal([old], Told());
        Assert.Equal([next], Told(Today.AddDays(1)));
    }

    [Fact]
    public void A58_a_leader_of_a_floor_range_is_the_floors_leader_and_of_no_other_floor()
    {
        var mine = _rows.Range("building", 3, 5);
        var others = _rows.Range("building", 6, 8);
        _rows.Leader("building");

        Assert.Contains(mine, Told());
        Assert.DoesNotContain(others, Told());
    }

    [Fact]
    public void A58_a_leader_of_a_single_household_is_told_of_it_beside_the_floors_leader()
    {
        var floor = _rows.Leader("floor");
        var single = _rows.Single(Household);
        var stranger = _rows.Single(Other);

        Assert.Contains(floor, Told());
        Assert.Contains(single, Told());
        Assert.DoesNotContain(stranger, Told());
    }

    [Fact]
    public void A58_a_leader_of_a_single_household_fills_the_place_of_a_vacant_floor()
    {
        _rows.Vacant("floor");
        var single = _rows.Single(Household);
        var building = _rows.Leader("building");
        var area = _rows.Leader("area");

        Assert.Equal([single, building, area], Told());
    }

    [Fact]
    public void A58_two_leader_posts_of_one_building_are_told_by_their_floors()
    {
        var lower = _rows.Leader("building", floors: (1, 6));
        var upper = _rows.Leader("building", floors: (7, 12));

        Assert.Contains(lower, Told());
        Assert.DoesNotContain(upper, Told());
    }

    [Fact]
    public void A58_staff_of_another_floor_range_or_node_are_not_told()
    {
        var here = _rows.Staff("building", floors: (4, 4));
        var elsewhere = _rows.Staff("building", floors: (5, 9));
        var foreign = _rows.Staff("neighbour");

        Assert.Contains(here, Told());
        Assert.DoesNotContain(elsewhere, Told());
        Assert.DoesNotContain(foreign, Told());
    }

    [Fact]
    public void A26_other_roles_that_look_after_the_household_are_not_told()
    {
        var officer = _rows.Holder(Role.LabourOfficer, "community");

        Assert.DoesNotContain(officer, Told());
    }

    [Fact]
    public void A50_an_area_directly_under_a_street_has_its_area_leader_told_and_the_street_only_for_want_of_her()
    {
        var area = _rows.Leader("area");
        var street = _rows.Leader("street");
        var path = _rows.Path.Where(n => n.Code != "community").ToList();

        Assert.Contains(area, Told(path: path));
        Assert.DoesNotContain(street, Told(path: path));
        Assert.Contains(street, Told(path: [.. path.Where(n => n.Code is "floor" or "street")]));
    }

    private IReadOnlySet<Guid> Told(DateOnly? day = null, IReadOnlyList<GridNode>? path = null) => _rows.Recipients(day ?? Today).Of(Household, path ?? _rows.Path);

    private sealed class Rows
    {
        private readonly List<Assignment> _assignments = [];
        private readonly List<Appointment> _appointments = [];
        private readonly List<StandIn> _standIns = [];
        private readonly Dictionary<string, GridNode> _nodes = [];

        private static readonly Level[] Levels =
        [
            new() { Code = "district", Name = "区", Order = 1 }, new() { Code = "street", Name = "街道", Order = 2 },
            new() { Code = "community", Name = "社区", Order = 3 }, new() { Code = "area", Name = "片区", Order = 4 },
            new() { Code = "building", Name = "楼栋", Order = 5 }, new() { Code = "floor", Name = "楼层", Order = 6 },
        ];

        public Rows()
        {
            foreach (var level in Levels)
                _nodes[level.Code] = new GridNode { Id = Guid.CreateVersion7(), LevelCode = level.Code, Code = level.Code, Name = level.Name, Path = level.Code, FloorNumber = level.Code == "floor" ? 4 : null };
            _nodes["neighbour"] = new GridNode { Id = Guid.CreateVersion7(), LevelCode = "building", Code = "neighbour", Name = "2栋", Path = "neighbour" };
        }

        public List<Post> Posts { get; } = [];

        public IReadOnlyList<GridNode> Path => [.. _nodes.Values.Where(n => n.Code != "neighbour").Reverse()];

        public Recipients Recipients(DateOnly day) => new(Levels, 3, Posts, _assignments, _appointments, _standIns, day);

        public Guid Leader(string node, Guid? account = null, DateOnly? from = null, DateOnly? to = null, (int From, int To)? floors = null)
        {
            Vacant(node, floors);
            return Appoint(Posts[^1].Id, from ?? Today.AddYears(-1), to, account);
        }

        public void Vacant(string node, (int From, int To)? floors = null)
        {
            var role = node switch { "floor" => Role.FloorLeader, "building" => Role.BuildingLeader, "area" => Role.AreaLeader, "community" => Role.CommunityLeader, _ => Role.StreetManager };
            Posts.Add(new Post { Id = Guid.CreateVersion7(), Role = role, NodeId = _nodes[node].Id, LeadsNode = true, Title = node });
            Assign(node, floors);
        }

        public Guid Staff(string node, (int From, int To)? floors = null) => Holder(Role.Staff, node, floors);

        public Guid Holder(Role role, string node, (int From, int To)? floors = null)
        {
            Posts.Add(new Post { Id = Guid.CreateVersion7(), Role = role, NodeId = _nodes["community"].Id, Title = "后台" });
            Assign(node, floors);
            return Appoint(Posts[^1].Id, Today.AddYears(-1));
        }

        public Guid Range(string building, int from, int to)
        {
            Posts.Add(new Post { Id = Guid.CreateVersion7(), Role = Role.FloorLeader, NodeId = _nodes[building].Id, Title = "楼层长" });
            Assign(building, (from, to));
            return Appoint(Posts[^1].Id, Today.AddYears(-1));
        }

        public Guid Single(Guid household)
        {
            Posts.Add(new Post { Id = Guid.CreateVersion7(), Role = Role.FloorLeader, PartyBodyId = Guid.CreateVersion7(), Title = "责任户" });
            _assignments.Add(new Assignment { Id = Guid.CreateVersion7(), PostId = Posts[^1].Id, HouseholdId = household });
            return Appoint(Posts[^1].Id, Today.AddYears(-1));
        }

        public Guid Appoint(Guid post, DateOnly from, DateOnly? to = null, Guid? account = null)
        {
            _appointments.Add(new Appointment { Id = Guid.CreateVersion7(), PostId = post, AccountId = account ?? Guid.CreateVersion7(), FromDay = from, ToDay = to });
            return _appointments[^1].AccountId;
        }

        public Guid StandIn(Guid post, DateOnly from, DateOnly to)
        {
            _standIns.Add(new StandIn { Id = Guid.CreateVersion7(), PostId = post, AccountId = Guid.CreateVersion7(), FromDay = from, ToDay = to });
            return _standIns[^1].AccountId;
        }

        private void Assign(string node, (int From, int To)? floors = null) =>
            _assignments.Add(new Assignment { Id = Guid.CreateVersion7(), PostId = Posts[^1].Id, NodeId = _nodes[node].Id, FloorFrom = floors?.From, FloorTo = floors?.To });
    }
}
