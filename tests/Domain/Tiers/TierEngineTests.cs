using Backend.Domain.Facts;
using Backend.Domain.Households;
using Backend.Domain.Tiers;
using Backend.Features.Admin;

namespace Backend.Tests.Domain.Tiers;

/// <summary>Each rule at its edges, and the moves H1 to H7.</summary>
public class TierEngineTests
{
    private static readonly DateOnly s_today = new(2026, 11, 20);
    private static readonly RuleParameters s_rules = RuleSet.Default.At("", s_today);

    /// <summary>Three people at 15,000 yuan a head, checked yesterday: green.</summary>
    private static HouseholdFacts Good => new()
    {
        Day = s_today,
        HouseholdSize = Fact.Known(3),
        NetIncome12m = Fact.Known(45000m),
        IncomeCheckedDaysAgo = Fact.Known(1),
        LabourCount = Fact.Known(2),
        Dependents = Fact.Known(1),
    };

    private static Evaluation Evaluate(HouseholdFacts facts, Tier current = Tier.Green, TierState? state = null) => TierEngine.Evaluate(facts, current, state, s_rules);

    private static string Rules(HouseholdFacts facts) => string.Join(' ', Evaluate(facts).Reasons.Select(reason => reason.Rule));

    private static string Blockers(Evaluation evaluation) => string.Join(' ', evaluation.Blockers.Select(blocker => blocker.Id));

    [Fact]
    public void The_engines_own_answer_of_every_worked_example_is_the_proposed_one()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Backend.sln"))) folder = folder.Parent!;
        var bytes = File.ReadAllBytes(Path.Combine(folder.FullName, "tests/Domain/Tiers/tier-rule-examples.json"));
        var file = CaseFile.Parse(bytes, s_today);
        var proposed = System.Text.Json.JsonDocument.Parse(bytes).RootElement.GetProperty("examples").EnumerateArray()
            .Select(example => example.GetProperty("expected").GetProperty("proposedTier").GetString());

        Assert.Equal(proposed, file.Cases.Select(one => TierEngine.Evaluate(one.Facts, one.Tier, one.State, file.Rules).EngineTier.ToString().ToLowerInvariant()));
    }

    // ---- Rules at their edges ----------------------------------------------------------------------------------------------------------

    [Theory]
    [InlineData("26099.99", "R2")]
    [InlineData("26100", "Y1")]
    [InlineData("31320", "Y1")]
    [InlineData("31320.01", "G0")]
    [InlineData("-5", "R2")]
    public void R2_and_Y1_compare_income_with_the_line_times_the_household(string income, string rules) =>
        Assert.Equal(rules, Rules(Good with { NetIncome12m = Fact.Known(decimal.Parse(income, System.Globalization.CultureInfo.InvariantCulture)) }));

    [Theory]
    [InlineData(18900, 0, "G0")]
    [InlineData(18901, 0, "R3")]
    [InlineData(18000, 900, "G0")]
    [InlineData(18000, 901, "R3")]
    public void R3_takes_self_paid_costs_and_losses_off_an_income_at_or_above_the_line(int rigid, int loss, string rules) =>
        Assert.Equal(rules, Rules(Good with { RigidExpense12m = Fact.Known((decimal)rigid), DisasterLoss12m = Fact.Known((decimal)loss) }));

    [Fact]
    public void R3_sums_medicine_and_school_when_no_figure_is_given_and_leaves_an_income_below_the_line_to_R2()
    {
        Assert.Equal("G0", Rules(Good with { MedicalSelfPaid12m = Fact.Known(4999m), EducationSelfPaid = Fact.Known(9999m) }));
        Assert.Equal("R3 Y7", Rules(Good with { MedicalSelfPaid12m = Fact.Known(10000m), EducationSelfPaid = Fact.Known(8901m) }));
        Assert.Equal("R2", Rules(Good with { NetIncome12m = Fact.Known(1m), RigidExpense12m = Fact.Known(50000m) }));
    }

    [Fact]
    public void R4_holds_for_each_open_guarantee()
    {
        Assert.Equal("R4", Rules(Good with { Dropout = Fact.Known(true) }));
        Assert.Equal("R4", Rules(Good with { HousingGrade = Fact.Known("c") }));
        Assert.Equal("R4", Rules(Good with { HousingGrade = Fact.Known("d") }));
        Assert.Equal("G0", Rules(Good with { HousingGrade = Fact.Known("b") }));
        Assert.Equal("R4", Rules(Good with { WaterSafe = Fact.Known(false) }));
        Assert.Equal("R4", Rules(Good with { GuaranteeGap = Fact.Known("medical|clothing") }));
        Assert.Equal("G0", Rules(Good with { GuaranteeGap = Fact.Known("medical") }));
    }

    [Theory]
    [InlineData(0, "Y10")]
    [InlineData(29, "Y10")]
    [InlineData(30, "Y10")]
    [InlineData(31, "R4")]
    public void R4_and_Y10_share_the_insurance_gap(int days, string rules) => Assert.Equal(rules, Rules(Good with { UninsuredDays = Fact.Known(days) }));

    [Theory]
    [InlineData(0, "R5")]
    [InlineData(89, "R5")]
    [InlineData(90, "R5")]
    [InlineData(91, "G0")]
    public void R5_holds_for_90_days(int days, string rules) => Assert.Equal(rules, Rules(Good with { MajorEventDaysAgo = Fact.Known(days) }));

    [Fact]
    public void R6_holds_for_an_unprotected_person() => Assert.Equal("R6", Rules(Good with { UnprotectedPerson = Fact.Known(true) }));

    [Theory]
    [InlineData(0, "Y10")]
    [InlineData(29, "Y10")]
    [InlineData(30, "Y10")]
    [InlineData(31, "R7")]
    public void R7_and_Y10_share_the_days_without_work(int days, string rules) => Assert.Equal(rules, Rules(Good with { ZeroEmploymentDays = Fact.Known(days) }));

    [Theory]
    [InlineData(1, 2, "G0")]
    [InlineData(1, 3, "Y4")]
    [InlineData(1, 4, "Y4")]
    [InlineData(2, 4, "G0")]
    [InlineData(0, 3, "Y2")]
    public void Y2_and_Y4_read_workers_and_those_they_carry(int workers, int others, string rules) =>
        Assert.Equal(rules, Rules(Good with { LabourCount = Fact.Known(workers), Dependents = Fact.Known(others) }));

    [Theory]
    [InlineData("-29.99", "G0")]
    [InlineData("-30", "Y5")]
    [InlineData("-30.01", "Y5")]
    public void Y5_holds_from_minus_30_percent(string pct, string rules) =>
        Assert.Equal(rules, Rules(Good with { IncomeChangePct = Fact.Known(decimal.Parse(pct, System.Globalization.CultureInfo.InvariantCulture)) }));

    [Theory]
    [InlineData(5, "Y6")]
    [InlineData(6, "G0")]
    [InlineData(7, "G0")]
    public void Y6_holds_under_6_months_of_work(int months, string rules) => Assert.Equal(rules, Rules(Good with { MainEarnerMonthsWorked = Fact.Known((decimal)months) }));

    [Theory]
    [InlineData(0, "Y6")]
    [InlineData(59, "Y6")]
    [InlineData(60, "Y6")]
    [InlineData(61, "G0")]
    public void Y6_holds_for_60_days_after_a_lost_job(int days, string rules) => Assert.Equal(rules, Rules(Good with { JobLostDaysAgo = Fact.Known(days) }));

    [Theory]
    [InlineData("4999.99", "0", "G0")]
    [InlineData("5000", "0", "Y7")]
    [InlineData("5000.01", "0", "Y7")]
    [InlineData("0", "9999.99", "G0")]
    [InlineData("0", "10000", "Y7")]
    [InlineData("0", "10000.01", "Y7")]
    public void Y7_holds_from_its_two_amounts(string medical, string school, string rules) => Assert.Equal(rules, Rules(Good with
    {
        MedicalSelfPaid12m = Fact.Known(decimal.Parse(medical, System.Globalization.CultureInfo.InvariantCulture)),
        EducationSelfPaid = Fact.Known(decimal.Parse(school, System.Globalization.CultureInfo.InvariantCulture)),
    }));

    [Theory]
    [InlineData("44999.99", "G0")]
    [InlineData("45000", "G0")]
    [InlineData("45000.01", "Y8")]
    public void Y8_holds_for_a_debt_above_one_years_income(string debt, string rules) =>
        Assert.Equal(rules, Rules(Good with { Debt = Fact.Known(decimal.Parse(debt, System.Globalization.CultureInfo.InvariantCulture)) }));

    [Fact]
    public void The_rules_of_plain_signals_hold()
    {
        Assert.Equal("Y3", Rules(Good with { HeavyHealth = Fact.Known(true) }));
        Assert.Equal("Y4", Rules(Good with { SingleParent = Fact.Known(true) }));
        Assert.Equal("Y6", Rules(Good with { WageArrears = Fact.Known(true) }));
        Assert.Equal("Y8", Rules(Good with { LoanOverdue = Fact.Known(true) }));
        Assert.Equal("Y9", Rules(Good with { ElderAlone = Fact.Known(true) }));
        Assert.Equal("Y9", Rules(Good with { ElderLeftBehind = Fact.Known(true) }));
        Assert.Equal("Y9", Rules(Good with { LeftBehindChild = Fact.Known(true) }));
        Assert.Equal("Y9", Rules(Good with { ChildMood = Fact.Known("crisis") }));
        Assert.Equal("G0", Rules(Good with { ChildMood = Fact.Known("low") }));
        Assert.Equal("Y9", Rules(Good with { DropoutRisk = Fact.Known(true) }));
        Assert.Equal("Y10", Rules(Good with { LostContact = Fact.Known(true) }));
        Assert.Equal("Y12", Rules(Good with { RelapseCount = Fact.Known(1) }));
        Assert.Equal("G0", Rules(Good with { RelapseCount = Fact.Known(0) }));
        Assert.Equal("G0", Rules(Good with { TemporaryRelief12m = Fact.Known(1m) }));
        Assert.Equal("Y13", Rules(Good with { TemporaryRelief12m = Fact.Known(2m) }));
        Assert.Equal("Y13", Rules(Good with { OrphanSupport = Fact.Known(true) }));
        Assert.Equal("Y13", Rules(Good with { InHospital = Fact.Known(true) }));
        Assert.Equal("Y13", Rules(Good with { UtilityArrears = Fact.Known(true) }));
        Assert.Equal("Y13", Rules(Good with { HomeHazard = Fact.Known("gas") }));
        Assert.Equal("Y13", Rules(Good with { LowWaterUse = Fact.Known(true) }));
        Assert.Equal("G0", Rules(Good with { AllAway = Fact.Known(true) }));
    }

    [Theory]
    [InlineData(365, "0", "G0")]
    [InlineData(366, "0", "Y11")]
    [InlineData(1, "1.99", "G0")]
    [InlineData(1, "2", "G0")]
    [InlineData(1, "2.01", "Y11")]
    public void Y11_holds_when_income_or_visit_are_too_long_ago(int days, string factor, string rules) => Assert.Equal(rules, Rules(Good with
    {
        IncomeCheckedDaysAgo = Fact.Known(days),
        NoVisitFactor = Fact.Known(decimal.Parse(factor, System.Globalization.CultureInfo.InvariantCulture)),
    }));

    [Fact]
    public void Reasons_stand_most_severe_first_then_by_number_and_carry_threshold_and_facts()
    {
        var evaluation = Evaluate(Good with
        {
            Registry = Fact.Known(RegisterStatus.Eliminated),
            NetIncome12m = Fact.Known(30000m),
            MajorEventDaysAgo = Fact.Known(3),
            UnprotectedPerson = Fact.Known(true),
            HomeHazard = Fact.Known("gas"),
            LostContact = Fact.Known(true),
        });

        Assert.Equal(["R5", "R6", "O1", "Y1", "Y10", "Y13"], evaluation.Reasons.Select(reason => reason.Rule));
        var income = evaluation.Reasons[3];
        Assert.Equal(("监测线 8700 元 × 3 人 = 26100 元至其 1.2 倍", "netIncome12m", "30000"), (income.Threshold, income.Facts[0].Fact, income.Facts[0].Value));
    }

    // ---- Unassessed --------------------------------------------------------------------------------------------------------------------

    private static HouseholdFacts Stale => Good with { IncomeCheckedDaysAgo = Fact.Unknown(0) };

    [Fact]
    public void Unassessed_only_over_a_kept_green_and_only_when_Y11_is_alone()
    {
        Assert.Equal((Tier.Yellow, (TierState?)TierState.Unassessed), (Evaluate(Stale).Tier, Evaluate(Stale).State));
        Assert.Equal((Tier.Yellow, (TierState?)TierState.Unassessed), Answer(Evaluate(Stale, Tier.Yellow, TierState.Unassessed)));
        Assert.Equal((Tier.Yellow, null), Answer(Evaluate(Stale, Tier.Yellow)));
        Assert.Equal((Tier.Orange, null), Answer(Evaluate(Stale, Tier.Orange)));
        Assert.Equal((Tier.Red, (TierState?)TierState.Provisional), Answer(Evaluate(Stale, Tier.Red, TierState.Provisional)));
        Assert.Equal((Tier.Yellow, null), Answer(Evaluate(Stale with { HeavyHealth = Fact.Known(true) })));
    }

    [Fact]
    public void Unassessed_returns_to_the_kept_green_without_H4_and_rises_by_any_other_signal()
    {
        Assert.Equal((Tier.Green, null), Answer(Evaluate(Good, Tier.Yellow, TierState.Unassessed)));
        Assert.Equal((Tier.Yellow, null), Answer(Evaluate(Stale with { HeavyHealth = Fact.Known(true) }, Tier.Yellow, TierState.Unassessed)));
        Assert.Equal((Tier.Yellow, null), Answer(Evaluate(Good with { HeavyHealth = Fact.Known(true) }, Tier.Yellow, TierState.Unassessed)));
        Assert.Equal((Tier.Red, (TierState?)TierState.Provisional), Answer(Evaluate(Good with { Dropout = Fact.Known(true) }, Tier.Yellow, TierState.Unassessed)));
    }

    private static (Tier, TierState?) Answer(Evaluation evaluation) => (evaluation.Tier, evaluation.State);

    // ---- H1, H6 ------------------------------------------------------------------------------------------------------------------------

    [Fact]
    public void H1_a_rise_is_immediate_has_no_blockers_and_a_red_outside_the_register_is_provisional()
    {
        var event5 = Good with { MajorEventDaysAgo = Fact.Known(1) };
        foreach (var current in new[] { Tier.Green, Tier.Yellow, Tier.Orange })
        {
            Assert.Equal((Tier.Red, (TierState?)TierState.Provisional), Answer(Evaluate(event5, current)));
            Assert.Empty(Evaluate(event5, current).Blockers);
        }

        var monitored = Good with { Registry = Fact.Known(RegisterStatus.Monitored), MajorEventDaysAgo = Fact.Known(1) };
        Assert.Equal((Tier.Red, (TierState?)TierState.Confirmed), Answer(Evaluate(monitored)));
    }

    [Fact]
    public void H1_a_provisional_red_that_is_entered_into_the_register_is_confirmed()
    {
        var evaluation = Evaluate(Good with { Registry = Fact.Known(RegisterStatus.Monitored) }, Tier.Red, TierState.Provisional);

        Assert.Equal((Tier.Red, (TierState?)TierState.Confirmed), Answer(evaluation));
        Assert.Equal("H2a H2b H2c H2d H2h", Blockers(evaluation));
    }

    [Fact]
    public void H6_an_orange_household_with_a_red_rule_goes_red_at_once() => Assert.Equal(
        (Tier.Red, (TierState?)TierState.Provisional),
        Answer(Evaluate(Good with { Registry = Fact.Known(RegisterStatus.Eliminated), WaterSafe = Fact.Known(false) }, Tier.Orange)));

    // ---- H2 ----------------------------------------------------------------------------------------------------------------------------

    private static HouseholdFacts Monitored => Good with
    {
        Registry = Fact.Known(RegisterStatus.Monitored),
        DaysSinceIdentified = Fact.Known(180),
        FinishedMeasures = Fact.Known(1),
        MonthsAtOrAboveClearLine = Fact.Known(6),
        RigidResolved = Fact.Known(true),
        EliminationProcedureDone = Fact.Known(true),
    };

    public static TheoryData<string, string> OpenPartsOfH2() => new()
    {
        { "identified", "H2a" }, { "measure", "H2b" }, { "months", "H2c" }, { "rigid", "H2d" }, { "gap", "H2e" }, { "labour", "H2f" },
        { "unknown labour", "H2f" }, { "event", "H2g" }, { "procedure", "H2h" }, { "nothing", "" },
    };

    [Theory]
    [MemberData(nameof(OpenPartsOfH2))]
    public void H2_names_each_part_that_is_open(string part, string blocker)
    {
        var facts = part switch
        {
            "identified" => Monitored with { DaysSinceIdentified = Fact.Known(179) },
            "measure" => Monitored with { FinishedMeasures = Fact.Known(0) },
            "months" => Monitored with { MonthsAtOrAboveClearLine = Fact.Known(5) },
            "rigid" => Monitored with { RigidResolved = Fact.Known(false) },
            "gap" => Monitored with { WaterSafe = Fact.Known(false) },
            "labour" => Monitored with { LabourCount = Fact.Known(0) },
            "unknown labour" => Monitored with { LabourIsKnown = false },
            "event" => Monitored with { MajorEventDaysAgo = Fact.Known(9) },
            "procedure" => Monitored with { EliminationProcedureDone = Fact.Known(false) },
            _ => Monitored,
        };

        var evaluation = Evaluate(facts, Tier.Red, TierState.Confirmed);

        Assert.Equal(blocker, Blockers(evaluation));
        Assert.Equal((Tier.Red, (TierState?)TierState.Confirmed), Answer(evaluation));
    }

    [Fact]
    public void H2_natural_elimination_stands_for_income_and_costs()
    {
        var facts = Monitored with { MonthsAtOrAboveClearLine = Fact.Known(0), RigidResolved = Fact.Known(false), NaturalElimination = Fact.Known(true) };

        Assert.Empty(Evaluate(facts, Tier.Red, TierState.Confirmed).Blockers);
    }

    [Fact]
    public void H2_says_in_Chinese_what_is_missing()
    {
        var blockers = Evaluate(Monitored with { DaysSinceIdentified = Fact.Known(138), MajorEventDaysAgo = Fact.Known(9) }, Tier.Red, TierState.Confirmed).Blockers;

        Assert.Equal(["识别满 180 天：还差 42 天", "仍有其他风险：近期发生重大变故"], blockers.Select(blocker => blocker.Missing));
    }

    [Fact]
    public void H2_the_tier_falls_when_O1_takes_the_place_of_R1_on_a_confirmed_red()
    {
        var eliminated = Good with { Registry = Fact.Known(RegisterStatus.Eliminated) };

        Assert.Equal((Tier.Orange, null), Answer(Evaluate(eliminated, Tier.Red, TierState.Confirmed)));
        Assert.Equal((Tier.Orange, null), Answer(Evaluate(eliminated, Tier.Red)));
        // A red that the engine raised over an orange household is settled by H3, not by the old mark.
        Assert.Equal((Tier.Red, (TierState?)TierState.Provisional), Answer(Evaluate(eliminated, Tier.Red, TierState.Provisional)));
    }

    [Fact]
    public void H2_a_label_that_is_dropped_without_elimination_leaves_a_red_that_persons_settle()
    {
        var evaluation = Evaluate(Good with { Registry = Fact.Known(RegisterStatus.Lifted) }, Tier.Red, TierState.Confirmed);

        Assert.Equal((Tier.Red, (TierState?)TierState.Provisional), Answer(evaluation));
        Assert.Equal("H3a H3b", Blockers(evaluation));
    }

    // ---- H3, H4, H5 --------------------------------------------------------------------------------------------------------------------

    [Theory]
    [InlineData(30, 2, "")]
    [InlineData(31, 2, "H3a")]
    [InlineData(30, 1, "H3b")]
    [InlineData(-1, 0, "H3a H3b")]
    public void H3_a_provisional_red_falls_to_the_engines_tier_after_a_home_visit_and_two_approvers(int visit, int approvals, string blockers)
    {
        var facts = Good with { LastHomeVisitDaysAgo = visit < 0 ? Fact.Normal(0) : Fact.Known(visit), Approvals = Fact.Known(approvals), SingleParent = Fact.Known(true) };

        var evaluation = Evaluate(facts, Tier.Red, TierState.Provisional);

        Assert.Equal(blockers, Blockers(evaluation));
        Assert.Equal(blockers.Length == 0 ? (Tier.Yellow, null) : (Tier.Red, (TierState?)TierState.Provisional), Answer(evaluation));
    }

    [Fact]
    public void H3_does_not_settle_a_red_rule_that_still_holds()
    {
        var facts = Good with { WaterSafe = Fact.Known(false), LastHomeVisitDaysAgo = Fact.Known(3), Approvals = Fact.Known(2) };

        Assert.Equal((Tier.Red, (TierState?)TierState.Provisional), Answer(Evaluate(facts, Tier.Red, TierState.Provisional)));
        Assert.Empty(Evaluate(facts, Tier.Red, TierState.Provisional).Blockers);
    }

    [Theory]
    [InlineData(90, 30, true, "")]
    [InlineData(89, 30, true, "H4a")]
    [InlineData(90, 31, true, "H4b")]
    [InlineData(90, 30, false, "H4c")]
    public void H4_yellow_falls_to_green_after_quiet_days_a_home_visit_and_one_approver(int quiet, int visit, bool approved, string blockers)
    {
        var facts = Good with { DaysWithoutSignal = Fact.Known(quiet), LastHomeVisitDaysAgo = Fact.Known(visit), LoweringApproved = Fact.Known(approved) };

        var evaluation = Evaluate(facts, Tier.Yellow);

        Assert.Equal(blockers, Blockers(evaluation));
        Assert.Equal(blockers.Length == 0 ? Tier.Green : Tier.Yellow, evaluation.Tier);
        Assert.Equal(Tier.Green, evaluation.EngineTier);
    }

    [Theory]
    [InlineData(365, 2, "")]
    [InlineData(364, 2, "H5a")]
    [InlineData(365, 1, "H5b")]
    [InlineData(-1, 2, "H5a")]
    public void H5_orange_falls_once_O1_has_ended_after_a_year_and_two_approvers(int days, int approvals, string blockers)
    {
        var facts = Good with
        {
            Registry = Fact.Known(RegisterStatus.Lifted),
            DaysSinceEliminated = days < 0 ? Fact.Normal(0) : Fact.Known(days),
            Approvals = Fact.Known(approvals),
        };

        var evaluation = Evaluate(facts, Tier.Orange);

        Assert.Equal(blockers, Blockers(evaluation));
        Assert.Equal(blockers.Length == 0 ? Tier.Green : Tier.Orange, evaluation.Tier);
        Assert.Empty(Evaluate(facts with { Registry = Fact.Known(RegisterStatus.Eliminated) }, Tier.Orange).Blockers);
    }

    [Theory]
    [InlineData(400, "O1")]
    [InlineData(401, "G0")]
    public void H5_a_deployment_may_set_an_end_for_O1(int days, string rule)
    {
        var rules = s_rules.With([new("orange_end_days", 400)]);
        var facts = Good with { Registry = Fact.Known(RegisterStatus.Eliminated), DaysSinceEliminated = Fact.Known(days) };

        Assert.Equal(rule, TierEngine.Evaluate(facts, Tier.Orange, null, rules).Reasons[0].Rule);
        Assert.Equal(Tier.Orange, TierEngine.Evaluate(facts, Tier.Orange, null, rules).Tier);
    }
}
