using System.ComponentModel.DataAnnotations;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Sessions;

/// <summary>Shows a second factor anew, for the operations that need a fresh one (ID08): five minutes from now on in this session.</summary>
internal static class StepUpSession
{
    /// <param name="Code">Six digits of her authenticator, or one of her recovery codes.</param>
    public sealed record Request(
        [property: Required(ErrorMessage = "请输入验证码")]
        [property: RegularExpression("^[0-9A-Za-z-]{6,30}$", ErrorMessage = "请输入 6 位验证码，或一个恢复码", MatchTimeoutInMilliseconds = 100)]
        string Code);

    /// <param name="Until">Until when operations that need it are let through.</param>
    public sealed record Response(DateTimeOffset Until);

    public static void Map(RouteGroupBuilder sessions) =>
        sessions.MapPost("/current/step-up", Handle).WithName("stepUpSession")
            .WithSummary("再次验证")
            .WithDescription("用验证器上的新验证码（或恢复码）再次验证，此后 5 分钟内可以进行需要再次验证的操作。每个验证码只能使用一次；15 分钟内最多 10 次。")
            .ForConsole()
            .InOneTransaction()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.CodeWrong, Problems.TooManyRequests);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Request request, BackendDb db, SharedLimits limits, CurrentAccount me, SecondFactors factors, AuditWriter audit, HttpContext http, CancellationToken cancellation)
    {
        if (await limits.CountTryAsync($"step-up {me.SessionId}", cancellation) is { } wait) return http.Later(wait);
        if (await db.LockCredentialAsync(me.Id, cancellation) is not { } credential || !factors.Use(credential, request.Code)) return Problems.CodeWrong.Result();
        await db.Sessions.Where(s => s.Id == me.SessionId).ExecuteUpdateAsync(s => s.SetProperty(x => x.SteppedUpAt, db.Now), cancellation);
        audit.Add(AuditWriter.Done, me.SessionId);
        return TypedResults.Ok(new Response(db.Now + StepUp.Lifetime));
    }
}
