using Backend.Domain.Grid;

namespace Backend.Domain.Privacy;

/// <summary>紧急查看: one account reads one household outside its reach, for a reason that it writes down and until an end; told to the household and to the supervisor (B-7).</summary>
internal sealed class EmergencyAccess
{
    /// <summary>Longer is an appointment.</summary>
    public const int LongestHours = 24;

    public required Guid Id { get; init; }
    public required Guid AccountId { get; init; }
    /// <summary>In which of her roles: its field rights hold, and it ends with her last post of that role.</summary>
    public required Role Role { get; init; }
    /// <summary>The community and the door as she named them.</summary>
    public required Guid NodeId { get; init; }
    public required string Door { get; init; }
    /// <summary>Null when there is no such household: it is counted like any other.</summary>
    public Guid? HouseholdId { get; init; }
    /// <summary>In her own words; people write names into such a text.</summary>
    public required Sealed Justification { get; init; }
    public required DateTimeOffset OpenedAt { get; init; }
    public required DateTimeOffset EndsAt { get; init; }
    /// <summary>When she ended it herself, before that.</summary>
    public DateTimeOffset? EndedAt { get; set; }
}
