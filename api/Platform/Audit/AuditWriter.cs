using System.Diagnostics;
using Backend.Platform.Errors;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using NpgsqlTypes;

namespace Backend.Platform.Audit;

/// <summary>Writes audit entries (AU01, AU02): of a change in its transaction, of a read in its batch, of a refusal in a transaction of its own.</summary>
internal sealed class AuditWriter(CurrentAccount me, BackendDb db, AppDataSource source, IHttpContextAccessor http, AuditSigner signer)
{
    public const string Done = "done";
    private const string NotFound = "not_found";

    /// <summary>Whether this request has its entry already.</summary>
    public bool IsWritten { get; private set; }

    /// <summary>Adds the entry of this operation to the open transaction.</summary>
    /// <param name="result"><c>done</c> or a problem code.</param>
    /// <param name="targets">Ids of the objects concerned.</param>
    public void Add(string result, params Guid[] targets) => db.AuditEntries.Add(Entry(result, targets));

    /// <summary>The entry of a change that is written in one batch of its own (<see cref="ScopedCommands.WriteAsync"/>).</summary>
    public NpgsqlBatchCommand ChangeCommand(string result, params Guid[] targets) => Insert(Entry(result, targets));

    /// <summary>For a change whose handler named no targets: the ids of its route.</summary>
    public void AddUnlessWritten()
    {
        if (!IsWritten) Add(Done, RouteIds());
    }

    /// <summary>The entry of a read, as the last command of its batch.</summary>
    /// <param name="ids">The objects that were asked for.</param>
    public NpgsqlBatchCommand ReadCommand(Guid[] ids) => Insert(Entry(Done, ids));

    /// <summary>A read of one object with its entry, which says <c>not_found</c> when there is no such row in sight.</summary>
    /// <param name="id">The object that is asked for.</param>
    /// <param name="foundBy">The SQL that reads its row by <c>@id</c>.</param>
    /// <param name="also">One more column of it.</param>
    public NpgsqlBatchCommand FoundCommand(Guid id, string foundBy, string? also = null)
    {
        var entry = Entry(Done, [id]);
        // The statement decides which of the two results it is, and with it which of the two MACs. "offset 0": it looks once.
        var command = Insert(entry, result: $"case when f.found then @result else '{NotFound}' end", mac: "case when f.found then @mac else @mac_not_found end",
            from: "from (select exists (select from target) as found offset 0) f");
        var (insert, columns) = (command.CommandText, also is null ? "*" : $"*, {also}");
        command.CommandText = $"with target as materialized ({foundBy}), entry as ({insert}) select {columns} from target";
        command.Parameters.Add(new NpgsqlParameter("id", id));
        command.Parameters.Add(new NpgsqlParameter("mac_not_found", signer.Mac(entry, NotFound)));
        return command;
    }

    /// <summary>
    /// A read whose ids are known only to its own statement: <c>{0}</c> in the SQL becomes the entry's insert, as a CTE. Its MAC says that it covers all
    /// but the ids; knowing them first would cost a round trip more. The seal covers them too.
    /// </summary>
    public NpgsqlBatchCommand ListCommand(string sql, string targets)
    {
        var command = Insert(Entry(Done, [], MacOf.EntryWithoutIds), targets);
        command.CommandText = sql.Replace("{0}", command.CommandText, StringComparison.Ordinal);
        return command;
    }

    /// <summary>A refusal: nothing else is saved, so it has a transaction of its own.</summary>
    public async Task RefusalAsync(string code, CancellationToken cancellation)
    {
        var entry = Entry(code, RouteIds());
        await using var reader = await ScopedCommands.ReadAsync(source, me.Current, [Insert(entry)], cancellation);
    }

    /// <summary>The answer of a call that is refused outside any transaction, with its entry.</summary>
    /// <param name="why">Advice for the person who reads it, in Chinese.</param>
    public async Task<ProblemHttpResult> RefuseAsync(Problem problem, CancellationToken cancellation, string? why = null)
    {
        await RefusalAsync(problem.Code, cancellation);
        return problem.Result(why);
    }

    private static NpgsqlBatchCommand Insert(
        AuditEntry entry, string targets = "@targets", string result = "@result", string mac = "@mac", string from = "") => ScopedCommands.Command($"""
        insert into audit_entries (id, account_id, session_id, roles, scope, operation, target_ids, result, address, correlation_id, writer_id, writer_number, mac)
        select @entry, @account, @session, @roles, @scope, @operation, {targets}, {result}, @address, @correlation, @writer, @number, {mac}
        {from}
        """,
        new("entry", entry.Id), Nullable("account", NpgsqlDbType.Uuid, entry.AccountId), Nullable("session", NpgsqlDbType.Uuid, entry.SessionId),
        Nullable("roles", NpgsqlDbType.Text, entry.Roles), Nullable("scope", NpgsqlDbType.Text, entry.Scope), new("operation", entry.Operation),
        new("targets", NpgsqlDbType.Array | NpgsqlDbType.Uuid) { Value = entry.TargetIds }, new("result", entry.Result),
        Nullable("address", NpgsqlDbType.Text, entry.Address), new("correlation", entry.CorrelationId),
        new("writer", entry.WriterId), new("number", entry.WriterNumber), new("mac", entry.Mac));

    private AuditEntry Entry(string result, Guid[] targets, MacOf covers = MacOf.Entry)
    {
        IsWritten = true;
        return signer.Sign(new AuditEntry
        {
            Id = Guid.CreateVersion7(db.Now),
            AccountId = me.IsSignedIn ? me.Id : me.Current.Account,
            SessionId = me.IsSignedIn ? me.SessionId : null,
            Roles = me.Roles.Count == 0 ? null : string.Join(',', me.Roles.Select(r => SnakeCase.Of(r))),
            Scope = me.Current.ReachSetting is { Length: > 0 } reach ? reach : null,
            Operation = me.Operation,
            TargetIds = [.. targets, .. me.Emergencies],
            Result = result,
            Address = http.HttpContext?.Connection.RemoteIpAddress?.ToString(),
            CorrelationId = Activity.Current?.TraceId.ToString() ?? http.HttpContext?.TraceIdentifier ?? "",
        }, covers);
    }

    private Guid[] RouteIds() =>
        http.HttpContext?.Request.RouteValues.Values.Select(v => Guid.TryParse(v?.ToString(), out var id) ? id : Guid.Empty).Where(id => id != Guid.Empty).ToArray() ?? [];

    private static NpgsqlParameter Nullable(string name, NpgsqlDbType type, object? value) => new(name, type) { Value = value ?? DBNull.Value };
}
