using Backend.Domain.Grid;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using NpgsqlTypes;

namespace Backend.Features.Households;

/// <summary>
/// Why the caller sees this household: everything that she is today from which it follows, by the rows that the rights themselves rest on. On the browser of a
/// staff wall it is what its account is. Who asks about a household out of reach gets 404, as for its page.
/// </summary>
internal static class ExplainReach
{
    /// <param name="Grounds">At least one. Nearest first: the own household, the household by itself, its floors, then node by node upwards.</param>
    public sealed record Response(IReadOnlyList<Ground> Grounds);

    /// <param name="Kind">What she is.</param>
    /// <param name="Role">The role that sees it.</param>
    /// <param name="PostTitle">Title of the post, null for the own household.</param>
    /// <param name="Covers">What the post looks after, of which this household is a part.</param>
    /// <param name="NodeNames">Names of that node from the top of the grid down; of a single household those of the node it hangs on.</param>
    /// <param name="FloorFrom">The lowest floor of a range, else null.</param>
    /// <param name="FloorTo">The highest floor of a range, else null.</param>
    /// <param name="FromDay">The first day on which she is that.</param>
    /// <param name="ToDay">The last day, null without an end.</param>
    public sealed record Ground(
        GroundKind Kind, Role Role, string? PostTitle, CoverKind Covers, IReadOnlyList<string> NodeNames, int? FloorFrom, int? FloorTo, DateOnly FromDay, DateOnly? ToDay);

    public enum GroundKind
    {
        /// <summary>She lives in it.</summary>
        Membership,
        Appointment,
        StandIn,
    }

    public enum CoverKind
    {
        Household,
        Floors,
        Node,
    }

    // The same rows as RightsCache reads, from the household's side. The first result is empty when the household is not to be seen.
    private const string Grounds = """
        with home as materialized (select h.id, h.node_id, h.node_path from households h where h.id = @id),
        upwards as materialized (
            select n.id, n.parent_id, n.floor_number, nlevel(n.path) as depth from grid_nodes n
            where n.path = any(array(select subpath(node_path, 0, i) from home, generate_series(1, nlevel(node_path)) i))),
        held as (
            select post_id, from_day, to_day, 'appointment' as kind from appointments where account_id = @account and from_day <= @day and (to_day is null or to_day >= @day)
            union all
            select post_id, from_day, to_day, 'stand_in' from stand_ins where account_id = @account and @day between from_day and to_day),
        covers as (
            select s.post_id, 'household' as covers, (select node_id from home) as node_id, null::integer as floor_from, null::integer as floor_to, 1001 as nearness
            from assignments s where s.household_id = (select id from home)
            union all
            select s.post_id, 'floors', s.node_id, s.floor_from, s.floor_to, 1000 from assignments s join upwards f on f.parent_id = s.node_id and f.floor_number between s.floor_from and s.floor_to
            union all
            select s.post_id, 'node', s.node_id, null, null, n.depth from assignments s join upwards n on n.id = s.node_id where s.floor_from is null)
        select 'membership', 'resident', null, 'household', (select node_id from home), null, null, m.from_day, m.to_day, 1002, m.id
        from memberships m where 'resident' = any(@roles) and m.household_id = (select id from home) and m.to_day is null
            and m.resident_id = (select resident_id from accounts where id = @account)
        union all
        select h.kind, p.role, p.title, c.covers, c.node_id, c.floor_from, c.floor_to, h.from_day, h.to_day, c.nearness, p.id
        from held h join posts p on p.id = h.post_id join covers c on c.post_id = p.id where p.role = any(@roles)
        order by 10 desc, 11, 8
        """;

    public static void Map(RouteGroupBuilder households) =>
        households.MapGet("/{id:guid}/reach", Handle).WithName("explainReach")
            .WithSummary("为什么我能看到这一户")
            .WithDescription("列出您能看到该户的全部依据：本户成员、任职或代理，所包保的网格、楼层或单户，以及起止日期。")
            .ForConsole()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, AppDataSource source, GridMap map, CurrentAccount me, AuditWriter audit, TimeProvider clock, CancellationToken cancellation)
    {
        var grid = await map.ReadAsync(cancellation);
        await using var reader = await ScopedCommands.ReadAsync(source, me.Current,
        [
            audit.FoundCommand(id, foundBy: "select id from households where id = @id"),
            ScopedCommands.Command(Grounds, new NpgsqlParameter("id", id), new NpgsqlParameter("account", me.Id), new NpgsqlParameter("day", clock.Today()),
                new NpgsqlParameter("roles", NpgsqlDbType.Array | NpgsqlDbType.Text) { Value = me.Roles.Select(r => SnakeCase.Of(r)).ToArray() }),
        ], cancellation);
        var rows = reader.Rows;
        if (!await rows.ReadAsync(cancellation)) return Problems.NotFound.Result();

        await reader.NextResultAsync(cancellation);
        var grounds = new List<Ground>();
        while (await rows.ReadAsync(cancellation))
        {
            grounds.Add(new Ground(
                SnakeCase.Parse<GroundKind>(rows.GetString(0)), SnakeCase.Parse<Role>(rows.GetString(1)), rows.IsDBNull(2) ? null : rows.GetString(2),
                SnakeCase.Parse<CoverKind>(rows.GetString(3)), grid.Upwards(rows.GetGuid(4)).Select(p => p.Name).Reverse().ToList(),
                rows.IsDBNull(5) ? null : rows.GetInt32(5), rows.IsDBNull(6) ? null : rows.GetInt32(6),
                rows.GetFieldValue<DateOnly>(7), rows.IsDBNull(8) ? null : rows.GetFieldValue<DateOnly>(8)));
        }

        return TypedResults.Ok(new Response(grounds));
    }
}
