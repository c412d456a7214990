using System.Globalization;
using Backend.Platform.Security;

namespace Backend.Platform.Persistence;

/// <summary>One node of the grid as read from its row.</summary>
internal sealed record GridPlace(Guid Id, Guid? ParentId, string Level, int LevelOrder, string Name, string Path, Guid? RootId, int Position, int Revision);

/// <summary>The whole grid at one moment. It holds no personal field, so every request may look into it; what a caller may see of it is decided by her scope.</summary>
internal sealed class GridSnapshot
{
    private readonly GridPlace[] _byOrderOfPath;
    private readonly Dictionary<Guid, GridPlace> _byId;
    private readonly Dictionary<string, GridPlace> _byPath;

    public GridSnapshot(IReadOnlyList<GridPlace> places)
    {
        // Ordered by level, then path: the order of every list of nodes.
        Places = [.. places.OrderBy(p => p.LevelOrder).ThenBy(p => p.Path, StringComparer.Ordinal)];
        // A point sorts before whatever a label may hold, so a subtree stands together.
        _byOrderOfPath = [.. Places.OrderBy(p => p.Path, StringComparer.Ordinal)];
        _byId = Places.ToDictionary(p => p.Id);
        _byPath = Places.ToDictionary(p => p.Path, StringComparer.Ordinal);
    }

    public IReadOnlyList<GridPlace> Places { get; }

    public GridPlace? Find(Guid id) => _byId.GetValueOrDefault(id);

    public GridPlace? FindPath(string path) => _byPath.GetValueOrDefault(path);

    /// <summary>The node if it lies within the scope, else null: outside is answered like missing.</summary>
    public GridPlace? Find(Guid id, Scope scope) => Find(id) is { } place && IsVisible(place, scope) ? place : null;

    public static bool IsVisible(GridPlace place, Scope scope) => IsVisible(place.Path, scope);

    public static bool IsVisible(string path, Scope scope) => scope.Paths.Any(p => Rights.IsWithin(path, p));

    /// <summary>The node and everything below it, in the order of <see cref="Places"/>. Costs as much as it is large, not as the grid is.</summary>
    public IEnumerable<GridPlace> Subtree(GridPlace top)
    {
        var (from, after) = (0, _byOrderOfPath.Length);
        while (from < after)
        {
            var middle = (from + after) / 2;
            if (string.CompareOrdinal(_byOrderOfPath[middle].Path, top.Path) < 0) from = middle + 1;
            else after = middle;
        }

        return _byOrderOfPath.Skip(from).TakeWhile(p => Rights.IsWithin(p.Path, top.Path)).OrderBy(p => p.LevelOrder).ThenBy(p => p.Path, StringComparer.Ordinal);
    }

    /// <summary>The node and its ancestors, nearest first.</summary>
    public IEnumerable<GridPlace> Upwards(Guid id)
    {
        for (var place = Find(id); place is not null; place = place.ParentId is { } parent ? Find(parent) : null) yield return place;
    }

    /// <summary>Those that stood over a node when its path was this one, and still stand where they stood.</summary>
    public IEnumerable<GridPlace> Upwards(Guid id, string path)
    {
        if (Find(id) is { } place && place.Path == path) return Upwards(id);
        var labels = path.Split('.');
        return Enumerable.Range(1, labels.Length).Select(depth => FindPath(string.Join('.', labels[..depth]))).OfType<GridPlace>().Reverse();
    }

    /// <summary>The place of a node as text that sorts in grid order: positions from the top down.</summary>
    public string PlaceKey(Guid node) =>
        string.Join('.', Upwards(node).Reverse().Select(p => p.Position.ToString("D6", CultureInfo.InvariantCulture) + p.Path[(p.Path.LastIndexOf('.') + 1)..]));

    /// <summary>The wall roots whose versions make the version of this node's wall: its own, or all below it, in id order.</summary>
    public IReadOnlyList<Guid> RootsOf(GridPlace node) => node.RootId is { } root
        ? [root]
        : Subtree(node).Where(p => p.RootId == p.Id).Select(p => p.Id).Order().ToList();
}

/// <summary>
/// The grid, at most 3 s old on each replica, like rights. It is read again only when the database says that a node has changed (<c>rights_changes</c>):
/// a district of 280,000 households has 40,000 nodes, and nobody builds one every three seconds.
/// </summary>
internal sealed class GridMap(WorkerDataSource worker, TimeProvider clock) : IDisposable
{
    private static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(3);
    private readonly Turns _reading = new();
    private volatile Kept? _last;

    // Of everybody's changes, those of the grid among them, the last; when the oldest are forgotten it may fall, and that too is a reason to read.
    private const string Change = "select coalesce(max(epoch), 0) from rights_changes where account_id is null";

    private sealed record Kept(long At, long Change, GridSnapshot Grid);

    /// <param name="cancellation">Cancels the read.</param>
    /// <param name="with">Nodes that the answer must know if they exist: one that was added a moment ago is then read at once.</param>
    public ValueTask<GridSnapshot> ReadAsync(CancellationToken cancellation, IReadOnlyCollection<Guid>? with = null) =>
        Serves(_last, with) is { } grid ? ValueTask.FromResult(grid) : new ValueTask<GridSnapshot>(ReadOnceAsync(clock.GetTimestamp(), with, cancellation));

    public void Dispose() => _reading.Dispose();

    private GridSnapshot? Serves(Kept? kept, IReadOnlyCollection<Guid>? with) =>
        kept is not null && clock.GetElapsedTime(kept.At) < MaxAge && with?.Any(id => kept.Grid.Find(id) is null) != true ? kept.Grid : null;

    /// <summary>Of many who ask at once the first reads for all.</summary>
    private Task<GridSnapshot> ReadOnceAsync(long asked, IReadOnlyCollection<Guid>? with, CancellationToken cancellation) => _reading.TakeAsync(async () =>
    {
        if (_last is { } last && (last.At > asked || Serves(last, with) is not null)) return last.Grid;
        var began = clock.GetTimestamp();
        var change = await ReadChangeAsync(cancellation);
        var grid = _last is { } known && known.Change == change ? known.Grid : await LoadAsync(cancellation);
        _last = new Kept(began, change, grid);
        return grid;
    }, cancellation);

    private async Task<long> ReadChangeAsync(CancellationToken cancellation)
    {
        await using var command = worker.ForRequest(Change);
        return (long)(await command.ExecuteScalarAsync(cancellation))!;
    }

    private async Task<GridSnapshot> LoadAsync(CancellationToken cancellation)
    {
        await using var command = worker.ForRequest("""
            select n.id, n.parent_id, n.level_code, l.position, n.name, n.path::text, n.root_id, n.position, n.revision
            from grid_nodes n join grid_levels l on l.code = n.level_code
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var places = new List<GridPlace>();
        while (await reader.ReadAsync(cancellation))
        {
            places.Add(new GridPlace(reader.GetGuid(0), reader.IsDBNull(1) ? null : reader.GetGuid(1), reader.GetString(2), reader.GetInt32(3),
                reader.GetString(4), reader.GetString(5), reader.IsDBNull(6) ? null : reader.GetGuid(6), reader.GetInt32(7), reader.GetInt32(8)));
        }

        return new GridSnapshot(places);
    }
}
