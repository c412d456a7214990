using System.ComponentModel.DataAnnotations;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Backend.Features.Grid;

/// <summary>
/// Hangs a node with all that is below it on another one, or gives it another order among its siblings. Households, their rows and their tiles go along in the
/// same transaction: whoever led the old place loses them on every replica within 5 s, whoever leads the new one sees them (AZ11), and each wall that is
/// concerned gets one new version in which they go or come. Both places must lie within the caller's reach, so nobody widens her own. What is a wall
/// root stays one, and what is none does not become one.
/// </summary>
internal static class MoveGridNode
{
    /// <param name="ParentId">What it hangs on from now on; the node it hangs on already, to change only its order.</param>
    /// <param name="Position">Order among its siblings on a wall.</param>
    public sealed record Request(
        [property: Required(ErrorMessage = "请选择上级网格")] Guid? ParentId,
        [property: Range(0, 100_000, ErrorMessage = "排序为 0 到 100000")] int Position = 0);

    /// <param name="Path">Codes from the top, as they are now.</param>
    /// <param name="Revision">Also the ETag.</param>
    public sealed record Response(string Path, int Revision);

    public static void Map(RouteGroupBuilder nodes) =>
        nodes.MapPut("/{id:guid}/place", Handle).WithName("moveGridNode")
            .WithSummary("网格移动")
            .WithDescription("把网格连同其下的全部网格和住户移到另一个上级网格之下，或调整在同级中的顺序；监测屏和可见范围随之改变。需 If-Match（网格的 revision）。")
            .ForConsole()
            .InOneTransaction()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound, Problems.Conflict, Problems.VersionStale, Problems.IfMatchMissing);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, Request request, [FromHeader(Name = "If-Match")] string? ifMatch, BackendDb db, AuditWriter audit, HttpContext http, CancellationToken cancellation)
    {
        if (string.IsNullOrEmpty(ifMatch)) return Problems.IfMatchMissing.Result();
        if (await GridUnderEdit.FindAsync(db, id, cancellation) is not { } node) return Problems.NotFound.Result();
        if (GridUnderEdit.Stale(node, ifMatch, http) is { } stale) return stale;
        if (await GridUnderEdit.WithinReachAsync(db, request.ParentId!.Value, cancellation) is not { } parent)
            return Problems.Invalid.Result(new Dictionary<string, string[]> { ["parentId"] = ["请选择您负责范围内的网格"] });
        if (Rights.IsWithin(parent.Path, node.Path)) return Problems.Invalid.Result(new Dictionary<string, string[]> { ["parentId"] = ["不能移到自己之下"] });
        if (await GridUnderEdit.RefusalsAsync(db, node.LevelCode, parent, "parentId", cancellation) is { Count: > 0 } refusals) return Problems.Invalid.Result(refusals);
        if ((node.RootId is null || node.RootId == node.Id) != parent.RootId is null)
            return Problems.Conflict.Result("有自己监测屏的网格只能移到街道或区之下，其他网格只能移到社区之内。");
        if (parent.Id != node.ParentId && await GridUnderEdit.IsTakenAsync(db, parent, node.Code, cancellation)) return Problems.Conflict.Result("同级网格中已有这个编码。");

        db.Move = new GridMove(id, parent.Id, request.Position);
        audit.Add(AuditWriter.Done, id, parent.Id);
        http.Response.Headers.ETag = Revisions.ETag(node.Revision + 1);
        return TypedResults.Ok(new Response($"{parent.Path}.{node.Code}", node.Revision + 1));
    }
}
