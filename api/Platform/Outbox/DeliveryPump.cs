using System.Collections.Concurrent;
using System.Security.Cryptography;
using Backend.Domain.Notices;
using Backend.Domain.Privacy;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Npgsql;
using NpgsqlTypes;

namespace Backend.Platform.Outbox;

/// <summary>
/// Sends each delivery on its own (design.md section 3, step 5). A delivery goes out only while its notice lists an open alarm; this is read here, as
/// the worker, who sees all of them: the person who acknowledges sees only those within her reach.
/// <para>The attempt is committed before the call, and with it a lease on the recipient, so that one message at a time goes to one person and
/// no lock is held over the call (RL06). A call whose outcome nobody knows (answer lost, process killed) is repeated once, after 60 s, counted, and
/// then shown as uncertain. Everything else is tried for a day and then parked and alarmed, never deleted (RL05).</para>
/// </summary>
internal sealed class DeliveryPump(
    WorkerDataSource worker, Vault vault, IEmploymentMessages employment, OutboxSignal signal, TimeProvider clock, ILogger<DeliveryPump> log) : BackgroundService
{
    private const int MostAtOnce = 8;
    private static readonly TimeSpan Sweep = TimeSpan.FromSeconds(1);
    /// <summary>How long an outcome may stay unknown before the one repeat.</summary>
    private static readonly TimeSpan UncertainFor = TimeSpan.FromSeconds(60);
    /// <summary>On top of the longest call: time to store the outcome.</summary>
    private static readonly TimeSpan LeaseMargin = TimeSpan.FromSeconds(5);
    /// <summary>What waited for a channel comes back spread over this, not in one wave.</summary>
    private static readonly TimeSpan ReleaseSpread = TimeSpan.FromSeconds(10);
    /// <summary>How long sends that have begun may go on after the stop; then they count as uncertain.</summary>
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(10);
    /// <summary>One operator alarm a kind in this time, however many deliveries meet the same fault.</summary>
    private static readonly TimeSpan AlarmEvery = TimeSpan.FromMinutes(10);

    private static readonly RetrySchedule Schedule = new(TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(30));

    private const string IsOpen =
        "exists (select from notice_alarms l join alarms a on a.id = l.alarm_id where l.notice_id = d.notice_id and a.acknowledged_at is null)";

    /// <summary>What is still to be sent, a call that was never answered for included. An uncertain one is repeated once.</summary>
    private const string IsPending = "(d.state in ('waiting', 'sending') or d.state = 'uncertain' and d.repeats = 0)";

    private const string Stop = $"""
        update deliveries d set state = 'stopped'
        where {IsPending} and (d.state <> 'sending' or d.due_at <= @now) and not {IsOpen}
        """;

    /// <summary>A live push reaches nobody by a call of ours: each replica tells its own connections of what stands here as sent (NoticeFeed).</summary>
    private const string SendLive = $"""
        update deliveries d set state = 'sent', attempts = d.attempts + 1, last_outcome = 'ok'
        where d.channel = 'live' and d.state = 'waiting' and d.due_at <= @now and {IsOpen}
        """;

    private const string FailUnbound = $"""
        update deliveries d set state = 'failed', last_outcome = 'not_bound'
        where d.channel = 'employment_message' and {IsPending} and d.due_at <= @now
            and not exists (select from we_chat_identities i where i.account_id = d.account_id and i.employment_bound)
        """;

    /// <summary>
    /// Deliveries whose recipients nobody is sending to. One a recipient is looked at, the oldest; both rows are taken with SKIP LOCKED, so pumps neither
    /// wait for each other nor take the same. The lease is in the database's time: its holders are processes, not the domain.
    /// </summary>
    private const string Claim = $"""
        with taken as (
            select d.id, d.state = 'sending' or d.state = 'uncertain' as again, d.repeats, d.attempts, d.notice_id, d.created_at, i.id as identity, i.open_id
            from deliveries d join we_chat_identities i on i.account_id = d.account_id
            where d.id in (
                    select distinct on (d.account_id) d.id from deliveries d
                    where d.channel = 'employment_message' and {IsPending} and d.due_at <= @now order by d.account_id, d.due_at, d.id)
                and d.channel = 'employment_message' and {IsPending} and d.due_at <= @now and {IsOpen}
                and i.employment_bound and (i.leased_until is null or i.leased_until <= clock_timestamp())
            order by d.due_at, d.id limit @most for update of d, i skip locked),
        leased as (update we_chat_identities i set leased_until = clock_timestamp() + @lease from taken t where i.id = t.identity and not (t.again and t.repeats > 0)),
        marked as (
            update deliveries d set
                state = case when t.again and t.repeats > 0 then 'uncertain' else 'sending' end,
                attempts = t.attempts + case when t.again and t.repeats > 0 then 0 else 1 end,
                repeats = case when t.again then 1 else t.repeats end,
                last_outcome = case when t.again then 'uncertain' else d.last_outcome end,
                due_at = @now + @uncertain
            from taken t where d.id = t.id returning d.id, d.state, d.attempts, d.account_id),
        noted as (
            insert into delivery_attempts (id, delivery_id, account_id, number, at)
            select @ids[row_number() over ()], m.id, m.account_id, m.attempts, @now from marked m where m.state = 'sending')
        select m.id, m.state = 'sending', m.attempts, m.account_id, t.notice_id, t.created_at, t.identity, t.open_id from marked m join taken t on t.id = m.id
        """;

    /// <summary>Only if it is still this attempt's: a sender that was given up for dead must not overwrite what came after it.</summary>
    private const string Record = """
        with noted as (
            insert into delivery_attempts (id, delivery_id, account_id, number, at, outcome, error_code)
            values (@attempt, @delivery, @account, @number, @now, @outcome, @code)),
        freed as (
            update we_chat_identities i set leased_until = null, employment_bound = i.employment_bound and not @unbind
            where i.id = @identity and exists (select from deliveries d where d.id = @delivery and d.state = 'sending' and d.attempts = @number))
        update deliveries set
            state = @state, last_outcome = @outcome, due_at = @due
        where id = @delivery and state = 'sending' and attempts = @number
        """;

    /// <summary>What failed for the channel's sake, not for its own; a rate or a quota ends by itself, at its own time.</summary>
    private const string Release = """
        update deliveries set due_at = @now + random() * @spread
        where channel = 'employment_message' and state = 'waiting' and attempts > 0 and due_at > @now + @spread
            and last_outcome <> all(@timed)
        """;

    /// <summary>Classes of outcome that name their own end.</summary>
    private static readonly string[] TimedClasses = ["rate_limited", "quota_exhausted"];

    private readonly SemaphoreSlim _pass = new(1);
    private readonly List<Task> _running = [];
    private readonly ConcurrentDictionary<string, DateTimeOffset> _alarmed = new();
    private readonly CancellationTokenSource _sends = new();
    // Unknown at start: what an earlier process had to put off is released by the first message that passes.
    private int _channelDown = 1;
    private DateTimeOffset _lastTidy;

    private sealed record Sending(Guid Id, int Attempt, Guid Account, Guid Notice, DateTimeOffset CreatedAt, Guid Identity, Sealed OpenId);

    /// <summary>Sends all that is due and waits for the outcomes; gives how many calls it made.</summary>
    public async Task<int> DrainAsync(CancellationToken cancellation)
    {
        await _pass.WaitAsync(cancellation);
        try
        {
            var all = 0;
            while (true)
            {
                var taken = await TakeAsync(tidy: true, cancellation);
                await Task.WhenAll(_running);
                _running.Clear();
                // A person with two messages gets the second when the first is through.
                if (taken == 0) return all;
                all += taken;
            }
        }
        finally
        {
            _pass.Release();
        }
    }

    public override void Dispose()
    {
        _sends.Dispose();
        _pass.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await using var _ = stoppingToken.Register(() => _sends.CancelAfter(StopPatience));
        while (!stoppingToken.IsCancellationRequested)
        {
            var next = signal.Next;
            try
            {
                Task[] running;
                await _pass.WaitAsync(stoppingToken);
                try
                {
                    await TakeAsync(tidy: clock.GetUtcNow() - _lastTidy >= Sweep, stoppingToken);
                    running = [.. _running];
                }
                finally
                {
                    _pass.Release();
                }

                await Task.WhenAny([next, Task.Delay(Sweep, clock, stoppingToken), .. running]);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception exception)
            {
                log.LogWarning("Deliveries could not be read: {Error}.", exception.GetType().Name);
                await Task.WhenAny(Task.Delay(Sweep, clock, stoppingToken));
            }
        }

        await _pass.WaitAsync(CancellationToken.None);
        await Task.WhenAll(_running);
        _pass.Release();
    }

    /// <summary>Fills the free places and comes back: what needs no call never waits for calls.</summary>
    private async Task<int> TakeAsync(bool tidy, CancellationToken cancellation)
    {
        if (tidy)
        {
            await ExecuteAsync(Stop, cancellation);
            await ExecuteAsync(FailUnbound, cancellation);
            _lastTidy = clock.GetUtcNow();
        }

        if (await ExecuteAsync(SendLive, cancellation) > 0) signal.Set();

        var taken = 0;
        _running.RemoveAll(t => t.IsCompleted);
        while (_running.Count < MostAtOnce)
        {
            var (found, sendings) = await ClaimAsync(MostAtOnce - _running.Count, cancellation);
            if (found == 0) break;
            taken += sendings.Count;
            foreach (var sending in sendings) _running.Add(Task.Run(() => SendAsync(sending), CancellationToken.None));
        }

        return taken;
    }

    private async Task<int> ExecuteAsync(string sql, CancellationToken cancellation)
    {
        await using var command = worker.Source.CreateCommand(sql);
        command.Parameters.Add(Moment("now", clock.GetUtcNow()));
        return await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>Takes the next deliveries; those that have used up their repeat are only marked.</summary>
    private async Task<(int Found, List<Sending> Sendings)> ClaimAsync(int most, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        await using var command = worker.Source.CreateCommand(Claim);
        command.Parameters.Add(Moment("now", now));
        command.Parameters.Add(Span("lease", employment.LongestSend + LeaseMargin));
        command.Parameters.Add(Span("uncertain", UncertainFor));
        command.Parameters.Add(new NpgsqlParameter("most", most));
        command.Parameters.Add(new NpgsqlParameter("ids", Enumerable.Range(0, most).Select(_ => Guid.CreateVersion7(now)).ToArray()));
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var (found, sendings) = (0, new List<Sending>());
        while (await reader.ReadAsync(cancellation))
        {
            found++;
            if (reader.GetBoolean(1))
                sendings.Add(new Sending(reader.GetGuid(0), reader.GetInt32(2), reader.GetGuid(3), reader.GetGuid(4),
                    reader.GetFieldValue<DateTimeOffset>(5), reader.GetGuid(6), new Sealed(reader.GetFieldValue<byte[]>(7))));
        }

        return (found, sendings);
    }

    private async Task SendAsync(Sending sending)
    {
        var outcome = await CallAsync(sending);
        // The outcome is known here and nowhere else. While the database is away it is worth waiting for: lost, it would send the message twice.
        while (true)
        {
            try
            {
                await RecordAsync(sending, outcome);
                break;
            }
            catch (Exception exception) when (!_sends.IsCancellationRequested)
            {
                log.LogWarning("The outcome of delivery {Id} could not be stored: {Error}.", sending.Id, exception.GetType().Name);
                await Task.WhenAny(Task.Delay(Sweep, clock, _sends.Token));
            }
            catch (Exception exception)
            {
                log.LogWarning("The outcome of delivery {Id} was not stored, it is uncertain: {Error}.", sending.Id, exception.GetType().Name);
                break;
            }
        }
    }

    private async Task<DeliveryOutcome> CallAsync(Sending sending)
    {
        string openId;
        try
        {
            openId = vault.OpenText(SealedFields.OpenId, sending.Identity, sending.OpenId);
        }
        catch (CryptographicException)
        {
            return new DeliveryOutcome(SendResult.GiveUp, "identity_unreadable", OperatorAlarm: true);
        }

        try
        {
            return await employment.SendAsync(openId, sending.Notice, sending.CreatedAt, _sends.Token);
        }
        catch (Exception exception)
        {
            // It may be out already.
            log.LogWarning("Delivery {Id}: the call ended without an outcome: {Error}.", sending.Id, exception.GetType().Name);
            return new DeliveryOutcome(SendResult.Uncertain, "uncertain");
        }
    }

    private async Task RecordAsync(Sending sending, DeliveryOutcome outcome)
    {
        var now = clock.GetUtcNow();
        var (state, due) = outcome.Result switch
        {
            SendResult.Sent => (DeliveryState.Sent, now),
            SendResult.Uncertain => (DeliveryState.Uncertain, now + UncertainFor),
            SendResult.Retry when RetrySchedule.IsOver(sending.CreatedAt, now) => (DeliveryState.Parked, now),
            SendResult.Retry => (DeliveryState.Waiting, NextTry(sending, outcome, now)),
            _ => (DeliveryState.Failed, now),
        };
        await using (var command = worker.Source.CreateCommand(Record))
        {
            command.Parameters.Add(new NpgsqlParameter("attempt", Guid.CreateVersion7(now)));
            command.Parameters.Add(new NpgsqlParameter("delivery", sending.Id));
            command.Parameters.Add(new NpgsqlParameter("account", sending.Account));
            command.Parameters.Add(new NpgsqlParameter("identity", sending.Identity));
            command.Parameters.Add(new NpgsqlParameter("number", sending.Attempt));
            command.Parameters.Add(Moment("now", now));
            command.Parameters.Add(new NpgsqlParameter("outcome", outcome.Class));
            command.Parameters.Add(new NpgsqlParameter("code", NpgsqlDbType.Integer) { Value = (object?)outcome.Code ?? DBNull.Value });
            command.Parameters.Add(new NpgsqlParameter("state", SnakeCase.Of(state)));
            command.Parameters.Add(Moment("due", due));
            command.Parameters.Add(new NpgsqlParameter("unbind", outcome.Result == SendResult.NotBound));
            await command.ExecuteNonQueryAsync(CancellationToken.None);
        }

        if (outcome.OperatorAlarm) Alarm($"delivery_{outcome.Class}", sending.Id);
        if (state == DeliveryState.Parked) Alarm("delivery_parked", sending.Id);
        if (outcome.Result == SendResult.Retry && outcome.NotBefore is null) Interlocked.Exchange(ref _channelDown, 1);
        if (outcome.Result == SendResult.Sent && Interlocked.Exchange(ref _channelDown, 0) == 1) await ReleaseAsync();
    }

    /// <summary>The channel is back: what waited for it is due now, spread a little (RL05).</summary>
    private async Task ReleaseAsync()
    {
        await using var command = worker.Source.CreateCommand(Release);
        command.Parameters.Add(Moment("now", clock.GetUtcNow()));
        command.Parameters.Add(Span("spread", ReleaseSpread));
        command.Parameters.Add(new NpgsqlParameter("timed", TimedClasses));
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    private static DateTimeOffset NextTry(Sending sending, DeliveryOutcome outcome, DateTimeOffset now)
    {
        var delay = Schedule.After(sending.Attempt, Random.Shared.NextDouble());
        return (outcome.NotBefore is { } notBefore && notBefore > now ? notBefore : now) + delay;
    }

    private void Alarm(string kind, Guid id)
    {
        var now = clock.GetUtcNow();
        var last = _alarmed.GetOrAdd(kind, DateTimeOffset.MinValue);
        if (now - last >= AlarmEvery && _alarmed.TryUpdate(kind, now, last)) log.OperatorAlarm(kind, id);
    }

    private static NpgsqlParameter Moment(string name, DateTimeOffset value) => new(name, NpgsqlDbType.TimestampTz) { Value = value };

    private static NpgsqlParameter Span(string name, TimeSpan value) => new(name, NpgsqlDbType.Interval) { Value = value };
}
