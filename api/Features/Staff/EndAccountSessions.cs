using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Staff;

/// <summary>Signs somebody else out everywhere (ID09): refused within 3 s on every replica, and hub connections are closed (AZ11). Halls' displays stand for themselves and stay.</summary>
internal static class EndAccountSessions
{
    public static void Map(RouteGroupBuilder accounts) =>
        accounts.MapDelete("/{id:guid}/sessions", Handle).WithName("endAccountSessions")
            .WithSummary("结束某账号的所有登录")
            .WithDescription("立即结束该账号在手机和浏览器上的所有登录；账号仍可重新登录。")
            .ForConsole()
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    public static async Task<Results<NoContent, ProblemHttpResult>> Handle(Guid id, BackendDb db, AuditWriter audit, CancellationToken cancellation)
    {
        if (!await db.Accounts.AnyAsync(a => a.Id == id, cancellation)) return Problems.NotFound.Result();
        await db.EndSessionsOfAsync(id, cancellation);
        audit.Add(AuditWriter.Done, id);
        return TypedResults.NoContent();
    }

    internal static Task<int> EndSessionsOfAsync(this BackendDb db, Guid account, CancellationToken cancellation) =>
        db.Database.ExecuteSqlAsync($"select app.end_sessions_of({account}, {db.Now})", cancellation);
}
