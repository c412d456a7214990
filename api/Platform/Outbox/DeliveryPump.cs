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
/// <para>Where the first channel to a phone fails for good, is not open for the account, or waits for people to mend it, a delivery over the second one
/// is written. Its credit is taken in the commit of the attempt and given back only by an answer that says "certainly not sent": so it is held exactly
/// while a message may have gone out, and a message takes one however often it is tried (docs/adr/013).</para>
/// </summary>
internal sealed class DeliveryPump(
    WorkerDataSource worker, Vault vault, IEnumerable<IMessageChannel> channels, OutboxSignal signal, TimeProvider clock, ILogger<DeliveryPump> log) : BackgroundService
{
    private const int MostAtOnce = 8;
    /// <summary>Deliveries over a closed channel are put aside in portions of this.</summary>
    private const int MostClosed = 100;
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

    /// <summary>Still to be sent, and for certain not sent yet: no credit is held for it.</summary>
    private const string IsUnpaid = "d.state = 'waiting' and d.repeats = 0";

    /// <summary>Whether the delivery's channel is open to the person behind an identity.</summary>
    private const string IsOpenTo = $"""
        (d.channel = 'employment_message' and i.employment_bound
         or d.channel = 'subscribe_message' and (not ({IsUnpaid}) or exists (select from subscription_credits c
            where c.account_id = d.account_id and c.template_id = @template and coalesce(c.remaining, 1) > 0)))
        """;

    /// <summary>What a closed channel leaves to the next one. Gives the number that failed.</summary>
    private const string FailClosed = $"""
        with closed as (
            select d.id from deliveries d
            where d.channel = any(@channels) and {IsPending} and d.due_at <= @now
                and not exists (select from we_chat_identities i where i.account_id = d.account_id and {IsOpenTo})
            order by d.due_at limit @most for update skip locked),
        failed as (
            update deliveries d set state = 'failed', last_outcome = case d.channel when 'employment_message' then 'not_bound' else 'not_subscribed' end
            from closed c where d.id = c.id returning d.notice_id, d.account_id, d.cause_id, d.step, d.channel),
        next as (
            insert into deliveries (id, notice_id, account_id, cause_id, step, channel, state, due_at, attempts, repeats, created_at)
            select @ids[row_number() over ()], notice_id, account_id, cause_id, step, 'subscribe_message', 'waiting', @now, 0, 0, @now
            from failed where channel = 'employment_message' and @template <> ''
            on conflict (cause_id, step, account_id, channel) do nothing)
        select count(*) from failed
        """;

    /// <summary>
    /// Deliveries whose recipients nobody is sending to. One a recipient is looked at, the oldest; both rows are taken with SKIP LOCKED, so pumps neither
    /// wait for each other nor take the same. The lease is in the database's time: its holders are processes, not the domain.
    /// </summary>
    private const string Claim = $"""
        with taken as (
            select d.id, d.channel, d.state = 'sending' or d.state = 'uncertain' as again, d.repeats, d.attempts, d.notice_id, d.account_id, d.created_at,
                i.id as identity, i.open_id, d.channel = 'subscribe_message' and {IsUnpaid} as pays
            from deliveries d join we_chat_identities i on i.account_id = d.account_id
            where d.id in (
                    select distinct on (d.account_id) d.id from deliveries d
                    where d.channel = any(@channels) and {IsPending} and d.due_at <= @now order by d.account_id, d.due_at, d.id)
                and {IsPending} and d.due_at <= @now and {IsOpen}
                and {IsOpenTo} and (i.leased_until is null or i.leased_until <= clock_timestamp())
            order by d.due_at, d.id limit @most for update of d, i skip locked),
        paid as (
            update subscription_credits c set remaining = c.remaining - 1
            from taken t where t.pays and c.account_id = t.account_id and c.template_id = @template and coalesce(c.remaining, 1) > 0
            returning c.account_id),
        going as (select t.*, t.again and t.repeats > 0 as spent from taken t where not t.pays or t.account_id in (select account_id from paid)),
        leased as (update we_chat_identities i set leased_until = clock_timestamp() + @lease from going g where i.id = g.identity and not g.spent),
        marked as (
            update deliveries d set
                state = case when g.spent then 'uncertain' else 'sending' end,
                attempts = g.attempts + case when g.spent then 0 else 1 end,
                repeats = case when g.again then 1 else g.repeats end,
                last_outcome = case when g.again then 'uncertain' else d.last_outcome end,
                due_at = @now + @uncertain
            from going g where d.id = g.id returning d.id, d.state, d.attempts, d.repeats, d.account_id),
        noted as (
            insert into delivery_attempts (id, delivery_id, account_id, number, at)
            select @ids[row_number() over ()], m.id, m.account_id, m.attempts, @now from marked m where m.state = 'sending')
        select m.id, m.state = 'sending', m.attempts, m.account_id, g.notice_id, g.created_at, g.identity, g.open_id, g.channel, m.repeats
        from marked m join going g on g.id = m.id
        """;

    /// <summary>
    /// Only if it is still this attempt's: a sender that was given up for dead must not overwrite what came after it. With the outcome go its
    /// consequences: the lease, the relation, the credit, the next channel, and the other channel's try that this message has made needless.
    /// </summary>
    private const string Record = """
        with noted as (
            insert into delivery_attempts (id, delivery_id, account_id, number, at, outcome, error_code)
            values (@attempt, @delivery, @account, @number, @now, @outcome, @code)),
        ended as (
            update deliveries set state = @state, last_outcome = @outcome, due_at = @due
            where id = @delivery and state = 'sending' and attempts = @number
            returning notice_id, account_id, cause_id, step, channel),
        freed as (
            update we_chat_identities i set leased_until = null, employment_bound = i.employment_bound and not @unbind
            from ended where i.id = @identity),
        returned as (
            update subscription_credits c set remaining = c.remaining + 1
            from ended e where @returns and e.channel = 'subscribe_message' and c.account_id = e.account_id and c.template_id = @template),
        emptied as (
            update subscription_credits c set remaining = 0, last_result = 'refused', last_result_at = @now
            from ended e where @empties and e.channel = 'subscribe_message' and c.account_id = e.account_id and c.template_id = @template),
        next as (
            insert into deliveries (id, notice_id, account_id, cause_id, step, channel, state, due_at, attempts, repeats, created_at)
            select @next, notice_id, account_id, cause_id, step, 'subscribe_message', 'waiting', @now, 0, 0, @now
            from ended where @falls and channel = 'employment_message' and @template <> ''
            on conflict (cause_id, step, account_id, channel) do nothing)
        update deliveries o set state = 'stopped' from ended e
        where @state = 'sent' and o.state = 'waiting' and o.channel <> e.channel and o.channel in ('employment_message', 'subscribe_message')
            and (o.cause_id, o.step, o.account_id) = (e.cause_id, e.step, e.account_id)
        """;

    /// <summary>What failed for the channel's sake, not for its own; a rate or a quota ends by itself, at its own time.</summary>
    private const string Release = """
        update deliveries set due_at = @now + random() * @spread
        where channel = @channel and state = 'waiting' and attempts > 0 and due_at > @now + @spread
            and last_outcome <> all(@timed)
        """;

    /// <summary>Classes of outcome that name their own end.</summary>
    private static readonly string[] TimedClasses = ["rate_limited", "quota_exhausted"];

    private readonly Dictionary<Channel, IMessageChannel> _channels = channels.ToDictionary(c => c.Channel);
    private readonly SemaphoreSlim _pass = new(1);
    private readonly List<Task> _running = [];
    private readonly ConcurrentDictionary<string, DateTimeOffset> _alarmed = new();
    private readonly CancellationTokenSource _sends = new();
    // Unknown at start: what an earlier process had to put off is released by the first message that passes.
    private readonly ConcurrentDictionary<Channel, bool> _down = new(channels.Select(c => KeyValuePair.Create(c.Channel, true)));
    private DateTimeOffset _lastTidy;

    private sealed record Sending(
        Guid Id, int Attempt, Guid Account, Guid Notice, DateTimeOffset CreatedAt, Guid Identity, Sealed OpenId, Channel Channel, bool Repeated);

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
            await FailClosedAsync(cancellation);
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

    private async Task FailClosedAsync(CancellationToken cancellation)
    {
        long failed;
        do
        {
            var now = clock.GetUtcNow();
            await using var command = worker.Source.CreateCommand(FailClosed);
            command.Parameters.Add(Moment("now", now));
            AddChannels(command);
            command.Parameters.Add(new NpgsqlParameter("most", MostClosed));
            command.Parameters.Add(Ids(MostClosed, now));
            failed = (long)(await command.ExecuteScalarAsync(cancellation))!;
        }
        while (failed == MostClosed);
    }

    /// <summary>Takes the next deliveries; those that have used up their repeat are only marked.</summary>
    private async Task<(int Found, List<Sending> Sendings)> ClaimAsync(int most, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        await using var command = worker.Source.CreateCommand(Claim);
        command.Parameters.Add(Moment("now", now));
        AddChannels(command);
        command.Parameters.Add(Span("lease", _channels.Values.Max(c => c.LongestSend) + LeaseMargin));
        command.Parameters.Add(Span("uncertain", UncertainFor));
        command.Parameters.Add(new NpgsqlParameter("most", most));
        command.Parameters.Add(Ids(most, now));
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var (found, sendings) = (0, new List<Sending>());
        while (await reader.ReadAsync(cancellation))
        {
            found++;
            if (reader.GetBoolean(1))
                sendings.Add(new Sending(reader.GetGuid(0), reader.GetInt32(2), reader.GetGuid(3), reader.GetGuid(4),
                    reader.GetFieldValue<DateTimeOffset>(5), reader.GetGuid(6), new Sealed(reader.GetFieldValue<byte[]>(7)),
                    SnakeCase.Parse<Channel>(reader.GetString(8)), reader.GetInt32(9) > 0));
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
            return await _channels[sending.Channel].SendAsync(openId, sending.Notice, sending.CreatedAt, _sends.Token);
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
            // Nothing left, said to the repeat of a message whose answer was lost: the first one will have used it.
            SendResult.NoCredit when sending.Repeated => (DeliveryState.Uncertain, now),
            _ => (DeliveryState.Failed, now),
        };
        var isOver = state is DeliveryState.Failed or DeliveryState.Parked;
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
            command.Parameters.Add(new NpgsqlParameter("returns", !sending.Repeated && outcome.Result is SendResult.Retry or SendResult.GiveUp or SendResult.NotBound));
            command.Parameters.Add(new NpgsqlParameter("empties", outcome.Result == SendResult.NoCredit));
            command.Parameters.Add(new NpgsqlParameter("falls", isOver || outcome.NextChannel));
            command.Parameters.Add(new NpgsqlParameter("next", Guid.CreateVersion7(now)));
            command.Parameters.Add(new NpgsqlParameter("template", CreditTemplate));
            await command.ExecuteNonQueryAsync(CancellationToken.None);
        }

        if (outcome.OperatorAlarm) Alarm($"delivery_{outcome.Class}", sending.Id);
        if (state == DeliveryState.Parked) Alarm("delivery_parked", sending.Id);
        if (outcome.Result == SendResult.Retry && outcome.NotBefore is null) _down[sending.Channel] = true;
        if (outcome.Result == SendResult.Sent && _down.TryUpdate(sending.Channel, false, true)) await ReleaseAsync(sending.Channel);
    }

    /// <summary>The channel is back: what waited for it is due now, spread a little (RL05).</summary>
    private async Task ReleaseAsync(Channel channel)
    {
        await using var command = worker.Source.CreateCommand(Release);
        command.Parameters.Add(Moment("now", clock.GetUtcNow()));
        command.Parameters.Add(Span("spread", ReleaseSpread));
        command.Parameters.Add(new NpgsqlParameter("channel", SnakeCase.Of(channel)));
        command.Parameters.Add(new NpgsqlParameter("timed", TimedClasses));
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    private static DateTimeOffset NextTry(Sending sending, DeliveryOutcome outcome, DateTimeOffset now)
    {
#pragma warning disable RS0030 // jitter, no secret
        var delay = Schedule.After(sending.Attempt, Random.Shared.NextDouble());
#pragma warning restore RS0030
        return (outcome.NotBefore is { } notBefore && notBefore > now ? notBefore : now) + delay;
    }

    private void Alarm(string kind, Guid id)
    {
        var now = clock.GetUtcNow();
        var last = _alarmed.GetOrAdd(kind, DateTimeOffset.MinValue);
        if (now - last >= AlarmEvery && _alarmed.TryUpdate(kind, now, last)) log.OperatorAlarm(kind, id);
    }

    /// <summary>The template whose credits the second channel takes; empty where the deployment has none, and then nothing falls to it.</summary>
    private string CreditTemplate => _channels.Values.Select(c => c.CreditTemplate).FirstOrDefault(t => t is not null) ?? "";

    private void AddChannels(NpgsqlCommand command)
    {
        command.Parameters.Add(new NpgsqlParameter("channels", _channels.Keys.Select(c => SnakeCase.Of(c)).ToArray()));
        command.Parameters.Add(new NpgsqlParameter("template", CreditTemplate));
    }

    private static NpgsqlParameter Ids(int count, DateTimeOffset now) => new("ids", Enumerable.Range(0, count).Select(_ => Guid.CreateVersion7(now)).ToArray());

    private static NpgsqlParameter Moment(string name, DateTimeOffset value) => new(name, NpgsqlDbType.TimestampTz) { Value = value };

    private static NpgsqlParameter Span(string name, TimeSpan value) => new(name, NpgsqlDbType.Interval) { Value = value };
}
