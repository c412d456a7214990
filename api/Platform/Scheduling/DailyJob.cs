using Backend.Platform.Outbox;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.EntityFrameworkCore;

namespace Backend.Platform.Scheduling;

/// <summary>
/// Work that is due once a Shanghai day, from a time of day on, on any number of replicas (RL10). It asks each minute what day it is instead of sleeping
/// until morning, so a clock that jumps is noticed; a failed or missed run is taken up again. What makes it happen once is the job's own row in the
/// database: <see cref="RunAsync"/> may be called at any time and by several at once.
/// </summary>
internal abstract class DailyJob(BackendDbFactory databases, IHostEnvironment environment, TimeProvider clock, ILogger log) : BackgroundService
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMinutes(1), LargestDifference = TimeSpan.FromSeconds(5);

    private DateOnly? _done;

    /// <summary>The time of day from which on it is due. After a start it runs at once, whatever the time: nobody knows what was missed.</summary>
    protected abstract TimeOnly From { get; }

    /// <summary>Does the work of a day, or what is left of it; nothing when it is done. Gives how many items it handled.</summary>
    public abstract Task<int> RunAsync(DateOnly day, CancellationToken cancellation);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookEvery, clock);
        try
        {
            do await LookAsync(stoppingToken);
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // Stopping; the rest of the day's work is taken up by another replica, or after the next start.
        }
    }

    private async Task LookAsync(CancellationToken cancellation)
    {
        var (now, day) = (clock.GetUtcNow(), clock.Today());
        if (_done == day || _done is not null && now < ShanghaiDay.At(day, From)) return;
        try
        {
            if (environment.IsProduction() && await DifferenceAsync(cancellation) is var difference && difference > LargestDifference)
            {
                log.OperatorAlarm($"clock_differs.{GetType().Name}", Guid.Empty);
                return;
            }

            var handled = await RunAsync(day, cancellation);
            _done = day;
            if (handled > 0) log.LogInformation("{Job} of {Day}: {Count} handled.", GetType().Name, day, handled);
        }
        catch (Exception failure) when (!cancellation.IsCancellationRequested)
        {
            log.LogError("{Job} of {Day} could not be finished and is tried again in a minute: {Error}.", GetType().Name, day, failure.GetType().Name);
        }
    }

    /// <summary>How far this machine's clock is from the database's: work by dates on a wrong clock would be done for the wrong day.</summary>
    private async Task<TimeSpan> DifferenceAsync(CancellationToken cancellation)
    {
        await using var db = databases.ForWorker();
        await db.BeginAsync(cancellation);
        var difference = await db.Database.SqlQuery<TimeSpan>($"select clock_timestamp() - {db.Now} as \"Value\"").SingleAsync(cancellation);
        await db.RollbackAsync(cancellation);
        return difference.Duration();
    }
}
