using Backend.Domain.Accounts;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Bindings;

/// <summary>
/// Makes the one invite of a resident: 192 random bits in 32 letters, as many as the <c>scene</c> of a mini-program code takes. It is shown once and kept as a
/// hash; a newer one of the same resident ends it, and so does its use (ID06).
/// </summary>
internal static class InviteResident
{
    private const int InviteBytes = 24;
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(7);

    /// <param name="Invite">For the door's code or a message to the resident; 32 letters, shown only here.</param>
    /// <param name="ExpiresAt">Its end, unless it is used before.</param>
    public sealed record Response(string Invite, DateTimeOffset ExpiresAt);

    public static void Map(RouteGroupBuilder residents) =>
        residents.MapPost("/{id:guid}/invites", Handle).WithName("inviteResident")
            .WithSummary("邀请居民绑定微信")
            .WithDescription("为负责范围内的居民生成一次性邀请，7 天内有效，只显示这一次；再次邀请会使之前的邀请失效。32 个字符，可直接作为小程序码的 scene。")
            .Limited(LimitedBy.Account | LimitedBy.Device)
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound, Problems.GuardianConsentMissing);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, BackendDb db, CurrentAccount me, Vault vault, AuditWriter audit, CancellationToken cancellation)
    {
        var resident = await db.Residents.AsNoTracking().SingleOrDefaultAsync(r => r.Id == id, cancellation);
        if (resident is null) return Problems.NotFound.Result();
        // PD06: a child's WeChat identity is a contact of a child.
        if (await db.LacksContactConsentAsync(vault, id, cancellation)) return Problems.GuardianConsentMissing.Result("请先由监护人同意“儿童联系方式”。");
        await db.Invites.Where(i => i.ResidentId == id && i.UsedAt == null && i.RevokedAt == null).ExecuteUpdateAsync(i => i.SetProperty(x => x.RevokedAt, db.Now), cancellation);

        var token = Tokens.Random(InviteBytes);
        var invite = new Invite
        {
            Id = Guid.CreateVersion7(db.Now),
            Hash = Tokens.Hash(token),
            ResidentId = id,
            HouseholdId = resident.HouseholdId,
            NodePath = resident.NodePath,
            IssuedBy = me.Id,
            IssuedAt = db.Now,
            ExpiresAt = db.Now + Lifetime,
        };
        db.Invites.Add(invite);
        audit.Add(AuditWriter.Done, invite.Id, id, resident.HouseholdId);
        return TypedResults.Ok(new Response(token, invite.ExpiresAt));
    }
}
