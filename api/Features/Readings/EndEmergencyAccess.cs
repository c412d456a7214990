using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Readings;

/// <summary>Ends what emergency access the caller has before its time; with none open it changes nothing.</summary>
internal static class EndEmergencyAccess
{
    public static void Map(RouteGroupBuilder accesses) =>
        accesses.MapDelete("/current", Handle).WithName("endEmergencyAccess")
            .WithSummary("结束紧急查看")
            .WithDescription("提前结束本人所有未到期的紧急查看。")
            .ForConsole().InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed);

    public static async Task<Results<NoContent, ProblemHttpResult>> Handle(BackendDb db, CurrentAccount me, AuditWriter audit, CancellationToken cancellation)
    {
        var open = await db.EmergencyAccesses.Where(a => a.AccountId == me.Id && a.EndedAt == null && a.EndsAt > db.Now).ToListAsync(cancellation);
        foreach (var access in open) access.EndedAt = db.Now;
        audit.Add(AuditWriter.Done, [me.Id, .. open.Select(a => a.Id)]);
        return TypedResults.NoContent();
    }
}
