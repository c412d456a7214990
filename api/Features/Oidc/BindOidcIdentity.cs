using System.ComponentModel.DataAnnotations;
using Backend.Domain.Accounts;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.Oidc;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Backend.Features.Oidc;

/// <summary>
/// An invited member of staff binds her identity at the provider instead of setting a password (ID06, ID07). The invitation is the administrator's act: no name and no
/// e-mail address of the provider's ever binds anybody. Whatever she signed in by before ends, as with <c>acceptStaffInvitation</c>.
/// </summary>
internal static class BindOidcIdentity
{
    /// <param name="Invitation">What the security administrator or the operator handed her.</param>
    /// <param name="Code">From the address by which the provider sent the browser back.</param>
    /// <param name="State">From the same address.</param>
    public sealed record Request(
        [property: Required(ErrorMessage = "请提供邀请"), StringLength(100, ErrorMessage = "邀请过长")] string Invitation,
        [property: Required(ErrorMessage = "请提供 code")]
        [property: RegularExpression(OidcProvider.CodePattern, ErrorMessage = "code 应为 1 到 2048 个可见字符", MatchTimeoutInMilliseconds = 100)]
        string Code,
        [property: Required(ErrorMessage = "请提供 state")]
        [property: RegularExpression(OidcAttempts.StatePattern, ErrorMessage = "state 应为返回地址中的 64 个字符", MatchTimeoutInMilliseconds = 100)]
        string State);

    public static void Map(RouteGroupBuilder oidc) =>
        oidc.MapPost("/bindings", Handle).WithName("bindOidcIdentity")
            .WithSummary("以统一身份接受员工邀请")
            .WithDescription("被邀请的员工在身份提供方登录后，用返回的 code 和 state 把该身份绑定到受邀账号，此后经统一身份认证登录。邀请随即用完；原有的密码、验证器、恢复码、绑定和浏览器登录随即失效。一个身份只能绑定一个账号。")
            .ForConsole()
            .Limited(LimitedBy.Address)
            .Refuses(Problems.Invalid, Problems.SignInRefused, Problems.SecondFactorMissing, Problems.OidcOff, Problems.Conflict, Problems.InviteInvalid, Problems.OidcUnavailable);

    public static async Task<Results<NoContent, ProblemHttpResult>> Handle(
        Request request, OidcProvider provider, OidcAttempts attempts, BackendDb db, AppDataSource source, CurrentAccount me, Vault vault, AuditWriter audit, HttpContext http, CancellationToken cancellation)
    {
        if (!provider.IsOn) return Problems.OidcOff.Result();
        var invitation = Tokens.Hash(request.Invitation);
        if (await StaffSignIn.FindInvitedAsync(source, invitation, db.Now, cancellation) is not { } account) return await InviteInvalidAsync();
        var (identity, refusal) = await provider.ComeBackAsync(attempts, http, request.Code, request.State, audit, cancellation);
        if (identity is null) return refusal!;
        me.Become(account);
        var indexes = vault.BlindIndexes(SealedFields.OidcSubject, identity.Name);
        if (await StaffSignIn.FindBoundAsync(source, indexes, cancellation) is { } other && other.AccountId != account) return await audit.RefuseAsync(Problems.Conflict, cancellation, "该身份已绑定其他账号。");

        await db.BeginAsync(cancellation);
        if (!await db.UseInvitationAsync(account, invitation, cancellation))
        {
            await db.RollbackAsync(cancellation);
            return await InviteInvalidAsync();
        }

        var id = Guid.CreateVersion7(db.Now);
        db.OidcIdentities.Add(new OidcIdentity { Id = id, AccountId = account, SubjectIndex = indexes[0], Subject = vault.Seal(SealedFields.OidcSubject, id, identity.Name), BoundAt = db.Now });
        audit.Add(AuditWriter.Done, account);
        await db.CommitAsync(cancellation);
        return TypedResults.NoContent();

        Task<ProblemHttpResult> InviteInvalidAsync() => audit.RefuseAsync(Problems.InviteInvalid, cancellation, "请联系安全管理员重新邀请。");
    }
}
