using System.Data;
using Npgsql;

namespace Backend.Platform.Audit;

/// <summary>
/// Verifies the whole chain in one snapshot of the database, as a stream, while the service goes on (AU03): the sealed entries, those that are not sealed yet,
/// and the second sink's heads. Made for one run.
/// </summary>
internal sealed class AuditVerifier(AuditKeys keys) : IDisposable
{
    private const int HeadsAtOnce = 1000;

    private readonly AuditChecks _checks = new(keys);
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
        finding ??= await VerifyHeadsAsync(connection, sink, cancellation);
        return _checks.Report(finding, _heads);
    }

    /// <summary>The same on a connection whose transaction is the caller's.</summary>
    public async Task<AuditReport> RunAsync(NpgsqlConnection connection, string? sink, CancellationToken cancellation)
    {
        var finding = await VerifyEntriesAsync(connection, cancellation) ?? await VerifyHeadsAsync(connection, sink, cancellation);
        return _checks.Report(finding, _heads);
    }

    public void Dispose() => _checks.Dispose();

    private async Task<AuditFinding?> VerifyEntriesAsync(NpgsqlConnection connection, CancellationToken cancellation) =>
        await VerifySealedAsync(connection, cancellation) ?? await VerifyUnsealedAsync(connection, cancellation);

    private async Task<AuditFinding?> VerifySealedAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = Command(connection, $"""
            select s.number, s.record, s.mac, e.record
            from (select number, mac, snapshot, lag(snapshot) over (order by number) as former, {SealRecord.Record} as record from audit_seals) s
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
                if (_checks.Begin(number, rows.GetFieldValue<byte[]>(1), rows.IsDBNull(2) ? [] : rows.GetFieldValue<byte[]>(2)) is { } finding) return finding;
            }

            if (!rows.IsDBNull(3) && _checks.Entry(rows.GetFieldValue<byte[]>(3)) is { } wrong) return wrong;
        }

        return _checks.End();
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
            if (_checks.Unsealed(rows.GetFieldValue<byte[]>(0)) is { } wrong) return wrong;

        return null;
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql) => new(sql, connection) { CommandTimeout = 0 };
}
