using Backend.Domain.Notices;

namespace Backend.Platform.Outbox;

/// <summary>What became of one try to send; a closed set, whatever the channel (RL11).</summary>
internal enum SendResult
{
    Sent,
    /// <summary>Certainly not sent: again on the usual schedule.</summary>
    Retry,
    /// <summary>It may have been sent: once more after 60 s, never oftener (RL06).</summary>
    Uncertain,
    /// <summary>Another try would get the same answer.</summary>
    GiveUp,
    /// <summary>The person has no relation that the channel needs; until she binds again nothing is sent to her.</summary>
    NotBound,
    /// <summary>Nothing is left of her consents, whatever the ledger says; until she consents again nothing is sent to her.</summary>
    NoCredit,
}

/// <param name="Result">What to do about it.</param>
/// <param name="Class">The class of the outcome as it is stored and shown, lower_snake_case.</param>
/// <param name="Code">The channel's own code, if it gave one.</param>
/// <param name="NotBefore">Another try before this makes no sense.</param>
/// <param name="OperatorAlarm">Whether people must mend something before any message passes.</param>
/// <param name="NextChannel">Whether the next channel is taken meanwhile, although this one will be tried again.</param>
internal sealed record DeliveryOutcome(
    SendResult Result, string Class, int? Code = null, DateTimeOffset? NotBefore = null, bool OperatorAlarm = false, bool NextChannel = false);

/// <summary>One way to reach a person's phone by a call to the outside, as the delivery pump sees it.</summary>
internal interface IMessageChannel
{
    Channel Channel { get; }

    /// <summary>No call takes longer; the recipient's lease lasts longer than this.</summary>
    TimeSpan LongestSend { get; }

    /// <summary>The template whose credits (订阅次数) a message uses up; null where messages need none, or where the deployment has no such template.</summary>
    string? CreditTemplate => null;

    /// <summary>Sends "there is a visit for you" with a page that opens the notice. No name, no tier, no address (PD05).</summary>
    Task<DeliveryOutcome> SendAsync(string openId, Guid noticeId, DateTimeOffset at, CancellationToken cancellation);
}
