using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Privacy;

/// <summary>Staff end a guardianship before its time: its last day was yesterday. Nobody ends one in her own household (AZ15).</summary>
internal static class EndGuardianship
{
    public static void Map(RouteGroupBuilder guardianships) =>
        guardianships.MapDelete("/{id:guid}", Handle).WithName("endGuardianship")
            .WithSummary("结束监护关系")
            .WithDescription("监护关系变更或登记有误时提前结束，立即生效。")
            .ForConsole()
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound, Problems.OwnHousehold);

    public static async Task<Results<NoContent, ProblemHttpResult>> Handle(Guid id, BackendDb db, CurrentAccount me, AuditWriter audit, CancellationToken cancellation)
    {
        var today = ShanghaiDay.Of(db.Now);
        var guardianship = await db.Guardianships.SingleOrDefaultAsync(g => g.Id == id && g.ToDay >= today, cancellation);
        if (guardianship is null) return Problems.NotFound.Result();
        if (me.LivesIn(guardianship.HouseholdId)) return Problems.OwnHousehold.Result();
        guardianship.ToDay = today.AddDays(-1);
        audit.Add(AuditWriter.Done, id, guardianship.WardId, guardianship.GuardianId);
        return TypedResults.NoContent();
    }
}
