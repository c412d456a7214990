using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Staff;

/// <summary>Who signs in at a browser, for the security administration.</summary>
internal static class ListStaffAccounts
{
    private const int MostListed = 1000;

    /// <param name="Items">By user name, at most 1,000.</param>
    public sealed record Response(IReadOnlyList<Item> Items);

    /// <param name="Id">The account.</param>
    /// <param name="Name">Her name.</param>
    /// <param name="UserName">By which she signs in.</param>
    /// <param name="HasJoined">She has accepted an invitation.</param>
    /// <param name="IsOidcBound">She signs in at the district's identity provider.</param>
    /// <param name="IsDisabled">She can no longer sign in.</param>
    public sealed record Item(Guid Id, string Name, string UserName, bool HasJoined, bool IsOidcBound, bool IsDisabled);

    public static void Map(RouteGroupBuilder accounts) =>
        accounts.MapGet("/", Handle).WithName("listStaffAccounts")
            .WithSummary("后台账号")
            .WithDescription("可在浏览器上登录的账号：是否已接受邀请、是否经统一身份认证登录、是否已停用。")
            .ForConsole()
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed);

    public static async Task<Ok<Response>> Handle(BackendDb db, AuditWriter audit, CancellationToken cancellation)
    {
        var items = await db.Accounts.AsNoTracking().Where(a => a.UserName != null).OrderBy(a => a.UserName).Take(MostListed)
            .Select(a => new Item(a.Id, a.Name, a.UserName!, db.StaffInvitations.Any(i => i.AccountId == a.Id && i.UsedAt != null), db.OidcIdentities.Any(i => i.AccountId == a.Id), a.DisabledAt != null)).ToListAsync(cancellation);
        audit.Add(AuditWriter.Done, [.. items.Select(i => i.Id)]);
        return TypedResults.Ok(new Response(items));
    }
}
