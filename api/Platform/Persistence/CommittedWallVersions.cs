using System.Collections.Concurrent;

namespace Backend.Platform.Persistence;

/// <summary>
/// The highest version of each wall root that this replica has committed itself. Whoever writes here and reads the wall here sees her own change:
/// what is in memory below such a version is caught up with first (docs/adr/010-ready-walls.md).
/// </summary>
internal sealed class CommittedWallVersions
{
    private readonly ConcurrentDictionary<Guid, long> _versions = new();

    public void Add(IReadOnlyDictionary<Guid, long> committed)
    {
        foreach (var (root, version) in committed) _versions.AddOrUpdate(root, version, (_, known) => Math.Max(known, version));
    }

    /// <summary>0 when nothing of this root was committed here.</summary>
    public long Of(Guid root) => _versions.GetValueOrDefault(root);
}
