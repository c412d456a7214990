using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Backend.Features.Staff;

/// <summary>The second person says no (AZ15): nothing changes, and the proposal is over.</summary>
internal static class RefuseStaff
{
    public static void Map(RouteGroupBuilder proposals) =>
        proposals.MapPost("/{id:guid}/refusal", Handle).WithName("refuseStaff")
            .WithSummary("拒绝员工任职")
            .WithDescription("拒绝另一名安全管理员的提议。提议人和被提议的本人不能处理。")
            .ForConsole()
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound, Problems.Conflict, Problems.AppointmentNotAllowed);

    public static async Task<Results<NoContent, ProblemHttpResult>> Handle(Guid id, BackendDb db, CurrentAccount me, AuditWriter audit, CancellationToken cancellation)
    {
        var (proposal, refusal) = await db.ToDecideAsync(id, me, cancellation);
        if (proposal is null) return refusal!;
        (proposal.DecidedAt, proposal.DecidedBy, proposal.IsApproved) = (db.Now, me.Id, false);
        audit.Add(AuditWriter.Done, id, proposal.PostId, proposal.AccountId);
        return TypedResults.NoContent();
    }
}
