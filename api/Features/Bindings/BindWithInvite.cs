using System.ComponentModel.DataAnnotations;
using Backend.Domain.Privacy;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Backend.Features.Bindings;

/// <summary>
/// Somebody whom nobody knows yet shows two secrets: the binding ticket of her sign-in, which stands for her WeChat identity (ID01), and an invite. What she
/// gets is a request that waits for the household's leader, and no session. Repeated after a lost answer it is the same request.
/// </summary>
internal static class BindWithInvite
{
    public sealed record Request(
        [property: Required(ErrorMessage = "请提供 bindingTicket"), StringLength(100, ErrorMessage = "bindingTicket 过长")] string BindingTicket,
        [property: Required(ErrorMessage = "请提供邀请"), StringLength(100, ErrorMessage = "邀请过长")] string Invite);

    public static void Map(RouteGroupBuilder requests) =>
        requests.MapPost("/", Handle).WithName("bindWithInvite")
            .WithSummary("凭邀请申请绑定")
            .WithDescription("用登录时得到的 bindingTicket 和邀请申请绑定。提交后请等待包保责任人确认，确认后重新登录即可；同一票据与邀请重复提交结果相同。")
            .Limited(LimitedBy.Device | LimitedBy.Address, call => call.Arguments.OfType<Request>().Single().BindingTicket)
            .InOneTransaction()
            .Refuses(Problems.Invalid, Problems.TicketInvalid, Problems.InviteInvalid);

    public static async Task<Results<NoContent, ProblemHttpResult>> Handle(Request request, BackendDb db, Vault vault, AuditWriter audit, CancellationToken cancellation)
    {
        var (ticket, invite) = (Tokens.Hash(request.BindingTicket), Tokens.Hash(request.Invite));
        if (await SignIn.FindBindingTicketAsync(db, ticket, cancellation) is not { } held) return Problems.TicketInvalid.Result("请重新登录后再试。");

        var openId = vault.OpenText(SealedFields.BindingOpenId, held.Id, new Sealed(held.OpenId));
        var moved = vault.Seal(SealedFields.RequestedOpenId, held.Id, openId);
        if (!await SignIn.RequestBindingAsync(db, ticket, invite, moved, cancellation)) return Problems.InviteInvalid.Result("请联系您的楼层长重新邀请。");
        audit.Add(AuditWriter.Done, held.Id);
        return TypedResults.NoContent();
    }
}
