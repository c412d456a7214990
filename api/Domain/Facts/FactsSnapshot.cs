using Backend.Domain.Households;
using Backend.Domain.Tags;
namespace Backend.Domain.Facts;

/// <summary>
/// All dated material of one household from which facts are read for any day (facts.md). Kept encrypted beside the household, in the same
/// transaction as the rows it repeats, so that the engine never needs a query a fact. It holds the latest value of each (subject, tag) and
/// those older ones that a rule still reads.
/// </summary>
internal sealed record FactsSnapshot
{
    /// <summary>The day the household was recorded: where <c>move_in_date</c> is missing, Y11 counts from here.</summary>
    public required DateOnly RecordedOn { get; init; }
    public Occupancy Occupancy { get; init; }
    public IReadOnlyList<SnapshotMember> Members { get; init; } = [];
    public IReadOnlyList<SnapshotValue> Values { get; init; } = [];
    public IReadOnlyList<SnapshotMark> Register { get; init; } = [];
    public DateOnly? LastCountedVisit { get; init; }
    public DateOnly? LastHomeVisit { get; init; }
    /// <summary>Days on which measures were finished, those opened after the identification (H2b).</summary>
    public IReadOnlyList<DateOnly> FinishedMeasures { get; init; } = [];
    public IReadOnlyList<SnapshotMonth> Months { get; init; } = [];
    public int RelapseCount { get; init; }
    /// <summary>Value ids of major events that H3 recorded as settled; the mapping leaves them out (tier-rules.md H3).</summary>
    public IReadOnlyList<Guid> SettledEvents { get; init; } = [];
    public SnapshotApprovals Approvals { get; init; } = new();
}

internal sealed record SnapshotMember(Guid ResidentId, bool IsHead, bool SharesIncome);

/// <summary>One tag value. <c>From</c> is its own effective date (facts.md rule 5); <c>Until</c> the last day it is valid, if any.</summary>
internal sealed record SnapshotValue(
    Guid Id, SubjectKind Subject, Guid SubjectId, string Tag, string Value, ValueSource Source,
    DateOnly ObservedAt, DateOnly From, DateOnly? Until, DateTimeOffset RecordedAt);

internal sealed record SnapshotMark(Guid Id, RegisterStatus Status, DateOnly Day);

internal sealed record SnapshotMonth(DateOnly Month, bool AtOrAboveClearLine, DateOnly? SignalFreeSince);

/// <summary>What named persons have recorded for a way out (H2 to H5).</summary>
internal sealed record SnapshotApprovals
{
    public IReadOnlyList<Guid> Approvers { get; init; } = [];
    public bool LoweringApproved { get; init; }
    public bool RigidResolved { get; init; }
    public bool EliminationProcedureDone { get; init; }
    public bool NaturalElimination { get; init; }
}
