using System.ComponentModel.DataAnnotations;
using Backend.Domain.Accounts;
using Backend.Platform;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Backend.Features.Wall;

/// <summary>Registers a screen of a public hall and gives the single-use ticket that its browser is opened with.</summary>
internal static class RegisterDisplay
{
    private static readonly TimeSpan TicketLifetime = TimeSpan.FromMinutes(10);

    /// <param name="NodeId">A community (wall root) or a node above.</param>
    /// <param name="Name">Where the screen hangs, for the list of displays.</param>
    public sealed record Request(
        [property: Required(ErrorMessage = "请说明大厅屏的网格")] Guid? NodeId,
        [property: Required(ErrorMessage = "请填写大厅屏名称")]
        [property: Text(50, MinimumLength = 1, ErrorMessage = "名称为 1 到 50 个字，不含控制字符")]
        string Name);

    /// <param name="Id">The display.</param>
    /// <param name="Ticket">Open <c>/wall?ticket=</c> with it on the screen, once.</param>
    /// <param name="ExpiresAt">The end of the ticket.</param>
    public sealed record Response(Guid Id, string Ticket, DateTimeOffset ExpiresAt);

    public static void Map(RouteGroupBuilder displays) =>
        displays.MapPost("/", Handle).WithName("registerDisplay")
            .WithSummary("登记大厅屏")
            .WithDescription("登记公共大厅的屏幕：只显示四色户数，不显示门牌。用返回的票据在屏幕上打开一次 /wall?ticket=，10 分钟内有效；连续 90 天不使用即失效。")
            .ForConsole()
            .InOneTransaction()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Request request, BackendDb db, GridMap map, CurrentAccount me, AuditWriter audit, CancellationToken cancellation)
    {
        var grid = await map.ReadAsync(cancellation);
        if (grid.Find(request.NodeId!.Value, me.Current) is not { } place) return Problems.NotFound.Result();
        if (place.RootId is { } root && root != place.Id)
            return Problems.Invalid.Result(new Dictionary<string, string[]> { ["nodeId"] = ["大厅屏只能登记在社区或其上级"] });

        var display = new Display
        {
            Id = Guid.CreateVersion7(db.Now),
            NodeId = place.Id,
            NodePath = place.Path,
            Name = request.Name,
            RegisteredBy = me.Id,
            RegisteredAt = db.Now,
        };
        var token = Tokens.Random();
        var ticket = new Ticket
        {
            Hash = Tokens.Hash(token),
            AccountId = me.Id,
            SessionId = me.SessionId,
            Purpose = TicketPurpose.Display,
            NodeId = place.Id,
            DisplayId = display.Id,
            ExpiresAt = db.Now + TicketLifetime,
        };
        db.Displays.Add(display);
        db.Tickets.Add(ticket);
        audit.Add(AuditWriter.Done, display.Id, place.Id);
        return TypedResults.Ok(new Response(display.Id, token, ticket.ExpiresAt));
    }
}
