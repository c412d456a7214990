using Backend.Domain.Facts;
using Backend.Domain.Households;
using Backend.Domain.Privacy;
using Backend.Domain.Tags;
using Backend.Domain.Tiers;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Local.Demo;
using Npgsql;

namespace Backend.Tests.Demo;

/// <summary>One household's rows in the clear, whether generated or read back and opened.</summary>
internal sealed record HouseholdRows(
    Guid Id, string Path, string Door, Tier Tier, TierState? State, int Members, RegisterStatus Register, int OpenMeasures, IReadOnlyList<OpenedValue> Values)
{
    /// <summary>The value of a tag that was valid on a day: the newest observation until then.</summary>
    public string? Value(Guid subject, string tag, DateOnly day) =>
        Values.Where(v => v.SubjectId == subject && v.Tag == tag && v.ObservedAt <= day).MaxBy(v => (v.ObservedAt, v.RecordedAt))?.Value;

    public decimal Money(string tag, DateOnly day) => decimal.Parse(Value(Id, tag, day)!, System.Globalization.CultureInfo.InvariantCulture);

    public decimal NetIncome(DateOnly day) => Money("wage_income", day) + Money("business_income", day) + Money("property_income", day) + Money("transfer_income", day);

    /// <summary>Members with labour capacity, and the employment of each.</summary>
    public IEnumerable<string?> Labour(DateOnly day) => Values.Where(v => v.Subject == SubjectKind.Person).Select(v => v.SubjectId).Distinct()
        .Where(p => Value(p, "labour_capacity", day) is "skilled" or "ordinary" or "weak").Select(p => Value(p, "employment_status", day));
}

/// <summary>The whole district in the clear.</summary>
internal sealed record DistrictRows(IReadOnlyList<HouseholdRows> Households)
{
    public static DistrictRows Of(DemoDistrict district) => new([.. district.Households.Select(h => new HouseholdRows(
        h.Id, h.Floor.Path, h.Plan.Door.Text, h.Tier, h.State, h.Residents.Length, h.RegisterStatus,
        h.Measures.Count(m => m.FinishedOn is null), [.. h.Values.Select(v => v.Value)]))]);

    /// <summary>Reads everything back from the database, as the superuser, and opens it with the vault.</summary>
    public static async Task<DistrictRows> ReadAsync(string superuser, Vault vault)
    {
        await using var source = NpgsqlDataSource.Create(superuser);
        var values = new Dictionary<Guid, List<OpenedValue>>();
        await foreach (var row in RowsAsync(source, "select household_id, id, subject, subject_id, tag_code, value, source, observed_at, valid_from, valid_to, recorded_at from tag_values where voided_at is null"))
        {
            var id = row.GetGuid(1);
            if (!values.TryGetValue(row.GetGuid(0), out var list)) values[row.GetGuid(0)] = list = [];
            list.Add(new OpenedValue(
                id, SnakeCase.Parse<SubjectKind>(row.GetString(2)), row.GetGuid(3), row.GetString(4),
                vault.OpenText(SealedFields.TagValue, id, new Sealed((byte[])row[5])), SnakeCase.Parse<ValueSource>(row.GetString(6)),
                row.GetFieldValue<DateOnly>(7), row.IsDBNull(8) ? null : row.GetFieldValue<DateOnly>(8), row.IsDBNull(9) ? null : row.GetFieldValue<DateOnly>(9),
                row.GetFieldValue<DateTimeOffset>(10)));
        }
        var households = new List<HouseholdRows>();
        await foreach (var row in RowsAsync(source, """
            select h.id, h.node_path::text, h.door, t.tier, t.state,
                   (select count(*) from memberships m where m.household_id = h.id and m.to_day is null and m.shares_income),
                   (select status from register_marks r where r.household_id = h.id order by day desc limit 1),
                   (select count(*) from measures m where m.household_id = h.id and m.finished_on is null)
            from households h join tiles t on t.household_id = h.id order by h.id
            """))
        {
            households.Add(new HouseholdRows(
                row.GetGuid(0), row.GetString(1), row.GetString(2), SnakeCase.Parse<Tier>(row.GetString(3)), row.IsDBNull(4) ? null : SnakeCase.Parse<TierState>(row.GetString(4)),
                (int)row.GetInt64(5), SnakeCase.Parse<RegisterStatus>(row.GetString(6)), (int)row.GetInt64(7), values[row.GetGuid(0)]));
        }
        return new DistrictRows(households);
    }

    public static async IAsyncEnumerable<NpgsqlDataReader> RowsAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync()) yield return reader;
    }
}

/// <summary>The figures of the report, each computed from rows with its day and denominator; nothing of the generator is asked.</summary>
internal static class ReportFigures
{
    private static readonly DateOnly Now = new(2022, 11, 30), Before = new(2021, 11, 30);

    public static void AreExact(DistrictRows district)
    {
        var homes = district.Households;
        var people = homes.Sum(h => h.Members);

        Assert.Equal((7081, 26344), (homes.Count, people));
        Assert.Equal(2802, homes.Count(h => h.Path.StartsWith("dc.td.ty.", StringComparison.Ordinal)));

        // the register, not the colour; and the colour says the same.
        Assert.Equal((951, 3052), Count(h => h.Register is RegisterStatus.Monitored or RegisterStatus.Eliminated));
        Assert.Equal((667, 2293), Count(h => h.Register == RegisterStatus.Eliminated));
        Assert.Equal((284, 759), Count(h => h.Register == RegisterStatus.Monitored));
        Assert.Equal((284, 759), Count(h => h.Tier == Tier.Red));
        Assert.Equal((667, 2293), Count(h => h.Tier == Tier.Orange));

        // labour force, employed, year on year.
        var (labour, labourBefore) = (homes.SelectMany(h => h.Labour(Now)).ToList(), homes.SelectMany(h => h.Labour(Before)).ToList());
        Assert.Equal((9911, 9154, 8445), (labour.Count, labour.Count(IsEmployed), labourBefore.Count(IsEmployed)));
        Assert.Equal(709, labour.Count(IsEmployed) - labourBefore.Count(IsEmployed));
        Assert.All(labour, Assert.NotNull);

        // wage income per head of the relocated population, both years from their totals.
        var (wages, wagesBefore) = (homes.Sum(h => h.Money("wage_income", Now)), homes.Sum(h => h.Money("wage_income", Before)));
        Assert.Equal((223_950_080.56m, 193_907_382.96m), (wages, wagesBefore));
        Assert.Equal((8500.99m, 7360.59m, 1140.40m), (PerHead(wages), PerHead(wagesBefore), PerHead(wages) - PerHead(wagesBefore)));

        // nobody willing to work in a household where nobody works, then and since.
        Assert.DoesNotContain(homes, h => h.Labour(Now).Contains("seeking") && !h.Labour(Now).Any(IsEmployed));

        // net income per head and its growth.
        var (income, incomeBefore) = (homes.Sum(h => h.NetIncome(Now)), homes.Sum(h => h.NetIncome(Before)));
        Assert.Equal((294_916_864.96m, 248_541_414.24m), (income, incomeBefore));
        Assert.Equal((11_194.84m, 9_434.46m), (PerHead(income), PerHead(incomeBefore)));
        Assert.Equal(18.66m, decimal.Round((PerHead(income) / PerHead(incomeBefore) - 1) * 100, 2, MidpointRounding.AwayFromZero));

        // nobody under the floor, and somebody exactly at it.
        Assert.DoesNotContain(homes, h => h.NetIncome(Now) < 8000m * h.Members);
        Assert.Contains(homes, h => h.NetIncome(Now) == 8000m * h.Members);

        // help under way for every red household.
        Assert.All(homes.Where(h => h.Tier == Tier.Red), h => Assert.True(h.OpenMeasures > 0, h.Door));

        decimal PerHead(decimal total) => decimal.Round(total / people, 2, MidpointRounding.AwayFromZero);
        (int, int) Count(Func<HouseholdRows, bool> where) => (homes.Count(where), homes.Where(where).Sum(h => h.Members));
    }

    private static bool IsEmployed(string? status) => status is "employed" or "self" or "farming";
}
