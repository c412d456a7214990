using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Staff;

/// <summary>
/// Ends an appointment to a post of staff or administration at once (免去): what has begun before today ends with yesterday, anything later is taken back. One
/// person is enough to take a right away, and nobody dismisses herself. Gone on HTTP, hub and renewal within 5 s on every replica (AZ11).
/// </summary>
internal static class DismissStaff
{
    public static void Map(RouteGroupBuilder appointments) =>
        appointments.MapDelete("/{id:guid}", Handle).WithName("dismissStaff")
            .WithSummary("免去员工任职")
            .WithDescription("立即免去后台、条线或管理员的任职，权限在 5 秒内收回。不能免去自己。")
            .ForConsole()
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound, Problems.AppointmentNotAllowed);

    public static async Task<Results<NoContent, ProblemHttpResult>> Handle(
        Guid id, BackendDb db, CurrentAccount me, AuditWriter audit, TimeProvider clock, CancellationToken cancellation)
    {
        var day = clock.Today();
        var found = await db.Appointments.AsNoTracking().Where(a => a.Id == id && (a.ToDay == null || a.ToDay >= day))
            .Join(db.Posts, a => a.PostId, p => p.Id, (a, post) => new { a.AccountId, post }).SingleOrDefaultAsync(cancellation);
        if (found is null || found.post.IsNearFamilies) return Problems.NotFound.Result();
        if (found.AccountId == me.Id) return Problems.AppointmentNotAllowed.Result("不能免去自己，请由另一名安全管理员免去。");
        // Of two who dismiss at once the second finds nothing left to end.
        var appointment = db.Appointments.Where(a => a.Id == id && (a.ToDay == null || a.ToDay >= day));
        var ended = await appointment.Where(a => a.FromDay >= day).ExecuteDeleteAsync(cancellation);
        if (ended == 0) ended = await appointment.ExecuteUpdateAsync(a => a.SetProperty(x => x.ToDay, day.AddDays(-1)), cancellation);
        if (ended == 0) return Problems.NotFound.Result();
        audit.Add(AuditWriter.Done, id, found.post.Id, found.AccountId);
        return TypedResults.NoContent();
    }
}
