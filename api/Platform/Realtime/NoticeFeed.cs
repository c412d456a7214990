using Backend.Platform.Outbox;
using Backend.Platform.Persistence;
using Npgsql;
using NpgsqlTypes;

namespace Backend.Platform.Realtime;

/// <summary><c>noticeArrived</c>: a notice of the receiver's own; she fetches it with <c>GET /notices</c>.</summary>
internal sealed record NoticeArrived(Guid Id);

/// <summary>
/// Says <c>noticeArrived</c> to the accounts that are connected to this replica, for live deliveries that the pump of any replica has sent. It looks
/// a few minutes back and remembers what it has said, so a late commit is not missed and nothing is said twice on a connection's replica.
/// </summary>
internal sealed class NoticeFeed(
    WorkerDataSource worker, OutboxSignal signal, LiveConnections connections, LivePush push, TimeProvider clock, ILogger<NoticeFeed> log)
    : BackgroundService
{
    public const string Message = "noticeArrived";

    private static readonly TimeSpan Sweep = TimeSpan.FromSeconds(1), LookBack = TimeSpan.FromMinutes(5), Burst = TimeSpan.FromMilliseconds(50);

    private const string Read = """
        select id, notice_id, account_id from deliveries
        where channel = 'live' and state = 'sent' and account_id = any(@accounts) and created_at > @since
        order by created_at, id
        """;

    private readonly SemaphoreSlim _pass = new(1);
    private readonly Dictionary<Guid, DateTimeOffset> _said = [];

    /// <summary>Says what was sent before the call and not said yet; gives how many.</summary>
    public async Task<int> PushAsync(CancellationToken cancellation)
    {
        await _pass.WaitAsync(cancellation);
        try
        {
            return await PushOnceAsync(cancellation);
        }
        finally
        {
            _pass.Release();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var next = signal.Next;
            try
            {
                // A burst of commits is one question; a single one waits for nothing.
                if (await PushAsync(stoppingToken) > 0) await Task.Delay(Burst, stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                log.LogWarning("New notices could not be read: {Error}.", exception.GetType().Name);
                next = Task.Delay(Timeout.InfiniteTimeSpan, stoppingToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            await Task.WhenAny(next, Task.Delay(Sweep, clock, stoppingToken));
        }
    }

    private async Task<int> PushOnceAsync(CancellationToken cancellation)
    {
        var accounts = connections.Accounts();
        if (accounts.Length == 0) return 0;
        var now = clock.GetUtcNow();
        foreach (var old in _said.Where(s => s.Value < now - 2 * LookBack).Select(s => s.Key).ToList()) _said.Remove(old);

        var arrived = new List<(Guid Account, Guid Notice)>();
        await using (var command = worker.Source.CreateCommand(Read))
        {
            command.Parameters.Add(new NpgsqlParameter("accounts", NpgsqlDbType.Array | NpgsqlDbType.Uuid) { Value = accounts });
            command.Parameters.Add(new NpgsqlParameter("since", NpgsqlDbType.TimestampTz) { Value = now - LookBack });
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            while (await reader.ReadAsync(cancellation))
                if (_said.TryAdd(reader.GetGuid(0), now)) arrived.Add((reader.GetGuid(2), reader.GetGuid(1)));
        }

        // Only now: telling gives way to others, and keeps no connection meanwhile.
        foreach (var (account, notice) in arrived) await push.TellAsync(HubGroups.Account(account), Message, new NoticeArrived(notice));
        return arrived.Count;
    }
}
