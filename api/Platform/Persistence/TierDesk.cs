using System.Text.Json;
using System.Text.Json.Serialization;
using Backend.Domain.Facts;
using Backend.Domain.Households;
using Backend.Domain.Tiers;
using Backend.Platform.Security;

namespace Backend.Platform.Persistence;

/// <summary>
/// Where facts meet the engine: opens a household's snapshot, evaluates it, lets the household take the answer, seals what is kept. Every writer of
/// facts (a person, a report, the night) goes through here, so all of them get the same rules and the same record.
/// </summary>
internal sealed class TierDesk(Vault vault, TimeProvider clock)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    public FactsSnapshot Open(Household household) =>
        FactsSnapshot.FromBytes(vault.Open(SealedFields.FactsSnapshot, household.Id, household.Snapshot));

    /// <summary>What the engine says of a household today, for a reader.</summary>
    public TierReading Look(Household household, FactsSnapshot snapshot, Reference reference) => TierReading.Of(
        snapshot, household.Tier, household.State, reference.Rules, household.NodePath, reference.Cadences, clock.Today());

    /// <summary>What the engine says of a household on a day and what would follow from it, without changing anything.</summary>
    public TierRun Read(Household household, FactsSnapshot snapshot, Reference reference, DateOnly day) =>
        Run(household, snapshot, reference, isNamed: false, day);

    /// <summary>
    /// Evaluates, applies and records. The tier change, if there is one, is added to the context with its sealed evidence; the caller commits.
    /// </summary>
    /// <param name="db">The open transaction.</param>
    /// <param name="household">Loaded for change.</param>
    /// <param name="snapshot">Its material, with the changes.</param>
    /// <param name="changed">Whether the material differs from what is stored.</param>
    /// <param name="reference">Rules, cadences and catalogue of today.</param>
    /// <param name="actor">Who changed the facts; null for the nightly run.</param>
    /// <param name="batchId">The batch it belongs to, null for a single change.</param>
    /// <param name="day">The Shanghai day to judge on; null for today.</param>
    public (Evaluation Evaluation, TierChange? Change) Decide(
        BackendDb db, Household household, FactsSnapshot snapshot, bool changed, Reference reference, Guid? actor, Guid? batchId = null,
        DateOnly? day = null)
    {
        var run = Run(household, snapshot, reference, actor is not null, day);
        changed |= !ReferenceEquals(run.Snapshot, snapshot);
        var change = household.Take(
            changed ? vault.Seal(SealedFields.FactsSnapshot, household.Id, run.Snapshot.ToBytes()) : null,
            run.Evaluation, reference.Cadences, run.NextEvaluationOn, db.Now, actor, batchId);
        if (change is not null)
        {
            change.Evidence = vault.Seal(SealedFields.TierEvidence, change.Id, JsonSerializer.SerializeToUtf8Bytes(run.Evaluation, Json));
            db.TierChanges.Add(change);
        }

        return (run.Evaluation, change);
    }

    private TierRun Run(Household household, FactsSnapshot snapshot, Reference reference, bool isNamed, DateOnly? day) => TierRun.Of(
        snapshot, household.Tier, household.State, reference.Rules, household.NodePath, reference.Cadences, day ?? clock.Today(), isNamed);
}
