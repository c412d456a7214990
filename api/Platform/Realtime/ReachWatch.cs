using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Npgsql;
using NpgsqlTypes;

namespace Backend.Platform.Realtime;

/// <summary>
/// Closes connections whose rights have changed, on every replica and within 5 s (AZ11, AZ12): one query every two seconds for all that are open
/// here compares what their rights rest on (a valid session, posts held today, their assignments, the own household) with what it was when they
/// connected. Any difference closes the connection, and so does the end of the token; the client comes back and gets the groups of what is left.
/// </summary>
internal sealed class ReachWatch(WorkerDataSource worker, LiveConnections connections, TimeProvider clock, ILogger<ReachWatch> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private const string Read = """
        with open as (
            select s.id, s.account_id, a.resident_id from sessions s join accounts a on a.id = s.account_id
            where s.id = any(@sessions) and s.ended_at is null and s.expires_at > @now and a.disabled_at is null),
        me as (select distinct account_id, resident_id from open),
        held as (
            select account_id, post_id from appointments
            where account_id in (select account_id from me) and from_day <= @day and (to_day is null or to_day >= @day)
            union
            select account_id, post_id from stand_ins where account_id in (select account_id from me) and @day between from_day and to_day),
        grounds as (
            select h.account_id, h.post_id, s.id as what from held h left join assignments s on s.post_id = h.post_id
            union all
            select me.account_id, me.resident_id, m.household_id from me join memberships m on m.resident_id = me.resident_id and m.to_day is null)
        select o.id, (select md5(string_agg(g.post_id::text || coalesce(g.what::text, ''), ',' order by g.post_id, g.what))
                      from grounds g where g.account_id = o.account_id)
        from open o
        """;

    /// <summary>What the rights of a session rest on now, as one opaque text; null when the session is not valid, empty when it reaches nothing.</summary>
    public async Task<string?> FingerprintAsync(Guid session, CancellationToken cancellation) =>
        (await FingerprintsAsync([session], cancellation)).GetValueOrDefault(session);

    /// <summary>Looks once at all connections of this replica; gives how many it closed.</summary>
    public async Task<int> LookAsync(CancellationToken cancellation)
    {
        var open = connections.All();
        if (open.Count == 0) return 0;
        var now = await FingerprintsAsync([.. open.Select(c => c.Reach.SessionId).Distinct()], cancellation);
        var moment = clock.GetUtcNow();
        var changed = open.Where(c => now.GetValueOrDefault(c.Reach.SessionId) is not { } fingerprint || fingerprint != c.Fingerprint || c.Until <= moment).ToList();
        foreach (var connection in changed) connection.Context.Abort();
        return changed.Count;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        var lastGood = clock.GetTimestamp();
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    await LookAsync(stoppingToken);
                    lastGood = clock.GetTimestamp();
                }
                catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
                {
                    // Without the database nothing changes either, and there is nothing to push.
                    log.LogWarning("The rights of open connections could not be read for {Seconds:0} s: {Error}.", clock.GetElapsedTime(lastGood).TotalSeconds, exception.GetType().Name);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping.
        }
    }

    private async Task<Dictionary<Guid, string>> FingerprintsAsync(Guid[] sessions, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        await using var command = worker.Source.CreateCommand(Read);
        command.Parameters.Add(new NpgsqlParameter("sessions", NpgsqlDbType.Array | NpgsqlDbType.Uuid) { Value = sessions });
        command.Parameters.Add(new NpgsqlParameter("now", NpgsqlDbType.TimestampTz) { Value = now });
        command.Parameters.Add(new NpgsqlParameter("day", NpgsqlDbType.Date) { Value = ShanghaiDay.Of(now) });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var found = new Dictionary<Guid, string>(sessions.Length);
        while (await reader.ReadAsync(cancellation)) found[reader.GetGuid(0)] = reader.IsDBNull(1) ? "" : reader.GetString(1);
        return found;
    }
}
