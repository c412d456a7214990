namespace Backend.Domain.Notices;

/// <summary>How often one consent to a subscribe message may be used.</summary>
public enum TemplateKind
{
    /// <summary>Each consent is one message; consents add up, without time limit.</summary>
    OneTime,
    /// <summary>One consent holds until the person switches it off.</summary>
    LongTerm,
}

/// <summary>What was last heard of a person and a template.</summary>
public enum SubscriptionResult
{
    Accept,
    Reject,
    /// <summary>WeChat has banned the template.</summary>
    Ban,
    /// <summary>Another template of the same title was asked for at once, so this one was not shown.</summary>
    Filter,
    /// <summary>WeChat refused a message: nothing is left, whatever the ledger said (43101).</summary>
    Refused,
}

/// <summary>
/// 订阅次数: what we believe is left of a person's consents to one template. It is an estimate: consents reach us by way of the phone, and what a
/// person switches off in WeChat we learn from a refused message. The delivery pump takes from it before each message (docs/adr/013).
/// </summary>
internal sealed class SubscriptionCredit
{
    public required Guid Id { get; init; }
    public required Guid AccountId { get; init; }
    public required string TemplateId { get; init; }
    public required TemplateKind Kind { get; init; }
    /// <summary>Messages left; null: as many as we like, until she switches it off. Adding to null and taking from it leaves null.</summary>
    public int? Remaining { get; private set; } = 0;
    public SubscriptionResult LastResult { get; private set; }
    public required DateTimeOffset LastResultAt { get; set; }

    public bool IsLeft => Remaining is null or > 0;

    /// <summary>The outcome of one <c>wx.requestSubscribeMessage</c>. A rejection takes nothing of what she gave before, but it closes what was open for good.</summary>
    public void Report(SubscriptionResult result, DateTimeOffset now)
    {
        (LastResult, LastResultAt) = (result, now);
        Remaining = (result, Kind) switch
        {
            (SubscriptionResult.Accept, TemplateKind.OneTime) => Remaining + 1,
            (SubscriptionResult.Accept, TemplateKind.LongTerm) => null,
            (SubscriptionResult.Reject, TemplateKind.LongTerm) => 0,
            _ => Remaining,
        };
    }
}
