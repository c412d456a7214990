using Backend.Domain.Privacy;

namespace Backend.Domain.Tiers;

/// <summary>四色变化: append-only row of the tier history, rise or fall, with the rule set and the sealed evidence (reasons, values read, blockers).</summary>
internal sealed class TierChange
{
    public required Guid Id { get; init; }
    public required Guid HouseholdId { get; init; }
    public required string NodePath { get; init; }
    public required Tier From { get; init; }
    public TierState? FromState { get; init; }
    public required Tier To { get; init; }
    public TierState? ToState { get; init; }
    public required Tier EngineTier { get; init; }
    public required string RuleSet { get; init; }
    public required string RuleSetHash { get; init; }
    /// <summary>The Shanghai day of the evaluation.</summary>
    public required DateOnly Day { get; init; }
    public required DateTimeOffset At { get; init; }
    /// <summary>Who changed the fact; null for the nightly run.</summary>
    public Guid? ActorAccountId { get; init; }
    /// <summary>The batch that raised it, null for a single change.</summary>
    public Guid? BatchId { get; init; }
    public required Sealed Evidence { get; set; }

    /// <summary>The tier that was kept under the mark "unassessed", else the tier itself.</summary>
    public Tier KeptFrom => TierEngine.Kept(From, FromState);

    /// <summary>A rise opens an alarm; a yellow that only says "unassessed" is none, and a signal over it is one (tier-rules.md, Unassessed).</summary>
    public bool IsRise => Rises(From, FromState, To, ToState);

    public static bool Rises(Tier from, TierState? fromState, Tier to, TierState? toState) =>
        to > TierEngine.Kept(from, fromState) && toState != TierState.Unassessed;
}
