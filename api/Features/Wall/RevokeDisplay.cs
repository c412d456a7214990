using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Wall;

/// <summary>Takes a screen of a public hall out of use; it goes dark within 5 s on every replica (AZ11).</summary>
internal static class RevokeDisplay
{
    public static void Map(RouteGroupBuilder displays) =>
        displays.MapDelete("/{id:guid}", Handle).WithName("revokeDisplay")
            .WithSummary("注销大厅屏")
            .WithDescription("注销后该屏幕在 5 秒内不再显示。")
            .ForConsole()
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    public static async Task<Results<NoContent, ProblemHttpResult>> Handle(Guid id, BackendDb db, AuditWriter audit, CancellationToken cancellation)
    {
        if (await db.Displays.SingleOrDefaultAsync(d => d.Id == id && d.RevokedAt == null, cancellation) is not { } display) return Problems.NotFound.Result();
        display.RevokedAt = db.Now;
        audit.Add(AuditWriter.Done, display.Id, display.NodeId);
        return TypedResults.NoContent();
    }
}
