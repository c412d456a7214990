using System.Reflection;
using Backend.Domain.Tiers;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Platform.Walls;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Http.Metadata;

namespace Backend.Features.Wall;

/// <summary>
/// All tiles of a node with the version they stand at, from ready bytes. A staff wall is whole or 404, never filtered by caller: whoever reaches
/// the node sees every tile of it. This is the way in; <see cref="AnswerReadyWalls"/> repeats its answers to callers that it let in.
/// </summary>
internal static class ReadWall
{
    public sealed record Response(string Version, IReadOnlyList<Tile> Tiles);

    /// <param name="Id">The household.</param>
    /// <param name="Node">The floor (or other node) it hangs on.</param>
    /// <param name="Door">门牌, e.g. <c>13-4-104</c>.</param>
    /// <param name="Tier">四色等级.</param>
    /// <param name="State"><c>provisional</c> or <c>confirmed</c> on red, <c>unassessed</c> on such a yellow, else null.</param>
    /// <param name="DueDay">应访日; overdue is derived from it by the client.</param>
    /// <param name="LastVisitDay">Day of the last counted visit.</param>
    public sealed record Tile(Guid Id, Guid Node, string Door, Tier Tier, TierState? State, DateOnly? DueDay, DateOnly? LastVisitDay)
    {
        public static Tile Of(WallTile tile) => new(tile.Id, tile.Node, tile.Door, tile.Tier, tile.State, tile.DueDay, tile.LastVisitDay);
    }

    public static void Map(RouteGroupBuilder wall) =>
        wall.MapGet("/", Handle).WithName("readWall")
            .WithSummary("监测屏方块")
            .WithDescription("""
                网格内每户一个方块。支持 If-None-Match；版本号以不透明字符串比较。
                以 Accept: application/vnd.backend.wall-tiers 请求时返回紧凑形式：一行 ASCII 头 `W1 {layoutVersion} {version} {count}`，
                换行后每户两位（低位在前，0 红 1 橙 2 黄 3 绿），顺序见 readWallLayout。
                """)
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    public static async Task<Results<Bytes, ProblemHttpResult>> Handle(
        Guid id, GridMap map, ReadyWalls walls, CurrentAccount me, AnswerReadyWalls repeats, HttpContext http, CancellationToken cancellation)
    {
        var grid = await map.ReadAsync(cancellation);
        if (grid.Find(id, me.Current) is not { } place) return Problems.NotFound.Result();
        var wall = await walls.OfAsync(grid, place, atLeast: null, cancellation);
        repeats.LetIn(http, id, AnswerReadyWalls.Wall, me.Rights);
        return new Bytes(wall);
    }

    public sealed class Bytes(ReadyWall wall) : IResult, IEndpointMetadataProvider
    {
        public Task ExecuteAsync(HttpContext httpContext) => ReadyAnswer.WriteAsync(httpContext, wall);

        public static void PopulateMetadata(MethodInfo method, EndpointBuilder builder)
        {
            builder.Metadata.Add(new ProducesResponseTypeMetadata(StatusCodes.Status200OK, typeof(Response), ["application/json"]));
            builder.Metadata.Add(new ProducesResponseTypeMetadata(StatusCodes.Status304NotModified, typeof(void)));
        }
    }
}
