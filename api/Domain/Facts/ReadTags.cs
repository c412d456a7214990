using System.Collections.Frozen;

namespace Backend.Domain.Facts;

/// <summary>
/// The tags that the mapping reads (facts.md), by the code of the catalogue. The number of a tag is what a stored snapshot holds: append at the
/// end, never reorder, never reuse.
/// </summary>
internal enum ReadTag : byte
{
    WageIncome = 0,
    BusinessIncome = 1,
    PropertyIncome = 2,
    TransferIncome = 3,
    IncomeCheckedOn = 4,
    RigidExpense = 5,
    DisasterLoss = 6,
    LastMajorEvent = 7,
    MainEarnerLost = 8,
    HousingGrade = 9,
    WaterSafe = 10,
    GuaranteeGap = 11,
    SingleParent = 12,
    LoanOverdue = 13,
    DebtTotal = 14,
    TemporaryRelief12m = 15,
    UtilityArrears = 16,
    HomeHazard = 17,
    LowWaterUse = 18,
    MoveInDate = 19,
    BirthDate = 20,
    MedicalSelfPaid12m = 21,
    EducationSelfPaid = 22,
    MajorIllnessSince = 23,
    Dropout = 24,
    MedicalInsured = 25,
    ChildGuardian = 26,
    SelfCare = 27,
    Caregiver = 28,
    HealthStatus = 29,
    DisabilityGrade = 30,
    Dementia = 31,
    MentalFollowUp = 32,
    LabourCapacity = 33,
    SchoolStage = 34,
    EmploymentStatus = 35,
    MonthlyWage = 36,
    MonthsWorked12m = 37,
    JobLostDate = 38,
    WageArrears = 39,
    ElderAlone = 40,
    ElderLeftBehind = 41,
    LeftBehindChild = 42,
    ChildMood = 43,
    DropoutRisk = 44,
    ResidenceStatus = 45,
    OrphanSupport = 46,
    InHospital = 47,
}

/// <summary>Codes and keeping rules of the tags that the mapping reads.</summary>
internal static class ReadTags
{
    private static readonly string[] s_codes =
    [
        "wage_income", "business_income", "property_income", "transfer_income", "income_checked_on", "rigid_expense", "disaster_loss",
        "last_major_event", "main_earner_lost", "housing_grade", "water_safe", "guarantee_gap", "single_parent", "loan_overdue", "debt_total",
        "temporary_relief_12m", "utility_arrears", "home_hazard", "low_water_use", "move_in_date", "birth_date", "medical_self_paid_12m",
        "education_self_paid", "major_illness_since", "dropout", "medical_insured", "child_guardian", "self_care", "caregiver", "health_status",
        "disability_grade", "dementia", "mental_follow_up", "labour_capacity", "school_stage", "employment_status", "monthly_wage",
        "months_worked_12m", "job_lost_date", "wage_arrears", "elder_alone", "elder_left_behind", "left_behind_child", "child_mood",
        "dropout_risk", "residence_status", "orphan_support", "in_hospital",
    ];

    private static readonly FrozenDictionary<string, ReadTag> s_byCode =
        s_codes.Select((code, index) => (code, index)).ToFrozenDictionary(pair => pair.code, pair => (ReadTag)pair.index);

    public static int Count => s_codes.Length;

    public static string Code(this ReadTag tag) => s_codes[(int)tag];

    /// <summary>True when a rule reads the tag; every other value never moves a tier and is not kept in the snapshot.</summary>
    public static bool TryGet(string code, out ReadTag tag) => s_byCode.TryGetValue(code, out tag);

    /// <summary>
    /// Tags of persons that a red rule reads (R3 to R7, facts.md): of a child under 14 they are recorded on a statutory basis, every other tag needs a guardian's
    /// consent (PD06).
    /// </summary>
    public static bool IsReadByRedRule(string code) => TryGet(code, out var tag) && tag is ReadTag.BirthDate or ReadTag.MedicalSelfPaid12m
        or ReadTag.EducationSelfPaid or ReadTag.MajorIllnessSince or ReadTag.Dropout or ReadTag.MedicalInsured or ReadTag.ChildGuardian or ReadTag.SelfCare
        or ReadTag.Caregiver or ReadTag.HealthStatus or ReadTag.DisabilityGrade or ReadTag.LabourCapacity or ReadTag.SchoolStage or ReadTag.EmploymentStatus;

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> OfRedRules { get; } = [.. s_codes.Where(IsReadByRedRule)];

    /// <summary>Reported 12-month figures: they count until <c>validTo</c>, else for 365 days, and a repeated figure is a new one (facts.md rule 5).</summary>
    public static bool IsTwelveMonthFigure(ReadTag tag) => tag is ReadTag.RigidExpense or ReadTag.DisasterLoss or ReadTag.MedicalSelfPaid12m
        or ReadTag.EducationSelfPaid or ReadTag.TemporaryRelief12m or ReadTag.MonthsWorked12m;

    /// <summary>Tags of which a rule reads the past too: the income of a year ago, spans without work or insurance, every major event.</summary>
    public static bool ReadsThePast(ReadTag tag) => tag is ReadTag.WageIncome or ReadTag.BusinessIncome or ReadTag.PropertyIncome
        or ReadTag.TransferIncome or ReadTag.LastMajorEvent or ReadTag.GuaranteeGap or ReadTag.MedicalInsured or ReadTag.LabourCapacity
        or ReadTag.SchoolStage or ReadTag.EmploymentStatus;
}
