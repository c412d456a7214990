using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Backend.Features.Grid;

/// <summary>All nodes within reach, ordered by level, then path. No personal field.</summary>
internal static class ListGridNodes
{
    public sealed record Response(IReadOnlyList<Node> Items);

    /// <param name="Id">The node.</param>
    /// <param name="Name">Its name, e.g. 铜源社区.</param>
    /// <param name="Level">Code of its level, e.g. <c>community</c>.</param>
    /// <param name="Path">Codes from the top, joined with dots.</param>
    /// <param name="ParentId">The node above, null at the top or where that lies outside the reach.</param>
    /// <param name="Position">Order among its siblings on a wall.</param>
    /// <param name="Revision">Changes name it in If-Match.</param>
    public sealed record Node(Guid Id, string Name, string Level, string Path, Guid? ParentId, int Position, int Revision);

    public static void Map(RouteGroupBuilder nodes) =>
        nodes.MapGet("/", Handle).WithName("listGridNodes")
            .WithSummary("可见网格")
            .WithDescription("可见范围内的全部网格，按层级、路径排序。")
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed);

    public static async Task<Ok<Response>> Handle(GridMap map, CurrentAccount me, CancellationToken cancellation)
    {
        var grid = await map.ReadAsync(cancellation);
        var visible = grid.Places.Where(p => GridSnapshot.IsVisible(p, me.Current)).ToList();
        var ids = visible.Select(p => p.Id).ToHashSet();
        return TypedResults.Ok(new Response(visible
            .Select(p => new Node(p.Id, p.Name, p.Level, p.Path, p.ParentId is { } parent && ids.Contains(parent) ? parent : null, p.Position, p.Revision)).ToList()));
    }
}
