using System.Collections.Concurrent;
using Backend.Domain.Accounts;
using Backend.Domain.Grid;
using Backend.Platform.Persistence;
using Npgsql;
using NpgsqlTypes;

namespace Backend.Platform.Security;

/// <summary>What one role of an account reaches today: subtrees (assigned nodes, floors) and single households.</summary>
internal sealed record RoleReach(Role Role, IReadOnlyList<ReachNode> Nodes, IReadOnlyList<Guid> Homes);

internal sealed record ReachNode(Guid Id, string Path);

/// <summary>A session that is valid now, and all that its account may reach today. Nothing of this stands in a token.</summary>
internal sealed record Rights(Guid AccountId, Guid SessionId, SessionKind Kind, ReachNode? DisplayNode, IReadOnlyList<RoleReach> Roles)
{
    /// <summary>The scope for an operation: the reach of those roles alone that may do it. A display session sees its one node, if the account still reaches it.</summary>
    public Scope ScopeOf(Func<Role, bool> allowed)
    {
        var roles = Roles.Where(r => allowed(r.Role)).ToList();
        var paths = Outermost(roles.SelectMany(r => r.Nodes).Select(n => n.Path));
        if (Kind != SessionKind.Display)
            return new Scope(AccountId, paths, roles.SelectMany(r => r.Homes).Distinct().ToList());
        return DisplayNode is { } node && paths.Any(p => IsWithin(node.Path, p))
            ? new Scope(AccountId, [node.Path], [])
            : new Scope(AccountId, [], []);
    }

    /// <summary>Whole segments are compared: <c>1</c> never covers <c>10</c> (AZ04).</summary>
    public static bool IsWithin(string path, string ancestor) =>
        path.StartsWith(ancestor, StringComparison.Ordinal) && (path.Length == ancestor.Length || path[ancestor.Length] == '.');

    private static List<string> Outermost(IEnumerable<string> paths)
    {
        var sorted = paths.Distinct(StringComparer.Ordinal).OrderBy(p => p, StringComparer.Ordinal).ToList();
        return sorted.Where(p => !sorted.Exists(q => q.Length < p.Length && IsWithin(p, q))).ToList();
    }
}

/// <summary>
/// Session validity and reach by session, never older than 3 s (AZ11): a dismissal, an ended session or a stand-in's last day takes effect
/// within that time on every replica, without any message.
/// </summary>
internal sealed class RightsCache(WorkerDataSource worker, TimeProvider clock)
{
    private static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(3);
    private const int MaxEntries = 50_000;

    private const string Load = """
        select s.account_id, s.kind, s.node_id, n.path::text, a.resident_id is not null
        from sessions s join accounts a on a.id = s.account_id left join grid_nodes n on n.id = s.node_id
        where s.id = @session and s.ended_at is null and s.expires_at > @now and a.disabled_at is null;
        with me as (select account_id from sessions where id = @session),
        held as (
            select post_id from appointments where account_id = (select account_id from me) and from_day <= @day and (to_day is null or to_day >= @day)
            union
            select post_id from stand_ins where account_id = (select account_id from me) and @day between from_day and to_day),
        mine as (select p.id, p.role from held h join posts p on p.id = h.post_id)
        select role, null::uuid, null::text, null::uuid from mine
        union all
        select m.role, n.id, n.path::text, null from mine m join assignments s on s.post_id = m.id join grid_nodes n on n.id = s.node_id
        where s.floor_from is null
        union all
        select m.role, f.id, f.path::text, null from mine m join assignments s on s.post_id = m.id
        join grid_nodes f on f.parent_id = s.node_id and f.floor_number between s.floor_from and s.floor_to
        union all
        select m.role, null, null, s.household_id from mine m join assignments s on s.post_id = m.id where s.household_id is not null
        union all
        select 'resident', null, null, c.household_id from accounts a join memberships c on c.resident_id = a.resident_id and c.to_day is null
        where a.id = (select account_id from me)
        """;

    private readonly ConcurrentDictionary<Guid, Entry> _entries = new();

    /// <summary>The rights of a session, or null when it does not exist, has ended or its account is disabled.</summary>
    public async ValueTask<Rights?> OfAsync(Guid sessionId, CancellationToken cancellation)
    {
        // The age counts from before the load, or a late fill would keep a revoked right (kernel.md section 4).
        var began = clock.GetTimestamp();
        if (_entries.TryGetValue(sessionId, out var entry) && clock.GetElapsedTime(entry.Began, began) < MaxAge) return entry.Rights;
        var rights = await LoadAsync(sessionId, cancellation);
        if (_entries.Count >= MaxEntries) _entries.Clear();
        _entries[sessionId] = new Entry(began, rights);
        return rights;
    }

    /// <summary>The rights as they are during this call, whatever is cached.</summary>
    public Task<Rights?> ReadNowAsync(Guid sessionId, CancellationToken cancellation) => LoadAsync(sessionId, cancellation);

    /// <summary>Forgets a session at once on this replica.</summary>
    public void Forget(Guid sessionId) => _entries.TryRemove(sessionId, out _);

    private async Task<Rights?> LoadAsync(Guid sessionId, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        await using var command = worker.Source.CreateCommand(Load);
        command.Parameters.Add(new NpgsqlParameter("session", NpgsqlDbType.Uuid) { Value = sessionId });
        command.Parameters.Add(new NpgsqlParameter("now", NpgsqlDbType.TimestampTz) { Value = now });
        command.Parameters.Add(new NpgsqlParameter("day", NpgsqlDbType.Date) { Value = ShanghaiDay.Of(now) });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        if (!await reader.ReadAsync(cancellation)) return null;
        var account = reader.GetGuid(0);
        var kind = SnakeCase.Parse<SessionKind>(reader.GetString(1));
        var node = reader.IsDBNull(2) ? null : new ReachNode(reader.GetGuid(2), reader.GetString(3));
        var roles = new List<RoleReach>();
        if (reader.GetBoolean(4)) roles.Add(new RoleReach(Role.Resident, [], []));

        await reader.NextResultAsync(cancellation);
        var nodes = new Dictionary<Role, (List<ReachNode> Nodes, List<Guid> Homes)>();
        while (await reader.ReadAsync(cancellation))
        {
            var role = SnakeCase.Parse<Role>(reader.GetString(0));
            if (!nodes.TryGetValue(role, out var reach)) nodes[role] = reach = ([], []);
            if (!reader.IsDBNull(1)) reach.Nodes.Add(new ReachNode(reader.GetGuid(1), reader.GetString(2)));
            if (!reader.IsDBNull(3)) reach.Homes.Add(reader.GetGuid(3));
        }

        roles.RemoveAll(r => nodes.ContainsKey(r.Role));
        roles.AddRange(nodes.Select(n => new RoleReach(n.Key, n.Value.Nodes, n.Value.Homes)));
        return new Rights(account, sessionId, kind, node, [.. roles.OrderBy(r => r.Role)]);
    }

    private sealed record Entry(long Began, Rights? Rights);
}

/// <summary>Days are Asia/Shanghai days.</summary>
internal static class ShanghaiDay
{
    private static readonly TimeZoneInfo Zone = TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai");

    public static DateOnly Of(DateTimeOffset moment) => DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(moment, Zone).DateTime);

    public static DateOnly Today(this TimeProvider clock) => Of(clock.GetUtcNow());

    /// <summary>The moment at which a Shanghai day reaches a time of day.</summary>
    public static DateTimeOffset At(DateOnly day, TimeOnly time)
    {
        var local = day.ToDateTime(time, DateTimeKind.Unspecified);
        return new DateTimeOffset(local, Zone.GetUtcOffset(local)).ToUniversalTime();
    }
}
