using Backend.Platform.Errors;
using Backend.Platform.Oidc;
using Backend.Platform.OpenApi;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Backend.Features.Oidc;

/// <summary>Sends a browser off to the identity provider (ID07). Stores nothing: what must come back is in the answer's cookie and in the address.</summary>
internal static class StartOidcSignIn
{
    /// <param name="Address">Of the provider, for the browser to go to within ten minutes.</param>
    public sealed record Response(string Address);

    public static void Map(RouteGroupBuilder oidc) =>
        oidc.MapPost("/sign-ins", Handle).WithName("startOidcSignIn")
            .WithSummary("开始统一身份认证登录")
            .WithDescription("返回身份提供方的登录地址，浏览器随即前往，每次都重新验证两个因素；同时设置只用于这次登录的 HttpOnly cookie，10 分钟内有效。返回时地址中的 code 和 state 用于 finishOidcSignIn 或 bindOidcIdentity。")
            .ForConsole()
            .Limited(LimitedBy.Address)
            .Refuses(Problems.OidcOff, Problems.OidcUnavailable);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(OidcProvider provider, OidcAttempts attempts, HttpContext http, CancellationToken cancellation)
    {
        if (!provider.IsOn) return Problems.OidcOff.Result();
        var attempt = attempts.Begin();
        if (await provider.AddressAsync(attempt, cancellation) is not { } address) return Problems.OidcUnavailable.Result();
        http.Keep(attempt);
        return TypedResults.Ok(new Response(address));
    }
}
