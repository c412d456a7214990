using Backend.Domain.Grid;
using Backend.Platform.Errors;
using Backend.Platform.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Grid;

/// <summary>
/// The grid for those who change it, one after the other: read from its rows and not from memory, after waiting for whoever edits it at the same time. A node
/// out of reach is answered like a missing one.
/// </summary>
internal static class GridUnderEdit
{
    public static async Task<GridNode?> FindAsync(BackendDb db, Guid id, CancellationToken cancellation)
    {
        await db.TakeTurnAsync("grid", cancellation);
        return await WithinReachAsync(db, id, cancellation);
    }

    /// <summary>Another node of the same edit.</summary>
    public static async Task<GridNode?> WithinReachAsync(BackendDb db, Guid id, CancellationToken cancellation) =>
        await db.GridNodes.AsNoTracking().SingleOrDefaultAsync(n => n.Id == id, cancellation) is { } node && GridSnapshot.IsVisible(node.Path, db.Scope) ? node : null;

    /// <summary>Whoever has not seen the last change shall not write over it (RL04): the refusal, or null when she has.</summary>
    public static ProblemHttpResult? Stale(GridNode node, string ifMatch, HttpContext http)
    {
        if (ifMatch == Revisions.ETag(node.Revision)) return null;
        http.Response.Headers.ETag = Revisions.ETag(node.Revision);
        return Problems.VersionStale.Result(more: new Dictionary<string, object?> { ["revision"] = node.Revision });
    }

    /// <summary>Why a node cannot hang there, as refusals of single members; empty when it can.</summary>
    public static async Task<Dictionary<string, string[]>> RefusalsAsync(BackendDb db, string level, GridNode parent, string member, CancellationToken cancellation)
    {
        var levels = await db.GridLevels.AsNoTracking().ToDictionaryAsync(l => l.Code, l => l.Order, cancellation);
        return !levels.TryGetValue(level, out var own) ? new() { ["level"] = ["没有这个层级"] }
            : own <= levels[parent.LevelCode] ? new() { [member] = ["上级网格的层级必须更高"] } : [];
    }

    /// <summary>Siblings have different codes: the path is made of them.</summary>
    public static Task<bool> IsTakenAsync(BackendDb db, GridNode parent, string code, CancellationToken cancellation) =>
        db.GridNodes.AnyAsync(n => n.ParentId == parent.Id && n.Code == code, cancellation);
}
