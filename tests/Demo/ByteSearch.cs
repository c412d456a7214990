using System.Buffers.Binary;
using System.Text;

namespace Backend.Tests.Demo;

/// <summary>
/// Finds any of a hundred thousand patterns in a stream of bytes in one pass: a filter of 2^20 bits over each window of four bytes lets one in a
/// few hundred through to the table, where whole patterns are compared.
/// </summary>
internal sealed class ByteSearch
{
    private readonly ulong[] _filter = new ulong[1 << 14];
    private readonly Dictionary<uint, List<byte[]>> _byStart = [];

    public ByteSearch(IEnumerable<string> patterns)
    {
        foreach (var pattern in patterns.Distinct().Select(Encoding.UTF8.GetBytes))
        {
            if (pattern.Length < 4) throw new ArgumentException($"'{Encoding.UTF8.GetString(pattern)}' is too short to be searched for.", nameof(patterns));
            var start = BinaryPrimitives.ReadUInt32LittleEndian(pattern);
            var bit = Bit(start);
            _filter[bit >> 6] |= 1UL << (int)(bit & 63);
            if (!_byStart.TryGetValue(start, out var list)) _byStart[start] = list = [];
            list.Add(pattern);
            Longest = Math.Max(Longest, pattern.Length);
            Count++;
        }
    }

    public int Count { get; }

    public int Longest { get; }

    /// <summary>The patterns that occur in the bytes, each as often as it does.</summary>
    public void Find(ReadOnlySpan<byte> bytes, ICollection<string> found)
    {
        for (var i = 0; i + 4 <= bytes.Length; i++)
        {
            var start = BinaryPrimitives.ReadUInt32LittleEndian(bytes[i..]);
            var bit = Bit(start);
            if ((_filter[bit >> 6] >> (int)(bit & 63) & 1) == 0 || !_byStart.TryGetValue(start, out var patterns)) continue;
            foreach (var pattern in patterns)
            {
                if (bytes[i..].StartsWith(pattern)) found.Add(Encoding.UTF8.GetString(pattern));
            }
        }
    }

    private static uint Bit(uint start) => start * 0x9E3779B1u >> 12;
}
