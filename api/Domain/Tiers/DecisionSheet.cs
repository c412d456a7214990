using Backend.Domain.Facts;
using Backend.Domain.Tags;

namespace Backend.Domain.Tiers;

/// <summary>
/// 定级说明 (B-1): why a household has this tier on this day. Every rule that fired with the facts it read, their dates and sources and the
/// threshold; the way out (B-3); what is still unknown; and one plain sentence for the resident. Personal: only for those who may read the household.
/// </summary>
/// <param name="Tier">The effective tier.</param>
/// <param name="TierText">Its default Chinese title; a provisional red reads 红色 待核实.</param>
/// <param name="State">Provisional or confirmed on red, unassessed over a kept green, else null.</param>
/// <param name="EngineTier">The rules' own answer.</param>
/// <param name="Day">The Shanghai day of the evaluation.</param>
/// <param name="RuleSet">Name of the rule set.</param>
/// <param name="RuleSetHash">SHA-256 of the rule set, lower-case hex.</param>
/// <param name="Sentence">One plain Chinese sentence for the resident.</param>
/// <param name="Reasons">Most severe first, then by number; G0 alone when no rule holds.</param>
/// <param name="WayOut">Open conditions for a milder tier; empty on a rise and where nothing is missing.</param>
/// <param name="Unknowns">Asked facts without an answer, and whom they concern.</param>
internal sealed record DecisionSheet(
    Tier Tier, string TierText, TierState? State, Tier EngineTier, DateOnly Day, string RuleSet, string RuleSetHash, string Sentence,
    IReadOnlyList<DecisionSheet.Line> Reasons, IReadOnlyList<Blocker> WayOut, IReadOnlyList<DecisionSheet.Open> Unknowns)
{
    /// <summary>A rule that fired: its id, what it says, the threshold in Chinese where it has one, and the facts it read.</summary>
    internal sealed record Line(string Rule, Tier Tier, string Text, string? Threshold, IReadOnlyList<FactLine> Facts);

    /// <summary>A fact: its key, its Chinese name, its value as stored (null: unknown) and in Chinese, and the rows behind it.</summary>
    internal sealed record FactLine(string Fact, string Name, string? Value, string Text, IReadOnlyList<Origin> Origins);

    /// <summary>A row behind a fact: what it is in Chinese, whom it speaks of, its date, when it was last seen to be so, and who said so.</summary>
    internal sealed record Origin(Guid? Id, string Kind, string? Tag, string Text, Guid? SubjectId, DateOnly? Day, DateOnly? ObservedAt, ValueSource? Source, string? SourceText);

    /// <summary>An asked fact without an answer: the person it concerns (null: the household) and the tag whose form field answers it.</summary>
    internal sealed record Open(string Fact, string Name, Guid? ResidentId, string Tag, string TagName);

    public static DecisionSheet Of(Evaluation evaluation, TagCatalogue catalogue) => new(
        evaluation.Tier, Title(evaluation.Tier, evaluation.State), evaluation.State, evaluation.EngineTier, evaluation.Day,
        evaluation.RuleSet, evaluation.RuleSetHash, Say(evaluation),
        [.. evaluation.Reasons.Select(reason => new Line(
            reason.Rule, reason.Tier, RuleTexts.Short(reason.Rule), reason.Threshold,
            [.. reason.Facts.Select(fact => new FactLine(
                fact.Fact, FactTexts.Name(fact.Fact), fact.Value, FactTexts.Value(fact.Fact, fact.Value, catalogue),
                [.. fact.Sources.Select(source => From(source, catalogue))]))]))],
        evaluation.Blockers,
        [.. evaluation.Unknowns.DistinctBy(unknown => (unknown.SubjectId, unknown.Tag)).Select(unknown => new Open(
            unknown.Fact, FactTexts.Name(unknown.Fact), unknown.Subject == SubjectKind.Person ? unknown.SubjectId : null, unknown.Tag,
            catalogue.Find(unknown.Tag)?.Name ?? unknown.Tag))]);

    /// <summary>The sheet for somebody who may not see every tag: a fact goes with the rows behind it, an open question with the tag that it asks for. What the rules said stays.</summary>
    /// <param name="sees">Whether she may see a tag's value.</param>
    /// <param name="asks">Whether she may know that a tag's value is missing.</param>
    public DecisionSheet For(Func<string, bool> sees, Func<string, bool> asks) => this with
    {
        Reasons = [.. Reasons.Select(line => line with { Facts = [.. line.Facts.Where(fact => fact.Origins.All(o => o.Tag is null || sees(o.Tag)))] })],
        Unknowns = [.. Unknowns.Where(unknown => asks(unknown.Tag))],
    };

    /// <summary>The default Chinese titles of the colours (glossary.md section 2).</summary>
    public static string Title(Tier tier, TierState? state) => (tier, state) switch
    {
        (Tier.Red, TierState.Provisional) => "红色 待核实",
        (Tier.Red, _) => "红色 重点风险监测户",
        (Tier.Orange, _) => "橙色 消除风险监测户",
        (Tier.Yellow, TierState.Unassessed) => "黄色 待补信息",
        (Tier.Yellow, _) => "黄色 重点脱贫户",
        _ => "绿色 正常脱贫户",
    };

    /// <summary>The sentence of the gravest reason; where the rules already say milder, that the household is on its way.</summary>
    private static string Say(Evaluation evaluation) => evaluation.Tier > evaluation.EngineTier
        ? "您家的情况正在好转，核实之后会调整随访安排，在这之前我们照常来看望您。"
        : RuleTexts.Plain(evaluation.Reasons[0].Rule);

    private static Origin From(ValueRef row, TagCatalogue catalogue) => new(
        row.Id, row.Kind, row.Tag,
        row.Kind switch
        {
            "tag_value" => catalogue.Find(row.Tag ?? "")?.Name ?? row.Tag ?? "",
            "register_mark" => "登记标注",
            "visit" => "最近一次计入的随访",
            "tier_change" => "四色变化记录",
            _ => "户内成员与户信息",
        },
        row.SubjectId, row.Day, row.ObservedAt, row.Source, row.Source is { } source ? SourceText(source) : null);

    private static string SourceText(ValueSource source) => source switch
    {
        ValueSource.Visit => "随访",
        ValueSource.Resident => "居民",
        ValueSource.Staff => "后台",
        ValueSource.Department => "部门",
        ValueSource.Import => "导入",
        _ => "系统计算",
    };
}
