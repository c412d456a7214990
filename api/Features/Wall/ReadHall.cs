using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Realtime;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Wall;

/// <summary>
/// The wall of a public hall (B-15, A-10): how many households stand at each tier, and nothing more. Every byte of the answer, its version and its
/// tag too, is a function of those counts, so two communities with the same counts cannot be told apart. The screen draws as many tiles, sorted by
/// colour: no place on it says anything about a door.
/// </summary>
internal static class ReadHall
{
    private static readonly TimeSpan Renewal = TimeSpan.FromDays(1);

    /// <param name="Version">The version of these counts.</param>
    /// <param name="Red">Households at red.</param>
    /// <param name="Orange">Households at orange.</param>
    /// <param name="Yellow">Households at yellow.</param>
    /// <param name="Green">Households at green.</param>
    public sealed record Response(string Version, int Red, int Orange, int Yellow, int Green);

    public static void Map(RouteGroupBuilder display) =>
        display.MapGet("/hall", Handle).WithName("readHall")
            .WithSummary("大厅屏")
            .WithDescription("登记的大厅屏所显示的四色户数。内容、版本号与 ETag 只取决于户数。支持 If-None-Match。")
            .Produces(StatusCodes.Status304NotModified)
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    public static async Task<Results<Ok<Response>, StatusCodeHttpResult, ProblemHttpResult>> Handle(
        WallFeed feed, BackendDb db, CurrentAccount me, HttpContext http, CancellationToken cancellation)
    {
        if (await feed.CountsAsync(me.Rights.DisplayNode!.Id, cancellation) is not { } counts) return Problems.NotFound.Result();
        if (me.Rights.ExpiresAt - db.Now < OpenWall.HallLifetime - Renewal) await RenewAsync(db, me, http, cancellation);
        var headers = http.Response.Headers;
        headers.ETag = $"W/\"json.hall.{counts.Version}\"";
        headers.CacheControl = "private, no-cache";
        headers.Vary = "Cookie";
        if (http.Request.Headers.IfNoneMatch.ToString().Contains(headers.ETag.ToString(), StringComparison.Ordinal))
            return TypedResults.StatusCode(StatusCodes.Status304NotModified);
        return TypedResults.Ok(new Response(counts.Version, counts.Red, counts.Orange, counts.Yellow, counts.Green));
    }

    /// <summary>A screen that is in use stays: once a day its 90 days begin anew.</summary>
    private static async Task RenewAsync(BackendDb db, CurrentAccount me, HttpContext http, CancellationToken cancellation)
    {
        await db.BeginAsync(cancellation);
        await db.Sessions.Where(s => s.Id == me.SessionId).ExecuteUpdateAsync(
            s => s.SetProperty(x => x.ExpiresAt, db.Now + OpenWall.HallLifetime).SetProperty(x => x.LastUsedAt, db.Now), cancellation);
        await db.CommitAsync(cancellation);
        OpenWall.SetCookie(http, http.Request.Cookies[Authentication.DisplayCookie]!, OpenWall.HallLifetime);
    }
}
