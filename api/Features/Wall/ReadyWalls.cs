using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Backend.Domain.Tiers;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Platform.Walls;
using Microsoft.Extensions.Options;
using JsonOptions = Microsoft.AspNetCore.Http.Json.JsonOptions;

namespace Backend.Features.Wall;

/// <summary>
/// The walls of nodes as ready bytes, by node. A wall is made when it is first asked for after a change, once, and serves every viewer until the
/// next change (docs/adr/010-ready-walls.md). It holds what all viewers of the node may see; who may is decided before.
/// </summary>
internal sealed class ReadyWalls(WallMemory memory, IOptions<JsonOptions> json) : IDisposable
{
    private const int MaxNodes = 2_000;

    private readonly ConcurrentDictionary<Guid, ReadyWall> _byNode = new();
    private readonly Turns _history = new();

    /// <param name="grid">The grid.</param>
    /// <param name="place">The node in it.</param>
    /// <param name="atLeast">Versions of its roots that somebody has seen on another replica, which may be ahead of this one; null for none.</param>
    /// <param name="cancellation">Cancels the waiting.</param>
    public async ValueTask<ReadyWall> OfAsync(GridSnapshot grid, GridPlace place, IReadOnlyList<long>? atLeast, CancellationToken cancellation)
    {
        var now = await memory.ReadAsync(grid.RootsOf(place), atLeast, cancellation);
        if (_byNode.TryGetValue(place.Id, out var known) && known.IsOf(place, now.Walls)) return known;
        var wall = new ReadyWall(place, now, json.Value.SerializerOptions);
        if (_byNode.Count >= MaxNodes) _byNode.Clear();
        _byNode[place.Id] = wall;
        return wall;
    }

    /// <summary>What changed on a wall since a version. Past memory the first who asks reads the history for all: after a restart that is everybody, since the same version.</summary>
    /// <param name="wall">The wall.</param>
    /// <param name="after">The version.</param>
    /// <param name="read">Reads the history. Whoever may see the node sees the same rows of it.</param>
    /// <param name="cancellation">Cancels the waiting.</param>
    public async ValueTask<byte[]> ChangesSinceAsync(ReadyWall wall, string after, Func<Task<ReadWallChanges.Response>> read, CancellationToken cancellation) =>
        wall.ChangesSince(after) ?? await _history.TakeAsync(async () => wall.ChangesSince(after) ?? wall.Keep(after, await read()), cancellation);

    public void Dispose() => _history.Dispose();

    /// <summary>The wall of a node if it is ready and nothing newer is known. Never any SQL.</summary>
    public ReadyWall? Find(Guid node)
    {
        if (!_byNode.TryGetValue(node, out var wall)) return null;
        foreach (var root in wall.Walls)
            if (!memory.IsCurrent(root)) return null;
        return wall;
    }
}

/// <summary>One node's wall at one version, in every form in which it is answered; each form is made when it is first asked for.</summary>
internal sealed class ReadyWall
{
    /// <summary>四色 in two bits a tile; the order of the tiles is the layout. Asked for with or without its version.</summary>
    public const string CompactType = "application/vnd.backend.wall-tiers", CompactContentType = CompactType + "; v=1";

    /// <summary>How many answers of changes are kept, and how many bytes of them; a page of 2,000 changes is a fifth of that.</summary>
    private const int MaxChanges = 64, MaxChangesBytes = 2 * 1024 * 1024;

    private readonly ConcurrentDictionary<string, byte[]> _changes = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _asked = new();
    private long _kept;
    private readonly JsonSerializerOptions _options;
    private readonly Lazy<WallTile[]> _tiles;
    private readonly Lazy<byte[]> _json, _brotli, _compact, _layout;
    private readonly Lazy<string> _layoutVersion;

    public ReadyWall(GridPlace place, WallsNow now, JsonSerializerOptions json)
    {
        Place = place;
        Now = now;
        _options = json;
        Version = now.Version.ToString();
        var numbers = Version[(now.Epoch.Length + 1)..];
        JsonTag = $"W/\"{now.Epoch}.json.staff.{numbers}\"";
        CompactTag = $"W/\"{now.Epoch}.tiers.staff.{numbers}\"";
        _tiles = new Lazy<WallTile[]>(() => [.. Walls.SelectMany(w => w.Tiles).Where(t => Rights.IsWithin(t.NodePath, place.Path))]);
        _json = new Lazy<byte[]>(() => JsonSerializer.SerializeToUtf8Bytes(new ReadWall.Response(Version, Tiles.Select(ReadWall.Tile.Of).ToList()), json));
        _brotli = new Lazy<byte[]>(() => Compress(Json));
        _layoutVersion = new Lazy<string>(() => Hash(Tiles));
        _layout = new Lazy<byte[]>(() => JsonSerializer.SerializeToUtf8Bytes(
            new ReadWallLayout.Response(LayoutVersion, Tiles.Select(t => new ReadWallLayout.Place(t.Id, t.Node, t.Door)).ToList()), json));
        _compact = new Lazy<byte[]>(Pack);
    }

    public GridPlace Place { get; }

    public WallsNow Now { get; }

    public IReadOnlyList<RootWall> Walls => Now.Walls;

    public string Version { get; }

    public string JsonTag { get; }

    public string CompactTag { get; }

    public byte[] Json => _json.Value;

    public byte[] Brotli => _brotli.Value;

    public byte[] Compact => _compact.Value;

    /// <summary>The answer to "what changed since", made once for each version that is asked for: after a change everybody asks from the same few.</summary>
    public byte[]? ChangesSince(string after)
    {
        if (_changes.TryGetValue(after, out var known)) return known;
        return ReadWallChanges.Ready(this, after) is { } changes ? Keep(after, changes) : null;
    }

    /// <summary>Keeps an answer for who else asks since that version, as long as this is the wall.</summary>
    public byte[] Keep(string after, ReadWallChanges.Response changes)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(changes, _options);
        if (!_changes.TryAdd(after, bytes)) return bytes;
        _asked.Enqueue(after);
        Interlocked.Add(ref _kept, bytes.Length);
        while ((_asked.Count > MaxChanges || Interlocked.Read(ref _kept) > MaxChangesBytes) && _asked.TryDequeue(out var oldest))
            if (_changes.TryRemove(oldest, out var gone)) Interlocked.Add(ref _kept, -gone.Length);
        return bytes;
    }

    public byte[] Layout => _layout.Value;

    /// <summary>A function of the tiles' ids, nodes and doors in their order: the same on every replica, and another one as soon as a place changes.</summary>
    public string LayoutVersion => _layoutVersion.Value;

    public bool IsOf(GridPlace place, IReadOnlyList<RootWall> walls)
    {
        if (Place.Path != place.Path || Walls.Count != walls.Count) return false;
        for (var i = 0; i < walls.Count; i++)
            if (!ReferenceEquals(Walls[i], walls[i])) return false;
        return true;
    }

    private WallTile[] Tiles => _tiles.Value;

    /// <summary><c>W1 {layoutVersion} {version} {count}\n</c>, then two bits a tile, lowest first: 0 red, 1 orange, 2 yellow, 3 green.</summary>
    private byte[] Pack()
    {
        var header = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"W1 {LayoutVersion} {Version} {Tiles.Length}\n"));
        var packed = new byte[header.Length + (Tiles.Length + 3) / 4];
        header.CopyTo(packed, 0);
        for (var i = 0; i < Tiles.Length; i++) packed[header.Length + i / 4] |= (byte)(((int)Tier.Red - (int)Tiles[i].Tier) << (i % 4 * 2));
        return packed;
    }

    private static string Hash(WallTile[] tiles)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> ids = stackalloc byte[32];
        foreach (var tile in tiles)
        {
            tile.Id.TryWriteBytes(ids);
            tile.Node.TryWriteBytes(ids[16..]);
            hash.AppendData(ids);
            hash.AppendData(Encoding.UTF8.GetBytes(tile.Door));
            hash.AppendData("\n"u8);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8));
    }

    private static byte[] Compress(byte[] bytes)
    {
        var compressed = new byte[BrotliEncoder.GetMaxCompressedLength(bytes.Length)];
        // Quality 5 is within a few percent of the best at a tenth of its time: a wall may change many times a second.
        if (!BrotliEncoder.TryCompress(bytes, compressed, out var length, quality: 5, window: 22)) throw new InvalidOperationException("Brotli refused the wall.");
        return compressed[..length];
    }
}

/// <summary>A ready wall as an answer: 304, compact, brotli or plain, by what the request accepts; and what changed on it.</summary>
internal static class ReadyAnswer
{
    public const string JsonType = "application/json; charset=utf-8";

    private const string CacheControl = "private, no-cache", Vary = "Accept, Accept-Encoding, Authorization, Cookie";

    public static Task WriteAsync(HttpContext http, ReadyWall wall)
    {
        var (request, response) = (http.Request.Headers, http.Response);
        // `*/*` and nothing at all get JSON, the documented default; the compact form is only for those who ask for it by name.
        var compact = request.Accept.ToString().Contains(ReadyWall.CompactType, StringComparison.OrdinalIgnoreCase);
        var tag = compact ? wall.CompactTag : wall.JsonTag;
        var headers = response.Headers;
        headers.ETag = tag;
        headers.CacheControl = CacheControl;
        headers.Vary = Vary;
        if (request.IfNoneMatch.ToString().Contains(tag, StringComparison.Ordinal))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        var bytes = compact ? wall.Compact : wall.Json;
        if (!compact && request.AcceptEncoding.ToString().Contains("br", StringComparison.Ordinal))
        {
            bytes = wall.Brotli;
            headers.ContentEncoding = "br";
        }

        response.ContentType = compact ? ReadyWall.CompactContentType : JsonType;
        response.ContentLength = bytes.Length;
        return response.Body.WriteAsync(bytes, http.RequestAborted).AsTask();
    }

    public static Task WriteChangesAsync(HttpContext http, byte[] changes)
    {
        var response = http.Response;
        response.Headers.CacheControl = "no-store";
        response.ContentType = JsonType;
        response.ContentLength = changes.Length;
        return response.Body.WriteAsync(changes, http.RequestAborted).AsTask();
    }
}
