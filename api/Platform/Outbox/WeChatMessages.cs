using System.Globalization;
using Backend.Domain.Notices;
using Backend.Platform.Persistence;
using Backend.Platform.WeChat;
using Microsoft.Extensions.Options;

namespace Backend.Platform.Outbox;

/// <summary>微信用工消息: the first channel for leaders and staff. It needs an employment relation and no credit.</summary>
internal sealed class EmploymentMessages(WeChatClient weChat, IOptions<WeChatOptions> options, TimeProvider clock) : IMessageChannel
{
    public Channel Channel => Channel.EmploymentMessage;

    public TimeSpan LongestSend => WeChatClient.LongestSend;

    public async Task<DeliveryOutcome> SendAsync(string openId, Guid noticeId, DateTimeOffset at, CancellationToken cancellation) => WeChatMessages.Of(
        await weChat.SendEmploymentMessageAsync(
            openId, options.Value.RedAlarmTemplate, WeChatMessages.PageOf(options.Value, noticeId), WeChatMessages.Words(at), cancellation),
        clock.GetUtcNow());
}

/// <summary>微信订阅消息: the second channel. Each message uses up a consent, or the person has opened the template for good.</summary>
internal sealed class SubscribeMessages(WeChatClient weChat, IOptions<WeChatOptions> options, TimeProvider clock) : IMessageChannel
{
    public Channel Channel => Channel.SubscribeMessage;

    public TimeSpan LongestSend => WeChatClient.LongestSend;

    public string? CreditTemplate => options.Value.SubscribeTemplate is { Length: > 0 } template ? template : null;

    public async Task<DeliveryOutcome> SendAsync(string openId, Guid noticeId, DateTimeOffset at, CancellationToken cancellation) => WeChatMessages.Of(
        await weChat.SendSubscribeMessageAsync(
            openId, options.Value.SubscribeTemplate, WeChatMessages.PageOf(options.Value, noticeId),
            new Dictionary<string, string>(WeChatMessages.Words(at)) { ["phrase3"] = "待处理" }, cancellation),
        clock.GetUtcNow());
}

/// <summary>Puts the delivery pump's message into WeChat's words, and WeChat's answer into the pump's.</summary>
internal static class WeChatMessages
{
    private static readonly TimeSpan China = TimeSpan.FromHours(8);

    /// <summary>The same words for every household and on every channel: the card lies open on a locked phone (PD05).</summary>
    public static Dictionary<string, string> Words(DateTimeOffset at) => new()
    {
        ["thing1"] = "您有一条新的走访任务",
        ["time2"] = at.ToOffset(China).ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture),
    };

    public static string PageOf(WeChatOptions options, Guid noticeId) =>
        $"{options.MiniProgramPage}{(options.MiniProgramPage.Contains('?', StringComparison.Ordinal) ? '&' : '?')}notice={noticeId}";

    /// <summary>Every class of WeChat's answers has one consequence for a delivery (RL11).</summary>
    public static DeliveryOutcome Of(SendOutcome answer, DateTimeOffset now)
    {
        var treatment = answer.Treatment;
        var result = (answer.Code, treatment.Reaction) switch
        {
            // No relation with this person, or she has not subscribed to the template: she must bind again, in the mini-program.
            (40256 or 50001, _) => SendResult.NotBound,
            // Her consents to subscribe messages are used up or withdrawn.
            (43101, _) => SendResult.NoCredit,
            (_, Reaction.Done) => SendResult.Sent,
            (_, Reaction.SendOnceMore) => SendResult.Uncertain,
            (_, Reaction.GiveUpAndShow) => SendResult.GiveUp,
            // A token that is stale after its renewal waits like everything else that is certainly not sent.
            _ => SendResult.Retry,
        };
        return new DeliveryOutcome(result, SnakeCase.Of(answer.Class), answer.Code, WeChatErrors.NotBefore(answer.Class, now), treatment.OperatorAlarm,
            NextChannel: treatment.Reaction == Reaction.RetryWhenMended);
    }
}
