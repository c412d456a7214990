using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Backend.Features.Bindings;

/// <summary>A leader of the household says that it is not her, or that she shall not be bound: the request ends, and its openid is forgotten. The invite stays used.</summary>
internal static class RefuseBinding
{
    public static void Map(RouteGroupBuilder requests) =>
        requests.MapPost("/{id:guid}/refusal", Handle).WithName("refuseBinding")
            .WithSummary("拒绝绑定")
            .WithDescription("申请人不是该居民本人，或不应绑定：申请结束，其微信标识随即删除。不能处理自己家的申请。")
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound, Problems.Conflict, Problems.OwnHousehold);

    public static async Task<Results<NoContent, ProblemHttpResult>> Handle(Guid id, BackendDb db, CurrentAccount me, AuditWriter audit, CancellationToken cancellation)
    {
        var (request, refusal) = await db.ToDecideAsync(id, me, cancellation);
        if (request is null) return refusal!;
        (request.DecidedAt, request.DecidedBy, request.IsApproved, request.OpenId, request.OpenIdIndex) = (db.Now, me.Id, false, null, null);
        audit.Add(AuditWriter.Done, id, request.ResidentId);
        return TypedResults.NoContent();
    }
}
