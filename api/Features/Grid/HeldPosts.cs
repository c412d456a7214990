using Backend.Domain.Grid;
using Backend.Platform.Persistence;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Grid;

/// <summary>The posts that somebody holds today, if she may sign in. Whom a caller may name or appoint is whom she could see in the list of posts; anybody else is as good as unknown.</summary>
internal sealed class HeldPosts(IReadOnlyList<(Guid Id, Guid? NodeId)> posts)
{
    public static async Task<HeldPosts> ByAsync(BackendDb db, Guid account, DateOnly day, CancellationToken cancellation)
    {
        var held = await db.Appointments.AsNoTracking().On(day).Where(a => a.AccountId == account)
            .Join(db.Accounts.Where(a => a.DisabledAt == null), a => a.AccountId, a => a.Id, (a, _) => a.PostId)
            .Join(db.Posts, held => held, p => p.Id, (_, p) => new { p.Id, p.NodeId }).ToListAsync(cancellation);
        return new HeldPosts([.. held.Select(p => (p.Id, p.NodeId))]);
    }

    public bool AnyWithin(GridSnapshot grid, Scope scope) => posts.Any(p => p.NodeId is { } at && grid.Find(at, scope) is not null);

    public bool Contains(Guid post) => posts.Any(p => p.Id == post);
}
