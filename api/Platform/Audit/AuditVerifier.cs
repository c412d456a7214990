using System.Buffers.Binary;
using System.Data;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Npgsql;

namespace Backend.Platform.Audit;

/// <summary>What is wrong with the chain.</summary>
internal enum AuditFault
{
    /// <summary>A number is left out.</summary>
    SealMissing,
    /// <summary>A seal was changed, moved, or made by somebody without the key.</summary>
    SealWrong,
    /// <summary>A seal's entries are not those that were sealed, or not in their order.</summary>
    EntriesWrong,
    /// <summary>An entry was changed, or written by somebody without the key.</summary>
    EntryWrong,
    /// <summary>An entry was added past the api: only the first seal may have entries from before the chain.</summary>
    EntryWithoutMac,
    /// <summary>The key is not among the configured ones: lost, or the row was changed.</summary>
    KeyUnknown,
    /// <summary>The second sink knows a seal that is not there, or another one: the tail was cut off, or made anew.</summary>
    HeadWrong,
}

/// <summary>The first thing that is wrong. Without a seal: an entry that is not sealed yet.</summary>
internal sealed record AuditFinding(AuditFault Fault, long? Seal = null, Guid? Entry = null);

/// <summary>What a verification saw, up to the first finding if there is one.</summary>
/// <param name="Seals">Seals verified.</param>
/// <param name="Entries">Sealed entries verified.</param>
/// <param name="Unsealed">Entries that wait for their seal.</param>
/// <param name="WithoutMac">Entries from before the chain.</param>
/// <param name="Writers">Process starts that wrote entries.</param>
/// <param name="Gaps">Numbers that their writers gave and that are not there: rolled back, or deleted before they were sealed.</param>
/// <param name="Heads">Heads of the second sink compared; null without one.</param>
/// <param name="Finding">The first thing that is wrong.</param>
internal sealed record AuditReport(long Seals, long Entries, long Unsealed, long WithoutMac, int Writers, long Gaps, long? Heads, AuditFinding? Finding);

/// <summary>
/// Verifies the whole chain in one snapshot of the database, as a stream, while the service goes on (AU03): every seal's number, MAC and link to the former one, every entry's MAC,
/// the count and hash of every seal's entries, the entries that are not sealed yet, and the second sink's heads. It keeps a few numbers for each process
/// start, and nothing for each entry or seal. Made for one run.
/// </summary>
internal sealed class AuditVerifier(AuditKeys keys) : IDisposable
{
    private const int HeadsAtOnce = 1000;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly Dictionary<Guid, (long Count, long Highest)> _writers = [];
    private Seal? _seal;
    private long _seals, _entries, _unsealed, _withoutMac, _inSeal;
    private long? _heads;

    /// <param name="connectionString">A role that reads entries and seals: the worker, or a backup's.</param>
    /// <param name="sink">File of the second sink, or a log.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task<AuditReport> RunAsync(string connectionString, string? sink, CancellationToken cancellation)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync(cancellation);
        AuditFinding? finding;
        await using (await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellation))
        {
            await using (var patience = new NpgsqlCommand("select set_config('statement_timeout', '0', true)", connection)) await patience.ExecuteNonQueryAsync(cancellation);
            finding = await VerifyEntriesAsync(connection, cancellation);
        }

        // Past that snapshot: a head is copied when its seal is committed, so what the sink holds by now is to be found by looking now.
        return Report(finding ?? await VerifyHeadsAsync(connection, sink, cancellation));
    }

    /// <summary>The same on a connection whose transaction is the caller's.</summary>
    public async Task<AuditReport> RunAsync(NpgsqlConnection connection, string? sink, CancellationToken cancellation) =>
        Report(await VerifyEntriesAsync(connection, cancellation) ?? await VerifyHeadsAsync(connection, sink, cancellation));

    public void Dispose() => _hash.Dispose();

    private AuditReport Report(AuditFinding? finding) =>
        new(_seals, _entries, _unsealed, _withoutMac, _writers.Count, _writers.Values.Sum(w => Math.Max(0, w.Highest - w.Count)), _heads, finding);

    private async Task<AuditFinding?> VerifyEntriesAsync(NpgsqlConnection connection, CancellationToken cancellation) =>
        await VerifySealedAsync(connection, cancellation) ?? await VerifyUnsealedAsync(connection, cancellation);

    private async Task<AuditFinding?> VerifySealedAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = Command(connection, $"""
            select s.number, s.record, s.mac, e.record
            from (select number, mac, snapshot, lag(snapshot) over (order by number) as former, {AuditSeals.Record} as record from audit_seals) s
            left join lateral ({AuditRecord.Covered("s.former", "s.snapshot")}) e on true
            order by s.number, e.xid, e.id
            """);
        await using var rows = await command.ExecuteReaderAsync(cancellation);
        long? current = null;
        while (await rows.ReadAsync(cancellation))
        {
            var number = rows.IsDBNull(0) ? 0 : rows.GetInt64(0);
            if (number != current)
            {
                current = number;
                if ((Close() ?? Open(number, rows.GetFieldValue<byte[]>(1), rows.IsDBNull(2) ? [] : rows.GetFieldValue<byte[]>(2))) is { } finding) return finding;
            }

            if (rows.IsDBNull(3)) continue;
            var bytes = rows.GetFieldValue<byte[]>(3);
            _hash.AppendData(bytes);
            _inSeal++;
            if (Verify(new AuditRecord(bytes), number) is { } wrong) return wrong;
        }

        return Close();
    }

    private AuditFinding? Open(long number, byte[] record, byte[] mac)
    {
        var expected = (_seal?.Number ?? 0) + 1;
        if (number > expected) return new(AuditFault.SealMissing, expected);
        var check = keys.Check(mac, MacOf.Seal, AuditSeals.SignedPart(_seal?.Mac, record));
        if (number < expected || check != MacCheck.Good) return new(check == MacCheck.KeyUnknown ? AuditFault.KeyUnknown : AuditFault.SealWrong, number);
        _seal = Seal.Of(number, record, mac);
        return null;
    }

    /// <summary>All entries of a seal have been read.</summary>
    private AuditFinding? Close()
    {
        if (_seal is null) return null;
        var hash = _hash.GetHashAndReset();
        if (_inSeal != _seal.Entries || !hash.AsSpan().SequenceEqual(_seal.Hash)) return new(AuditFault.EntriesWrong, _seal.Number);
        _seals++;
        _entries += _inSeal;
        _inSeal = 0;
        return null;
    }

    private AuditFinding? Verify(AuditRecord entry, long? seal)
    {
        if (entry.Writer is { } writer)
        {
            ref var seen = ref CollectionsMarshal.GetValueRefOrAddDefault(_writers, writer.Id, out _);
            seen = (seen.Count + 1, Math.Max(seen.Highest, writer.Number));
        }

        if (!entry.HasMac)
        {
            _withoutMac++;
            return (seal ?? _seals + 1) == 1 ? null : new(AuditFault.EntryWithoutMac, seal, entry.Id);
        }

        return entry.Check(keys) switch
        {
            MacCheck.Good => null,
            MacCheck.KeyUnknown => new(AuditFault.KeyUnknown, seal, entry.Id),
            _ => new(AuditFault.EntryWrong, seal, entry.Id),
        };
    }

    private async Task<AuditFinding?> VerifyHeadsAsync(NpgsqlConnection connection, string? sink, CancellationToken cancellation)
    {
        if (sink is null) return null;
        _heads = 0;
        await foreach (var heads in AuditSink.ReadAsync(sink, cancellation).Chunk(HeadsAtOnce).WithCancellation(cancellation))
        {
            await using var command = Command(connection, """
                select min(h.number) from unnest(@numbers, @macs) h(number, mac) left join audit_seals s on s.number = h.number
                where encode(s.mac, 'hex') is distinct from h.mac
                """);
            command.Parameters.Add(new NpgsqlParameter("numbers", heads.Select(h => h.Number).ToArray()));
            command.Parameters.Add(new NpgsqlParameter("macs", heads.Select(h => h.Mac).ToArray()));
            if (await command.ExecuteScalarAsync(cancellation) is long wrong) return new(AuditFault.HeadWrong, wrong);
            _heads += heads.Length;
        }

        return null;
    }

    private async Task<AuditFinding?> VerifyUnsealedAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = Command(connection, AuditRecord.Uncovered("(select snapshot from audit_seals order by number desc limit 1)"));
        await using var rows = await command.ExecuteReaderAsync(cancellation);
        while (await rows.ReadAsync(cancellation))
        {
            _unsealed++;
            if (Verify(new AuditRecord(rows.GetFieldValue<byte[]>(0)), null) is { } wrong) return wrong;
        }

        return null;
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql) => new(sql, connection) { CommandTimeout = 0 };

    /// <summary>The seal whose entries are being read. Its MAC was good, so its record reads as the sealer wrote it.</summary>
    private sealed record Seal(long Number, byte[] Mac, long Entries, byte[] Hash)
    {
        // Two numbers of fields and for each a type and a length; the hash comes last and the count before it.
        private const int Head = 2 * sizeof(int);

        public static Seal Of(long number, byte[] record, byte[] mac)
        {
            var hash = record[^SHA256.HashSizeInBytes..];
            return new(number, mac, BinaryPrimitives.ReadInt64BigEndian(record.AsSpan(record.Length - hash.Length - Head - sizeof(long))), hash);
        }
    }
}
