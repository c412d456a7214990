using System.ComponentModel.DataAnnotations;
using Backend.Domain.Messages;
using Backend.Domain.Privacy;
using Backend.Platform;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Readings;

/// <summary>
/// 紧急查看 (B-7, PD06): opens one household outside the caller's reach to reading, and to nothing else, until an end. She names it by community and door, because
/// ids out of her reach are not hers to know. Its people and the supervisor are told, and each reading stands in the read log. What she names and is not there is
/// recorded and counted as well, so nobody finds out by trying which doors there are.
/// </summary>
internal static class OpenEmergencyAccess
{
    /// <summary>In a Shanghai day, over all replicas.</summary>
    public const int MostInADay = 5;

    /// <param name="NodeId">The community.</param>
    /// <param name="Door">门牌 of the household in it.</param>
    /// <param name="Hours">For how many hours.</param>
    /// <param name="Justification">Why, in 2 to 200 characters; the supervisor reads it.</param>
    public sealed record Request(
        [property: Required(ErrorMessage = "请选择社区")] Guid? NodeId,
        [property: Required(ErrorMessage = "请填写门牌")]
        [property: Text(50, MinimumLength = 1, ErrorMessage = "门牌应为 1 到 50 个字，不含控制字符")] string Door,
        [property: Required(ErrorMessage = "请填写时长")]
        [property: Range(1, EmergencyAccess.LongestHours, ErrorMessage = "时长应为 1 到 24 小时")] int? Hours,
        [property: Required(ErrorMessage = "请写明理由")]
        [property: Text(200, MinimumLength = 2, ErrorMessage = "理由应为 2 到 200 个字，不含控制字符")] string Justification);

    /// <param name="Id">The emergency access.</param>
    /// <param name="HouseholdId">The household, to read it by; null when there is none behind this door.</param>
    /// <param name="EndsAt">When it ends by itself.</param>
    /// <param name="LeftToday">How many more the account may open today.</param>
    public sealed record Response(Guid Id, Guid? HouseholdId, DateTimeOffset EndsAt, int LeftToday);

    public static void Map(RouteGroupBuilder accesses) =>
        accesses.MapPost("/", Handle).WithName("openEmergencyAccess")
            .WithSummary("紧急查看")
            .WithDescription("因紧急情况查看可见范围以外的一户：写明社区、门牌、理由和时长（最长 24 小时），只能查看，到期自动收回。该户居民和上级会收到通知，每次查看都有记录。每个账号每天最多 5 次，门牌不存在也计一次。")
            .ForConsole().InOneTransaction()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Request request, BackendDb db, CurrentAccount me, Vault vault, AuditWriter audit, HttpContext http, CancellationToken cancellation)
    {
        // One account's accesses wait for each other, on whatever replica: each counts those before it.
        await db.TakeTurnAsync($"emergency {me.Id}", cancellation);
        var tomorrow = ShanghaiDay.At(ShanghaiDay.Of(db.Now).AddDays(1), TimeOnly.MinValue);
        var today = tomorrow.AddDays(-1);
        var opened = await db.EmergencyAccesses.CountAsync(a => a.AccountId == me.Id && a.OpenedAt >= today, cancellation);
        if (opened >= MostInADay) return http.Later(tomorrow - db.Now, why: "今天的紧急查看次数已用完，请明天再试。");

        var (id, endsAt) = (Guid.CreateVersion7(db.Now), db.Now.AddHours(request.Hours!.Value));
        var justification = vault.Seal(SealedFields.EmergencyJustification, id, request.Justification);
        // Out of her sight, so the database finds it: app.open_emergency_access, for the calling account alone.
        var household = (await db.Database.SqlQuery<Guid?>($"""
            select app.open_emergency_access({id}, {SnakeCase.Of(me.Roles[0])}, {request.NodeId!.Value}, {request.Door}, {justification.Bytes}, {db.Now}, {endsAt}) as "Value"
            """).ToListAsync(cancellation)).Single();
        if (household is { } found) db.Send(new EmergencyAccessOpened(id, found, me.Id));
        audit.Add(AuditWriter.Done, household is { } seen ? [id, seen] : [id]);
        return TypedResults.Ok(new Response(id, household, endsAt, MostInADay - opened - 1));
    }
}
