using System.Text.Json;
using Backend.Domain.Messages;

namespace Backend.Platform.Outbox;

/// <summary>One message for one handler. Claimed with SKIP LOCKED, at least once; done rows stay until the retention job, parked ones are alarmed (RL05).</summary>
internal sealed class OutboxMessage
{
    public required Guid Id { get; init; }
    /// <summary>Fixed name with a version, e.g. <c>tier_changed.1</c>; never a .NET type name.</summary>
    public required string Kind { get; init; }
    public required string Handler { get; init; }
    public required string Payload { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset DueAt { get; set; }
    public int Attempts { get; set; }
    public DateTimeOffset? DoneAt { get; set; }
    public DateTimeOffset? ParkedAt { get; set; }
    /// <summary>Type of the last failure, without its text (PD05).</summary>
    public string? LastError { get; set; }
}

/// <summary>Handles one kind of message in a transaction of its own, as the worker. May run more than once: its effects carry unique keys.</summary>
internal interface IHandle<in T>
{
    Task HandleAsync(T message, Persistence.BackendDb db, CancellationToken cancellation);
}

/// <summary>Which messages exist, under which stored names, and who handles them.</summary>
internal sealed class OutboxCatalogue
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    private static readonly Dictionary<Type, string> Kinds = new()
    {
        [typeof(TierChanged)] = "tier_changed.1",
        [typeof(BatchFinished)] = "batch_finished.1",
    };

    private readonly Dictionary<Type, List<Type>> _handlers = [];

    /// <summary>Names a handler of a message; a feature does it once at start.</summary>
    public OutboxCatalogue Handle<TMessage, THandler>() where THandler : class, IHandle<TMessage>
    {
        if (!_handlers.TryGetValue(typeof(TMessage), out var list)) _handlers[typeof(TMessage)] = list = [];
        list.Add(typeof(THandler));
        return this;
    }

    public IEnumerable<OutboxMessage> Rows(object message, DateTimeOffset now)
    {
        var payload = JsonSerializer.Serialize(message, message.GetType(), Json);
        return _handlers.GetValueOrDefault(message.GetType(), []).Select(handler => new OutboxMessage
        {
            Id = Guid.CreateVersion7(now),
            Kind = Kinds[message.GetType()],
            Handler = handler.Name,
            Payload = payload,
            CreatedAt = now,
            DueAt = now,
        });
    }

    /// <summary>The message and the handler's type of a stored row; null when this version does not know them (an older one runs beside a newer).</summary>
    public (object Message, Type MessageType, Type Handler)? Read(OutboxMessage row)
    {
        var type = Kinds.FirstOrDefault(k => k.Value == row.Kind).Key;
        var handler = type is null ? null : _handlers.GetValueOrDefault(type, []).Find(h => h.Name == row.Handler);
        return type is null || handler is null ? null : (JsonSerializer.Deserialize(row.Payload, type, Json)!, type, handler);
    }
}

/// <summary>Wakes the local dispatchers after a commit. A hint: the sweep is the truth.</summary>
internal sealed class OutboxSignal
{
    private volatile TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Set() => Interlocked.Exchange(ref _next, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    /// <summary>Take it before looking for work, await it after: a signal in between is not lost.</summary>
    public Task Next => _next.Task;
}
