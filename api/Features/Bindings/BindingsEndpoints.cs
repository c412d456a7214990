using Backend.Domain.Accounts;
using Backend.Platform.Persistence;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Bindings;

/// <summary>How a resident's WeChat identity is bound (ID06): her leader invites her, she shows the invite, and a leader of her household agrees.</summary>
internal static class BindingsEndpoints
{
    public static void MapBindings(this RouteGroupBuilder api)
    {
        InviteResident.Map(api.MapGroup("/residents").WithTags("Bindings"));
        var requests = api.MapGroup("/binding-requests").WithTags("Bindings");
        BindWithInvite.Map(requests);
        ListBindingRequests.Map(requests);
        ApproveBinding.Map(requests);
        RefuseBinding.Map(requests);
    }

    /// <summary>A request within the caller's reach, under its row lock: of two who decide at once the second sees the first.</summary>
    internal static Task<BindingRequest?> LockBindingRequestAsync(this BackendDb db, Guid id, CancellationToken cancellation) =>
        db.BindingRequests.FromSql($"select * from binding_requests where id = {id} for update").SingleOrDefaultAsync(cancellation);
}
