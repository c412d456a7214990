using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Bindings;

/// <summary>
/// A leader of the household says that it is her (ID06): the WeChat identity is bound to the resident's account, which is made if there is none. One that was
/// bound before gives way: its sessions end at once, and its next sign-in says why. Nobody decides about her own household (AZ15).
/// </summary>
internal static class ApproveBinding
{
    /// <param name="AccountId">The resident's account.</param>
    public sealed record Response(Guid AccountId);

    public static void Map(RouteGroupBuilder requests) =>
        requests.MapPost("/{id:guid}/approval", Handle).WithName("approveBinding")
            .WithSummary("确认绑定")
            .WithDescription("确认申请人就是该居民：其微信绑定到居民账号，重新登录即可使用；原先绑定的微信立即退出，其再次登录时会被告知账号已改绑。不能确认自己家的申请。")
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound, Problems.Conflict, Problems.OwnHousehold, Problems.GuardianConsentMissing);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, BackendDb db, CurrentAccount me, Vault vault, AuditWriter audit, CancellationToken cancellation)
    {
        var (request, refusal) = await db.ToDecideAsync(id, me, cancellation);
        if (request is null) return refusal!;

        // PD06: what was so when she asked may have been withdrawn since, or she was not known to be a child.
        if (await db.LacksContactConsentAsync(vault, request.ResidentId, cancellation)) return Problems.GuardianConsentMissing.Result("请先由监护人同意“儿童联系方式”。");

        var name = await db.Residents.Where(r => r.Id == request.ResidentId).Select(r => r.Name).SingleAsync(cancellation);
        (request.DecidedAt, request.DecidedBy, request.IsApproved) = (db.Now, me.Id, true);
        await db.SaveChangesAsync(cancellation);
        var identity = Guid.CreateVersion7(db.Now);
        var openId = vault.OpenText(SealedFields.RequestedOpenId, id, request.OpenId!.Value);
        var account = await SignIn.BindAsync(db, id, name, identity, vault.Seal(SealedFields.OpenId, identity, openId), vault.BlindIndexes(SealedFields.OpenId, openId), cancellation);
        if (account is not { } bound) return Problems.Conflict.Result("该微信已绑定其他账号，或该账号已停用。");
        audit.Add(AuditWriter.Done, id, request.ResidentId, bound);
        return TypedResults.Ok(new Response(bound));
    }
}
