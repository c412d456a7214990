using System.Globalization;
using Backend.Domain.Grid;
using Backend.Domain.Households;
using Backend.Domain.Tiers;

namespace Local.Demo;

internal sealed record PlannedAccount(Guid Id, Guid IdentityId, string Name, Guid? ResidentId, int? PhoneNumber, string? DemoCode, bool EmploymentBound);

internal sealed record PlannedAppointment(Guid Id, Guid PostId, Guid AccountId, When From, When? To);

internal sealed record PlannedStandIn(Guid Id, Guid PostId, Guid AccountId, When From, When To);

/// <summary>
/// Who leads what: 376 floor leaders in the three communities (A-56), each living on the floors she looks after (A-57); building, area and
/// community leaders, back-office staff, labour officers, street and district; and the Party mirrored on the grid (A-52 to A-54). Some posts are
/// vacant, some holders have a stand-in, some people hold two posts.
/// </summary>
internal sealed class LeadersPlan
{
    private readonly DemoRandom _random = new("leaders");
    private readonly DemoIds _ids;
    private readonly GridPlan _grid;
    private readonly Dictionary<Guid, PlannedAccount> _ofResident = [];
    private readonly Dictionary<Guid, List<PlannedHousehold>> _byFloor;
    private readonly Dictionary<Guid, Guid> _holderOfNode = [];
    private int _phones = 60_000;

    public List<Post> Posts { get; } = [];
    public List<PlannedAppointment> Appointments { get; } = [];
    public List<Assignment> Assignments { get; } = [];
    public List<PlannedStandIn> StandIns { get; } = [];
    public List<PlannedAccount> Accounts { get; } = [];
    public List<PartyBody> PartyBodies { get; } = [];
    /// <summary>The responsible leader of each household.</summary>
    public Dictionary<Guid, Guid> LeaderOf { get; } = [];
    /// <summary>The first of the back-office staff by wall root.</summary>
    public Dictionary<Guid, Guid> StaffOf { get; } = [];

    public LeadersPlan(DemoIds ids, GridPlan grid, List<PlannedHousehold> households)
    {
        (_ids, _grid) = (ids, grid);
        _byFloor = households.GroupBy(h => h.Floor.Id).ToDictionary(g => g.Key, g => g.ToList());
        FloorLeaders();
        BuildingAndAreaLeaders();
        AboveAndOffice();
        Households(households);
        Party();
        Joined(households);
    }

    private static readonly When LeadersSince = When.On(2022, 3, 1), OfficeSince = When.On(2021, 9, 1);

    private void FloorLeaders()
    {
        foreach (var (number, building) in _grid.Buildings)
        {
            var floors = _grid.Nodes.Where(n => n.ParentId == building.Id).OrderBy(n => n.FloorNumber).ToList();
            if (building.RootId == _grid.Node("dc.bg.bw").Id)
            {
                // The area's floors have no leader: six of them a vacant post, the others none; both pass up to the building leader.
                foreach (var floor in floors.Take(6)) Post(Role.FloorLeader, floor, leads: true, $"{floor.Name}楼层长", assign: true);
                continue;
            }
            for (var i = 0; i < floors.Count;)
            {
                var many = (number, i) switch
                {
                    (GridPlan.RangeBuilding, 0) => 4,
                    (GridPlan.RangeBuilding or 8 or 18, _) => 2,
                    (GridPlan.JoinedBuilding, 0) => 2,
                    _ => 1,
                };
                var own = floors.GetRange(i, many);
                i += many;
                var homes = own.SelectMany(f => _byFloor[f.Id]).ToList();
                if (many > 1)
                {
                    var (from, to) = (own[0].FloorNumber!.Value, own[^1].FloorNumber!.Value);
                    var post = Post(Role.FloorLeader, building, leads: false, string.Create(CultureInfo.InvariantCulture, $"{building.Name}{from}至{to}层楼层长"));
                    Assignments.Add(new Assignment { Id = _ids.Next(), PostId = post.Id, NodeId = building.Id, FloorFrom = from, FloorTo = to });
                    Appoint(post, homes, null);
                }
                else if (number == GridPlan.DemoBuilding && own[0].FloorNumber >= 15)
                {
                    // 分层联户: the two top floors are shared out household by household among three leaders (A-58).
                    var post = Post(Role.FloorLeader, own[0], leads: true, $"{own[0].Name}楼层长");
                    var first = own[0].FloorNumber == 15;
                    Single(post, homes.Where((_, n) => n % 3 != 0).ToList());
                    if (!first) continue;
                    var shared = Post(Role.FloorLeader, building, leads: false, $"{building.Name}联户楼层长");
                    Single(shared, [.. floors.Where(f => f.FloorNumber >= 15).SelectMany(f => _byFloor[f.Id].Where((_, n) => n % 3 == 0))]);
                }
                else
                {
                    var post = Post(Role.FloorLeader, own[0], leads: true, $"{own[0].Name}楼层长", assign: true);
                    Appoint(post, homes, number == GridPlan.DemoBuilding && own[0].FloorNumber == GridPlan.DemoFloor ? "demo-floor-leader" : null);
                }
            }
        }

        void Single(Post post, List<PlannedHousehold> homes)
        {
            foreach (var home in homes) Assignments.Add(new Assignment { Id = _ids.Next(), PostId = post.Id, HouseholdId = home.Id });
            Appoint(post, homes, null);
        }

        void Appoint(Post post, List<PlannedHousehold> homes, string? code)
        {
            var account = Resident(homes, code);
            Hold(post, account, LeadersSince);
            foreach (var home in homes) LeaderOf[home.Id] = account.Id;
        }
    }

    private void BuildingAndAreaLeaders()
    {
        foreach (var (number, building) in _grid.Buildings)
        {
            var post = Post(Role.BuildingLeader, building, leads: true, $"{building.Name}楼长", assign: true);
            var homes = Under(building);
            if (number is 6 or 19)
            {
                // Vacant: the holder of the one left 20 days ago, the other has none yet.
                if (number == 6) Appointments.Add(new PlannedAppointment(_ids.Next(), post.Id, Resident(homes, null).Id, LeadersSince, When.Ago(20)));
                continue;
            }
            // One floor leader leads the building too: told once, though she holds two posts.
            var account = number == 3 ? AccountOf(building.Path + ".f1") : Resident(homes, number == GridPlan.DemoBuilding ? "demo-building-leader" : null);
            Hold(post, account, LeadersSince);
        }
        foreach (var area in _grid.Nodes.Where(n => n.LevelCode == "area"))
        {
            var post = Post(Role.AreaLeader, area, leads: true, $"{area.Name}片区长", assign: true);
            if (area.Path == "dc.bg.bq.a3") continue;
            var account = area.Path == "dc.td.ty.a2" ? AccountOf("dc.td.ty.a2.b5") : Resident(Under(area), area.Path == "dc.td.ty.a4" ? "demo-area-leader" : null);
            Hold(post, account, LeadersSince);
        }

        StandIn("dc.td.ty.a1.b2", "dc.td.ty.a1.b2.f2", When.Ago(3), When.Ago(-11));
        StandIn("dc.td.ty.a1.b1.f3", "dc.td.ty.a1.b1.f4", When.Ago(1), When.Ago(-20));
        StandIn("dc.td.tx.a1", "dc.td.tx.a1.b14", When.Ago(5), When.Ago(-5));
        StandIn("dc.bg.bq.a1.b22", "dc.bg.bq.a1.b22.f1", When.Ago(90), When.Ago(60));
        StandIn("dc.bg.bq.a2.b24", "dc.bg.bq.a2.b25", When.Ago(-30), When.Ago(-44));

        void StandIn(string path, string by, When from, When to) =>
            StandIns.Add(new PlannedStandIn(_ids.Next(), Posts.Single(p => p.LeadsNode && p.NodeId == _grid.Node(path).Id).Id, AccountOf(by).Id, from, to));
    }

    private void AboveAndOffice()
    {
        foreach (var community in _grid.Nodes.Where(n => n.LevelCode == "community"))
            Hold(Post(Role.CommunityLeader, community, leads: true, $"{community.Name}网格长", assign: true), Cadre(null), OfficeSince);
        foreach (var root in _grid.Nodes.Where(n => n.RootId == n.Id))
        {
            var seats = root.Code switch { "ty" => 4, "bw" => 2, _ => 3 };
            for (var seat = 1; seat <= seats; seat++)
            {
                var post = Post(Role.Staff, root, leads: false, string.Create(CultureInfo.InvariantCulture, $"{root.Name}后台服务人员{seat}"), assign: true);
                if (root.Code == "ty" && seat == 4) continue;
                var account = Cadre(root.Code == "ty" && seat == 1 ? "demo-staff" : null);
                Hold(post, account, OfficeSince);
                StaffOf.TryAdd(root.Id, account.Id);
            }
            var officer = Post(Role.LabourOfficer, root, leads: false, $"{root.Name}劳务信息员", assign: true);
            if (root.Code != "bw") Hold(officer, Cadre(null), OfficeSince);
        }
        foreach (var street in _grid.Nodes.Where(n => n.LevelCode == "street"))
            Hold(Post(Role.StreetManager, street, leads: true, $"{street.Name}管理人员", assign: true), Cadre(street.Code == "td" ? "demo-street" : null), OfficeSince);
        var district = _grid.Nodes[0];
        Hold(Post(Role.DistrictManager, district, leads: true, "区级管理人员", assign: true), Cadre("demo-district"), OfficeSince);
        // Administrators run the system; they look after nobody, so they reach nobody.
        Hold(Post(Role.SystemAdmin, district, leads: false, "系统管理员"), Cadre("demo-admin"), OfficeSince);
        Hold(Post(Role.SecurityAdmin, district, leads: false, "安全管理员"), Cadre(null), OfficeSince);
        Hold(Post(Role.AuditAdmin, district, leads: false, "审计管理员"), Cadre(null), OfficeSince);
    }

    /// <summary>Households without a floor leader are their building leader's.</summary>
    private void Households(List<PlannedHousehold> households)
    {
        foreach (var household in households.Where(h => !LeaderOf.ContainsKey(h.Id))) LeaderOf[household.Id] = _holderOfNode[household.Floor.ParentId!.Value];
    }

    private void Party()
    {
        var district = Body(null, PartyBodyKind.DistrictCommittee, "东川区搬迁安置区党委", _grid.Nodes[0]);
        foreach (var street in _grid.Nodes.Where(n => n.LevelCode == "street"))
        {
            var committee = Body(district, PartyBodyKind.StreetCommittee, $"{street.Name}搬迁安置区党委", street);
            foreach (var root in _grid.Nodes.Where(n => n.RootId == n.Id && n.ParentId == street.Id))
            {
                var above = root.LevelCode == "community" ? Body(committee, PartyBodyKind.CommunityOrganisation, $"{root.Name}党组织", root) : committee;
                foreach (var area in root.LevelCode == "area" ? [root] : _grid.Nodes.Where(n => n.ParentId == root.Id).ToList())
                {
                    var general = Body(above, PartyBodyKind.GeneralBranch, $"{area.Name}党总支", area);
                    foreach (var building in _grid.Nodes.Where(n => n.ParentId == area.Id).ToList()) Branch(general, building);
                }
            }
        }
        if (PartyBodies.Count != 110) throw new InvalidOperationException($"{PartyBodies.Count} party bodies instead of 110.");

        PartyBody Body(PartyBody? parent, PartyBodyKind kind, string name, params GridNode[] nodes)
        {
            var body = new PartyBody { Id = _ids.Next(), ParentId = parent?.Id, Kind = kind, Name = name, NodeIds = [.. nodes.Select(n => n.Id)] };
            PartyBodies.Add(body);
            // Who leads the place leads the body: 党务、政务一肩挑. A Party post looks after nothing, so it reaches nothing; its role is one that its
            // holder has anyway.
            var role = kind switch
            {
                PartyBodyKind.DistrictCommittee => Role.DistrictManager,
                PartyBodyKind.StreetCommittee => Role.StreetManager,
                PartyBodyKind.CommunityOrganisation => Role.CommunityLeader,
                _ => Role.Resident,
            };
            var post = new Post { Id = _ids.Next(), Role = role, PartyBodyId = body.Id, Title = name + (kind == PartyBodyKind.Group ? "组长" : "书记") };
            Posts.Add(post);
            var holder = kind == PartyBodyKind.Group ? LeaderOf[_byFloor[nodes[0].Id][0].Id] : _holderOfNode.GetValueOrDefault(nodes[0].Id);
            if (holder != default) Appointments.Add(new PlannedAppointment(_ids.Next(), post.Id, holder, LeadersSince, null));
            return body;
        }

        void Branch(PartyBody general, GridNode building)
        {
            var branch = Body(general, PartyBodyKind.Branch, $"{building.Name}党支部", building);
            var floors = _grid.Nodes.Where(n => n.ParentId == building.Id).OrderBy(n => n.FloorNumber).ToArray();
            var number = building.Position;
            if (number == 28)
            {
                // One group over the upper floors of two buildings (A-53).
                var neighbours = _grid.Nodes.Where(n => n.ParentId == _grid.Buildings[29].Id).OrderBy(n => n.FloorNumber).ToArray();
                Body(branch, PartyBodyKind.Group, $"{building.Name}第一党小组", floors[..10]);
                Body(branch, PartyBodyKind.Group, "28栋29栋联合党小组", [.. floors[10..], .. neighbours[10..]]);
                return;
            }
            if (number == 29)
            {
                Body(branch, PartyBodyKind.Group, $"{building.Name}第一党小组", floors[..10]);
                return;
            }
            // 64 groups: two a building, three in the seven with the most floors or people.
            var parts = number is 9 or 10 or 11 or GridPlan.DemoBuilding or 18 or 21 or 27 ? 3 : 2;
            for (var i = 0; i < parts; i++)
                Body(branch, PartyBodyKind.Group, $"{building.Name}第{"一二三"[i]}党小组", floors[(floors.Length * i / parts)..(floors.Length * (i + 1) / parts)]);
        }
    }

    /// <summary>Households that have joined the mini-program: all 39 of A-61, and about every fifth elsewhere.</summary>
    private void Joined(List<PlannedHousehold> households)
    {
        var demo = households.First(h => h.Door.Building == GridPlan.DemoBuilding && h.Door.FloorNumber == GridPlan.DemoFloor
            && h is { Tier: Tier.Yellow, Gap: Gap.None } && !h.People.Any(p => _ofResident.ContainsKey(p.Id)) && h.Head.Age < 75);
        AddResident(demo.Head, "demo-resident", employment: false);
        foreach (var household in households)
        {
            var joined = household.Door is { Building: GridPlan.JoinedBuilding, FloorNumber: <= 2 };
            if (!joined && !_random.Chance(190) || household.People.Any(p => _ofResident.ContainsKey(p.Id))) continue;
            AddResident(household.Head, null, employment: false);
        }
    }

    private List<PlannedHousehold> Under(GridNode node) =>
        [.. _byFloor.Where(f => f.Value[0].Floor.Path.StartsWith(node.Path + ".", StringComparison.Ordinal)).SelectMany(f => f.Value)];

    private PlannedAccount AccountOf(string path) => Accounts.Single(a => a.Id == _holderOfNode[_grid.Node(path).Id]);

    /// <summary>Somebody who lives there, is at home and at work, and has no account yet.</summary>
    private PlannedAccount Resident(List<PlannedHousehold> homes, string? code)
    {
        var candidates = homes.Where(h => h.Tier is Tier.Green or Tier.Yellow && h.Gap == Gap.None && h.Occupancy is Occupancy.AllHome or Occupancy.PartAway)
            .SelectMany(h => h.People).Where(p => p.Age is >= 26 and <= 58 && p.Kind == Kind.Worker && !p.Away && !_ofResident.ContainsKey(p.Id)).ToList();
        var heads = candidates.Where(p => p.IsHead).ToList();
        return AddResident(_random.Pick(heads.Count > 2 ? heads : candidates), code, employment: true);
    }

    private PlannedAccount AddResident(PlannedPerson person, string? code, bool employment)
    {
        person.PhoneNumber ??= NextPhone();
        var account = new PlannedAccount(_ids.Next(), _ids.Next(), person.Name, person.Id, person.PhoneNumber, code, employment);
        Accounts.Add(account);
        return _ofResident[person.Id] = account;
    }

    /// <summary>Staff and officials live elsewhere.</summary>
    private PlannedAccount Cadre(string? code)
    {
        var name = _random.Pick(DemoNames.Surnames) + DemoNames.Given(_random, _random.Chance(500));
        var account = new PlannedAccount(_ids.Next(), _ids.Next(), name, null, NextPhone(), code, EmploymentBound: true);
        Accounts.Add(account);
        return account;
    }

    private int NextPhone() => (int)(++_phones * 61_803_399L % 100_000_000);

    private Post Post(Role role, GridNode node, bool leads, string title, bool assign = false)
    {
        var post = new Post { Id = _ids.Next(), Role = role, NodeId = node.Id, LeadsNode = leads, Title = title };
        Posts.Add(post);
        if (assign) Assignments.Add(new Assignment { Id = _ids.Next(), PostId = post.Id, NodeId = node.Id });
        return post;
    }

    private void Hold(Post post, PlannedAccount account, When since)
    {
        Appointments.Add(new PlannedAppointment(_ids.Next(), post.Id, account.Id, since, null));
        if (post.LeadsNode) _holderOfNode[post.NodeId!.Value] = account.Id;
    }
}
