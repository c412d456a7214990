using Backend.Domain.Messages;
using Backend.Domain.Privacy;
using Backend.Domain.Tiers;
using Backend.Domain.Visits;

namespace Backend.Domain.Households;

/// <summary>
/// 户: the unit of care, behind one door. Facts and tiers change only through its methods; each raises <see cref="Revision"/>, the ETag of the
/// household (design.md section 4: xmin does not see child rows).
/// </summary>
internal sealed class Household
{
    private readonly List<object> _messages = [];

    public required Guid Id { get; init; }
    public required Guid NodeId { get; set; }
    public required string NodePath { get; set; }
    public required Guid RootId { get; set; }
    /// <summary>门牌, e.g. <c>13-4-104</c>.</summary>
    public required string Door { get; set; }
    public required DateOnly RecordedOn { get; init; }
    public Tier Tier { get; set; }
    public TierState? State { get; set; }
    public Tier EngineTier { get; set; }
    public RegisterStatus RegisterStatus { get; set; }
    public Occupancy Occupancy { get; set; }
    public DateOnly? DueDay { get; set; }
    public DateOnly? LastVisitDay { get; set; }
    /// <summary>The next day on which a rule that depends on the date could answer otherwise; the nightly run reads only what is due.</summary>
    public DateOnly? NextEvaluationOn { get; set; }
    public int Revision { get; set; } = 1;
    public Sealed Snapshot { get; set; } = Sealed.None;

    /// <summary>Messages raised since it was loaded; BackendDb stores them in the outbox with the rest.</summary>
    public IReadOnlyList<object> Messages => _messages;

    /// <summary>True when something a tile shows has changed since it was loaded.</summary>
    public bool TileChanged { get; private set; }

    /// <summary>
    /// Takes a new snapshot and what the engine says of it. A rise applies at once; a fall only as far as the engine allows it.
    /// Returns the change to record, or null when tier and state stay.
    /// </summary>
    /// <param name="snapshot">The sealed facts snapshot, null when the facts did not change (nightly run).</param>
    /// <param name="evaluation">The engine's answer for <paramref name="snapshot"/>.</param>
    /// <param name="cadences">All cadences by tier.</param>
    /// <param name="nextEvaluationOn">See <see cref="NextEvaluationOn"/>.</param>
    /// <param name="now">The moment of the change, UTC.</param>
    /// <param name="actor">Who changed the facts; null for the nightly run.</param>
    /// <param name="batchId">The batch it belongs to, null for a single change.</param>
    public TierChange? Take(
        Sealed? snapshot, Evaluation evaluation, IReadOnlyDictionary<Tier, Cadence> cadences, DateOnly? nextEvaluationOn,
        DateTimeOffset now, Guid? actor, Guid? batchId = null)
    {
        if (snapshot is { } facts)
        {
            Snapshot = facts;
            Revision++;
        }

        EngineTier = evaluation.EngineTier;
        NextEvaluationOn = nextEvaluationOn;
        if (evaluation.Tier == Tier && evaluation.State == State) return null;
        // No rule lowers a tier (AZ17): an unassessed tile returns to its kept green only when a named person recorded the missing fact.
        if (evaluation.Tier < Tier && actor is null) return null;

        var change = new TierChange
        {
            Id = Guid.CreateVersion7(now),
            HouseholdId = Id,
            NodePath = NodePath,
            From = Tier,
            FromState = State,
            To = evaluation.Tier,
            ToState = evaluation.State,
            EngineTier = evaluation.EngineTier,
            RuleSet = evaluation.RuleSet,
            RuleSetHash = evaluation.RuleSetHash,
            Day = evaluation.Day,
            At = now,
            ActorAccountId = actor,
            BatchId = batchId,
            Evidence = Sealed.None,
        };
        MoveDueDay(change, cadences, evaluation.Day);
        (Tier, State) = (evaluation.Tier, evaluation.State);
        if (snapshot is null) Revision++;
        TileChanged = true;
        _messages.Add(new TierChanged(change.Id, Id, NodePath, change.From, change.To, change.ToState, change.IsRise, batchId));
        return change;
    }

    /// <summary>Takes a snapshot from which values were removed because nobody may keep them any longer (PD07, PD09). It decides nothing: the coming night looks again.</summary>
    public void Forget(Sealed snapshot, DateOnly today)
    {
        Snapshot = snapshot;
        NextEvaluationOn = today;
        Revision++;
    }

    public void ClearMessages()
    {
        _messages.Clear();
        TileChanged = false;
    }

    /// <summary>On a rise the earlier of the old due day and today plus the new cadence; on a fall the new cadence from the last counted visit; unassessed keeps the green one (tier-rules.md).</summary>
    private void MoveDueDay(TierChange change, IReadOnlyDictionary<Tier, Cadence> cadences, DateOnly today)
    {
        if (change.ToState == TierState.Unassessed || change.KeptFrom == change.To) return;
        if (!cadences.TryGetValue(change.To, out var cadence) || Occupancy == Occupancy.Vacant) return;
        if (change.IsRise)
        {
            var due = cadence.After(today);
            if (DueDay is null || due < DueDay) DueDay = due;
        }
        else
        {
            DueDay = cadence.After(LastVisitDay ?? today);
        }
    }
}
