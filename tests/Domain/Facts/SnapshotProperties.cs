using System.Globalization;
using System.Text.Json;
using Backend.Domain.Facts;
using Backend.Domain.Households;
using Backend.Domain.Tags;
using Backend.Domain.Tiers;
using FsCheck.Xunit;

namespace Backend.Tests.Domain.Facts;

/// <summary>Random histories of one household: nothing depends on the order of rows, on what was left out, or on the days in between.</summary>
public class SnapshotProperties
{
    private static readonly (string Tag, string[] Values)[] s_household =
    [
        ("wage_income", ["40000", "20000", "28000"]), ("business_income", ["5000", "0"]), ("transfer_income", ["2000"]), ("income_checked_on", ["d"]),
        ("rigid_expense", ["5000", "40000"]), ("last_major_event", ["illness", "none", "fire"]), ("main_earner_lost", ["true", "false"]),
        ("housing_grade", ["a", "c"]), ("water_safe", ["true", "false"]), ("guarantee_gap", ["none", "medical", "food|medical"]),
        ("single_parent", ["true", "false"]), ("debt_total", ["0", "90000"]), ("move_in_date", ["d"]), ("temporary_relief_12m", ["1", "2"]),
    ];

    private static readonly (string Tag, string[] Values)[] s_person =
    [
        ("medical_insured", ["true", "false"]), ("employment_status", ["employed", "seeking", "caring"]), ("labour_capacity", ["ordinary", "none"]),
        ("major_illness_since", ["d"]), ("job_lost_date", ["d"]), ("school_stage", ["none", "senior"]), ("birth_date", ["d16", "d60", "d75", "d6"]),
        ("health_status", ["healthy", "frail"]), ("self_care", ["full", "none"]), ("caregiver", ["family", "nobody"]), ("dropout", ["true", "false"]),
        ("child_guardian", ["parent", "nobody"]), ("monthly_wage", ["3000", "100"]), ("months_worked_12m", ["12", "3"]), ("medical_self_paid_12m", ["6000"]),
    ];

    /// <summary>Four bytes a row: which tag and whose, which value, when, and how long.</summary>
    private static Material From(byte[] dials, byte shape)
    {
        var material = Material.Ordinary();
        Guid[] people = [material.Father, material.Mother, material.Child, material.Elder];
        for (var i = 0; i + 3 < dials.Length; i += 4)
        {
            var (which, what, when, how) = (dials[i], dials[i + 1], dials[i + 2], dials[i + 3]);
            var ago = when % 130;
            int? from = how % 5 == 1 ? ago - 40 + how % 60 : null;
            int? to = how % 7 == 1 ? 20 - what % 90 : null;
            var source = how % 2 == 0 ? ValueSource.Visit : ValueSource.Department;
            if (which % 2 == 0)
            {
                var (tag, values) = s_household[which / 2 % s_household.Length];
                material.Household(tag, Value(values[what % values.Length], what), ago, from, to, source, recordedMinute: what % 3);
            }
            else
            {
                var (tag, values) = s_person[which / 2 % s_person.Length];
                material.Person(people[how % 4], tag, Value(values[what % values.Length], what), ago, from, to, source, recordedMinute: what % 3);
            }
        }

        // Spans and windows that have just begun, so that their ends lie ahead.
        if (shape % 6 == 2) material.Person(material.Father, "employment_status", "seeking", shape % 40);
        if (shape % 6 == 3) material.Household("last_major_event", "illness", shape % 95);
        if (shape % 6 == 4) material.Person(material.Elder, "medical_insured", "false", shape % 40);
        if (shape % 3 == 1) material.Mark(RegisterStatus.Monitored, shape % 200);
        if (shape % 5 == 1) material.Mark(RegisterStatus.Eliminated, shape % 90);
        if (shape % 4 == 1) material.Visit(shape % 80);
        if (shape % 7 == 1) material.Member(material.Mother, fromDaysAgo: shape % 60, untilDaysAgo: -(shape % 40));
        return material.With(snapshot => snapshot with { SignalFreeSince = shape % 2 == 0 ? null : Material.Today.AddDays(-(shape % 90)) });
    }

    private static string Value(string value, int dial) => value switch
    {
        "d" => Material.Day(dial % 120 - 20),
        ['d', .. var years] => Material.Today.AddYears(-int.Parse(years, CultureInfo.InvariantCulture)).AddDays(dial % 100 - 40).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        _ => value,
    };

    private static string Answer(FactsSnapshot snapshot, DateOnly day, Tier tier, TierState? state) => JsonSerializer.Serialize(TierEngine.Evaluate(
        FactsMapping.Read(snapshot, day, Material.Rules, Material.Cadences[TierEngine.Kept(tier, state)]), tier, state, Material.Rules));

    [Property(MaxTest = 150)]
    public void The_order_of_facts_does_not_matter(byte[] dials, byte shape, int seed)
    {
        var snapshot = From(dials, shape).Snapshot;
        var rows = From(dials, shape).Rows.ToArray();
        new Random(seed).Shuffle(rows);
        var values = snapshot.Values.ToArray();
        new Random(seed).Shuffle(values);

        Assert.Equal(snapshot.ToBytes(), snapshot.WithRows(rows, Material.Today).ToBytes());
        Assert.Equal(snapshot.ToBytes(), (snapshot with { Values = values }).ToBytes());
        Assert.Equal(Answer(snapshot, Material.Today, Tier.Green, null), Answer(snapshot with { Values = values }, Material.Today, Tier.Green, null));
    }

    [Property(MaxTest = 150)]
    public void What_was_left_out_no_rule_would_have_read(byte[] dials, byte shape)
    {
        var material = From(dials, shape);
        var lean = material.Snapshot;
        var full = lean.WithRows(material.Rows, Material.Today.AddYears(-30));
        Assert.True(full.Values.Count >= lean.Values.Count);

        for (var ahead = 0; ahead < 500; ahead += 5)
            Assert.Equal(Answer(full, Material.Today.AddDays(ahead), Tier.Green, null), Answer(lean, Material.Today.AddDays(ahead), Tier.Green, null));
    }

    [Property(MaxTest = 150)]
    public void One_value_at_a_time_in_the_order_of_observation_is_the_same_as_all_rows(byte[] dials, byte shape)
    {
        var material = From(dials, shape);
        var step = material.Snapshot with { Values = [] };
        foreach (var row in material.Rows.OrderBy(row => row.ObservedAt).ThenBy(row => row.RecordedAt).ThenBy(row => row.Id))
        {
            Assert.True(step.InOrder(row));
            // Recorded on the day of its observation: what no rule reads from that day on may go.
            step = step.With(row, row.ObservedAt);
        }

        step = step.With([], Material.Today);
        for (var ahead = 0; ahead < 60; ahead += 7)
        {
            Assert.Equal(
                Answer(material.Snapshot, Material.Today.AddDays(ahead), Tier.Green, null), Answer(step, Material.Today.AddDays(ahead), Tier.Green, null));
        }
    }

    [Property(MaxTest = 150)]
    public void Bytes_read_back_to_the_same_bytes(byte[] dials, byte shape)
    {
        var bytes = From(dials, shape).Snapshot.ToBytes();

        Assert.Equal(bytes, FactsSnapshot.FromBytes(bytes).ToBytes());
    }

    [Property(MaxTest = 150)]
    public void Damaged_bytes_are_refused_or_read_and_never_break_anything(byte[] dials, byte shape, ushort where, byte what)
    {
        var bytes = From(dials, shape).Snapshot.ToBytes();
        bytes[where % bytes.Length] ^= (byte)(what | 1);
        try
        {
            FactsSnapshot.FromBytes(bytes);
        }
        catch (FormatException)
        {
            // Said clearly; anything else fails the test.
        }
    }

    [Property(MaxTest = 150)]
    public void Up_to_the_next_evaluation_no_day_answers_otherwise(byte[] dials, byte shape)
    {
        var snapshot = From(dials, shape).Snapshot;
        var (tier, state) = (shape % 5) switch
        {
            0 => (Tier.Green, null),
            1 => (Tier.Yellow, (TierState?)TierState.Unassessed),
            2 => (Tier.Yellow, null),
            3 => (Tier.Orange, null),
            _ => (Tier.Red, TierState.Provisional),
        };
        var next = NextEvaluation.After(snapshot, tier, state, RuleSet.Default, "x", Material.Cadences, Material.Today);

        var now = Evaluate(Material.Today);
        for (var day = Material.Today.AddDays(1); day < (next ?? Material.Today.AddDays(900)) && day < Material.Today.AddDays(900); day = day.AddDays(1))
            Assert.True(NextEvaluation.IsSame(now, Evaluate(day)), $"{day:yyyy-MM-dd} answers otherwise, but the next evaluation is on {next:yyyy-MM-dd}");

        Evaluation Evaluate(DateOnly day) => TierEngine.Evaluate(
            FactsMapping.Read(snapshot, day, RuleSet.Default.At("x", day), Material.Cadences[TierEngine.Kept(tier, state)]), tier, state, RuleSet.Default.At("x", day));
    }
}
