using System.ComponentModel.DataAnnotations;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.Oidc;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Oidc;

/// <summary>
/// Signs in who comes back from the identity provider (ID07): the same session as after a password, and the moment at which she showed her factors counts as its
/// step-up (ID08). Somebody whom nobody has bound gets the answer that a wrong password gets.
/// </summary>
internal static class FinishOidcSignIn
{
    /// <param name="Code">From the address by which the provider sent the browser back.</param>
    /// <param name="State">From the same address.</param>
    public sealed record Request(
        [property: Required(ErrorMessage = "请提供 code")]
        [property: RegularExpression(OidcProvider.CodePattern, ErrorMessage = "code 应为 1 到 2048 个可见字符", MatchTimeoutInMilliseconds = 100)]
        string Code,
        [property: Required(ErrorMessage = "请提供 state")]
        [property: RegularExpression(OidcAttempts.StatePattern, ErrorMessage = "state 应为返回地址中的 64 个字符", MatchTimeoutInMilliseconds = 100)]
        string State);

    /// <param name="AccessToken">Bearer token for the <c>Authorization</c> header, 15 minutes.</param>
    /// <param name="RefreshToken">Single use, as with a phone; 12 hours at most, 30 minutes idle.</param>
    /// <param name="ExpiresIn">Seconds until the access token ends.</param>
    public sealed record Response(string AccessToken, string RefreshToken, int ExpiresIn);

    public static void Map(RouteGroupBuilder oidc) =>
        oidc.MapPost("/sessions", Handle).WithName("finishOidcSignIn")
            .WithSummary("完成统一身份认证登录")
            .WithDescription("用身份提供方返回的 code 和 state 换取后台登录，须在开始登录的同一浏览器中；12 小时内有效，30 分钟不使用即退出，登录后 5 分钟内视为已再次验证。每个 state 只能使用一次。未绑定的身份与密码不对时回答相同。")
            .ForConsole()
            .Limited(LimitedBy.Address)
            .Refuses(Problems.Invalid, Problems.SignInRefused, Problems.SecondFactorMissing, Problems.OidcOff, Problems.OidcUnavailable);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Request request, OidcProvider provider, OidcAttempts attempts, BackendDb db, AppDataSource source, CurrentAccount me, Vault vault, Tokens tokens, AuditWriter audit, HttpContext http, CancellationToken cancellation)
    {
        if (!provider.IsOn) return Problems.OidcOff.Result();
        var (identity, refusal) = await provider.ComeBackAsync(attempts, http, request.Code, request.State, audit, cancellation);
        if (identity is null) return refusal!;
        var indexes = vault.BlindIndexes(SealedFields.OidcSubject, identity.Name);
        if (await StaffSignIn.FindBoundAsync(source, indexes, cancellation) is not { IsDisabled: false } found) return await audit.RefuseAsync(Problems.SignInRefused, cancellation);

        me.Become(found.AccountId);
        await db.BeginAsync(cancellation);
        await db.LockSignInAsync(found.AccountId, cancellation);
        // It must still be hers: she may have been invited anew meanwhile.
        if (!await db.OidcIdentities.AnyAsync(i => indexes.Contains(i.SubjectIndex), cancellation))
        {
            await db.RollbackAsync(cancellation);
            return await audit.RefuseAsync(Problems.SignInRefused, cancellation);
        }

        var (session, refresh) = db.OpenConsole(found.AccountId, identity.ShownAt);
        audit.Add(AuditWriter.Done, session);
        await db.CommitAsync(cancellation);
        return TypedResults.Ok(new Response(tokens.Access(found.AccountId, session), refresh, (int)Tokens.AccessLifetime.TotalSeconds));
    }
}
