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
/// Names who acts for a leader's post from a day to a day (代理). From the first day on she sees and is told what the holder is, and on the last day it
/// ends by itself (AZ11). She is somebody who holds a post within the same reach, and nobody names herself.
/// </summary>
internal static class NameStandIn
{
    /// <summary>Longer is an appointment.</summary>
    public const int LongestDays = 180;

    /// <param name="AccountId">Who acts: the holder of a post within the caller's reach.</param>
    /// <param name="FromDay">Her first day, today at the earliest.</param>
    /// <param name="ToDay">Her last day.</param>
    public sealed record Request(
        [property: Required(ErrorMessage = "请选择代理人")] Guid? AccountId,
        [property: Required(ErrorMessage = "请填写开始日期")] DateOnly? FromDay,
        [property: Required(ErrorMessage = "请填写结束日期")] DateOnly? ToDay);

    /// <param name="Id">The stand-in, to end it by.</param>
    public sealed record Response(Guid Id);

    public static void Map(RouteGroupBuilder posts) =>
        posts.MapPost("/{id:guid}/stand-ins", Handle).WithName("nameStandIn")
            .WithSummary("指定代理人")
            .WithDescription("为网格长的职务指定代理人：从开始日期起，代理人与任职人有同样的可见范围并收到同样的预警，结束日期过后自动收回。最长 180 天；不能指定自己，同一职务同一天只有一名代理人。")
            .InOneTransaction()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound, Problems.Conflict, Problems.StandInNotAllowed);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, Request request, BackendDb db, GridMap map, CurrentAccount me, AuditWriter audit, TimeProvider clock, CancellationToken cancellation)
    {
        var (day, who, from, to) = (clock.Today(), request.AccountId!.Value, request.FromDay!.Value, request.ToDay!.Value);
        var errors = new Dictionary<string, string[]>();
        if (from < day) errors["fromDay"] = ["不能早于今天"];
        if (to < from) errors["toDay"] = ["不能早于开始日期"];
        else if (to.Year > ShanghaiDay.LatestYear) errors["toDay"] = [$"不能晚于 {ShanghaiDay.LatestYear} 年"];
        else if (to.DayNumber - from.DayNumber >= LongestDays) errors["toDay"] = [$"代理最长 {LongestDays} 天，更长请任命"];
        if (errors.Count > 0) return Problems.Invalid.Result(errors);

        var grid = await map.ReadAsync(cancellation);
        var post = await db.Posts.AsNoTracking().SingleOrDefaultAsync(p => p.Id == id, cancellation);
        if (post?.NodeId is not { } node || grid.Find(node, me.Current) is null) return Problems.NotFound.Result();
        if (!post.IsNearFamilies) return Problems.StandInNotAllowed.Result("只有楼层长、楼长和片区长的职务可以由他人代理。");
        if (who == me.Id) return Problems.StandInNotAllowed.Result("不能指定自己，请由上一级指定。");

        var held = await HeldPosts.ByAsync(db, who, day, cancellation);
        if (!held.AnyWithin(grid, me.Current))
            return Problems.Invalid.Result(new Dictionary<string, string[]> { ["accountId"] = ["请选择您负责范围内现有的任职人员"] });
        if (held.Contains(id)) return Problems.StandInNotAllowed.Result("她就是该职务的任职人。");
        // Two who name at once: the second waits here, and then sees the first.
        await db.TakeTurnAsync($"stand-in {id}", cancellation);
        if (await db.StandIns.AnyAsync(s => s.PostId == id && s.FromDay <= to && s.ToDay >= from, cancellation))
            return Problems.Conflict.Result("该职务在这段时间已有代理人，请先结束或改选日期。");

        var standIn = new StandIn { Id = Guid.CreateVersion7(db.Now), PostId = id, AccountId = who, FromDay = from, ToDay = to };
        db.StandIns.Add(standIn);
        audit.Add(AuditWriter.Done, standIn.Id, id, who);
        return TypedResults.Ok(new Response(standIn.Id));
    }
}
