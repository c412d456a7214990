using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Backend.Domain.Accounts;
using Backend.Domain.Grid;
using Backend.Platform.Persistence;
using Npgsql;
using NpgsqlTypes;

namespace Backend.Platform.Security;

/// <summary>What one role of an account reaches today: subtrees (assigned nodes, floors) and single households.</summary>
internal sealed record RoleReach(Role Role, IReadOnlyList<ReachNode> Nodes, IReadOnlyList<Guid> Homes)
{
    /// <summary>Households outside it that this role reads now (紧急查看).</summary>
    public IReadOnlyList<OpenEmergency> Emergencies { get; init; } = [];
}

internal sealed record OpenEmergency(Guid Id, Guid Household, DateTimeOffset EndsAt);

internal sealed record ReachNode(Guid Id, string Path);

/// <summary>A session that is valid now, and all that its account may reach today. Nothing of this stands in a token.</summary>
/// <param name="AccountId">Whose.</param>
/// <param name="SessionId">By which sign-in.</param>
/// <param name="Kind">What kind of session.</param>
/// <param name="DisplayNode">The one node of a display session.</param>
/// <param name="Roles">Roles held today, each with its reach.</param>
/// <param name="HasReadNotice">She has recorded that she read the privacy notice of this day.</param>
/// <param name="ExpiresAt">The end of the session.</param>
/// <param name="ChangesAt">When something of it ends by itself: the Shanghai day, or an emergency access.</param>
internal sealed record Rights(
    Guid AccountId, Guid SessionId, SessionKind Kind, ReachNode? DisplayNode, IReadOnlyList<RoleReach> Roles, bool HasReadNotice, DateTimeOffset ExpiresAt,
    DateTimeOffset ChangesAt)
{
    /// <summary>A person who has yet to read the privacy notice; a screen is nobody.</summary>
    public bool AwaitsNotice => !HasReadNotice && Kind is not (SessionKind.Display or SessionKind.Hall);

    /// <summary>Afterwards it must be read again.</summary>
    public DateTimeOffset Until => ExpiresAt < ChangesAt ? ExpiresAt : ChangesAt;

    /// <summary>
    /// The scope for an operation: the reach of those roles alone that may do it. A staff wall sees its one node, if the account still reaches it;
    /// a registered display sees its node whoever registered it.
    /// </summary>
    /// <param name="allowed">Which roles may do it.</param>
    /// <param name="inEmergency">Whether it is one of those that an emergency access opens.</param>
    public Scope ScopeOf(Func<Role, bool> allowed, bool inEmergency = false)
    {
        if (Kind == SessionKind.Hall) return new Scope(AccountId, [DisplayNode!.Path], []);
        var roles = Roles.Where(r => allowed(r.Role)).ToList();
        var paths = Outermost(roles.SelectMany(r => r.Nodes).Select(n => n.Path));
        if (Kind != SessionKind.Display)
            return new Scope(AccountId, paths, roles.SelectMany(r => inEmergency ? r.Homes.Concat(r.Emergencies.Select(e => e.Household)) : r.Homes).Distinct().ToList());
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
/// Session validity and reach by session. The database tells in each transaction whose rights have changed (<c>rights_changes</c>), one poll a second
/// reads it, and an entry counts only while the last good poll began less than 3 s ago: a dismissal, an ended session or a stand-in's last day takes
/// effect within that time on every replica, without any message (AZ11). Reading an entry costs no SQL; entries that are missing at the same time are
/// loaded together, so their number does not show in the number of commands (RL08).
/// </summary>
internal sealed class RightsCache(WorkerDataSource worker, TimeProvider clock, ILogger<RightsCache> log) : BackgroundService
{
    private static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(3), Interval = TimeSpan.FromSeconds(1);
    private const int MaxEntries = 50_000, MaxBatch = 1_000;

    private const string Poll = "select e.epoch, c.epoch is not null, c.account_id from rights_epoch e left join rights_changes c on c.epoch > @known";

    /// <summary>What <c>rights_changes</c> keeps (RightsChanges.sql).</summary>
    private const long KeptChanges = 10_000;

    private const string Load = """
        select s.id, s.account_id, s.kind, s.node_id, n.path::text, a.resident_id is not null, s.expires_at,
            coalesce((select exists (select from consents c where c.account_id = a.id and c.purpose = 'privacy_notice' and c.version = t.version)
                from privacy_notices t where t.from_day <= @day order by t.from_day desc, t.version desc limit 1), true)
        from sessions s join accounts a on a.id = s.account_id left join grid_nodes n on n.id = s.node_id left join displays d on d.id = s.display_id
        where s.id = any(@sessions) and s.ended_at is null and s.expires_at > @now
            and case when s.display_id is null then a.disabled_at is null else d.revoked_at is null end;
        with me as (select distinct account_id from sessions where id = any(@sessions)),
        held as (
            select account_id, post_id from appointments where account_id in (select account_id from me) and from_day <= @day and (to_day is null or to_day >= @day)
            union
            select account_id, post_id from stand_ins where account_id in (select account_id from me) and @day between from_day and to_day),
        mine as (select h.account_id, p.id, p.role from held h join posts p on p.id = h.post_id)
        select account_id, role, null::uuid, null::text, null::uuid, null::uuid, null::timestamptz from mine
        union all
        select m.account_id, m.role, n.id, n.path::text, null, null, null from mine m join assignments s on s.post_id = m.id join grid_nodes n on n.id = s.node_id
        where s.floor_from is null
        union all
        select m.account_id, m.role, f.id, f.path::text, null, null, null from mine m join assignments s on s.post_id = m.id
        join grid_nodes f on f.parent_id = s.node_id and f.floor_number between s.floor_from and s.floor_to
        union all
        select m.account_id, m.role, null, null, s.household_id, null, null from mine m join assignments s on s.post_id = m.id where s.household_id is not null
        union all
        select m.account_id, m.role, null, null, e.household_id, e.id, e.ends_at from (select distinct account_id, role from mine) m
        join emergency_accesses e on e.account_id = m.account_id and e.role = m.role
        where e.household_id is not null and e.ended_at is null and e.ends_at > @now
        union all
        select a.id, 'resident', null, null, c.household_id, null, null from accounts a join memberships c on c.resident_id = a.resident_id and c.to_day is null
        where a.id in (select account_id from me)
        """;

    private readonly ConcurrentDictionary<Guid, Rights> _entries = new();
    private readonly Turns _polling = new();
    private readonly Lock _lock = new();
    private Dictionary<Guid, TaskCompletionSource<Rights?>> _waiting = [];
    private bool _loading;
    private long _epoch = -1;
    private long _polledAt;
    private volatile bool _polled;

    /// <summary>The rights of a session if they are known and still count. Never any SQL.</summary>
    public bool TryGet(Guid sessionId, [NotNullWhen(true)] out Rights? rights)
    {
        rights = null;
        return IsFresh && _entries.TryGetValue(sessionId, out rights) && rights.Until > clock.GetUtcNow();
    }

    /// <summary>The rights of a session, or null when it does not exist, has ended or its account is disabled.</summary>
    public ValueTask<Rights?> OfAsync(Guid sessionId, CancellationToken cancellation) =>
        TryGet(sessionId, out var rights) ? ValueTask.FromResult<Rights?>(rights) : new ValueTask<Rights?>(ReadAsync(sessionId, cancellation));

    /// <summary>Forgets a session at once on this replica.</summary>
    public void Forget(Guid sessionId) => _entries.TryRemove(sessionId, out _);

    /// <summary>Forgets whom a change concerns that was committed before the call.</summary>
    public Task PollAsync(CancellationToken cancellation) => _polling.TakeAsync(() => PollOnceAsync(cancellation), cancellation);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    await PollAsync(stoppingToken);
                }
                catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
                {
                    // Entries stop counting by themselves; requests then ask the database and answer 503 while it is away.
                    log.LogWarning("Changes of rights could not be read: {Error}.", exception.GetType().Name);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping.
        }
    }

    private bool IsFresh => _polled && clock.GetElapsedTime(Volatile.Read(ref _polledAt)) < MaxAge;

    private async Task<Rights?> ReadAsync(Guid sessionId, CancellationToken cancellation)
    {
        if (!IsFresh)
        {
            // Of many who wait here the first asks for all.
            await _polling.TakeAsync(() => IsFresh ? Task.FromResult(_epoch) : PollOnceAsync(cancellation), cancellation);
            if (TryGet(sessionId, out var known)) return known;
        }

        TaskCompletionSource<Rights?>? mine;
        lock (_lock)
        {
            if (!_waiting.TryGetValue(sessionId, out mine))
                _waiting[sessionId] = mine = new TaskCompletionSource<Rights?>(TaskCreationOptions.RunContinuationsAsynchronously);
            if (!_loading)
            {
                _loading = true;
                // Belongs to all who wait, not to the first one's request.
                _ = Task.Run(LoadWaitingAsync, CancellationToken.None);
            }
        }

        return await mine.Task.WaitAsync(cancellation);
    }

    private async Task<long> PollOnceAsync(CancellationToken cancellation)
    {
        var began = clock.GetTimestamp();
        var known = Volatile.Read(ref _epoch);
        await using var command = worker.ForRequest(Poll);
        command.Parameters.Add(new NpgsqlParameter("known", NpgsqlDbType.Bigint) { Value = known });
        var epoch = known;
        var everybody = known < 0;
        var accounts = new HashSet<Guid>();
        await using (var reader = await command.ExecuteReaderAsync(cancellation))
        {
            while (await reader.ReadAsync(cancellation))
            {
                epoch = reader.GetInt64(0);
                if (!reader.GetBoolean(1)) continue;
                if (reader.IsDBNull(2)) everybody = true;
                else accounts.Add(reader.GetGuid(2));
            }
        }

        // The epoch first: a load that began before it does not fill what is emptied here.
        Volatile.Write(ref _epoch, epoch);
        if (everybody || epoch - known >= KeptChanges || epoch < known) _entries.Clear();
        else if (accounts.Count > 0)
        {
            foreach (var (session, rights) in _entries)
                if (accounts.Contains(rights.AccountId)) _entries.TryRemove(session, out _);
        }

        Volatile.Write(ref _polledAt, began);
        _polled = true;
        return epoch;
    }

    private async Task LoadWaitingAsync()
    {
        while (true)
        {
            KeyValuePair<Guid, TaskCompletionSource<Rights?>>[] batch;
            lock (_lock)
            {
                if (_waiting.Count == 0)
                {
                    _loading = false;
                    return;
                }

                batch = [.. _waiting.Take(MaxBatch)];
                if (batch.Length == _waiting.Count) _waiting = [];
                else foreach (var (session, _) in batch) _waiting.Remove(session);
            }

            try
            {
                // Read before the load, or a late fill would keep a revoked right (kernel.md section 4).
                var epoch = Volatile.Read(ref _epoch);
                var loaded = await LoadAsync([.. batch.Select(b => b.Key)]);
                foreach (var (session, waiting) in batch)
                {
                    var rights = loaded.GetValueOrDefault(session);
                    if (rights is not null)
                    {
                        if (_entries.Count >= MaxEntries) _entries.Clear();
                        _entries[session] = rights;
                        if (Volatile.Read(ref _epoch) != epoch) _entries.TryRemove(session, out _);
                    }

                    waiting.TrySetResult(rights);
                }
            }
            catch (Exception exception)
            {
                foreach (var (_, waiting) in batch) waiting.TrySetException(exception);
                if (!DatabaseFaults.IsSilence(exception)) continue;
                // Whoever came meanwhile has waited as well, and shall not wait it out once more (Turns).
                lock (_lock)
                {
                    foreach (var (_, waiting) in _waiting) waiting.TrySetException(exception);
                    _waiting = [];
                }
            }
        }
    }

    private async Task<Dictionary<Guid, Rights>> LoadAsync(Guid[] sessions)
    {
        var now = clock.GetUtcNow();
        var day = ShanghaiDay.Of(now);
        await using var command = worker.ForRequest(Load);
        command.Parameters.Add(new NpgsqlParameter("sessions", NpgsqlDbType.Array | NpgsqlDbType.Uuid) { Value = sessions });
        command.Parameters.Add(new NpgsqlParameter("now", NpgsqlDbType.TimestampTz) { Value = now });
        command.Parameters.Add(new NpgsqlParameter("day", NpgsqlDbType.Date) { Value = day });
        await using var reader = await command.ExecuteReaderAsync();
        var found = new List<(Guid Session, Guid Account, SessionKind Kind, ReachNode? Node, bool Resident, DateTimeOffset ExpiresAt, bool HasReadNotice)>();
        while (await reader.ReadAsync())
            found.Add((reader.GetGuid(0), reader.GetGuid(1), SnakeCase.Parse<SessionKind>(reader.GetString(2)),
                reader.IsDBNull(3) ? null : new ReachNode(reader.GetGuid(3), reader.GetString(4)), reader.GetBoolean(5), reader.GetFieldValue<DateTimeOffset>(6), reader.GetBoolean(7)));

        await reader.NextResultAsync();
        var reaches = new Dictionary<(Guid Account, Role Role), (List<ReachNode> Nodes, List<Guid> Homes, List<OpenEmergency> Emergencies)>();
        while (await reader.ReadAsync())
        {
            var key = (reader.GetGuid(0), SnakeCase.Parse<Role>(reader.GetString(1)));
            if (!reaches.TryGetValue(key, out var reach)) reaches[key] = reach = ([], [], []);
            if (!reader.IsDBNull(2)) reach.Nodes.Add(new ReachNode(reader.GetGuid(2), reader.GetString(3)));
            if (!reader.IsDBNull(5)) reach.Emergencies.Add(new OpenEmergency(reader.GetGuid(5), reader.GetGuid(4), reader.GetFieldValue<DateTimeOffset>(6)));
            else if (!reader.IsDBNull(4)) reach.Homes.Add(reader.GetGuid(4));
        }

        var ofAccount = reaches.ToLookup(r => r.Key.Account, r => new RoleReach(r.Key.Role, r.Value.Nodes, r.Value.Homes) { Emergencies = r.Value.Emergencies });
        // Posts are held from day to day.
        var midnight = ShanghaiDay.At(day.AddDays(1), TimeOnly.MinValue);
        return found.ToDictionary(f => f.Session, f =>
        {
            var roles = ofAccount[f.Account].ToList();
            if (f.Resident && !roles.Exists(r => r.Role == Role.Resident)) roles.Add(new RoleReach(Role.Resident, [], []));
            return new Rights(f.Account, f.Session, f.Kind, f.Node, [.. roles.OrderBy(r => r.Role)], f.HasReadNotice, f.ExpiresAt,
                roles.SelectMany(r => r.Emergencies).Select(e => e.EndsAt).Append(midnight).Min());
        });
    }
}

/// <summary>Days are Asia/Shanghai days.</summary>
internal static class ShanghaiDay
{
    /// <summary>Dates of people's inputs run from 1900 to the end of this one (IN02).</summary>
    public const int LatestYear = 2100;

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
