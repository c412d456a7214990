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
        [typeof(EmergencyAccessOpened)] = "emergency_access_opened.1",
    };

    private readonly Dictionary<(string Kind, string Handler), Run> _handlers = [];

    private delegate Task Run(string payload, IServiceProvider services, Persistence.BackendDb db, CancellationToken cancellation);

    /// <summary>Kind and handler of every row that this version can handle; it leaves the others to the version that can.</summary>
    public IReadOnlyCollection<(string Kind, string Handler)> Known => _handlers.Keys;

    /// <summary>Names a handler of a message; a feature does it once at start. The handler's class name is stored with each row.</summary>
    public OutboxCatalogue Handle<TMessage, THandler>() where THandler : class, IHandle<TMessage>
    {
        _handlers.Add((Kinds[typeof(TMessage)], typeof(THandler).Name), (payload, services, db, cancellation) =>
            ActivatorUtilities.GetServiceOrCreateInstance<THandler>(services)
                .HandleAsync(JsonSerializer.Deserialize<TMessage>(payload, Json)!, db, cancellation));
        return this;
    }

    /// <summary>The rows of a message: one for each of its handlers.</summary>
    public IEnumerable<OutboxMessage> Rows(object message, DateTimeOffset now)
    {
        var kind = Kinds[message.GetType()];
        var payload = JsonSerializer.Serialize(message, message.GetType(), Json);
        return _handlers.Keys.Where(h => h.Kind == kind).Select(h => new OutboxMessage
        {
            Id = Guid.CreateVersion7(now),
            Kind = kind,
            Handler = h.Handler,
            Payload = payload,
            CreatedAt = now,
            DueAt = now,
        });
    }

    /// <summary>Runs the handler of a stored row. Only for rows of <see cref="Known"/>.</summary>
    public Task RunAsync(OutboxMessage row, IServiceProvider services, Persistence.BackendDb db, CancellationToken cancellation) =>
        _handlers[(row.Kind, row.Handler)](row.Payload, services, db, cancellation);
}
