using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Sessions;

/// <summary>Signs out: the session and its refresh token family end; access tokens of it are refused within 3 s on every replica.</summary>
internal static class EndSession
{
    public static void Map(RouteGroupBuilder sessions) =>
        sessions.MapDelete("/current", Handle).WithName("endSession")
            .WithSummary("退出登录")
            .WithDescription("结束当前登录，续期凭证同时失效。")
            .InOneTransaction()
            .BeforeNotice()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded);

    public static async Task<NoContent> Handle(BackendDb db, CurrentAccount me, RightsCache rights, AuditWriter audit, HttpContext http, CancellationToken cancellation)
    {
        await db.Sessions.Where(s => s.Id == me.SessionId && s.EndedAt == null)
            .ExecuteUpdateAsync(s => s.SetProperty(x => x.EndedAt, db.Now), cancellation);
        audit.Add(AuditWriter.Done, me.SessionId);
        rights.Forget(me.SessionId);
        http.Response.Cookies.Delete(Authentication.DisplayCookie);
        return TypedResults.NoContent();
    }
}
