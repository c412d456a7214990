using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.SignalR;

namespace Backend.Platform.Realtime;

/// <summary>
/// 实时推送 at <c>/hubs/live</c>. Nothing can be called on it: there is no join, the server chooses the groups from current rights (AZ12).
/// It says <c>tilesChanged</c>, <c>noticeArrived</c> and <c>resync</c>, in ids, tiers and versions alone. A hint; the store is the truth (RL07).
/// </summary>
internal sealed class LiveHub(HubRights rights, ReachWatch watch, LiveConnections connections, GridMap map) : Hub
{
    public override async Task OnConnectedAsync()
    {
        var gone = Context.ConnectionAborted;
        if (Context.User is not { } user || SessionClaims.SessionId(user) is not { } session)
        {
            Context.Abort();
            return;
        }

        // The fingerprint before the reach: a right lost in between is then seen as a change.
        var fingerprint = await watch.FingerprintAsync(session, gone);
        var reach = await rights.OfAsync(session, gone);
        var until = Context.GetHttpContext()?.Features.Get<IAuthenticateResultFeature>()?.AuthenticateResult?.Properties?.ExpiresUtc;
        // Counted before the first group is joined, so that whoever drops the account finds it.
        if (reach is null || reach.AccountId != SessionClaims.AccountId(user) || !connections.TryAdd(new LiveConnection(Context, reach, fingerprint, until)))
        {
            Context.Abort();
            return;
        }

        foreach (var group in reach.Groups()) await Groups.AddToGroupAsync(Context.ConnectionId, group, gone);
        // The handshake was answered before this ran: whoever asked the store at once may have missed what was pushed between.
        var grid = await map.ReadAsync(gone);
        IReadOnlyList<Guid> nodes = reach.DisplayNodeId is { } display ? [display] : reach.NodeIds;
        foreach (var root in nodes.Select(grid.Find).OfType<GridPlace>().SelectMany(grid.RootsOf).Distinct())
            await Clients.Caller.SendAsync(WallFeed.ResyncMessage, new Resync(root), gone);
    }

    public override Task OnDisconnectedAsync(Exception? exception)
    {
        connections.Remove(Context.ConnectionId);
        return Task.CompletedTask;
    }
}
