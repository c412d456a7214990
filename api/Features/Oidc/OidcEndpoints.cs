using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.Oidc;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Backend.Features.Oidc;

/// <summary>
/// Staff sign in at the district's identity provider, where there is one (docs/adr/024). The operations are part of every deployment's contract; where no provider is
/// configured they answer <c>oidc_off</c> and do nothing.
/// </summary>
internal static class OidcEndpoints
{
    private const string Cookie = "oidc", Path = "/api/v1/oidc";

    public static void MapOidc(this RouteGroupBuilder api)
    {
        var oidc = api.MapGroup("/oidc").WithTags("Oidc");
        StartOidcSignIn.Map(oidc);
        FinishOidcSignIn.Map(oidc);
        BindOidcIdentity.Map(oidc);
    }

    /// <summary>Ties an attempt to the browser that sets out: what comes back in another one is refused.</summary>
    internal static void Keep(this HttpContext http, OidcAttempt attempt) => http.Response.Cookies.Append(Cookie, attempt.Browser, new CookieOptions
    {
        HttpOnly = true,
        // The page that the provider sends back to asks by itself, so the provider's own request need not carry it.
        SameSite = SameSiteMode.Strict,
        Secure = http.Request.IsHttps,
        Path = Path,
        MaxAge = OidcAttempts.Lifetime,
    });

    /// <summary>Who has come back with a code, or the refusal, which has its audit entry. An attempt is used up by it, whatever comes of it.</summary>
    internal static async Task<(OidcAnswer.Identity? Identity, ProblemHttpResult? Refusal)> ComeBackAsync(
        this OidcProvider provider, OidcAttempts attempts, HttpContext http, string code, string state, AuditWriter audit, CancellationToken cancellation)
    {
        if (await attempts.TakeAsync(http.Request.Cookies[Cookie], state, cancellation) is not { } attempt) return (null, await audit.RefuseAsync(Problems.SignInRefused, cancellation));
        return await provider.IdentityOfAsync(code, attempt, cancellation) switch
        {
            OidcAnswer.Identity identity => (identity, null),
            OidcAnswer.Refused => (null, await audit.RefuseAsync(Problems.SignInRefused, cancellation)),
            OidcAnswer.OneFactor => (null, await audit.RefuseAsync(Problems.SecondFactorMissing, cancellation, "请在统一身份认证中启用第二因素后重新登录。")),
            _ => (null, Problems.OidcUnavailable.Result("请重新开始登录。")),
        };
    }
}
