using Backend.Domain.Tiers;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace Backend.Features.Wall;

/// <summary>
/// All tiles of a node with the version they stand at. A staff wall is whole or 404, never filtered by caller: whoever reaches the node sees
/// every tile of it. Tiles and version come from one statement, so a version never names tiles it does not have.
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
    public sealed record Tile(Guid Id, Guid Node, string Door, Tier Tier, TierState? State, DateOnly? DueDay, DateOnly? LastVisitDay);

    public static void Map(RouteGroupBuilder wall) =>
        wall.MapGet("/", Handle).WithName("readWall")
            .WithSummary("监测屏方块")
            .WithDescription("网格内每户一个方块。支持 If-None-Match；版本号以不透明字符串比较。")
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    // The version and the tiles must be of one snapshot: a client may never hold tiles newer than their version.
    private const string Sql = """
        select r.node_id, r.version, s.value, t.household_id, t.node_id, t.door, t.tier, t.state, t.due_day, t.last_visit_day
        from wall_roots r join settings s on s.key = 'wall.epoch'
        left join tiles t on t.root_id = r.node_id and (@nodes::uuid[] is null or t.node_id = any(@nodes))
        where r.node_id = any(@roots) order by r.node_id, t.node_path, t.door
        """;

    public static async Task<Results<Ok<Response>, StatusCodeHttpResult, ProblemHttpResult>> Handle(
        Guid id, GridMap map, AppDataSource source, CurrentAccount me, HttpContext http, CancellationToken cancellation)
    {
        var grid = await map.ReadAsync(cancellation);
        if (grid.Find(id, me.Current) is not { } place) return Problems.NotFound.Result();
        var roots = grid.RootsOf(place);
        // Below a root the condition is by node ids: a path condition of our own would become a filter after the policy (kernel.md section 2).
        var nodes = place.RootId is null || place.RootId == place.Id ? null : grid.Subtree(place).Select(p => p.Id).ToArray();
        var tiles = new List<Tile>();
        var versions = new SortedDictionary<Guid, long>();
        var epoch = "";
        await using (var reader = await ScopedCommands.ReadAsync(source, me.Current,
        [
            ScopedCommands.Command(Sql,
                new NpgsqlParameter("roots", roots.ToArray()),
                new NpgsqlParameter("nodes", NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Uuid) { Value = (object?)nodes ?? DBNull.Value }),
        ], cancellation))
        {
            var rows = reader.Rows;
            while (await rows.ReadAsync(cancellation))
            {
                versions[rows.GetGuid(0)] = rows.GetInt64(1);
                epoch = rows.GetString(2);
                if (!rows.IsDBNull(3)) tiles.Add(Read(rows, 3));
            }
        }

        var version = new WallVersion(epoch, [.. versions.Values]).ToString();
        var etag = $"W/\"{epoch}.json.staff.{version[(epoch.Length + 1)..]}\"";
        var headers = http.Response.Headers;
        headers.ETag = etag;
        headers.CacheControl = "private, no-cache";
        headers.Vary = "Accept, Accept-Encoding, Authorization, Cookie";
        if (http.Request.Headers.IfNoneMatch.Any(v => v == etag)) return TypedResults.StatusCode(StatusCodes.Status304NotModified);
        return TypedResults.Ok(new Response(version, tiles));
    }

    internal static Tile Read(NpgsqlDataReader rows, int from) => new(
        rows.GetGuid(from), rows.GetGuid(from + 1), rows.GetString(from + 2), SnakeCase.Parse<Tier>(rows.GetString(from + 3)),
        rows.IsDBNull(from + 4) ? null : SnakeCase.Parse<TierState>(rows.GetString(from + 4)),
        rows.IsDBNull(from + 5) ? null : rows.GetFieldValue<DateOnly>(from + 5),
        rows.IsDBNull(from + 6) ? null : rows.GetFieldValue<DateOnly>(from + 6));
}
