using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Sessions;

/// <summary>Ends one of my own sessions, for instance on a lost phone (ID09): refused within 3 s on every replica, and its hub connection is closed (AZ11).</summary>
internal static class EndSessionById
{
    public static void Map(RouteGroupBuilder sessions) =>
        sessions.MapDelete("/{id:guid}", Handle).WithName("endSessionById")
            .WithSummary("结束一个登录")
            .WithDescription("结束本人的另一个登录，例如丢失的手机；其续期凭证同时失效。他人的登录与不存在的登录一样回答 404。")
            .InOneTransaction()
            .BeforeNotice()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.NotFound);

    public static async Task<Results<NoContent, ProblemHttpResult>> Handle(
        Guid id, BackendDb db, RightsCache rights, AuditWriter audit, CancellationToken cancellation)
    {
        var ended = await db.Sessions.Live(db.Now).Where(s => s.Id == id).ExecuteUpdateAsync(s => s.SetProperty(x => x.EndedAt, db.Now), cancellation);
        if (ended == 0) return Problems.NotFound.Result();
        audit.Add(AuditWriter.Done, id);
        rights.Forget(id);
        return TypedResults.NoContent();
    }
}
