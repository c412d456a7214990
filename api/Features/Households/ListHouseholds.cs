using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Backend.Domain.Tiers;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using NpgsqlTypes;

namespace Backend.Features.Households;

/// <summary>The households within reach, most urgent first: by tier, then by due day. A leader's own tiles.</summary>
internal static class ListHouseholds
{
    /// <param name="Items">One page.</param>
    /// <param name="Next">Cursor of the next page, null on the last.</param>
    public sealed record Response(IReadOnlyList<Item> Items, string? Next);

    /// <param name="Id">The household.</param>
    /// <param name="Door">门牌.</param>
    /// <param name="NodeId">The node it hangs on.</param>
    /// <param name="NodeName">Its name.</param>
    /// <param name="Head">Name of the head of the household.</param>
    /// <param name="People">Current members.</param>
    /// <param name="Tier">四色等级.</param>
    /// <param name="State">等级状态.</param>
    /// <param name="DueDay">应访日.</param>
    /// <param name="LastVisitDay">Day of the last counted visit.</param>
    public sealed record Item(
        Guid Id, string Door, Guid NodeId, string NodeName, string? Head, int People, Tier Tier, TierState? State, DateOnly? DueDay, DateOnly? LastVisitDay);

    public static void Map(RouteGroupBuilder households) =>
        households.MapGet("/", Handle).WithName("listHouseholds")
            .WithSummary("我的住户")
            .WithDescription("可见范围内的住户，最紧急的在前。可按网格和等级筛选，用 next 翻页。")
            .Refuses(Problems.Invalid, Problems.CursorInvalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    // One statement returns the page and writes the audit row with exactly its ids (AU02).
    internal const string Sql = """
        with page as materialized (
            select h.id, h.door, h.node_id, h.tier, h.state, h.due_day, h.last_visit_day,
                array_position(array['red', 'orange', 'yellow', 'green'], h.tier) as urgency, coalesce(h.due_day, 'infinity'::date) as due
            from households h
            where (@nodes::uuid[] is null or h.node_id = any(@nodes)) and (@tier::text is null or h.tier = @tier)
                and (@urgency::int is null or (array_position(array['red', 'orange', 'yellow', 'green'], h.tier), coalesce(h.due_day, 'infinity'::date), h.id)
                    > (@urgency, @due::date, @id_after::uuid))
            order by urgency, due, h.id limit @limit),
        audit as ({0})
        select p.id, p.door, p.node_id,
            (select r.name from memberships m join residents r on r.id = m.resident_id where m.household_id = p.id and m.to_day is null and m.is_head limit 1),
            (select count(*) from memberships m where m.household_id = p.id and m.to_day is null),
            p.tier, p.state, p.due_day, p.last_visit_day, p.urgency, p.due::text
        from page p order by p.urgency, p.due, p.id
        """;

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        GridMap map, AppDataSource source, CurrentAccount me, Cursors cursors, AuditWriter audit, CancellationToken cancellation,
        Guid? nodeId = null, QueryWord<Tier>? tier = null, [Range(1, 100, ErrorMessage = "limit 应为 1 到 100")] int limit = 50, string? cursor = null)
    {
        var grid = await map.ReadAsync(cancellation);
        Guid[]? nodes = null;
        if (nodeId is { } node)
        {
            if (grid.Find(node, me.Current) is not { } place) return Problems.NotFound.Result();
            nodes = grid.Subtree(place).Select(p => p.Id).ToArray();
        }

        var filter = $"{nodeId} {tier?.Value}";
        string[]? position = null;
        if (cursor is not null)
        {
            position = cursors.Read(filter, cursor)?.Split('|');
            if (position is not { Length: 3 }) return Problems.CursorInvalid.Result();
        }

        var items = new List<Item>();
        string? next = null;
        await using (var reader = await ScopedCommands.ReadAsync(source, me.Current, [Command(audit, nodes, tier?.Value, position, limit)], cancellation))
        {
            var rows = reader.Rows;
            var last = "";
            while (await rows.ReadAsync(cancellation))
            {
                if (items.Count == limit)
                {
                    next = cursors.Sign(filter, last);
                    break;
                }

                var on = rows.GetGuid(2);
                items.Add(new Item(
                    rows.GetGuid(0), rows.GetString(1), on, grid.Find(on)?.Name ?? "", rows.IsDBNull(3) ? null : rows.GetString(3), (int)rows.GetInt64(4),
                    SnakeCase.Parse<Tier>(rows.GetString(5)), rows.IsDBNull(6) ? null : SnakeCase.Parse<TierState>(rows.GetString(6)),
                    rows.IsDBNull(7) ? null : rows.GetFieldValue<DateOnly>(7), rows.IsDBNull(8) ? null : rows.GetFieldValue<DateOnly>(8)));
                last = $"{rows.GetInt32(9)}|{rows.GetString(10)}|{rows.GetGuid(0)}";
            }
        }

        return TypedResults.Ok(new Response(items, next));
    }

    internal static NpgsqlBatchCommand Command(AuditWriter audit, Guid[]? nodes, Tier? tier, string[]? position, int limit)
    {
        var command = audit.ListCommand(Sql, "array(select id from page order by urgency, due, id limit @limit - 1)");
        command.Parameters.Add(new NpgsqlParameter("nodes", NpgsqlDbType.Array | NpgsqlDbType.Uuid) { Value = (object?)nodes ?? DBNull.Value });
        command.Parameters.Add(new NpgsqlParameter("tier", NpgsqlDbType.Text) { Value = tier is { } t ? SnakeCase.Of(t) : DBNull.Value });
        command.Parameters.Add(new NpgsqlParameter("urgency", NpgsqlDbType.Integer) { Value = position is null ? DBNull.Value : int.Parse(position[0], CultureInfo.InvariantCulture) });
        command.Parameters.Add(new NpgsqlParameter("due", NpgsqlDbType.Text) { Value = (object?)position?[1] ?? DBNull.Value });
        command.Parameters.Add(new NpgsqlParameter("id_after", NpgsqlDbType.Text) { Value = (object?)position?[2] ?? DBNull.Value });
        command.Parameters.Add(new NpgsqlParameter("limit", limit + 1));
        return command;
    }
}
