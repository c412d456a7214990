using Backend.Domain.Facts;
using Backend.Domain.Visits;

namespace Backend.Domain.Tiers;

/// <summary>
/// One run of the engine over a household's snapshot: the facts of the day, the evaluation, the snapshot as it stands after it, and the next
/// day on which the answer can be another one. What <c>Household.Take</c> is fed with.
/// </summary>
/// <param name="Snapshot">
/// The snapshot after the run; the very object that came in when nothing of it changed. A change of tier spends the approvals (a later fall
/// needs its own), orange to red counts a relapse (H6), and the day since which no signal has held is kept (H4a).
/// </param>
/// <param name="NextEvaluationOn">Null when no date that lies ahead changes the answer.</param>
internal sealed record TierRun(HouseholdFacts Facts, Evaluation Evaluation, FactsSnapshot Snapshot, DateOnly? NextEvaluationOn)
{
    /// <param name="snapshot">The household's snapshot with the change already in it.</param>
    /// <param name="tier">Tier of the household.</param>
    /// <param name="state">State of the household.</param>
    /// <param name="rules">The rule set in force.</param>
    /// <param name="nodePath">Path of the household's node: parameters belong to places.</param>
    /// <param name="cadences">All cadences by tier.</param>
    /// <param name="day">The Shanghai day.</param>
    /// <param name="isNamed">Whether a named person acts. Without one a milder tier is not taken (AZ17), so the snapshot keeps its approvals.</param>
    public static TierRun Of(
        FactsSnapshot snapshot, Tier tier, TierState? state, RuleSet rules, string nodePath, IReadOnlyDictionary<Tier, Cadence> cadences,
        DateOnly day, bool isNamed)
    {
        var (facts, evaluation) = TierReading.Of(snapshot, tier, state, rules, nodePath, cadences, day);
        var isTaken = evaluation.Tier >= tier || isNamed;
        var (newTier, newState) = isTaken ? (evaluation.Tier, evaluation.State) : (tier, state);
        var after = After(snapshot, evaluation, tier, state, newTier, newState);
        return new(facts, evaluation, after, NextEvaluation.After(after, newTier, newState, rules, nodePath, cadences, day));
    }

    /// <summary>
    /// H7: a fact entered in error, voided by a second person. The tier returns to what it was without it, no home visit needed: the engine runs
    /// over the tier that stood before the value raised it, so whatever else has happened since raises it again at once.
    /// </summary>
    /// <param name="replayed">The snapshot replayed without the voided value (<see cref="FactsSnapshot.WithRows"/>).</param>
    /// <param name="before">Tier before the change that the value caused (<see cref="TierChange.From"/>).</param>
    /// <param name="beforeState">State before it.</param>
    /// <param name="tier">Tier of the household now.</param>
    public static TierRun OfVoid(
        FactsSnapshot replayed, Tier before, TierState? beforeState, Tier tier, RuleSet rules, string nodePath,
        IReadOnlyDictionary<Tier, Cadence> cadences, DateOnly day) => Of(
            before == Tier.Orange && tier == Tier.Red && replayed.RelapseCount > 0 ? replayed with { RelapseCount = replayed.RelapseCount - 1 } : replayed,
            before, beforeState, rules, nodePath, cadences, day, isNamed: true);

    private static FactsSnapshot After(FactsSnapshot snapshot, Evaluation evaluation, Tier tier, TierState? state, Tier newTier, TierState? newState)
    {
        var isQuiet = evaluation.Reasons is [{ Rule: "G0" }];
        DateOnly? quietSince = isQuiet ? snapshot.SignalFreeSince ?? evaluation.Day : null;
        if (quietSince != snapshot.SignalFreeSince) snapshot = snapshot with { SignalFreeSince = quietSince };
        if (tier == Tier.Orange && newTier == Tier.Red) snapshot = snapshot with { RelapseCount = snapshot.RelapseCount + 1 };

        var approvals = snapshot.Approvals;
        var changesTier = TierEngine.Kept(newTier, newState) != TierEngine.Kept(tier, state);
        if (changesTier) return approvals.IsEmpty ? snapshot : snapshot.WithApprovals(new SnapshotApprovals());
        // A red that changes hands between register and engine, and a yellow with a new signal, need approvals of their own.
        var changesState = newState != state && newTier == Tier.Red;
        var isSpent = changesState && approvals.Approvers.Count > 0 || newTier == Tier.Yellow && !isQuiet && approvals.LoweringApproved;
        return isSpent ? snapshot.WithApprovals(approvals with { Approvers = changesState ? [] : approvals.Approvers, LoweringApproved = false }) : snapshot;
    }
}

/// <summary>What the rules say of a household on a day, for whoever only looks: without what follows from it, whose next day alone takes dozens of evaluations.</summary>
internal sealed record TierReading(HouseholdFacts Facts, Evaluation Evaluation)
{
    public static TierReading Of(
        FactsSnapshot snapshot, Tier tier, TierState? state, RuleSet rules, string nodePath, IReadOnlyDictionary<Tier, Cadence> cadences, DateOnly day)
    {
        var parameters = rules.At(nodePath, day);
        var facts = FactsMapping.Read(snapshot, day, parameters, cadences[TierEngine.Kept(tier, state)]);
        return new(facts, TierEngine.Evaluate(facts, tier, state, parameters));
    }
}
