using Backend.Domain.Grid;
using Backend.Domain.Notices;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Platform.WeChat;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Backend.Features.Notices;

/// <summary>
/// Which templates the phone asks for at its next tap, and what is left of the consents so far. The phone reads it in advance: a call between the tap
/// and <c>wx.requestSubscribeMessage</c> breaks the asking on many phones.
/// </summary>
internal static class ReadWeChatConsents
{
    public sealed record Response(IReadOnlyList<Template> Templates);

    /// <param name="TemplateId">For <c>tmplIds</c> of <c>wx.requestSubscribeMessage</c>. Templates of both kinds may not be asked for in one call.</param>
    /// <param name="Kind"><c>one_time</c>: each acceptance is one message, so ask at every natural tap (a visit report, a help request). <c>long_term</c>: once.</param>
    /// <param name="Ask">Whether asking this account makes sense now.</param>
    /// <param name="Remaining">订阅次数, an estimate; null when a long-term template is open.</param>
    /// <param name="LastResult">What was last heard; <c>refused</c> is WeChat's own refusal of a message.</param>
    /// <param name="LastResultAt">When.</param>
    public sealed record Template(string TemplateId, TemplateKind Kind, bool Ask, int? Remaining, SubscriptionResult? LastResult, DateTimeOffset? LastResultAt);

    public static void Map(RouteGroupBuilder consents) =>
        consents.MapGet("/", Handle).WithName("readWeChatConsents")
            .WithSummary("订阅消息模板与剩余次数")
            .WithDescription("小程序应提前读取并缓存：点击时直接用 ask 为 true 的 templateId 调用 wx.requestSubscribeMessage，再上报结果。次数为估计值。")
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed);

    public static async Task<Ok<Response>> Handle(BackendDb db, CurrentAccount me, IOptions<WeChatOptions> options, CancellationToken cancellation)
    {
        var ledger = await db.SubscriptionCredits.AsNoTracking().Where(c => c.AccountId == me.Id).ToListAsync(cancellation);
        return TypedResults.Ok(Of(options.Value, me, ledger));
    }

    /// <summary>The templates of this deployment with the account's standing in each.</summary>
    public static Response Of(WeChatOptions options, CurrentAccount me, IReadOnlyCollection<SubscriptionCredit> ledger) => new(
        SubscribeTemplate.Of(options).Select(t =>
        {
            var credit = ledger.SingleOrDefault(c => c.TemplateId == t.Id);
            // Visit tasks go to those who hold a post; a long-term template that is open needs no second asking.
            var ask = me.Rights.Roles.Any(r => r.Role != Role.Resident) && (t.Kind == TemplateKind.OneTime || credit is not { IsLeft: true });
            return new Template(t.Id, t.Kind, ask, credit is null ? 0 : credit.Remaining, credit?.LastResult, credit?.LastResultAt);
        }).ToList());
}

/// <summary>The subscribe message templates that this deployment uses.</summary>
internal sealed record SubscribeTemplate(string Id, TemplateKind Kind)
{
    public static IReadOnlyList<SubscribeTemplate> Of(WeChatOptions options) => options.SubscribeTemplate.Length == 0
        ? []
        : [new(options.SubscribeTemplate, options.SubscribeTemplateIsLongTerm ? TemplateKind.LongTerm : TemplateKind.OneTime)];
}
