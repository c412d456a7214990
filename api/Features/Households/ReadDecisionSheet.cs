using Backend.Domain.Tags;
using Backend.Domain.Tiers;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Backend.Features.Households;

/// <summary>定级说明 (B-1): why this household has this tier today, rule by rule, with facts, dates, sources and thresholds, and one plain sentence for the resident.</summary>
internal static class ReadDecisionSheet
{
    /// <param name="HouseholdId">The household.</param>
    /// <param name="Tier">四色等级 on the tile.</param>
    /// <param name="TierText">Its Chinese title; a provisional red reads 红色 待核实.</param>
    /// <param name="State">等级状态.</param>
    /// <param name="EngineTier">The rules' own answer.</param>
    /// <param name="Day">The Shanghai day of this evaluation.</param>
    /// <param name="RuleSet">Name of the rule set.</param>
    /// <param name="RuleSetHash">SHA-256 of it, lower-case hex.</param>
    /// <param name="Sentence">One plain Chinese sentence for the resident.</param>
    /// <param name="Reasons">Every rule that fired, most severe first, each with those facts that the caller's role may see.</param>
    /// <param name="WayOut">未满足条件 for a milder tier.</param>
    /// <param name="Unknowns">Asked facts without an answer.</param>
    public sealed record Response(
        Guid HouseholdId, Tier Tier, string TierText, TierState? State, Tier EngineTier, DateOnly Day, string RuleSet, string RuleSetHash, string Sentence,
        IReadOnlyList<Line> Reasons, IReadOnlyList<Blocker> WayOut, IReadOnlyList<Unknown> Unknowns);

    public sealed record Line(string Rule, Tier Tier, string Text, string? Threshold, IReadOnlyList<Fact> Facts);

    /// <param name="Key">Key of the fact.</param>
    /// <param name="Name">Its Chinese name.</param>
    /// <param name="Value">As stored; null while unknown.</param>
    /// <param name="Text">In Chinese.</param>
    /// <param name="Origins">The rows behind it.</param>
    public sealed record Fact(string Key, string Name, string? Value, string Text, IReadOnlyList<Origin> Origins);

    /// <param name="Id">The row, where it has an id.</param>
    /// <param name="Kind"><c>tag_value</c>, <c>register_mark</c>, <c>visit</c>, <c>tier_change</c> or <c>household</c>.</param>
    /// <param name="Text">What it is, in Chinese.</param>
    /// <param name="SubjectId">Whom it speaks of.</param>
    /// <param name="Day">Its own effective date.</param>
    /// <param name="ObservedAt">The day on which it was last seen to be so.</param>
    /// <param name="Source">Who says so.</param>
    /// <param name="SourceText">The same in Chinese.</param>
    public sealed record Origin(Guid? Id, string Kind, string Text, Guid? SubjectId, DateOnly? Day, DateOnly? ObservedAt, ValueSource? Source, string? SourceText);

    public sealed record Blocker(string Id, string Missing);

    public sealed record Unknown(string Fact, string Name, Guid? ResidentId, string Tag, string TagName);

    public static void Map(RouteGroupBuilder households) =>
        households.MapGet("/{id:guid}/tier", Handle).WithName("readDecisionSheet")
            .WithSummary("定级说明")
            .WithDescription("逐条说明为何是这个等级：规则、依据、日期、来源、阈值、规则集版本，以及一句给居民看的话。")
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, AppDataSource source, ReferenceData references, TierDesk desk, FieldRights fields, CurrentAccount me, AuditWriter audit, TimeProvider clock,
        CancellationToken cancellation)
    {
        var reference = await references.ReadAsync(clock.Today(), cancellation);
        await using var reader = await ScopedCommands.ReadAsync(source, me.Current, [audit.FoundCommand(id, foundBy: HouseholdRow.Sql)], cancellation);
        if (await HouseholdRow.ReadAsync(reader.Rows, cancellation) is not { } household) return Problems.NotFound.Result();

        var view = fields.Of(me.RolesOver(id, household.NodePath));
        // What holds today, not what was stored: dates move facts without anybody touching them.
        var sheet = DecisionSheet.Of(desk.Look(household, desk.Open(household), reference).Evaluation, reference.Catalogue).For(view.Sees, view.Asks);
        return TypedResults.Ok(new Response(
            id, household.Tier, DecisionSheet.Title(household.Tier, household.State), household.State, sheet.EngineTier, sheet.Day, sheet.RuleSet, sheet.RuleSetHash, sheet.Sentence,
            sheet.Reasons.Select(l => new Line(l.Rule, l.Tier, l.Text, l.Threshold,
                l.Facts.Select(f => new Fact(f.Fact, f.Name, f.Value, f.Text,
                    f.Origins.Select(o => new Origin(o.Id, o.Kind, o.Text, o.SubjectId, o.Day, o.ObservedAt, o.Source, o.SourceText)).ToList())).ToList())).ToList(),
            sheet.WayOut.Select(b => new Blocker(b.Id, b.Missing)).ToList(),
            sheet.Unknowns.Select(u => new Unknown(u.Fact, u.Name, u.ResidentId, u.Tag, u.TagName)).ToList()));
    }
}
