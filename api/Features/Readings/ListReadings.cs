using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Backend.Domain.Grid;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using NpgsqlTypes;

namespace Backend.Features.Readings;

/// <summary>
/// 谁看过我的信息 (B-7): each time that somebody else has read or been shown data of the caller's household since she lives in it, in which role, by which post,
/// for what purpose and when; the newest first. Never a name. It is drawn from the audit, so it cannot differ from it.
/// </summary>
internal static class ListReadings
{
    /// <param name="Items">One page.</param>
    /// <param name="Next">Cursor of the next page, null on the last.</param>
    public sealed record Response(IReadOnlyList<Item> Items, string? Next);

    /// <param name="Id">The reading.</param>
    /// <param name="At">When, by the database's clock.</param>
    /// <param name="Role">In which role; <c>resident</c>: somebody else of the household.</param>
    /// <param name="PostTitle">Title of the post; null for a member of the household.</param>
    /// <param name="Content">What was seen.</param>
    /// <param name="Purpose">What for.</param>
    public sealed record Item(Guid Id, DateTimeOffset At, Role Role, string? PostTitle, ReadingContent Content, ReadingPurpose Purpose);

    public static void Map(RouteGroupBuilder me) =>
        me.MapGet("/readings", Handle).WithName("listReadings")
            .WithSummary("谁看过我的信息")
            .WithDescription("他人每一次查看本户信息的记录：角色、职务、内容、用途和时间，最新的在前，不显示姓名。用 next 翻页。")
            .Refuses(Problems.Invalid, Problems.CursorInvalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed);

    // The post by which she could: of those that she held on that day in a role of the entry, one that looks after the household comes first.
    private const string Sql = """
        select e.id, e.at, e.operation, e.purpose, coalesce(p.role, split_part(e.roles, ',', 1)), p.title
        from app.readings(@operations, @at, @after, @limit) e
        left join lateral (
            select s.role, s.title
            from (select post_id, from_day, to_day from appointments where account_id = e.account_id
                union all select post_id, from_day, to_day from stand_ins where account_id = e.account_id) h
            join posts s on s.id = h.post_id and s.role = any(string_to_array(e.roles, ','))
            where (e.at at time zone 'Asia/Shanghai')::date between h.from_day and coalesce(h.to_day, 'infinity')
            order by exists (
                select from assignments g left join grid_nodes n on n.id = g.node_id
                where g.post_id = s.id and (g.household_id = e.household_id or n.path @> (select node_path from households where id = e.household_id))) desc, s.id
            limit 1) p on true
        order by e.at desc, e.id desc
        """;

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        AppDataSource source, CurrentAccount me, Cursors cursors, AuditWriter audit, CancellationToken cancellation,
        [Range(1, 100, ErrorMessage = "limit 应为 1 到 100")] int limit = 20, string? cursor = null)
    {
        (DateTimeOffset At, Guid Id)? after = null;
        if (cursor is not null)
        {
            if (cursors.Read("", cursor)?.Split('|') is not { Length: 2 } position) return Problems.CursorInvalid.Result();
            after = (DateTimeOffset.Parse(position[0], CultureInfo.InvariantCulture), Guid.Parse(position[1]));
        }

        await using var reader = await ScopedCommands.ReadAsync(source, me.Current,
        [
            ScopedCommands.Command(Sql, new("operations", ReadLog.Names), new("limit", limit + 1),
                new("at", NpgsqlDbType.TimestampTz) { Value = (object?)after?.At ?? DBNull.Value },
                new("after", NpgsqlDbType.Uuid) { Value = (object?)after?.Id ?? DBNull.Value }),
            audit.ReadCommand([me.Id]),
        ], cancellation);
        var (rows, items) = (reader.Rows, new List<Item>());
        while (await rows.ReadAsync(cancellation))
        {
            var (content, purpose) = ReadLog.Operations[rows.GetString(2)];
            items.Add(new Item(
                rows.GetGuid(0), rows.GetFieldValue<DateTimeOffset>(1), SnakeCase.Parse<Role>(rows.GetString(4)), rows.IsDBNull(5) ? null : rows.GetString(5),
                content, rows.IsDBNull(3) ? purpose!.Value : SnakeCase.Parse<ReadingPurpose>(rows.GetString(3))));
        }

        if (items.Count <= limit) return TypedResults.Ok(new Response(items, null));
        items.RemoveAt(limit);
        return TypedResults.Ok(new Response(items, cursors.Sign("", $"{items[^1].At:O}|{items[^1].Id}")));
    }
}
