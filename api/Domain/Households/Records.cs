using Backend.Domain.Privacy;
using Backend.Domain.Tags;

namespace Backend.Domain.Households;

/// <summary>居民: a relocated person, with or without account. Belongs to one household at a time .</summary>
internal sealed class Resident
{
    public required Guid Id { get; init; }
    public required Guid HouseholdId { get; set; }
    public required string NodePath { get; set; }
    public required string Name { get; set; }
    public Sealed? IdNumber { get; set; }
    public byte[]? IdNumberIndex { get; set; }
    public Sealed? Phone { get; set; }
    public byte[]? PhoneIndex { get; set; }
    public Sealed? FormerAddress { get; set; }
    public Guid? PhotoId { get; set; }
}

/// <summary>户内成员: one resident in one household from a day to a day (inclusive; current is null).</summary>
internal sealed class Membership
{
    public required Guid Id { get; init; }
    public required Guid HouseholdId { get; init; }
    public required Guid ResidentId { get; init; }
    public required string NodePath { get; set; }
    public required DateOnly FromDay { get; init; }
    public DateOnly? ToDay { get; set; }
    public bool IsHead { get; set; }
    public bool SharesIncome { get; set; } = true;
}

/// <summary>标签值: dated row, never overwritten. The value and the evidence are sealed, every tag on one path (PD02).</summary>
internal sealed class TagValue
{
    public required Guid Id { get; init; }
    public required Guid HouseholdId { get; init; }
    public required string NodePath { get; set; }
    public required SubjectKind Subject { get; init; }
    public required Guid SubjectId { get; init; }
    public required string TagCode { get; init; }
    public required Sealed Value { get; init; }
    public required ValueSource Source { get; init; }
    /// <summary>The Shanghai day on which it was so.</summary>
    public required DateOnly ObservedAt { get; init; }
    public DateOnly? ValidFrom { get; init; }
    public DateOnly? ValidTo { get; init; }
    public required DateTimeOffset RecordedAt { get; init; }
    public Guid? RecordedBy { get; init; }
    public Sealed? Evidence { get; init; }
    public DateTimeOffset? VoidedAt { get; set; }
}

/// <summary>登记状态 in the national monitoring register.</summary>
public enum RegisterStatus
{
    None,
    General,
    Lifted,
    Monitored,
    Eliminated,
}

/// <summary>标注: one dated entry of the register status.</summary>
internal sealed class RegisterMark
{
    public required Guid Id { get; init; }
    public required Guid HouseholdId { get; init; }
    public required string NodePath { get; set; }
    public required RegisterStatus Status { get; init; }
    public required DateOnly Day { get; init; }
    /// <summary><c>monitored_kind</c>, <c>discovery_channel</c> and <c>elimination_kind</c> of the catalogue, where they apply.</summary>
    public string? MonitoredKind { get; init; }
    public string? DiscoveryChannel { get; init; }
    public string? EliminationKind { get; init; }
    public required DateTimeOffset RecordedAt { get; init; }
    public Guid? RecordedBy { get; init; }
}

public enum Occupancy
{
    AllHome,
    PartAway,
    AllAway,
    Vacant,
}

/// <summary>帮扶措施: help to a household, open or finished.</summary>
internal sealed class Measure
{
    public required Guid Id { get; init; }
    public required Guid HouseholdId { get; init; }
    public required string NodePath { get; set; }
    public required string Kind { get; init; }
    public Guid? ResponsibleAccountId { get; set; }
    public required DateOnly OpenedOn { get; init; }
    public DateOnly? FinishedOn { get; set; }
    public Sealed? Outcome { get; set; }
}

/// <summary>Metadata of a photo; the picture itself lies encrypted in the private store.</summary>
internal sealed class Photo
{
    public required Guid Id { get; init; }
    public required Guid HouseholdId { get; init; }
    public required string NodePath { get; set; }
    public Guid? ResidentId { get; init; }
    public required string ContentType { get; init; }
    public required int Width { get; init; }
    public required int Height { get; init; }
    public required DateTimeOffset TakenAt { get; init; }
}

/// <summary>One stored evaluation a month: H2c reads six in a row, H4a the day since which no signal has held. Sealed JSON, because it tells income.</summary>
internal sealed class MonthlyEvaluation
{
    public required Guid Id { get; init; }
    public required Guid HouseholdId { get; init; }
    public required string NodePath { get; set; }
    /// <summary>First day of the month.</summary>
    public required DateOnly Month { get; init; }
    public required Sealed Content { get; init; }
}
