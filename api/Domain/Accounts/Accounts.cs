using System.Text.Json.Serialization;
using Backend.Domain.Privacy;

namespace Backend.Domain.Accounts;

/// <summary>账号: who signs in; may be a resident, hold posts, or both.</summary>
internal sealed class Account
{
    public required Guid Id { get; init; }
    public required string Name { get; set; }
    /// <summary>By which she signs in at a browser; only of staff.</summary>
    public string? UserName { get; set; }
    public Guid? ResidentId { get; set; }
    public Sealed? Phone { get; set; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? DisabledAt { get; set; }
}

/// <summary>The photo of somebody who holds a post: residents see who their leader is. Metadata; the picture lies encrypted in the private store.</summary>
internal sealed class AccountPhoto
{
    public required Guid Id { get; init; }
    public required Guid AccountId { get; init; }
    public required string ContentType { get; init; }
    public required int Width { get; init; }
    public required int Height { get; init; }
    public required DateTimeOffset TakenAt { get; init; }
}

/// <summary>The WeChat identity tied to an account (绑定). The openid is sealed and looked up by blind index; the session_key is never stored (PD02).</summary>
internal sealed class WeChatIdentity
{
    public required Guid Id { get; init; }
    public required Guid AccountId { get; init; }
    public required byte[] OpenIdIndex { get; init; }
    public required Sealed OpenId { get; init; }
    public DateTimeOffset BoundAt { get; init; }
    /// <summary>Whether WeChat knows an employment relation (用工关系); false after 40256 until bound again.</summary>
    public bool EmploymentBound { get; set; }
    /// <summary>Lease of the one sender to this recipient (RL06): a row, not a lock held over the call.</summary>
    public DateTimeOffset? LeasedUntil { get; set; }
}

public enum SessionKind
{
    /// <summary>A mini-program session: access token and rotating refresh token.</summary>
    [JsonStringEnumMemberName("wechat")]
    WeChat,
    /// <summary>A member of staff at a browser, signed in with two factors: as a mini-program session, but 12 hours, 30 minutes idle.</summary>
    Console,
    /// <summary>A browser wall of a member of staff: cookie, one node, 12 hours.</summary>
    Display,
    /// <summary>A registered display in a public hall: cookie, counts of one node, 90 days from its last use.</summary>
    Hall,
}

/// <summary>
/// One sign-in. For <c>WeChat</c> and <c>Console</c> it is a refresh token family: only hashes are stored; the successor of a token is derived from it,
/// so that a lost answer can be repeated without keeping any token (ID04).
/// </summary>
internal sealed class Session
{
    public required Guid Id { get; init; }
    public required Guid AccountId { get; init; }
    public required SessionKind Kind { get; init; }
    public required byte[] TokenHash { get; set; }
    public byte[]? PreviousTokenHash { get; set; }
    public DateTimeOffset? RotatedAt { get; set; }
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset LastUsedAt { get; set; }
    public DateTimeOffset ExpiresAt { get; set; }
    public DateTimeOffset? EndedAt { get; set; }
    /// <summary>When its holder last showed a second factor (ID08).</summary>
    public DateTimeOffset? SteppedUpAt { get; set; }
    public Guid? NodeId { get; init; }
    public Guid? DisplayId { get; init; }
}

/// <summary>登记的大厅屏: a screen in a public hall (B-15). It stands for itself: nobody's later dismissal darkens it, only its revocation.</summary>
internal sealed class Display
{
    public required Guid Id { get; init; }
    /// <summary>A wall root or a node above: below, counts would speak of doors.</summary>
    public required Guid NodeId { get; init; }
    public required string NodePath { get; init; }
    public required string Name { get; set; }
    public required Guid RegisteredBy { get; init; }
    public required DateTimeOffset RegisteredAt { get; init; }
    public DateTimeOffset? RevokedAt { get; set; }
}

public enum TicketPurpose
{
    Hub,
    Display,
}

/// <summary>一次性票据: the single-use 60 s credential that opens a hub or a display. Only its hash is stored.</summary>
internal sealed class Ticket
{
    public required byte[] Hash { get; init; }
    public required Guid AccountId { get; init; }
    public required Guid SessionId { get; init; }
    public required TicketPurpose Purpose { get; init; }
    public Guid? NodeId { get; init; }
    /// <summary>The registered display that it opens.</summary>
    public Guid? DisplayId { get; init; }
    public required DateTimeOffset ExpiresAt { get; init; }
    public DateTimeOffset? UsedAt { get; set; }
}

/// <summary>What a WeChat identity that nobody has bound gets instead of a session: opaque, 10 minutes.</summary>
internal sealed class BindingTicket
{
    public required byte[] Hash { get; init; }
    public required Guid Id { get; init; }
    public required byte[] OpenIdIndex { get; init; }
    public required Sealed OpenId { get; set; }
    public required DateTimeOffset ExpiresAt { get; init; }
    /// <summary>Hash of the code of a phone button that was taken with it last: a repeat is told the same and asks WeChat nothing.</summary>
    public byte[]? PhoneCode { get; init; }
}

/// <summary>邀请: what a leader hands to a resident of hers so that she binds her WeChat identity: once, within 7 days. Only its hash is stored; a newer one of the same resident ends it (ID06).</summary>
internal sealed class Invite
{
    public required Guid Id { get; init; }
    public required byte[] Hash { get; init; }
    public required Guid ResidentId { get; init; }
    public required Guid HouseholdId { get; init; }
    public required string NodePath { get; set; }
    public required Guid IssuedBy { get; init; }
    public required DateTimeOffset IssuedAt { get; init; }
    public required DateTimeOffset ExpiresAt { get; init; }
    public DateTimeOffset? UsedAt { get; set; }
    public DateTimeOffset? RevokedAt { get; set; }
}

/// <summary>What a binding request stands on.</summary>
public enum BindingWay
{
    /// <summary>An invite that was made for this resident.</summary>
    Invite,
    /// <summary>WeChat has verified a phone number, and the register has it of this resident alone. It proves control of the number and not who she is.</summary>
    VerifiedPhone,
}

/// <summary>绑定申请: a WeChat identity that has shown an invite or a verified phone and waits for the household's leader (ID06). With an invite it has the id of its binding ticket, so that a repeat is the same.</summary>
internal sealed class BindingRequest
{
    /// <summary>Nobody decides about what was asked longer ago.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(7);

    public required Guid Id { get; init; }
    /// <summary>Null: by a verified phone.</summary>
    public Guid? InviteId { get; init; }
    public required Guid ResidentId { get; init; }
    public required Guid HouseholdId { get; init; }
    public required string NodePath { get; set; }
    /// <summary>Emptied by the decision, like its index.</summary>
    public Sealed? OpenId { get; set; }
    public byte[]? OpenIdIndex { get; set; }
    public required DateTimeOffset RequestedAt { get; init; }
    public DateTimeOffset? DecidedAt { get; set; }
    public Guid? DecidedBy { get; set; }
    public bool? IsApproved { get; set; }

    public bool Waits(DateTimeOffset now) => DecidedAt is null && RequestedAt + Lifetime > now;
}
