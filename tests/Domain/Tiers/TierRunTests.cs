using Backend.Domain.Facts;
using Backend.Domain.Households;
using Backend.Domain.Tags;
using Backend.Domain.Tiers;
using Backend.Tests.Domain.Facts;

namespace Backend.Tests.Domain.Tiers;

/// <summary>From the snapshot to the household: what a run keeps, spends and lets the household take.</summary>
public class TierRunTests
{
    private const string Path = "xx.td.ty.a1.b13.f4";
    private static readonly DateOnly s_today = Material.Today;
    private static readonly DateTimeOffset s_now = new(2026, 11, 20, 2, 0, 0, TimeSpan.Zero);
    private static readonly Guid s_actor = Material.Id(77);

    private static TierRun Run(FactsSnapshot snapshot, Tier tier = Tier.Green, TierState? state = null, bool named = true, int ahead = 0) =>
        TierRun.Of(snapshot, tier, state, RuleSet.Default, Path, Material.Cadences, s_today.AddDays(ahead), named);

    private static TierChange? Take(Household household, TierRun run, Guid? actor) =>
        household.Take(null, run.Evaluation, Material.Cadences, run.NextEvaluationOn, s_now, actor);

    private static SnapshotApprovals Approved(int approvers = 2) => new()
    {
        Approvers = [.. Enumerable.Range(90, approvers).Select(Material.Id)],
        LoweringApproved = true,
    };

    [Fact]
    public void A_run_that_changes_nothing_answers_the_same_snapshot()
    {
        var snapshot = Material.Ordinary().Snapshot with { SignalFreeSince = s_today.AddDays(-20) };

        Assert.Same(snapshot, Run(snapshot).Snapshot);
    }

    [Fact]
    public void H4_the_day_since_which_no_signal_has_held_is_kept()
    {
        var quiet = Run(Material.Ordinary().Snapshot).Snapshot;
        Assert.Equal(s_today, quiet.SignalFreeSince);

        var signal = Material.Ordinary().Household("single_parent", "true", 1).Snapshot with { SignalFreeSince = s_today.AddDays(-50) };
        Assert.Null(Run(signal).Snapshot.SignalFreeSince);
    }

    [Fact]
    public void H4_yellow_falls_by_a_named_person_once_it_was_quiet_visited_and_approved_and_never_by_the_night()
    {
        var snapshot = Material.Ordinary().Snapshot with { SignalFreeSince = s_today.AddDays(-90), Approvals = Approved(1) };
        var household = TierProperties.Household(Tier.Yellow, null);

        Assert.Null(Take(household, Run(snapshot, Tier.Yellow, named: false), actor: null));
        Assert.Equal(Tier.Yellow, household.Tier);
        Assert.False(Run(snapshot, Tier.Yellow, named: false).Snapshot.Approvals.IsEmpty);

        var change = Take(household, Run(snapshot, Tier.Yellow), s_actor);
        Assert.Equal((Tier.Yellow, Tier.Green, s_actor), (change!.From, change.To, change.ActorAccountId!.Value));
        Assert.True(Run(snapshot, Tier.Yellow).Snapshot.Approvals.IsEmpty);
    }

    [Fact]
    public void H4_a_new_signal_spends_the_approval()
    {
        var snapshot = Material.Ordinary().Household("single_parent", "true", 1).Snapshot with { Approvals = Approved(1) };

        Assert.False(Run(snapshot, Tier.Yellow).Snapshot.Approvals.LoweringApproved);
    }

    [Fact]
    public void H3_settles_the_event_and_the_household_falls_to_the_engines_tier()
    {
        var material = Material.Ordinary().Household("last_major_event", "illness", 30).Household("single_parent", "true", 1);
        var household = TierProperties.Household(Tier.Red, TierState.Provisional);
        Assert.Null(TierEngine.Settle(material.Snapshot, material.Facts, Material.Rules));

        material.With(snapshot => snapshot.WithApprovals(Approved()));
        var settled = TierEngine.Settle(material.Snapshot, material.Facts, Material.Rules)!;
        var run = Run(settled, Tier.Red, TierState.Provisional);
        var change = Take(household, run, s_actor);

        Assert.Equal((Tier.Yellow, null), (household.Tier, household.State));
        Assert.False(change!.IsRise);
        Assert.True(run.Snapshot.Approvals.IsEmpty);
        Assert.Single(run.Snapshot.SettledEvents);
    }

    [Fact]
    public void H6_a_relapse_is_counted_and_shown_from_the_next_run_on()
    {
        var snapshot = Material.Ordinary().Visit(2).Mark(RegisterStatus.Eliminated, 50).Household("water_safe", "false", 1).Snapshot;

        var first = Run(snapshot, Tier.Orange);
        Assert.Equal(["R4", "O1"], first.Evaluation.Reasons.Select(reason => reason.Rule));
        Assert.Equal(1, first.Snapshot.RelapseCount);

        var next = Run(first.Snapshot, Tier.Red, TierState.Provisional);
        Assert.Equal(["R4", "O1", "Y12"], next.Evaluation.Reasons.Select(reason => reason.Rule));
        Assert.Same(first.Snapshot, next.Snapshot);
    }

    [Fact]
    public void H1_a_rise_spends_approvals_that_were_meant_for_a_fall()
    {
        var snapshot = Material.Ordinary().Household("water_safe", "false", 1).Snapshot with { Approvals = Approved() };

        Assert.True(Run(snapshot, Tier.Yellow).Snapshot.Approvals.IsEmpty);
    }

    [Fact]
    public void A_red_that_the_register_takes_over_keeps_its_notes_but_not_its_approvers()
    {
        var snapshot = Material.Ordinary().Mark(RegisterStatus.Monitored, 1).Snapshot with { Approvals = Approved() with { RigidResolved = true } };

        var approvals = Run(snapshot, Tier.Red, TierState.Provisional).Snapshot.Approvals;

        Assert.Empty(approvals.Approvers);
        Assert.True(approvals.RigidResolved);
    }

    [Fact]
    public void Unassessed_comes_and_goes_without_an_alarm_and_needs_a_named_person_to_go()
    {
        var aged = Material.Ordinary().Without("housing_grade");
        var household = TierProperties.Household(Tier.Green, null);
        household.DueDay = s_today.AddDays(40);

        Assert.False(Take(household, Run(aged.Snapshot, named: false), actor: null)!.IsRise);
        Assert.Equal((Tier.Yellow, (TierState?)TierState.Unassessed, s_today.AddDays(40)), (household.Tier, household.State, household.DueDay));

        var known = Material.Ordinary().Snapshot;
        Assert.Null(Take(household, Run(known, Tier.Yellow, TierState.Unassessed, named: false), actor: null));
        Assert.Equal(Tier.Yellow, household.Tier);
        Assert.NotNull(Take(household, Run(known, Tier.Yellow, TierState.Unassessed), s_actor));
        Assert.Equal((Tier.Green, null, s_today.AddDays(40)), (household.Tier, household.State, household.DueDay));
    }

    [Fact]
    public void H7_after_a_void_the_tier_is_what_it_was_without_the_value()
    {
        var material = Material.Ordinary();
        var rows = material.Rows.ToArray();
        var household = TierProperties.Household(Tier.Green, null);
        var wrong = material.Household("last_major_event", "fire", 2);
        var rise = Take(household, Run(wrong.Snapshot), s_actor)!;
        Assert.Equal(Tier.Red, household.Tier);

        var run = TierRun.OfVoid(wrong.Snapshot.WithRows(rows, s_today), rise.From, rise.FromState, household.Tier, RuleSet.Default, Path, Material.Cadences, s_today);
        var back = Take(household, run, Material.Id(78))!;

        Assert.Equal((Tier.Red, Tier.Green), (back.From, back.To));
        Assert.Equal((Tier.Green, null), (household.Tier, household.State));
    }

    [Fact]
    public void H7_what_else_has_happened_keeps_the_tier_up_and_a_false_relapse_is_not_counted()
    {
        var material = Material.Ordinary().Household("water_safe", "false", 1);
        var rows = material.Rows.ToArray();
        var wrong = material.Household("last_major_event", "fire", 2).Snapshot;
        Assert.Equal(
            (Tier.Red, (TierState?)TierState.Provisional),
            Tile(TierRun.OfVoid(wrong.WithRows(rows, s_today), Tier.Green, null, Tier.Red, RuleSet.Default, Path, Material.Cadences, s_today)));

        var orange = Material.Ordinary().Mark(RegisterStatus.Eliminated, 50).Snapshot with { RelapseCount = 1 };
        var run = TierRun.OfVoid(orange, Tier.Orange, null, Tier.Red, RuleSet.Default, Path, Material.Cadences, s_today);
        Assert.Equal((Tier.Orange, null), Tile(run));
        Assert.Equal(0, run.Snapshot.RelapseCount);

        static (Tier, TierState?) Tile(TierRun run) => (run.Evaluation.Tier, run.Evaluation.State);
    }

    [Fact]
    public void A_typical_household_is_read_again_only_when_a_date_changes_something()
    {
        // Yellow: the visit of 31 October and twice a month end on 30 December.
        Assert.Equal(new DateOnly(2026, 12, 31), Run(Material.Ordinary().Household("single_parent", "true", 30).Snapshot).NextEvaluationOn);
        // Red by an event of 30 days ago: the cadence has passed twice, the home visit is too old for H3, the event ends.
        var snapshot = Material.Ordinary().Visit(3).Household("last_major_event", "illness", 30).Snapshot;
        var days = new List<int>();
        for (var day = s_today; days.Count < 3;)
        {
            day = NextEvaluation.After(snapshot, Tier.Red, TierState.Provisional, RuleSet.Default, Path, Material.Cadences, day)!.Value;
            days.Add(day.DayNumber - s_today.DayNumber);
        }

        Assert.Equal([12, 28, 61], days);
    }

    [Fact]
    public void An_ordinary_green_household_is_read_again_after_months() =>
        Assert.Equal(new DateOnly(2027, 5, 1), Run(Material.Ordinary().Snapshot).NextEvaluationOn);

    [Fact]
    public void The_night_on_that_day_finds_what_the_date_changed()
    {
        var snapshot = Run(Material.Ordinary().Person(Material.Ordinary().Father, "employment_status", "seeking", 10).Snapshot).Snapshot;
        var next = Run(snapshot, Tier.Yellow).NextEvaluationOn!.Value;

        Assert.Equal(s_today.AddDays(21), next);
        Assert.Equal((Tier.Red, "R7"), (Run(snapshot, Tier.Yellow, ahead: 21).Evaluation.Tier, Run(snapshot, Tier.Yellow, ahead: 21).Evaluation.Reasons[0].Rule));
    }

    [Fact]
    public void A_parameter_that_changes_by_date_is_a_day_to_read_again()
    {
        // Under the line of 2023 the household is well off; under that of 2024 it is near the line.
        var day = new DateOnly(2023, 11, 20);
        var snapshot = new FactsSnapshot { HouseholdId = Material.Id(1), RecordedOn = day.AddDays(-10) }
            .With(new[] { "wage_income", "business_income", "property_income", "transfer_income" }.Select((tag, i) => Value(i, tag, "2500")), day)
            .WithMembers([new(Material.Id(11), true, true)], day)
            .With(
                [
                    Value(10, "income_checked_on", "2023-11-10"), Value(11, "housing_grade", "a"), Value(12, "water_safe", "true"),
                    Value(13, "medical_insured", "true", person: true), Value(14, "birth_date", "1955-01-01", person: true),
                    Value(15, "labour_capacity", "weak", person: true),
                ],
                day);

        var run = TierRun.Of(snapshot, Tier.Green, null, RuleSet.Default, Path, Material.Cadences, day, isNamed: false);

        Assert.Equal((Tier.Green, new DateOnly(2024, 1, 1)), (run.Evaluation.Tier, run.NextEvaluationOn!.Value));

        OpenedValue Value(int id, string tag, string value, bool person = false) => new(
            Material.Id(100 + id), person ? SubjectKind.Person : SubjectKind.Household, Material.Id(person ? 11 : 1), tag, value, ValueSource.Visit,
            day.AddDays(-10), null, null, new DateTimeOffset(2023, 11, 10, 1, 0, 0, TimeSpan.Zero));
    }

    [Fact]
    public void The_snapshot_of_a_family_of_four_with_every_answer_is_small()
    {
        var material = Material.Ordinary();
        foreach (var tag in Enum.GetValues<ReadTag>().Select(tag => TagCatalogue.Default.Find(tag.Code())!))
        {
            var value = tag.ValueType switch
            {
                TagValueType.Bool => "false",
                TagValueType.Enum => TagRules.Codes(tag)[0],
                TagValueType.Date => "1990-01-01",
                _ => "12345.67",
            };
            if (tag.Subject == SubjectKind.Household) material.Household(tag.Code, value, 1);
            else
                foreach (var who in new[] { material.Father, material.Mother, material.Child, material.Elder }) material.Person(who, tag.Code, value, 1);
        }

        Assert.True(material.Snapshot.Values.Count >= 132);
        Assert.InRange(material.Snapshot.ToBytes().Length, 3000, 6000);
        Assert.InRange(Material.Ordinary().Snapshot.ToBytes().Length, 500, 1500);
    }
}
