using System.Collections.Frozen;
using System.Text.Json;
using Backend.Domain.Facts;
using Backend.Domain.Households;
using Backend.Domain.Tiers;

namespace Backend.Features.Admin;

/// <summary>
/// A file of worked cases: <c>ruleSet</c>, <c>parameters</c> and <c>examples</c> with id, current tier and facts. An absent fact is known as
/// normal, but for the household size, the net income and the age of the income check; <c>null</c> for an asked fact means unknown.
/// </summary>
internal sealed record CaseFile(RuleParameters Rules, IReadOnlyList<CaseFile.Case> Cases)
{
    public sealed record Case(string Id, Tier Tier, TierState? State, HouseholdFacts Facts);

    private static readonly FrozenDictionary<string, Func<HouseholdFacts, JsonElement, HouseholdFacts>> s_facts = new Dictionary<string, Func<HouseholdFacts, JsonElement, HouseholdFacts>>
    {
        [FactKeys.Registry] = (f, e) => f with { Registry = Word(e, RegisterStatus.None, ("lifted", RegisterStatus.Lifted), ("monitored", RegisterStatus.Monitored), ("eliminated", RegisterStatus.Eliminated), ("general", RegisterStatus.General), ("none", RegisterStatus.None)) },
        [FactKeys.HouseholdSize] = (f, e) => f with { HouseholdSize = Asked(e, Count, 0) },
        [FactKeys.NetIncome12m] = (f, e) => f with { NetIncome12m = Asked(e, Number, 0) },
        [FactKeys.IncomeCheckedDaysAgo] = (f, e) => f with { IncomeCheckedDaysAgo = Asked(e, Count, 0) },
        [FactKeys.IncomeChangePct] = (f, e) => f with { IncomeChangePct = Told(e, Number, 0) },
        [FactKeys.RigidExpense12m] = (f, e) => f with { RigidExpense12m = Told(e, Amount, 0) },
        [FactKeys.DisasterLoss12m] = (f, e) => f with { DisasterLoss12m = Told(e, Amount, 0) },
        [FactKeys.MajorEventDaysAgo] = (f, e) => f with { MajorEventDaysAgo = Told(e, Count, 0) },
        [FactKeys.Dropout] = (f, e) => f with { Dropout = Asked(e, YesNo, false) },
        [FactKeys.HousingGrade] = (f, e) => f with { HousingGrade = Asked(e, OneOf("a", "b", "c", "d"), "a") },
        [FactKeys.WaterSafe] = (f, e) => f with { WaterSafe = Asked(e, YesNo, true) },
        [FactKeys.GuaranteeGap] = (f, e) => f with { GuaranteeGap = Told(e, Codes("none", "food", "clothing", "schooling", "medical", "housing", "water"), "none") },
        [FactKeys.UninsuredDays] = (f, e) => f with { UninsuredDays = Asked(e, Count, 0) },
        [FactKeys.UnprotectedPerson] = (f, e) => f with { UnprotectedPerson = Asked(e, YesNo, false) },
        [FactKeys.ZeroEmploymentDays] = (f, e) => f with { ZeroEmploymentDays = Asked(e, Count, 0) },
        [FactKeys.LabourCount] = (f, e) => f with { LabourCount = Told(e, Count, 0), LabourIsKnown = e.ValueKind != JsonValueKind.Null },
        [FactKeys.Dependents] = (f, e) => f with { Dependents = Told(e, Count, 0) },
        [FactKeys.SingleParent] = (f, e) => f with { SingleParent = Told(e, YesNo, false) },
        [FactKeys.HeavyHealth] = (f, e) => f with { HeavyHealth = Told(e, YesNo, false) },
        [FactKeys.MainEarnerMonthsWorked] = (f, e) => f with { MainEarnerMonthsWorked = Told(e, Amount, 12) },
        [FactKeys.JobLostDaysAgo] = (f, e) => f with { JobLostDaysAgo = Told(e, Count, 0) },
        [FactKeys.WageArrears] = (f, e) => f with { WageArrears = Told(e, YesNo, false) },
        [FactKeys.MedicalSelfPaid12m] = (f, e) => f with { MedicalSelfPaid12m = Told(e, Amount, 0) },
        [FactKeys.EducationSelfPaid] = (f, e) => f with { EducationSelfPaid = Told(e, Amount, 0) },
        [FactKeys.LoanOverdue] = (f, e) => f with { LoanOverdue = Told(e, YesNo, false) },
        [FactKeys.Debt] = (f, e) => f with { Debt = Told(e, Amount, 0) },
        [FactKeys.ElderAlone] = (f, e) => f with { ElderAlone = Told(e, YesNo, false) },
        [FactKeys.ElderLeftBehind] = (f, e) => f with { ElderLeftBehind = Told(e, YesNo, false) },
        [FactKeys.LeftBehindChild] = (f, e) => f with { LeftBehindChild = Told(e, YesNo, false) },
        [FactKeys.ChildMood] = (f, e) => f with { ChildMood = Told(e, OneOf("steady", "low", "crisis"), "steady") },
        [FactKeys.DropoutRisk] = (f, e) => f with { DropoutRisk = Told(e, YesNo, false) },
        [FactKeys.LostContact] = (f, e) => f with { LostContact = Told(e, YesNo, false) },
        [FactKeys.NoVisitFactor] = (f, e) => f with { NoVisitFactor = Told(e, Amount, 0) },
        [FactKeys.RelapseCount] = (f, e) => f with { RelapseCount = Told(e, Count, 0) },
        [FactKeys.TemporaryRelief12m] = (f, e) => f with { TemporaryRelief12m = Told(e, Amount, 0) },
        [FactKeys.OrphanSupport] = (f, e) => f with { OrphanSupport = Told(e, YesNo, false) },
        [FactKeys.InHospital] = (f, e) => f with { InHospital = Told(e, YesNo, false) },
        [FactKeys.UtilityArrears] = (f, e) => f with { UtilityArrears = Told(e, YesNo, false) },
        [FactKeys.HomeHazard] = (f, e) => f with { HomeHazard = Told(e, Hazard, "none") },
        [FactKeys.LowWaterUse] = (f, e) => f with { LowWaterUse = Told(e, YesNo, false) },
        [FactKeys.AllAway] = (f, e) => f with { AllAway = Told(e, YesNo, false) },
        [FactKeys.DaysSinceIdentified] = (f, e) => f with { DaysSinceIdentified = Told(e, Count, 0) },
        [FactKeys.FinishedMeasures] = (f, e) => f with { FinishedMeasures = Told(e, Count, 0) },
        [FactKeys.MonthsAtOrAboveClearLine] = (f, e) => f with { MonthsAtOrAboveClearLine = Told(e, Count, 0) },
        [FactKeys.RigidResolved] = (f, e) => f with { RigidResolved = Told(e, YesNo, false) },
        [FactKeys.EliminationProcedureDone] = (f, e) => f with { EliminationProcedureDone = Told(e, YesNo, false) },
        [FactKeys.NaturalElimination] = (f, e) => f with { NaturalElimination = Told(e, YesNo, false) },
        [FactKeys.LastHomeVisitDaysAgo] = (f, e) => f with { LastHomeVisitDaysAgo = Told(e, Count, 0) },
        [FactKeys.Approvals] = (f, e) => f with { Approvals = Told(e, Count, 0) },
        [FactKeys.DaysWithoutSignal] = (f, e) => f with { DaysWithoutSignal = Told(e, Count, 0) },
        [FactKeys.LoweringApproved] = (f, e) => f with { LoweringApproved = Told(e, YesNo, false) },
        [FactKeys.DaysSinceEliminated] = (f, e) => f with { DaysSinceEliminated = Told(e, Count, 0) },
    }.ToFrozenDictionary();

    /// <exception cref="FormatException">The bytes are no such file; the message says in Chinese where and why.</exception>
    public static CaseFile Parse(ReadOnlyMemory<byte> json, DateOnly today)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            var root = Expect(document.RootElement, JsonValueKind.Object, "文件应为一个 JSON 对象");
            if (root.TryGetProperty("ruleSet", out var name) && !(name.ValueKind == JsonValueKind.String && name.ValueEquals(RuleSet.Default.Name)))
                throw new FormatException($"ruleSet 只能是 {RuleSet.Default.Name}");
            var rules = RuleSet.Default.At("", today);
            if (root.TryGetProperty("parameters", out var parameters)) rules = Overridden(rules, parameters);
            if (!root.TryGetProperty("examples", out var examples)) throw new FormatException("缺少 examples");
            var cases = new List<Case>();
            foreach (var example in Expect(examples, JsonValueKind.Array, "examples 应为数组").EnumerateArray())
                cases.Add(One(example, cases.Count + 1, today));
            return new CaseFile(rules, cases);
        }
        catch (JsonException e)
        {
            throw new FormatException($"不是有效的 JSON（第 {e.LineNumber + 1} 行）", e);
        }
    }

    private static RuleParameters Overridden(RuleParameters rules, JsonElement parameters)
    {
        var others = new Dictionary<string, decimal>();
        foreach (var property in Expect(parameters, JsonValueKind.Object, "parameters 应为对象").EnumerateObject())
        {
            others[property.Name] = property.Value.ValueKind == JsonValueKind.Number && property.Value.TryGetDecimal(out var number)
                ? number : throw new FormatException($"参数 {property.Name} 应为数字");
        }

        try
        {
            return rules.With(others);
        }
        catch (FormatException e)
        {
            throw new FormatException($"parameters 中有规则不认识的参数，或天数不是整数（{string.Join("、", others.Keys)}）", e);
        }
    }

    private static Case One(JsonElement example, int number, DateOnly today)
    {
        var id = example.ValueKind == JsonValueKind.Object && example.TryGetProperty("id", out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()! : throw new FormatException($"第 {number} 个案例缺少 id");
        try
        {
            var tier = example.TryGetProperty("currentTier", out var current)
                ? Word(current, Tier.Green, ("green", Tier.Green), ("yellow", Tier.Yellow), ("orange", Tier.Orange), ("red", Tier.Red)).Value : Tier.Green;
            TierState? state = example.TryGetProperty("currentState", out var kept)
                ? Word<TierState?>(kept, null, ("provisional", TierState.Provisional), ("confirmed", TierState.Confirmed), ("unassessed", TierState.Unassessed)).Value
                : null;
            if (!example.TryGetProperty("facts", out var given)) throw new FormatException("缺少 facts");
            var facts = new HouseholdFacts { Day = today };
            foreach (var fact in Expect(given, JsonValueKind.Object, "facts 应为对象").EnumerateObject())
            {
                if (!s_facts.TryGetValue(fact.Name, out var set)) throw new FormatException($"没有规则读取“{fact.Name}”");
                try
                {
                    facts = set(facts, fact.Value);
                }
                catch (FormatException e)
                {
                    throw new FormatException($"{fact.Name} {e.Message}", e);
                }
            }

            return new Case(id, tier, state, facts);
        }
        catch (FormatException e)
        {
            throw new FormatException($"案例 {id}：{e.Message}", e);
        }
    }

    private static Fact<T> Asked<T>(JsonElement element, Func<JsonElement, T> read, T normal) =>
        element.ValueKind == JsonValueKind.Null ? Fact.Unknown(normal) : Fact.Known(read(element));

    private static Fact<T> Told<T>(JsonElement element, Func<JsonElement, T> read, T normal) =>
        element.ValueKind == JsonValueKind.Null ? Fact.Normal(normal) : Fact.Known(read(element));

    private static bool YesNo(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw new FormatException("应为 true 或 false"),
    };

    private static int Count(JsonElement element) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out var count) && count >= 0 ? count : throw new FormatException("应为不小于零的整数");

    private static decimal Number(JsonElement element) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetDecimal(out var number) && Math.Abs(number) < 1_000_000_000_000_000m
            ? number : throw new FormatException("应为数字");

    private static decimal Amount(JsonElement element) => Number(element) is var amount && amount >= 0 ? amount : throw new FormatException("应为不小于零的数");

    private static string Hazard(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.True => "true",
        JsonValueKind.False => "none",
        _ => OneOf("none", "fire", "gas", "electric", "fall")(element),
    };

    private static Func<JsonElement, string> OneOf(params string[] words) => element =>
        element.ValueKind == JsonValueKind.String && element.GetString() is { } word && words.Contains(word)
            ? word : throw new FormatException($"只能取：{string.Join("、", words)}");

    private static Func<JsonElement, string> Codes(params string[] words) => element =>
        element.ValueKind == JsonValueKind.String && element.GetString() is { } codes && codes.Split('|').All(words.Contains)
            ? codes : throw new FormatException($"只能取（可用竖线连接）：{string.Join("、", words)}");

    private static Fact<T> Word<T>(JsonElement element, T normal, params (string Word, T Value)[] words)
    {
        if (element.ValueKind == JsonValueKind.Null) return Fact.Normal(normal);
        foreach (var (word, value) in words)
        {
            if (element.ValueKind == JsonValueKind.String && element.ValueEquals(word)) return Fact.Known(value);
        }

        throw new FormatException($"只能取：{string.Join("、", words.Select(pair => pair.Word))}");
    }

    private static JsonElement Expect(JsonElement element, JsonValueKind kind, string otherwise) =>
        element.ValueKind == kind ? element : throw new FormatException(otherwise);
}
