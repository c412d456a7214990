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

    private const int Fields = 15, BeforeIds = 10, Ids = 11, MacField = 12, AtField = 13;
    private const int Uuid = 2950, UuidArray = 2951, Bigint = 20, Text = 25;

    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private readonly BinaryRecord _record = new(bytes);

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

    public Guid Id => _record.Uuid(0) ?? Guid.Empty;

    /// <summary>Which process start wrote it, as its how-manieth; null for an entry from before the chain.</summary>
    public (Guid Id, long Number)? Writer => _record.Uuid(1) is { } id && _record.Long(2) is { } number ? (id, number) : null;

    public Guid? AccountId => _record.Uuid(3);

    public Guid? SessionId => _record.Uuid(4);

    public string? Roles => _record.Text(5);

    public string? Scope => _record.Text(6);

    public string? Operation => _record.Text(7);

    public string? Result => _record.Text(8);

    public string? Address => _record.Text(9);

    public string? CorrelationId => _record.Text(BeforeIds);

    public List<Guid> TargetIds => _record.Uuids(Ids);

    public DateTimeOffset? At => _record.Moment(AtField);

    public bool HasMac => _record.Field(MacField, out _).Length > 0;

    /// <summary>Whether these bytes are an entry's at all; a database gives no others.</summary>
    public bool IsWhole => _record.IsOf(Fields);

    public MacCheck Check(AuditKeys keys)
    {
        var mac = _record.Field(MacField, out _);
        var covers = AuditKeys.CoveredBy(mac) == MacOf.EntryWithoutIds ? MacOf.EntryWithoutIds : MacOf.Entry;
        _record.Field(covers == MacOf.Entry ? Ids : BeforeIds, out var end);
        return keys.Check(mac, covers, _bytes[sizeof(int)..end]);
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
