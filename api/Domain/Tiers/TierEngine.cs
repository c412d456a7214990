using System.Globalization;
using Backend.Domain.Facts;
using Backend.Domain.Households;

namespace Backend.Domain.Tiers;

/// <summary>
/// 定级: the rules of tier-rules.md as a pure function of (facts, current tier and its state, parameters). A rise is immediate; nothing in here
/// answers a milder tier than the kept one unless what H2 to H5 ask of named persons is on record, or a register mark has taken R1's place.
/// Money is compared per head by multiplication, never by division.
/// </summary>
internal static class TierEngine
{
    /// <summary>The tier that cadence, due day and the way out go by: under the mark "unassessed" it is the kept green.</summary>
    public static Tier Kept(Tier tier, TierState? state) => state == TierState.Unassessed ? Tier.Green : tier;

    /// <summary>Evaluates one household on the day of its facts.</summary>
    /// <param name="facts">The facts of the day, from <see cref="FactsMapping"/>.</param>
    /// <param name="current">The tier on the tile.</param>
    /// <param name="state">Its state. A red without one counts as confirmed where the register holds the household as monitored or eliminated.</param>
    /// <param name="rules">The parameters of the household's place on that day.</param>
    public static Evaluation Evaluate(HouseholdFacts facts, Tier current, TierState? state, RuleParameters rules)
    {
        var fired = Rules.Fired(facts, rules);
        var engine = fired.Count == 0 ? Tier.Green : fired[0].Tier;
        var (tier, newState, blockers) = Decide(facts, rules, fired, engine, current, state);
        return new Evaluation
        {
            Day = facts.Day,
            EngineTier = engine,
            Tier = tier,
            State = newState,
            Reasons = fired.Count == 0 ? [new Reason("G0", Tier.Green, null, [])] : fired,
            Blockers = blockers,
            Unknowns = facts.Unknowns,
            RuleSet = rules.RuleSet,
            RuleSetHash = rules.Hash,
        };
    }

    /// <summary>
    /// H3: the snapshot with the household's major events recorded as settled, so that the mapping leaves them out; null while the home visit
    /// or the two approvers are missing. Other red rules are settled only once they no longer hold.
    /// </summary>
    public static FactsSnapshot? Settle(FactsSnapshot snapshot, HouseholdFacts facts, RuleParameters rules) =>
        WayOut.OfProvisionalRed(facts, rules).Count == 0 ? snapshot.WithSettled(facts.MajorEvents) : null;

    private static (Tier Tier, TierState? State, IReadOnlyList<Blocker> Blockers) Decide(
        HouseholdFacts facts, RuleParameters rules, List<Reason> fired, Tier engine, Tier current, TierState? state)
    {
        var kept = Kept(current, state);
        var isMonitored = Has(fired, "R1");
        if (engine > kept)
        {
            // Data that merely aged is a task, no alarm: only over a kept green (tier-rules.md, Unassessed).
            if (kept == Tier.Green && fired is [{ Rule: "Y11" }]) return (Tier.Yellow, TierState.Unassessed, []);
            return (engine, engine < Tier.Red ? null : isMonitored ? TierState.Confirmed : TierState.Provisional, []);
        }

        switch (kept)
        {
            case Tier.Red when isMonitored:
                return (Tier.Red, TierState.Confirmed, WayOut.OfConfirmedRed(facts, rules, fired));
            case Tier.Red when engine == Tier.Orange && IsConfirmed(facts, state):
                return (Tier.Orange, null, []);
            case Tier.Red:
                return Fall(Tier.Red, TierState.Provisional, engine, WayOut.OfProvisionalRed(facts, rules));
            case Tier.Orange when engine < Tier.Orange:
                return Fall(Tier.Orange, null, engine, WayOut.OfOrange(facts, rules));
            case Tier.Yellow when engine < Tier.Yellow:
                return Fall(Tier.Yellow, null, engine, WayOut.OfYellow(facts, rules));
            default:
                return (kept, null, []);
        }
    }

    private static (Tier, TierState?, IReadOnlyList<Blocker>) Fall(Tier kept, TierState? state, Tier engine, IReadOnlyList<Blocker> unmet) =>
        unmet.Count == 0 && engine < kept ? (engine, null, []) : (kept, state, unmet);

    private static bool IsConfirmed(HouseholdFacts facts, TierState? state) =>
        state is null ? facts.Registry.Value is RegisterStatus.Monitored or RegisterStatus.Eliminated : state == TierState.Confirmed;

    private static bool Has(List<Reason> fired, string rule) => fired.Exists(reason => reason.Rule == rule);
}

/// <summary>The rules R1 to Y13, in the order in which they are shown: most severe first, then by number.</summary>
internal static class Rules
{
    /// <summary>The rules that hold, with threshold and facts; empty means G0.</summary>
    public static List<Reason> Fired(HouseholdFacts f, RuleParameters p)
    {
        var fired = new List<Reason>();
        var texts = p.Thresholds;
        var size = f.HouseholdSize.Value;
        var income = f.NetIncome12m.Value;
        // Without income or size nothing can be said per head; the missing fact speaks in Y11.
        var perHead = !f.NetIncome12m.IsUnknown && !f.HouseholdSize.IsUnknown && size > 0;
        var line = p.MonitoringLine * size;
        var costs = f.RigidCosts + f.DisasterLoss12m.Value;

        if (f.Registry.Value == RegisterStatus.Monitored) Red("R1", "在国家防返贫监测系统中为监测对象，风险未消除", FactKeys.Registry);
        if (perHead && income < line) Red("R2", Line(p.MonitoringLine, size), FactKeys.NetIncome12m, FactKeys.HouseholdSize);
        if (perHead && income >= line && income - costs < line)
        {
            Red("R3", Line(p.MonitoringLine, size), [FactKeys.NetIncome12m, FactKeys.HouseholdSize, .. Known(
                (f.RigidExpense12m.IsKnown, FactKeys.RigidExpense12m), (f.MedicalSelfPaid12m.IsKnown, FactKeys.MedicalSelfPaid12m),
                (f.EducationSelfPaid.IsKnown, FactKeys.EducationSelfPaid), (f.DisasterLoss12m.IsKnown, FactKeys.DisasterLoss12m))]);
        }

        When("R4", Tier.Red, texts.Guarantees,
            (f.Dropout is { IsUnknown: false, Value: true }, FactKeys.Dropout),
            (f.HousingGrade is { IsUnknown: false, Value: "c" or "d" }, FactKeys.HousingGrade),
            (f.WaterSafe is { IsUnknown: false, Value: false }, FactKeys.WaterSafe),
            (HasRedGap(f.GuaranteeGap.Value), FactKeys.GuaranteeGap),
            (f.UninsuredDays.IsKnown && f.UninsuredDays.Value > p.InsuranceGraceDays, FactKeys.UninsuredDays));
        if (f.MajorEventDaysAgo.IsKnown && f.MajorEventDaysAgo.Value <= p.EventDays) Red("R5", texts.Event, FactKeys.MajorEventDaysAgo);
        if (f.UnprotectedPerson is { IsUnknown: false, Value: true }) Red("R6", null, FactKeys.UnprotectedPerson);
        if (f.ZeroEmploymentDays.IsKnown && f.ZeroEmploymentDays.Value > p.ZeroEmploymentDays) Red("R7", texts.ZeroEmployment, FactKeys.ZeroEmploymentDays);

        var isOver = p.OrangeEndDays is { } end && f.DaysSinceEliminated.IsKnown && f.DaysSinceEliminated.Value > end;
        if (f.Registry.Value == RegisterStatus.Eliminated && !isOver)
            fired.Add(new Reason("O1", Tier.Orange, "在国家防返贫监测系统中为监测对象，风险已消除", [f.Read(FactKeys.Registry)]));

        if (perHead && income >= line && income <= line * p.AttentionFactor)
        {
            fired.Add(new Reason("Y1", Tier.Yellow, Line(p.MonitoringLine, size) + $"至其 {Plain(p.AttentionFactor)} 倍",
                [f.Read(FactKeys.NetIncome12m), f.Read(FactKeys.HouseholdSize)]));
        }

        var isEmpty = f.HouseholdSize.IsKnown && size == 0 && !f.Dependents.IsKnown;
        When("Y2", Tier.Yellow, null, (f.LabourCount is { IsKnown: true, Value: 0 } && f.LabourIsKnown && !isEmpty, FactKeys.LabourCount));
        When("Y3", Tier.Yellow, null, (f.HeavyHealth.Value, FactKeys.HeavyHealth));
        var carriesMany = f.LabourCount is { IsKnown: true, Value: 1 } && f.Dependents.Value >= p.DependentsPerWorker;
        When("Y4", Tier.Yellow, texts.Burden,
            (f.SingleParent.Value, FactKeys.SingleParent), (carriesMany, FactKeys.LabourCount), (carriesMany, FactKeys.Dependents));
        When("Y5", Tier.Yellow, texts.IncomeDrop, (f.IncomeChangePct.IsKnown && f.IncomeChangePct.Value <= p.IncomeDropPct, FactKeys.IncomeChangePct));
        When("Y6", Tier.Yellow, texts.Work,
            (f.MainEarnerMonthsWorked.IsKnown && f.MainEarnerMonthsWorked.Value < p.UnstableMonths, FactKeys.MainEarnerMonthsWorked),
            (f.JobLostDaysAgo.IsKnown && f.JobLostDaysAgo.Value <= p.JobLostDays, FactKeys.JobLostDaysAgo),
            (f.WageArrears.Value, FactKeys.WageArrears));
        When("Y7", Tier.Yellow, texts.SelfPaid,
            (f.MedicalSelfPaid12m.IsKnown && f.MedicalSelfPaid12m.Value >= p.MedicalSelfPaid, FactKeys.MedicalSelfPaid12m),
            (f.EducationSelfPaid.IsKnown && f.EducationSelfPaid.Value >= p.EducationSelfPaid, FactKeys.EducationSelfPaid));
        var owesMuch = f.Debt.IsKnown && !f.NetIncome12m.IsUnknown && f.Debt.Value > income;
        When("Y8", Tier.Yellow, "贷款逾期，或负债超过一年纯收入",
            (f.LoanOverdue.Value, FactKeys.LoanOverdue), (owesMuch, FactKeys.Debt), (owesMuch, FactKeys.NetIncome12m));
        When("Y9", Tier.Yellow, null,
            (f.ElderAlone.Value, FactKeys.ElderAlone), (f.ElderLeftBehind.Value, FactKeys.ElderLeftBehind),
            (f.LeftBehindChild.Value, FactKeys.LeftBehindChild), (f.ChildMood.Value == "crisis", FactKeys.ChildMood),
            (f.DropoutRisk.Value, FactKeys.DropoutRisk));
        When("Y10", Tier.Yellow, texts.Gaps,
            (f.UninsuredDays.IsKnown && f.UninsuredDays.Value <= p.InsuranceGraceDays, FactKeys.UninsuredDays),
            (f.ZeroEmploymentDays.IsKnown && f.ZeroEmploymentDays.Value <= p.ZeroEmploymentDays, FactKeys.ZeroEmploymentDays),
            (f.LostContact.Value, FactKeys.LostContact));
        Unknown(f, p, fired);
        When("Y12", Tier.Yellow, null, (f.RelapseCount.Value >= 1, FactKeys.RelapseCount));
        When("Y13", Tier.Yellow, texts.Others,
            (f.TemporaryRelief12m.Value >= p.TemporaryReliefCount, FactKeys.TemporaryRelief12m), (f.OrphanSupport.Value, FactKeys.OrphanSupport),
            (f.InHospital.Value, FactKeys.InHospital), (f.UtilityArrears.Value, FactKeys.UtilityArrears),
            (f.HomeHazard.Value != "none", FactKeys.HomeHazard), (f.LowWaterUse.Value, FactKeys.LowWaterUse));
        return fired;

        void Red(string rule, string? threshold, params ReadOnlySpan<string> keys)
        {
            var facts = new FactRead[keys.Length];
            for (var i = 0; i < keys.Length; i++) facts[i] = f.Read(keys[i]);
            fired.Add(new Reason(rule, Tier.Red, threshold, facts));
        }

        void When(string rule, Tier tier, string? threshold, params ReadOnlySpan<(bool Holds, string Key)> parts)
        {
            List<FactRead>? facts = null;
            foreach (var (holds, key) in parts)
            {
                if (holds) (facts ??= []).Add(f.Read(key));
            }

            if (facts is not null) fired.Add(new Reason(rule, tier, threshold, facts));
        }
    }

    /// <summary>Y11: income not checked for a year, no counted visit for twice the cadence, or an asked fact without an answer.</summary>
    private static void Unknown(HouseholdFacts f, RuleParameters p, List<Reason> fired)
    {
        var isStale = f.IncomeCheckedDaysAgo.IsUnknown || f.IncomeCheckedDaysAgo.Value > p.IncomeStaleDays;
        var isUnvisited = f.NoVisitFactor.Value > 2;
        if (!isStale && !isUnvisited && !f.HasUnknown) return;
        var facts = new List<FactRead>();
        if (isStale) facts.Add(f.Read(FactKeys.IncomeCheckedDaysAgo));
        if (isUnvisited) facts.Add(f.Read(FactKeys.NoVisitFactor));
        foreach (var key in UnknownKeys(f).Where(key => key != FactKeys.IncomeCheckedDaysAgo)) facts.Add(new FactRead(key, null, []));
        fired.Add(new Reason("Y11", Tier.Yellow, p.Thresholds.Known, facts));
    }

    private static IEnumerable<string> UnknownKeys(HouseholdFacts f) => f.Unknowns.Select(unknown => unknown.Fact)
        .Concat(Known(
            (f.NetIncome12m.IsUnknown, FactKeys.NetIncome12m), (f.HouseholdSize.IsUnknown, FactKeys.HouseholdSize), (f.Dropout.IsUnknown, FactKeys.Dropout),
            (f.HousingGrade.IsUnknown, FactKeys.HousingGrade), (f.WaterSafe.IsUnknown, FactKeys.WaterSafe),
            (f.UninsuredDays.IsUnknown, FactKeys.UninsuredDays), (f.UnprotectedPerson.IsUnknown, FactKeys.UnprotectedPerson),
            (f.ZeroEmploymentDays.IsUnknown, FactKeys.ZeroEmploymentDays), (!f.LabourIsKnown, FactKeys.LabourCount)))
        .Distinct().Order(StringComparer.Ordinal);

    private static IEnumerable<string> Known(params (bool Holds, string Key)[] parts) => parts.Where(part => part.Holds).Select(part => part.Key);

    /// <summary>Medical alone has its days of grace, through the uninsured days (facts.md).</summary>
    private static bool HasRedGap(string codes) => codes is not ("none" or "medical")
        && codes.Split('|').Any(code => code is "food" or "clothing" or "schooling" or "housing" or "water");

    private static string Line(decimal line, int size) => $"监测线 {Plain(line)} 元 × {size} 人 = {Plain(line * size)} 元";

    internal static string Plain(decimal number) => number.ToString("0.####", CultureInfo.InvariantCulture);
}

/// <summary>The thresholds in Chinese, as far as they follow from the parameters alone: made once, not for every household.</summary>
internal sealed class RuleThresholds(RuleParameters p)
{
    public string Guarantees { get; } = $"义务教育、住房、饮水、吃穿有保障，断保不超过 {p.InsuranceGraceDays} 天";
    public string Event { get; } = $"{p.EventDays} 天内";
    public string ZeroEmployment { get; } = $"超过 {p.ZeroEmploymentDays} 天";
    public string Burden { get; } = $"单亲，或 1 名劳动力抚养赡养 {p.DependentsPerWorker} 人及以上";
    public string IncomeDrop { get; } = $"一年内变化 {Rules.Plain(p.IncomeDropPct)}% 或更低";
    public string Work { get; } = $"12 个月中务工不足 {Rules.Plain(p.UnstableMonths)} 个月，或 {p.JobLostDays} 天内失业，或被拖欠工资";
    public string SelfPaid { get; } = $"自付医疗费达到 {Rules.Plain(p.MedicalSelfPaid)} 元，或自付教育费达到 {Rules.Plain(p.EducationSelfPaid)} 元";
    public string Gaps { get; } = $"断保 {p.InsuranceGraceDays} 天以内，或零就业 {p.ZeroEmploymentDays} 天以内，或失联";
    public string Known { get; } = $"收入 {p.IncomeStaleDays} 天内核算过，两个随访周期内有计入的随访，应询问的情况均已了解";
    public string Others { get; } = $"12 个月内临时救助 {p.TemporaryReliefCount} 次及以上，或其他需要关注的情况";
}

/// <summary>退出条件: what is still missing for a milder tier (H2 to H5), each part with its id and a Chinese text.</summary>
internal static class WayOut
{
    /// <summary>H2. While R1 holds the tier stays; with nothing missing, staff may record the mark that the register eliminates the risk.</summary>
    public static IReadOnlyList<Blocker> OfConfirmedRed(HouseholdFacts f, RuleParameters p, IReadOnlyList<Reason> fired)
    {
        var unmet = new List<Blocker>();
        var isNatural = f.NaturalElimination.Value;
        if (!f.DaysSinceIdentified.IsKnown) Add("H2a", $"识别满 {p.RedMinDays} 天：识别日期未登记");
        else if (f.DaysSinceIdentified.Value < p.RedMinDays) Add("H2a", $"识别满 {p.RedMinDays} 天：还差 {p.RedMinDays - f.DaysSinceIdentified.Value} 天");
        if (f.FinishedMeasures.Value < 1) Add("H2b", "至少完成一项帮扶措施");
        if (!isNatural && f.MonthsAtOrAboveClearLine.Value < p.ClearMonths)
            Add("H2c", $"人均收入连续 {p.ClearMonths} 个月不低于 {Rules.Plain(p.MonitoringLine * p.ClearFactor)} 元：已有 {f.MonthsAtOrAboveClearLine.Value} 个月");
        if (!isNatural && !f.RigidResolved.Value) Add("H2d", "大额医疗、教育等支出问题尚未记录为已解决");
        if (fired.Any(reason => reason.Rule == "R4")) Add("H2e", "义务教育、住房、饮水、吃穿或医保仍有未达标项");
        if (!f.LabourIsKnown) Add("H2f", "成员劳动能力尚未全部核实");
        else if (f.LabourCount is { IsKnown: true, Value: 0 }) Add("H2f", "家庭暂无劳动力，继续跟踪帮扶");
        if (fired.Where(reason => reason.Rule is "R2" or "R3" or "R5" or "R6" or "R7").Select(reason => RuleTexts.Short(reason.Rule)).ToArray() is { Length: > 0 } risks)
            Add("H2g", $"仍有其他风险：{string.Join("、", risks)}");
        if (!f.EliminationProcedureDone.Value) Add("H2h", "风险消除程序尚未办结");
        return unmet;

        void Add(string id, string missing) => unmet.Add(new Blocker(id, missing));
    }

    /// <summary>H3: a recent visit at home and two different approvers.</summary>
    public static IReadOnlyList<Blocker> OfProvisionalRed(HouseholdFacts f, RuleParameters p) => [.. HomeVisit("H3a", f, p), .. TwoApprovers("H3b", f)];

    /// <summary>H4.</summary>
    public static IReadOnlyList<Blocker> OfYellow(HouseholdFacts f, RuleParameters p) =>
    [
        .. f.DaysWithoutSignal.IsKnown && f.DaysWithoutSignal.Value >= p.YellowClearDays ? []
            : new[] { new Blocker("H4a", $"连续 {p.YellowClearDays} 天无预警信号：已有 {f.DaysWithoutSignal.Value} 天") },
        .. HomeVisit("H4b", f, p),
        .. f.LoweringApproved.Value ? [] : new[] { new Blocker("H4c", "社区尚未审批") },
    ];

    /// <summary>H5, once O1 has ended.</summary>
    public static IReadOnlyList<Blocker> OfOrange(HouseholdFacts f, RuleParameters p) =>
    [
        .. f.DaysSinceEliminated.IsKnown && f.DaysSinceEliminated.Value >= p.OrangeMinDays ? []
            : new[]
            {
                new Blocker("H5a", f.DaysSinceEliminated.IsKnown
                    ? $"风险消除满 {p.OrangeMinDays} 天：还差 {p.OrangeMinDays - f.DaysSinceEliminated.Value} 天"
                    : $"风险消除满 {p.OrangeMinDays} 天：消除日期未登记"),
            },
        .. TwoApprovers("H5b", f),
    ];

    private static Blocker[] HomeVisit(string id, HouseholdFacts f, RuleParameters p) =>
        f.LastHomeVisitDaysAgo.IsKnown && f.LastHomeVisitDaysAgo.Value <= p.VerifyVisitDays ? [] : [new Blocker(id, $"最近 {p.VerifyVisitDays} 天内没有入户随访")];

    private static Blocker[] TwoApprovers(string id, HouseholdFacts f) =>
        f.Approvals.Value >= 2 ? [] : [new Blocker(id, $"需要两名不同人员审批：已有 {f.Approvals.Value} 名")];
}
