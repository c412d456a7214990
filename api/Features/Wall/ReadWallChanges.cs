using System.ComponentModel.DataAnnotations;
using Backend.Domain.Tiers;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace Backend.Features.Wall;

/// <summary>
/// What changed on a wall since a version, from the append-only tile history: every recorded change once, in order. About
/// <see cref="Most"/> at a time, always whole versions; when there are more, the client asks again from the answer's version.
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

    private const string Versions = """
        select r.node_id, r.version, r.history_from, s.value from wall_roots r join settings s on s.key = 'wall.epoch'
        where r.node_id = any(@roots) order by r.node_id
        """;

    // rank() gives all rows of one version the same place, so a version is answered whole or not at all.
    private const string Changes = """
        select root_id, version, removed, household_id, node_id, door, tier, state, due_day, last_visit_day, total from (
            select c.*, rank() over (order by c.root_id, c.version) as place, count(*) over () as total
            from unnest(@roots, @after, @until) as a(root_id, after, until)
            join tile_changes c on c.root_id = a.root_id and c.version > a.after and c.version <= a.until
            where @nodes::uuid[] is null or c.node_id = any(@nodes)) r
        where place <= @most order by root_id, version, removed desc, household_id
        """;

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, [Required(ErrorMessage = "请给出 after")] string after, GridMap map, AppDataSource source, CurrentAccount me, CancellationToken cancellation)
    {
        if (WallVersion.Parse(after) is not { } since)
            return Problems.Invalid.Result(new Dictionary<string, string[]> { ["after"] = ["不是版本号"] });
        var grid = await map.ReadAsync(cancellation);
        if (grid.Find(id, me.Current) is not { } place) return Problems.NotFound.Result();
        var roots = grid.RootsOf(place).ToArray();
        var nodes = place.RootId is null || place.RootId == place.Id ? null : grid.Subtree(place).Select(p => p.Id).ToArray();

        var now = new List<(long Version, long From)>();
        var epoch = "";
        await using (var reader = await ScopedCommands.ReadAsync(source, me.Current, [ScopedCommands.Command(Versions, new NpgsqlParameter("roots", roots))], cancellation))
        {
            while (await reader.Rows.ReadAsync(cancellation))
            {
                now.Add((reader.Rows.GetInt64(1), reader.Rows.GetInt64(2)));
                epoch = reader.Rows.GetString(3);
            }
        }

        if (since.Epoch != epoch || since.Numbers.Count != now.Count || since.Numbers.Zip(now).Any(p => p.First < p.Second.From || p.First > p.Second.Version))
            return Problems.WallHistoryGone.Result();
        // Rows at or below the versions just read are all committed: versions are raised under a row lock, last before the commit.
        var reached = since.Numbers.Zip(now, (a, n) => n.Version).ToArray();
        if (reached.SequenceEqual(since.Numbers)) return TypedResults.Ok(new Response(after, [], [], false));

        var found = new List<(Guid Root, long Version, bool Removed, ReadWall.Tile Tile)>();
        var total = 0L;
        await using (var reader = await ScopedCommands.ReadAsync(source, me.Current,
        [
            ScopedCommands.Command(Changes,
                new NpgsqlParameter("roots", roots), new NpgsqlParameter("after", since.Numbers.ToArray()), new NpgsqlParameter("until", reached),
                new NpgsqlParameter("nodes", NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Uuid) { Value = (object?)nodes ?? DBNull.Value },
                new NpgsqlParameter("most", (long)Most)),
        ], cancellation))
        {
            while (await reader.Rows.ReadAsync(cancellation))
            {
                found.Add((reader.Rows.GetGuid(0), reader.Rows.GetInt64(1), reader.Rows.GetBoolean(2), ReadWall.Read(reader.Rows, 3)));
                total = reader.Rows.GetInt64(10);
            }
        }

        var more = total > found.Count;
        if (more)
        {
            var (last, version) = (found[^1].Root, found[^1].Version);
            reached = roots.Select((r, i) => r == last ? version : r.CompareTo(last) < 0 ? reached[i] : since.Numbers[i]).ToArray();
        }

        string VersionOf(Guid root, long version) =>
            new WallVersion(epoch, roots.Select((r, i) => r == root ? version : r.CompareTo(root) < 0 ? reached[i] : since.Numbers[i]).ToArray()).ToString();

        return TypedResults.Ok(new Response(
            new WallVersion(epoch, reached).ToString(),
            found.Where(f => !f.Removed).Select(f => new Change(f.Tile.Id, f.Tile.Node, f.Tile.Door, f.Tile.Tier, f.Tile.State, f.Tile.DueDay, f.Tile.LastVisitDay, VersionOf(f.Root, f.Version))).ToList(),
            found.Where(f => f.Removed).Select(f => new Removal(f.Tile.Id, VersionOf(f.Root, f.Version))).ToList(),
            more));
    }
}
