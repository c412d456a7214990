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

/// <summary>A resident asks that her data, or her ward's, be corrected, deleted or explained (PD08). Staff answer within 15 working days.</summary>
internal static class FileRightsRequest
{
    /// <param name="Kind">更正、删除、说明.</param>
    /// <param name="Content">What it is about.</param>
    /// <param name="ResidentId">Her ward; null: herself.</param>
    public sealed record Request(
        RightsRequestKind Kind,
        [property: Required(ErrorMessage = "请写明请求"), Text(1000, ErrorMessage = "content 最多 1000 个字，不含控制字符")] string Content,
        Guid? ResidentId = null);

    /// <param name="Id">The request.</param>
    /// <param name="DueDay">By this day it is answered.</param>
    public sealed record Response(Guid Id, DateOnly DueDay);

    public static void Map(RouteGroupBuilder requests) =>
        requests.MapPost("/", Handle).WithName("fileRightsRequest")
            .WithSummary("请求更正、删除或说明")
            .WithDescription("就本人（或本人监护的儿童）的信息提出更正、删除或说明的请求，十五个工作日内答复。")
            .Limited(LimitedBy.Account | LimitedBy.Device)
            .InOneTransaction()
            .BeforeNotice()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Request request, BackendDb db, CurrentAccount me, Vault vault, AuditWriter audit, CancellationToken cancellation)
    {
        var about = (await db.SpeaksForAsync(cancellation)).FirstOrDefault(s => request.ResidentId is { } resident ? s.ResidentId == resident : !s.IsWard);
        if (about is null) return Problems.NotFound.Result();
        var (id, today) = (Guid.CreateVersion7(db.Now), ShanghaiDay.Of(db.Now));
        var calendar = await db.WorkingDays.AsNoTracking().Where(d => d.Day > today && d.Day < today.AddDays(90)).ToListAsync(cancellation);
        var filed = new RightsRequest
        {
            Id = id,
            AccountId = me.Id,
            ResidentId = about.ResidentId,
            HouseholdId = about.HouseholdId,
            NodePath = about.NodePath,
            Kind = request.Kind,
            Content = vault.Seal(SealedFields.RightsRequestContent, id, request.Content),
            RequestedAt = db.Now,
            DueDay = RightsRequest.DueDayOf(today, calendar),
        };
        db.RightsRequests.Add(filed);
        audit.Add(AuditWriter.Done, id, about.ResidentId);
        return TypedResults.Ok(new Response(id, filed.DueDay));
    }
}
