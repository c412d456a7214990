using Npgsql;

namespace Backend.Platform.Outbox;

/// <summary>
/// Tells the other replicas that something was committed, and hears it from them: one empty NOTIFY at most every 20 ms, after the commits and on a
/// connection of its own. Inside the writers' transactions it would serialise their commits (kernel.md section 6). A hint: deaf, it costs a second
/// (the sweeps), never a message.
/// </summary>
/// <param name="connectionString">A direct connection: LISTEN does not pass a transaction pooler.</param>
/// <param name="signal">What it wakes here.</param>
/// <param name="log">Says when it is deaf.</param>
internal sealed class WakeUps(string connectionString, OutboxSignal signal, ILogger<WakeUps> log) : BackgroundService
{
    public const string Channel = "backend_wake";

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20), Reconnect = TimeSpan.FromSeconds(1);

    // What it sends comes back to it and is no news.
    private int _own;

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(KeepAsync(TellAsync, stoppingToken), KeepAsync(HearAsync, stoppingToken));

    private async Task TellAsync(NpgsqlConnection connection, CancellationToken stopping)
    {
        Volatile.Write(ref _own, connection.ProcessID);
        await using var notify = new NpgsqlCommand($"notify {Channel}", connection);
        var next = signal.NextLocal;
        while (true)
        {
            await next.WaitAsync(stopping);
            // A commit from here on is told with the next one, after the pause.
            next = signal.NextLocal;
            await notify.ExecuteNonQueryAsync(stopping);
            await Task.Delay(Pause, stopping);
        }
    }

    private async Task HearAsync(NpgsqlConnection connection, CancellationToken stopping)
    {
        connection.Notification += (_, notification) =>
        {
            if (notification.PID != Volatile.Read(ref _own)) signal.Wake();
        };
        await using (var listen = new NpgsqlCommand($"listen {Channel}", connection)) await listen.ExecuteNonQueryAsync(stopping);
        // What was committed before it could hear.
        signal.Wake();
        while (true) await connection.WaitAsync(stopping);
    }

    private async Task KeepAsync(Func<NpgsqlConnection, CancellationToken, Task> use, CancellationToken stopping)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            Pooling = false,
            KeepAlive = 10,
            ApplicationName = "backend-wake",
            Timeout = 5,
            CommandTimeout = 5,
            // A NOTIFY is a commit; a hint need not wait for the disk.
            Options = "-c synchronous_commit=off -c statement_timeout=5s",
        };
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await using var connection = new NpgsqlConnection(settings.ConnectionString);
                await connection.OpenAsync(stopping);
                await use(connection, stopping);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                log.LogWarning("The wake-up connection was lost: {Error}. The sweeps go on.", exception.GetType().Name);
                await Task.WhenAny(Task.Delay(Reconnect, stopping));
            }
        }
    }
}
