using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Backend.Domain.Notices;
using Backend.Domain.Tiers;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using NpgsqlTypes;

namespace Backend.Features.Notices;

/// <summary>The account's notices, newest first, each with the alarms it lists and who took them.</summary>
internal static class ListNotices
{
    /// <param name="Items">One page.</param>
    /// <param name="Next">Cursor of the next page, null on the last.</param>
    public sealed record Response(IReadOnlyList<Item> Items, string? Next);

    /// <param name="Id">The notice.</param>
    /// <param name="CauseKind">One tier change, a batch, or that somebody outside its reach reads a household (紧急查看).</param>
    /// <param name="CreatedAt">When it was written.</param>
    /// <param name="State"><c>unread</c>, <c>read</c>, or <c>acknowledged</c> when every alarm it lists is taken, by whomever.</param>
    /// <param name="Count">Alarms it lists.</param>
    /// <param name="Alarms">Those of them that are within reach today, the open ones first.</param>
    public sealed record Item(Guid Id, CauseKind CauseKind, DateTimeOffset CreatedAt, string State, int Count, IReadOnlyList<AlarmLine> Alarms);

    /// <param name="Id">The alarm.</param>
    /// <param name="HouseholdId">The household.</param>
    /// <param name="Door">门牌.</param>
    /// <param name="Tier">The tier it rose to.</param>
    /// <param name="OpenedAt">When.</param>
    /// <param name="AcknowledgedAt">When somebody took it, null while open.</param>
    /// <param name="AcknowledgedBy">Who took it.</param>
    /// <param name="VisitBy">By when she visits.</param>
    public sealed record AlarmLine(
        Guid Id, Guid HouseholdId, string Door, Tier Tier, DateTimeOffset OpenedAt, DateTimeOffset? AcknowledgedAt, string? AcknowledgedBy, DateTimeOffset? VisitBy);

    public static void Map(RouteGroupBuilder notices) =>
        notices.MapGet("/", Handle).WithName("listNotices")
            .WithSummary("我的通知")
            .WithDescription("本人的通知，最新的在前，附所列预警及由谁确认收到。用 next 翻页。")
            .Refuses(Problems.Invalid, Problems.CursorInvalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed);

    private const string Notices = """
        select id, cause_kind, created_at, read_at, (select count(*) from notice_alarms l where l.notice_id = notices.id) from notices
        where account_id = @account and (@at::timestamptz is null or (created_at, id) < (@at, @after))
        order by created_at desc, id desc limit @limit
        """;

    private const string Alarms = """
        select l.notice_id, a.id, a.household_id, h.door, a.tier, a.opened_at, a.acknowledged_at, c.name, a.visit_by
        from notice_alarms l join alarms a on a.id = l.alarm_id join households h on h.id = a.household_id
        left join accounts c on c.id = a.acknowledged_by
        where l.notice_id in (
            select id from notices where account_id = @account and (@at::timestamptz is null or (created_at, id) < (@at, @after))
            order by created_at desc, id desc limit @limit)
        order by a.acknowledged_at is not null, h.node_path, h.door
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

        NpgsqlParameter[] Parameters() =>
        [
            new("account", me.Id), new("limit", limit + 1),
            new("at", NpgsqlDbType.TimestampTz) { Value = (object?)after?.At ?? DBNull.Value },
            new("after", NpgsqlDbType.Uuid) { Value = (object?)after?.Id ?? DBNull.Value },
        ];
        await using var reader = await ScopedCommands.ReadAsync(source, me.Current,
            [ScopedCommands.Command(Notices, Parameters()), ScopedCommands.Command(Alarms, Parameters()), audit.ReadCommand([me.Id])], cancellation);
        var rows = reader.Rows;
        var notices = new List<(Guid Id, CauseKind Kind, DateTimeOffset At, bool Read, int Count)>();
        while (await rows.ReadAsync(cancellation))
            notices.Add((rows.GetGuid(0), SnakeCase.Parse<CauseKind>(rows.GetString(1)), rows.GetFieldValue<DateTimeOffset>(2), !rows.IsDBNull(3), (int)rows.GetInt64(4)));
        await reader.NextResultAsync(cancellation);
        var alarms = new Dictionary<Guid, List<AlarmLine>>();
        while (await rows.ReadAsync(cancellation))
        {
            if (!alarms.TryGetValue(rows.GetGuid(0), out var lines)) alarms[rows.GetGuid(0)] = lines = [];
            lines.Add(new AlarmLine(
                rows.GetGuid(1), rows.GetGuid(2), rows.GetString(3), SnakeCase.Parse<Tier>(rows.GetString(4)), rows.GetFieldValue<DateTimeOffset>(5),
                rows.IsDBNull(6) ? null : rows.GetFieldValue<DateTimeOffset>(6), rows.IsDBNull(7) ? null : rows.GetString(7),
                rows.IsDBNull(8) ? null : rows.GetFieldValue<DateTimeOffset>(8)));
        }

        var page = notices.Take(limit).Select(n =>
        {
            var lines = alarms.GetValueOrDefault(n.Id, []);
            // What she no longer reaches may be open: of that she is told nothing.
            var taken = n.Count > 0 && lines.Count == n.Count && lines.TrueForAll(l => l.AcknowledgedAt is not null);
            return new Item(n.Id, n.Kind, n.At, taken ? "acknowledged" : n.Read ? "read" : "unread", n.Count, lines);
        }).ToList();
        var next = notices.Count > limit ? cursors.Sign("", $"{notices[limit - 1].At:O}|{notices[limit - 1].Id}") : null;
        return TypedResults.Ok(new Response(page, next));
    }
}
