using System.ComponentModel.DataAnnotations;
using Backend.Domain.Privacy;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Platform.WeChat;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Backend.Features.Bindings;

/// <summary>
/// Somebody whom nobody knows yet shows the binding ticket of her sign-in and a phone number that WeChat has verified (ID06). If the register has it of one
/// resident alone, who is no child without a guardian's consent (PD06), a request waits for the household's leader, as with an invite. Whether it has is not
/// told here: a number of nobody, of one and of several gets one answer, after the same SQL. WeChat is called before any transaction.
/// </summary>
internal static class BindWithPhone
{
    public sealed record Request(
        [property: Required(ErrorMessage = "请提供 bindingTicket"), StringLength(100, ErrorMessage = "bindingTicket 过长")] string BindingTicket,
        [property: Required(ErrorMessage = "请提供手机号按钮的 code")]
        [property: RegularExpression(WeChatClient.CodePattern, ErrorMessage = "phoneCode 应为 1 到 128 个可见字符", MatchTimeoutInMilliseconds = 100)]
        string PhoneCode);

    public static void Map(RouteGroupBuilder requests) =>
        requests.MapPost("/phone", Handle).WithName("bindWithPhone")
            .WithSummary("凭手机号申请绑定")
            .WithDescription("用登录时得到的 bindingTicket 和手机号按钮（getPhoneNumber）的 code 申请绑定。手机号与登记一致且只属于一位居民时，等待包保责任人确认；无论是否一致，回答相同。同一票据与 code 重复提交结果相同。")
            .Limited(LimitedBy.Device | LimitedBy.Address, call => call.Arguments.OfType<Request>().Single().BindingTicket)
            .Refuses(Problems.Invalid, Problems.PhoneCodeInvalid, Problems.TicketInvalid, Problems.RequestInFlight, Problems.WeChatUnavailable);

    public static async Task<Results<NoContent, ProblemHttpResult>> Handle(
        Request request, WeChatClient weChat, CodesInUse codes, BackendDb db, AppDataSource source, Vault vault, AuditWriter audit, CancellationToken cancellation)
    {
        var (ticket, code) = (Tokens.Hash(request.BindingTicket), Tokens.Hash(request.PhoneCode));
        var refusal = await ExchangeAsync();
        if (refusal is null) return TypedResults.NoContent();
        await audit.RefusalAsync((string)refusal.ProblemDetails.Extensions["code"]!, cancellation);
        return refusal;

        async Task<ProblemHttpResult?> ExchangeAsync()
        {
            using var use = codes.TryUse(request.PhoneCode);
            if (use is null) return Problems.RequestInFlight.Result("该手机号凭证正在使用，请稍候。");
            if (await SignIn.FindBindingTicketAsync(source, ticket, code, db.Now, cancellation) is not { } held) return Problems.TicketInvalid.Result("请重新登录后再试。");

            var openId = vault.OpenText(SealedFields.BindingOpenId, held.Id, new Sealed(held.OpenId));
            if (held.IsTaken) return await TakeAsync(held.Id, openId, phone: null);
            return await weChat.VerifyPhoneAsync(request.PhoneCode, openId, cancellation) switch
            {
                PhoneExchange.Verified verified => await TakeAsync(held.Id, openId, verified.Number),
                PhoneExchange.CodeInvalid => Problems.PhoneCodeInvalid.Result("请重新点击获取手机号。"),
                PhoneExchange.Unavailable { CodeMayBeSpent: true } => Problems.WeChatUnavailable.Result("验证结果不明，请重新点击获取手机号。"),
                PhoneExchange.Unavailable => Problems.WeChatUnavailable.Result("请一分钟后再试。"),
                _ => Problems.WeChatUnavailable.Result(),
            };
        }

        async Task<ProblemHttpResult?> TakeAsync(Guid id, string openId, string? phone)
        {
            await db.BeginAsync(cancellation);
            if (phone is not null && !await RequestAsync(openId, vault.BlindIndexes(SealedFields.ResidentPhone, phone)))
            {
                await db.RollbackAsync(cancellation);
                return Problems.TicketInvalid.Result("请重新登录后再试。");
            }

            audit.Add(AuditWriter.Done, id);
            await db.CommitAsync(cancellation);
            return null;
        }

        async Task<bool> RequestAsync(string openId, byte[][] indexes)
        {
            var found = await SignIn.FindByPhoneAsync(db, ticket, indexes, cancellation);
            var birth = found is { BirthId: { } value, Birth: { } content } ? vault.OpenBirthDate(value, new Sealed(content)) : null;
            var isFree = found is not null && (found.IsConsented || !Guardianship.IsChild(birth, ShanghaiDay.Of(db.Now)));
            var binding = Guid.CreateVersion7(db.Now);
            return await SignIn.RequestBindingByPhoneAsync(
                db, ticket, code, isFree ? found!.Id : null, indexes, binding, vault.Seal(SealedFields.RequestedOpenId, binding, openId), cancellation);
        }
    }
}
