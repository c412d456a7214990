using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Platform.Walls;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.SignalR;

namespace Backend.Platform.Realtime;

/// <summary>
/// 实时推送 at <c>/hubs/live</c>. Nothing can be called on it: there is no join, the server chooses the groups from current rights (AZ12).
/// It says <c>tilesChanged</c>, <c>noticeArrived</c> and <c>resync</c>, in ids, tiers and versions alone; to a public hall only <c>hallChanged</c>. A hint; the store is the truth (RL07).
/// </summary>
internal sealed class LiveHub(RightsCache cache, HubRights hubRights, LiveConnections connections, GridMap map, WallMemory memory, WallFeed feed) : Hub
{
    public override async Task OnConnectedAsync()
    {
        var gone = Context.ConnectionAborted;
        if (Context.User is not { } user || SessionClaims.SessionId(user) is not { } session)
        {
            Context.Abort();
            return;
        }

        // A right that is lost from here on is ReachWatch's to see: it compares with the rights that the connection was opened with.
        var rights = await cache.OfAsync(session, gone);
        var reach = rights is null ? null : await hubRights.OfAsync(rights, gone);
        var until = Context.GetHttpContext()?.Features.Get<IAuthenticateResultFeature>()?.AuthenticateResult?.Properties?.ExpiresUtc ?? DateTimeOffset.MaxValue;
        // Counted before the first group is joined, so that whoever drops the account finds it.
        var connection = rights is null || reach is null ? null : new LiveConnection(Context, reach, rights, until);
        if (connection is null || reach!.AccountId != SessionClaims.AccountId(user) || !connections.TryAdd(connection))
        {
            Context.Abort();
            return;
        }

        foreach (var group in LiveConnections.GroupsOf(connection)) await Groups.AddToGroupAsync(Context.ConnectionId, group, gone);
        // The handshake was answered before this ran: whoever asked the store at once may have missed what was pushed between.
        if (reach is { IsHall: true, DisplayNodeId: { } hall })
        {
            if (await feed.CountsAsync(hall, gone) is { } counts) await Clients.Caller.SendAsync(WallFeed.HallChangedMessage, new HallChanged(counts.Version), gone);
            return;
        }

        var grid = await map.ReadAsync(gone);
        IReadOnlyList<Guid> nodes = reach.DisplayNodeId is { } display ? [display] : reach.NodeIds;
        var roots = nodes.Select(grid.Find).OfType<GridPlace>().SelectMany(grid.RootsOf).Distinct().Order().ToList();
        // What changes from here on is told from memory.
        await memory.ReadAsync(roots, null, gone);
        foreach (var root in roots)
            await Clients.Caller.SendAsync(WallFeed.ResyncMessage, new Resync(root), gone);
    }

    public override Task OnDisconnectedAsync(Exception? exception)
    {
        connections.Remove(Context.ConnectionId);
        return Task.CompletedTask;
    }
}
