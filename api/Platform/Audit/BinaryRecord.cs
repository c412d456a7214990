using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Backend.Platform.Audit;

/// <summary>A record in PostgreSQL's own binary form (<c>record_send</c>): the number of its fields, then for each its type, its length (-1: null) and its content.</summary>
internal readonly ref struct BinaryRecord(ReadOnlySpan<byte> bytes)
{
    private const int Head = 2 * sizeof(int);

    private static readonly DateTimeOffset s_epoch = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly ReadOnlySpan<byte> _bytes = bytes;

    /// <summary>Whether these bytes are so many whole fields and nothing else. Asked of what does not come from a database: everything below relies on it.</summary>
    public bool IsOf(int fields)
    {
        if (_bytes.Length < sizeof(int) || BinaryPrimitives.ReadInt32BigEndian(_bytes) != fields) return false;
        var end = (long)sizeof(int);
        for (; fields > 0; fields--)
        {
            if (end + Head > _bytes.Length) return false;
            var length = BinaryPrimitives.ReadInt32BigEndian(_bytes[((int)end + sizeof(int))..]);
            end += Head + Math.Max(0L, length);
            if (length < -1 || end > _bytes.Length) return false;
        }

        return end == _bytes.Length;
    }

    /// <summary>The content of one field, empty when it is null, and where it ends.</summary>
    public ReadOnlySpan<byte> Field(int index, out int end)
    {
        end = sizeof(int);
        while (true)
        {
            var start = end + Head;
            end = start + Math.Max(0, BinaryPrimitives.ReadInt32BigEndian(_bytes[(start - sizeof(int))..]));
            if (index-- == 0) return _bytes[start..end];
        }
    }

    public Guid? Uuid(int index) => Field(index, out _) is { Length: 16 } id ? new Guid(id, bigEndian: true) : null;

    public long? Long(int index) => Field(index, out _) is { Length: sizeof(long) } number ? BinaryPrimitives.ReadInt64BigEndian(number) : null;

    public string? Text(int index)
    {
        var text = Field(index, out var end);
        return text.IsEmpty && BinaryPrimitives.ReadInt32BigEndian(_bytes[(end - sizeof(int))..]) < 0 ? null : Encoding.UTF8.GetString(text);
    }

    /// <summary>Null also for one that lies outside of the calendar.</summary>
    public DateTimeOffset? Moment(int index) =>
        Long(index) is { } micros && micros / TimeSpan.MicrosecondsPerDay is > -700_000 and < 2_900_000 ? s_epoch.AddMicroseconds(micros) : null;

    /// <summary>Of a list of one dimension without nulls, as all are that we write.</summary>
    public List<Guid> Uuids(int index)
    {
        const int listHead = 5 * sizeof(int), item = sizeof(int) + 16;
        var ids = new List<Guid>();
        var list = Field(index, out _);
        for (var start = listHead; start + item <= list.Length; start += item) ids.Add(new Guid(list.Slice(start + sizeof(int), 16), bigEndian: true));
        return ids;
    }

    /// <summary>A snapshot as PostgreSQL writes it: <c>xmin:xmax:xip,…</c>.</summary>
    public string? Snapshot(int index)
    {
        var content = Field(index, out _);
        if (content.Length < sizeof(int) + 2 * sizeof(long)) return null;
        var text = new StringBuilder();
        for (var start = sizeof(int); start + sizeof(long) <= content.Length; start += sizeof(long))
        {
            if (start > sizeof(int)) text.Append(start <= sizeof(int) + 2 * sizeof(long) ? ':' : ',');
            text.Append(CultureInfo.InvariantCulture, $"{BinaryPrimitives.ReadUInt64BigEndian(content[start..])}");
        }

        return (content.Length == sizeof(int) + 2 * sizeof(long) ? text.Append(':') : text).ToString();
    }
}
