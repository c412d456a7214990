using Backend.Domain.Facts;
using Backend.Domain.Households;
using Backend.Domain.Tiers;

namespace Backend.Tests.Domain.Tiers;

/// <summary>
/// Facts made from bytes, one a fact, so that FsCheck generates and shrinks them: 0 is the mildest level, and each next level of a fact is more
/// severe than the one before.
/// </summary>
internal static class FactDials
{
    public static readonly DateOnly Today = new(2026, 11, 20);
    public static readonly RuleParameters Rules = RuleSet.Default.At("", Today);

    public static readonly (string Name, Func<HouseholdFacts, HouseholdFacts>[] Levels)[] Fields =
    [
        ("registry", Levels<RegisterStatus>((f, v) => f with { Registry = v }, RegisterStatus.Lifted, RegisterStatus.Eliminated, RegisterStatus.Monitored)),
        ("size", Levels<int>((f, v) => f with { HouseholdSize = v }, 1, 2, 3, 4, 5, 6)),
        ("income", Levels<decimal>((f, v) => f with { NetIncome12m = v }, 90000, 63000, 52200, 43500, 31320, 26100, 17400, 8699.99m, 0, -100)),
        ("checked", Levels<int>((f, v) => f with { IncomeCheckedDaysAgo = v }, 0, 365, 366, 900)),
        ("change", Levels<decimal>((f, v) => f with { IncomeChangePct = v }, 10, -29.99m, -30, -80)),
        ("rigid", Levels<decimal>((f, v) => f with { RigidExpense12m = v }, 0, 10000, 17400, 60000)),
        ("loss", Levels<decimal>((f, v) => f with { DisasterLoss12m = v }, 0, 900, 30000)),
        ("event", Levels<int>((f, v) => f with { MajorEventDaysAgo = v }, 91, 90, 0)),
        ("dropout", YesNo((f, v) => f with { Dropout = v })),
        ("housing", Levels<string>((f, v) => f with { HousingGrade = v }, "a", "b", "c", "d")),
        ("water", Levels<bool>((f, v) => f with { WaterSafe = v }, true, false)),
        ("gap", Levels<string>((f, v) => f with { GuaranteeGap = v }, "none", "medical", "food", "food|water")),
        ("uninsured", OrNone<int>(f => f, (f, v) => f with { UninsuredDays = v }, 0, 30, 31, 200)),
        ("unprotected", YesNo((f, v) => f with { UnprotectedPerson = v })),
        ("zero employment", OrNone<int>(f => f, (f, v) => f with { ZeroEmploymentDays = v }, 0, 30, 31, 200)),
        ("labour", Levels<int>((f, v) => f with { LabourCount = v }, 3, 2, 1, 0)),
        ("dependents", Levels<int>((f, v) => f with { Dependents = v }, 0, 2, 3, 5)),
        ("single", YesNo((f, v) => f with { SingleParent = v })),
        ("health", YesNo((f, v) => f with { HeavyHealth = v })),
        ("months", Levels<decimal>((f, v) => f with { MainEarnerMonthsWorked = v }, 12, 6, 5, 0)),
        ("job lost", Levels<int>((f, v) => f with { JobLostDaysAgo = v }, 61, 60, 0)),
        ("arrears", YesNo((f, v) => f with { WageArrears = v })),
        ("medical", Levels<decimal>((f, v) => f with { MedicalSelfPaid12m = v }, 0, 4999, 5000, 40000)),
        ("school", Levels<decimal>((f, v) => f with { EducationSelfPaid = v }, 0, 9999, 10000, 40000)),
        ("loan", YesNo((f, v) => f with { LoanOverdue = v })),
        ("debt", Levels<decimal>((f, v) => f with { Debt = v }, 0, 43500, 90000.01m)),
        ("elder alone", YesNo((f, v) => f with { ElderAlone = v })),
        ("elder behind", YesNo((f, v) => f with { ElderLeftBehind = v })),
        ("child behind", YesNo((f, v) => f with { LeftBehindChild = v })),
        ("mood", Levels<string>((f, v) => f with { ChildMood = v }, "steady", "low", "crisis")),
        ("dropout risk", YesNo((f, v) => f with { DropoutRisk = v })),
        ("lost", YesNo((f, v) => f with { LostContact = v })),
        ("no visit", Levels<decimal>((f, v) => f with { NoVisitFactor = v }, 0, 2, 2.01m, 9)),
        ("relapse", Levels<int>((f, v) => f with { RelapseCount = v }, 0, 1, 3)),
        ("relief", Levels<decimal>((f, v) => f with { TemporaryRelief12m = v }, 0, 1, 2, 5)),
        ("orphan", YesNo((f, v) => f with { OrphanSupport = v })),
        ("hospital", YesNo((f, v) => f with { InHospital = v })),
        ("utility", YesNo((f, v) => f with { UtilityArrears = v })),
        ("hazard", Levels<string>((f, v) => f with { HomeHazard = v }, "none", "fire")),
        ("water use", YesNo((f, v) => f with { LowWaterUse = v })),
    ];

    public static readonly Func<HouseholdFacts, HouseholdFacts>[] Unknowns =
    [
        f => f with { HouseholdSize = Fact.Unknown(0) }, f => f with { NetIncome12m = Fact.Unknown(0m) },
        f => f with { IncomeCheckedDaysAgo = Fact.Unknown(0) }, f => f with { Dropout = Fact.Unknown(false) },
        f => f with { HousingGrade = Fact.Unknown("a") }, f => f with { WaterSafe = Fact.Unknown(true) },
        f => f with { UninsuredDays = Fact.Unknown(0) }, f => f with { UnprotectedPerson = Fact.Unknown(false) },
        f => f with { ZeroEmploymentDays = Fact.Unknown(0) }, f => f with { LabourIsKnown = false },
    ];

    /// <summary>What named persons have recorded, and the days of the way out.</summary>
    private static readonly Func<HouseholdFacts, HouseholdFacts>[] s_wayOut =
    [
        f => f with { DaysSinceIdentified = Fact.Known(200) }, f => f with { FinishedMeasures = Fact.Known(2) },
        f => f with { MonthsAtOrAboveClearLine = Fact.Known(7) }, f => f with { RigidResolved = Fact.Known(true) },
        f => f with { EliminationProcedureDone = Fact.Known(true) }, f => f with { LastHomeVisitDaysAgo = Fact.Known(10) },
        f => f with { Approvals = Fact.Known(2) }, f => f with { DaysWithoutSignal = Fact.Known(120) },
        f => f with { LoweringApproved = Fact.Known(true) }, f => f with { DaysSinceEliminated = Fact.Known(400) },
    ];

    private static readonly (Tier, TierState?)[] s_tiles =
    [
        (Tier.Green, null), (Tier.Yellow, null), (Tier.Yellow, TierState.Unassessed), (Tier.Orange, null),
        (Tier.Red, TierState.Provisional), (Tier.Red, TierState.Confirmed), (Tier.Red, null),
    ];

    /// <summary>The first bytes turn the facts, the next ones what is on record for a way out, one the tile.</summary>
    public static (HouseholdFacts Facts, Tier Tier, TierState? State) Of(byte[] dials)
    {
        var facts = new HouseholdFacts { Day = Today };
        for (var i = 0; i < Fields.Length; i++) facts = Fields[i].Levels[At(dials, i) % Fields[i].Levels.Length](facts);
        for (var i = 0; i < s_wayOut.Length; i++)
        {
            if (At(dials, Fields.Length + 1 + i) % 2 == 1) facts = s_wayOut[i](facts);
        }

        var (tier, state) = s_tiles[At(dials, Fields.Length) % s_tiles.Length];
        return (facts, tier, state);
    }

    private static byte At(byte[] dials, int index) => index < dials.Length ? dials[index] : (byte)0;

    private static Func<HouseholdFacts, HouseholdFacts>[] Levels<T>(Func<HouseholdFacts, Fact<T>, HouseholdFacts> set, params T[] levels) =>
        [.. levels.Select(level => (Func<HouseholdFacts, HouseholdFacts>)(f => set(f, Fact.Known(level))))];

    private static Func<HouseholdFacts, HouseholdFacts>[] OrNone<T>(
        Func<HouseholdFacts, HouseholdFacts> none, Func<HouseholdFacts, Fact<T>, HouseholdFacts> set, params T[] levels) => [none, .. Levels(set, levels)];

    private static Func<HouseholdFacts, HouseholdFacts>[] YesNo(Func<HouseholdFacts, Fact<bool>, HouseholdFacts> set) => Levels(set, false, true);
}
