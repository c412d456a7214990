using Backend.Domain.Tiers;

namespace Backend.Domain.Notices;

/// <summary>预警: call to act on one household, exactly one per tier rise, open until acknowledged .</summary>
internal sealed class Alarm
{
    public required Guid Id { get; init; }
    public required Guid TierChangeId { get; init; }
    public required Guid HouseholdId { get; init; }
    public required string NodePath { get; init; }
    public required Tier Tier { get; init; }
    public required DateTimeOffset OpenedAt { get; init; }
    public DateTimeOffset? AcknowledgedAt { get; private set; }
    public Guid? AcknowledgedBy { get; private set; }
    /// <summary>Set by the acknowledgement: the visit is due 24 hours later.</summary>
    public DateTimeOffset? VisitBy { get; private set; }

    /// <summary>"I take it", for everybody. The first one stands; a later one changes nothing and answers false.</summary>
    public bool Acknowledge(Guid account, DateTimeOffset now)
    {
        if (AcknowledgedAt is not null) return false;
        (AcknowledgedAt, AcknowledgedBy, VisitBy) = (now, account, now.AddHours(24));
        return true;
    }
}

/// <summary>事由: what a notice is about.</summary>
public enum CauseKind
{
    TierChange,
    Batch,
    /// <summary>It lists no alarm: there is nothing to take on.</summary>
    EmergencyAccess,
}

/// <summary>通知: the in-app message, exactly one per account and cause (RL06).</summary>
internal sealed class Notice
{
    public required Guid Id { get; init; }
    public required Guid AccountId { get; init; }
    public required CauseKind CauseKind { get; init; }
    public required Guid CauseId { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? ReadAt { get; set; }
}

/// <summary>One alarm that a notice lists.</summary>
internal sealed class NoticeAlarm
{
    public required Guid NoticeId { get; init; }
    public required Guid AlarmId { get; init; }
    public required Guid AccountId { get; init; }
}

public enum Channel
{
    Live,
    EmploymentMessage,
    SubscribeMessage,
    Sms,
    CallList,
}

public enum DeliveryState
{
    Waiting,
    Sending,
    Sent,
    Uncertain,
    Failed,
    Stopped,
    Parked,
}

/// <summary>投递: a notice over one channel at one step; unique on (cause, step, account, channel).</summary>
internal sealed class Delivery
{
    public required Guid Id { get; init; }
    public required Guid NoticeId { get; init; }
    public required Guid AccountId { get; init; }
    public required Guid CauseId { get; init; }
    public required int Step { get; init; }
    public required Channel Channel { get; init; }
    public required DeliveryState State { get; set; }
    public required DateTimeOffset DueAt { get; set; }
    public int Attempts { get; set; }
    /// <summary>How often it was sent although an earlier outcome was unknown; at most 1 (RL06).</summary>
    public int Repeats { get; set; }
    public DateTimeOffset CreatedAt { get; init; }
    public string? LastOutcome { get; set; }
}

/// <summary>发送尝试: append-only. One row before the call (no outcome), one after it with the outcome.</summary>
internal sealed class DeliveryAttempt
{
    public required Guid Id { get; init; }
    public required Guid DeliveryId { get; init; }
    public required Guid AccountId { get; init; }
    public required int Number { get; init; }
    public required DateTimeOffset At { get; init; }
    /// <summary>Null: the call is about to be made. Else the class of the outcome.</summary>
    public string? Outcome { get; init; }
    public int? ErrorCode { get; init; }
}
