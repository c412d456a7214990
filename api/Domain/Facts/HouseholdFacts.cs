using System.Globalization;
using Backend.Domain.Households;
using Backend.Domain.Tags;
using Backend.Domain.Tiers;

namespace Backend.Domain.Facts;

/// <summary>The three states of a fact (facts.md rule 3).</summary>
internal enum FactState
{
    /// <summary>Known as normal: nothing was reported, or nobody is meant.</summary>
    Normal,
    Known,
    /// <summary>Asked and not answered. Never green (Y11).</summary>
    Unknown,
}

/// <summary>One fact and the rows it was read from.</summary>
internal readonly record struct Fact<T>(FactState State, T Value, IReadOnlyList<ValueRef> Sources)
{
    public bool IsKnown => State == FactState.Known;

    public bool IsUnknown => State == FactState.Unknown;
}

internal static class Fact
{
    public static Fact<T> Known<T>(T value, IReadOnlyList<ValueRef>? sources = null) => new(FactState.Known, value, sources ?? []);

    public static Fact<T> Normal<T>(T value) => new(FactState.Normal, value, []);

    public static Fact<T> Unknown<T>(T value) => new(FactState.Unknown, value, []);
}

/// <summary>An asked fact without an answer: whom it concerns and the tag that answers it, so that the next visit can settle it.</summary>
internal sealed record UnknownFact(string Fact, SubjectKind Subject, Guid? SubjectId, string Tag);

/// <summary>
/// 家庭情况: what the tier engine reads of one household on one day, one property a key of facts.md. Money in yuan, days counted back from
/// <see cref="Day"/>. A property that is left alone is known as normal, but for the three that are unknown when nobody says them: size, net
/// income and the day of the income check.
/// </summary>
internal sealed record HouseholdFacts
{
    public required DateOnly Day { get; init; }

    public Fact<RegisterStatus> Registry { get; init; } = Fact.Normal(RegisterStatus.None);
    public Fact<int> HouseholdSize { get; init; } = Fact.Unknown(0);
    public Fact<decimal> NetIncome12m { get; init; } = Fact.Unknown(0m);
    public Fact<int> IncomeCheckedDaysAgo { get; init; } = Fact.Unknown(0);
    public Fact<decimal> IncomeChangePct { get; init; } = Fact.Normal(0m);
    public Fact<decimal> RigidExpense12m { get; init; } = Fact.Normal(0m);
    public Fact<decimal> DisasterLoss12m { get; init; } = Fact.Normal(0m);
    public Fact<int> MajorEventDaysAgo { get; init; } = Fact.Normal(0);
    public Fact<bool> Dropout { get; init; } = Fact.Normal(false);
    public Fact<string> HousingGrade { get; init; } = Fact.Normal("a");
    public Fact<bool> WaterSafe { get; init; } = Fact.Normal(true);
    /// <summary>Codes joined with a bar; <c>medical</c> alone means <see cref="UninsuredDays"/>.</summary>
    public Fact<string> GuaranteeGap { get; init; } = Fact.Normal("none");
    public Fact<int> UninsuredDays { get; init; } = Fact.Normal(0);
    public Fact<bool> UnprotectedPerson { get; init; } = Fact.Normal(false);
    public Fact<int> ZeroEmploymentDays { get; init; } = Fact.Normal(0);
    public Fact<int> LabourCount { get; init; } = Fact.Normal(0);
    /// <summary>Whether the capacity of everybody who is asked for it is known: Y2 and H2f hold only then.</summary>
    public bool LabourIsKnown { get; init; } = true;
    public Fact<int> Dependents { get; init; } = Fact.Normal(0);
    public Fact<bool> SingleParent { get; init; } = Fact.Normal(false);
    public Fact<bool> HeavyHealth { get; init; } = Fact.Normal(false);
    public Fact<decimal> MainEarnerMonthsWorked { get; init; } = Fact.Normal(12m);
    public Fact<int> JobLostDaysAgo { get; init; } = Fact.Normal(0);
    public Fact<bool> WageArrears { get; init; } = Fact.Normal(false);
    public Fact<decimal> MedicalSelfPaid12m { get; init; } = Fact.Normal(0m);
    public Fact<decimal> EducationSelfPaid { get; init; } = Fact.Normal(0m);
    public Fact<bool> LoanOverdue { get; init; } = Fact.Normal(false);
    public Fact<decimal> Debt { get; init; } = Fact.Normal(0m);
    public Fact<bool> ElderAlone { get; init; } = Fact.Normal(false);
    public Fact<bool> ElderLeftBehind { get; init; } = Fact.Normal(false);
    public Fact<bool> LeftBehindChild { get; init; } = Fact.Normal(false);
    public Fact<string> ChildMood { get; init; } = Fact.Normal("steady");
    public Fact<bool> DropoutRisk { get; init; } = Fact.Normal(false);
    public Fact<bool> LostContact { get; init; } = Fact.Normal(false);
    /// <summary>Above 2 from the day after the cadence of the kept tier, added twice, has passed.</summary>
    public Fact<decimal> NoVisitFactor { get; init; } = Fact.Normal(0m);
    public Fact<int> RelapseCount { get; init; } = Fact.Normal(0);
    public Fact<decimal> TemporaryRelief12m { get; init; } = Fact.Normal(0m);
    public Fact<bool> OrphanSupport { get; init; } = Fact.Normal(false);
    public Fact<bool> InHospital { get; init; } = Fact.Normal(false);
    public Fact<bool> UtilityArrears { get; init; } = Fact.Normal(false);
    public Fact<string> HomeHazard { get; init; } = Fact.Normal("none");
    public Fact<bool> LowWaterUse { get; init; } = Fact.Normal(false);
    /// <summary>Selects the remote visit policy; no rule reads it.</summary>
    public Fact<bool> AllAway { get; init; } = Fact.Normal(false);

    // Facts of the way out (H2 to H5): one that is not known is unmet.
    public Fact<int> DaysSinceIdentified { get; init; } = Fact.Normal(0);
    public Fact<int> FinishedMeasures { get; init; } = Fact.Normal(0);
    public Fact<int> MonthsAtOrAboveClearLine { get; init; } = Fact.Normal(0);
    public Fact<bool> RigidResolved { get; init; } = Fact.Normal(false);
    public Fact<bool> EliminationProcedureDone { get; init; } = Fact.Normal(false);
    public Fact<bool> NaturalElimination { get; init; } = Fact.Normal(false);
    public Fact<int> LastHomeVisitDaysAgo { get; init; } = Fact.Normal(0);
    public Fact<int> Approvals { get; init; } = Fact.Normal(0);
    public Fact<int> DaysWithoutSignal { get; init; } = Fact.Normal(0);
    public Fact<bool> LoweringApproved { get; init; } = Fact.Normal(false);
    public Fact<int> DaysSinceEliminated { get; init; } = Fact.Normal(0);

    /// <summary>Asked facts without an answer, person by person.</summary>
    public IReadOnlyList<UnknownFact> Unknowns { get; init; } = [];

    /// <summary>The events behind <see cref="MajorEventDaysAgo"/>, newest first: what H3 records as settled.</summary>
    public IReadOnlyList<SettledEvent> MajorEvents { get; init; } = [];

    /// <summary>True when an asked fact is unknown.</summary>
    public bool HasUnknown => Unknowns.Count > 0 || NetIncome12m.IsUnknown || IncomeCheckedDaysAgo.IsUnknown || HouseholdSize.IsUnknown
        || Dropout.IsUnknown || HousingGrade.IsUnknown || WaterSafe.IsUnknown || UninsuredDays.IsUnknown || UnprotectedPerson.IsUnknown
        || ZeroEmploymentDays.IsUnknown || !LabourIsKnown;

    /// <summary>The self-paid rigid costs: the larger of the reported figure and the sum of medicine and school (facts.md).</summary>
    public decimal RigidCosts => Math.Max(RigidExpense12m.Value, MedicalSelfPaid12m.Value + EducationSelfPaid.Value);

    /// <summary>A fact as a reason shows it, by its key.</summary>
    public FactRead Read(string key) => key switch
    {
        FactKeys.Registry => Read(key, Registry, Registry.Value switch
        {
            RegisterStatus.Monitored => "monitored",
            RegisterStatus.Eliminated => "eliminated",
            RegisterStatus.Lifted => "lifted",
            RegisterStatus.General => "general",
            _ => "none",
        }),
        FactKeys.HouseholdSize => Read(key, HouseholdSize),
        FactKeys.NetIncome12m => Read(key, NetIncome12m),
        FactKeys.IncomeCheckedDaysAgo => Read(key, IncomeCheckedDaysAgo),
        FactKeys.IncomeChangePct => Read(key, IncomeChangePct, decimal.Round(IncomeChangePct.Value, 2, MidpointRounding.AwayFromZero)),
        FactKeys.RigidExpense12m => Read(key, RigidExpense12m),
        FactKeys.DisasterLoss12m => Read(key, DisasterLoss12m),
        FactKeys.MajorEventDaysAgo => Read(key, MajorEventDaysAgo),
        FactKeys.Dropout => Read(key, Dropout),
        FactKeys.HousingGrade => Read(key, HousingGrade),
        FactKeys.WaterSafe => Read(key, WaterSafe),
        FactKeys.GuaranteeGap => Read(key, GuaranteeGap),
        FactKeys.UninsuredDays => Read(key, UninsuredDays),
        FactKeys.UnprotectedPerson => Read(key, UnprotectedPerson),
        FactKeys.ZeroEmploymentDays => Read(key, ZeroEmploymentDays),
        FactKeys.LabourCount => Read(key, LabourCount),
        FactKeys.Dependents => Read(key, Dependents),
        FactKeys.SingleParent => Read(key, SingleParent),
        FactKeys.HeavyHealth => Read(key, HeavyHealth),
        FactKeys.MainEarnerMonthsWorked => Read(key, MainEarnerMonthsWorked),
        FactKeys.JobLostDaysAgo => Read(key, JobLostDaysAgo),
        FactKeys.WageArrears => Read(key, WageArrears),
        FactKeys.MedicalSelfPaid12m => Read(key, MedicalSelfPaid12m),
        FactKeys.EducationSelfPaid => Read(key, EducationSelfPaid),
        FactKeys.LoanOverdue => Read(key, LoanOverdue),
        FactKeys.Debt => Read(key, Debt),
        FactKeys.ElderAlone => Read(key, ElderAlone),
        FactKeys.ElderLeftBehind => Read(key, ElderLeftBehind),
        FactKeys.LeftBehindChild => Read(key, LeftBehindChild),
        FactKeys.ChildMood => Read(key, ChildMood),
        FactKeys.DropoutRisk => Read(key, DropoutRisk),
        FactKeys.LostContact => Read(key, LostContact),
        FactKeys.NoVisitFactor => Read(key, NoVisitFactor, decimal.Round(NoVisitFactor.Value, 2, MidpointRounding.ToPositiveInfinity)),
        FactKeys.RelapseCount => Read(key, RelapseCount),
        FactKeys.TemporaryRelief12m => Read(key, TemporaryRelief12m),
        FactKeys.OrphanSupport => Read(key, OrphanSupport),
        FactKeys.InHospital => Read(key, InHospital),
        FactKeys.UtilityArrears => Read(key, UtilityArrears),
        FactKeys.HomeHazard => Read(key, HomeHazard),
        FactKeys.LowWaterUse => Read(key, LowWaterUse),
        _ => throw new ArgumentOutOfRangeException(nameof(key), key, "No rule reads this fact."),
    };

    private static FactRead Read<T>(string key, Fact<T> fact) => Read(key, fact, fact.Value);

    private static FactRead Read<T, TShown>(string key, Fact<T> fact, TShown shown) => new(
        key,
        fact.IsUnknown ? null : shown switch
        {
            bool yes => yes ? "true" : "false",
            decimal number => number.ToString("0.####", CultureInfo.InvariantCulture),
            IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
            _ => shown?.ToString(),
        },
        fact.Sources);
}

/// <summary>The keys of the facts, as in the worked examples (facts.md).</summary>
internal static class FactKeys
{
    public const string Registry = "registry";
    public const string HouseholdSize = "householdSize";
    public const string NetIncome12m = "netIncome12m";
    public const string IncomeCheckedDaysAgo = "incomeCheckedDaysAgo";
    public const string IncomeChangePct = "incomeChangePct";
    public const string RigidExpense12m = "rigidExpense12m";
    public const string DisasterLoss12m = "disasterLoss12m";
    public const string MajorEventDaysAgo = "majorEventDaysAgo";
    public const string Dropout = "dropout";
    public const string HousingGrade = "housingGrade";
    public const string WaterSafe = "waterSafe";
    public const string GuaranteeGap = "guaranteeGap";
    public const string UninsuredDays = "uninsuredDays";
    public const string UnprotectedPerson = "unprotectedPerson";
    public const string ZeroEmploymentDays = "zeroEmploymentDays";
    public const string LabourCount = "labourCount";
    public const string Dependents = "dependents";
    public const string SingleParent = "singleParent";
    public const string HeavyHealth = "heavyHealth";
    public const string MainEarnerMonthsWorked = "mainEarnerMonthsWorked";
    public const string JobLostDaysAgo = "jobLostDaysAgo";
    public const string WageArrears = "wageArrears";
    public const string MedicalSelfPaid12m = "medicalSelfPaid12m";
    public const string EducationSelfPaid = "educationSelfPaid";
    public const string LoanOverdue = "loanOverdue";
    public const string Debt = "debt";
    public const string ElderAlone = "elderAlone";
    public const string ElderLeftBehind = "elderLeftBehind";
    public const string LeftBehindChild = "leftBehindChild";
    public const string ChildMood = "childMood";
    public const string DropoutRisk = "dropoutRisk";
    public const string LostContact = "lostContact";
    public const string NoVisitFactor = "noVisitFactor";
    public const string RelapseCount = "relapseCount";
    public const string TemporaryRelief12m = "temporaryRelief12m";
    public const string OrphanSupport = "orphanSupport";
    public const string InHospital = "inHospital";
    public const string UtilityArrears = "utilityArrears";
    public const string HomeHazard = "homeHazard";
    public const string LowWaterUse = "lowWaterUse";
    public const string AllAway = "allAway";
    public const string DaysSinceIdentified = "daysSinceIdentified";
    public const string FinishedMeasures = "finishedMeasures";
    public const string MonthsAtOrAboveClearLine = "monthsAtOrAboveClearLine";
    public const string RigidResolved = "rigidResolved";
    public const string EliminationProcedureDone = "eliminationProcedureDone";
    public const string NaturalElimination = "naturalElimination";
    public const string LastHomeVisitDaysAgo = "lastHomeVisitDaysAgo";
    public const string Approvals = "approvals";
    public const string DaysWithoutSignal = "daysWithoutSignal";
    public const string LoweringApproved = "loweringApproved";
    public const string DaysSinceEliminated = "daysSinceEliminated";
}
