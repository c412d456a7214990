using Backend.Domain.Accounts;
using Backend.Platform.Persistence;
using Backend.Platform.Security;

namespace Backend.Platform.Realtime;

/// <summary>From the rights of a session to what its connection may hear (AZ12): tiles where it may read walls, single households where it may read those.</summary>
internal sealed class HubRights(RightsCache cache, PolicyTable policy, GridMap map)
{
    /// <summary>
    /// What the session reaches at this moment, read from the database during this call and not from a cache: a change after the call is
    /// <see cref="ReachWatch"/>'s to see, one before it must be in the answer. Null when the session is not valid.
    /// </summary>
    public async Task<HubReach?> OfAsync(Guid session, CancellationToken cancellation)
    {
        if (await cache.ReadNowAsync(session, cancellation) is not { } rights) return null;
        var walls = rights.ScopeOf(policy.Find("readWall")!.Allows).Paths.ToHashSet(StringComparer.Ordinal);
        var grid = await map.ReadAsync(cancellation);
        var nodes = grid.Places.Where(p => walls.Contains(p.Path)).Select(p => p.Id).ToList();
        // A display whose maker no longer reaches its node hears nothing, so it is closed.
        if (rights.Kind == SessionKind.Display) return nodes is [var node] ? new HubReach(rights.AccountId, session, [], [], node) : null;
        return new HubReach(rights.AccountId, session, nodes, rights.ScopeOf(policy.Find("readHousehold")!.Allows).Homes, null);
    }
}
