using Backend.Platform.Persistence;
using Npgsql;
using NpgsqlTypes;

namespace Backend.Platform.Walls;

/// <summary>
/// Every wall of this replica in memory: read once, then kept up by what the append-only tile history has gained (docs/adr/010-ready-walls.md).
/// It holds only what all viewers of a wall may see: no name, phone or tag. Read by the worker role; who may see which wall is decided by whoever asks.
/// </summary>
internal sealed class WallMemory(WorkerDataSource worker, CommittedWallVersions committed, TimeProvider clock) : IDisposable
{
    /// <summary>Not older than this, also when nothing wakes it; the feed's sweep catches up once a second anyway.</summary>
    private static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(3);

    /// <summary>More than this at once is read as a new wall.</summary>
    private const int MostChanges = 5_000;

    private const string ReadRoots = $"select node_id, version, history_from from wall_roots; select value from settings where key = '{WallVersion.EpochSetting}'";

    // Tiles and version of one snapshot: a wall may never hold tiles newer than its version.
    private const string ReadWalls = """
        select r.node_id, r.version, r.history_from, t.household_id, t.node_id, t.node_path::text, t.door, t.tier, t.state, t.due_day, t.last_visit_day
        from wall_roots r left join tiles t on t.root_id = r.node_id
        where r.node_id = any(@roots) order by r.node_id
        """;

    private const string ReadChanges = """
        select c.root_id, c.version, c.removed, c.household_id, c.node_id, c.node_path::text, c.door, c.tier, c.state, c.due_day, c.last_visit_day
        from unnest(@roots, @after, @until) as p(root_id, after, until)
        join tile_changes c on c.root_id = p.root_id and c.version > p.after and c.version <= p.until
        order by c.root_id, c.version, c.removed desc, c.household_id
        """;

    private readonly Turns _pass = new();
    private long _passes;
    private volatile State? _state;

    /// <param name="Pass">The number of the pass that found it.</param>
    /// <param name="CaughtUp">When that pass began.</param>
    /// <param name="Epoch">The epoch of all versions.</param>
    /// <param name="Walls">By root.</param>
    private sealed record State(long Pass, long CaughtUp, string Epoch, Dictionary<Guid, RootWall> Walls);

    /// <summary>Whether a wall that was given out is still the newest that may be answered.</summary>
    public bool IsCurrent(RootWall wall) =>
        _state is { } state && IsFresh(state) && state.Walls.GetValueOrDefault(wall.Root) == wall && wall.Version >= committed.Of(wall.Root);

    /// <summary>The walls of these roots, caught up with when something newer is known to exist.</summary>
    /// <param name="roots">In id order. A root that does not exist is left out.</param>
    /// <param name="atLeast">Versions that somebody has seen on another replica; null for none.</param>
    /// <param name="cancellation">Cancels the waiting.</param>
    public ValueTask<WallsNow> ReadAsync(IReadOnlyList<Guid> roots, IReadOnlyList<long>? atLeast, CancellationToken cancellation) =>
        _state is { } state && IsFresh(state) && Of(state, roots, atLeast) is { } walls
            ? ValueTask.FromResult(walls)
            : new ValueTask<WallsNow>(ReadNewAsync(roots, cancellation));

    /// <summary>Takes in all that was committed before the call; gives all walls.</summary>
    public async Task<IReadOnlyCollection<RootWall>> CatchUpAsync(CancellationToken cancellation) =>
        (await _pass.TakeAsync(() => PassAsync(cancellation), cancellation)).Walls.Values;

    /// <summary>The epoch of the versions; null before the first pass.</summary>
    public string? Epoch => _state?.Epoch;

    public void Dispose() => _pass.Dispose();

    private bool IsFresh(State state) => clock.GetElapsedTime(state.CaughtUp) < MaxAge;

    private WallsNow? Of(State state, IReadOnlyList<Guid> roots, IReadOnlyList<long>? atLeast)
    {
        var walls = new RootWall[roots.Count];
        for (var i = 0; i < walls.Length; i++)
        {
            if (!state.Walls.TryGetValue(roots[i], out var wall) || wall.Version < committed.Of(wall.Root)) return null;
            if (atLeast is not null && i < atLeast.Count && wall.Version < atLeast[i]) return null;
            walls[i] = wall;
        }

        return new WallsNow(state.Epoch, walls);
    }

    private async Task<WallsNow> ReadNewAsync(IReadOnlyList<Guid> roots, CancellationToken cancellation)
    {
        var asked = Volatile.Read(ref _passes);
        // Of many who wait here the first catches up for all: a pass that began after one asked has what she asks for.
        var state = await _pass.TakeAsync(() => _state is { } last && last.Pass > asked ? Task.FromResult(last) : PassAsync(cancellation), cancellation);
        return new WallsNow(state.Epoch, [.. roots.Select(r => state.Walls.GetValueOrDefault(r)).OfType<RootWall>()]);
    }

    private async Task<State> PassAsync(CancellationToken cancellation)
    {
        var pass = Interlocked.Increment(ref _passes);
        var began = clock.GetTimestamp();
        var (roots, epoch) = await ReadRootsAsync(cancellation);
        var known = _state is { } last && last.Epoch == epoch ? last.Walls : [];
        var walls = new Dictionary<Guid, RootWall>(roots.Count);
        var whole = new List<Guid>();
        var behind = new List<(RootWall Wall, long Version, long From)>();
        foreach (var (root, version, from) in roots)
        {
            if (!known.TryGetValue(root, out var wall) || wall.Version > version || wall.Version < from || version - wall.Version > MostChanges) whole.Add(root);
            else if (wall.Version == version) walls[root] = wall.WithHistoryFrom(from);
            else behind.Add((wall, version, from));
        }

        if (behind.Count > 0)
        {
            var changes = await ReadChangesAsync(behind, cancellation);
            foreach (var (wall, version, from) in behind) walls[wall.Root] = wall.After(version, from, changes.GetValueOrDefault(wall.Root) ?? []);
        }

        if (whole.Count > 0)
        {
            foreach (var wall in await ReadWallsAsync(whole, cancellation)) walls[wall.Root] = wall;
        }

        var state = new State(pass, began, epoch, walls);
        _state = state;
        return state;
    }

    private async Task<(List<(Guid Root, long Version, long From)> Roots, string Epoch)> ReadRootsAsync(CancellationToken cancellation)
    {
        await using var command = worker.ForRequest(ReadRoots);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var roots = new List<(Guid, long, long)>();
        while (await reader.ReadAsync(cancellation)) roots.Add((reader.GetGuid(0), reader.GetInt64(1), reader.GetInt64(2)));
        await reader.NextResultAsync(cancellation);
        await reader.ReadAsync(cancellation);
        return (roots, reader.GetString(0));
    }

    private async Task<List<RootWall>> ReadWallsAsync(List<Guid> roots, CancellationToken cancellation)
    {
        await using var command = worker.Source.CreateCommand(ReadWalls);
        command.Parameters.Add(new NpgsqlParameter("roots", roots.ToArray()));
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var walls = new List<RootWall>();
        var tiles = new List<WallTile>();
        (Guid Root, long Version, long From)? current = null;
        void Finish()
        {
            if (current is not { } c) return;
            walls.Add(new RootWall(c.Root, c.Version, c.From, tiles));
            tiles.Clear();
        }

        var reading = new TileReading();
        while (await reader.ReadAsync(cancellation))
        {
            if (current?.Root != reader.GetGuid(0))
            {
                Finish();
                current = (reader.GetGuid(0), reader.GetInt64(1), reader.GetInt64(2));
            }

            if (!reader.IsDBNull(3)) tiles.Add(reading.Read(reader, 3));
        }

        Finish();
        return walls;
    }

    private async Task<Dictionary<Guid, List<WallChange>>> ReadChangesAsync(List<(RootWall Wall, long Version, long From)> behind, CancellationToken cancellation)
    {
        await using var command = worker.ForRequest(ReadChanges);
        command.Parameters.Add(new NpgsqlParameter("roots", behind.Select(b => b.Wall.Root).ToArray()));
        command.Parameters.Add(new NpgsqlParameter("after", NpgsqlDbType.Array | NpgsqlDbType.Bigint) { Value = behind.Select(b => b.Wall.Version).ToArray() });
        command.Parameters.Add(new NpgsqlParameter("until", NpgsqlDbType.Array | NpgsqlDbType.Bigint) { Value = behind.Select(b => b.Version).ToArray() });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var changes = new Dictionary<Guid, List<WallChange>>();
        var reading = new TileReading();
        while (await reader.ReadAsync(cancellation))
        {
            if (!changes.TryGetValue(reader.GetGuid(0), out var ofRoot)) changes[reader.GetGuid(0)] = ofRoot = [];
            ofRoot.Add(new WallChange(reader.GetInt64(1), reader.GetBoolean(2), reading.Read(reader, 3)));
        }

        return changes;
    }
}

/// <summary>Walls at one moment, in the order in which their roots were asked for.</summary>
internal sealed record WallsNow(string Epoch, IReadOnlyList<RootWall> Walls)
{
    public WallVersion Version { get; } = new(Epoch, [.. Walls.Select(w => w.Version)]);
}

/// <summary>Reads tiles from rows of (household, node, path, door, tier, state, due day, last visit day); a path that repeats is kept once.</summary>
internal sealed class TileReading
{
    private readonly Dictionary<Guid, string> _paths = [];

    public WallTile Read(NpgsqlDataReader rows, int from)
    {
        var node = rows.GetGuid(from + 1);
        var path = rows.GetString(from + 2);
        if (_paths.TryGetValue(node, out var known) && known == path) path = known;
        else _paths[node] = path;
        return new WallTile(
            rows.GetGuid(from), node, path, rows.GetString(from + 3), SnakeCase.Parse<Domain.Tiers.Tier>(rows.GetString(from + 4)),
            rows.IsDBNull(from + 5) ? null : SnakeCase.Parse<Domain.Tiers.TierState>(rows.GetString(from + 5)),
            rows.IsDBNull(from + 6) ? null : rows.GetFieldValue<DateOnly>(from + 6),
            rows.IsDBNull(from + 7) ? null : rows.GetFieldValue<DateOnly>(from + 7));
    }
}
