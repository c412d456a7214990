using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Grid;

/// <summary>
/// Ends acting for a post at once: what has begun before today ends with yesterday, anything later is taken back as if it had not been said. Refused on
/// HTTP, hub and renewal within 5 s on every replica (AZ11). The audit keeps both the naming and the end.
/// </summary>
internal static class EndStandIn
{
    public static void Map(RouteGroupBuilder standIns) =>
        standIns.MapDelete("/{id:guid}", Handle).WithName("endStandIn")
            .WithSummary("结束代理")
            .WithDescription("立即结束代理；代理人的可见范围在 5 秒内收回。")
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    public static async Task<Results<NoContent, ProblemHttpResult>> Handle(
        Guid id, BackendDb db, GridMap map, CurrentAccount me, AuditWriter audit, TimeProvider clock, CancellationToken cancellation)
    {
        var day = clock.Today();
        var grid = await map.ReadAsync(cancellation);
        var found = await db.StandIns.AsNoTracking().Where(s => s.Id == id).Join(db.Posts, s => s.PostId, p => p.Id, (s, p) => new { s.PostId, s.AccountId, p.NodeId }).SingleOrDefaultAsync(cancellation);
        if (found?.NodeId is not { } node || grid.Find(node, me.Current) is null) return Problems.NotFound.Result();
        // Of two who end it at once the second finds nothing left to end.
        var standIn = db.StandIns.Where(s => s.Id == id && s.ToDay >= day);
        var ended = await standIn.Where(s => s.FromDay >= day).ExecuteDeleteAsync(cancellation);
        if (ended == 0) ended = await standIn.ExecuteUpdateAsync(s => s.SetProperty(x => x.ToDay, day.AddDays(-1)), cancellation);
        if (ended == 0) return Problems.NotFound.Result();
        audit.Add(AuditWriter.Done, id, found.PostId, found.AccountId);
        return TypedResults.NoContent();
    }
}
