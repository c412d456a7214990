using Backend.Domain.Messages;
using Backend.Features.Notices;
using Backend.Platform.Outbox;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Backend.Tests.Support;

/// <summary>
/// One replica's background work without HTTP: dispatcher, pump and wake-ups over a test database, with a clock that stands still. Nothing runs until
/// a test drains it, or starts it.
/// </summary>
internal sealed class Replica : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    public Replica(PostgresDatabase database, FakeTimeProvider clock, IReadOnlyList<IMessageChannel> channels, Action<OutboxCatalogue>? handlers = null,
        Action<IServiceCollection>? more = null)
    {
        Clock = clock;
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(database.Settings()).Build();
        var services = new ServiceCollection();
        services.AddLogging(l => l.AddProvider(Log).AddProvider(WholeLog.Run).SetMinimumLevel(LogLevel.Debug));
        services.AddSingleton<TimeProvider>(clock);
        services.AddSingleton(new Vault(PostgresFixture.Secrets.Vault));
        services.AddPersistence(configuration);
        services.AddOutbox(configuration, catalogue =>
        {
            catalogue.Handle<TierChanged, AlarmLeaders>().Handle<BatchFinished, TellBatch>();
            handlers?.Invoke(catalogue);
        });
        services.RemoveAll<IMessageChannel>();
        foreach (var channel in channels) services.AddSingleton(channel);
        more?.Invoke(services);
        _services = services.BuildServiceProvider();
    }

    public FakeTimeProvider Clock { get; }

    public LogLines Log { get; } = new();

    public OutboxDispatcher Dispatcher => Get<OutboxDispatcher>();

    public DeliveryPump Pump => Get<DeliveryPump>();

    public OutboxSignal Signal => Get<OutboxSignal>();

    public T Get<T>() where T : notnull => _services.GetRequiredService<T>();

    public BackendDb Worker() => Get<BackendDbFactory>().ForWorker();

    /// <summary>Until the outbox and the deliveries are quiet.</summary>
    public async Task DrainAsync()
    {
        while (await Dispatcher.DrainAsync(CancellationToken.None) + await Pump.DrainAsync(CancellationToken.None) > 0) { }
    }

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}

/// <summary>Keeps every log line for assertions: operator alarms, and that nothing personal stands in one (PD05).</summary>
internal sealed class LogLines : ILoggerProvider
{
    private readonly System.Collections.Concurrent.ConcurrentQueue<(LogLevel Level, string Text)> _lines = new();

    public IReadOnlyCollection<(LogLevel Level, string Text)> All => _lines;

    public IReadOnlyList<string> OperatorAlarms => [.. _lines.Where(l => l.Level == LogLevel.Critical).Select(l => l.Text)];

    public ILogger CreateLogger(string categoryName) => new Line(this);

    public void Dispose() { }

    private sealed class Line(LogLines lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines._lines.Enqueue((logLevel, $"{formatter(state, exception)} {exception}"));
    }
}
