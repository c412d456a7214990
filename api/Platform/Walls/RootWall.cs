using Backend.Domain.Tiers;

namespace Backend.Platform.Walls;

/// <summary>What a wall shows of one household, and where it hangs.</summary>
internal sealed record WallTile(
    Guid Id, Guid Node, string NodePath, string Door, Tier Tier, TierState? State, DateOnly? DueDay, DateOnly? LastVisitDay)
{
    /// <summary>The order of every wall: by place, then by door. Ordinal order of a path is the order of its labels, because the dot sorts before all their letters.</summary>
    public static readonly IComparer<WallTile> Order = Comparer<WallTile>.Create((a, b) =>
        string.CompareOrdinal(a.NodePath, b.NodePath) is var path and not 0 ? path
        : string.CompareOrdinal(a.Door, b.Door) is var door and not 0 ? door
        : a.Id.CompareTo(b.Id));

    public bool IsAtPlaceOf(WallTile other) => Node == other.Node && Door == other.Door && NodePath == other.NodePath;
}

/// <summary>One row of the tile history.</summary>
internal readonly record struct WallChange(long Version, bool Removed, WallTile Tile);

/// <summary>Households by tier.</summary>
internal readonly record struct TierCount(int Red, int Orange, int Yellow, int Green)
{
    /// <summary>A text for these counts and no other: the version of a hall wall, which says nothing else.</summary>
    public string Version => $"{Red}-{Orange}-{Yellow}-{Green}";

    public static TierCount operator +(TierCount a, TierCount b) => new(a.Red + b.Red, a.Orange + b.Orange, a.Yellow + b.Yellow, a.Green + b.Green);

    public static TierCount Of(IEnumerable<WallTile> tiles)
    {
        Span<int> counts = stackalloc int[4];
        foreach (var tile in tiles) counts[(int)tile.Tier]++;
        return new TierCount(counts[(int)Tier.Red], counts[(int)Tier.Orange], counts[(int)Tier.Yellow], counts[(int)Tier.Green]);
    }
}

/// <summary>
/// All tiles of one wall root at one version, with the last changes that led there. Immutable: the next version is another object, so whoever
/// holds one reads tiles and version that belong together.
/// </summary>
internal sealed class RootWall
{
    private readonly Dictionary<Guid, int> _positions;
    private readonly Lazy<TierCount> _counts;

    /// <param name="root">The wall root.</param>
    /// <param name="version">Its version.</param>
    /// <param name="historyFrom">Changes after this version are kept in the history.</param>
    /// <param name="tiles">Its tiles, in any order.</param>
    public RootWall(Guid root, long version, long historyFrom, IEnumerable<WallTile> tiles)
        : this(root, version, historyFrom, [.. tiles.Order(WallTile.Order)], null, ChangeRing.From(version))
    {
    }

    private RootWall(Guid root, long version, long historyFrom, WallTile[] tiles, Dictionary<Guid, int>? positions, ChangeRing changes)
    {
        (Root, Version, HistoryFrom, Tiles, Changes) = (root, version, historyFrom, tiles, changes);
        _positions = positions ?? Positions(tiles);
        _counts = new Lazy<TierCount>(() => TierCount.Of(tiles));
    }

    public Guid Root { get; }

    public long Version { get; }

    public long HistoryFrom { get; }

    /// <summary>In <see cref="WallTile.Order"/>.</summary>
    public IReadOnlyList<WallTile> Tiles { get; }

    public ChangeRing Changes { get; }

    public TierCount Counts => _counts.Value;

    public RootWall WithHistoryFrom(long from) => from == HistoryFrom ? this : new RootWall(Root, Version, from, (WallTile[])Tiles, _positions, Changes);

    /// <summary>The wall at a later version.</summary>
    /// <param name="version">That version.</param>
    /// <param name="historyFrom">As now in the database.</param>
    /// <param name="changes">Every change after this wall's version up to that one, in version order.</param>
    public RootWall After(long version, long historyFrom, IReadOnlyList<WallChange> changes)
    {
        var tiles = Tiles.ToArray();
        var positions = _positions;
        // Colours change all day, places hardly ever: only then is the order made anew.
        if (changes.All(c => !c.Removed && positions.TryGetValue(c.Tile.Id, out var at) && tiles[at].IsAtPlaceOf(c.Tile)))
        {
            foreach (var change in changes) tiles[positions[change.Tile.Id]] = change.Tile;
        }
        else
        {
            var byId = tiles.ToDictionary(t => t.Id);
            foreach (var change in changes)
            {
                if (change.Removed) byId.Remove(change.Tile.Id);
                else byId[change.Tile.Id] = change.Tile;
            }

            tiles = [.. byId.Values.Order(WallTile.Order)];
            positions = Positions(tiles);
        }

        return new RootWall(Root, version, historyFrom, tiles, positions, Changes.Append(version, changes));
    }

    private static Dictionary<Guid, int> Positions(WallTile[] tiles)
    {
        var positions = new Dictionary<Guid, int>(tiles.Length);
        for (var i = 0; i < tiles.Length; i++) positions[tiles[i].Id] = i;
        return positions;
    }
}
