using Backend.Platform.Security;
using Microsoft.AspNetCore.SignalR;
using Microsoft.Extensions.Options;

namespace Backend.Platform.Realtime;

internal sealed class RealtimeOptions
{
    /// <summary>Open connections of one account on one replica; the next one is refused (RL08).</summary>
    public int ConnectionsPerAccount { get; set; } = 5;

    /// <summary>How long one write to a client may take before it is cut (RL08: 15 s at most).</summary>
    public TimeSpan SendLimit { get; set; } = TimeSpan.FromSeconds(10);
}

/// <summary>One open connection of this replica.</summary>
/// <param name="context">The way to close it.</param>
/// <param name="reach">What it may hear; fixed for its life.</param>
/// <param name="rights">The rights behind that reach.</param>
/// <param name="until">When the token it came with ends, and with it the connection (RL08); the end of time for a ticket, which lasts as long as its session.</param>
internal sealed class LiveConnection(HubCallerContext context, HubReach reach, Rights rights, DateTimeOffset until)
{
    public HubCallerContext Context => context;

    public HubReach Reach => reach;

    public DateTimeOffset Until => until;

    /// <summary>The last rights that were found to mean this reach; see <see cref="ReachWatch"/>.</summary>
    public Rights Rights { get; set; } = rights;
}

/// <summary>The open connections of this replica: who is here, in which groups, and how to close them.</summary>
internal sealed class LiveConnections(IOptions<RealtimeOptions> options)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, LiveConnection> _connections = [];
    private readonly Dictionary<Guid, int> _accounts = [];
    private readonly Dictionary<string, int> _groups = [];
    private int _open;

    /// <summary>Requests to the hub that have not ended: the connections, and those whose rights are still being read.</summary>
    public int Open => Volatile.Read(ref _open);

    public int Count
    {
        get
        {
            lock (_lock) return _connections.Count;
        }
    }

    /// <summary>Serves one request to the hub, for as long as its connection lasts.</summary>
    public async Task ServeAsync(HttpContext http, RequestDelegate hub)
    {
        Interlocked.Increment(ref _open);
        try
        {
            await hub(http);
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    }

    /// <summary>False when the account has as many as it may have.</summary>
    public bool TryAdd(LiveConnection connection)
    {
        lock (_lock)
        {
            if (_accounts.GetValueOrDefault(connection.Reach.AccountId) >= options.Value.ConnectionsPerAccount) return false;
            if (!_connections.TryAdd(connection.Context.ConnectionId, connection)) return false;
            Add(_accounts, connection.Reach.AccountId, 1);
            foreach (var group in connection.Reach.Groups()) Add(_groups, group, 1);
            return true;
        }
    }

    public void Remove(string connectionId)
    {
        lock (_lock)
        {
            if (!_connections.Remove(connectionId, out var connection)) return;
            Add(_accounts, connection.Reach.AccountId, -1);
            foreach (var group in connection.Reach.Groups()) Add(_groups, group, -1);
        }
    }

    /// <summary>Whether anybody here would hear it: nothing is serialised for nobody.</summary>
    public bool Hears(string group)
    {
        lock (_lock) return _groups.ContainsKey(group);
    }

    public IReadOnlyList<LiveConnection> All()
    {
        lock (_lock) return [.. _connections.Values];
    }

    public IReadOnlyList<string> Groups()
    {
        lock (_lock) return [.. _groups.Keys];
    }

    /// <summary>Accounts whose own messages can be heard here. A display hears none.</summary>
    public Guid[] Accounts()
    {
        lock (_lock) return [.. _connections.Values.Where(c => c.Reach.DisplayNodeId is null).Select(c => c.Reach.AccountId).Distinct()];
    }

    /// <summary>Closes every connection of an account: it has lost a right (AZ12). The client comes back and gets the groups of what is left.</summary>
    public void Drop(Guid accountId) => Drop(c => c.Reach.AccountId == accountId);

    /// <summary>Closes the connections of one ended session.</summary>
    public void DropSession(Guid sessionId) => Drop(c => c.Reach.SessionId == sessionId);

    private void Drop(Func<LiveConnection, bool> which)
    {
        // Outside the lock: closing runs the hub's own end of the connection, which comes back here.
        foreach (var connection in All().Where(which)) connection.Context.Abort();
    }

    private static void Add<T>(Dictionary<T, int> counts, T key, int by) where T : notnull
    {
        var count = counts.GetValueOrDefault(key) + by;
        if (count > 0) counts[key] = count;
        else counts.Remove(key);
    }
}
