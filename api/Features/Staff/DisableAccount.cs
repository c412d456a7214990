using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Staff;

/// <summary>Somebody can no longer sign in, by whatever way, and is signed out at once (ID09, AZ11). Her posts are taken back apart.</summary>
internal static class DisableAccount
{
    public static void Map(RouteGroupBuilder accounts) =>
        accounts.MapPost("/{id:guid}/disablement", Handle).WithName("disableAccount")
            .WithSummary("停用账号")
            .WithDescription("立即停用账号：结束其所有登录，此后不能再登录，未用的邀请失效。不能停用自己。")
            .ForConsole()
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound, Problems.AppointmentNotAllowed);

    public static async Task<Results<NoContent, ProblemHttpResult>> Handle(Guid id, BackendDb db, CurrentAccount me, AuditWriter audit, CancellationToken cancellation)
    {
        if (id == me.Id) return Problems.AppointmentNotAllowed.Result("不能停用自己，请由另一名安全管理员停用。");
        if (!await db.Accounts.AnyAsync(a => a.Id == id, cancellation)) return Problems.NotFound.Result();
        await db.Accounts.Where(a => a.Id == id && a.DisabledAt == null).ExecuteUpdateAsync(a => a.SetProperty(x => x.DisabledAt, db.Now), cancellation);
        await db.StaffInvitations.Where(i => i.AccountId == id && i.UsedAt == null && i.RevokedAt == null).ExecuteUpdateAsync(i => i.SetProperty(x => x.RevokedAt, db.Now), cancellation);
        await db.EndSessionsOfAsync(id, cancellation);
        audit.Add(AuditWriter.Done, id);
        return TypedResults.NoContent();
    }
}
