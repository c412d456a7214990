namespace Backend.Platform.Outbox;

/// <summary>运维告警: technical trouble that a person must look at, as a log line of its own level. Names a kind and an id, nothing else (PD05).</summary>
internal static partial class OperatorAlarms
{
    [LoggerMessage(EventId = 900, EventName = "OperatorAlarm", Level = LogLevel.Critical, Message = "Operator alarm {Kind}: {Id}")]
    public static partial void OperatorAlarm(this ILogger logger, string kind, Guid id);
}
