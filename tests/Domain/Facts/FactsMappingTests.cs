using Backend.Domain.Facts;
using Backend.Domain.Households;
using Backend.Domain.Tags;
using Backend.Domain.Tiers;
using Backend.Domain.Visits;

namespace Backend.Tests.Domain.Facts;

/// <summary>The rules of facts.md one by one.</summary>
public class FactsMappingTests
{
    private static readonly DateOnly s_today = Material.Today;

    [Fact]
    public void An_ordinary_household_has_no_signal_and_nothing_unknown()
    {
        Assert.Equal(["G0"], Material.Ordinary().Reasons());
        Assert.Empty(Material.Ordinary().Facts.Unknowns);
    }

    // ---- Rule 2: latest valid value, conflicts -----------------------------------------------------------------------------------------

    [Fact]
    public void Rule_2_the_newest_observation_that_is_valid_on_the_day_counts()
    {
        Assert.Equal("c", Material.Ordinary().Household("housing_grade", "c", 5).Facts.HousingGrade.Value);
        Assert.Equal("a", Material.Ordinary().Household("housing_grade", "c", 70).Facts.HousingGrade.Value);
        Assert.Equal("a", Material.Ordinary().Household("housing_grade", "c", 5, from: -3).Facts.HousingGrade.Value);
        Assert.Equal("a", Material.Ordinary().Household("housing_grade", "c", 5, to: 1).Facts.HousingGrade.Value);
        Assert.Equal("c", Material.Ordinary().Household("housing_grade", "c", 5, to: 0).Facts.HousingGrade.Value);
    }

    [Fact]
    public void Rule_2_of_one_observation_day_and_one_source_the_last_word_counts()
    {
        var corrected = Material.Ordinary().Household("housing_grade", "d", 5).Household("housing_grade", "b", 5, recordedMinute: 1);

        Assert.Equal("b", corrected.Facts.HousingGrade.Value);
    }

    [Theory]
    [InlineData("c", "a", "c")]
    [InlineData("a", "c", "c")]
    public void Rule_2_of_two_sources_that_disagree_the_more_severe_value_counts(string visit, string department, string counts)
    {
        var conflict = Material.Ordinary()
            .Household("housing_grade", visit, 5)
            .Household("housing_grade", department, 5, source: ValueSource.Department, recordedMinute: 1);

        Assert.Equal(counts, conflict.Facts.HousingGrade.Value);
    }

    [Fact]
    public void Rule_2_a_corrected_word_takes_no_part_in_a_conflict()
    {
        var material = Material.Ordinary()
            .Household("housing_grade", "d", 5)
            .Household("housing_grade", "b", 5, source: ValueSource.Department, recordedMinute: 1)
            .Household("housing_grade", "a", 5, recordedMinute: 2);

        Assert.Equal("b", material.Facts.HousingGrade.Value);
    }

    [Fact]
    public void Rule_2_a_later_observation_ends_a_conflict()
    {
        var settled = Material.Ordinary().Household("water_safe", "false", 5).Household("water_safe", "true", 5, source: ValueSource.Import)
            .Household("water_safe", "true", 1, source: ValueSource.Staff);

        Assert.True(settled.Facts.WaterSafe.Value);
    }

    [Fact]
    public void Rule_2_each_fact_reads_a_conflict_by_its_own_severity()
    {
        // Without work either way: as a worker she makes a zero-employment family, without capacity she leaves the household without labour.
        var material = Material.Ordinary().Person(Material.Ordinary().Father, "employment_status", "seeking", 10);
        var father = material.Father;
        material.Without("labour_capacity")
            .Person(father, "labour_capacity", "ordinary", 10).Person(father, "labour_capacity", "lost", 10, source: ValueSource.Department)
            .Person(material.Mother, "labour_capacity", "none", 10);

        var facts = material.Facts;

        Assert.Equal(0, facts.LabourCount.Value);
        Assert.Equal(10, facts.ZeroEmploymentDays.Value);
    }

    // ---- Rule 3: three states ----------------------------------------------------------------------------------------------------------

    [Theory]
    [InlineData("wage_income", FactKeys.NetIncome12m)]
    [InlineData("business_income", FactKeys.NetIncome12m)]
    [InlineData("property_income", FactKeys.NetIncome12m)]
    [InlineData("transfer_income", FactKeys.NetIncome12m)]
    [InlineData("income_checked_on", FactKeys.IncomeCheckedDaysAgo)]
    [InlineData("housing_grade", FactKeys.HousingGrade)]
    [InlineData("water_safe", FactKeys.WaterSafe)]
    [InlineData("dropout", FactKeys.Dropout)]
    [InlineData("child_guardian", FactKeys.UnprotectedPerson)]
    [InlineData("labour_capacity", FactKeys.LabourCount)]
    public void Rule_3_an_asked_fact_without_an_answer_is_unknown_and_gives_Y11(string tag, string fact)
    {
        var material = Material.Ordinary().Without(tag);

        Assert.Equal(["Y11"], material.Reasons());
        Assert.Contains(material.Facts.Unknowns, unknown => unknown.Fact == fact && unknown.Tag == tag);
        Assert.Equal((Tier.Yellow, (TierState?)TierState.Unassessed), (material.Evaluate().Tier, material.Evaluate().State));
    }

    [Theory]
    [InlineData("medical_insured")]
    [InlineData("employment_status")]
    public void Rule_3_the_person_an_unknown_fact_concerns_is_named(string tag)
    {
        var material = Material.Ordinary();
        material.Without(tag, material.Father);

        var unknown = Assert.Single(material.Facts.Unknowns);
        Assert.Equal((SubjectKind.Person, material.Father, tag), (unknown.Subject, unknown.SubjectId!.Value, unknown.Tag));
        Assert.Equal(["Y11"], material.Reasons());
    }

    [Theory]
    [InlineData("single_parent", "Y4")]
    [InlineData("loan_overdue", "Y8")]
    [InlineData("utility_arrears", "Y13")]
    [InlineData("low_water_use", "Y13")]
    public void Rule_3_a_reported_fact_of_the_household_is_a_signal_only_when_it_is_told(string tag, string rule)
    {
        Assert.Equal([rule], Material.Ordinary().Household(tag, "true", 5).Reasons());
        Assert.Equal(["G0"], Material.Ordinary().Household(tag, "false", 5).Reasons());
    }

    [Theory]
    [InlineData("wage_arrears", "true", "Y6")]
    [InlineData("elder_alone", "true", "Y9")]
    [InlineData("elder_left_behind", "true", "Y9")]
    [InlineData("left_behind_child", "true", "Y9")]
    [InlineData("child_mood", "crisis", "Y9")]
    [InlineData("dropout_risk", "true", "Y9")]
    [InlineData("residence_status", "lost", "Y10")]
    [InlineData("orphan_support", "true", "Y13")]
    [InlineData("in_hospital", "true", "Y13")]
    [InlineData("health_status", "major", "Y3")]
    [InlineData("disability_grade", "2", "Y3")]
    [InlineData("dementia", "true", "Y3")]
    [InlineData("mental_follow_up", "true", "Y3")]
    public void Rule_4_a_recorded_value_counts_for_every_member_asked_or_not(string tag, string value, string rule)
    {
        foreach (var who in new Func<Material, Guid>[] { family => family.Father, family => family.Child, family => family.Elder })
        {
            var material = Material.Ordinary();
            // Whoever is frail or gravely disabled is asked whether he can care for himself.
            material.Person(who(material), tag, value, 5).Person(who(material), "self_care", "full", 5);
            Assert.Equal([rule], material.Reasons());
        }
    }

    [Theory]
    [InlineData("child_mood", "low")]
    [InlineData("residence_status", "hospital")]
    [InlineData("health_status", "chronic")]
    [InlineData("disability_grade", "3")]
    [InlineData("self_care", "part")]
    public void A_milder_word_is_no_signal(string tag, string value)
    {
        var material = Material.Ordinary();
        Assert.Equal(["G0"], material.Person(material.Mother, tag, value, 5).Reasons());
    }

    // ---- Rule 5: days ------------------------------------------------------------------------------------------------------------------

    [Fact]
    public void Rule_5_days_are_counted_from_the_values_own_effective_date()
    {
        var insured = Material.Ordinary();
        Assert.Equal(5, insured.Person(insured.Mother, "medical_insured", "false", 5).Facts.UninsuredDays.Value);

        var own = Material.Ordinary();
        Assert.Equal(12, own.Person(own.Mother, "medical_insured", "false", 5, from: 12).Facts.UninsuredDays.Value);

        var repeated = Material.Ordinary();
        repeated.Person(repeated.Mother, "medical_insured", "false", 40).Person(repeated.Mother, "medical_insured", "false", 5);
        Assert.Equal(40, repeated.Facts.UninsuredDays.Value);

        var broken = Material.Ordinary();
        broken.Person(broken.Mother, "medical_insured", "false", 40).Person(broken.Mother, "medical_insured", "true", 20)
            .Person(broken.Mother, "medical_insured", "false", 5);
        Assert.Equal(5, broken.Facts.UninsuredDays.Value);
    }

    [Fact]
    public void Rule_5_every_major_event_inside_the_window_counts_not_only_the_latest()
    {
        var material = Material.Ordinary().Household("last_major_event", "illness", 30).Household("last_major_event", "none", 3);

        Assert.Equal(30, material.Facts.MajorEventDaysAgo.Value);
        Assert.Equal(["R5"], material.Reasons());
    }

    [Theory]
    [InlineData("death", true)]
    [InlineData("accident", true)]
    [InlineData("disaster", true)]
    [InlineData("fire", true)]
    [InlineData("illness", true)]
    [InlineData("lawsuit", false)]
    [InlineData("other", false)]
    [InlineData("none", false)]
    public void Five_kinds_of_major_event_are_red(string kind, bool red) =>
        Assert.Equal(red ? "R5" : "G0", Material.Ordinary().Household("last_major_event", kind, 3).Reasons()[0]);

    [Fact]
    public void The_newest_of_event_loss_of_the_earner_and_diagnosis_counts()
    {
        var material = Material.Ordinary().Household("last_major_event", "fire", 50).Household("main_earner_lost", "true", 40);
        material.Person(material.Elder, "major_illness_since", Material.Day(30), 2);

        Assert.Equal(30, material.Facts.MajorEventDaysAgo.Value);
        Assert.Equal([30, 40, 50], material.Facts.MajorEventDaysAgo.Sources.Select(row => s_today.DayNumber - row.Day!.Value.DayNumber));
    }

    [Fact]
    public void A_date_that_lies_ahead_has_not_happened()
    {
        var material = Material.Ordinary();
        material.Person(material.Father, "major_illness_since", Material.Day(-1), 2).Person(material.Father, "job_lost_date", Material.Day(-1), 2);

        Assert.Equal(["G0"], material.Reasons());
        Assert.Equal(["Y11"], Material.Ordinary().Household("income_checked_on", Material.Day(-1), 2).Reasons());
    }

    [Fact]
    public void H3_a_settled_event_is_left_out_also_when_it_is_told_again()
    {
        var material = Material.Ordinary().Household("last_major_event", "illness", 30);
        var settled = material.Facts.MajorEvents;
        material.With(snapshot => snapshot.WithSettled(settled));

        Assert.Equal(["G0"], material.Reasons());
        Assert.Equal(["G0"], material.Household("last_major_event", "illness", 4).Reasons());
        Assert.Equal(["R5"], material.Household("last_major_event", "fire", 2).Reasons());
    }

    [Fact]
    public void H3_a_new_event_of_the_same_kind_counts_when_it_brings_its_own_date()
    {
        var material = Material.Ordinary().Household("last_major_event", "illness", 30);
        var settled = material.Facts.MajorEvents;
        material.With(snapshot => snapshot.WithSettled(settled)).Household("last_major_event", "illness", 4, from: 4);

        Assert.Equal(["R5"], material.Reasons());
        Assert.Equal(4, material.Facts.MajorEventDaysAgo.Value);
    }

    [Theory]
    [InlineData("rigid_expense", 365, true)]
    [InlineData("rigid_expense", 366, false)]
    public void Rule_5_reported_twelve_month_figures_count_for_365_days(string tag, int daysAgo, bool counts) =>
        Assert.Equal(counts ? "R3" : "G0", Material.Ordinary().Household(tag, "40000", daysAgo).Reasons()[0]);

    [Fact]
    public void Rule_5_a_twelve_month_figure_counts_until_its_validTo_and_a_repeated_one_is_a_new_one()
    {
        Assert.Equal(["R3"], Material.Ordinary().Household("rigid_expense", "40000", 500, to: 0).Reasons());
        Assert.Equal(["G0"], Material.Ordinary().Household("rigid_expense", "40000", 5, to: 1).Reasons());
        Assert.Equal(["R3"], Material.Ordinary().Household("rigid_expense", "40000", 380).Household("rigid_expense", "40000", 20).Reasons());
    }

    [Fact]
    public void Ages_are_full_years_and_29_February_counts_from_28_February()
    {
        Assert.Equal(15, FactsMapping.Age(new(2010, 11, 21), s_today));
        Assert.Equal(16, FactsMapping.Age(new(2010, 11, 20), s_today));
        Assert.Equal(15, FactsMapping.Age(new(2008, 2, 29), new(2024, 2, 28)));
        Assert.Equal(16, FactsMapping.Age(new(2008, 2, 29), new(2024, 2, 29)));
        Assert.Equal(17, FactsMapping.Age(new(2008, 2, 29), new(2025, 2, 28)));
    }

    // ---- Rule 4: who is asked ----------------------------------------------------------------------------------------------------------

    [Theory]
    [InlineData(5, false)]
    [InlineData(6, true)]
    [InlineData(15, true)]
    [InlineData(16, false)]
    public void Rule_4_dropout_is_asked_of_members_of_6_to_15_years(int age, bool asked)
    {
        var material = Material.Ordinary();
        material.Without("birth_date", material.Child).Without("dropout").Born(material.Child, age);

        Assert.Equal(asked, material.Facts.Dropout.IsUnknown);
    }

    [Theory]
    [InlineData(15, true)]
    [InlineData(16, false)]
    public void Rule_4_a_guardian_is_asked_of_members_under_16(int age, bool asked)
    {
        var material = Material.Ordinary();
        material.Without("birth_date", material.Child).Without("child_guardian").Born(material.Child, age);

        Assert.Equal(asked, material.Facts.UnprotectedPerson.IsUnknown);
    }

    [Theory]
    [InlineData(74, null, null, false)]
    [InlineData(75, null, null, true)]
    [InlineData(40, "frail", null, true)]
    [InlineData(40, "major", null, false)]
    [InlineData(40, null, "1", true)]
    [InlineData(40, null, "2", true)]
    [InlineData(40, null, "3", false)]
    public void Rule_4_self_care_is_asked_from_75_and_of_the_frail_and_the_gravely_disabled(int age, string? health, string? grade, bool asked)
    {
        var material = Material.Ordinary();
        material.Without("birth_date", material.Elder).Born(material.Elder, age)
            .Person(material.Elder, "labour_capacity", "none", 60);
        if (health is not null) material.Person(material.Elder, "health_status", health, 5);
        if (grade is not null) material.Person(material.Elder, "disability_grade", grade, 5);

        Assert.Equal(asked, material.Facts.UnprotectedPerson.IsUnknown);
    }

    [Theory]
    [InlineData(16, "none", true)]
    [InlineData(59, "none", true)]
    [InlineData(15, "none", false)]
    [InlineData(60, "none", false)]
    [InlineData(20, "college", false)]
    public void Rule_4_capacity_is_asked_of_members_of_16_to_59_who_are_not_at_school(int age, string stage, bool asked)
    {
        var material = Material.Ordinary();
        material.Without("birth_date", material.Mother).Without("labour_capacity", material.Mother).Without("employment_status", material.Mother)
            .Born(material.Mother, age).Person(material.Mother, "school_stage", stage, 60).Person(material.Mother, "dropout", "false", 60)
            .Person(material.Mother, "child_guardian", "parent", 60);

        Assert.Equal(asked, !material.Facts.LabourIsKnown);
    }

    [Fact]
    public void Rule_4_who_has_no_birth_date_is_asked_for_it_until_the_answers_are_known()
    {
        var material = Material.Ordinary();
        material.Without("birth_date", material.Child).Without("dropout").Without("child_guardian");

        Assert.Equal(["birth_date"], material.Facts.Unknowns.Select(unknown => unknown.Tag).Distinct());
        Assert.Equal(["Y11"], material.Reasons());
    }

    [Fact]
    public void R6_holds_for_a_child_without_guardian_and_for_who_has_no_self_care_and_no_caregiver()
    {
        var child = Material.Ordinary();
        Assert.Equal(["R6"], child.Person(child.Child, "child_guardian", "nobody", 3).Reasons());

        var grown = Material.Ordinary();
        Assert.Equal(["G0"], grown.Person(grown.Mother, "child_guardian", "nobody", 3).Reasons());

        var cared = Material.Ordinary();
        Assert.Equal(["Y3"], cared.Person(cared.Elder, "self_care", "none", 3).Person(cared.Elder, "caregiver", "family", 3).Reasons());

        var alone = Material.Ordinary();
        Assert.Equal(["R6", "Y3"], alone.Person(alone.Elder, "self_care", "none", 3).Person(alone.Elder, "caregiver", "nobody", 3).Reasons());

        var unknown = Material.Ordinary();
        Assert.Equal(["Y3", "Y11"], unknown.Person(unknown.Elder, "self_care", "none", 3).Reasons());
    }

    // ---- Register, income, costs -------------------------------------------------------------------------------------------------------

    [Fact]
    public void The_newest_register_mark_that_has_come_counts()
    {
        Assert.Equal(RegisterStatus.None, Material.Empty().Facts.Registry.Value);
        Assert.Equal(RegisterStatus.Monitored, Material.Ordinary().Mark(RegisterStatus.Monitored, 10).Facts.Registry.Value);
        Assert.Equal(RegisterStatus.Lifted, Material.Ordinary().Mark(RegisterStatus.Monitored, -1).Facts.Registry.Value);
        Assert.Equal(RegisterStatus.Eliminated, Material.Ordinary().Mark(RegisterStatus.Monitored, 5).Mark(RegisterStatus.Eliminated, 5).Facts.Registry.Value);
    }

    [Fact]
    public void Days_since_identification_and_elimination_count_from_the_start_of_the_run()
    {
        var material = Material.Ordinary().Mark(RegisterStatus.Monitored, 400).Mark(RegisterStatus.Eliminated, 300)
            .Mark(RegisterStatus.Monitored, 200).Mark(RegisterStatus.Monitored, 100);
        Assert.Equal(200, material.Facts.DaysSinceIdentified.Value);
        Assert.Equal(300, material.Facts.DaysSinceEliminated.Value);

        material.Mark(RegisterStatus.Lifted, 10);
        Assert.False(material.Facts.DaysSinceIdentified.IsKnown);
        Assert.Equal(300, material.Facts.DaysSinceEliminated.Value);
    }

    [Fact]
    public void Size_is_the_current_members_who_share_income_and_expenses()
    {
        var material = Material.Ordinary();
        Assert.Equal(4, material.Facts.HouseholdSize.Value);
        Assert.Equal(3, material.Member(material.Elder, sharesIncome: false).Facts.HouseholdSize.Value);
        Assert.Equal(2, material.Member(material.Child, untilDaysAgo: 1).Facts.HouseholdSize.Value);
        Assert.Equal(1, material.Member(material.Mother, fromDaysAgo: -1).Facts.HouseholdSize.Value);
        Assert.Equal(2, material.Member(material.Child, untilDaysAgo: 0).Facts.HouseholdSize.Value);
    }

    [Fact]
    public void Net_income_is_the_sum_of_four_and_names_the_four_rows()
    {
        var income = Material.Ordinary().Facts.NetIncome12m;

        Assert.Equal(48000, income.Value);
        Assert.Equal(["wage_income", "business_income", "property_income", "transfer_income"], income.Sources.Select(row => row.Tag));
    }

    [Theory]
    [InlineData(365, false)]
    [InlineData(366, true)]
    public void An_income_check_older_than_365_days_is_unknown(int daysAgo, bool unknown) => Assert.Equal(
        unknown, Material.Ordinary().Without("income_checked_on").Household("income_checked_on", Material.Day(daysAgo), 1).Facts.IncomeCheckedDaysAgo.IsUnknown);

    [Theory]
    [InlineData("60000", -30, "Y5")]
    [InlineData("59999.99", -30, "G0")]
    [InlineData("0", 100, "G0")]
    public void Y5_compares_with_the_net_income_valid_one_year_earlier(string earlierWage, int _, string rule)
    {
        // 42,000 now against 60,000 a year ago is minus 30 % to the cent.
        var material = Material.Ordinary().Without("wage_income").Without("business_income").Without("property_income").Without("transfer_income");
        foreach (var tag in new[] { "business_income", "property_income", "transfer_income" }) material.Household(tag, "0", 390);
        material.Household("wage_income", earlierWage, 390).Household("wage_income", "42000", 60);

        Assert.Equal([rule], material.Reasons());
    }

    [Fact]
    public void Without_an_income_of_a_year_ago_the_change_is_normal() =>
        Assert.Equal(FactState.Normal, Material.Ordinary().Facts.IncomeChangePct.State);

    [Fact]
    public void Rigid_costs_are_the_larger_of_the_figure_and_the_sum_of_medicine_and_school()
    {
        var material = Material.Ordinary();
        material.Person(material.Elder, "medical_self_paid_12m", "3000", 5).Person(material.Father, "medical_self_paid_12m", "1500", 5)
            .Person(material.Child, "education_self_paid", "6000", 5);

        Assert.Equal(10500, material.Facts.RigidCosts);
        Assert.Equal(4500, material.Facts.MedicalSelfPaid12m.Value);
        Assert.Equal(10500, material.Household("rigid_expense", "9000", 5).Facts.RigidCosts);
        Assert.Equal(12000, material.Household("rigid_expense", "12000", 4).Facts.RigidCosts);
    }

    // ---- Insurance, guarantees ---------------------------------------------------------------------------------------------------------

    [Fact]
    public void The_longest_gap_of_a_current_member_counts()
    {
        var material = Material.Ordinary();
        material.Person(material.Father, "medical_insured", "false", 10).Person(material.Child, "medical_insured", "false", 25);
        Assert.Equal(25, material.Facts.UninsuredDays.Value);
        Assert.Equal(["Y10"], material.Reasons());

        material.Member(material.Child, untilDaysAgo: 2);
        Assert.Equal(10, material.Facts.UninsuredDays.Value);
    }

    [Theory]
    [InlineData("food", "R4")]
    [InlineData("clothing", "R4")]
    [InlineData("schooling", "R4")]
    [InlineData("housing", "R4")]
    [InlineData("water", "R4")]
    [InlineData("food|medical", "R4")]
    [InlineData("medical", "Y10")]
    [InlineData("none", "G0")]
    public void A_guarantee_gap_is_red_at_once_but_for_medicine_with_its_days_of_grace(string gap, string rule) =>
        Assert.Equal(rule, Material.Ordinary().Household("guarantee_gap", gap, 5).Reasons()[0]);

    [Fact]
    public void The_medical_gap_runs_on_while_other_gaps_come_and_go()
    {
        var material = Material.Ordinary().Household("guarantee_gap", "medical", 40).Household("guarantee_gap", "food|medical", 20)
            .Household("guarantee_gap", "medical", 5);

        Assert.Equal(40, material.Facts.UninsuredDays.Value);
        Assert.Equal(["R4"], material.Reasons());
        Assert.Equal(2, material.Household("guarantee_gap", "none", 4).Household("guarantee_gap", "medical", 2).Facts.UninsuredDays.Value);
    }

    // ---- Work --------------------------------------------------------------------------------------------------------------------------

    private static Material Jobless(int daysAgo)
    {
        var material = Material.Ordinary();
        return material.Person(material.Father, "employment_status", "seeking", Math.Min(daysAgo, 59), from: daysAgo);
    }

    [Theory]
    [InlineData(30, "Y10")]
    [InlineData(31, "R7")]
    public void Zero_employment_is_counted_from_the_day_the_span_began(int daysAgo, string rule)
    {
        Assert.Equal(daysAgo, Jobless(daysAgo).Facts.ZeroEmploymentDays.Value);
        Assert.Equal(rule, Jobless(daysAgo).Reasons()[0]);
    }

    [Theory]
    [InlineData("employed")]
    [InlineData("self")]
    [InlineData("farming")]
    public void One_member_at_work_ends_the_span(string status)
    {
        var material = Jobless(50);
        Assert.Equal(["G0"], material.Person(material.Mother, "employment_status", status, 10).Reasons());
    }

    [Fact]
    public void A_household_where_nobody_is_willing_is_no_zero_employment_family()
    {
        var material = Material.Ordinary();
        Assert.Equal(["G0"], material.Person(material.Father, "employment_status", "idle", 50).Reasons());
    }

    [Fact]
    public void The_present_span_is_unbroken_a_job_in_between_starts_it_anew()
    {
        var material = Jobless(90);
        material.Person(material.Mother, "employment_status", "employed", 40).Person(material.Mother, "employment_status", "caring", 12);

        Assert.Equal(12, material.Facts.ZeroEmploymentDays.Value);
    }

    [Fact]
    public void The_span_goes_on_when_one_seeker_takes_over_from_another()
    {
        var material = Jobless(50);
        material.Person(material.Mother, "employment_status", "seeking", 30).Person(material.Father, "employment_status", "idle", 20);

        Assert.Equal(50, material.Facts.ZeroEmploymentDays.Value);
    }

    [Fact]
    public void The_span_began_when_the_one_who_worked_moved_out_or_turned_60()
    {
        var left = Jobless(90);
        var son = Material.Id(20);
        left.Member(son, untilDaysAgo: 16).Born(son, 20).Person(son, "labour_capacity", "skilled", 100).Person(son, "employment_status", "employed", 100);
        Assert.Equal(15, left.Facts.ZeroEmploymentDays.Value);

        var old = Jobless(90);
        old.Without("birth_date", old.Elder).BornOn(old.Elder, s_today.AddDays(-8).AddYears(-60))
            .Person(old.Elder, "labour_capacity", "weak", 100).Person(old.Elder, "employment_status", "farming", 100);
        Assert.Equal(8, old.Facts.ZeroEmploymentDays.Value);
    }

    [Fact]
    public void A_span_is_counted_from_its_own_date_even_when_the_rest_was_recorded_later()
    {
        var material = Material.Ordinary();
        material.Without("labour_capacity").Without("employment_status")
            .Person(material.Father, "labour_capacity", "ordinary", 2).Person(material.Mother, "labour_capacity", "none", 2)
            .Person(material.Father, "employment_status", "seeking", 2, from: 45);

        Assert.Equal(45, material.Facts.ZeroEmploymentDays.Value);
    }

    [Fact]
    public void An_unknown_capacity_or_status_leaves_zero_employment_open_unless_somebody_works()
    {
        var open = Jobless(50);
        open.Without("employment_status", open.Mother);
        Assert.True(open.Facts.ZeroEmploymentDays.IsUnknown);
        Assert.Equal(["Y11"], open.Reasons());

        var working = Material.Ordinary();
        working.Without("employment_status", working.Mother);
        Assert.Equal(FactState.Normal, working.Facts.ZeroEmploymentDays.State);
        Assert.Equal(["Y11"], working.Reasons());
    }

    [Fact]
    public void Workers_are_counted_from_16_on_out_of_school_and_beyond_60_only_with_a_recorded_capacity()
    {
        var material = Material.Ordinary();
        Assert.Equal((2, 2), (material.Facts.LabourCount.Value, material.Facts.Dependents.Value));

        material.Person(material.Elder, "labour_capacity", "weak", 5);
        Assert.Equal((3, 1), (material.Facts.LabourCount.Value, material.Facts.Dependents.Value));

        material.Person(material.Child, "labour_capacity", "ordinary", 5);
        Assert.Equal(3, material.Facts.LabourCount.Value);

        material.Person(material.Mother, "school_stage", "vocational", 5);
        Assert.Equal(2, material.Facts.LabourCount.Value);
    }

    [Fact]
    public void Y2_needs_the_capacity_of_everybody_who_is_asked()
    {
        var none = Material.Ordinary();
        none.Person(none.Father, "labour_capacity", "lost", 5).Person(none.Mother, "labour_capacity", "none", 5);
        Assert.Equal(["Y2"], none.Reasons());

        none.Without("labour_capacity", none.Mother);
        Assert.Equal(["Y11"], none.Reasons());
    }

    [Fact]
    public void The_main_earner_has_the_highest_wage_else_it_is_the_head()
    {
        var head = Material.Ordinary();
        head.Without("monthly_wage").Person(head.Father, "months_worked_12m", "5", 5).Person(head.Mother, "months_worked_12m", "12", 5);
        Assert.Equal(["Y6"], head.Reasons());

        head.Person(head.Mother, "monthly_wage", "100", 5);
        Assert.Equal(["G0"], head.Reasons());

        var noWorker = Material.Ordinary();
        noWorker.Person(noWorker.Father, "labour_capacity", "lost", 5).Person(noWorker.Mother, "labour_capacity", "none", 5)
            .Person(noWorker.Father, "months_worked_12m", "0", 5);
        Assert.Equal(["Y2"], noWorker.Reasons());
    }

    [Fact]
    public void The_main_earners_lost_job_is_a_signal_and_anothers_is_not()
    {
        var material = Material.Ordinary();
        Assert.Equal(["G0"], material.Person(material.Mother, "job_lost_date", Material.Day(10), 5).Reasons());
        Assert.Equal(["Y6"], material.Person(material.Father, "job_lost_date", Material.Day(10), 5).Reasons());
    }

    // ---- Visits ------------------------------------------------------------------------------------------------------------------------

    [Theory]
    [InlineData(nameof(Tier.Red), 14, false)]
    [InlineData(nameof(Tier.Red), 15, true)]
    [InlineData(nameof(Tier.Orange), 28, false)]
    [InlineData(nameof(Tier.Orange), 29, true)]
    public void Y11_holds_from_the_day_after_the_cadence_of_the_kept_tier_was_added_twice(string kept, int daysAgo, bool late) =>
        Assert.Equal(late, Material.Ordinary().With(snapshot => snapshot with { LastCountedVisit = null }).Visit(daysAgo).FactsOn(s_today, Enum.Parse<Tier>(kept)).NoVisitFactor.Value > 2);

    [Theory]
    [InlineData(nameof(Tier.Yellow), "2026-09-20", false)]
    [InlineData(nameof(Tier.Yellow), "2026-09-19", true)]
    [InlineData(nameof(Tier.Green), "2026-05-20", false)]
    [InlineData(nameof(Tier.Green), "2026-05-19", true)]
    public void Y11_counts_calendar_months(string kept, string visit, bool late)
    {
        var material = Material.Ordinary().With(snapshot => snapshot with { LastCountedVisit = DateOnly.Parse(visit, System.Globalization.CultureInfo.InvariantCulture) });

        Assert.Equal(late, material.FactsOn(s_today, Enum.Parse<Tier>(kept)).NoVisitFactor.Value > 2);
    }

    [Fact]
    public void Without_a_counted_visit_Y11_counts_from_moving_in_else_from_the_recording()
    {
        static Material Unvisited(Material material) => material.With(snapshot => snapshot with { LastCountedVisit = null });

        Assert.Equal(["Y11"], Unvisited(Material.Ordinary()).Reasons());
        Assert.Equal(["G0"], Unvisited(Material.Ordinary()).Without("move_in_date").Household("move_in_date", Material.Day(30), 20).Reasons());
        Assert.Equal(["Y11"], Unvisited(Material.Ordinary()).Without("move_in_date").Reasons());
        Assert.Equal(["G0"], Unvisited(Material.Ordinary()).Without("move_in_date").With(snapshot => snapshot with { RecordedOn = s_today.AddDays(-30) }).Reasons());
    }

    [Fact]
    public void A_vacant_flat_is_never_late_and_a_visit_that_does_not_count_changes_nothing()
    {
        Assert.Equal(["G0"], Material.Ordinary().With(snapshot => snapshot with { LastCountedVisit = s_today.AddYears(-1) }).With(snapshot => snapshot.WithOccupancy(Occupancy.Vacant)).Reasons());

        var uncounted = Material.Ordinary().With(snapshot => snapshot with { LastCountedVisit = s_today.AddYears(-1) });
        Assert.Equal(["Y11"], uncounted.Visit(2, VisitKind.Phone, counted: false).Reasons());
        Assert.Equal(20, uncounted.Facts.LastHomeVisitDaysAgo.Value);
    }

    [Fact]
    public void Who_is_wholly_away_has_no_tier_effect()
    {
        var material = Material.Ordinary().With(snapshot => snapshot.WithOccupancy(Occupancy.AllAway));

        Assert.True(material.Facts.AllAway.Value);
        Assert.Equal(["G0"], material.Reasons());
    }

    // ---- The way out -------------------------------------------------------------------------------------------------------------------

    [Fact]
    public void Measures_count_when_they_were_finished_since_the_identification()
    {
        var material = Material.Ordinary().With(snapshot => snapshot.WithFinishedMeasure(s_today.AddDays(-150)).WithFinishedMeasure(s_today.AddDays(-50)).WithFinishedMeasure(s_today.AddDays(5)));

        Assert.False(material.Facts.FinishedMeasures.IsKnown);
        Assert.Equal(1, material.Mark(RegisterStatus.Monitored, 100).Facts.FinishedMeasures.Value);
    }

    [Fact]
    public void Monthly_evaluations_count_in_a_row_up_to_the_newest()
    {
        static Material Months(params (int Back, bool Good)[] months) => Material.Ordinary().With(snapshot => months.Aggregate(
            snapshot, (s, month) => s.WithMonth(new(new DateOnly(2026, 11, 1).AddMonths(-month.Back), month.Good))));

        Assert.Equal(3, Months((1, true), (2, true), (3, true), (4, false), (5, true)).Facts.MonthsAtOrAboveClearLine.Value);
        Assert.Equal(2, Months((0, true), (1, true), (3, true)).Facts.MonthsAtOrAboveClearLine.Value);
        Assert.Equal(0, Months((1, false), (2, true)).Facts.MonthsAtOrAboveClearLine.Value);
        Assert.Equal(0, Months((2, true), (3, true)).Facts.MonthsAtOrAboveClearLine.Value);
    }

    [Fact]
    public void Approvers_count_once_each()
    {
        var material = Material.Ordinary().With(snapshot => snapshot.WithApprovals(new() { Approvers = [Material.Id(90), Material.Id(91), Material.Id(90)] }));

        Assert.Equal(2, material.Facts.Approvals.Value);
    }

    [Fact]
    public void Every_fact_that_a_rule_read_names_its_row_date_and_source()
    {
        var material = Material.Ordinary().Household("last_major_event", "fire", 3, source: ValueSource.Department);

        var row = Assert.Single(Assert.Single(Assert.Single(material.Evaluate().Reasons).Facts).Sources);
        Assert.Equal(("tag_value", "last_major_event", ValueSource.Department), (row.Kind, row.Tag, row.Source));
        Assert.Equal((s_today.AddDays(-3), s_today.AddDays(-3)), (row.Day, row.ObservedAt));
        Assert.Equal(material.Rows[^1].Id, row.Id);
    }
}
