using Backend.Domain.Grid;
using Backend.Platform.Errors;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Staff;

/// <summary>Accounts of staff and what they may: invitation, posts that two persons give, end of sessions. The business of the security administration (ADR 019).</summary>
internal static class StaffEndpoints
{
    public static void MapStaff(this RouteGroupBuilder api)
    {
        var invitations = api.MapGroup("/staff-invitations").WithTags("Staff");
        InviteStaff.Map(invitations);
        OpenStaffInvitation.Map(invitations);
        AcceptStaffInvitation.Map(invitations);

        var accounts = api.MapGroup("/staff-accounts").WithTags("Staff");
        ListStaffAccounts.Map(accounts);
        ListAccountSessions.Map(accounts);
        EndAccountSessions.Map(accounts);
        DisableAccount.Map(accounts);
        EnableAccount.Map(accounts);

        var posts = api.MapGroup("/staff-posts").WithTags("Staff");
        ListStaffPosts.Map(posts);
        ProposeStaff.Map(posts);
        var proposals = api.MapGroup("/staff-proposals").WithTags("Staff");
        ApproveStaff.Map(proposals);
        RefuseStaff.Map(proposals);
        DismissStaff.Map(api.MapGroup("/staff-appointments").WithTags("Staff"));
    }

    /// <summary>A proposal that the caller may decide about, or why not. Under the lock of its post: of two who decide at once the second sees the first.</summary>
    internal static async Task<(StaffProposal? Proposal, ProblemHttpResult? Refusal)> ToDecideAsync(this BackendDb db, Guid id, CurrentAccount me, CancellationToken cancellation)
    {
        if (await db.StaffProposals.Where(p => p.Id == id).Select(p => (Guid?)p.PostId).SingleOrDefaultAsync(cancellation) is not { } post) return (null, Problems.NotFound.Result());
        await db.LockPostAsync(post, cancellation);
        var proposal = await db.StaffProposals.SingleAsync(p => p.Id == id, cancellation);
        if (proposal.DecidedAt is not null || proposal.ProposedAt + StaffProposal.Lifetime <= db.Now) return (null, Problems.Conflict.Result("该提议已处理或已过期。"));
        return proposal.ProposedBy == me.Id || proposal.AccountId == me.Id
            ? (null, Problems.AppointmentNotAllowed.Result("提议人和本人不能处理，请由另一名安全管理员处理。"))
            : (proposal, null);
    }

    internal static Task LockPostAsync(this BackendDb db, Guid post, CancellationToken cancellation) =>
        db.TakeTurnAsync($"appointment {post}", cancellation);

    /// <summary>Why somebody cannot hold a post from a day to a day; null when she can.</summary>
    internal static async Task<ProblemHttpResult?> HindranceAsync(this BackendDb db, Post post, Guid account, DateOnly from, DateOnly? to, CancellationToken cancellation)
    {
        var meanwhile = db.Appointments.Where(a => (to == null || a.FromDay <= to) && (a.ToDay == null || a.ToDay >= from));
        if (await meanwhile.AnyAsync(a => a.PostId == post.Id, cancellation)) return Problems.Conflict.Result("该职务在这段时间已有任职人，请先免去或改选日期。");
        // 三权分立: nobody holds two of the three administrations.
        return post.IsAdministration && await meanwhile.Where(a => a.AccountId == account)
                .Join(db.Posts, a => a.PostId, p => p.Id, (_, p) => p.Role).AnyAsync(r => r != post.Role && (r == Role.SystemAdmin || r == Role.SecurityAdmin || r == Role.AuditAdmin), cancellation)
            ? Problems.AppointmentNotAllowed.Result("系统、安全、审计三种管理员不能由同一人担任。")
            : null;
    }
}
