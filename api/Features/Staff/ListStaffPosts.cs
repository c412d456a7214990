using Backend.Domain.Grid;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Staff;

/// <summary>The posts of staff and administration: who holds them, and who is proposed for them (AZ15).</summary>
internal static class ListStaffPosts
{
    private const int MostListed = 2000;

    /// <param name="Items">By role and title, at most 2,000.</param>
    public sealed record Response(IReadOnlyList<Item> Items);

    /// <param name="Id">The post.</param>
    /// <param name="Role">What its holder may do.</param>
    /// <param name="Title">Its title.</param>
    /// <param name="Holders">Who holds it today or will.</param>
    /// <param name="Proposals">Who is proposed and waits for a second person.</param>
    public sealed record Item(Guid Id, Role Role, string Title, IReadOnlyList<Held> Holders, IReadOnlyList<Proposed> Proposals);

    /// <param name="AppointmentId">To end it by.</param>
    public sealed record Held(Guid AppointmentId, Guid AccountId, string Name, DateOnly FromDay, DateOnly? ToDay);

    /// <param name="StaffProposalId">To decide it by.</param>
    /// <param name="ProposedBy">Who may not decide it.</param>
    public sealed record Proposed(Guid StaffProposalId, Guid AccountId, string Name, DateOnly FromDay, DateOnly? ToDay, Guid ProposedBy);

    public static void Map(RouteGroupBuilder posts) =>
        posts.MapGet("/", Handle).WithName("listStaffPosts")
            .WithSummary("员工职务")
            .WithDescription("后台、条线和管理员的职务：现任和将任的人，以及等待另一名安全管理员处理的提议。")
            .ForConsole()
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed);

    public static async Task<Ok<Response>> Handle(BackendDb db, AuditWriter audit, TimeProvider clock, CancellationToken cancellation)
    {
        var (day, since) = (clock.Today(), db.Now - StaffProposal.Lifetime);
        var posts = await db.Posts.AsNoTracking().Where(p => p.Role != Role.FloorLeader && p.Role != Role.BuildingLeader && p.Role != Role.AreaLeader && p.Role != Role.Resident)
            .OrderBy(p => p.Role).ThenBy(p => p.Title).ThenBy(p => p.Id).Take(MostListed).ToListAsync(cancellation);
        var ids = posts.ConvertAll(p => p.Id);
        var held = (await db.Appointments.AsNoTracking().Where(a => ids.Contains(a.PostId) && (a.ToDay == null || a.ToDay >= day))
            .Join(db.Accounts, a => a.AccountId, c => c.Id, (a, c) => new { a.PostId, Held = new Held(a.Id, c.Id, c.Name, a.FromDay, a.ToDay) }).ToListAsync(cancellation)).ToLookup(h => h.PostId, h => h.Held);
        var proposed = (await db.StaffProposals.AsNoTracking().Where(p => p.DecidedAt == null && p.ProposedAt > since)
            .Join(db.Accounts, p => p.AccountId, c => c.Id, (p, c) => new { p.PostId, Proposed = new Proposed(p.Id, c.Id, c.Name, p.FromDay, p.ToDay, p.ProposedBy) }).ToListAsync(cancellation)).ToLookup(p => p.PostId, p => p.Proposed);
        audit.Add(AuditWriter.Done, [.. proposed.SelectMany(p => p).Select(p => p.StaffProposalId)]);
        return TypedResults.Ok(new Response([.. posts.Select(p => new Item(p.Id, p.Role, p.Title, [.. held[p.Id].OrderBy(h => h.FromDay)], [.. proposed[p.Id].OrderBy(h => h.FromDay)]))]));
    }
}
