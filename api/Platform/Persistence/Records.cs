using Backend.Domain.Privacy;

namespace Backend.Platform.Persistence;

/// <summary>A text or parameter of the deployment: title, level names, tier names, the epoch of wall versions.</summary>
internal sealed class Setting
{
    public required string Key { get; init; }
    public required string Value { get; set; }
}

/// <summary>规则集 as versioned data; the one with the newest start on a day holds on that day.</summary>
internal sealed class RuleSetVersion
{
    public required Guid Id { get; init; }
    public required string Name { get; init; }
    public required DateOnly FromDay { get; init; }
    /// <summary>The rule set as JSON, see <c>Domain/Tiers/RuleSet</c>.</summary>
    public required string Content { get; init; }
}

/// <summary>The answer to an <c>Idempotency-Key</c> (RL02): unique by account, route and key, kept 7 days, encrypted, without tokens.</summary>
internal sealed class IdempotencyRecord
{
    public required Guid Id { get; init; }
    public required Guid AccountId { get; init; }
    public required string Route { get; init; }
    public required string Key { get; init; }
    public required byte[] BodyHash { get; init; }
    public required int Status { get; init; }
    public required Sealed Answer { get; init; }
    public string? ETag { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>WeChat's access token, shared by all replicas: sealed, with a lease so that one replica renews it (RL11).</summary>
internal sealed class WeChatToken
{
    public required Guid Id { get; init; }
    public required string AppId { get; init; }
    public Sealed? Token { get; set; }
    public DateTimeOffset? ExpiresAt { get; set; }
    /// <summary>Raised by each write.</summary>
    public long Version { get; set; }
    public Guid? LeaseHolder { get; set; }
    public DateTimeOffset? LeasedUntil { get; set; }
}
