using Backend.Domain.Tiers;

namespace Backend.Domain.Wall;

/// <summary>Node that owns a wall version: a gapless counter, raised at most once a transaction, last before commit.</summary>
internal sealed class WallRoot
{
    public required Guid NodeId { get; init; }
    public required long Version { get; init; }
    /// <summary>Changes after this version are kept; older answers 410.</summary>
    public required long HistoryFrom { get; init; }
}

/// <summary>方块: one household on a wall. Written by BackendDb.Commit in SQL, never by EF, or each row would be updated twice.</summary>
internal sealed class Tile
{
    public required Guid HouseholdId { get; init; }
    public required Guid RootId { get; init; }
    public required Guid NodeId { get; init; }
    public required string NodePath { get; init; }
    public required string Door { get; init; }
    public required Tier Tier { get; init; }
    public TierState? State { get; init; }
    public DateOnly? DueDay { get; init; }
    public DateOnly? LastVisitDay { get; init; }
    public required long Version { get; init; }
}

/// <summary>方块变化: append-only row of the tile history; the change feed reads it.</summary>
internal sealed class TileChange
{
    public required Guid RootId { get; init; }
    public required long Version { get; init; }
    public required Guid HouseholdId { get; init; }
    public required Guid NodeId { get; init; }
    public required string NodePath { get; init; }
    public required string Door { get; init; }
    public required Tier Tier { get; init; }
    public TierState? State { get; init; }
    public DateOnly? DueDay { get; init; }
    public DateOnly? LastVisitDay { get; init; }
    public required bool Removed { get; init; }
    public required DateTimeOffset At { get; init; }
}
