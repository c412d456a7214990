using Backend.Domain.Grid;
using Backend.Platform.Persistence;
using Npgsql;
using NpgsqlTypes;

namespace Backend.Features.Grid;

/// <summary>A post on a node, and who is in it today.</summary>
internal sealed record PostToday(Guid Id, Role Role, string Title, Guid NodeId, string? Holder, string? StandIn, DateOnly? StandInUntil)
{
    public bool IsActedIn => Holder is not null || StandIn is not null;

    /// <summary>Leaders are whom alarms and the household's page name; managers and staff are not.</summary>
    public bool IsLeader => Role is Role.FloorLeader or Role.BuildingLeader or Role.AreaLeader or Role.CommunityLeader;
}

/// <summary>
/// What the reports on the grid at work stand on: the posts in and over a place, what they are assigned, and how many households hang on each node. Three
/// commands in the caller's batch, whatever the size of the place; the rest is counted in <see cref="Responsibility"/>.
/// </summary>
internal sealed class GridAtWork
{
    private const string Households = """
        select n.id, n.parent_id, n.floor_number, count(*) from households h join grid_nodes n on n.id = h.node_id
        where h.node_id = any(@nodes) group by n.id
        """;

    private const string Assignments = """
        select s.id, s.post_id, s.node_id, s.floor_from, s.floor_to, s.household_id, h.node_id
        from assignments s left join households h on h.id = s.household_id
        where s.node_id = any(@path) or h.node_id = any(@nodes)
        """;

    private const string Posts = """
        select p.id, p.role, p.title, p.node_id, h.name, i.name, i.to_day
        from posts p
        left join lateral (
            select a.name from appointments x join accounts a on a.id = x.account_id
            where x.post_id = p.id and x.from_day <= @day and (x.to_day is null or x.to_day >= @day) and a.disabled_at is null
            order by x.from_day, x.id limit 1) h on true
        left join lateral (
            select a.name, x.to_day from stand_ins x join accounts a on a.id = x.account_id
            where x.post_id = p.id and @day between x.from_day and x.to_day and a.disabled_at is null
            order by x.from_day, x.id limit 1) i on true
        where p.node_id = any(@path) or p.node_id is not null and p.id in (
            select s.post_id from assignments s left join households h on h.id = s.household_id where s.node_id = any(@path) or h.node_id = any(@nodes))
        """;

    private readonly GridSnapshot _grid;
    private readonly HashSet<Guid> _nodes;

    private GridAtWork(GridSnapshot grid, HashSet<Guid> nodes, List<PostToday> posts, Responsibility responsibility, int households)
    {
        (_grid, _nodes, Responsibility, HouseholdCount) = (grid, nodes, responsibility, households);
        AllPosts = [.. posts.OrderBy(p => KeyOf(p), StringComparer.Ordinal)];
    }

    public Responsibility Responsibility { get; }

    public int HouseholdCount { get; }

    /// <summary>All that were read, those above the place too, in grid order.</summary>
    public IReadOnlyList<PostToday> AllPosts { get; }

    /// <summary>Posts of the place itself that nobody holds today, with or without a stand-in.</summary>
    public IEnumerable<PostToday> Vacancies => AllPosts.Where(p => p.Holder is null && _nodes.Contains(p.NodeId));

    /// <summary>Leaders with what they look after here: every floor leader of the place, and whoever above has households of it for want of a nearer one.</summary>
    public IEnumerable<(PostToday Post, int Households)> Loads => AllPosts
        .Where(p => p.IsLeader && p.IsActedIn).Select(p => (Post: p, Households: Responsibility.Loads.GetValueOrDefault(p.Id)))
        .Where(l => l.Households > 0 || l.Post.Role == Role.FloorLeader && _nodes.Contains(l.Post.NodeId));

    public int WithoutLeader => Responsibility.WithoutLeader.Values.Sum();

    public static NpgsqlBatchCommand[] Commands(GridSnapshot grid, GridPlace place, DateOnly day)
    {
        var nodes = grid.Subtree(place).Select(p => p.Id).ToArray();
        var path = nodes.Union(grid.Upwards(place.Id).Select(p => p.Id)).ToArray();
        NpgsqlParameter Ids(string name, Guid[] ids) => new(name, NpgsqlDbType.Array | NpgsqlDbType.Uuid) { Value = ids };
        return
        [
            ScopedCommands.Command(Households, Ids("nodes", nodes)),
            ScopedCommands.Command(Assignments, Ids("nodes", nodes), Ids("path", path)),
            ScopedCommands.Command(Posts, Ids("nodes", nodes), Ids("path", path), new NpgsqlParameter("day", day)),
        ];
    }

    /// <summary>Reads the three results; the reader stands on the first of them, and then on the last.</summary>
    public static async Task<GridAtWork> ReadAsync(ScopedReader reader, GridSnapshot grid, GridPlace place, CancellationToken cancellation)
    {
        var rows = reader.Rows;
        var households = new List<NodeHouseholds>();
        while (await rows.ReadAsync(cancellation))
            households.Add(new NodeHouseholds(rows.GetGuid(0), rows.IsDBNull(1) ? null : rows.GetGuid(1), rows.IsDBNull(2) ? null : rows.GetInt32(2), (int)rows.GetInt64(3)));

        await reader.NextResultAsync(cancellation);
        var assignments = new List<Assignment>();
        var homes = new Dictionary<Guid, Guid>();
        while (await rows.ReadAsync(cancellation))
        {
            assignments.Add(new Assignment
            {
                Id = rows.GetGuid(0),
                PostId = rows.GetGuid(1),
                NodeId = rows.IsDBNull(2) ? null : rows.GetGuid(2),
                FloorFrom = rows.IsDBNull(3) ? null : rows.GetInt32(3),
                FloorTo = rows.IsDBNull(4) ? null : rows.GetInt32(4),
                HouseholdId = rows.IsDBNull(5) ? null : rows.GetGuid(5),
            });
            if (!rows.IsDBNull(6)) homes[rows.GetGuid(5)] = rows.GetGuid(6);
        }

        await reader.NextResultAsync(cancellation);
        var posts = new List<PostToday>();
        while (await rows.ReadAsync(cancellation))
        {
            posts.Add(new PostToday(
                rows.GetGuid(0), SnakeCase.Parse<Role>(rows.GetString(1)), rows.GetString(2), rows.GetGuid(3),
                rows.IsDBNull(4) ? null : rows.GetString(4), rows.IsDBNull(5) ? null : rows.GetString(5), rows.IsDBNull(6) ? null : rows.GetFieldValue<DateOnly>(6)));
        }

        var acting = posts.Where(p => p.IsLeader && p.IsActedIn).Select(p => p.Id).ToHashSet();
        var responsibility = new Responsibility(acting, assignments, households, homes, id => grid.Upwards(id).Select(p => p.Id));
        return new GridAtWork(grid, grid.Subtree(place).Select(p => p.Id).ToHashSet(), posts, responsibility, households.Sum(h => h.Count));
    }

    /// <summary>The place of a post in the grid as text that sorts: positions from the top down, then the post's id. Never a load: nobody is ranked.</summary>
    public string KeyOf(PostToday post) => $"{_grid.PlaceKey(post.NodeId)} {post.Id}";

    public string NameOf(Guid node) => _grid.Find(node)?.Name ?? "";
}
