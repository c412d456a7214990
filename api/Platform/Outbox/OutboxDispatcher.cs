using Backend.Platform.Persistence;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Backend.Platform.Outbox;

/// <summary>
/// Hands committed messages to their handlers: the one claimer of this replica (kernel.md section 6). A message is locked, handled and marked done
/// in one transaction, so a handler's effects and the mark exist together or not at all; a killed process leaves the row free at once.
/// A failed one comes back later and is parked after a day, never deleted (RL05).
/// </summary>
internal sealed class OutboxDispatcher(
    BackendDbFactory databases, OutboxCatalogue catalogue, OutboxSignal signal, IServiceScopeFactory scopes, TimeProvider clock, ILogger<OutboxDispatcher> log)
    : BackgroundService
{
    private static readonly TimeSpan Sweep = TimeSpan.FromSeconds(1);
    /// <summary>What takes longer goes on by itself while the next ones are handled: one slow item delays the others no longer than this.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);
    /// <summary>A handler that takes longer has failed. Its database connection is closed with it.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private const int MostAtOnce = 4;
    /// <summary>An open message that nobody has claimed for so long has no handler in any running version.</summary>
    private static readonly TimeSpan Unclaimed = TimeSpan.FromMinutes(10);

    private static readonly RetrySchedule Schedule = new(TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));

    private readonly SemaphoreSlim _pass = new(1);
    private readonly List<Task> _running = [];
    private DateTimeOffset _lastLook;

    /// <summary>Handles all that is due, and waits for what is being handled on this replica; gives the number of messages that it took.</summary>
    public async Task<int> DrainAsync(CancellationToken cancellation)
    {
        await _pass.WaitAsync(cancellation);
        try
        {
            var taken = await TakeAllAsync(cancellation);
            await Task.WhenAll(_running);
            _running.Clear();
            return taken;
        }
        finally
        {
            _pass.Release();
        }
    }

    public override void Dispose()
    {
        _pass.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var next = signal.Next;
            try
            {
                await _pass.WaitAsync(stoppingToken);
                try
                {
                    await TakeAllAsync(stoppingToken);
                    await LookForUnclaimedAsync(stoppingToken);
                }
                finally
                {
                    _pass.Release();
                }

                await Task.WhenAny(next, Task.Delay(Sweep, clock, stoppingToken));
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception exception)
            {
                // The database is away: nothing is lost, the sweep goes on when it is back.
                log.LogWarning("The outbox could not be read: {Error}.", exception.GetType().Name);
                await Task.WhenAny(Task.Delay(Sweep, clock, stoppingToken));
            }
        }

        // What has begun is finished: it is short, and a half handled message would only be handled again.
        await _pass.WaitAsync(CancellationToken.None);
        await Task.WhenAll(_running);
        _pass.Release();
    }

    private async Task<int> TakeAllAsync(CancellationToken cancellation)
    {
        var taken = 0;
        while (!cancellation.IsCancellationRequested)
        {
            _running.RemoveAll(t => t.IsCompleted);
            if (_running.Count >= MostAtOnce) await Task.WhenAny(_running).WaitAsync(cancellation);

            var db = databases.ForWorker();
            OutboxMessage? message;
            try
            {
                message = await ClaimAsync(db, cancellation);
            }
            catch
            {
                await db.DisposeAsync();
                throw;
            }

            if (message is null)
            {
                await db.DisposeAsync();
                return taken;
            }

            taken++;
            var work = HandleAsync(db, message);
            _running.Add(work);
            // Real time, not the domain's: this is about this process, not about when something is due.
            await Task.WhenAny(work, Task.Delay(Patience, CancellationToken.None));
        }

        return taken;
    }

    private async Task<OutboxMessage?> ClaimAsync(BackendDb db, CancellationToken cancellation)
    {
        await db.BeginAsync(cancellation);
        var known = catalogue.Known;
        var message = await db.OutboxMessages.FromSql($"""
            select * from outbox_messages
            where done_at is null and parked_at is null and due_at <= {db.Now}
                and (kind, handler) in (select * from unnest({known.Select(k => k.Kind).ToArray()}, {known.Select(k => k.Handler).ToArray()}))
            order by due_at for update skip locked limit 1
            """).SingleOrDefaultAsync(cancellation);
        if (message is null) await db.RollbackAsync(cancellation);
        return message;
    }

    private async Task HandleAsync(BackendDb db, OutboxMessage message)
    {
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            await using (db)
            {
                await using var scope = scopes.CreateAsyncScope();
                await catalogue.RunAsync(message, scope.ServiceProvider, db, limit.Token);
                message.DoneAt = db.Now;
                message.LastError = null;
                await db.CommitAsync(limit.Token);
            }

            signal.Set();
        }
        catch (Exception exception)
        {
            await FailAsync(message, exception);
        }
    }

    /// <summary>In a transaction of its own: the handler's is gone with all it did.</summary>
    private async Task FailAsync(OutboxMessage message, Exception exception)
    {
        try
        {
            var error = exception is PostgresException { SqlState: var state } ? $"{nameof(PostgresException)} {state}" : exception.GetType().Name;
            await using var db = databases.ForWorker();
            await db.BeginAsync(CancellationToken.None);
            var (now, failures) = (db.Now, message.Attempts + 1);
            var park = RetrySchedule.IsOver(message.CreatedAt, now);
            DateTimeOffset? parkedAt = park ? now : null;
#pragma warning disable RS0030 // jitter, no secret
            var dueAt = now + Schedule.After(failures, Random.Shared.NextDouble());
#pragma warning restore RS0030
            await db.OutboxMessages.Where(m => m.Id == message.Id && m.DoneAt == null && m.ParkedAt == null)
                .ExecuteUpdateAsync(m => m.SetProperty(x => x.Attempts, failures).SetProperty(x => x.DueAt, dueAt)
                    .SetProperty(x => x.ParkedAt, parkedAt).SetProperty(x => x.LastError, error), CancellationToken.None);
            await db.CommitAsync(CancellationToken.None);
            log.LogWarning("Message {Id} of kind {Kind} failed {Failures} times: {Error}.", message.Id, message.Kind, failures, error);
            if (park) log.OperatorAlarm($"message_parked.{message.Kind}", message.Id);
        }
        catch (Exception inner)
        {
            // The message is as it was before: the next pass takes it again.
            log.LogWarning("Message {Id} of kind {Kind} failed, and so did noting it: {Error}.", message.Id, message.Kind, inner.GetType().Name);
        }
    }

    private async Task LookForUnclaimedAsync(CancellationToken cancellation)
    {
        if (clock.GetUtcNow() - _lastLook < Unclaimed) return;
        _lastLook = clock.GetUtcNow();
        await using var db = databases.ForWorker();
        await db.BeginAsync(cancellation);
        var since = db.Now - Unclaimed;
        var waiting = await db.OutboxMessages.AsNoTracking().Where(m => m.DoneAt == null && m.ParkedAt == null && m.DueAt < since)
            .OrderBy(m => m.DueAt).Select(m => new { m.Id, m.Kind }).FirstOrDefaultAsync(cancellation);
        await db.RollbackAsync(cancellation);
        if (waiting is not null) log.OperatorAlarm($"message_unclaimed.{waiting.Kind}", waiting.Id);
    }
}
