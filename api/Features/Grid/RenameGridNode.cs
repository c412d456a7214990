using System.ComponentModel.DataAnnotations;
using Backend.Platform;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Grid;

/// <summary>Gives a node another name. Its code and its path stay, so nobody's reach changes.</summary>
internal static class RenameGridNode
{
    /// <param name="Name">What people call it from now on.</param>
    public sealed record Request([property: Required(ErrorMessage = "请填写名称"), Text(50, ErrorMessage = "名称不超过 50 个字，不含控制字符")] string Name);

    /// <param name="Revision">Also the ETag.</param>
    public sealed record Response(int Revision);

    public static void Map(RouteGroupBuilder nodes) =>
        nodes.MapPut("/{id:guid}/name", Handle).WithName("renameGridNode")
            .WithSummary("网格改名")
            .WithDescription("修改网格名称；编码不变。需 If-Match（网格的 revision）。")
            .ForConsole()
            .InOneTransaction()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound, Problems.VersionStale, Problems.IfMatchMissing);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, Request request, [FromHeader(Name = "If-Match")] string? ifMatch, BackendDb db, AuditWriter audit, HttpContext http, CancellationToken cancellation)
    {
        if (string.IsNullOrEmpty(ifMatch)) return Problems.IfMatchMissing.Result();
        if (await GridUnderEdit.FindAsync(db, id, cancellation) is not { } node) return Problems.NotFound.Result();
        if (GridUnderEdit.Stale(node, ifMatch, http) is { } stale) return stale;
        await db.GridNodes.Where(n => n.Id == id).ExecuteUpdateAsync(n => n.SetProperty(x => x.Name, request.Name).SetProperty(x => x.Revision, x => x.Revision + 1), cancellation);
        audit.Add(AuditWriter.Done, id);
        http.Response.Headers.ETag = Revisions.ETag(node.Revision + 1);
        return TypedResults.Ok(new Response(node.Revision + 1));
    }
}
