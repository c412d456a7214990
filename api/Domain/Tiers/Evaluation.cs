using Backend.Domain.Facts;
using Backend.Domain.Tags;

namespace Backend.Domain.Tiers;

/// <summary>What one run of the tier engine answers: the rules' own tier, the effective tier and state, why, what is missing, and until when the answer holds.</summary>
internal sealed record Evaluation
{
    public required DateOnly Day { get; init; }
    /// <summary>The rules' own answer.</summary>
    public required Tier EngineTier { get; init; }
    /// <summary>The effective tier: never milder than the kept one without what H2 to H5 ask for.</summary>
    public required Tier Tier { get; init; }
    public required TierState? State { get; init; }
    /// <summary>Rules that fired, most severe first, then by number; G0 alone when none did.</summary>
    public required IReadOnlyList<Reason> Reasons { get; init; }
    /// <summary>The way out: open conditions for a milder tier; empty on a rise.</summary>
    public required IReadOnlyList<Blocker> Blockers { get; init; }
    /// <summary>Asked facts without an answer, person by person; what a visit settles to lift the mark "unassessed".</summary>
    public IReadOnlyList<UnknownFact> Unknowns { get; init; } = [];
    public required string RuleSet { get; init; }
    public required string RuleSetHash { get; init; }
}

/// <summary>定级依据: a rule that fired, the threshold it was held against and the facts it read.</summary>
internal sealed record Reason(string Rule, Tier Tier, string? Threshold, IReadOnlyList<FactRead> Facts);

/// <summary>A fact as the engine read it, and the rows it came from.</summary>
internal sealed record FactRead(string Fact, string? Value, IReadOnlyList<ValueRef> Sources);

/// <summary>
/// A row behind a fact: a tag value, a register mark, a visit, the tier history or the household itself, by id where it has one.
/// </summary>
/// <param name="Id">Id of the row.</param>
/// <param name="Kind"><c>tag_value</c>, <c>register_mark</c>, <c>visit</c>, <c>tier_change</c> or <c>household</c>.</param>
/// <param name="Tag">Code of the tag, for a tag value.</param>
/// <param name="SubjectId">The household or person it speaks of.</param>
/// <param name="Day">Its own effective date (facts.md rule 5).</param>
/// <param name="Source">Who says so, for a tag value.</param>
/// <param name="ObservedAt">The day on which it was last seen to be so, for a tag value.</param>
internal sealed record ValueRef(
    Guid? Id, string Kind, string? Tag, Guid? SubjectId, DateOnly? Day, ValueSource? Source, DateOnly? ObservedAt = null);

/// <summary>未满足条件: an open condition for a milder tier, e.g. <c>H2c</c>, and what is missing, in Chinese.</summary>
internal sealed record Blocker(string Id, string Missing);
