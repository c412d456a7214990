namespace Backend.Domain.Tiers;

/// <summary>四色等级. Ordered by severity: a greater value is more severe. Source: requirements .</summary>
public enum Tier
{
    Green = 0,
    Yellow = 1,
    Orange = 2,
    Red = 3,
}

/// <summary>等级状态 of a tile: <c>Provisional</c> or <c>Confirmed</c> on red, <c>Unassessed</c> on a yellow whose only reason is Y11, else null.</summary>
public enum TierState
{
    Provisional,
    Confirmed,
    Unassessed,
}
