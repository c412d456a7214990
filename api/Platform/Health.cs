using System.Diagnostics;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Npgsql;

namespace Backend.Platform;

/// <summary><c>/health/live</c> asks nothing of anybody; <c>/health/ready</c> asks the database, at most once a second, and reveals nothing (RL23).</summary>
internal static class Health
{
    public static void MapHealth(this WebApplication app)
    {
        var why = new UnguardedAttribute("probes of the platform");
        app.MapGet("/health/live", () => Results.Text("ok")).WithName("live").WithMetadata(why).ExcludeFromDescription().DisableRateLimiting();
        app.MapGet("/health/ready", async (Readiness readiness) =>
                await readiness.IsReadyAsync() ? Results.Text("ok") : Results.Text("not ready", statusCode: 503))
            .WithName("ready").WithMetadata(why).ExcludeFromDescription().DisableRateLimiting();
    }
}

/// <summary>Whether this replica may be given requests: the database answers and no stop has begun. All probes of a second share one question.</summary>
internal sealed class Readiness(AppDataSource source)
{
    // The machine's time, not the domain's: this is about a server, not about when something is due.
    private static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(1);
    private readonly Lock _lock = new();
    private (long At, Task<bool> Answer)? _last;
    private volatile bool _leaving;

    public Task<bool> IsReadyAsync()
    {
        if (_leaving) return Task.FromResult(false);
        lock (_lock)
        {
            if (_last is not { } last || (last.Answer.IsCompleted && Stopwatch.GetElapsedTime(last.At) >= MaxAge))
                _last = last = (Stopwatch.GetTimestamp(), AskAsync());
            return last.Answer;
        }
    }

    /// <summary>From now on the answer is no: this replica stops (RL19).</summary>
    public void Leave() => _leaving = true;

    private async Task<bool> AskAsync()
    {
        try
        {
            await using var command = source.Source.CreateCommand("select 1");
            command.CommandTimeout = 1;
            await command.ExecuteScalarAsync();
            return true;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            return false;
        }
    }
}
