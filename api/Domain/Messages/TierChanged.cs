using Backend.Domain.Tiers;

namespace Backend.Domain.Messages;

/// <summary>The tier of a household changed. Ids and tiers only: the outbox carries no personal data. Stored as <c>tier_changed.1</c>.</summary>
internal sealed record TierChanged(
    Guid TierChangeId, Guid HouseholdId, string NodePath, Tier From, Tier To, TierState? State, bool Rise, Guid? BatchId);

/// <summary>A batch (import, night) is committed whole: its alarms can be told, one notice a person. Stored as <c>batch_finished.1</c>.</summary>
internal sealed record BatchFinished(Guid BatchId);

/// <summary>Somebody reads a household outside her reach: its people and the supervisor are told. Stored as <c>emergency_access_opened.1</c>.</summary>
internal sealed record EmergencyAccessOpened(Guid EmergencyAccessId, Guid HouseholdId, Guid AccountId);
