using System.Diagnostics;
using System.Text.Json.Serialization;
using Backend.Domain.Tiers;
using Backend.Platform.Outbox;
using Backend.Platform.Persistence;
using Backend.Platform.Walls;
using Npgsql;

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
    Guid Id, Tier Tier, TierState? State, string Version,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool Removed = false);

/// <summary><c>resync</c>: there may be changes on this root that no message told; ask the change feed. Sent on connecting, and when too much has changed to say it all.</summary>
internal sealed record Resync(Guid Root);

/// <summary><c>hallChanged</c>: the counts of a public hall's wall are others now. A function of the counts alone (B-15).</summary>
internal sealed record HallChanged(string Version);

/// <summary>
/// Pushes changed tiles to the connections of this replica, from the walls in memory, which follow the append-only tile history: after a wake-up they
/// catch up, and each root's changes since its last push are sent, whole and in version order. So every replica pushes the same, in order, without a
/// gap, and none depends on which of them handled a message (docs/adr/008-wall-feed-from-the-history.md).
/// </summary>
internal sealed class WallFeed(
    WallMemory memory, OutboxSignal signal, LiveConnections connections, GridMap map, LivePush push, TimeProvider clock, ILogger<WallFeed> log)
    : BackgroundService
{
    public const string TilesChangedMessage = "tilesChanged", ResyncMessage = "resync", HallChangedMessage = "hallChanged";

    /// <summary>More changes of one root in one push than this are not worth their bytes: the client reloads.</summary>
    private const int MostTiles = 1_000;
    private static readonly TimeSpan Sweep = TimeSpan.FromSeconds(1);
    /// <summary>A burst becomes one message; a single change waits for nothing. The pause is as long as the push took, so that pushing leaves half the time to others.</summary>
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(50), LongestPause = TimeSpan.FromMilliseconds(100);

    private readonly SemaphoreSlim _pass = new(1);
    private Dictionary<Guid, long>? _pushed;
    private Dictionary<string, string> _halls = [];

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
                var began = Stopwatch.GetTimestamp();
                var changes = await PushAsync(stoppingToken);
                var took = Stopwatch.GetElapsedTime(began);
                if (changes > 0) await Task.Delay(took < ShortestPause ? ShortestPause : took < LongestPause ? took : LongestPause, stoppingToken);
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
        var walls = await memory.CatchUpAsync(cancellation);
        var epoch = memory.Epoch!;
        var behind = _pushed is null || connections.Count == 0 ? [] : walls.Where(w => !_pushed.TryGetValue(w.Root, out var pushed) || w.Version > pushed).ToList();
        var pushed = 0;
        if (behind.Count > 0)
        {
            var grid = await map.ReadAsync(cancellation, [.. behind.SelectMany(w => Gained(w)?.Select(c => c.Tile.Node) ?? []).Distinct()]);
            foreach (var wall in behind)
            {
                if (Gained(wall) is { } changes) await SayTilesAsync(grid, wall, changes, epoch);
                else await SayResyncAsync(grid, wall.Root);
                pushed += Gained(wall)?.Length ?? 1;
            }
        }

        _pushed = walls.ToDictionary(w => w.Root, w => w.Version);
        await SayHallsAsync(cancellation);
        return pushed;
    }

    /// <summary>Households by tier at or below a node, as this replica's memory has them; null when there is no such node.</summary>
    public async ValueTask<TierCount?> CountsAsync(Guid node, CancellationToken cancellation)
    {
        var grid = await map.ReadAsync(cancellation);
        if (grid.Find(node) is not { } place) return null;
        var now = await memory.ReadAsync(grid.RootsOf(place), null, cancellation);
        return now.Walls.Aggregate(default(TierCount), (sum, wall) => sum + wall.Counts);
    }

    private async Task SayHallsAsync(CancellationToken cancellation)
    {
        var said = new Dictionary<string, string>();
        foreach (var group in connections.Groups().Where(g => g.StartsWith(HubGroups.HallPrefix, StringComparison.Ordinal)))
        {
            if (await CountsAsync(Guid.Parse(group.AsSpan(HubGroups.HallPrefix.Length)), cancellation) is not { } counts) continue;
            said[group] = counts.Version;
            if (_halls.GetValueOrDefault(group) != counts.Version) await push.TellAsync(group, HallChangedMessage, new HallChanged(counts.Version));
        }

        _halls = said;
    }

    /// <summary>What a wall has gained since the last push; null when that is not known, or more than a message should hold.</summary>
    private WallChange[]? Gained(RootWall wall)
    {
        // A root that is new to this replica has gained what it was seen to gain.
        var from = _pushed!.GetValueOrDefault(wall.Root, wall.Changes.Start);
        if (from < wall.Changes.Start) return null;
        var changes = wall.Changes.After(from);
        return changes.Length is 0 or > MostTiles ? null : changes.ToArray();
    }

    private async Task SayTilesAsync(GridSnapshot grid, RootWall wall, WallChange[] changes, string epoch)
    {
        var messages = new Dictionary<string, List<ChangedTile>>();
        foreach (var change in changes)
        {
            var tile = new ChangedTile(change.Tile.Id, change.Tile.Tier, change.Tile.State, Text(epoch, change.Version), change.Removed);
            foreach (var group in grid.Upwards(change.Tile.Node, change.Tile.NodePath).Select(n => HubGroups.Node(n.Id)).Append(HubGroups.Household(tile.Id)))
            {
                if (!connections.Hears(group)) continue;
                if (!messages.TryGetValue(group, out var tiles)) messages[group] = tiles = [];
                tiles.Add(tile);
            }
        }

        foreach (var (group, tiles) in messages) await push.TellAsync(group, TilesChangedMessage, new TilesChanged(wall.Root, Text(epoch, wall.Version), tiles));
    }

    private async Task SayResyncAsync(GridSnapshot grid, Guid root)
    {
        // Which root a single household is under is not known here; reloading a short list for nothing does no harm.
        var groups = grid.Upwards(root).Union(grid.Subtree(grid.Find(root)!)).Select(n => HubGroups.Node(n.Id)).Where(connections.Hears)
            .Concat(connections.Groups().Where(g => g.StartsWith("household:", StringComparison.Ordinal)));
        foreach (var group in groups.ToList()) await push.TellAsync(group, ResyncMessage, new Resync(root));
    }

    private static string Text(string epoch, long version) => new WallVersion(epoch, [version]).ToString();
}
