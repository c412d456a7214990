namespace Backend.Domain.Privacy;

/// <summary>用途: what somebody needs a full number for.</summary>
public enum RevealPurpose
{
    /// <summary>To agree on a visit, or to make it by phone.</summary>
    Visit,
    /// <summary>For a case that the resident has asked for help with.</summary>
    Help,
    /// <summary>To find out whether the number is right.</summary>
    Check,
    Emergency,
}

/// <summary>查看完整号码: one full phone number was shown to one account (PD04). Counted for the quota, and shown to the household in its read log.</summary>
internal sealed class Reveal
{
    public required Guid Id { get; init; }
    public required Guid AccountId { get; init; }
    public required Guid HouseholdId { get; init; }
    public required Guid ResidentId { get; init; }
    public required RevealPurpose Purpose { get; init; }
    /// <summary>In her own words; people write names into such a text.</summary>
    public required Sealed Justification { get; init; }
    public required DateTimeOffset RevealedAt { get; init; }
}
