using System.ComponentModel.DataAnnotations;
using Backend.Domain.Privacy;
using Backend.Platform;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Privacy;

/// <summary>
/// Staff answer a request about personal data: what was done, or why not (PD08). A deletion needs two of them; the operator then carries it out (<c>admin
/// erase</c>, PD09). Nobody decides about herself or her own household (AZ15).
/// </summary>
internal static class DecideRightsRequest
{
    /// <param name="Granted">Agreed to.</param>
    /// <param name="Answer">What was done, or why not. The resident reads it.</param>
    public sealed record Request(
        bool Granted,
        [property: Required(ErrorMessage = "请写明答复"), Text(1000, ErrorMessage = "answer 最多 1000 个字，不含控制字符")] string Answer);

    /// <param name="Id">The request.</param>
    /// <param name="State">How far it is now.</param>
    public sealed record Response(Guid Id, RightsRequestState State);

    public static void Map(RouteGroupBuilder requests) =>
        requests.MapPost("/{id:guid}/decision", Handle).WithName("decideRightsRequest")
            .WithSummary("答复个人信息权利请求")
            .WithDescription("同意或不同意并写明答复；不同意须说明理由。同意删除须两名工作人员先后确认，再由运维人员执行。不能处理自己家的请求。")
            .ForConsole()
            .InOneTransaction()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound, Problems.Conflict, Problems.OwnHousehold);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, Request request, BackendDb db, CurrentAccount me, Vault vault, AuditWriter audit, CancellationToken cancellation)
    {
        var filed = await db.RightsRequests.FromSql($"select * from rights_requests where id = {id} for update").SingleOrDefaultAsync(cancellation);
        if (filed is null) return Problems.NotFound.Result();
        if (me.LivesIn(filed.HouseholdId) || filed.AccountId == me.Id) return Problems.OwnHousehold.Result();
        if (!filed.IsOpen) return Problems.Conflict.Result("该请求已答复。");
        if (filed.State == RightsRequestState.AgreedOnce && filed.AgreedBy == me.Id && request.Granted) return Problems.Conflict.Result("删除须由另一名工作人员再次确认。");

        if (filed.Kind == RightsRequestKind.Delete && request.Granted && filed.State == RightsRequestState.Open)
        {
            (filed.State, filed.AgreedBy) = (RightsRequestState.AgreedOnce, me.Id);
        }
        else
        {
            (filed.State, filed.DecidedBy, filed.DecidedAt) = (request.Granted ? RightsRequestState.Granted : RightsRequestState.Refused, me.Id, db.Now);
        }

        filed.Answer = vault.Seal(SealedFields.RightsRequestAnswer, id, request.Answer);
        audit.Add(AuditWriter.Done, id, filed.ResidentId);
        return TypedResults.Ok(new Response(id, filed.State));
    }
}
