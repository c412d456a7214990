using System.Globalization;
using Backend.Domain.Grid;

namespace Local.Demo;

/// <summary>
/// The grid of the demo: six levels, two streets, three communities and one area directly under a street, 11 areas,
/// 29 buildings. Names but 东川, 铜都, 碧谷 and 铜源 are invented. How floors are shared out among leaders follows from the shape of the building:
/// a wide floor (16 to 20 doors) has its own leader, two narrow ones (9 doors) share one.
/// </summary>
internal sealed class GridPlan
{
    public const string District = "dc";
    public const int DemoBuilding = 13, DemoFloor = 4;
    /// <summary>A-60: four floors with 33 households.</summary>
    public const int RangeBuilding = 7;
    /// <summary>A-61: two floors with 39 households, every one joined.</summary>
    public const int JoinedBuilding = 12;

    private sealed record Community(string Code, string Name, string Street, int Households, (int[] Buildings, string Code, string Name)[] Areas, bool IsArea = false);

    private sealed record Shape(int Units, int RoomsPerUnit, int Floors)
    {
        public int Doors => Units * RoomsPerUnit;
    }

    private static readonly Community[] Communities =
    [
        new("ty", "铜源社区", "td", 2802, [([1, 2, 3], "a1", "铜源一片区"), ([4, 5, 6], "a2", "铜源二片区"), ([7, 8, 9], "a3", "铜源三片区"), ([10, 11, 12, 13], "a4", "铜源四片区")]),
        new("tx", "铜兴社区", "td", 2040, [([14, 15, 16], "a1", "铜兴一片区"), ([17, 18, 19], "a2", "铜兴二片区"), ([20, 21], "a3", "铜兴三片区")]),
        new("bq", "碧泉社区", "bg", 1680, [([22, 23], "a1", "碧泉一片区"), ([24, 25], "a2", "碧泉二片区"), ([26, 27], "a3", "碧泉三片区")]),
        new("bw", "碧湾片区", "bg", 559, [([28, 29], "bw", "碧湾片区")], IsArea: true),
    ];

    private static Shape ShapeOf(int building) => building switch
    {
        <= 6 => new(3, 6, 12),
        RangeBuilding or 8 => new(3, 3, 24),
        <= 11 => new(3, 6, 13),
        JoinedBuilding => new(5, 4, 11),
        DemoBuilding => new(4, 4, 16),
        18 => new(3, 3, 28),
        <= 20 => new(3, 6, 14),
        21 => new(3, 6, 20),
        <= 26 => new(3, 6, 16),
        27 => new(3, 6, 17),
        _ => new(3, 6, 16),
    };

    public IReadOnlyList<Level> Levels { get; } =
    [
        new Level { Code = "district", Name = "区", Order = 1 },
        new Level { Code = "street", Name = "街道", Order = 2 },
        new Level { Code = "community", Name = "社区", Order = 3 },
        new Level { Code = "area", Name = "片区", Order = 4 },
        new Level { Code = "building", Name = "楼栋", Order = 5 },
        new Level { Code = "floor", Name = "楼层", Order = 6 },
    ];

    public List<GridNode> Nodes { get; } = [];
    /// <summary>Occupied doors in grid order: 7,081.</summary>
    public List<Door> Doors { get; } = [];
    /// <summary>Building nodes by number.</summary>
    public Dictionary<int, GridNode> Buildings { get; } = [];

    public GridPlan(DemoIds ids)
    {
        var district = Add(ids, null, "district", District, "东川区", 1, null);
        var streets = new Dictionary<string, GridNode>
        {
            ["td"] = Add(ids, district, "street", "td", "铜都街道", 1, null),
            ["bg"] = Add(ids, district, "street", "bg", "碧谷街道", 2, null),
        };
        var random = new DemoRandom("doors");
        var position = 0;
        foreach (var plan in Communities)
        {
            var doors = new List<Door>();
            var top = Add(ids, streets[plan.Street], plan.IsArea ? "area" : "community", plan.Code, plan.Name, ++position, root: true);
            var areaPosition = 0;
            foreach (var (buildings, code, name) in plan.Areas)
            {
                var area = plan.IsArea ? top : Add(ids, top, "area", code, name, ++areaPosition, null);
                foreach (var number in buildings) AddBuilding(ids, area, number, doors);
            }
            Empty(random, doors, plan.Households);
            Doors.AddRange(doors);
        }
    }

    public GridNode Node(string path) => Nodes.Single(n => n.Path == path);

    private void AddBuilding(DemoIds ids, GridNode area, int number, List<Door> doors)
    {
        var shape = ShapeOf(number);
        var building = Add(ids, area, "building", Text($"b{number}"), Text($"{number}栋"), number, null);
        Buildings[number] = building;
        for (var floorNumber = 1; floorNumber <= shape.Floors; floorNumber++)
        {
            var floor = Add(ids, building, "floor", Text($"f{floorNumber}"), Text($"{number}栋{floorNumber}层"), floorNumber, null, floorNumber);
            for (var unit = 1; unit <= shape.Units; unit++)
            {
                for (var room = 1; room <= shape.RoomsPerUnit; room++)
                    doors.Add(new Door(Text($"{number}-{unit}-{floorNumber * 100 + room}"), number, floorNumber, floor));
            }
        }
    }

    /// <summary>Leaves flats empty until the community has its number of households; the floors of have theirs exactly.</summary>
    private static void Empty(DemoRandom random, List<Door> doors, int households)
    {
        bool A60(Door d) => d.Building == RangeBuilding && d.FloorNumber <= 4;
        bool A61(Door d) => d.Building == JoinedBuilding && d.FloorNumber <= 2;
        bool Demo(Door d) => d.Building == DemoBuilding && d.FloorNumber is 1 or DemoFloor;
        void Remove(Func<Door, bool> where, int keep)
        {
            var candidates = doors.Where(where).ToList();
            random.Shuffle(candidates);
            var gone = candidates.Skip(keep).ToHashSet();
            doors.RemoveAll(gone.Contains);
        }
        Remove(A60, 33);
        Remove(A61, 39);
        var kept = doors.Count(d => A60(d) || A61(d) || Demo(d));
        Remove(d => !A60(d) && !A61(d) && !Demo(d), households - kept);
    }

    private GridNode Add(DemoIds ids, GridNode? parent, string level, string code, string name, int position, bool? root, int? floorNumber = null)
    {
        var id = ids.Next();
        var node = new GridNode
        {
            Id = id,
            ParentId = parent?.Id,
            LevelCode = level,
            Code = code,
            Name = name,
            Path = parent is null ? code : $"{parent.Path}.{code}",
            RootId = root == true ? id : parent?.RootId,
            Position = position,
            FloorNumber = floorNumber,
        };
        Nodes.Add(node);
        return node;
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

internal sealed record Door(string Text, int Building, int FloorNumber, GridNode Floor);
