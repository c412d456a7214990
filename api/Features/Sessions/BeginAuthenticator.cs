using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Sessions;

/// <summary>Begins to set up another authenticator, for instance on a new phone: gives its secret. Nothing changes until <see cref="SetAuthenticator"/> (ID07).</summary>
internal static class BeginAuthenticator
{
    /// <param name="Uri"><c>otpauth://</c>, for the QR code of an authenticator app.</param>
    /// <param name="Proof">To send back with the first code, within 15 minutes.</param>
    public sealed record Response(string Uri, string Proof);

    public static void Map(RouteGroupBuilder me) =>
        me.MapPost("/authenticator", Handle).WithName("beginAuthenticator")
            .WithSummary("开始更换验证器")
            .WithDescription("生成新验证器的密钥：用验证器扫描 uri，再以第一个验证码确认。确认之前原验证器照旧有效。需要再次验证；丢失验证器时先用恢复码登录。")
            .ForConsole()
            .InOneTransaction()
            .RequiresStepUp()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.StepUpRequired, Problems.Conflict);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(BackendDb db, CurrentAccount me, SecondFactors factors, AuditWriter audit, CancellationToken cancellation)
    {
        if (await db.Accounts.Where(a => a.Id == me.Id).Select(a => a.UserName).SingleAsync(cancellation) is not { } userName) return Problems.Conflict.Result("该账号没有后台登录。");
        var begun = factors.Begin(me.Id, userName);
        audit.Add(AuditWriter.Done, me.Id);
        return TypedResults.Ok(new Response(begun.Uri, begun.Proof));
    }
}
