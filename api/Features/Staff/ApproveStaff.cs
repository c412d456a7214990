using Backend.Domain.Grid;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Staff;

/// <summary>
/// The second of the two persons who give a post of staff or administration (AZ15): neither the one who proposed nor the one who is proposed. From her first day
/// on, today at the earliest, the holder may what the post may (AZ11).
/// </summary>
internal static class ApproveStaff
{
    /// <param name="AppointmentId">The appointment, to end it by.</param>
    public sealed record Response(Guid AppointmentId);

    public static void Map(RouteGroupBuilder proposals) =>
        proposals.MapPost("/{id:guid}/approval", Handle).WithName("approveStaff")
            .WithSummary("批准员工任职")
            .WithDescription("批准另一名安全管理员的提议，任职从开始日期（最早今天）起生效。提议人和被提议的本人不能批准。需要再次验证。")
            .ForConsole()
            .InOneTransaction()
            .RequiresStepUp()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.StepUpRequired, Problems.NotFound, Problems.Conflict, Problems.AppointmentNotAllowed);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(Guid id, BackendDb db, CurrentAccount me, AuditWriter audit, TimeProvider clock, CancellationToken cancellation)
    {
        var (proposal, refusal) = await db.ToDecideAsync(id, me, cancellation);
        if (proposal is null) return refusal!;
        var from = proposal.FromDay > clock.Today() ? proposal.FromDay : clock.Today();
        if (proposal.ToDay < from) return Problems.Conflict.Result("提议的日期已过。");
        if (!await db.Accounts.AnyAsync(a => a.Id == proposal.AccountId && a.DisabledAt == null, cancellation)) return Problems.Conflict.Result("该账号已停用。");
        // One administration at a time a person, whichever posts they hang on.
        await db.TakeTurnAsync($"holder {proposal.AccountId}", cancellation);
        var post = await db.Posts.AsNoTracking().SingleAsync(p => p.Id == proposal.PostId, cancellation);
        if (await db.HindranceAsync(post, proposal.AccountId, from, proposal.ToDay, cancellation) is { } hindrance) return hindrance;

        (proposal.DecidedAt, proposal.DecidedBy, proposal.IsApproved) = (db.Now, me.Id, true);
        // First: row level security lets the appointment in by it.
        await db.SaveChangesAsync(cancellation);
        db.Appointments.Add(new Appointment { Id = id, PostId = proposal.PostId, AccountId = proposal.AccountId, FromDay = from, ToDay = proposal.ToDay });
        audit.Add(AuditWriter.Done, id, proposal.PostId, proposal.AccountId);
        return TypedResults.Ok(new Response(id));
    }
}
