using Backend.Domain.Facts;
using Backend.Domain.Households;
using Backend.Domain.Tags;
using Backend.Domain.Tiers;
using Backend.Domain.Visits;

namespace Backend.Tests.Domain.Facts;

/// <summary>An invented household told in the words of the tag catalogue: an ordinary green family to which a test adds what it is about.</summary>
internal sealed class Material
{
    public static readonly DateOnly Today = new(2026, 11, 20);

    public static readonly IReadOnlyDictionary<Tier, Cadence> Cadences = new[]
    {
        new Cadence { Tier = Tier.Red, Days = 7 },
        new Cadence { Tier = Tier.Orange, Days = 14 },
        new Cadence { Tier = Tier.Yellow, Months = 1 },
        new Cadence { Tier = Tier.Green, Months = 3 },
    }.ToDictionary(cadence => cadence.Tier);

    private readonly List<OpenedValue> _rows = [];
    private readonly List<SnapshotMember> _members = [];
    private FactsSnapshot _base;
    private int _rowNumber;

    private Material() => _base = new FactsSnapshot { HouseholdId = Id(1), RecordedOn = Today.AddYears(-4) };

    public static RuleParameters Rules { get; } = RuleSet.Default.At("", Today);

    public Guid HouseholdId => _base.HouseholdId;
    public Guid Father { get; } = Id(11);
    public Guid Mother { get; } = Id(12);
    public Guid Child { get; } = Id(13);
    public Guid Elder { get; } = Id(14);
    public IReadOnlyList<OpenedValue> Rows => _rows;

    /// <summary>Ids that are the same in each run, so that a failing property fails again.</summary>
    public static Guid Id(int number) => new(number, 0, 0x7000, 0x80, 0, 0, 0, 0, 0, 0, 0);

    /// <summary>Nobody and nothing recorded.</summary>
    public static Material Empty() => new();

    /// <summary>Two workers of 41 and 39, a pupil of 10 and a healthy elder of 68; 12,000 yuan a head; every asked fact answered; visited 20 days ago.</summary>
    public static Material Ordinary()
    {
        var family = new Material();
        family.Member(family.Father, isHead: true).Member(family.Mother).Member(family.Child).Member(family.Elder)
            .Born(family.Father, 41).Born(family.Mother, 39).Born(family.Child, 10).Born(family.Elder, 68);
        family.Household("wage_income", "40000", 60).Household("business_income", "5000", 60).Household("property_income", "1000", 60)
            .Household("transfer_income", "2000", 60).Household("income_checked_on", Day(60), 60)
            .Household("housing_grade", "a", 60).Household("water_safe", "true", 60).Household("move_in_date", Day(1200), 60);
        foreach (var member in new[] { family.Father, family.Mother, family.Child, family.Elder }) family.Person(member, "medical_insured", "true", 60);
        family.Person(family.Father, "labour_capacity", "ordinary", 60).Person(family.Father, "employment_status", "employed", 60)
            .Person(family.Father, "monthly_wage", "3500", 60)
            .Person(family.Mother, "labour_capacity", "weak", 60).Person(family.Mother, "employment_status", "caring", 60)
            .Person(family.Child, "school_stage", "primary", 60).Person(family.Child, "dropout", "false", 60)
            .Person(family.Child, "child_guardian", "parent", 60);
        return family.Mark(RegisterStatus.Lifted, 900).Visit(20);
    }

    public static string Day(int daysAgo) => Today.AddDays(-daysAgo).ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture);

    public Material Member(Guid id, bool isHead = false, bool sharesIncome = true, int? fromDaysAgo = null, int? untilDaysAgo = null)
    {
        _members.RemoveAll(member => member.ResidentId == id);
        _members.Add(new(id, isHead, sharesIncome, Ago(fromDaysAgo), Ago(untilDaysAgo)));
        return this;
    }

    public Material Born(Guid who, int yearsAgo, int daysAgo = 100) =>
        Person(who, "birth_date", Today.AddYears(-yearsAgo).AddDays(-daysAgo).ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture), 500);

    public Material BornOn(Guid who, DateOnly day) =>
        Person(who, "birth_date", day.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture), 60);

    public Material Household(
        string tag, string value, int daysAgo, int? from = null, int? to = null, ValueSource source = ValueSource.Visit, int recordedMinute = 0) =>
        Add(SubjectKind.Household, HouseholdId, tag, value, daysAgo, from, to, source, recordedMinute);

    public Material Person(
        Guid who, string tag, string value, int daysAgo, int? from = null, int? to = null, ValueSource source = ValueSource.Visit, int recordedMinute = 0) =>
        Add(SubjectKind.Person, who, tag, value, daysAgo, from, to, source, recordedMinute);

    /// <summary>Takes all values of a tag away, as if it had never been recorded.</summary>
    public Material Without(string tag, Guid? who = null)
    {
        _rows.RemoveAll(row => row.Tag == tag && (who is null || row.SubjectId == who));
        return this;
    }

    public Material Mark(RegisterStatus status, int daysAgo) => With(snapshot => snapshot.WithMark(new(Id(500 + snapshot.Register.Count), status, Today.AddDays(-daysAgo))));

    public Material Visit(int daysAgo, VisitKind kind = VisitKind.Home, bool counted = true) =>
        With(snapshot => snapshot.WithVisit(Today.AddDays(-daysAgo), kind, counted));

    public Material With(Func<FactsSnapshot, FactsSnapshot> change)
    {
        _base = change(_base);
        return this;
    }

    public FactsSnapshot Snapshot => _base.WithMembers(_members, Today).WithRows(_rows, Today);

    public HouseholdFacts FactsOn(DateOnly day, Tier kept = Tier.Green, RuleParameters? rules = null) =>
        FactsMapping.Read(Snapshot, day, rules ?? Rules, Cadences[kept]);

    public HouseholdFacts Facts => FactsOn(Today);

    public Evaluation Evaluate(Tier current = Tier.Green, TierState? state = null) =>
        TierEngine.Evaluate(FactsOn(Today, TierEngine.Kept(current, state)), current, state, Rules);

    public string[] Reasons(Tier current = Tier.Green) => [.. Evaluate(current).Reasons.Select(reason => reason.Rule)];

    private static DateOnly? Ago(int? days) => days is { } some ? Today.AddDays(-some) : null;

    private Material Add(
        SubjectKind subject, Guid id, string tag, string value, int daysAgo, int? from, int? to, ValueSource source, int recordedMinute)
    {
        var observed = Today.AddDays(-daysAgo);
        _rows.Add(new(
            Id(1000 + _rowNumber++), subject, id, tag, value, source, observed, Ago(from), Ago(to),
            new DateTimeOffset(observed.ToDateTime(new TimeOnly(9, 0)), TimeSpan.Zero).AddMinutes(recordedMinute)));
        return this;
    }
}
