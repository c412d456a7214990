using System.Globalization;
using Backend.Domain.Households;
using Backend.Domain.Tags;
using Backend.Domain.Tiers;
using Backend.Domain.Visits;

namespace Backend.Domain.Facts;

/// <summary>
/// From the resident database to the rules: every rule of facts.md, and nowhere else. Pure: the facts of one household on one day from its
/// snapshot. Tag codes are data, fact keys are code; change this table by a decision record (docs/adr/007-table-of-facts.md).
/// </summary>
internal static class FactsMapping
{
    /// <param name="snapshot">The household's material.</param>
    /// <param name="day">The Shanghai day.</param>
    /// <param name="rules">The parameters of the household's place on that day.</param>
    /// <param name="cadence">The cadence of the kept tier (<see cref="TierEngine.Kept"/>): Y11 counts by it.</param>
    public static HouseholdFacts Read(FactsSnapshot snapshot, DateOnly day, RuleParameters rules, Cadence cadence) =>
        new FactsReader(snapshot, day, rules).Read(cadence);

    /// <summary>Full years on a day; born on 29 February counts from 28 February in other years.</summary>
    public static int Age(DateOnly born, DateOnly day)
    {
        var years = day.Year - born.Year;
        return day < born.AddYears(years) ? years - 1 : years;
    }
}

/// <summary>One reading of one snapshot.</summary>
internal sealed class FactsReader
{
    /// <summary>Stands for the household among the subjects; members follow from 1.</summary>
    private const int Household = 0;

    private static readonly ReadTag[] s_work = [ReadTag.EmploymentStatus, ReadTag.LabourCapacity, ReadTag.SchoolStage];

    private readonly FactsSnapshot _snapshot;
    private readonly DateOnly _day;
    private readonly RuleParameters _rules;
    private readonly short[] _first;
    private readonly short[] _next;
    private readonly List<UnknownFact> _unknowns = [];
    // The current members, as subjects.
    private readonly List<int> _members = [];

    public FactsReader(FactsSnapshot snapshot, DateOnly day, RuleParameters rules)
    {
        (_snapshot, _day, _rules) = (snapshot, day, rules);
        for (var subject = 1; subject <= snapshot.Members.Count; subject++)
        {
            if (Member(subject).IsMemberOn(day)) _members.Add(subject);
        }

        // A chain of values for each (subject, tag): look-ups then cost nothing, whatever the order of the values.
        _first = new short[(snapshot.Members.Count + 1) * ReadTags.Count];
        _next = new short[snapshot.Values.Count];
        var (subjectId, owner) = (snapshot.HouseholdId, Household);
        for (var i = 0; i < snapshot.Values.Count; i++)
        {
            var value = snapshot.Values[i];
            if (!ReadTags.TryGet(value.Tag, out var tag)) continue;
            if (value.SubjectId != subjectId) (subjectId, owner) = (value.SubjectId, SubjectOf(value.SubjectId));
            if (owner < 0) continue;
            ref var head = ref _first[owner * ReadTags.Count + (int)tag];
            (_next[i], head) = (head, (short)(i + 1));
        }
    }

    public HouseholdFacts Read(Cadence cadence)
    {
        var registry = Registry();
        var income = NetIncome(_day);
        var labour = Labour();
        var majorEvents = MajorEvents();
        var medical = Sum(ReadTag.MedicalSelfPaid12m);
        var education = Sum(ReadTag.EducationSelfPaid);
        var earner = labour.Count.Value > 0 ? MainEarner() : null;
        var approvals = _snapshot.Approvals;
        var identified = RunStart(RegisterStatus.Monitored, mustBeLast: true);
        var eliminated = RunStart(RegisterStatus.Eliminated, mustBeLast: false);
        var facts = new HouseholdFacts
        {
            Day = _day,
            Registry = registry,
            HouseholdSize = Fact.Known(_members.Count(subject => Member(subject).SharesIncome), HouseholdRow),
            NetIncome12m = income is { } net ? net : Unknown(0m, FactKeys.NetIncome12m, MissingIncome()),
            IncomeCheckedDaysAgo = IncomeChecked(),
            IncomeChangePct = IncomeChange(income),
            RigidExpense12m = Amount(ReadTag.RigidExpense),
            DisasterLoss12m = Amount(ReadTag.DisasterLoss),
            MajorEventDaysAgo = majorEvents.Count == 0 ? Fact.Normal(0) : Fact.Known(DaysSince(majorEvents[0].Day), [.. majorEvents.Select(e => e.Ref)]),
            MajorEvents = majorEvents.Count == 0 ? [] : [.. majorEvents.Select(e => new SettledEvent(e.Ref.Tag!, e.Ref.SubjectId!.Value, e.Value, e.Day))],
            Dropout = Dropout(),
            HousingGrade = Asked(ReadTag.HousingGrade, "a", FactKeys.HousingGrade, Worse.Housing),
            WaterSafe = AskedBool(ReadTag.WaterSafe, normal: true, FactKeys.WaterSafe),
            GuaranteeGap = GuaranteeGap(),
            UninsuredDays = Uninsured(),
            UnprotectedPerson = Unprotected(),
            ZeroEmploymentDays = ZeroEmployment(),
            LabourCount = labour.Count,
            LabourIsKnown = labour.IsKnown,
            Dependents = labour.Dependents,
            SingleParent = Reported(ReadTag.SingleParent),
            HeavyHealth = HeavyHealth(),
            MainEarnerMonthsWorked = earner is { } e1 && Number(e1, ReadTag.MonthsWorked12m, Worse.Less) is ({ } months, { } row)
                ? Fact.Known(months, [Ref(row)]) : Fact.Normal(12m),
            JobLostDaysAgo = earner is { } e2 ? DaysAgo(e2, ReadTag.JobLostDate) : Fact.Normal(0),
            WageArrears = Anybody(ReadTag.WageArrears),
            MedicalSelfPaid12m = medical,
            EducationSelfPaid = education,
            LoanOverdue = Reported(ReadTag.LoanOverdue),
            Debt = Amount(ReadTag.DebtTotal),
            ElderAlone = Anybody(ReadTag.ElderAlone),
            ElderLeftBehind = Anybody(ReadTag.ElderLeftBehind),
            LeftBehindChild = Anybody(ReadTag.LeftBehindChild),
            ChildMood = ChildMood(),
            DropoutRisk = Anybody(ReadTag.DropoutRisk),
            LostContact = Anybody(ReadTag.ResidenceStatus, "lost", Worse.Lost),
            NoVisitFactor = NoVisit(cadence),
            RelapseCount = _snapshot.RelapseCount > 0
                ? Fact.Known(_snapshot.RelapseCount, [new ValueRef(null, "tier_change", null, _snapshot.HouseholdId, null, null)]) : Fact.Normal(0),
            TemporaryRelief12m = Amount(ReadTag.TemporaryRelief12m),
            OrphanSupport = Anybody(ReadTag.OrphanSupport),
            InHospital = Anybody(ReadTag.InHospital),
            UtilityArrears = Reported(ReadTag.UtilityArrears),
            HomeHazard = HomeHazard(),
            LowWaterUse = Reported(ReadTag.LowWaterUse),
            AllAway = _snapshot.Occupancy == Occupancy.AllAway ? Fact.Known(true, HouseholdRow) : Fact.Normal(false),
            DaysSinceIdentified = Since(identified),
            FinishedMeasures = identified is { } since
                ? Fact.Known(_snapshot.FinishedMeasures.Count(finished => finished >= since.Day && finished <= _day)) : Fact.Normal(0),
            MonthsAtOrAboveClearLine = Fact.Known(ClearMonths()),
            RigidResolved = Fact.Known(approvals.RigidResolved),
            EliminationProcedureDone = Fact.Known(approvals.EliminationProcedureDone),
            NaturalElimination = Fact.Known(approvals.NaturalElimination),
            LastHomeVisitDaysAgo = _snapshot.LastHomeVisit is { } home && home <= _day ? Fact.Known(DaysSince(home)) : Fact.Normal(0),
            Approvals = Fact.Known(approvals.Approvers.Distinct().Count()),
            DaysWithoutSignal = _snapshot.SignalFreeSince is { } quiet && quiet <= _day ? Fact.Known(DaysSince(quiet)) : Fact.Normal(0),
            LoweringApproved = Fact.Known(approvals.LoweringApproved),
            DaysSinceEliminated = Since(eliminated),
        };
        return _unknowns.Count == 0 ? facts : facts with { Unknowns = _unknowns };
    }

    // ---- Register, income, costs -------------------------------------------------------------------------------------------------------

    /// <summary>The newest mark that has come; of one day the one recorded last.</summary>
    private Fact<RegisterStatus> Registry() =>
        LastMark() is { } mark ? Fact.Known(mark.Status, [MarkRef(mark)]) : Fact.Normal(RegisterStatus.None);

    private IEnumerable<SnapshotMark> Marks => _snapshot.Register.Where(mark => mark.Day <= _day).OrderBy(mark => mark.Day);

    private SnapshotMark? LastMark() => _snapshot.Register.Count == 0 ? null : Marks.LastOrDefault();

    /// <summary>The mark that began the newest unbroken run of a status; with <paramref name="mustBeLast"/> only when the run still holds.</summary>
    private SnapshotMark? RunStart(RegisterStatus status, bool mustBeLast)
    {
        if (_snapshot.Register.Count == 0) return null;
        SnapshotMark? start = null;
        var inRun = false;
        foreach (var mark in Marks)
        {
            if (mark.Status == status && !inRun) start = mark;
            inRun = mark.Status == status;
        }

        return mustBeLast && !inRun ? null : start;
    }

    private Fact<int> Since(SnapshotMark? mark) => mark is null ? Fact.Normal(0) : Fact.Known(DaysSince(mark.Day), [MarkRef(mark)]);

    /// <summary>Wage, business, property and transfer as they were valid on a day; null unless all four are known.</summary>
    private Fact<decimal>? NetIncome(DateOnly on)
    {
        if (Number(Household, ReadTag.WageIncome, Worse.Less, on) is not ({ } wage, { } a)
            || Number(Household, ReadTag.BusinessIncome, Worse.Less, on) is not ({ } business, { } b)
            || Number(Household, ReadTag.PropertyIncome, Worse.Less, on) is not ({ } property, { } c)
            || Number(Household, ReadTag.TransferIncome, Worse.Less, on) is not ({ } transfer, { } d)) return null;
        return Fact.Known(wage + business + property + transfer, [Ref(a), Ref(b), Ref(c), Ref(d)]);
    }

    private IEnumerable<(int Subject, ReadTag Tag)> MissingIncome() =>
        new[] { ReadTag.WageIncome, ReadTag.BusinessIncome, ReadTag.PropertyIncome, ReadTag.TransferIncome }
            .Where(tag => Number(Household, tag, Worse.Less).Value is null).Select(tag => (Household, tag));

    private Fact<int> IncomeChecked()
    {
        // Of two sources the older day is the more severe one: the figures may be that old.
        if (Date(Household, ReadTag.IncomeCheckedOn, Worse.Earlier) is ({ } checkedOn, { } row) && checkedOn <= _day
            && DaysSince(checkedOn) <= _rules.IncomeStaleDays) return Fact.Known(DaysSince(checkedOn), [Ref(row)]);
        return Unknown(0, FactKeys.IncomeCheckedDaysAgo, [(Household, ReadTag.IncomeCheckedOn)]);
    }

    /// <summary>
    /// Percent against the net income valid one year earlier. The quotient is compared unrounded; amounts have two decimals, so it lies either
    /// exactly on a threshold or further from it than the 28 digits of a decimal can miss.
    /// </summary>
    private Fact<decimal> IncomeChange(Fact<decimal>? income)
    {
        if (income is not { } now || NetIncome(_day.AddYears(-1)) is not { } earlier || earlier.Value <= 0) return Fact.Normal(0m);
        return Fact.Known((now.Value - earlier.Value) * 100 / earlier.Value, [.. now.Sources, .. earlier.Sources]);
    }

    // ---- Events and guarantees ---------------------------------------------------------------------------------------------------------

    private readonly record struct MajorEvent(DateOnly Day, string Value, ValueRef Ref);

    /// <summary>Newest first: every major event of the household, the loss of its main earner and its members' serious illnesses, but for the settled ones.</summary>
    private List<MajorEvent> MajorEvents()
    {
        var events = new List<MajorEvent>();
        foreach (var value in Chain(Household, ReadTag.LastMajorEvent))
        {
            if (value.Value is "death" or "accident" or "disaster" or "fire" or "illness") Add(value, value.From);
        }

        if (Latest(Household, ReadTag.MainEarnerLost, _day, Worse.True) is { Value: "true" } lost) Add(lost, lost.From);
        foreach (var subject in _members)
        {
            if (Date(subject, ReadTag.MajorIllnessSince, Worse.Later) is ({ } since, { } row)) Add(row, since);
        }

        events.Sort((a, b) => (b.Day, b.Ref.Id).CompareTo((a.Day, a.Ref.Id)));
        return events;

        void Add(SnapshotValue value, DateOnly on)
        {
            if (on > _day || DaysSince(on) > _rules.EventDays) return;
            foreach (var settled in _snapshot.SettledEvents)
            {
                if (settled.Day == on && settled.SubjectId == value.SubjectId && settled.Tag == value.Tag && settled.Value == value.Value) return;
            }

            events.Add(new(on, value.Value, Ref(value) with { Day = on }));
        }
    }

    private Fact<bool> Dropout()
    {
        foreach (var subject in _members)
        {
            if (Latest(subject, ReadTag.Dropout, _day, Worse.True) is null && IsOfAge(subject, 6, 15)) AskByAge(FactKeys.Dropout, subject, ReadTag.Dropout);
        }

        var found = Anybody(ReadTag.Dropout);
        return found.IsKnown && found.Value || !IsAsked(FactKeys.Dropout) ? found : Fact.Unknown(false);
    }

    private Fact<string> GuaranteeGap() =>
        Latest(Household, ReadTag.GuaranteeGap, _day, Worse.Gap) is { } value && value.Value != "none" ? Fact.Known(value.Value, [Ref(value)]) : Fact.Normal("none");

    /// <summary>The longest gap of basic medical insurance: of a member, or the medical gap of the household as a whole.</summary>
    private Fact<int> Uninsured()
    {
        (DateOnly Since, ValueRef Ref)? longest = null;
        foreach (var subject in _members)
        {
            var value = Latest(subject, ReadTag.MedicalInsured, _day, Worse.False);
            if (value is null) Ask(FactKeys.UninsuredDays, subject, ReadTag.MedicalInsured);
            else if (value.Value == "false" && (longest is not { } known || value.From < known.Since)) longest = (value.From, Ref(value));
        }

        if (Latest(Household, ReadTag.GuaranteeGap, _day, Worse.Gap) is { } gap && HasCode(gap.Value, "medical"))
        {
            var since = MedicalGapSince(gap);
            if (longest is not { } known || since < known.Since) longest = (since, Ref(gap) with { Day = since });
        }

        return longest is { } found ? Fact.Known(DaysSince(found.Since), [found.Ref])
            : IsAsked(FactKeys.UninsuredDays) ? Fact.Unknown(0) : Fact.Normal(0);
    }

    /// <summary>Other gaps may have come and gone beside the medical one: the span is that of the code, not of the whole value.</summary>
    private DateOnly MedicalGapSince(SnapshotValue gap)
    {
        var since = gap.From;
        while (Latest(Household, ReadTag.GuaranteeGap, since.AddDays(-1), Worse.Gap) is { } before && HasCode(before.Value, "medical") && before.From < since)
            since = before.From;
        return since;
    }

    private Fact<bool> Unprotected()
    {
        var rows = new List<ValueRef>();
        foreach (var subject in _members)
        {
            var guardian = Latest(subject, ReadTag.ChildGuardian, _day, Worse.Nobody);
            if (IsOfAge(subject, 0, 15))
            {
                if (guardian is null) AskByAge(FactKeys.UnprotectedPerson, subject, ReadTag.ChildGuardian);
                else if (guardian.Value == "nobody") rows.Add(Ref(guardian));
            }

            var care = Latest(subject, ReadTag.SelfCare, _day, Worse.SelfCare);
            if (care is null)
            {
                if (IsAskedForSelfCare(subject)) AskByAge(FactKeys.UnprotectedPerson, subject, ReadTag.SelfCare);
                continue;
            }

            if (care.Value != "none") continue;
            var caregiver = Latest(subject, ReadTag.Caregiver, _day, Worse.Nobody);
            if (caregiver is null) Ask(FactKeys.UnprotectedPerson, subject, ReadTag.Caregiver);
            else if (caregiver.Value == "nobody") rows.AddRange([Ref(care), Ref(caregiver)]);
        }

        return rows.Count > 0 ? Fact.Known(true, rows) : IsAsked(FactKeys.UnprotectedPerson) ? Fact.Unknown(false) : Fact.Normal(false);
    }

    private bool IsAskedForSelfCare(int subject) => IsOfAge(subject, 75, int.MaxValue)
        || Latest(subject, ReadTag.HealthStatus, _day, Worse.Health)?.Value == "frail"
        || Latest(subject, ReadTag.DisabilityGrade, _day, Worse.Grade)?.Value is "1" or "2";

    // ---- Work --------------------------------------------------------------------------------------------------------------------------

    private readonly record struct LabourFacts(Fact<int> Count, Fact<int> Dependents, bool IsKnown);

    /// <summary>Workers by capacity; from 60 on, and at school, no value means none. Everybody else is carried by them.</summary>
    private LabourFacts Labour()
    {
        var (workers, others) = (new List<ValueRef>(), 0);
        foreach (var subject in _members)
        {
            // A conflict counts as no capacity here, and as capacity in ZeroEmployment: each time the more severe reading.
            var capacity = Latest(subject, ReadTag.LabourCapacity, _day, Worse.Incapable);
            if (capacity is null && IsOfWorkingAge(subject, _day) && !IsAtSchool(subject, _day))
                AskByAge(FactKeys.LabourCount, subject, ReadTag.LabourCapacity);
            if (capacity is not null && IsCapable(capacity.Value) && (Born(subject) is not { } born || FactsMapping.Age(born, _day) >= 16) && !IsAtSchool(subject, _day))
                workers.Add(Ref(capacity));
            else others++;
        }

        return new(Fact.Known(workers.Count, workers), others == 0 ? Fact.Normal(0) : Fact.Known(others, HouseholdRow), !IsAsked(FactKeys.LabourCount));
    }

    /// <summary>The highest monthly wage, of equals the head first; where nobody has one, the head.</summary>
    private int? MainEarner()
    {
        int? best = null;
        var highest = 0m;
        foreach (var subject in _members.OrderByDescending(subject => Member(subject).IsHead).ThenBy(subject => Member(subject).ResidentId))
        {
            if (Number(subject, ReadTag.MonthlyWage, Worse.More).Value is { } wage && wage > highest) (best, highest) = (subject, wage);
            else if (best is null && Member(subject).IsHead) best = subject;
        }

        return best;
    }

    private Fact<int> ZeroEmployment()
    {
        var (working, seeking, asked) = (false, null as SnapshotValue, false);
        foreach (var subject in _members)
        {
            if (!IsOfWorkingAge(subject, _day) || IsAtSchool(subject, _day)) continue;
            var capacity = Latest(subject, ReadTag.LabourCapacity, _day, Worse.Capable);
            if (capacity is null)
            {
                asked = true;
                continue;
            }

            if (!IsCapable(capacity.Value)) continue;
            var status = Latest(subject, ReadTag.EmploymentStatus, _day, Worse.Employment);
            if (status is null)
            {
                asked = true;
                AskByAge(FactKeys.ZeroEmploymentDays, subject, ReadTag.EmploymentStatus);
            }
            else if (IsWorking(status.Value)) working = true;
            else if (status.Value == "seeking") seeking ??= status;
        }

        if (working) return Fact.Normal(0);
        if (asked) return Fact.Unknown(0);
        return seeking is null ? Fact.Normal(0) : Fact.Known(DaysSince(SpanStart()), [.. _members
            .Select(subject => Latest(subject, ReadTag.EmploymentStatus, _day, Worse.Employment)).OfType<SnapshotValue>()
            .Where(value => value.Value == "seeking").Select(Ref)]);
    }

    /// <summary>
    /// Back over the days on which something could have differed, as long as somebody sought work and nobody had it. People who have left since
    /// are read for the days they were members. What a person was before the first record, the first record says, but nobody sought before it.
    /// </summary>
    private DateOnly SpanStart()
    {
        var turns = new HashSet<DateOnly>();
        for (var subject = 1; subject <= _snapshot.Members.Count; subject++)
        {
            if (Member(subject).From is { } from) turns.Add(from);
            if (Member(subject).Until is { } until) turns.Add(until.AddDays(1));
            if (Born(subject) is { } born) turns.UnionWith([born.AddYears(16), born.AddYears(60)]);
            foreach (var tag in s_work)
            {
                foreach (var value in Chain(subject, tag))
                {
                    turns.Add(value.From);
                    if (value.Until is { } last) turns.Add(last.AddDays(1));
                }
            }
        }

        // All days from one turn to the day before the next are alike, so the last of them speaks for all.
        var (start, end) = (_day, _day);
        foreach (var turn in turns.Where(turn => turn <= _day).OrderDescending())
        {
            if (!IsZeroEmployment(end)) break;
            (start, end) = (turn, turn.AddDays(-1));
        }

        return start;
    }

    private bool IsZeroEmployment(DateOnly on)
    {
        var seeking = false;
        for (var subject = 1; subject <= _snapshot.Members.Count; subject++)
        {
            if (!Member(subject).IsMemberOn(on) || !IsOfWorkingAge(subject, on) || IsAtSchool(subject, on)) continue;
            if (LatestOrFirst(subject, ReadTag.LabourCapacity, on, Worse.Capable) is not { } capacity || !IsCapable(capacity.Value)) continue;
            if (LatestOrFirst(subject, ReadTag.EmploymentStatus, on, Worse.Employment) is not { } status) continue;
            if (IsWorking(status.Value)) return false;
            seeking |= status.Value == "seeking" && status.From <= on;
        }

        return seeking;
    }

    // ---- Care and visits ---------------------------------------------------------------------------------------------------------------

    private Fact<bool> HeavyHealth()
    {
        List<ValueRef>? rows = null;
        foreach (var subject in _members)
        {
            Add(Latest(subject, ReadTag.HealthStatus, _day, Worse.Health), "major", "frail");
            Add(Latest(subject, ReadTag.DisabilityGrade, _day, Worse.Grade), "1", "2");
            Add(Latest(subject, ReadTag.SelfCare, _day, Worse.SelfCare), "none");
            Add(Latest(subject, ReadTag.Dementia, _day, Worse.True), "true");
            Add(Latest(subject, ReadTag.MentalFollowUp, _day, Worse.True), "true");
        }

        return rows is null ? Fact.Normal(false) : Fact.Known(true, rows);

        void Add(SnapshotValue? value, string heavy, string? orElse = null)
        {
            if (value is not null && (value.Value == heavy || value.Value == orElse)) (rows ??= []).Add(Ref(value));
        }
    }

    private Fact<string> ChildMood()
    {
        var crisis = Anybody(ReadTag.ChildMood, "crisis", Worse.Crisis);
        return crisis.Value ? Fact.Known("crisis", crisis.Sources) : Fact.Normal("steady");
    }

    private Fact<string> HomeHazard() =>
        Latest(Household, ReadTag.HomeHazard, _day, Worse.NotNone) is { } value && value.Value != "none" ? Fact.Known(value.Value, [Ref(value)]) : Fact.Normal("none");

    /// <summary>
    /// Days since the last counted visit, else since moving in, as a share of the cadence added twice, times two: for a cadence of days that is
    /// days divided by the cadence, and for one of months it passes 2 on exactly the day after the second month has ended.
    /// </summary>
    private Fact<decimal> NoVisit(Cadence cadence)
    {
        if (_snapshot.Occupancy == Occupancy.Vacant) return Fact.Normal(0m);
        var (since, row) = _snapshot.LastCountedVisit is { } visit && visit <= _day
            ? (visit, new ValueRef(null, "visit", null, _snapshot.HouseholdId, visit, null))
            : Date(Household, ReadTag.MoveInDate, Worse.Earlier) is ({ } moved, { } value) && moved <= _day
                ? (moved, Ref(value) with { Day = moved })
                : (_snapshot.RecordedOn, new ValueRef(null, "household", null, _snapshot.HouseholdId, _snapshot.RecordedOn, null));
        var limit = cadence.After(cadence.After(since));
        return since >= _day || limit <= since ? Fact.Known(0m, [row]) : Fact.Known(2m * DaysSince(since) / (limit.DayNumber - since.DayNumber), [row]);
    }

    /// <summary>Monthly evaluations in a row that reached the clearing line, up to the newest; that one is of this month or the one before.</summary>
    private int ClearMonths()
    {
        var thisMonth = new DateOnly(_day.Year, _day.Month, 1);
        var months = _snapshot.Months.Where(month => month.Month <= _day).OrderByDescending(month => month.Month).ToArray();
        if (months.Length == 0 || months[0].Month < thisMonth.AddMonths(-1)) return 0;
        var count = 0;
        while (count < months.Length && months[count].AtOrAboveClearLine && months[count].Month == months[0].Month.AddMonths(-count)) count++;
        return count;
    }

    // ---- Reading values ----------------------------------------------------------------------------------------------------------------

    private int DaysSince(DateOnly on) => _day.DayNumber - on.DayNumber;

    private SnapshotMember Member(int subject) => _snapshot.Members[subject - 1];

    private int SubjectOf(Guid id)
    {
        if (id == _snapshot.HouseholdId) return Household;
        for (var i = 0; i < _snapshot.Members.Count; i++)
        {
            if (_snapshot.Members[i].ResidentId == id) return i + 1;
        }

        return -1;
    }

    private IEnumerable<SnapshotValue> Chain(int subject, ReadTag tag)
    {
        for (var i = _first[subject * ReadTags.Count + (int)tag]; i > 0; i = _next[i - 1]) yield return _snapshot.Values[i - 1];
    }

    /// <summary>
    /// The value valid on the day with the newest observation. What the same source says later of the same day corrects it; where sources
    /// disagree on that day, the more severe value counts until a person decides (facts.md rule 2).
    /// </summary>
    private SnapshotValue? Latest(int subject, ReadTag tag, DateOnly on, Comparison<string> severity)
    {
        var (best, sameDay) = (null as SnapshotValue, 0);
        for (var i = _first[subject * ReadTags.Count + (int)tag]; i > 0; i = _next[i - 1])
        {
            var value = _snapshot.Values[i - 1];
            if (!value.IsValidOn(on) || best is not null && value.ObservedAt < best.ObservedAt) continue;
            if (best is null || value.ObservedAt > best.ObservedAt) (best, sameDay) = (value, 1);
            else sameDay++;
        }

        return sameDay < 2 ? best : MostSevereOf(subject, tag, on, best!.ObservedAt, severity);
    }

    private SnapshotValue MostSevereOf(int subject, ReadTag tag, DateOnly on, DateOnly observedAt, Comparison<string> severity)
    {
        var values = Chain(subject, tag).Where(value => value.ObservedAt == observedAt && value.IsValidOn(on)).ToArray();
        return values
            .Where(value => !values.Any(other => other.Source == value.Source && IsLater(other, value)))
            .Aggregate((best, value) => severity(value.Value, best.Value) is var worse && (worse > 0 || worse == 0 && IsLater(value, best)) ? value : best);

        static bool IsLater(SnapshotValue a, SnapshotValue b) => (a.RecordedAt, a.Id).CompareTo((b.RecordedAt, b.Id)) > 0;
    }

    /// <summary>As <see cref="Latest"/>; on past days before the first record, that record.</summary>
    private SnapshotValue? LatestOrFirst(int subject, ReadTag tag, DateOnly on, Comparison<string> severity)
    {
        if (Latest(subject, tag, on, severity) is { } latest) return latest;
        if (on == _day) return null;
        var first = Chain(subject, tag).Where(value => value.From <= _day).MinBy(value => (value.From, value.ObservedAt, value.RecordedAt, value.Id));
        return first?.From > on ? first : null;
    }

    private (decimal? Value, SnapshotValue? Row) Number(int subject, ReadTag tag, Comparison<string> severity, DateOnly? on = null) =>
        Latest(subject, tag, on ?? _day, severity) is { } row && Worse.TryNumber(row.Value, out var number) ? (number, row) : (null, null);

    private (DateOnly? Value, SnapshotValue? Row) Date(int subject, ReadTag tag, Comparison<string> severity) =>
        Latest(subject, tag, _day, severity) is { } row
        && DateOnly.TryParseExact(row.Value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) ? (date, row) : (null, null);

    /// <summary>A household's amount or count, absent meaning none.</summary>
    private Fact<decimal> Amount(ReadTag tag) =>
        Number(Household, tag, Worse.More) is ({ } amount, { } row) && amount != 0 ? Fact.Known(amount, [Ref(row)]) : Fact.Normal(0m);

    private Fact<decimal> Sum(ReadTag tag)
    {
        var (sum, rows) = (0m, null as List<ValueRef>);
        foreach (var subject in _members)
        {
            if (Number(subject, tag, Worse.More) is not ({ } amount, { } row) || amount == 0) continue;
            sum += amount;
            (rows ??= []).Add(Ref(row));
        }

        return rows is null ? Fact.Normal(0m) : Fact.Known(sum, rows);
    }

    /// <summary>Days since a date of the past; a date that has not come yet has not happened.</summary>
    private Fact<int> DaysAgo(int subject, ReadTag tag) =>
        Date(subject, tag, Worse.Later) is ({ } on, { } row) && on <= _day ? Fact.Known(DaysSince(on), [Ref(row) with { Day = on }]) : Fact.Normal(0);

    private Fact<bool> Reported(ReadTag tag) =>
        Latest(Household, tag, _day, Worse.True) is { Value: "true" } value ? Fact.Known(true, [Ref(value)]) : Fact.Normal(false);

    /// <summary>True when the value of any member is the one that matters, asked or not (facts.md rule 4).</summary>
    private Fact<bool> Anybody(ReadTag tag, string signal = "true", Comparison<string>? severity = null)
    {
        List<ValueRef>? rows = null;
        foreach (var subject in _members)
        {
            if (Latest(subject, tag, _day, severity ?? Worse.True) is { } value && value.Value == signal) (rows ??= []).Add(Ref(value));
        }

        return rows is null ? Fact.Normal(false) : Fact.Known(true, rows);
    }

    private Fact<string> Asked(ReadTag tag, string normal, string key, Comparison<string> severity) =>
        Latest(Household, tag, _day, severity) is { } value ? Fact.Known(value.Value, [Ref(value)]) : Unknown(normal, key, [(Household, tag)]);

    private Fact<bool> AskedBool(ReadTag tag, bool normal, string key) =>
        Latest(Household, tag, _day, normal ? Worse.False : Worse.True) is { } value
            ? Fact.Known(value.Value == "true", [Ref(value)]) : Unknown(normal, key, [(Household, tag)]);

    // ---- Who is asked ------------------------------------------------------------------------------------------------------------------

    private DateOnly? Born(int subject) => Date(subject, ReadTag.BirthDate, Worse.Later).Value;

    /// <summary>Whoever has no birth date may be of any age: asked for everything, until the birth date or the answer is known.</summary>
    private bool IsOfAge(int subject, int from, int to) => Born(subject) is not { } born || FactsMapping.Age(born, _day) is var age && age >= from && age <= to;

    private bool IsOfWorkingAge(int subject, DateOnly on) => Born(subject) is not { } born || FactsMapping.Age(born, on) is >= 16 and <= 59;

    private bool IsAtSchool(int subject, DateOnly on) => LatestOrFirst(subject, ReadTag.SchoolStage, on, Worse.NotAtSchool) is { } stage
        ? stage.Value != "none"
        : LatestOrFirst(subject, ReadTag.EmploymentStatus, on, Worse.Employment)?.Value == "student";

    private static bool IsCapable(string capacity) => capacity is "skilled" or "ordinary" or "weak";

    private static bool IsWorking(string status) => status is "employed" or "self" or "farming";

    private Fact<T> Unknown<T>(T normal, string key, IEnumerable<(int Subject, ReadTag Tag)> missing)
    {
        foreach (var (subject, tag) in missing) Ask(key, subject, tag);
        return Fact.Unknown(normal);
    }

    private void Ask(string key, int subject, ReadTag tag) => _unknowns.Add(subject == Household
        ? new UnknownFact(key, SubjectKind.Household, _snapshot.HouseholdId, tag.Code())
        : new UnknownFact(key, SubjectKind.Person, _snapshot.Members[subject - 1].ResidentId, tag.Code()));

    /// <summary>Asks for the answer, or for the birth date that would say whether it is needed.</summary>
    private void AskByAge(string key, int subject, ReadTag tag) => Ask(key, subject, Born(subject) is null ? ReadTag.BirthDate : tag);

    private bool IsAsked(string key) => _unknowns.Exists(unknown => unknown.Fact == key);

    // ---- Rows --------------------------------------------------------------------------------------------------------------------------

    private IReadOnlyList<ValueRef> HouseholdRow => [new ValueRef(_snapshot.HouseholdId, "household", null, _snapshot.HouseholdId, null, null)];

    private static ValueRef Ref(SnapshotValue value) => new(value.Id, "tag_value", value.Tag, value.SubjectId, value.From, value.Source, value.ObservedAt);

    private ValueRef MarkRef(SnapshotMark mark) => new(mark.Id, "register_mark", null, _snapshot.HouseholdId, mark.Day, null);

    private static bool HasCode(string joined, string code) => joined == code || joined.Contains('|', StringComparison.Ordinal) && joined.Split('|').Contains(code);
}
