using Backend.Domain.Privacy;

namespace Backend.Domain.Accounts;

/// <summary>登录凭据 of somebody who signs in at a browser (ID07): what she knows and what she has. Only she reads it, and nobody reads a password or a code from it.</summary>
internal sealed class StaffCredential
{
    /// <summary>What a user name looks like.</summary>
    public const string UserNamePattern = "^[a-z0-9][a-z0-9._-]{2,31}$";

    public required Guid Id { get; init; }
    public required Guid AccountId { get; init; }
    /// <summary>A hash with its own parameters beside it.</summary>
    public required string Password { get; set; }
    /// <summary>The secret of her authenticator.</summary>
    public required Sealed Totp { get; set; }
    /// <summary>The last time step whose code was used: none counts twice.</summary>
    public long LastStep { get; set; }
    /// <summary>Hashes of the 恢复码 that are left; each goes with its use.</summary>
    public required byte[][] RecoveryCodes { get; set; }
    public DateTimeOffset ChangedAt { get; set; }
}

/// <summary>已知设备: a browser at which somebody has signed in. Its wrong tries are counted apart from everybody else's (ID07). Only the hash of its token is stored.</summary>
internal sealed class StaffDevice
{
    public required Guid Id { get; init; }
    public required Guid AccountId { get; init; }
    public required byte[] Hash { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>统一身份 of somebody who signs in at the district's identity provider instead: issuer and subject, bound by an invitation. Sealed and looked up by blind index, like an openid.</summary>
internal sealed class OidcIdentity
{
    public required Guid Id { get; init; }
    public required Guid AccountId { get; init; }
    public required byte[] SubjectIndex { get; init; }
    public required Sealed Subject { get; init; }
    public required DateTimeOffset BoundAt { get; init; }
}

/// <summary>员工邀请: the one-time secret by which somebody sets her password and her authenticator, or binds her identity at the provider: once, within 7 days. A newer one of the same account ends it.</summary>
internal sealed class StaffInvitation
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(7);

    public required Guid Id { get; init; }
    public required byte[] Hash { get; init; }
    public required Guid AccountId { get; init; }
    /// <summary>The security administrator; null: the operator, by the command line.</summary>
    public Guid? IssuedBy { get; init; }
    public required DateTimeOffset IssuedAt { get; init; }
    public required DateTimeOffset ExpiresAt { get; init; }
    public DateTimeOffset? UsedAt { get; set; }
    public DateTimeOffset? RevokedAt { get; set; }
}
