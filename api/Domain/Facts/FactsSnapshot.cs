using Backend.Domain.Households;
using Backend.Domain.Tags;
using Backend.Domain.Visits;

namespace Backend.Domain.Facts;

/// <summary>
/// All dated material of one household from which facts are read for any day from the last change on (facts.md). Kept encrypted beside the
/// household, in the same transaction as the rows it repeats, so that the engine never needs a query a fact. It holds the latest value of each
/// (subject, tag) that a rule reads and those older ones that a rule still reads. Immutable: every <c>With…</c> answers a new one.
/// </summary>
internal sealed partial record FactsSnapshot
{
    /// <summary>How far back the past is kept, in days: a year for Y5, and room for a leap day and a late evaluation.</summary>
    public const int PastDays = 400;

    private const int MonthsKept = 24;

    public required Guid HouseholdId { get; init; }
    /// <summary>The day the household was recorded: where <c>move_in_date</c> is missing, Y11 counts from here.</summary>
    public required DateOnly RecordedOn { get; init; }
    public Occupancy Occupancy { get; init; }
    public IReadOnlyList<SnapshotMember> Members { get; init; } = [];
    public IReadOnlyList<SnapshotValue> Values { get; init; } = [];
    /// <summary>Register marks in effect, in the order of recording. A mark that lowers a tier gets here only after its second person (AZ15).</summary>
    public IReadOnlyList<SnapshotMark> Register { get; init; } = [];
    public DateOnly? LastCountedVisit { get; init; }
    public DateOnly? LastHomeVisit { get; init; }
    /// <summary>Days on which measures were finished (H2b counts those since the identification).</summary>
    public IReadOnlyList<DateOnly> FinishedMeasures { get; init; } = [];
    /// <summary>The monthly evaluations of the last two years (H2c).</summary>
    public IReadOnlyList<SnapshotMonth> Months { get; init; } = [];
    /// <summary>The day since which no rule has held (H4a); null while one holds.</summary>
    public DateOnly? SignalFreeSince { get; init; }
    /// <summary>How often an orange household went red again (H6, Y12).</summary>
    public int RelapseCount { get; init; }
    /// <summary>Major events that H3 recorded as settled; the mapping leaves them out.</summary>
    public IReadOnlyList<SettledEvent> SettledEvents { get; init; } = [];
    public SnapshotApprovals Approvals { get; init; } = new();

    /// <summary>Adds one value. See <see cref="With(IEnumerable{OpenedValue}, DateOnly)"/>.</summary>
    public FactsSnapshot With(OpenedValue value, DateOnly today) => With([value], today);

    /// <summary>
    /// Adds values and keeps only what a rule still reads from <paramref name="today"/> on. Values of tags that no rule reads are left out.
    /// Exact for values that come in the order of their observation (<see cref="InOrder"/>); for a late one, and after a void, replay all
    /// rows with <see cref="WithRows"/>, because what lies between may have been left out already.
    /// </summary>
    /// <exception cref="ArgumentException">A value of somebody who is neither the household nor a member of it.</exception>
    public FactsSnapshot With(IEnumerable<OpenedValue> values, DateOnly today)
    {
        // One line for each (subject, tag): a value is only ever held against those of its own line, and most lines hold one.
        var lines = new Dictionary<(Guid SubjectId, string Tag), List<SnapshotValue>>(Values.Count + 32);
        foreach (var value in Values) Line(value.SubjectId, value.Tag).Add(value);
        foreach (var value in values.OrderBy(value => value.ObservedAt).ThenBy(value => value.RecordedAt).ThenBy(value => value.Id))
        {
            if (!ReadTags.TryGet(value.Tag, out var tag)) continue;
            if (value.Subject == SubjectKind.Household ? value.SubjectId != HouseholdId : !IsSomebodyHere(value.SubjectId))
                throw new ArgumentException($"Value {value.Id} belongs to nobody of household {HouseholdId}.", nameof(values));
            var line = Line(value.SubjectId, value.Tag);
            if (line.Count > 0) line.RemoveAll(other => other.Id == value.Id);
            var added = new SnapshotValue(
                value.Id, value.Subject, value.SubjectId, value.Tag, value.Value, value.Source, value.ObservedAt,
                value.ValidFrom ?? value.ObservedAt, value.ValidTo, Milliseconds(value.RecordedAt));
            if (ReadTags.IsTwelveMonthFigure(tag)) added = value.ValidTo is null ? added with { Until = added.From.AddDays(365) } : added;
            else if (value.ValidFrom is null && line.Count > 0) added = Inherit(added, line);
            line.Add(added);
        }

        return this with { Values = Keep(lines.Values, today) };

        List<SnapshotValue> Line(Guid subject, string tag)
        {
            if (!lines.TryGetValue((subject, tag), out var line)) lines[(subject, tag)] = line = new(1);
            return line;
        }
    }

    /// <summary>The snapshot with its values replayed from all rows of the household and its members, void ones left out by the caller.</summary>
    public FactsSnapshot WithRows(IEnumerable<OpenedValue> rows, DateOnly today) => (this with { Values = [] }).With(rows, today);

    /// <summary>True when <see cref="With(OpenedValue, DateOnly)"/> is exact for the value: none of the same subject and tag was observed after it.</summary>
    public bool InOrder(OpenedValue value) => !Values.Any(other =>
        other.SubjectId == value.SubjectId && other.Tag == value.Tag && other.Id != value.Id && other.ObservedAt > value.ObservedAt);

    /// <summary>
    /// Sets the members. Somebody who has left keeps his row, with <see cref="SnapshotMember.Until"/>, while spans of the past still read him;
    /// somebody who is missing from the list is dropped with his values.
    /// </summary>
    public FactsSnapshot WithMembers(IEnumerable<SnapshotMember> members, DateOnly today)
    {
        var list = members.Where(member => member.Until is not { } until || until >= today.AddDays(-PastDays))
            .OrderBy(member => member.ResidentId).ToArray();
        var ids = list.Select(member => member.ResidentId).ToHashSet();
        return this with
        {
            Members = list,
            Values = [.. Values.Where(value => value.Subject == SubjectKind.Household || ids.Contains(value.SubjectId))],
        };
    }

    /// <summary>Adds a register mark that is in effect.</summary>
    public FactsSnapshot WithMark(SnapshotMark mark) => this with { Register = [.. Register.Where(other => other.Id != mark.Id), mark] };

    /// <summary>Takes a register mark back (H7).</summary>
    public FactsSnapshot WithoutMark(Guid markId) => this with { Register = [.. Register.Where(other => other.Id != markId)] };

    /// <summary>Adds a visit: a counted one for the cadence (Y11), a visit at home for H3a and H4b. Earlier ones than the known change nothing.</summary>
    public FactsSnapshot WithVisit(DateOnly day, VisitKind kind, bool counted) => this with
    {
        LastCountedVisit = counted && (LastCountedVisit is not { } last || day > last) ? day : LastCountedVisit,
        LastHomeVisit = kind == VisitKind.Home && (LastHomeVisit is not { } home || day > home) ? day : LastHomeVisit,
    };

    public FactsSnapshot WithOccupancy(Occupancy occupancy) => this with { Occupancy = occupancy };

    public FactsSnapshot WithFinishedMeasure(DateOnly day) => this with { FinishedMeasures = [.. FinishedMeasures.Append(day).Order()] };

    /// <summary>Adds a monthly evaluation; one a month, the newest two years are kept.</summary>
    public FactsSnapshot WithMonth(SnapshotMonth month) => this with
    {
        Months = [.. Months.Where(other => other.Month != month.Month).Append(month).OrderBy(other => other.Month).TakeLast(MonthsKept)],
    };

    /// <summary>Records major events as settled by named persons (H3).</summary>
    public FactsSnapshot WithSettled(IEnumerable<SettledEvent> events) => this with { SettledEvents = [.. SettledEvents.Union(events)] };

    public FactsSnapshot WithApprovals(SnapshotApprovals approvals) => this with { Approvals = approvals };

    private static DateTimeOffset Milliseconds(DateTimeOffset time) => DateTimeOffset.FromUnixTimeMilliseconds(time.ToUnixTimeMilliseconds());

    private bool IsSomebodyHere(Guid resident)
    {
        foreach (var member in Members)
        {
            if (member.ResidentId == resident) return true;
        }

        return false;
    }

    /// <summary>A value equal to its predecessor in its line keeps the predecessor's effective date (facts.md rule 5), unless that one had ended before.</summary>
    private static SnapshotValue Inherit(SnapshotValue value, List<SnapshotValue> line)
    {
        var before = line.Where(other =>
            other.ObservedAt < value.ObservedAt || other.ObservedAt == value.ObservedAt && other.RecordedAt <= value.RecordedAt).ToArray();
        if (before.Length == 0) return value;
        // Two sources may disagree on a day: each reading continues its own line.
        var earlier = before.Where(other => other.ObservedAt < value.ObservedAt).Select(other => other.ObservedAt).DefaultIfEmpty(value.ObservedAt).Max();
        var from = before
            .Where(other => other.ObservedAt >= earlier && other.Value == value.Value && other.From <= value.ObservedAt
                && (other.Until is not { } until || until >= value.ObservedAt.AddDays(-1)))
            .Select(other => other.From).DefaultIfEmpty(value.ObservedAt).Min();
        return value with { From = from };
    }

    /// <summary>What a rule can still read from <paramref name="today"/> on, in a fixed order.</summary>
    private static SnapshotValue[] Keep(IEnumerable<List<SnapshotValue>> lines, DateOnly today)
    {
        var kept = new List<SnapshotValue>();
        foreach (var all in lines)
        {
            if (all.Count == 1)
            {
                kept.Add(all[0]);
                continue;
            }

            if (!ReadTags.TryGet(all[0].Tag, out var tag)) continue;
            var horizon = ReadTags.ReadsThePast(tag) ? today.AddDays(-PastDays) : today;
            kept.AddRange(all.Where(value =>
                tag == ReadTag.LastMajorEvent && value.From >= horizon
                // The newest observation stays whatever it says: InOrder and the next value look back at it.
                || !all.Any(other => other.ObservedAt > value.ObservedAt || IsCorrection(other, value))
                || (value.Until is not { } until || until >= horizon) && !all.Any(other => Covers(other, value, horizon))));
        }

        var ordered = kept.ToArray();
        Array.Sort(ordered, InFixedOrder);
        return ordered;
    }

    private static int InFixedOrder(SnapshotValue a, SnapshotValue b)
    {
        var order = (int)a.Subject - (int)b.Subject;
        if (order == 0) order = a.SubjectId.CompareTo(b.SubjectId);
        if (order == 0) order = string.CompareOrdinal(a.Tag, b.Tag);
        if (order == 0) order = a.ObservedAt.CompareTo(b.ObservedAt);
        if (order == 0) order = a.RecordedAt.CompareTo(b.RecordedAt);
        return order == 0 ? a.Id.CompareTo(b.Id) : order;
    }

    /// <summary>True when <paramref name="newer"/> is valid on every day from the horizon on that <paramref name="older"/> is valid on, and wins over it.</summary>
    private static bool Covers(SnapshotValue newer, SnapshotValue older, DateOnly horizon)
    {
        var wins = newer.ObservedAt > older.ObservedAt || IsCorrection(newer, older);
        var from = older.From > horizon ? older.From : horizon;
        return wins && newer.From <= from && (newer.Until is not { } until || older.Until is { } last && until >= last);
    }

    /// <summary>The same source said otherwise of the same day later on. Different sources are a conflict, and both stay (facts.md rule 2).</summary>
    private static bool IsCorrection(SnapshotValue newer, SnapshotValue older) =>
        newer.ObservedAt == older.ObservedAt && newer.Source == older.Source
        && (newer.RecordedAt, newer.Id).CompareTo((older.RecordedAt, older.Id)) > 0;
}

/// <summary>A tag value as it is before it is sealed: what a row of <c>tag_values</c> says.</summary>
internal sealed record OpenedValue(
    Guid Id, SubjectKind Subject, Guid SubjectId, string Tag, string Value, ValueSource Source,
    DateOnly ObservedAt, DateOnly? ValidFrom, DateOnly? ValidTo, DateTimeOffset RecordedAt);

/// <summary>A member from a day (null: since ever) to a day (inclusive; null: still).</summary>
internal sealed record SnapshotMember(Guid ResidentId, bool IsHead, bool SharesIncome, DateOnly? From = null, DateOnly? Until = null)
{
    public bool IsMemberOn(DateOnly day) => (From is not { } from || from <= day) && (Until is not { } until || until >= day);
}

/// <summary>
/// One kept tag value. <c>From</c> is its own effective date and <c>Until</c> the last day it counts, if any, with the rules of facts.md rule 5
/// already applied: take it from <see cref="FactsSnapshot.With(OpenedValue, DateOnly)"/>, do not make it by hand.
/// </summary>
internal sealed record SnapshotValue(
    Guid Id, SubjectKind Subject, Guid SubjectId, string Tag, string Value, ValueSource Source,
    DateOnly ObservedAt, DateOnly From, DateOnly? Until, DateTimeOffset RecordedAt)
{
    public bool IsValidOn(DateOnly day) => From <= day && (Until is not { } until || until >= day);
}

internal sealed record SnapshotMark(Guid Id, RegisterStatus Status, DateOnly Day);

/// <summary>One monthly evaluation: <c>Month</c> is the first day of the month, <c>AtOrAboveClearLine</c> whether income per head reached 1.05 × line.</summary>
internal sealed record SnapshotMonth(DateOnly Month, bool AtOrAboveClearLine);

/// <summary>A major event that named persons recorded as settled (H3): by tag, subject, value and its own effective date, so that a repeated value of the same event stays settled.</summary>
internal sealed record SettledEvent(string Tag, Guid SubjectId, string Value, DateOnly Day);

/// <summary>What named persons have recorded for a way out (H2 to H5). Spent when the tier changes.</summary>
internal sealed record SnapshotApprovals
{
    /// <summary>Accounts that approved, each once (H3b, H5b). That they are the right two is checked where they approve.</summary>
    public IReadOnlyList<Guid> Approvers { get; init; } = [];
    public bool LoweringApproved { get; init; }
    public bool RigidResolved { get; init; }
    public bool EliminationProcedureDone { get; init; }
    public bool NaturalElimination { get; init; }

    public bool IsEmpty => Approvers.Count == 0 && !LoweringApproved && !RigidResolved && !EliminationProcedureDone && !NaturalElimination;
}
