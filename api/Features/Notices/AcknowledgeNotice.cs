using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Notices;

/// <summary>
/// "I take it", said on a notice: acknowledges exactly the alarms it lists, for everybody, and starts the 24 hours to the visit, in one transaction.
/// From its commit on no delivery of them is claimed any more (DeliveryPump asks the alarms themselves). The first one stands; a later one answers
/// 200 and names the first.
/// </summary>
internal static class AcknowledgeNotice
{
    public sealed record Response(Guid NoticeId, IReadOnlyList<Line> Alarms);

    /// <param name="AlarmId">The alarm.</param>
    /// <param name="HouseholdId">The household.</param>
    /// <param name="AcknowledgedAt">When it was taken.</param>
    /// <param name="AcknowledgedBy">Who took it first.</param>
    /// <param name="ByMe">Whether that is the caller.</param>
    /// <param name="VisitBy">By when the visit is due.</param>
    public sealed record Line(Guid AlarmId, Guid HouseholdId, DateTimeOffset AcknowledgedAt, string AcknowledgedBy, bool ByMe, DateTimeOffset VisitBy);

    public static void Map(RouteGroupBuilder notices) =>
        notices.MapPost("/{id:guid}/acknowledgement", Handle).WithName("acknowledgeNotice")
            .WithSummary("确认收到（我来处理）")
            .WithDescription("对所列预警全部确认收到，对所有人生效并停止其余提醒，24 小时内走访。重复确认返回首位确认人。")
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(Guid id, BackendDb db, CurrentAccount me, AuditWriter audit, CancellationToken cancellation)
    {
        var notice = await db.Notices.SingleOrDefaultAsync(n => n.Id == id && n.AccountId == me.Id, cancellation);
        // Locked in id order, so that two who say it at once never wait for each other in a circle.
        var alarms = await db.Alarms.FromSql($"""
            select a.* from alarms a where a.id in (select alarm_id from notice_alarms where notice_id = {id}) order by a.id for update of a
            """).ToListAsync(cancellation);
        if (notice is null || alarms.Count == 0) return Problems.NotFound.Result();

        var now = db.Now;
        foreach (var alarm in alarms) alarm.Acknowledge(me.Id, now);
        notice.ReadAt ??= now;
        audit.Add(AuditWriter.Done, [id, .. alarms.Select(a => a.Id)]);

        var people = alarms.Select(a => a.AcknowledgedBy!.Value).Distinct().ToList();
        var names = await db.Accounts.Where(a => people.Contains(a.Id)).ToDictionaryAsync(a => a.Id, a => a.Name, cancellation);
        return TypedResults.Ok(new Response(id, alarms.Select(a => new Line(
            a.Id, a.HouseholdId, a.AcknowledgedAt!.Value, names.GetValueOrDefault(a.AcknowledgedBy!.Value, ""), a.AcknowledgedBy == me.Id, a.VisitBy!.Value)).ToList()));
    }
}
