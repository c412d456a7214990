using System.ComponentModel.DataAnnotations;
using Backend.Domain.Grid;
using Backend.Domain.Wall;
using Backend.Platform;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Grid;

/// <summary>Adds an empty node below one that the caller reaches. A community, or an area directly under a street, gets a wall of its own.</summary>
internal static class AddGridNode
{
    /// <param name="NodeCode">Its code among its siblings, part of the path; it stays.</param>
    /// <param name="Name">What people call it.</param>
    /// <param name="Level">Code of its level, lower than the one above.</param>
    /// <param name="FloorNumber">Of a floor, for assignments by floor range .</param>
    /// <param name="Position">Order among its siblings on a wall.</param>
    public sealed record Request(
        [property: Required(ErrorMessage = "请填写编码"), RegularExpression("^[a-z0-9_]{1,20}$", ErrorMessage = "编码为 1 到 20 个小写字母、数字或下划线", MatchTimeoutInMilliseconds = 100)] string NodeCode,
        [property: Required(ErrorMessage = "请填写名称"), Text(50, ErrorMessage = "名称不超过 50 个字，不含控制字符")] string Name,
        [property: Required(ErrorMessage = "请选择层级"), RegularExpression("^[a-z0-9_]{1,50}$", ErrorMessage = "没有这个层级", MatchTimeoutInMilliseconds = 100)] string Level,
        [property: Range(-20, 200, ErrorMessage = "楼层号为 -20 到 200")] int? FloorNumber = null,
        [property: Range(0, 100_000, ErrorMessage = "排序为 0 到 100000")] int Position = 0);

    /// <param name="Id">The new node.</param>
    /// <param name="Path">Codes from the top.</param>
    /// <param name="Revision">Also the ETag; changes name it in If-Match.</param>
    public sealed record Response(Guid Id, string Path, int Revision);

    public static void Map(RouteGroupBuilder nodes) =>
        nodes.MapPost("/{id:guid}/nodes", Handle).WithName("addGridNode")
            .WithSummary("新增网格")
            .WithDescription("在可见范围内的网格之下新增一个空网格。编码在同级中唯一，以后不变；层级必须低于上级网格。")
            .ForConsole()
            .InOneTransaction()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound, Problems.Conflict);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, Request request, BackendDb db, AuditWriter audit, HttpContext http, CancellationToken cancellation)
    {
        if (await GridUnderEdit.FindAsync(db, id, cancellation) is not { } parent) return Problems.NotFound.Result();
        if (await GridUnderEdit.RefusalsAsync(db, request.Level, parent, "level", cancellation) is { Count: > 0 } refusals) return Problems.Invalid.Result(refusals);
        if (await GridUnderEdit.IsTakenAsync(db, parent, request.NodeCode, cancellation)) return Problems.Conflict.Result("同级网格中已有这个编码。");

        var node = Guid.CreateVersion7(db.Now);
        var isRoot = parent.RootId is null && await db.GridLevels.AnyAsync(
            l => l.Code == request.Level && l.Order >= db.GridLevels.Where(r => r.Code == Level.OfWallRoots).Select(r => r.Order).Min(), cancellation);
        var path = $"{parent.Path}.{request.NodeCode}";
        db.GridNodes.Add(new GridNode
        {
            Id = node,
            ParentId = parent.Id,
            LevelCode = request.Level,
            Code = request.NodeCode,
            Name = request.Name,
            Path = path,
            RootId = isRoot ? node : parent.RootId,
            FloorNumber = request.FloorNumber,
            Position = request.Position,
        });
        if (isRoot) db.WallRoots.Add(new WallRoot { NodeId = node, Version = 1, HistoryFrom = 1 });
        audit.Add(AuditWriter.Done, node, parent.Id);
        http.Response.Headers.ETag = Revisions.ETag(0);
        return TypedResults.Ok(new Response(node, path, 0));
    }
}
