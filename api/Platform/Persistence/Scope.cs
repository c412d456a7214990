namespace Backend.Platform.Persistence;

/// <summary>
/// The database settings that carry reach into row level security (AZ05, AZ06). Set as the first statement of a transaction, local to it;
/// unset, empty or malformed means nothing is visible. Paths are ltree subtrees, homes are single households (assigned, own, ward's, referred).
/// </summary>
internal sealed record Scope(Guid? Account, IReadOnlyList<string> Paths, IReadOnlyList<Guid> Homes)
{
    /// <summary>Sees nothing: sign-in before an account is known.</summary>
    public static readonly Scope Nobody = new(null, [], []);

    public string AccountSetting => Account?.ToString() ?? "";

    public string ReachSetting { get; } = string.Join(',', Paths);

    public string HomesSetting { get; } = string.Join(',', Homes);
}
