namespace Backend.Platform.Realtime;

/// <summary>What one connection may hear, decided by the server from the current rights of its session (AZ12).</summary>
/// <param name="AccountId">Who is connected.</param>
/// <param name="SessionId">By which sign-in.</param>
/// <param name="NodeIds">Top nodes of her reach in id order; floor ranges as their floors.</param>
/// <param name="HouseholdIds">Single households that no such node covers, in id order.</param>
/// <param name="DisplayNodeId">The one node of a display session, which hears nothing else; null for a person's session.</param>
/// <param name="IsHall">A display in a public hall: it hears that counts have changed, and no tile.</param>
internal sealed record HubReach(
    Guid AccountId, Guid SessionId, IReadOnlyList<Guid> NodeIds, IReadOnlyList<Guid> HouseholdIds, Guid? DisplayNodeId, bool IsHall = false)
{
    public bool IsSame(HubReach other) =>
        AccountId == other.AccountId && DisplayNodeId == other.DisplayNodeId && IsHall == other.IsHall && NodeIds.SequenceEqual(other.NodeIds) && HouseholdIds.SequenceEqual(other.HouseholdIds);

    /// <summary>The groups of this reach.</summary>
    public IReadOnlyList<string> Groups() => DisplayNodeId is { } node
        ? [IsHall ? HubGroups.Hall(node) : HubGroups.Node(node)]
        : [HubGroups.Account(AccountId), .. NodeIds.Select(HubGroups.Node), .. HouseholdIds.Select(HubGroups.Household)];
}

/// <summary>Group names, spelt in one place.</summary>
internal static class HubGroups
{
    public static string Account(Guid id) => $"account:{id}";

    public static string Node(Guid id) => $"{NodePrefix}{id}";

    public const string HallPrefix = "hall:";

    private const string NodePrefix = "node:";

    public static string Hall(Guid node) => $"{HallPrefix}{node}";

    public static string Household(Guid id) => $"household:{id}";

    /// <summary>Whether thousands may be in it.</summary>
    public static bool IsLarge(string group) => group.StartsWith(NodePrefix, StringComparison.Ordinal) || group.StartsWith(HallPrefix, StringComparison.Ordinal);
}
