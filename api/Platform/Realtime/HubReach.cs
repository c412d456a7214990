namespace Backend.Platform.Realtime;

/// <summary>What one connection may hear, decided by the server from the current rights of its session (AZ12).</summary>
/// <param name="AccountId">Who is connected.</param>
/// <param name="SessionId">By which sign-in.</param>
/// <param name="NodeIds">Top nodes of her reach; floor ranges as their floors.</param>
/// <param name="HouseholdIds">Single households that no such node covers.</param>
/// <param name="DisplayNodeId">The one node of a display session, which hears nothing else; null for a person's session.</param>
internal sealed record HubReach(
    Guid AccountId, Guid SessionId, IReadOnlyList<Guid> NodeIds, IReadOnlyList<Guid> HouseholdIds, Guid? DisplayNodeId)
{
    /// <summary>The groups of this reach.</summary>
    public IReadOnlyList<string> Groups() => DisplayNodeId is { } node
        ? [HubGroups.Node(node)]
        : [HubGroups.Account(AccountId), .. NodeIds.Select(HubGroups.Node), .. HouseholdIds.Select(HubGroups.Household)];
}

/// <summary>Group names, spelt in one place.</summary>
internal static class HubGroups
{
    public static string Account(Guid id) => $"account:{id}";

    public static string Node(Guid id) => $"node:{id}";

    public static string Household(Guid id) => $"household:{id}";
}
