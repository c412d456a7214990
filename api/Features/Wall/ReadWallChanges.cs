using System.ComponentModel.DataAnnotations;
using System.Reflection;
using Backend.Domain.Tiers;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Platform.Walls;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Http.Metadata;
using Npgsql;

namespace Backend.Features.Wall;

/// <summary>
/// What changed on a wall since a version: every recorded change once, in order. From memory as far back as the last changes are kept there, past
/// that from the append-only tile history. About <see cref="Most"/> at a time, always whole versions; when there are more, the client asks again
/// from the answer's version.
/// </summary>
internal static class ReadWallChanges
{
    private const int Most = 2000;

    public sealed record Response(string Version, IReadOnlyList<Change> Changed, IReadOnlyList<Removal> Removed, bool More);

    /// <summary>A tile as it stood at <c>Version</c>; the last one of a household is its present state.</summary>
    public sealed record Change(
        Guid Id, Guid Node, string Door, Tier Tier, TierState? State, DateOnly? DueDay, DateOnly? LastVisitDay, string Version);

    public sealed record Removal(Guid Id, string Version);

    public static void Map(RouteGroupBuilder wall) =>
        wall.MapGet("/changes", Handle).WithName("readWallChanges")
            .WithSummary("监测屏变化")
            .WithDescription("从某个版本号起的全部变化，按版本顺序，每条一次。记录已过期或版本号属于重置前的库时返回 410，客户端应重新加载。")
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound, Problems.WallHistoryGone);

    // Of one root. With ties: a version is answered whole or not at all.
    private const string Changes = """
        select * from (
            select version, removed, household_id, node_id, node_path::text, door, tier, state, due_day, last_visit_day
            from tile_changes
            where root_id = @root and version > @after and version <= @until and (@nodes::uuid[] is null or node_id = any(@nodes))
            order by version fetch first @most rows with ties) r
        order by version, removed desc, household_id
        """;

    public static async Task<Results<Bytes, ProblemHttpResult>> Handle(
        Guid id, [Required(ErrorMessage = "请给出 after")] string after,
        GridMap map, ReadyWalls walls, AppDataSource source, CurrentAccount me, AnswerReadyWalls repeats, HttpContext http, CancellationToken cancellation)
    {
        if (WallVersion.Parse(after) is not { } since)
            return Problems.Invalid.Result(new Dictionary<string, string[]> { ["after"] = ["不是版本号"] });
        var grid = await map.ReadAsync(cancellation);
        if (grid.Find(id, me.Current) is not { } place) return Problems.NotFound.Result();
        var wall = await walls.OfAsync(grid, place, atLeast: since.Numbers, cancellation);
        if (!Reaches(since, wall.Now, w => w.HistoryFrom)) return Problems.WallHistoryGone.Result();
        repeats.LetIn(http, id, AnswerReadyWalls.Changes, me.Rights);
        return new Bytes(await walls.ChangesSinceAsync(
            wall, after, async () => Answer(await InHistoryAsync(grid, place, since, wall.Now, source, me, cancellation), since, wall.Now), cancellation));
    }

    public sealed class Bytes(byte[] changes) : IResult, IEndpointMetadataProvider
    {
        public Task ExecuteAsync(HttpContext httpContext) => ReadyAnswer.WriteChangesAsync(httpContext, changes);

        public static void PopulateMetadata(MethodInfo method, EndpointBuilder builder) =>
            builder.Metadata.Add(new ProducesResponseTypeMetadata(StatusCodes.Status200OK, typeof(Response), ["application/json"]));
    }

    /// <summary>The changes of a wall that is ready, when memory reaches back to that version; else null, and <see cref="Handle"/> finds out why.</summary>
    public static Response? Ready(ReadyWall wall, string after) =>
        WallVersion.Parse(after) is { } since && Reaches(since, wall.Now, w => w.Changes.Start) ? Answer(InMemory(wall.Place, since, wall.Now), since, wall.Now) : null;

    /// <summary>Whether a version is one of these walls, not before where they begin and not after where they stand.</summary>
    private static bool Reaches(WallVersion since, WallsNow now, Func<RootWall, long> begins) =>
        since.Epoch == now.Epoch && since.Numbers.Count == now.Walls.Count && since.Numbers.Zip(now.Walls).All(p => p.First >= begins(p.Second) && p.First <= p.Second.Version);

    private static Page InMemory(GridPlace place, WallVersion since, WallsNow now)
    {
        var found = new List<(Guid Root, WallChange Change)>();
        for (var i = 0; i < now.Walls.Count; i++)
        {
            var (last, start) = (-1L, 0);
            foreach (var change in now.Walls[i].Changes.After(since.Numbers[i]))
            {
                if (!Rights.IsWithin(change.Tile.NodePath, place.Path)) continue;
                if (change.Version != last) (last, start) = (change.Version, found.Count);
                if (start >= Most) return new Page(found, More: true);
                found.Add((now.Walls[i].Root, change));
            }
        }

        return new Page(found, More: false);
    }

    private static async Task<Page> InHistoryAsync(
        GridSnapshot grid, GridPlace place, WallVersion since, WallsNow now, AppDataSource source, CurrentAccount me, CancellationToken cancellation)
    {
        // Below a root the condition is by node ids: a path condition of our own would become a filter after the policy (kernel.md section 2).
        var nodes = place.RootId is null || place.RootId == place.Id ? null : grid.Subtree(place).Select(p => p.Id).ToArray();
        var found = new List<(Guid Root, WallChange Change)>();
        // Rows at or below the versions in memory are all committed: versions are raised under a row lock, last before the commit.
        await using var reader = await ScopedCommands.ReadAsync(source, me.Current, [.. now.Walls.Select((wall, i) => ScopedCommands.Command(Changes,
            new NpgsqlParameter("root", wall.Root), new NpgsqlParameter("after", since.Numbers[i]), new NpgsqlParameter("until", wall.Version),
            new NpgsqlParameter("nodes", NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Uuid) { Value = (object?)nodes ?? DBNull.Value },
            new NpgsqlParameter("most", (long)Most)))], cancellation);
        var (rows, tiles) = (reader.Rows, new TileReading());
        for (var i = 0; i < now.Walls.Count && found.Count < Most; i++)
        {
            if (i > 0) await reader.NextResultAsync(cancellation);
            while (await rows.ReadAsync(cancellation)) found.Add((now.Walls[i].Root, new WallChange(rows.GetInt64(0), rows.GetBoolean(1), tiles.Read(rows, 2))));
        }

        // Full up to the very end is asked for once more, in vain.
        return new Page(found, More: found.Count >= Most);
    }

    /// <param name="Found">Changes in the order of roots, then versions.</param>
    /// <param name="More">True when there may be more after the last of them.</param>
    private sealed record Page(List<(Guid Root, WallChange Change)> Found, bool More);

    private static Response Answer(Page page, WallVersion since, WallsNow now)
    {
        var roots = now.Walls.Select(w => w.Root).ToArray();
        var reached = now.Version.Numbers.ToArray();
        if (page.More)
        {
            var (last, change) = page.Found[^1];
            reached = roots.Select((r, i) => r == last ? change.Version : r.CompareTo(last) < 0 ? reached[i] : since.Numbers[i]).ToArray();
        }

        string VersionOf(Guid root, long version) => roots.Length == 1 ? WallVersion.Text(now.Epoch, version) : new WallVersion(
            now.Epoch, roots.Select((r, i) => r == root ? version : r.CompareTo(root) < 0 ? reached[i] : since.Numbers[i]).ToArray()).ToString();

        var (changed, removed) = (new List<Change>(), new List<Removal>());
        foreach (var (root, change) in page.Found)
        {
            var (tile, version) = (change.Tile, VersionOf(root, change.Version));
            if (change.Removed) removed.Add(new Removal(tile.Id, version));
            else changed.Add(new Change(tile.Id, tile.Node, tile.Door, tile.Tier, tile.State, tile.DueDay, tile.LastVisitDay, version));
        }

        return new Response(new WallVersion(now.Epoch, reached).ToString(), changed, removed, page.More);
    }
}
