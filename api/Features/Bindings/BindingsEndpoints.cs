using Backend.Domain.Accounts;
using Backend.Platform.Errors;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Bindings;

/// <summary>How a resident's WeChat identity is bound (ID06): she shows an invite of her leader, or a phone that WeChat has verified, and a leader of her household agrees.</summary>
internal static class BindingsEndpoints
{
    public static void MapBindings(this RouteGroupBuilder api)
    {
        InviteResident.Map(api.MapGroup("/residents").WithTags("Bindings"));
        var requests = api.MapGroup("/binding-requests").WithTags("Bindings");
        BindWithInvite.Map(requests);
        BindWithPhone.Map(requests);
        ListBindingRequests.Map(requests);
        ApproveBinding.Map(requests);
        RefuseBinding.Map(requests);
    }

    /// <summary>
    /// A request that the caller may decide about, or why not. Under its row lock: of two who decide at once the second sees the first. Nobody decides about
    /// her own household (AZ15).
    /// </summary>
    internal static async Task<(BindingRequest? Request, ProblemHttpResult? Refusal)> ToDecideAsync(this BackendDb db, Guid id, CurrentAccount me, CancellationToken cancellation)
    {
        var request = await db.BindingRequests.FromSql($"select * from binding_requests where id = {id} for update").SingleOrDefaultAsync(cancellation);
        if (request is null) return (null, Problems.NotFound.Result());
        if (!request.Waits(db.Now)) return (null, Problems.Conflict.Result("该申请已处理或已过期。"));
        return me.LivesIn(request.HouseholdId) ? (null, Problems.OwnHousehold.Result()) : (request, null);
    }
}
