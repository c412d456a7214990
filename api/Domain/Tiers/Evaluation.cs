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
    public required IReadOnlyList<Blocker> Blockers { get; init; }
    public required string RuleSet { get; init; }
    public required string RuleSetHash { get; init; }
}

/// <summary>定级依据: a rule that fired, the threshold it was held against and the facts it read.</summary>
internal sealed record Reason(string Rule, Tier Tier, string? Threshold, IReadOnlyList<FactRead> Facts);

/// <summary>A fact as the engine read it, and the rows it came from.</summary>
internal sealed record FactRead(string Fact, string? Value, IReadOnlyList<ValueRef> Sources);

/// <summary>A row behind a fact: a tag value, a register mark or a visit, by id where it has one.</summary>
internal sealed record ValueRef(Guid? Id, string Kind, string? Tag, Guid? SubjectId, DateOnly? Day, ValueSource? Source);

/// <summary>未满足条件: an open condition for a milder tier, e.g. <c>H2c</c>, and what is missing, in Chinese.</summary>
internal sealed record Blocker(string Id, string Missing);
