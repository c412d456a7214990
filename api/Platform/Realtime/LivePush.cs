using Microsoft.AspNetCore.SignalR;

namespace Backend.Platform.Realtime;

/// <summary>
/// Tells a group. No send is awaited: a slow reader holds up nobody else, its own messages keep their order, and after
/// <see cref="RealtimeOptions.SendLimit"/> it is cut (RL08). Between the parts of a large group the thread pool takes up what else has come: thousands of
/// sends in one go would stand before every request, and before the COMMIT of whoever holds a wall's version.
/// </summary>
internal sealed class LivePush(IHubContext<LiveHub> hub, LiveConnections connections, ILogger<LivePush> log)
{
    public async Task TellAsync(string group, string message, object content)
    {
        foreach (var part in connections.PartsOf(group))
        {
            _ = hub.Clients.Group(part).SendAsync(message, content, CancellationToken.None).ContinueWith(
                t => log.LogWarning("A push failed: {Error}.", t.Exception!.InnerException?.GetType().Name),
                CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            await Task.Yield();
        }
    }
}
