namespace Backend.Platform.Walls;

/// <summary>
/// The last changes of one wall root: every change after <see cref="Start"/>, in version order, at most <see cref="Capacity"/> and always whole
/// versions. Immutable to its readers; successive rings share one buffer, which a single writer fills behind what they see.
/// </summary>
internal sealed class ChangeRing
{
    public const int Capacity = 2_048;

    private readonly WallChange[] _buffer;
    private readonly int _from, _to;

    private ChangeRing(WallChange[] buffer, int from, int to, long start) => (_buffer, _from, _to, Start) = (buffer, from, to, start);

    /// <summary>The version before the first change that is kept.</summary>
    public long Start { get; }

    public static ChangeRing From(long version) => new([], 0, 0, version);

    /// <summary>Changes after a version that is not below <see cref="Start"/>.</summary>
    public ReadOnlySpan<WallChange> After(long version)
    {
        if (version < Start) throw new ArgumentOutOfRangeException(nameof(version), version, $"The ring starts at {Start}.");
        var (low, high) = (_from, _to);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_buffer[middle].Version > version) high = middle;
            else low = middle + 1;
        }

        return _buffer.AsSpan(low, _to - low);
    }

    /// <summary>The ring with later changes. Only the newest ring of a root may be appended to, by one writer at a time.</summary>
    public ChangeRing Append(long version, IReadOnlyList<WallChange> changes)
    {
        if (changes.Count > Capacity) return From(version);
        var (buffer, from, to) = (_buffer, _from, _to);
        if (to + changes.Count > buffer.Length)
        {
            // Grows with use: a root that nothing changes on holds nothing.
            buffer = new WallChange[Math.Min(2 * Capacity, Math.Max(64, 2 * (to - from + changes.Count)))];
            Array.Copy(_buffer, _from, buffer, 0, _to - _from);
            (from, to) = (0, _to - _from);
        }

        foreach (var change in changes) buffer[to++] = change;
        var start = Start;
        if (to - from > Capacity)
        {
            start = buffer[to - Capacity - 1].Version;
            from = to - Capacity;
            while (from < to && buffer[from].Version == start) from++;
        }

        return new ChangeRing(buffer, from, to, start);
    }
}
