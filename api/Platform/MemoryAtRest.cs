namespace Backend.Platform;

/// <summary>
/// Gives memory back once a storm is over. The collector works when somebody allocates: after five thousand clients have gone it would keep what they
/// needed for as long as little happens. So when little happens, one full collection is made for every <see cref="Worth"/> allocated before (P15).
/// </summary>
internal sealed class MemoryAtRest : BackgroundService
{
    /// <summary>How often it looks. Real time: it is about the machine, and no test's clock moves that.</summary>
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(5);

    /// <summary>Bytes allocated between two looks up to which the service counts as at rest: the pings of five thousand open connections are a tenth of it.</summary>
    private const long Rest = 32 * 1024 * 1024;

    /// <summary>Bytes allocated since the last collection here from which one is worth its pause.</summary>
    private const long Worth = 128 * 1024 * 1024;

    private long _lastLook, _lastCollection;

    /// <summary>Whether now is the moment, for so many bytes allocated since the process began.</summary>
    public bool IsDue(long allocated)
    {
        var atRest = allocated - _lastLook <= Rest;
        _lastLook = allocated;
        if (!atRest || allocated - _lastCollection < Worth) return false;
        _lastCollection = allocated;
        return true;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookEvery);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                if (IsDue(GC.GetTotalAllocatedBytes()))
                    GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        }
        catch (OperationCanceledException)
        {
            // Stopping.
        }
    }
}
