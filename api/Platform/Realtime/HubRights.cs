using Backend.Domain.Accounts;
using Backend.Platform.Persistence;
using Backend.Platform.Security;

namespace Backend.Platform.Realtime;

/// <summary>From the rights of a session to what its connection may hear (AZ12): tiles where it may read walls, single households where it may read those.</summary>
internal sealed class HubRights(PolicyTable policy, GridMap map)
{
    /// <summary>Null when there is nothing to be connected for: a display whose maker no longer reaches its node, somebody who has yet to read the privacy notice.</summary>
    public async ValueTask<HubReach?> OfAsync(Rights rights, CancellationToken cancellation)
    {
        if (rights is { Kind: SessionKind.Hall, DisplayNode: { } hall }) return new HubReach(rights.AccountId, rights.SessionId, [], [], hall.Id, IsHall: true);
        if (rights.AwaitsNotice) return null;
        var walls = rights.ScopeOf(policy.Find("readWall")!.Allows).Paths.ToHashSet(StringComparer.Ordinal);
        var grid = await map.ReadAsync(cancellation);
        var nodes = walls.Select(grid.FindPath).OfType<GridPlace>().Select(p => p.Id).Order().ToList();
        if (rights.Kind == SessionKind.Display) return nodes is [var node] ? new HubReach(rights.AccountId, rights.SessionId, [], [], node) : null;
        var homes = rights.ScopeOf(policy.Find("readHousehold")!.Allows).Homes.Order().ToList();
        return new HubReach(rights.AccountId, rights.SessionId, nodes, homes, null);
    }
}
