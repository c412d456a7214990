using Backend.Platform.Security;

namespace Backend.Platform.Realtime;

/// <summary>
/// Closes connections whose reach has changed, on every replica and within 5 s (AZ11, AZ12). Every two seconds it compares the rights that each
/// connection was opened with to those that count now. The same object means that nothing has changed and costs a look into a dictionary; else the
/// rights are read again, and a different reach closes the connection, as does the end of its token. The client comes back and gets what is left.
/// </summary>
internal sealed class ReachWatch(RightsCache cache, HubRights hubRights, LiveConnections connections, TimeProvider clock, ILogger<ReachWatch> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    /// <summary>Looks once at all connections of this replica, in the light of all that was committed before; gives how many it closed.</summary>
    public async Task<int> LookAsync(CancellationToken cancellation)
    {
        var open = connections.All();
        if (open.Count == 0) return 0;
        await cache.PollAsync(cancellation);
        var moment = clock.GetUtcNow();
        var doubtful = open.Where(c => c.Until <= moment || !cache.TryGet(c.Reach.SessionId, out var rights) || !ReferenceEquals(rights, c.Rights));
        // All at once: what must be read again is read in common.
        var closed = await Task.WhenAll(doubtful.Select(async connection =>
        {
            if (connection.Until > moment && await StillHearsAsync(connection, cancellation)) return 0;
            connection.Context.Abort();
            return 1;
        }));
        return closed.Sum();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    await LookAsync(stoppingToken);
                }
                catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
                {
                    // Without the database nothing changes either, and there is nothing to push.
                    log.LogWarning("The rights of open connections could not be read: {Error}.", exception.GetType().Name);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping.
        }
    }

    private async ValueTask<bool> StillHearsAsync(LiveConnection connection, CancellationToken cancellation)
    {
        var rights = await cache.OfAsync(connection.Reach.SessionId, cancellation);
        if (rights is null || await hubRights.OfAsync(rights, cancellation) is not { } reach || !reach.IsSame(connection.Reach)) return false;
        connection.Rights = rights;
        return true;
    }
}
