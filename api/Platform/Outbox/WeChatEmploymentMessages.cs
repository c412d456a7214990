using System.Globalization;
using Backend.Platform.Persistence;
using Backend.Platform.WeChat;
using Microsoft.Extensions.Options;

namespace Backend.Platform.Outbox;

/// <summary>Puts the delivery pump's message into WeChat's words, and WeChat's answer into the pump's.</summary>
internal sealed class WeChatEmploymentMessages(WeChatClient weChat, IOptions<WeChatOptions> options, TimeProvider clock) : IEmploymentMessages
{
    private static readonly TimeSpan China = TimeSpan.FromHours(8);

    public TimeSpan LongestSend => WeChatClient.LongestSend;

    public async Task<DeliveryOutcome> SendAsync(string openId, Guid noticeId, DateTimeOffset at, CancellationToken cancellation)
    {
        // The same words for every household: the card lies open on a locked phone (PD05).
        var values = new Dictionary<string, string> { ["thing1"] = "您有一条新的走访任务", ["time2"] = at.ToOffset(China).ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture) };
        var page = options.Value.MiniProgramPage;
        page += $"{(page.Contains('?', StringComparison.Ordinal) ? '&' : '?')}notice={noticeId}";
        return Of(await weChat.SendEmploymentMessageAsync(openId, options.Value.RedAlarmTemplate, page, values, cancellation), clock.GetUtcNow());
    }

    /// <summary>Every class of WeChat's answers has one consequence for a delivery (RL11).</summary>
    public static DeliveryOutcome Of(SendOutcome answer, DateTimeOffset now)
    {
        var treatment = answer.Treatment;
        var result = (answer.Code, treatment.Reaction) switch
        {
            // No relation with this person, or she has not subscribed to the template: she must bind again, in the mini-program.
            (40256 or 50001, _) => SendResult.NotBound,
            (_, Reaction.Done) => SendResult.Sent,
            (_, Reaction.SendOnceMore) => SendResult.Uncertain,
            (_, Reaction.GiveUpAndShow) => SendResult.GiveUp,
            // A token that is stale after its renewal waits like everything else that is certainly not sent.
            _ => SendResult.Retry,
        };
        return new DeliveryOutcome(result, SnakeCase.Of(answer.Class), answer.Code, WeChatErrors.NotBefore(answer.Class, now), treatment.OperatorAlarm);
    }
}
