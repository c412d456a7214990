using Backend.Domain.Facts;
using Backend.Domain.Grid;
using Backend.Domain.Households;
using Backend.Domain.Tags;
using Backend.Domain.Tiers;
using Backend.Domain.Visits;

namespace Local.Demo;

/// <summary>The figures of the report that the district must give exactly (requirements.md A.3), money in fen.</summary>
internal static class Figures
{
    public const int Households = 7081, People = 26344;
    public const int RedHouseholds = 284, RedPeople = 759, OrangeHouseholds = 667, OrangePeople = 2293;
    public const int LabourForce = 9911, Employed = 9154, EmployedYearBefore = 8445;
    public const long NetIncome = 29_491_686_496, NetIncomeYearBefore = 24_854_141_424;
    public const long Wages = 22_395_008_056, WagesYearBefore = 19_390_738_296;
    /// <summary>Nobody under it, and the <c>monitoring_line</c> of the demo place.</summary>
    public const long FloorPerHead = 800_000;
    /// <summary>1.2 × line: below it Y1 holds.</summary>
    public const long AttentionPerHead = 960_000;
    /// <summary>1.05 × line: what H2c asks for.</summary>
    public const long ClearPerHead = 840_000;

    public static readonly DateOnly StatisticsDay = new(2022, 11, 30), YearBefore = new(2021, 11, 30);
}

/// <summary>What the report leaves open: how many households are yellow without being monitored, and how many show the mark <c>unassessed</c>.</summary>
internal static class DemoParameters
{
    public const int YellowPerMille = 300;
    public const int Unassessed = 18;
    /// <summary>Yellow households kept yellow with no signal left: the way out H4 is open to them.</summary>
    public const int QuietYellow = 40;
}

/// <summary>Why a household is yellow (the rule in brackets), or red beside the register's mark.</summary>
internal enum Signal
{
    None,
    NearLine, // Y1
    NoLabour, // Y2
    HeavyHealth, // Y3
    SingleParent, // Y4
    OneWorker, // Y4
    FewMonths, // Y6
    JobLost, // Y6
    WageArrears, // Y6
    MedicalCost, // Y7
    SchoolCost, // Y7
    LoanOverdue, // Y8
    Debt, // Y8
    ElderAlone, // Y9
    ElderLeftBehind, // Y9
    LeftBehindChild, // Y9
    ChildMood, // Y9
    DropoutRisk, // Y9
    InsuranceGap, // Y10
    LostContact, // Y10
    Reliefs, // Y13
    OrphanSupport, // Y13
    InHospital, // Y13
    UtilityArrears, // Y13
    HomeHazard, // Y13
    LowWaterUse, // Y13
    Quiet, // none any more
    RigidCosts, // R3
    Guarantee, // R4
    Event, // R5
    Unprotected, // R6
}

/// <summary>Why a household shows <c>unassessed</c>.</summary>
internal enum Gap
{
    None,
    IncomeCheck,
    Housing,
    Insurance,
    Visit,
}

internal enum Kind
{
    Worker,
    Child,
    Student,
    Elder,
    Incapable,
}

internal sealed class PlannedPerson
{
    public required Guid Id { get; init; }
    public required Kind Kind { get; init; }
    public required int Age { get; init; }
    /// <summary>Days since the last birthday, 20 to 340, so that no birthday falls near the day of loading.</summary>
    public required int SinceBirthday { get; init; }
    public required bool Male { get; init; }
    public required string Relation { get; init; }
    public required string Name { get; init; }
    /// <summary>Order number among those born on one day.</summary>
    public int Order { get; set; }
    public int? PhoneNumber { get; set; }
    /// <summary>Carries the household's heavy health burden (Y3).</summary>
    public bool Heavy { get; set; }
    public string? Capacity { get; set; }
    public string? Status { get; set; }
    public string? StatusYearBefore { get; set; }
    public long MonthlyWage { get; set; }
    public long Medical { get; set; }
    public long Education { get; set; }
    public bool Away { get; set; }
    public Guid? PhotoId { get; set; }

    public bool IsHead => Relation == "head";
    public bool IsEmployed => Status is "employed" or "self" or "farming";
    public When Born => When.Born(Age, SinceBirthday);
}

internal sealed record PlannedValue(
    Guid Id, SubjectKind Subject, Guid SubjectId, string Tag, string? Text, When? Date, ValueSource Source, When Observed, int MinuteOfDay);

internal sealed record PlannedMark(Guid Id, RegisterStatus Status, When Day, string? MonitoredKind, string? Channel, string? Elimination);

internal sealed record PlannedVisit(Guid Id, VisitKind Kind, When Day, int MinuteOfDay, Guid Visitor, bool Counted, string? Note);

internal sealed record PlannedMeasure(Guid Id, string Kind, Guid? Responsible, When Opened, When? Finished, string? Outcome);

/// <summary>One stored evaluation, <c>MonthsBack</c> months before that of loading.</summary>
internal sealed record PlannedMonth(Guid Id, int MonthsBack, bool AtOrAboveClearLine);

internal sealed record PlannedPhoto(Guid Id, Guid ResidentId, When Taken);

internal sealed class PlannedHousehold
{
    public required Guid Id { get; init; }
    public required Door Door { get; init; }
    public Tier Tier { get; set; } = Tier.Green;
    public Gap Gap { get; set; }
    public Signal Signal { get; set; }
    /// <summary>Belongs to the floors of A-60, where every household but one works .</summary>
    public bool MustWork { get; set; }
    public Occupancy Occupancy { get; set; }
    public int Size { get; set; }
    public int Labour { get; set; }
    public List<PlannedPerson> People { get; } = [];

    public long NetIncome { get; set; }
    public long Wages { get; set; }
    public long Business { get; set; }
    public long Property { get; set; }
    public long Transfer => NetIncome - Wages - Business - Property;
    public long NetIncomeYearBefore { get; set; }
    public long WagesYearBefore { get; set; }
    public long RigidCosts { get; set; }
    public long DisasterLoss { get; set; }
    public long Debt { get; set; }

    /// <summary>Days since the income check and the last survey of the household.</summary>
    public int CheckedDaysAgo { get; set; }
    public When MoveIn { get; set; }
    public string? FormerAddress { get; set; }
    /// <summary>The day since which no rule has held; null while one does.</summary>
    public When? QuietSince { get; set; }
    public List<PlannedValue> Values { get; } = [];
    /// <summary>Those of them that a rule reads.</summary>
    public PlannedValue[] ReadValues { get => field ??= [.. Values.Where(v => ReadTags.TryGet(v.Tag, out _))]; }
    public List<PlannedMark> Marks { get; } = [];
    public List<PlannedVisit> Visits { get; } = [];
    public List<PlannedMeasure> Measures { get; } = [];
    public List<PlannedMonth> Months { get; } = [];
    public List<PlannedPhoto> Photos { get; } = [];

    public GridNode Floor => Door.Floor;
    public PlannedPerson Head => People[0];
    public TierState? State => Tier == Tier.Red ? TierState.Confirmed : Gap == Gap.None ? null : TierState.Unassessed;
    public IEnumerable<PlannedPerson> Workers => People.Where(p => p.Kind == Kind.Worker);
    public bool HasSteadyWorker => People.Any(p => p.IsEmployed && p.Age < 60);
}
