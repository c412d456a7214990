using Backend.Domain.Accounts;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Backend.Features.Wall;

/// <summary>Which wall this browser session shows.</summary>
internal static class ReadDisplay
{
    /// <param name="NodeId">The wall's node.</param>
    /// <param name="Mode"><c>staff</c>: with doors.</param>
    public sealed record Response(Guid NodeId, string Mode);

    public static void Map(RouteGroupBuilder display) =>
        display.MapGet("/", Handle).WithName("readDisplay")
            .WithSummary("本监测屏会话")
            .WithDescription("浏览器监测屏所显示的网格与模式。")
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed);

    public static Results<Ok<Response>, ProblemHttpResult> Handle(CurrentAccount me) =>
        me.Rights is { Kind: SessionKind.Display, DisplayNode: { } node } ? TypedResults.Ok(new Response(node.Id, "staff")) : Problems.OperationNotAllowed.Result();
}
