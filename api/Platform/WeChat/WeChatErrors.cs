using System.Collections.Frozen;

namespace Backend.Platform.WeChat;

/// <summary>What an answer of WeChat means to us (RL11). A closed set: every code has a class, an unknown one has <see cref="Unknown"/>.</summary>
internal enum WeChatErrorClass
{
    Ok,
    /// <summary>The access token is no longer good.</summary>
    TokenStale,
    /// <summary>Certainly not done, and nobody is at fault: busy, unreachable, or held back by our own limits.</summary>
    Transient,
    RateLimited,
    /// <summary>The quota of the day is used up; it returns at 00:00 in China.</summary>
    QuotaExhausted,
    /// <summary>The person has not subscribed to the template.</summary>
    NotSubscribed,
    /// <summary>No such openid for this mini-program, or no employment relation with the person.</summary>
    RecipientInvalid,
    TemplateInvalid,
    ContentRejected,
    /// <summary>The login code is wrong, too old or used.</summary>
    CodeInvalid,
    HighRiskUser,
    /// <summary>WeChat has not granted this capability to the account.</summary>
    NotGranted,
    /// <summary>The account is banned, frozen or restricted.</summary>
    AccountLimited,
    /// <summary>We sent something that no correct program sends.</summary>
    Bug,
    /// <summary>AppId, secret, address or IP allow-list.</summary>
    Configuration,
    /// <summary>The answer was lost or unreadable: it may have been done.</summary>
    Uncertain,
    /// <summary>WeChat refused with a code that this table does not know.</summary>
    Unknown,
}

/// <summary>What the sender does next.</summary>
internal enum Reaction
{
    Done,
    /// <summary>Renew the token and call once more. The adapter has done so already when a sender sees this class: then it waits as for <see cref="RetryWhenMended"/>.</summary>
    RenewTokenOnce,
    /// <summary>Certainly not delivered: send again on the usual schedule, not before <see cref="WeChatErrors.NotBefore"/>.</summary>
    Retry,
    /// <summary>Certainly not delivered, and people must act first: go on slowly, take the next channel meanwhile.</summary>
    RetryWhenMended,
    /// <summary>It may have been delivered: once more after 60 s, never oftener, and counted as uncertain (RL06).</summary>
    SendOnceMore,
    /// <summary>Another try would get the same answer: show it and take the next channel.</summary>
    GiveUpAndShow,
}

/// <param name="Reaction">What the sender does next.</param>
/// <param name="OperatorAlarm">Whether operators must be told (运维告警).</param>
internal sealed record Treatment(Reaction Reaction, bool OperatorAlarm);

/// <summary>
/// The codes of the calls made here and of those common to all calls, each with its class. Source: WeChat's reference pages as of 2026-07-30.
/// The text beside a code (<c>errmsg</c>) is unstable and is never branched on.
/// </summary>
internal static class WeChatErrors
{
    /// <summary>Days, and with them quotas, end at midnight in China, which has no summer time.</summary>
    private static readonly TimeSpan ChinaOffset = TimeSpan.FromHours(8);

    public static FrozenDictionary<int, WeChatErrorClass> Known { get; } = new Dictionary<int, WeChatErrorClass>
    {
        [0] = WeChatErrorClass.Ok,
        [-1] = WeChatErrorClass.Transient,            // system busy

        [40001] = WeChatErrorClass.TokenStale,        // token invalid or not the newest
        [40014] = WeChatErrorClass.TokenStale,        // token malformed
        [42001] = WeChatErrorClass.TokenStale,        // token expired

        [44990] = WeChatErrorClass.RateLimited,       // per second
        [44991] = WeChatErrorClass.RateLimited,       // per minute
        [45011] = WeChatErrorClass.RateLimited,       // per minute
        [43108] = WeChatErrorClass.RateLimited,       // two messages to one person at once: wait a second
        [45009] = WeChatErrorClass.QuotaExhausted,
        [44993] = WeChatErrorClass.QuotaExhausted,

        [43101] = WeChatErrorClass.NotSubscribed,     // subscribe message: no credit
        [50001] = WeChatErrorClass.NotSubscribed,     // employment message: not subscribed to this template
        [40003] = WeChatErrorClass.RecipientInvalid,  // openid of another mini-program, or mistyped
        [40256] = WeChatErrorClass.RecipientInvalid,  // no employment relation with this person
        [40257] = WeChatErrorClass.RecipientInvalid,  // openid cannot be decoded

        [40037] = WeChatErrorClass.TemplateInvalid,   // no such template
        [43107] = WeChatErrorClass.TemplateInvalid,   // template or capability banned
        [41030] = WeChatErrorClass.TemplateInvalid,   // the page is not in the released version
        [45168] = WeChatErrorClass.ContentRejected,   // sensitive word
        [47003] = WeChatErrorClass.ContentRejected,   // a value breaks the rule of its key

        [40029] = WeChatErrorClass.CodeInvalid,       // wrong, expired, of another mini-program
        [40163] = WeChatErrorClass.CodeInvalid,       // been used; seen in practice, not in the official table
        [40226] = WeChatErrorClass.HighRiskUser,

        [43104] = WeChatErrorClass.NotGranted,
        [48001] = WeChatErrorClass.NotGranted,
        [48004] = WeChatErrorClass.AccountLimited,    // closed because of violations
        [50002] = WeChatErrorClass.AccountLimited,    // banned, frozen, migrated or cancelled
        [50004] = WeChatErrorClass.AccountLimited,    // token call forbidden
        [50007] = WeChatErrorClass.AccountLimited,    // frozen
        [40243] = WeChatErrorClass.AccountLimited,    // secret frozen

        [40002] = WeChatErrorClass.Configuration,     // grant_type
        [40013] = WeChatErrorClass.Configuration,     // AppId
        [40125] = WeChatErrorClass.Configuration,     // AppSecret
        [40164] = WeChatErrorClass.Configuration,     // our address is not in the allow-list
        [89503] = WeChatErrorClass.Configuration,     // our address awaits the administrator's yes
        [89506] = WeChatErrorClass.Configuration,     // refused for 24 hours
        [89507] = WeChatErrorClass.Configuration,     // refused for an hour

        [40097] = WeChatErrorClass.Bug,               // arguments
        [41001] = WeChatErrorClass.Bug,               // no token
        [41002] = WeChatErrorClass.Bug,               // no AppId
        [41004] = WeChatErrorClass.Bug,               // no secret
        [41008] = WeChatErrorClass.Bug,               // no code
        [43002] = WeChatErrorClass.Bug,               // POST required
        [43003] = WeChatErrorClass.Bug,               // HTTPS required
        [44002] = WeChatErrorClass.Bug,               // empty body
        [47001] = WeChatErrorClass.Bug,               // body cannot be parsed
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<WeChatErrorClass, Treatment> Treatments = new Dictionary<WeChatErrorClass, Treatment>
    {
        [WeChatErrorClass.Ok] = new(Reaction.Done, false),
        [WeChatErrorClass.TokenStale] = new(Reaction.RenewTokenOnce, true),
        [WeChatErrorClass.Transient] = new(Reaction.Retry, false),
        [WeChatErrorClass.RateLimited] = new(Reaction.Retry, false),
        [WeChatErrorClass.QuotaExhausted] = new(Reaction.Retry, true),
        [WeChatErrorClass.NotSubscribed] = new(Reaction.GiveUpAndShow, false),
        [WeChatErrorClass.RecipientInvalid] = new(Reaction.GiveUpAndShow, false),
        [WeChatErrorClass.TemplateInvalid] = new(Reaction.RetryWhenMended, true),
        [WeChatErrorClass.ContentRejected] = new(Reaction.GiveUpAndShow, false),
        [WeChatErrorClass.CodeInvalid] = new(Reaction.GiveUpAndShow, false),
        [WeChatErrorClass.HighRiskUser] = new(Reaction.GiveUpAndShow, false),
        [WeChatErrorClass.NotGranted] = new(Reaction.RetryWhenMended, true),
        [WeChatErrorClass.AccountLimited] = new(Reaction.RetryWhenMended, true),
        [WeChatErrorClass.Bug] = new(Reaction.GiveUpAndShow, true),
        [WeChatErrorClass.Configuration] = new(Reaction.RetryWhenMended, true),
        [WeChatErrorClass.Uncertain] = new(Reaction.SendOnceMore, false),
        // A refusal for certain, whatever it means; the alarm must not be lost over a code that WeChat added yesterday.
        [WeChatErrorClass.Unknown] = new(Reaction.RetryWhenMended, true),
    }.ToFrozenDictionary();

    public static WeChatErrorClass Classify(int code) => Known.GetValueOrDefault(code, WeChatErrorClass.Unknown);

    public static Treatment TreatmentOf(WeChatErrorClass errorClass) => Treatments[errorClass];

    /// <summary>The earliest time at which another try makes sense: the next minute for a rate, midnight in China for a quota, else null (the sender's own schedule).</summary>
    public static DateTimeOffset? NotBefore(WeChatErrorClass errorClass, DateTimeOffset now)
    {
        var there = now.ToOffset(ChinaOffset);
        return errorClass switch
        {
            WeChatErrorClass.RateLimited => new DateTimeOffset(there.Year, there.Month, there.Day, there.Hour, there.Minute, 0, ChinaOffset).AddMinutes(1).ToUniversalTime(),
            WeChatErrorClass.QuotaExhausted => new DateTimeOffset(there.Date, ChinaOffset).AddDays(1).ToUniversalTime(),
            _ => null,
        };
    }
}
