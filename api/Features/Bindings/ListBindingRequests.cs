using Backend.Domain.Accounts;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Bindings;

/// <summary>Who of the caller's reach waits to be bound.</summary>
internal static class ListBindingRequests
{
    private const int MostListed = 500;

    /// <param name="Items">The oldest first, at most 500.</param>
    public sealed record Response(IReadOnlyList<Item> Items);

    /// <param name="Id">The request, to decide it by.</param>
    /// <param name="ResidentId">Who it is said to be.</param>
    /// <param name="ResidentName">Her name.</param>
    /// <param name="HouseholdId">Her household.</param>
    /// <param name="Door">Its door.</param>
    /// <param name="RequestedAt">When it was asked.</param>
    /// <param name="Way">What was shown: an invite, or a phone that WeChat has verified and that the register has of her alone. That proves control of the number, and not that it is her.</param>
    /// <param name="Rebinds">She has joined already: agreeing moves her account to this WeChat identity and ends its other sessions.</param>
    public sealed record Item(Guid Id, Guid ResidentId, string ResidentName, Guid HouseholdId, string Door, DateTimeOffset RequestedAt, BindingWay Way, bool Rebinds);

    public static void Map(RouteGroupBuilder requests) =>
        requests.MapGet("/", Handle).WithName("listBindingRequests")
            .WithSummary("待确认的绑定申请")
            .WithDescription("负责范围内等待确认的绑定申请，最早的在前。way 为凭什么申请：邀请，或微信验证的手机号与登记一致（只证明其使用该号码）。请先当面或电话核实本人，再确认。")
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed);

    public static async Task<Ok<Response>> Handle(BackendDb db, AuditWriter audit, CancellationToken cancellation)
    {
        var since = db.Now - BindingRequest.Lifetime;
        var waiting = await db.BindingRequests.AsNoTracking().Where(b => b.DecidedAt == null && b.RequestedAt > since)
            .OrderBy(b => b.RequestedAt).ThenBy(b => b.Id).Take(MostListed)
            .Join(db.Residents, b => b.ResidentId, r => r.Id, (b, r) => new { b, r.Name })
            .Join(db.Households, x => x.b.HouseholdId, h => h.Id, (x, h) => new { x.b.Id, x.b.ResidentId, x.Name, x.b.HouseholdId, h.Door, x.b.RequestedAt, x.b.InviteId })
            .OrderBy(x => x.RequestedAt).ThenBy(x => x.Id).ToListAsync(cancellation);
        var residents = waiting.Select(w => w.ResidentId).Distinct().ToArray();
        var joined = (await db.Database.SqlQuery<Guid>($"select r as \"Value\" from unnest({residents}) r where app.account_of_resident(r) is not null").ToListAsync(cancellation)).ToHashSet();
        audit.Add(AuditWriter.Done, [.. waiting.Select(w => w.HouseholdId).Distinct()]);
        return TypedResults.Ok(new Response(waiting.Select(w => new Item(w.Id, w.ResidentId, w.Name, w.HouseholdId, w.Door, w.RequestedAt, w.InviteId is null ? BindingWay.VerifiedPhone : BindingWay.Invite, joined.Contains(w.ResidentId))).ToList()));
    }
}
