using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Staff;

/// <summary>
/// Somebody who was disabled may sign in again, with the factors and the posts that she still has (ID09). Her former sessions stay ended. An account whose
/// person was erased (PD09) has nothing left to sign in with.
/// </summary>
internal static class EnableAccount
{
    public static void Map(RouteGroupBuilder accounts) =>
        accounts.MapPost("/{id:guid}/enablement", Handle).WithName("enableAccount")
            .WithSummary("重新启用账号")
            .WithDescription("重新启用已停用的账号：可以用原来的微信、密码和验证器登录，恢复仍在任期内的任职；之前的登录不恢复。需要再次验证。")
            .ForConsole()
            .InOneTransaction()
            .RequiresStepUp()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.StepUpRequired, Problems.NotFound);

    public static async Task<Results<NoContent, ProblemHttpResult>> Handle(Guid id, BackendDb db, AuditWriter audit, CancellationToken cancellation)
    {
        if (!await db.Accounts.AnyAsync(a => a.Id == id, cancellation)) return Problems.NotFound.Result();
        await db.Accounts.Where(a => a.Id == id && a.DisabledAt != null).ExecuteUpdateAsync(a => a.SetProperty(x => x.DisabledAt, (DateTimeOffset?)null), cancellation);
        audit.Add(AuditWriter.Done, id);
        return TypedResults.NoContent();
    }
}
