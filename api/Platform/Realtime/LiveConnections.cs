using System.Globalization;
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

    /// <summary>Which part of its large groups it is in.</summary>
    public int Part { get; set; }

    /// <summary>The last rights that were found to mean this reach; see <see cref="ReachWatch"/>.</summary>
    public Rights Rights { get; set; } = rights;
}

/// <summary>The open connections of this replica: who is here, in which groups, and how to close them. A group is told in parts (<see cref="LivePush"/>).</summary>
internal sealed class LiveConnections(IOptions<RealtimeOptions> options)
{
    /// <summary>Of each group at most; 5,000 connections make about 80 a part.</summary>
    private const int MostParts = 64;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, LiveConnection> _connections = [];
    private readonly Dictionary<Guid, int> _accounts = [];
    private readonly Dictionary<string, int[]> _groups = [];
    private int _next;
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
        // Who it is has been found out; the request lives as long as its connection, and its credentials need not.
        http.Request.Headers.Authorization = default;
        http.Request.Headers.Cookie = default;
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
            connection.Part = _next = (_next + 1) % MostParts;
            Add(_accounts, connection.Reach.AccountId, 1);
            foreach (var group in connection.Reach.Groups())
            {
                if (!_groups.TryGetValue(group, out var parts)) _groups[group] = parts = new int[HubGroups.IsLarge(group) ? MostParts : 1];
                parts[PartOf(group, connection)]++;
            }

            return true;
        }
    }

    public void Remove(string connectionId)
    {
        lock (_lock)
        {
            if (!_connections.Remove(connectionId, out var connection)) return;
            Add(_accounts, connection.Reach.AccountId, -1);
            foreach (var group in connection.Reach.Groups())
            {
                var parts = _groups[group];
                parts[PartOf(group, connection)]--;
                if (Array.TrueForAll(parts, n => n == 0)) _groups.Remove(group);
            }
        }
    }

    /// <summary>Whether anybody here would hear it: nothing is serialised for nobody.</summary>
    public bool Hears(string group)
    {
        lock (_lock) return _groups.ContainsKey(group);
    }

    /// <summary>The parts of a group in which somebody is, by their names on the hub.</summary>
    public IReadOnlyList<string> PartsOf(string group)
    {
        lock (_lock)
            return _groups.TryGetValue(group, out var parts) ? [.. parts.Index().Where(p => p.Item > 0).Select(p => NameOf(group, p.Index))] : [];
    }

    /// <summary>The groups of a connection, by their names on the hub.</summary>
    public static IEnumerable<string> GroupsOf(LiveConnection connection) => connection.Reach.Groups().Select(group => NameOf(group, PartOf(group, connection)));

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

    private static string NameOf(string group, int part) => string.Create(CultureInfo.InvariantCulture, $"{group}/{part}");

    /// <summary>An account's and a household's groups are small: each group of the hub has its price in memory.</summary>
    private static int PartOf(string group, LiveConnection connection) => HubGroups.IsLarge(group) ? connection.Part : 0;

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
