using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Grid;

/// <summary>
/// Ends an appointment to a leader's post at once (免去): what has begun before today ends with yesterday, anything later is taken back as if it had not
/// been said. Her reach is gone on HTTP, hub and renewal within 5 s on every replica (AZ11), and the post's alarms go to the next level up. The audit keeps
/// both the appointment and its end.
/// </summary>
internal static class DismissLeader
{
    public static void Map(RouteGroupBuilder appointments) =>
        appointments.MapDelete("/{id:guid}", Handle).WithName("dismissLeader")
            .WithSummary("免去网格长")
            .WithDescription("立即免去楼层长、楼长或片区长的任职；其可见范围在 5 秒内收回，此后的预警由上一级接收。不能免去自己。")
            .ForConsole()
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound, Problems.AppointmentNotAllowed);

    public static async Task<Results<NoContent, ProblemHttpResult>> Handle(
        Guid id, BackendDb db, GridMap map, CurrentAccount me, AuditWriter audit, TimeProvider clock, CancellationToken cancellation)
    {
        var day = clock.Today();
        var grid = await map.ReadAsync(cancellation);
        var found = await db.Appointments.AsNoTracking().Where(a => a.Id == id && (a.ToDay == null || a.ToDay >= day))
            .Join(db.Posts, a => a.PostId, p => p.Id, (a, post) => new { a.AccountId, post }).SingleOrDefaultAsync(cancellation);
        if (found?.post.NodeId is not { } node || grid.Find(node, me.Current) is null) return Problems.NotFound.Result();
        if (!found.post.IsNearFamilies) return Problems.AppointmentNotAllowed.Result("这里只免去楼层长、楼长和片区长。");
        if (found.AccountId == me.Id) return Problems.AppointmentNotAllowed.Result("不能免去自己，请由上一级免去。");
        // Of two who dismiss at once the second finds nothing left to end.
        var appointment = db.Appointments.Where(a => a.Id == id && (a.ToDay == null || a.ToDay >= day));
        var ended = await appointment.Where(a => a.FromDay >= day).ExecuteDeleteAsync(cancellation);
        if (ended == 0) ended = await appointment.ExecuteUpdateAsync(a => a.SetProperty(x => x.ToDay, day.AddDays(-1)), cancellation);
        if (ended == 0) return Problems.NotFound.Result();
        audit.Add(AuditWriter.Done, id, found.post.Id, found.AccountId);
        return TypedResults.NoContent();
    }
}
