using System.ComponentModel.DataAnnotations;
using Backend.Domain.Grid;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Grid;

/// <summary>
/// Appoints somebody to a leader's post from a day on (选任, A-51, A-58): a resident of the caller's reach who has joined, or somebody who holds a post there
/// already. From that day on she sees and is told what the post looks after (AZ11). Nobody appoints herself, and posts of staff are not given here (AZ15).
/// </summary>
internal static class AppointLeader
{
    /// <param name="FromDay">Her first day, today at the earliest.</param>
    /// <param name="ResidentId">A resident of the caller's reach, bound to a WeChat identity.</param>
    /// <param name="AccountId">Or the holder of a post within the caller's reach. Exactly one of the two.</param>
    /// <param name="ToDay">Her last day; null: until she is dismissed.</param>
    public sealed record Request(
        [property: Required(ErrorMessage = "请填写开始日期")] DateOnly? FromDay,
        Guid? ResidentId = null,
        Guid? AccountId = null,
        DateOnly? ToDay = null);

    /// <param name="Id">The appointment, to end it by.</param>
    public sealed record Response(Guid Id);

    public static void Map(RouteGroupBuilder posts) =>
        posts.MapPost("/{id:guid}/appointments", Handle).WithName("appointLeader")
            .WithSummary("选任网格长")
            .WithDescription("选任楼层长、楼长或片区长：可选任您负责范围内已绑定微信的居民，或已有任职的人员。从开始日期起生效；同一职务同一天只有一名任职人，不能选任自己。")
            .ForConsole()
            .InOneTransaction()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound, Problems.Conflict, Problems.AppointmentNotAllowed);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, Request request, BackendDb db, GridMap map, CurrentAccount me, AuditWriter audit, TimeProvider clock, CancellationToken cancellation)
    {
        var (day, from, to) = (clock.Today(), request.FromDay!.Value, request.ToDay);
        var errors = new Dictionary<string, string[]>();
        if (request.ResidentId is null == request.AccountId is null) errors["residentId"] = ["请选择一名居民或一名任职人员"];
        if (from < day) errors["fromDay"] = ["不能早于今天"];
        if (to < from) errors["toDay"] = ["不能早于开始日期"];
        if ((to ?? from).Year > ShanghaiDay.LatestYear) errors[to is null ? "fromDay" : "toDay"] = [$"不能晚于 {ShanghaiDay.LatestYear} 年"];
        if (errors.Count > 0) return Problems.Invalid.Result(errors);

        var grid = await map.ReadAsync(cancellation);
        var post = await db.Posts.AsNoTracking().SingleOrDefaultAsync(p => p.Id == id, cancellation);
        if (post?.NodeId is not { } node || grid.Find(node, me.Current) is null) return Problems.NotFound.Result();
        if (!post.IsNearFamilies) return Problems.AppointmentNotAllowed.Result("这里只选任楼层长、楼长和片区长。");

        Guid who;
        if (request.ResidentId is { } resident)
        {
            if (!await db.Residents.AnyAsync(r => r.Id == resident, cancellation))
                return Problems.Invalid.Result(new Dictionary<string, string[]> { ["residentId"] = ["请选择您负责范围内的居民"] });
            if (await db.Database.SqlQuery<Guid?>($"select app.account_of_resident({resident}) as \"Value\"").SingleAsync(cancellation) is not { } joined)
                return Problems.AppointmentNotAllowed.Result("该居民尚未绑定微信，请先邀请其绑定。");
            who = joined;
        }
        else
        {
            who = request.AccountId!.Value;
            if (!(await HeldPosts.ByAsync(db, who, day, cancellation)).AnyWithin(grid, me.Current))
                return Problems.Invalid.Result(new Dictionary<string, string[]> { ["accountId"] = ["请选择您负责范围内现有的任职人员"] });
        }

        if (who == me.Id) return Problems.AppointmentNotAllowed.Result("不能选任自己，请由上一级选任。");
        // Two who appoint at once: the second waits here, and then sees the first.
        await db.TakeTurnAsync($"appointment {id}", cancellation);
        if (await db.Appointments.AnyAsync(a => a.PostId == id && (to == null || a.FromDay <= to) && (a.ToDay == null || a.ToDay >= from), cancellation))
            return Problems.Conflict.Result("该职务在这段时间已有任职人，请先免去或改选日期。");

        var appointment = new Appointment { Id = Guid.CreateVersion7(db.Now), PostId = id, AccountId = who, FromDay = from, ToDay = to };
        db.Appointments.Add(appointment);
        audit.Add(AuditWriter.Done, appointment.Id, id, who);
        return TypedResults.Ok(new Response(appointment.Id));
    }
}
