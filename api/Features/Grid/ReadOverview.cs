using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace Backend.Features.Grid;

/// <summary>A node in figures, all counted from the rows: households, people, tiers, leaders, vacant posts, and what the grid leaves open.</summary>
internal static class ReadOverview
{
    /// <param name="Node">The node.</param>
    /// <param name="Households">Households at or below it.</param>
    /// <param name="People">Current members of those households.</param>
    /// <param name="Tiers">Households by tier; <c>provisional</c> and <c>unassessed</c> are parts of red and of yellow.</param>
    /// <param name="Leaders">Who leads this very node today.</param>
    /// <param name="LeaderPosts">Leader posts at or below it.</param>
    /// <param name="FilledLeaderPosts">Those with a holder or a stand-in today.</param>
    /// <param name="VacantPosts">The others, top levels first, at most 200 listed.</param>
    /// <param name="WithoutLeader">Households that no leader looks after; where they are is in <c>readCoverage</c>.</param>
    /// <param name="LoadsAbove">Leaders with more households than the warning allows; which is in <c>listLeaderLoads</c>.</param>
    /// <param name="Vacancies">Posts of every kind that nobody holds today, with or without a stand-in; which is in <c>listVacancies</c>.</param>
    public sealed record Response(
        NodeName Node, int Households, int People, TierCounts Tiers, IReadOnlyList<LeaderName> Leaders, int LeaderPosts, int FilledLeaderPosts, IReadOnlyList<VacantPost> VacantPosts,
        int WithoutLeader, int LoadsAbove, int Vacancies);

    public sealed record NodeName(Guid Id, string Name, string Level);

    public sealed record TierCounts(int Red, int Orange, int Yellow, int Green, int Provisional, int Unassessed);

    /// <param name="Title">Title of the post.</param>
    /// <param name="Name">The holder's or stand-in's name.</param>
    /// <param name="StandIn">True when she stands in.</param>
    public sealed record LeaderName(string Title, string Name, bool StandIn);

    public sealed record VacantPost(Guid PostId, string Title, Guid NodeId, string NodeName);

    public static void Map(RouteGroupBuilder nodes) =>
        nodes.MapGet("/{id:guid}/overview", Handle).WithName("readOverview")
            .WithSummary("网格概况")
            .WithDescription("户数、人数、四色、网格长、空缺职务，以及没有网格长的户数、超过 20 户的网格长人数，全部由记录实时统计。")
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    private const string Counts = """
        select count(*), count(*) filter (where tier = 'red'), count(*) filter (where tier = 'orange'), count(*) filter (where tier = 'yellow'),
            count(*) filter (where tier = 'green'), count(*) filter (where state = 'provisional'), count(*) filter (where state = 'unassessed')
        from households where node_id = any(@nodes)
        """;

    private const string People = """
        select count(*) from memberships m where to_day is null and household_id in (select id from households where node_id = any(@nodes))
        """;

    private const string Posts = """
        select p.id, p.title, p.node_id, h.name, h.stand_in
        from posts p left join lateral (
            select a.name, false as stand_in, 0 as rank from appointments x join accounts a on a.id = x.account_id
            where x.post_id = p.id and x.from_day <= @day and (x.to_day is null or x.to_day >= @day)
            union all
            select a.name, true, 1 from stand_ins x join accounts a on a.id = x.account_id
            where x.post_id = p.id and @day between x.from_day and x.to_day) h on true
        where p.leads_node and p.node_id = any(@nodes) order by p.id, h.rank, h.name
        """;

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, GridMap map, AppDataSource source, CurrentAccount me, AuditWriter audit, TimeProvider clock, CancellationToken cancellation)
    {
        var grid = await map.ReadAsync(cancellation);
        if (grid.Find(id, me.Current) is not { } place) return Problems.NotFound.Result();
        var nodes = grid.Subtree(place).Select(p => p.Id).ToArray();
        await using var reader = await ScopedCommands.ReadAsync(source, me.Current,
        [
            ScopedCommands.Command(Counts, new NpgsqlParameter("nodes", nodes)),
            ScopedCommands.Command(People, new NpgsqlParameter("nodes", nodes)),
            ScopedCommands.Command(Posts, new NpgsqlParameter("nodes", nodes), new NpgsqlParameter("day", clock.Today())),
            .. GridAtWork.Commands(grid, place, clock.Today()),
            audit.ReadCommand([id]),
        ], cancellation);

        var rows = reader.Rows;
        await rows.ReadAsync(cancellation);
        int Count(int i) => (int)rows.GetInt64(i);
        var households = Count(0);
        var tiers = new TierCounts(Count(1), Count(2), Count(3), Count(4), Count(5), Count(6));
        await reader.NextResultAsync(cancellation);
        await rows.ReadAsync(cancellation);
        var people = Count(0);
        await reader.NextResultAsync(cancellation);
        var posts = new List<(Guid Id, string Title, Guid Node, string? Name, bool StandIn)>();
        while (await rows.ReadAsync(cancellation))
            posts.Add((rows.GetGuid(0), rows.GetString(1), rows.GetGuid(2), rows.IsDBNull(3) ? null : rows.GetString(3), !rows.IsDBNull(4) && rows.GetBoolean(4)));

        await reader.NextResultAsync(cancellation);
        var work = await GridAtWork.ReadAsync(reader, grid, place, cancellation);
        var vacant = posts.Where(p => p.Name is null).Select(p => (Post: p, Place: grid.Find(p.Node)!))
            .OrderBy(p => p.Place.LevelOrder).ThenBy(p => p.Place.Path, StringComparer.Ordinal).ToList();
        var all = posts.Select(p => p.Id).Distinct().Count();
        return TypedResults.Ok(new Response(
            new NodeName(place.Id, place.Name, place.Level), households, people, tiers,
            posts.Where(p => p.Node == id && p.Name is not null).Select(p => new LeaderName(p.Title, p.Name!, p.StandIn)).ToList(),
            all, all - vacant.Count,
            vacant.Take(200).Select(v => new VacantPost(v.Post.Id, v.Post.Title, v.Post.Node, v.Place.Name)).ToList(),
            work.WithoutLeader, work.Loads.Count(ListLeaderLoads.IsAbove), work.Vacancies.Count()));
    }
}
