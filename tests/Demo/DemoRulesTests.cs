using Backend.Domain.Facts;
using Backend.Domain.Tiers;
using Local.Demo;

namespace Backend.Tests.Demo;

/// <summary>The engine and the demo agree, on the day of loading and on any other.</summary>
public sealed class DemoRulesTests
{
    private static DemoDistrict District => DemoFiguresTests.District;

    [Fact]
    public void No_household_outside_the_284_meets_a_red_rule_and_none_outside_the_951_an_orange_one()
    {
        foreach (var household in District.Households)
        {
            var tiers = household.Evaluation.Reasons.Select(r => r.Tier).ToHashSet();
            Assert.Equal(household.Tier == Tier.Red, tiers.Contains(Tier.Red));
            Assert.Equal(household.Tier == Tier.Orange, tiers.Contains(Tier.Orange));
        }
        Assert.All(District.Households.Where(h => h.Tier == Tier.Red), h => Assert.Contains(h.Evaluation.Reasons, r => r.Rule == "R1"));
    }

    [Fact]
    public void Each_signal_fires_its_own_rule()
    {
        foreach (var household in District.Households)
        {
            var rule = household.Plan.Signal switch
            {
                Signal.NearLine => "Y1",
                Signal.NoLabour => "Y2",
                Signal.HeavyHealth => "Y3",
                Signal.SingleParent or Signal.OneWorker => "Y4",
                Signal.FewMonths or Signal.JobLost or Signal.WageArrears => "Y6",
                Signal.MedicalCost or Signal.SchoolCost => "Y7",
                Signal.LoanOverdue or Signal.Debt => "Y8",
                Signal.ElderAlone or Signal.ElderLeftBehind or Signal.LeftBehindChild or Signal.ChildMood or Signal.DropoutRisk => "Y9",
                Signal.InsuranceGap or Signal.LostContact => "Y10",
                Signal.Reliefs or Signal.OrphanSupport or Signal.InHospital or Signal.UtilityArrears or Signal.HomeHazard or Signal.LowWaterUse => "Y13",
                Signal.RigidCosts => "R3",
                Signal.Guarantee => "R4",
                Signal.Event => "R5",
                Signal.Unprotected => "R6",
                _ => household.Plan.Gap != Gap.None ? "Y11" : household.Tier == Tier.Green || household.Plan.Signal == Signal.Quiet ? "G0" : household.Evaluation.Reasons[0].Rule,
            };
            Assert.Contains(household.Evaluation.Reasons, r => r.Rule == rule);
        }
    }

    [Fact]
    public void Every_asked_fact_is_recorded_but_for_those_that_show_the_mark_unassessed()
    {
        foreach (var household in District.Households)
        {
            var unknown = household.Plan.Gap is Gap.IncomeCheck or Gap.Housing or Gap.Insurance;
            Assert.True(unknown == household.Evaluation.Unknowns.Count > 0, $"{household.Plan.Door.Text}: {string.Join(' ', household.Evaluation.Unknowns.Select(u => u.Fact))}");
        }
        Assert.Equal([Gap.IncomeCheck, Gap.Housing, Gap.Insurance, Gap.Visit], District.Households.Select(h => h.Plan.Gap).Where(g => g != Gap.None).Distinct().Order());
    }

    [Fact]
    public void The_cheap_snapshot_of_a_plan_is_the_one_that_its_rows_give()
    {
        foreach (var household in District.Households.Where((_, i) => i % 7 == 0))
        {
            var rows = household.Snapshot.WithRows(household.Values.Select(v => v.Value), District.AsOf);
            Assert.Equal(household.Snapshot.ToBytes(), rows.ToBytes());
        }
    }

    [Fact]
    public void Re_evaluating_the_whole_fresh_demo_changes_no_tile_and_raises_no_alarm_for_400_days_of_loading()
    {
        var days = DaysOfLoading();
        Assert.Equal(400, days.Count);
        var households = DemoBlueprint.Instance.Households;
        // One core is left to the servers, stubs and browsers of the tests beside this one: they have time limits, this has none.
        var degree = new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, Environment.ProcessorCount - 1) };
        Parallel.For(0, households.Count, degree, i =>
        {
            var household = households[i];
            var cadence = DemoDistrict.Cadences[TierEngine.Kept(household.Tier, household.State)];
            var moving = new MovingSnapshot(household, days[^1]);
            for (var d = 0; d < days.Count; d++)
            {
                var snapshot = moving.On(days[d]);
                // Each household is held against the real thing on one day, and all days have their turn.
                if (d == i % days.Count) Assert.Equal(DemoHousehold.SnapshotOn(household, days[d]).ToBytes(), snapshot.ToBytes());
                var rules = RuleSet.Default.At(household.Floor.Path, days[d]);
                var evaluation = TierEngine.Evaluate(FactsMapping.Read(snapshot, days[d], rules, cadence), household.Tier, household.State, rules);
                if (evaluation.Tier != household.Tier || evaluation.State != household.State)
                    Assert.Fail($"{household.Door.Text} loaded on {days[d]:yyyy-MM-dd}: {string.Join(' ', evaluation.Reasons.Select(r => r.Rule))}");
            }
        });
    }

    /// <summary>
    /// The snapshot of one household for any day of loading. Sorting out what a rule still reads is the costly part and comes out the same for every
    /// day, so it is done once, and then the days of the kept values move along.
    /// </summary>
    private sealed class MovingSnapshot
    {
        private readonly PlannedHousehold _household;
        private readonly (SnapshotValue Kept, PlannedValue Plan)[] _values;

        public MovingSnapshot(PlannedHousehold household, DateOnly day)
        {
            _household = household;
            var plans = household.ReadValues.ToDictionary(v => v.Id);
            _values = [.. DemoHousehold.SnapshotOn(household, day).Values.Select(v => (v, plans[v.Id]))];
        }

        public FactsSnapshot On(DateOnly day) =>
            DemoHousehold.SnapshotWithoutValues(_household, day) with { Values = Array.ConvertAll(_values, v => Move(v.Kept, v.Plan, day)) };

        private static SnapshotValue Move(SnapshotValue kept, PlannedValue plan, DateOnly day)
        {
            if (plan is { Observed.Fixed: not null, Date: null or { Fixed: not null } }) return kept;
            var value = DemoHousehold.Open(plan, day);
            return kept with
            {
                Value = value.Value,
                ObservedAt = value.ObservedAt,
                From = value.ObservedAt,
                Until = kept.Until is null ? null : value.ObservedAt.AddDays(365),
                RecordedAt = value.RecordedAt,
            };
        }
    }

    /// <summary>A whole leap year, and days on which calendars break: ends of months and years and leap days of others.</summary>
    private static List<DateOnly> DaysOfLoading()
    {
        var days = Enumerable.Range(0, 366).Select(i => new DateOnly(2028, 1, 1).AddDays(i)).ToList();
        days.AddRange([new(2024, 1, 31), new(2024, 2, 28), new(2024, 2, 29), new(2024, 3, 1), new(2032, 2, 29), Support.PostgresFixture.DemoDay]);
        for (var month = 1; month <= 12; month++)
        {
            days.Add(new DateOnly(2026, month, DateTime.DaysInMonth(2026, month)));
            days.Add(new DateOnly(2027, month, 1));
        }
        days.AddRange([new(2026, 12, 30), new(2027, 2, 27), new(2027, 2, 28), new(2029, 5, 30)]);
        return [.. days.Distinct()];
    }

    [Fact]
    public void The_first_two_weeks_of_nights_raise_no_alarm_of_themselves()
    {
        Assert.All(District.Households, h => Assert.True(h.NextEvaluationOn is null || h.NextEvaluationOn > District.AsOf));
        foreach (var household in District.Households)
        {
            var (snapshot, next) = (household.Snapshot, household.NextEvaluationOn);
            // The nightly run reads a household on its next day only; so does this.
            while (next is { } day && day <= District.AsOf.AddDays(14))
            {
                var run = TierRun.Of(snapshot, household.Tier, household.State, RuleSet.Default, household.Floor.Path, DemoDistrict.Cadences, day, isNamed: false);
                Assert.True(run.Evaluation.Tier <= household.Tier, $"{household.Plan.Door.Text} on {day:yyyy-MM-dd}: {run.Evaluation.Reasons[0].Rule}");
                (snapshot, next) = (run.Snapshot, run.NextEvaluationOn);
            }
        }
    }
}
