using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Grid;

/// <summary>Removes a node that nothing hangs on: no node below it, no household, no post or assignment, no display, no party body that covers it.</summary>
internal static class RemoveGridNode
{
    public static void Map(RouteGroupBuilder nodes) =>
        nodes.MapDelete("/{id:guid}", Handle).WithName("removeGridNode")
            .WithSummary("删除空网格")
            .WithDescription("删除没有下级网格、住户、职务、包保、大厅屏和党组织的网格。需 If-Match（网格的 revision）。")
            .ForConsole()
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound, Problems.Conflict, Problems.VersionStale, Problems.IfMatchMissing);

    public static async Task<Results<NoContent, ProblemHttpResult>> Handle(
        Guid id, [FromHeader(Name = "If-Match")] string? ifMatch, BackendDb db, AuditWriter audit, HttpContext http, CancellationToken cancellation)
    {
        if (string.IsNullOrEmpty(ifMatch)) return Problems.IfMatchMissing.Result();
        if (await GridUnderEdit.FindAsync(db, id, cancellation) is not { } node) return Problems.NotFound.Result();
        if (GridUnderEdit.Stale(node, ifMatch, http) is { } stale) return stale;
        if (await db.GridNodes.AnyAsync(n => n.ParentId == id, cancellation)) return Problems.Conflict.Result("该网格下还有网格。");
        if (await db.Households.AnyAsync(h => h.NodeId == id, cancellation)) return Problems.Conflict.Result("该网格下还有住户。");
        if (await db.Posts.AnyAsync(p => p.NodeId == id, cancellation) || await db.Assignments.AnyAsync(a => a.NodeId == id, cancellation))
            return Problems.Conflict.Result("该网格还有职务或包保。");
        if (await db.Displays.AnyAsync(d => d.NodeId == id, cancellation)) return Problems.Conflict.Result("该网格登记过大厅屏。");
        if (await db.PartyBodies.AnyAsync(b => b.NodeIds.Contains(id), cancellation)) return Problems.Conflict.Result("该网格属于一个党组织的范围。");

        if (node.RootId == id) await db.WallRoots.Where(r => r.NodeId == id).ExecuteDeleteAsync(cancellation);
        await db.GridNodes.Where(n => n.Id == id).ExecuteDeleteAsync(cancellation);
        audit.Add(AuditWriter.Done, id);
        return TypedResults.NoContent();
    }
}
