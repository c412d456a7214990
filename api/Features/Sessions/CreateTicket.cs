using System.ComponentModel.DataAnnotations;
using Backend.Domain.Accounts;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Sessions;

/// <summary>A single-use ticket of 60 s that opens the hub, or a staff wall in a browser (RL09, design.md section 4 "Screens").</summary>
internal static class CreateTicket
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(60);

    /// <param name="Purpose"><c>hub</c>: one connection to <c>/hubs/live?ticket=</c>. <c>display</c>: one browser at <c>/wall?ticket=</c>.</param>
    /// <param name="NodeId">The wall's node; required for a display.</param>
    public sealed record Request([property: Required(ErrorMessage = "请说明用途")] TicketPurpose? Purpose, Guid? NodeId = null);

    public sealed record Response(string Ticket, DateTimeOffset ExpiresAt);

    public static void Map(RouteGroupBuilder tickets) =>
        tickets.MapPost("/", Handle).WithName("createTicket")
            .WithSummary("申请一次性票据")
            .WithDescription("60 秒内使用一次：打开实时连接（hub）或浏览器监测屏（display，需 nodeId）。")
            .InOneTransaction()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Request request, BackendDb db, CurrentAccount me, PolicyTable policy, AuditWriter audit, CancellationToken cancellation)
    {
        if (request.Purpose == TicketPurpose.Display)
        {
            if (request.NodeId is not { } node)
                return Problems.Invalid.Result(new Dictionary<string, string[]> { ["nodeId"] = ["请说明监测屏的网格"] });
            // A display opens no further display, and shows only what its maker may see as a wall.
            if (me.Rights.Kind is SessionKind.Display or SessionKind.Hall) return Problems.OperationNotAllowed.Result();
            var walls = me.Rights.ScopeOf(policy.Find("readWall")!.Allows).Paths;
            var path = await db.GridNodes.Where(n => n.Id == node).Select(n => n.Path).SingleOrDefaultAsync(cancellation);
            if (path is null || !walls.Any(w => Rights.IsWithin(path, w))) return Problems.NotFound.Result();
        }

        var token = Tokens.Random();
        var ticket = new Ticket
        {
            Hash = Tokens.Hash(token),
            AccountId = me.Id,
            SessionId = me.SessionId,
            Purpose = request.Purpose!.Value,
            NodeId = request.Purpose == TicketPurpose.Display ? request.NodeId : null,
            ExpiresAt = db.Now + Lifetime,
        };
        db.Tickets.Add(ticket);
        audit.Add(AuditWriter.Done, me.SessionId);
        return TypedResults.Ok(new Response(token, ticket.ExpiresAt));
    }
}
