using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Backend.Platform.Audit;

/// <summary>
/// An audit entry as bytes, in PostgreSQL's own binary form of a record (<c>record_send</c>): for each field its type, its length and its content. What
/// the api signs before the insert is therefore byte for byte what the database gives back, whatever has been done to a column meanwhile.
/// </summary>
internal readonly ref struct AuditRecord(ReadOnlySpan<byte> bytes)
{
    /// <summary>What the api knows, the ids last; the MAC over it; what the database adds.</summary>
    private const string Columns =
        "id, writer_id, writer_number, account_id, session_id, roles, scope, operation, result, address, correlation_id, target_ids, mac, at, xid";

    private const int BeforeIds = 10, Ids = 11, MacField = 12;
    private const int Uuid = 2950, UuidArray = 2951, Bigint = 20, Text = 25;

    private readonly ReadOnlySpan<byte> _bytes = bytes;

    /// <summary>
    /// The entries that a seal covers, as records: those of transactions that had ended when its snapshot was taken and had not when the former seal's
    /// was. A transaction that commits late is thus in the first seal after its end, and holds up nobody else's. Order them by <c>xid, id</c>.
    /// </summary>
    /// <param name="former">SQL of the former seal's snapshot; null when there is none.</param>
    /// <param name="snapshot">SQL of the seal's own snapshot.</param>
    public static string Covered(string former, string snapshot) => $"""
        select xid, id, record_send(row({Columns})) as record from audit_entries
        where (xid >= coalesce(pg_snapshot_xmax({former}), '0') and xid < pg_snapshot_xmax({snapshot}) or xid = any(array(select pg_snapshot_xip({former}))))
            and pg_visible_in_snapshot(xid, {snapshot})
        """;

    /// <summary>The entries that no seal covers yet.</summary>
    /// <param name="newest">SQL of the newest seal's snapshot; null when there is none.</param>
    public static string Uncovered(string newest) => $"""
        select record_send(row({Columns})) as record from audit_entries
        where xid >= coalesce(pg_snapshot_xmax({newest}), '0') or xid = any(array(select pg_snapshot_xip({newest})))
        """;

    /// <summary>What an entry's MAC is made over, before the entry is written.</summary>
    /// <param name="entry">With its writer and number.</param>
    /// <param name="result">Instead of the entry's own.</param>
    /// <param name="covers">With the ids, or without.</param>
    public static ReadOnlySpan<byte> SignedPart(AuditEntry entry, string result, MacOf covers)
    {
        var bytes = new ArrayBufferWriter<byte>(512);
        WriteUuid(bytes, entry.Id);
        WriteUuid(bytes, entry.WriterId);
        WriteHead(bytes, Bigint, sizeof(long));
        BinaryPrimitives.WriteInt64BigEndian(bytes.GetSpan(sizeof(long)), entry.WriterNumber ?? 0);
        bytes.Advance(sizeof(long));
        WriteUuid(bytes, entry.AccountId);
        WriteUuid(bytes, entry.SessionId);
        WriteText(bytes, entry.Roles);
        WriteText(bytes, entry.Scope);
        WriteText(bytes, entry.Operation);
        WriteText(bytes, result);
        WriteText(bytes, entry.Address);
        WriteText(bytes, entry.CorrelationId);
        if (covers == MacOf.Entry) WriteUuids(bytes, entry.TargetIds);
        return bytes.WrittenSpan;
    }

    public Guid Id => Field(0, out _) is { Length: 16 } id ? new Guid(id, bigEndian: true) : Guid.Empty;

    /// <summary>Which process start wrote it, as its how-manieth; null for an entry from before the chain.</summary>
    public (Guid Id, long Number)? Writer =>
        Field(1, out _) is { Length: 16 } id && Field(2, out _) is { Length: sizeof(long) } number ? (new Guid(id, bigEndian: true), BinaryPrimitives.ReadInt64BigEndian(number)) : null;

    public bool HasMac => Field(MacField, out _).Length > 0;

    public MacCheck Check(AuditKeys keys)
    {
        var mac = Field(MacField, out _);
        var covers = AuditKeys.CoveredBy(mac) == MacOf.EntryWithoutIds ? MacOf.EntryWithoutIds : MacOf.Entry;
        Field(covers == MacOf.Entry ? Ids : BeforeIds, out var end);
        return keys.Check(mac, covers, _bytes[sizeof(int)..end]);
    }

    /// <summary>The content of one field, empty when it is null, and where it ends.</summary>
    private ReadOnlySpan<byte> Field(int index, out int end)
    {
        end = sizeof(int);
        while (true)
        {
            var start = end + 2 * sizeof(int);
            end = start + Math.Max(0, BinaryPrimitives.ReadInt32BigEndian(_bytes[(start - sizeof(int))..]));
            if (index-- == 0) return _bytes[start..end];
        }
    }

    private static void WriteUuid(ArrayBufferWriter<byte> bytes, Guid? id)
    {
        WriteHead(bytes, Uuid, id is null ? -1 : 16);
        if (id is { } value) WriteBytes(bytes, value);
    }

    private static void WriteText(ArrayBufferWriter<byte> bytes, string? text)
    {
        WriteHead(bytes, Text, text is null ? -1 : Encoding.UTF8.GetByteCount(text));
        if (text is not null) Encoding.UTF8.GetBytes(text, bytes);
    }

    /// <summary>An array: dimensions, whether it has nulls, type of the elements, then length and lower bound of its one dimension; an empty one has none.</summary>
    private static void WriteUuids(ArrayBufferWriter<byte> bytes, Guid[] ids)
    {
        WriteHead(bytes, UuidArray, ids.Length == 0 ? 3 * sizeof(int) : 5 * sizeof(int) + ids.Length * (sizeof(int) + 16));
        WriteHead(bytes, ids.Length == 0 ? 0 : 1, 0);
        if (ids.Length == 0)
        {
            WriteInt(bytes, Uuid);
            return;
        }

        WriteHead(bytes, Uuid, ids.Length);
        WriteInt(bytes, 1);
        foreach (var id in ids)
        {
            WriteInt(bytes, 16);
            WriteBytes(bytes, id);
        }
    }

    private static void WriteHead(ArrayBufferWriter<byte> bytes, int type, int length)
    {
        WriteInt(bytes, type);
        WriteInt(bytes, length);
    }

    private static void WriteInt(ArrayBufferWriter<byte> bytes, int value)
    {
        BinaryPrimitives.WriteInt32BigEndian(bytes.GetSpan(sizeof(int)), value);
        bytes.Advance(sizeof(int));
    }

    private static void WriteBytes(ArrayBufferWriter<byte> bytes, Guid id)
    {
        id.TryWriteBytes(bytes.GetSpan(16), bigEndian: true, out var written);
        bytes.Advance(written);
    }
}
