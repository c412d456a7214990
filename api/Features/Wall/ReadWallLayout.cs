using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Backend.Features.Wall;

/// <summary>
/// The order of the tiles of the compact wall: which household, floor and door each two bits belong to. It changes only when a household comes, goes
/// or moves, so each version has its own immutable address.
/// </summary>
internal static class ReadWallLayout
{
    public sealed record Response(string LayoutVersion, IReadOnlyList<Place> Tiles);

    /// <param name="Id">The household.</param>
    /// <param name="Node">The floor (or other node) it hangs on.</param>
    /// <param name="Door">门牌.</param>
    public sealed record Place(Guid Id, Guid Node, string Door);

    public static void Map(RouteGroupBuilder wall) =>
        wall.MapGet("/layouts/{layoutVersion}", Handle).WithName("readWallLayout")
            .WithSummary("监测屏方块顺序")
            .WithDescription("紧凑形式中各方块的顺序。每个版本不再改变，可长期缓存；版本已不是现行的时返回 410，请重新读取紧凑形式。")
            .Produces<Response>()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound, Problems.WallHistoryGone);

    public static async Task<Results<FileContentHttpResult, ProblemHttpResult>> Handle(
        Guid id, string layoutVersion, GridMap map, ReadyWalls walls, CurrentAccount me, HttpContext http, CancellationToken cancellation)
    {
        var grid = await map.ReadAsync(cancellation);
        if (grid.Find(id, me.Current) is not { } place) return Problems.NotFound.Result();
        var wall = await walls.OfAsync(grid, place, atLeast: null, cancellation);
        if (layoutVersion != wall.LayoutVersion) return Problems.WallHistoryGone.Result();
        http.Response.Headers.CacheControl = "private, max-age=31536000, immutable";
        http.Response.Headers.Vary = "Authorization, Cookie";
        http.Response.Headers.ETag = $"\"{layoutVersion}\"";
        return TypedResults.Bytes(wall.Layout, "application/json; charset=utf-8");
    }
}
