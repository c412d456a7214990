using Backend.Domain.Privacy;
using Backend.Domain.Tiers;

namespace Backend.Domain.Visits;

public enum VisitKind
{
    Home,
    Phone,
    Video,
    CheckIn,
}

/// <summary>随访: one contact with a household; append-only.</summary>
internal sealed class Visit
{
    public required Guid Id { get; init; }
    public required Guid HouseholdId { get; init; }
    public required string NodePath { get; set; }
    public required VisitKind Kind { get; init; }
    public required DateTimeOffset VisitedAt { get; init; }
    public required DateTimeOffset RecordedAt { get; init; }
    public required Guid VisitorAccountId { get; init; }
    /// <summary>计入: whether it counts for the cadence.</summary>
    public required bool Counted { get; init; }
    public Sealed? Note { get; init; }
}

/// <summary>随访频次 of a tier: so many days, or so many calendar months clamped to the month's end. Rows, not constants .</summary>
internal sealed class Cadence
{
    public required Tier Tier { get; init; }
    public int Days { get; init; }
    public int Months { get; init; }

    /// <summary>The due day after a counted visit on <paramref name="day"/>.</summary>
    public DateOnly After(DateOnly day) => day.AddMonths(Months).AddDays(Days);
}

/// <summary>A day of the China calendar that differs from Monday to Friday: a holiday, or a make-up working day.</summary>
internal sealed class WorkingDay
{
    public required DateOnly Day { get; init; }
    public required bool Working { get; init; }
    public required string Name { get; init; }
}
