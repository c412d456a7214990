using System.Text.Json.Serialization;
using Backend.Platform.Outbox;
using Backend.Platform.Persistence;
using Microsoft.AspNetCore.SignalR;
using Npgsql;
using NpgsqlTypes;

namespace Backend.Platform.Realtime;

/// <summary><c>tilesChanged</c>: what changed on a wall root, in version order. A hint to paint at once; the change feed settles.</summary>
/// <param name="Root">The wall root.</param>
/// <param name="Version">The root's version <c>{epoch}.{n}</c> up to which this connection has been told.</param>
/// <param name="Tiles">One entry a recorded change, those alone that the receiver may see.</param>
internal sealed record TilesChanged(Guid Root, string Version, IReadOnlyList<ChangedTile> Tiles);

/// <param name="Id">The household.</param>
/// <param name="Tier">Snake case, as everywhere.</param>
/// <param name="State">Null but on red, and <c>unassessed</c> on such a yellow.</param>
/// <param name="Version">The version of this change.</param>
/// <param name="Removed">True when the household left this wall; else absent.</param>
internal sealed record ChangedTile(
    Guid Id, string Tier, string? State, string Version,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool Removed = false);

/// <summary><c>resync</c>: there may be changes on this root that no message told; ask the change feed. Sent on connecting, and when too much has changed to say it all.</summary>
internal sealed record Resync(Guid Root);

/// <summary>
/// Pushes changed tiles to the connections of this replica, from the append-only tile history: after a wake-up it reads what each wall root has
/// gained since its last push, whole and in version order. So every replica pushes the same, in order, without a gap, and none depends on
/// which of them handled a message (docs/adr/008-wall-feed-from-the-history.md).
/// </summary>
internal sealed class WallFeed(
    WorkerDataSource worker, OutboxSignal signal, LiveConnections connections, GridMap map, IHubContext<LiveHub> hub, TimeProvider clock, ILogger<WallFeed> log)
    : BackgroundService
{
    public const string TilesChangedMessage = "tilesChanged", ResyncMessage = "resync";

    /// <summary>More changes of one root in one push than this are not worth their bytes: the client reloads.</summary>
    private const int MostTiles = 1_000;
    private static readonly TimeSpan Sweep = TimeSpan.FromSeconds(1);
    /// <summary>A burst becomes one message; a single change waits for nothing.</summary>
    private static readonly TimeSpan Burst = TimeSpan.FromMilliseconds(25);

    private const string ReadRoots = $"select node_id, version from wall_roots; select value from settings where key = '{WallVersion.EpochSetting}'";

    private const string ReadChanges = """
        select c.root_id, c.version, c.household_id, c.node_id, c.tier, c.state, c.removed
        from unnest(@roots, @after, @until) as p(root_id, after, until)
        cross join lateral (
            select * from tile_changes t where t.root_id = p.root_id and t.version > p.after and t.version <= p.until
            order by t.version, t.household_id limit @most) c
        order by c.root_id, c.version, c.removed desc, c.household_id
        """;

    private readonly SemaphoreSlim _pass = new(1);
    private Dictionary<Guid, long>? _pushed;

    private sealed record Change(Guid Root, long Version, Guid Household, Guid Node, string Tier, string? State, bool Removed);

    /// <summary>Before the first connection: everything up to here is in what the clients load.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await PushAsync(cancellationToken);
        }
        catch (NpgsqlException exception)
        {
            log.LogWarning("The walls could not be read at start: {Error}.", exception.GetType().Name);
        }

        await base.StartAsync(cancellationToken);
    }

    /// <summary>Pushes all that was committed before the call and not pushed yet; gives the number of changes.</summary>
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
                var changes = await PushAsync(stoppingToken);
                if (changes > 0) await Task.Delay(Burst, stoppingToken);
                await Task.WhenAny(next, Task.Delay(Sweep, clock, stoppingToken));
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                log.LogWarning("The tile history could not be read: {Error}.", exception.GetType().Name);
                await Task.WhenAny(Task.Delay(Sweep, clock, stoppingToken));
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task<int> PushOnceAsync(CancellationToken cancellation)
    {
        var (versions, epoch) = await ReadRootsAsync(cancellation);
        if (_pushed is null)
        {
            _pushed = versions;
            return 0;
        }

        // A root that is new to this replica starts with nothing pushed.
        var behind = versions.Where(v => v.Value > _pushed.GetValueOrDefault(v.Key)).ToList();
        if (behind.Count == 0) return 0;
        if (connections.Count == 0)
        {
            _pushed = versions;
            return 0;
        }

        var changes = await ReadChangesAsync(behind, _pushed, cancellation);
        var grid = await map.ReadAsync(cancellation, [.. changes.Select(c => c.Node).Distinct()]);
        var byRoot = changes.ToLookup(c => c.Root);
        foreach (var (root, version) in behind)
        {
            var ofRoot = byRoot[root].ToList();
            if (ofRoot.Count > MostTiles) SayResync(grid, root);
            else SayTiles(grid, root, version, ofRoot, epoch);
            _pushed[root] = version;
        }

        return changes.Count;
    }

    private void SayTiles(GridSnapshot grid, Guid root, long version, List<Change> changes, string epoch)
    {
        var messages = new Dictionary<string, List<ChangedTile>>();
        foreach (var change in changes)
        {
            var tile = new ChangedTile(change.Household, change.Tier, change.State, Text(epoch, change.Version), change.Removed);
            foreach (var group in grid.Upwards(change.Node).Select(n => HubGroups.Node(n.Id)).Append(HubGroups.Household(change.Household)))
            {
                if (!connections.Hears(group)) continue;
                if (!messages.TryGetValue(group, out var tiles)) messages[group] = tiles = [];
                tiles.Add(tile);
            }
        }

        foreach (var (group, tiles) in messages) Say(group, TilesChangedMessage, new TilesChanged(root, Text(epoch, version), tiles));
    }

    private void SayResync(GridSnapshot grid, Guid root)
    {
        // Which root a single household is under is not known here; reloading a short list for nothing does no harm.
        var groups = grid.Upwards(root).Union(grid.Subtree(grid.Find(root)!)).Select(n => HubGroups.Node(n.Id)).Where(connections.Hears)
            .Concat(connections.Groups().Where(g => g.StartsWith("household:", StringComparison.Ordinal)));
        foreach (var group in groups) Say(group, ResyncMessage, new Resync(root));
    }

    private static string Text(string epoch, long version) => new WallVersion(epoch, [version]).ToString();

    /// <summary>Not awaited: a slow reader holds up nobody else. Its own messages keep their order, and after <see cref="RealtimeOptions.SendLimit"/> it is cut (RL08).</summary>
    private void Say(string group, string message, object content) =>
        hub.Clients.Group(group).SendAsync(message, content, CancellationToken.None).ContinueWith(
            t => log.LogWarning("A push failed: {Error}.", t.Exception!.InnerException?.GetType().Name),
            CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);

    private async Task<(Dictionary<Guid, long> Versions, string Epoch)> ReadRootsAsync(CancellationToken cancellation)
    {
        await using var command = worker.Source.CreateCommand(ReadRoots);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var versions = new Dictionary<Guid, long>();
        while (await reader.ReadAsync(cancellation)) versions[reader.GetGuid(0)] = reader.GetInt64(1);
        await reader.NextResultAsync(cancellation);
        await reader.ReadAsync(cancellation);
        return (versions, reader.GetString(0));
    }

    private async Task<List<Change>> ReadChangesAsync(
        List<KeyValuePair<Guid, long>> behind, Dictionary<Guid, long> pushed, CancellationToken cancellation)
    {
        await using var command = worker.Source.CreateCommand(ReadChanges);
        command.Parameters.Add(new NpgsqlParameter("roots", NpgsqlDbType.Array | NpgsqlDbType.Uuid) { Value = behind.Select(b => b.Key).ToArray() });
        command.Parameters.Add(new NpgsqlParameter("after", NpgsqlDbType.Array | NpgsqlDbType.Bigint) { Value = behind.Select(b => pushed.GetValueOrDefault(b.Key)).ToArray() });
        command.Parameters.Add(new NpgsqlParameter("until", NpgsqlDbType.Array | NpgsqlDbType.Bigint) { Value = behind.Select(b => b.Value).ToArray() });
        command.Parameters.Add(new NpgsqlParameter("most", NpgsqlDbType.Integer) { Value = MostTiles + 1 });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var changes = new List<Change>();
        while (await reader.ReadAsync(cancellation))
            changes.Add(new Change(reader.GetGuid(0), reader.GetInt64(1), reader.GetGuid(2), reader.GetGuid(3), reader.GetString(4),
                reader.IsDBNull(5) ? null : reader.GetString(5), reader.GetBoolean(6)));
        return changes;
    }
}
