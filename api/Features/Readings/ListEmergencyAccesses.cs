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

/// <summary>紧急查看 of the caller herself, and of others on households of her reach: who, in which role, why and until when; the newest first.</summary>
internal static class ListEmergencyAccesses
{
    /// <param name="Items">One page.</param>
    /// <param name="Next">Cursor of the next page, null on the last.</param>
    public sealed record Response(IReadOnlyList<Item> Items, string? Next);

    /// <param name="Id">The emergency access.</param>
    /// <param name="AccountName">Whose.</param>
    /// <param name="Role">In which role.</param>
    /// <param name="NodeId">The community.</param>
    /// <param name="Door">门牌, as she wrote it.</param>
    /// <param name="HouseholdId">The household; null when there is none behind this door.</param>
    /// <param name="Justification">Her reason.</param>
    /// <param name="OpenedAt">From when.</param>
    /// <param name="EndsAt">Until when at the longest.</param>
    /// <param name="EndedAt">When she ended it herself, else null.</param>
    public sealed record Item(
        Guid Id, string AccountName, Role Role, Guid NodeId, string Door, Guid? HouseholdId, string Justification, DateTimeOffset OpenedAt, DateTimeOffset EndsAt,
        DateTimeOffset? EndedAt);

    public static void Map(RouteGroupBuilder accesses) =>
        accesses.MapGet("/", Handle).WithName("listEmergencyAccesses")
            .WithSummary("紧急查看记录")
            .WithDescription("本人的紧急查看，以及他人对可见范围内住户的紧急查看，含理由和期限，最新的在前。用 next 翻页。")
            .ForConsole()
            .Refuses(Problems.Invalid, Problems.CursorInvalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed);

    // Row level security shows the caller's own, and those on households that she reaches.
    private const string Sql = """
        select e.id, a.name, e.role, e.node_id, e.door, e.household_id, e.justification, e.opened_at, e.ends_at, e.ended_at
        from emergency_accesses e left join accounts a on a.id = e.account_id
        where @at::timestamptz is null or (e.opened_at, e.id) < (@at, @after)
        order by e.opened_at desc, e.id desc limit @limit
        """;

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        AppDataSource source, CurrentAccount me, Vault vault, Cursors cursors, AuditWriter audit, CancellationToken cancellation,
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
            ScopedCommands.Command(Sql, new("limit", limit + 1), new("at", NpgsqlDbType.TimestampTz) { Value = (object?)after?.At ?? DBNull.Value },
                new("after", NpgsqlDbType.Uuid) { Value = (object?)after?.Id ?? DBNull.Value }),
            audit.ReadCommand([me.Id]),
        ], cancellation);
        var (rows, items) = (reader.Rows, new List<Item>());
        while (await rows.ReadAsync(cancellation))
        {
            var id = rows.GetGuid(0);
            items.Add(new Item(
                id, rows.IsDBNull(1) ? "" : rows.GetString(1), SnakeCase.Parse<Role>(rows.GetString(2)), rows.GetGuid(3), rows.GetString(4), rows.IsDBNull(5) ? null : rows.GetGuid(5),
                vault.OpenText(SealedFields.EmergencyJustification, id, new(rows.GetFieldValue<byte[]>(6))), rows.GetFieldValue<DateTimeOffset>(7),
                rows.GetFieldValue<DateTimeOffset>(8), rows.IsDBNull(9) ? null : rows.GetFieldValue<DateTimeOffset>(9)));
        }

        if (items.Count <= limit) return TypedResults.Ok(new Response(items, null));
        items.RemoveAt(limit);
        return TypedResults.Ok(new Response(items, cursors.Sign("", $"{items[^1].OpenedAt:O}|{items[^1].Id}")));
    }
}
