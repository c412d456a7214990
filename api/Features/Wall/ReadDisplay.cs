using Backend.Domain.Accounts;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Backend.Features.Wall;

/// <summary>Which wall this browser session shows.</summary>
internal static class ReadDisplay
{
    /// <param name="Mode"><c>staff</c>: tiles with doors. <c>hall</c>: counts alone.</param>
    /// <param name="NodeId">The wall's node; a hall is not told which one it is, so that nothing it holds differs between two communities.</param>
    public sealed record Response(string Mode, Guid? NodeId);

    public static void Map(RouteGroupBuilder display) =>
        display.MapGet("/", Handle).WithName("readDisplay")
            .WithSummary("本监测屏会话")
            .WithDescription("浏览器监测屏所显示的网格与模式。")
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed);

    public static Results<Ok<Response>, ProblemHttpResult> Handle(CurrentAccount me) =>
        me.Rights switch
        {
            { Kind: SessionKind.Display, DisplayNode: { } node } => TypedResults.Ok(new Response("staff", node.Id)),
            { Kind: SessionKind.Hall } => TypedResults.Ok(new Response("hall", null)),
            _ => Problems.OperationNotAllowed.Result(),
        };
}
