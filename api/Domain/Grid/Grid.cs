namespace Backend.Domain.Grid;

/// <summary>层级: a row that says what a node is. Depth and names are data .</summary>
internal sealed class Level
{
    public required string Code { get; init; }
    public required string Name { get; init; }
    public required int Order { get; init; }

    /// <summary>The highest level whose nodes have a wall of their own; one of a lower level has one when nothing above it does.</summary>
    public const string OfWallRoots = "community";
}

/// <summary>网格: one place in the grid. <c>Path</c> is an ltree of node codes from the top; <c>RootId</c> is the wall root it lies under, null above.</summary>
internal sealed class GridNode
{
    public required Guid Id { get; init; }
    public Guid? ParentId { get; init; }
    public required string LevelCode { get; init; }
    public required string Code { get; init; }
    public required string Name { get; init; }
    public required string Path { get; init; }
    /// <summary>The wall root at or above this node: a community, or an area that hangs directly under a street.</summary>
    public Guid? RootId { get; init; }
    /// <summary>Floor number of a floor node, for assignments by floor range .</summary>
    public int? FloorNumber { get; init; }
    /// <summary>Order among its siblings on a wall.</summary>
    public int Position { get; init; }
    /// <summary>Raised by every change of its name or place: its ETag (RL04).</summary>
    public int Revision { get; init; }
}

/// <summary>党组织 mirrored on the grid; a group may cover several floors or buildings .</summary>
internal sealed class PartyBody
{
    public required Guid Id { get; init; }
    public Guid? ParentId { get; init; }
    public required PartyBodyKind Kind { get; init; }
    public required string Name { get; init; }
    /// <summary>The nodes it covers.</summary>
    public required Guid[] NodeIds { get; init; }
}

public enum PartyBodyKind
{
    DistrictCommittee,
    StreetCommittee,
    CommunityOrganisation,
    GeneralBranch,
    Branch,
    Group,
}
