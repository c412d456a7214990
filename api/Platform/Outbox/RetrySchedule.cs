namespace Backend.Platform.Outbox;

/// <summary>
/// When a failed try is repeated (RL05): exponential with full jitter, so that what failed together does not come back together, and for at
/// least <see cref="Patience"/> before it is parked. Pure; chance comes from outside.
/// </summary>
internal sealed record RetrySchedule(TimeSpan First, TimeSpan Longest)
{
    /// <summary>How long a message or delivery is tried before it is parked and alarmed.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromHours(24);

    /// <param name="failures">How often it has failed so far, at least 1.</param>
    /// <param name="chance">A number from 0 to below 1.</param>
    public TimeSpan After(int failures, double chance) =>
        TimeSpan.FromTicks((long)(Math.Min(Longest.Ticks, First.Ticks * Math.Pow(2, Math.Min(failures - 1, 40))) * chance));

    /// <summary>Whether it has been tried long enough.</summary>
    public static bool IsOver(DateTimeOffset since, DateTimeOffset now) => now - since >= Patience;
}
