using Backend.Domain.Facts;
using Backend.Domain.Households;
using Backend.Domain.Tags;
using Backend.Domain.Visits;

namespace Backend.Tests.Domain.Facts;

public class FactsSnapshotTests
{
    private static readonly DateOnly s_today = new(2026, 11, 20);
    private static readonly Guid s_household = Guid.CreateVersion7();
    private static readonly Guid s_head = Guid.CreateVersion7();

    private static FactsSnapshot Empty => new FactsSnapshot { HouseholdId = s_household, RecordedOn = s_today.AddYears(-5) }
        .WithMembers([new(s_head, true, true)], s_today);

    private static OpenedValue Value(string tag, string value, int daysAgo, DateOnly? from = null, DateOnly? to = null, ValueSource source = ValueSource.Visit)
    {
        var observed = s_today.AddDays(-daysAgo);
        var household = tag is not ("medical_insured" or "employment_status" or "medical_self_paid_12m");
        return new(
            Guid.CreateVersion7(), household ? SubjectKind.Household : SubjectKind.Person, household ? s_household : s_head, tag, value, source,
            observed, from, to, new DateTimeOffset(observed.ToDateTime(new TimeOnly(9, 0)), TimeSpan.Zero));
    }

    [Fact]
    public void Its_bytes_read_back_to_the_same_bytes()
    {
        var snapshot = Empty
            .With([Value("wage_income", "42000.50", 10), Value("medical_insured", "false", 40, from: s_today.AddDays(-60), to: s_today.AddDays(9))], s_today)
            .WithMark(new SnapshotMark(Guid.CreateVersion7(), RegisterStatus.Monitored, s_today.AddDays(-100)))
            .WithVisit(s_today.AddDays(-7), VisitKind.Home, counted: true)
            .WithFinishedMeasure(s_today.AddDays(-30))
            .WithMonth(new SnapshotMonth(new(2026, 10, 1), true))
            .WithSettled([new SettledEvent("last_major_event", s_household, "illness", s_today.AddDays(-20))])
            .WithOccupancy(Occupancy.PartAway)
            .WithApprovals(new SnapshotApprovals { Approvers = [Guid.CreateVersion7()], RigidResolved = true });

        var bytes = snapshot.ToBytes();

        var back = FactsSnapshot.FromBytes(bytes);
        Assert.Equal(bytes, back.ToBytes());
        Assert.Equal(snapshot.Values, back.Values);
        Assert.Equal(snapshot.Members, back.Members);
        Assert.Equal(snapshot.LastHomeVisit, back.LastHomeVisit);
    }

    [Fact]
    public void Cut_or_foreign_bytes_are_refused()
    {
        var bytes = Empty.With(Value("wage_income", "42000", 10), s_today).ToBytes();

        for (var length = 0; length < bytes.Length; length++)
            Assert.Throws<FormatException>(() => FactsSnapshot.FromBytes(bytes.AsSpan(0, length)));
        Assert.Throws<FormatException>(() => FactsSnapshot.FromBytes([.. bytes, 0]));
        Assert.Throws<FormatException>(() => FactsSnapshot.FromBytes([9, .. bytes[1..]]));
    }

    [Fact]
    public void A_repeated_value_keeps_the_first_ones_effective_date_unless_it_brings_its_own()
    {
        var snapshot = Empty.With([Value("medical_insured", "false", 40), Value("medical_insured", "false", 5)], s_today);
        Assert.Equal(s_today.AddDays(-40), Assert.Single(snapshot.Values).From);

        snapshot = snapshot.With(Value("medical_insured", "false", 2, from: s_today.AddDays(-3)), s_today);
        Assert.Equal(s_today.AddDays(-3), snapshot.Values[^1].From);
    }

    [Fact]
    public void A_value_that_no_rule_reads_is_not_kept()
    {
        Assert.Empty(Empty.With(Value("vehicle", "car", 1), s_today).Values);
    }

    [Fact]
    public void A_value_of_a_stranger_is_refused()
    {
        var stranger = Value("medical_insured", "false", 1) with { SubjectId = Guid.CreateVersion7() };

        Assert.Throws<ArgumentException>(() => Empty.With(stranger, s_today));
    }

    [Fact]
    public void An_older_value_goes_once_no_rule_reads_it_and_comes_back_when_the_newer_one_ends()
    {
        Assert.Single(Empty.With([Value("housing_grade", "c", 30), Value("housing_grade", "a", 3)], s_today).Values);
        Assert.Equal(2, Empty.With([Value("housing_grade", "c", 30), Value("housing_grade", "a", 3, to: s_today.AddDays(10))], s_today).Values.Count);
        Assert.Equal(2, Empty.With([Value("wage_income", "30000", 390), Value("wage_income", "20000", 3)], s_today).Values.Count);
    }

    [Fact]
    public void Late_rows_are_told_apart_and_replayed_whatever_their_order()
    {
        OpenedValue[] rows = [Value("medical_insured", "false", 40), Value("medical_insured", "true", 20), Value("medical_insured", "false", 5)];
        var hasty = Empty.With([rows[0], rows[2]], s_today);

        Assert.False(hasty.InOrder(rows[1]));
        Assert.Equal(Empty.With(rows, s_today).ToBytes(), hasty.WithRows(rows.Reverse(), s_today).ToBytes());
        Assert.Equal(s_today.AddDays(-5), hasty.WithRows(rows, s_today).Values[^1].From);
    }
}
