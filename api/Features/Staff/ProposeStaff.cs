using System.ComponentModel.DataAnnotations;
using Backend.Domain.Grid;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Staff;

/// <summary>The first of the two persons who give a post of staff or administration (AZ15): she proposes, and not herself. Nothing changes until another agrees.</summary>
internal static class ProposeStaff
{
    /// <param name="AccountId">Whom; anybody with an account.</param>
    /// <param name="FromDay">Her first day, today at the earliest.</param>
    /// <param name="ToDay">Her last day; null: until she is dismissed.</param>
    public sealed record Request(
        [property: Required(ErrorMessage = "请选择人员")] Guid? AccountId,
        [property: Required(ErrorMessage = "请填写开始日期")] DateOnly? FromDay,
        DateOnly? ToDay = null);

    /// <param name="Id">The proposal, to decide it by.</param>
    public sealed record Response(Guid Id);

    public static void Map(RouteGroupBuilder posts) =>
        posts.MapPost("/{id:guid}/proposals", Handle).WithName("proposeStaff")
            .WithSummary("提议员工任职")
            .WithDescription("提议由某人担任后台、条线或管理员的职务，由另一名安全管理员批准后生效，7 天内有效。不能提议自己；系统、安全、审计三种管理员不能由同一人担任。需要再次验证。")
            .ForConsole()
            .InOneTransaction()
            .RequiresStepUp()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.StepUpRequired, Problems.NotFound, Problems.Conflict, Problems.AppointmentNotAllowed);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, Request request, BackendDb db, CurrentAccount me, AuditWriter audit, TimeProvider clock, CancellationToken cancellation)
    {
        var (who, from, to) = (request.AccountId!.Value, request.FromDay!.Value, request.ToDay);
        var errors = new Dictionary<string, string[]>();
        if (from < clock.Today()) errors["fromDay"] = ["不能早于今天"];
        if (to < from) errors["toDay"] = ["不能早于开始日期"];
        if ((to ?? from).Year > ShanghaiDay.LatestYear) errors[to is null ? "fromDay" : "toDay"] = [$"不能晚于 {ShanghaiDay.LatestYear} 年"];
        if (errors.Count > 0) return Problems.Invalid.Result(errors);

        var post = await db.Posts.AsNoTracking().SingleOrDefaultAsync(p => p.Id == id, cancellation);
        if (post is null || post.IsNearFamilies) return Problems.NotFound.Result();
        if (who == me.Id) return Problems.AppointmentNotAllowed.Result("不能提议自己。");
        if (!await db.Accounts.AnyAsync(a => a.Id == who && a.DisabledAt == null, cancellation))
            return Problems.Invalid.Result(new Dictionary<string, string[]> { ["accountId"] = ["没有这个账号，或已停用"] });
        await db.LockPostAsync(id, cancellation);
        if (await db.HindranceAsync(post, who, from, to, cancellation) is { } hindrance) return hindrance;

        var proposal = new StaffProposal { Id = Guid.CreateVersion7(db.Now), PostId = id, AccountId = who, FromDay = from, ToDay = to, ProposedBy = me.Id, ProposedAt = db.Now };
        db.StaffProposals.Add(proposal);
        audit.Add(AuditWriter.Done, proposal.Id, id, who);
        return TypedResults.Ok(new Response(proposal.Id));
    }
}
