using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Backend.Domain.Grid;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using NpgsqlTypes;

namespace Backend.Features.Audit;

/// <summary>
/// The audit for those who audit (AU04): who did what, to which ids, when and from where, the newest first. A right of its own, which no other administration
/// has; the database gives it to the holders of that post alone. That she has read is an entry too.
/// </summary>
internal static class ListAuditEntries
{
    /// <param name="Items">One page.</param>
    /// <param name="Next">Cursor of the next page, null on the last.</param>
    public sealed record Response(IReadOnlyList<Item> Items, string? Next);

    /// <param name="Id">The entry.</param>
    /// <param name="At">When, by the database's clock.</param>
    /// <param name="AccountId">Whose session it was; null for nobody whom the service knows.</param>
    /// <param name="AccountName">Her name, if she holds or has held a post.</param>
    /// <param name="Roles">Roles by which she might do it.</param>
    /// <param name="Scope">The paths that she reached by them.</param>
    /// <param name="Operation">What was done or tried.</param>
    /// <param name="TargetIds">The objects.</param>
    /// <param name="Result"><c>done</c>, or the code of the refusal.</param>
    /// <param name="Address">From where.</param>
    /// <param name="TraceId">As in the answer's problem document and in the log.</param>
    public sealed record Item(
        Guid Id, DateTimeOffset At, Guid? AccountId, string? AccountName, IReadOnlyList<Role> Roles, string? Scope, string Operation, IReadOnlyList<Guid> TargetIds,
        string Result, string? Address, string TraceId);

    public static void Map(RouteGroupBuilder entries) =>
        entries.MapGet("/", Handle).WithName("listAuditEntries")
            .WithSummary("审计记录")
            .WithDescription("谁、以什么角色、对哪些对象做了什么，结果如何，最新的在前。可按账号、对象、操作和时间筛选，用 next 翻页。仅限审计管理员；查阅本身也会被记录。")
            .ForConsole()
            .Limited(LimitedBy.Account | LimitedBy.Device)
            .Refuses(Problems.Invalid, Problems.CursorInvalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed);

    private const string Sql = """
        select e.id, e.at, e.account_id, a.name, e.roles, e.scope, e.operation, e.target_ids, e.result, e.address, e.correlation_id, e.xid::text
        from app.audit_entries(@day, @account, @target, @operation, @from, @until, @after_xid::xid8, @after, @limit) e left join accounts a on a.id = e.account_id
        order by e.xid desc, e.id desc
        """;

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        AppDataSource source, CurrentAccount me, Cursors cursors, AuditWriter audit, TimeProvider clock, CancellationToken cancellation,
        Guid? accountId = null, Guid? targetId = null, string? operation = null, DateTimeOffset? from = null, DateTimeOffset? until = null,
        [Range(1, 100, ErrorMessage = "limit 应为 1 到 100")] int limit = 50, string? cursor = null)
    {
        var errors = new Dictionary<string, string[]>();
        if (operation is not null && (operation.Length is 0 or > 60 || !operation.All(char.IsAsciiLetter))) errors["operation"] = ["应为操作名，如 readHousehold"];
        if (!IsSensible(from)) errors["from"] = ["应为 1900 到 2100 年的时间"];
        if (!IsSensible(until)) errors["until"] = ["应为 1900 到 2100 年的时间"];
        if (errors.Count > 0) return Problems.Invalid.Result(errors);

        // A place in the order of the chain; the filter is part of what is signed.
        var filter = string.Create(CultureInfo.InvariantCulture, $"{accountId} {targetId} {operation} {from:O} {until:O}");
        string[]? after = null;
        if (cursor is not null)
        {
            after = cursors.Read(filter, cursor)?.Split('|');
            if (after is not { Length: 2 }) return Problems.CursorInvalid.Result();
        }

        await using var reader = await ScopedCommands.ReadAsync(source, me.Current,
        [
            ScopedCommands.Command(Sql, new("day", clock.Today()), new("limit", limit + 1), Nullable("account", NpgsqlDbType.Uuid, accountId), Nullable("target", NpgsqlDbType.Uuid, targetId),
                Nullable("operation", NpgsqlDbType.Text, operation), Nullable("from", NpgsqlDbType.TimestampTz, from?.ToUniversalTime()),
                Nullable("until", NpgsqlDbType.TimestampTz, until?.ToUniversalTime()), Nullable("after_xid", NpgsqlDbType.Text, after?[0]),
                Nullable("after", NpgsqlDbType.Uuid, after is null ? null : Guid.Parse(after[1]))),
            audit.ReadCommand([.. ((Guid?[])[accountId, targetId]).OfType<Guid>()]),
        ], cancellation);
        var (rows, items, last) = (reader.Rows, new List<Item>(), "");
        while (await rows.ReadAsync(cancellation))
        {
            if (items.Count == limit) return TypedResults.Ok(new Response(items, cursors.Sign(filter, last)));
            string? Text(int column) => rows.IsDBNull(column) ? null : rows.GetString(column);
            items.Add(new Item(
                rows.GetGuid(0), rows.GetFieldValue<DateTimeOffset>(1), rows.IsDBNull(2) ? null : rows.GetGuid(2), Text(3),
                [.. (Text(4)?.Split(',') ?? []).Select(SnakeCase.Parse<Role>)], Text(5), rows.GetString(6), rows.GetFieldValue<Guid[]>(7), rows.GetString(8), Text(9), rows.GetString(10)));
            last = $"{rows.GetString(11)}|{items[^1].Id}";
        }

        return TypedResults.Ok(new Response(items, null));
    }

    private static bool IsSensible(DateTimeOffset? moment) => moment is null or { Year: >= 1900 and <= ShanghaiDay.LatestYear };

    private static NpgsqlParameter Nullable(string name, NpgsqlDbType type, object? value) => new(name, type) { Value = value ?? DBNull.Value };
}
