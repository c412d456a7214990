using Backend.Domain.Grid;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Grid;

/// <summary>The posts of a place and everything below it: who holds them and who acts for them, now or from a later day on.</summary>
internal static class ListPosts
{
    private const int MostListed = 1_000;

    /// <param name="Count">Posts on the node and below it.</param>
    /// <param name="Items">In grid order, at most 1,000 listed.</param>
    public sealed record Response(int Count, IReadOnlyList<Item> Items);

    /// <param name="PostId">The post.</param>
    /// <param name="Title">Its title.</param>
    /// <param name="Role">Its role.</param>
    /// <param name="NodeId">Where it stands in the grid.</param>
    /// <param name="NodeName">Name of that node.</param>
    /// <param name="Holders">Who holds it today or from a later day on, the earliest first; nobody today: it is vacant.</param>
    /// <param name="StandIns">Who acts for it today or from a later day on, the earliest first.</param>
    public sealed record Item(Guid PostId, string Title, Role Role, Guid NodeId, string NodeName, IReadOnlyList<Holder> Holders, IReadOnlyList<Acting> StandIns);

    /// <param name="Id">The appointment, to end it by.</param>
    /// <param name="AccountId">Who holds it.</param>
    /// <param name="Name">Her name.</param>
    /// <param name="FromDay">Her first day.</param>
    /// <param name="ToDay">Her last day; null without an end.</param>
    public sealed record Holder(Guid Id, Guid AccountId, string Name, DateOnly FromDay, DateOnly? ToDay);

    /// <param name="Id">The stand-in, to end it by.</param>
    /// <param name="AccountId">Who acts.</param>
    /// <param name="Name">Her name.</param>
    /// <param name="FromDay">Her first day.</param>
    /// <param name="ToDay">Her last day.</param>
    public sealed record Acting(Guid Id, Guid AccountId, string Name, DateOnly FromDay, DateOnly ToDay);

    public static void Map(RouteGroupBuilder nodes) =>
        nodes.MapGet("/{id:guid}/posts", Handle).WithName("listPosts")
            .WithSummary("职务与任职")
            .WithDescription("该网格及以下的全部职务，以及现在和以后的任职人、代理人，按网格顺序排列。")
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, BackendDb db, GridMap map, CurrentAccount me, AuditWriter audit, TimeProvider clock, CancellationToken cancellation)
    {
        var grid = await map.ReadAsync(cancellation);
        if (grid.Find(id, me.Current) is not { } place) return Problems.NotFound.Result();
        var day = clock.Today();
        var nodes = grid.Subtree(place).Select(p => p.Id).ToArray();
        var posts = await db.Posts.AsNoTracking().Where(p => p.NodeId != null && nodes.Contains(p.NodeId.Value)).ToListAsync(cancellation);
        var ids = posts.Select(p => p.Id).ToArray();
        var holders = (await db.Appointments.AsNoTracking().Where(a => ids.Contains(a.PostId) && (a.ToDay == null || a.ToDay >= day))
            .Join(db.Accounts.Where(a => a.DisabledAt == null), a => a.AccountId, a => a.Id, (a, who) => new { a, who.Name })
            .ToListAsync(cancellation)).ToLookup(h => h.a.PostId);
        var standIns = (await db.StandIns.AsNoTracking().Where(s => ids.Contains(s.PostId) && s.ToDay >= day)
            .Join(db.Accounts.Where(a => a.DisabledAt == null), s => s.AccountId, a => a.Id, (s, who) => new { s, who.Name })
            .ToListAsync(cancellation)).ToLookup(s => s.s.PostId);

        audit.Add(AuditWriter.Done, id);
        var inOrder = posts.OrderBy(p => grid.PlaceKey(p.NodeId!.Value), StringComparer.Ordinal).ThenBy(p => p.Id).Take(MostListed);
        return TypedResults.Ok(new Response(posts.Count, inOrder.Select(p => new Item(
            p.Id, p.Title, p.Role, p.NodeId!.Value, grid.Find(p.NodeId.Value)!.Name,
            holders[p.Id].OrderBy(h => h.a.FromDay).ThenBy(h => h.a.Id).Select(h => new Holder(h.a.Id, h.a.AccountId, h.Name, h.a.FromDay, h.a.ToDay)).ToList(),
            standIns[p.Id].OrderBy(s => s.s.FromDay).ThenBy(s => s.s.Id).Select(s => new Acting(s.s.Id, s.s.AccountId, s.Name, s.s.FromDay, s.s.ToDay)).ToList())).ToList()));
    }
}
