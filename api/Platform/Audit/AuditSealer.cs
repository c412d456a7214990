using System.Security.Cryptography;
using Backend.Platform.Outbox;
using Backend.Platform.Persistence;
using Npgsql;
using NpgsqlTypes;

namespace Backend.Platform.Audit;

/// <summary>
/// Seals audit entries (AU03): what was committed since the last seal gets one row with its count, the hash of its rows in order, and a MAC chained over
/// the former seal's. One replica at a time, by a lock that ends with its transaction; the newest head is copied to the second sink by every replica, so
/// what a killed one left behind is copied by the next pass of any.
/// </summary>
internal sealed class AuditSealer(WorkerDataSource worker, AuditKeys keys, AuditSink sink, TimeProvider clock, ILogger<AuditSealer> log) : BackgroundService
{
    /// <summary>With the pass itself an entry stays open for less than 5 s.</summary>
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(4);

    private AuditHead? _missed;

    /// <summary>
    /// Transaction numbers order the chain, and a dump that was read into a new server finds them lower than they were: entries written there would fall
    /// among those that are sealed.
    /// </summary>
    /// <exception cref="StartRefused">The newest seal is ahead of this server.</exception>
    public static async Task CheckServerAsync(NpgsqlDataSource source, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(
            "select pg_snapshot_xmax(snapshot) > pg_snapshot_xmax(pg_current_snapshot()) from audit_seals order by number desc limit 1");
        if (await command.ExecuteScalarAsync(cancellation) is true)
            throw new StartRefused("数据库的事务编号低于审计链的记录，这是把转储恢复到了新的服务器。请先停止数据库，用 pg_resetwal -e 提高事务编号的纪元（docs/operations.md 第 10 节）。");
    }

    /// <summary>Seals what is new and copies the newest head; gives the number of entries that it sealed.</summary>
    public async Task<long> PassAsync(CancellationToken cancellation)
    {
        var entries = await SealAsync(cancellation);
        await CopyHeadAsync(cancellation);
        return entries;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) await TryPassAsync(stoppingToken);
        }
        catch (OperationCanceledException)
        {
            // Stopping; another replica seals the rest, or the first pass after the next start.
        }
    }

    private async Task TryPassAsync(CancellationToken stopping)
    {
        try
        {
            await PassAsync(stopping);
        }
        catch (Exception failure) when (!stopping.IsCancellationRequested)
        {
            log.LogWarning("The audit chain waits for its next pass: {Error}.", failure.GetType().Name);
        }
    }

    private async Task<long> SealAsync(CancellationToken cancellation)
    {
        await using var connection = await worker.Source.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        // No time limit: the first seal of a deployment that is upgraded has years of entries.
        await using (var begin = new NpgsqlCommand(
            "select pg_try_advisory_xact_lock(hashtextextended('audit_seals', 0)), set_config('statement_timeout', '0', true)", connection))
            if (await begin.ExecuteScalarAsync(cancellation) is not true) return 0;

        var (former, snapshot) = await LookAsync(connection, cancellation);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var (entries, suspect) = (0L, (Guid?)null);
        await using (var command = new NpgsqlCommand($"{AuditRecord.Covered("@former::pg_snapshot", "@snapshot::pg_snapshot")} order by xid, id", connection))
        {
            command.Parameters.Add(new NpgsqlParameter("former", NpgsqlDbType.Text) { Value = (object?)former?.Snapshot ?? DBNull.Value });
            command.Parameters.Add(new NpgsqlParameter("snapshot", snapshot));
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            while (await reader.ReadAsync(cancellation))
            {
                var bytes = reader.GetFieldValue<byte[]>(2);
                hash.AppendData(bytes);
                entries++;
                var entry = new AuditRecord(bytes);
                // Only the first seal may have entries from before the chain.
                if (suspect is null && (entry.HasMac ? entry.Check(keys) != MacCheck.Good : former is not null)) suspect = entry.Id;
            }
        }

        if (entries == 0) return 0;
        await InsertAsync(connection, former, snapshot, entries, hash.GetHashAndReset(), cancellation);
        await transaction.CommitAsync(cancellation);
        // Changed before it was sealed, or not written by us. Sealed all the same: it is evidence now.
        if (suspect is { } id) log.OperatorAlarm("audit_entry_suspect", id);
        return entries;
    }

    private static async Task<(Former? Former, string Snapshot)> LookAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("""
            select pg_current_snapshot()::text, s.number, s.snapshot::text, s.mac
            from (values (true)) one left join lateral (select number, snapshot, mac from audit_seals order by number desc limit 1) s on true
            """, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        await reader.ReadAsync(cancellation);
        var former = reader.IsDBNull(1) ? null : new Former(reader.GetInt64(1), reader.GetString(2), reader.GetFieldValue<byte[]>(3));
        return (former, reader.GetString(0));
    }

    private async Task InsertAsync(NpgsqlConnection connection, Former? former, string snapshot, long entries, byte[] hash, CancellationToken cancellation)
    {
        NpgsqlParameter[] Values() =>
            [new("number", (former?.Number ?? 0) + 1), new("snapshot", snapshot), new("entries", entries), new("hash", hash)];

        byte[] record;
        DateTimeOffset sealedAt;
        // The database says how the row will read, to the byte, and by its own clock.
        await using (var asked = new NpgsqlCommand($"""
            select {SealRecord.Record}, sealed_at
            from (select @number as number, clock_timestamp() as sealed_at, @snapshot::pg_snapshot as snapshot, @entries as entries, @hash as hash) s
            """, connection))
        {
            asked.Parameters.AddRange(Values());
            await using var reader = await asked.ExecuteReaderAsync(cancellation);
            await reader.ReadAsync(cancellation);
            (record, sealedAt) = (reader.GetFieldValue<byte[]>(0), reader.GetFieldValue<DateTimeOffset>(1));
        }

        await using var insert = new NpgsqlCommand(
            "insert into audit_seals (number, sealed_at, snapshot, entries, hash, mac) values (@number, @sealed_at, @snapshot::pg_snapshot, @entries, @hash, @mac)", connection);
        insert.Parameters.AddRange(Values());
        insert.Parameters.Add(new NpgsqlParameter("sealed_at", sealedAt));
        insert.Parameters.Add(new NpgsqlParameter("mac", keys.Sign(MacOf.Seal, SealRecord.SignedPart(former?.Mac, record))));
        await insert.ExecuteNonQueryAsync(cancellation);
    }

    private async Task CopyHeadAsync(CancellationToken cancellation)
    {
        AuditHead? head = null;
        string? stillThere = null;
        await using (var command = worker.Source.CreateCommand("""
            select s.number, encode(s.mac, 'hex'), (select encode(c.mac, 'hex') from audit_seals c where c.number = @copied)
            from audit_seals s order by s.number desc limit 1
            """))
        {
            command.Parameters.Add(new NpgsqlParameter("copied", sink.Newest?.Number ?? 0));
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            if (await reader.ReadAsync(cancellation))
                (head, stillThere) = (new AuditHead(reader.GetInt64(0), reader.GetString(1)), reader.IsDBNull(2) ? null : reader.GetString(2));
        }

        if (sink.Newest is { } copied && copied.Mac != stillThere && _missed != copied)
        {
            _missed = copied;
            log.OperatorAlarm("audit_chain_cut", Guid.Empty);
        }

        if (head is { } newest && newest != sink.Newest) await sink.AppendAsync(newest, cancellation);
    }

    private sealed record Former(long Number, string Snapshot, byte[] Mac);
}

/// <summary>A seal's row as bytes, the same way as <see cref="AuditRecord"/>.</summary>
internal readonly ref struct SealRecord(ReadOnlySpan<byte> bytes)
{
    public const string Record = "record_send(row(number, sealed_at, snapshot, entries, hash))";

    private const int Fields = 5;

    private readonly BinaryRecord _record = new(bytes);

    public bool IsWhole => _record.IsOf(Fields);

    public long Number => _record.Long(0) ?? 0;

    public DateTimeOffset? SealedAt => _record.Moment(1);

    public string? Snapshot => _record.Snapshot(2);

    public long Entries => _record.Long(3) ?? 0;

    public byte[] Hash => _record.Field(4, out _).ToArray();

    /// <summary>The former seal's MAC makes the chain; the first one has none.</summary>
    public static byte[] SignedPart(byte[]? formerMac, byte[] record) => [.. formerMac ?? [], .. record];
}
