using Backend.Domain.Privacy;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Privacy;

/// <summary>Requests about personal data: a resident sees her own with the answers, staff those of their community.</summary>
internal static class ListRightsRequests
{
    private const int MostListed = 500;

    /// <param name="Items">What is open first, by due day; at most 500.</param>
    public sealed record Response(IReadOnlyList<Item> Items);

    /// <param name="Id">To decide it by.</param>
    /// <param name="ResidentId">About whom.</param>
    /// <param name="HouseholdId">Her household.</param>
    /// <param name="Kind">更正、删除、说明.</param>
    /// <param name="State">How far it is.</param>
    /// <param name="Content">What is asked.</param>
    /// <param name="RequestedAt">When.</param>
    /// <param name="DueDay">By this day it must be answered.</param>
    /// <param name="DecidedAt">When it was answered.</param>
    /// <param name="Answer">What was done, or why not.</param>
    public sealed record Item(
        Guid Id, Guid ResidentId, Guid HouseholdId, RightsRequestKind Kind, RightsRequestState State, string Content, DateTimeOffset RequestedAt, DateOnly DueDay,
        DateTimeOffset? DecidedAt, string? Answer);

    public static void Map(RouteGroupBuilder requests) =>
        requests.MapGet("/", Handle).WithName("listRightsRequests")
            .WithSummary("个人信息权利请求")
            .WithDescription("居民看到自己提出的请求和答复；后台服务人员看到本社区的，未答复的在前，按应答复日排序。")
            .ForConsole()
            .InOneTransaction()
            .BeforeNotice()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed);

    public static async Task<Ok<Response>> Handle(BackendDb db, Vault vault, AuditWriter audit, CancellationToken cancellation)
    {
        var rows = await db.RightsRequests.AsNoTracking()
            .OrderBy(r => r.DecidedAt != null).ThenBy(r => r.DueDay).ThenBy(r => r.Id).Take(MostListed).ToListAsync(cancellation);
        audit.Add(AuditWriter.Done, [.. rows.Select(r => r.ResidentId).Distinct()]);
        return TypedResults.Ok(new Response(rows.ConvertAll(r => new Item(
            r.Id, r.ResidentId, r.HouseholdId, r.Kind, r.State, vault.OpenText(SealedFields.RightsRequestContent, r.Id, r.Content), r.RequestedAt, r.DueDay,
            r.DecidedAt, r.Answer is { } answer ? vault.OpenText(SealedFields.RightsRequestAnswer, r.Id, answer) : null))));
    }
}
