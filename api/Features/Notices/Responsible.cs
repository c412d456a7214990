using Backend.Domain.Notices;
using Backend.Platform.Persistence;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Notices;

/// <summary>Loads what <see cref="Recipients"/> decides on, for one household or for a batch: rows of their paths alone, not of the whole grid.</summary>
internal static class Responsible
{
    internal sealed record Place(Guid HouseholdId, string NodePath);

    /// <summary>Whom to tell about each of these households; an empty set where there is nobody at all.</summary>
    public static async Task<IReadOnlyDictionary<Guid, IReadOnlySet<Guid>>> ForAsync(
        BackendDb db, IReadOnlyCollection<Place> places, DateOnly day, CancellationToken cancellation)
    {
        var paths = places.SelectMany(p => Upwards(p.NodePath)).Distinct().ToList();
        var nodes = await db.GridNodes.AsNoTracking().Where(n => paths.Contains(n.Path)).ToDictionaryAsync(n => n.Path, cancellation);
        var levels = await db.GridLevels.AsNoTracking().ToListAsync(cancellation);
        var rootLevels = await db.WallRoots.Join(db.GridNodes, r => r.NodeId, n => n.Id, (_, n) => n.LevelCode).Distinct().ToListAsync(cancellation);
        var communityLevel = levels.Where(l => rootLevels.Contains(l.Code)).Select(l => l.Order).DefaultIfEmpty(0).Min();

        var nodeIds = nodes.Values.Select(n => n.Id).ToList();
        var households = places.Select(p => p.HouseholdId).ToList();
        var posts = await db.Posts.AsNoTracking()
            .Where(p => p.LeadsNode && nodeIds.Contains(p.NodeId!.Value)
                || db.Assignments.Any(a => a.PostId == p.Id && (nodeIds.Contains(a.NodeId!.Value) || households.Contains(a.HouseholdId!.Value))))
            .ToListAsync(cancellation);
        var postIds = posts.Select(p => p.Id).ToList();
        var assignments = await db.Assignments.AsNoTracking().Where(a => postIds.Contains(a.PostId)).ToListAsync(cancellation);
        var canSignIn = db.Accounts.Where(a => a.DisabledAt == null).Select(a => a.Id);
        var appointments = await db.Appointments.AsNoTracking().Where(a => postIds.Contains(a.PostId) && canSignIn.Contains(a.AccountId)).ToListAsync(cancellation);
        var standIns = await db.StandIns.AsNoTracking().Where(s => postIds.Contains(s.PostId) && canSignIn.Contains(s.AccountId)).ToListAsync(cancellation);

        var recipients = new Recipients(levels, communityLevel, posts, assignments, appointments, standIns, day);
        return places.ToDictionary(p => p.HouseholdId,
            p => recipients.Of(p.HouseholdId, [.. Upwards(p.NodePath).Where(nodes.ContainsKey).Select(path => nodes[path])]));
    }

    /// <summary>A path and those above it, by whole segments.</summary>
    private static IEnumerable<string> Upwards(string path)
    {
        for (var end = path.Length; end > 0; end = path.LastIndexOf('.', end - 1)) yield return path[..end];
    }
}
