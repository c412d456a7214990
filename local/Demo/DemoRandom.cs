using System.Buffers.Binary;

namespace Local.Demo;

/// <summary>
/// The one source of chance of the demo: SplitMix64 with a fixed seed and a name per stream, so that a new stream changes no other, and the
/// same district comes out on every machine and .NET version. Nothing secret is made with it.
/// </summary>
internal sealed class DemoRandom
{
    private const ulong Seed = 0x4443_2022_1130_7081;

    private ulong _state;

    public DemoRandom(string stream)
    {
        _state = Seed;
        foreach (var c in stream) _state = (_state ^ c) * 0x100000001B3;
    }

    public ulong Next()
    {
        var z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>From 0 to <paramref name="count"/> − 1.</summary>
    public int Below(int count) => (int)(((UInt128)Next() * (ulong)count) >> 64);

    /// <summary>From <paramref name="low"/> to <paramref name="high"/>, both included.</summary>
    public int Between(int low, int high) => low + Below(high - low + 1);

    public long Between(long low, long high) => low + (long)(((UInt128)Next() * (ulong)(high - low + 1)) >> 64);

    public bool Chance(int perMille) => Below(1000) < perMille;

    public T Pick<T>(IReadOnlyList<T> from) => from[Below(from.Count)];

    public T Weighted<T>(ReadOnlySpan<(T Value, int Weight)> from)
    {
        var total = 0;
        foreach (var (_, weight) in from) total += weight;
        var at = Below(total);
        foreach (var (value, weight) in from)
        {
            if ((at -= weight) < 0) return value;
        }
        return from[^1].Value;
    }

    public void Shuffle<T>(List<T> list)
    {
        for (var i = list.Count - 1; i > 0; i--)
        {
            var j = Below(i + 1);
            (list[i], list[j]) = (list[j], list[i]);
        }
    }
}

/// <summary>Version 7 ids that are the same in every generation. They ascend, so that the bulk load fills its indexes from left to right.</summary>
internal sealed class DemoIds
{
    private static readonly long Start = new DateTimeOffset(2022, 11, 30, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();

    private readonly DemoRandom _random = new("ids");
    private long _made;

    public Guid Next()
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, (ulong)(Start + _made++) << 16 | 0x7000 | _random.Next() & 0x0FFF);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], _random.Next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000);
        return new Guid(bytes, bigEndian: true);
    }
}

/// <summary>A day of the demo: fixed, or counted back from the day of loading.</summary>
internal readonly record struct When(DateOnly? Fixed, int Months, int Days)
{
    public static When On(int year, int month, int day) => new(new DateOnly(year, month, day), 0, 0);

    public static When Ago(int days) => new(null, 0, days);

    /// <summary>The birthday of somebody who is <paramref name="years"/> old and turned so <paramref name="days"/> days ago (1 to 360).</summary>
    public static When Born(int years, int days) => new(null, years * 12, days);

    public static When MonthsAgo(int months) => new(null, months, 0);

    public DateOnly For(DateOnly asOf) => Fixed ?? (Months == 0 ? asOf : asOf.AddMonths(-Months)).AddDays(-Days);
}
