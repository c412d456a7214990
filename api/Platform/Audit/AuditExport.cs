using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Npgsql;
using NpgsqlTypes;

namespace Backend.Platform.Audit;

/// <summary>The seals of an export.</summary>
/// <param name="Former">The one before the first; 0 when there is none.</param>
/// <param name="FormerMac">Its MAC.</param>
/// <param name="Last">The last one.</param>
/// <param name="Ends">The first entry and the last one, where there are any.</param>
internal sealed record AuditExportRange(long Former, byte[]? FormerMac, long Last, Guid[] Ends);

/// <summary>
/// Writes a piece of the chain with its proof (AU04), in pages, as the role that seals it: no transaction, connection or snapshot is held while the client takes
/// what it was given. Sealed rows never change, so the pages say what one snapshot would.
/// </summary>
internal sealed class AuditExport(WorkerDataSource worker, AuditKeys keys)
{
    private const int SealsAtOnce = 500, EntriesAtOnce = 2_000;

    /// <summary>Seconds for one page, whatever else the worker's role may.</summary>
    private const int Patience = 20;

    /// <summary>
    /// Begins behind the last seal from before the first day and ends with the last one from before the day after: files of days that follow each other leave
    /// out no seal and have none twice, whatever the clock has done.
    /// </summary>
    public async Task<AuditExportRange> FindAsync(DateOnly from, DateOnly to, CancellationToken cancellation)
    {
        await using var command = Patient(worker.Source.CreateCommand($"""
            with range as materialized (select
                coalesce((select max(number) from audit_seals where sealed_at < @from), 0) as former, coalesce((select max(number) from audit_seals where sealed_at < @until), 0) as last)
            select r.former, (select mac from audit_seals where number = r.former), r.last, ({EntryOf("min", "asc")}), ({EntryOf("max", "desc")})
            from range r
            """));
        command.Parameters.Add(new NpgsqlParameter("from", ShanghaiDay.At(from, TimeOnly.MinValue)));
        command.Parameters.Add(new NpgsqlParameter("until", ShanghaiDay.At(to.AddDays(1), TimeOnly.MinValue)));
        await using var rows = await command.ExecuteReaderAsync(cancellation);
        await rows.ReadAsync(cancellation);
        Guid? Id(int column) => rows.IsDBNull(column) ? null : rows.GetGuid(column);
        return new(rows.GetInt64(0), rows.IsDBNull(1) ? null : rows.GetFieldValue<byte[]>(1), rows.GetInt64(2), [.. ((Guid?[])[Id(3), Id(4)]).OfType<Guid>().Distinct()]);
    }

    public async Task WriteAsync(Stream file, AuditFileHeader header, long last, CancellationToken cancellation)
    {
        using var lines = new AuditFileWriter(keys);
        lines.Header(header);
        Cursor? cursor = new(header.FormerSeal + 1);
        while (cursor is not null)
        {
            cursor = await ReadPageAsync(lines, cursor, last, cancellation);
            await lines.FlushAsync(file, cancellation);
        }

        lines.Footer();
        await lines.FlushAsync(file, cancellation);
    }

    /// <summary>SQL of the id of the first or last entry of the first or last seal of a range <c>r</c>.</summary>
    private static string EntryOf(string end, string order) => $"""
        select e.id
        from (select snapshot, (select f.snapshot from audit_seals f where f.number < s.number order by f.number desc limit 1) as former
            from audit_seals s where number = (select {end}(number) from audit_seals where number > r.former and number <= r.last)) s
        cross join lateral ({AuditRecord.Covered("s.former", "s.snapshot")}) e order by e.xid {order}, e.id {order} limit 1
        """;

    /// <summary>One page of lines, and where the next one begins; null behind the last.</summary>
    private async Task<Cursor?> ReadPageAsync(AuditFileWriter lines, Cursor cursor, long last, CancellationToken cancellation)
    {
        // So many seals as have about one page of entries; of a larger seal a part. The one before the first is there for its snapshot.
        await using var command = Patient(worker.Source.CreateCommand($"""
            select s.number, s.record, s.mac, e.record, e.xid::text, e.id
            from (
                select number, mac, snapshot, lag(snapshot) over chain as former, {SealRecord.Record} as record,
                    coalesce(sum(entries) filter (where number >= @number) over (chain rows between unbounded preceding and 1 preceding), 0) as before
                from (select * from audit_seals where number >= coalesce((select max(number) from audit_seals where number < @number), 0) and number <= @last order by number limit @seals) a
                window chain as (order by number)) s
            left join lateral ({AuditRecord.Covered("s.former", "s.snapshot")}) e on true
            where s.number >= @number and s.before < @entries and (@xid::xid8 is null or s.number > @number or (e.xid, e.id) > (@xid::xid8, @id))
            order by s.number, e.xid, e.id limit @entries
            """));
        command.Parameters.AddRange((NpgsqlParameter[])
        [
            new("number", cursor.Seal), new("last", last), new("seals", SealsAtOnce), new("entries", EntriesAtOnce),
            new("xid", NpgsqlDbType.Text) { Value = (object?)cursor.After?.Xid ?? DBNull.Value }, new("id", NpgsqlDbType.Uuid) { Value = (object?)cursor.After?.Id ?? DBNull.Value },
        ]);
        await using var rows = await command.ExecuteReaderAsync(cancellation);
        var (count, seal, after) = (0, cursor.After is null ? (long?)null : cursor.Seal, cursor.After);
        for (; await rows.ReadAsync(cancellation); count++)
        {
            if (rows.GetInt64(0) is var number && number != seal)
            {
                (seal, after) = (number, null);
                lines.Seal(rows.GetFieldValue<byte[]>(1), rows.GetFieldValue<byte[]>(2));
            }

            if (rows.IsDBNull(3)) continue;
            lines.Entry(rows.GetFieldValue<byte[]>(3));
            after = new(rows.GetString(4), rows.GetGuid(5));
        }

        // A full page may end within a seal; any other has all of its seals.
        return seal is not { } reached ? null : count == EntriesAtOnce && after is not null ? new(reached, after) : new(reached + 1);
    }

    private static NpgsqlCommand Patient(NpgsqlCommand command)
    {
        command.CommandTimeout = Patience;
        return command;
    }

    /// <summary>The seal that comes next, or goes on behind one of its entries.</summary>
    private sealed record Cursor(long Seal, Place? After = null);

    private sealed record Place(string Xid, Guid Id);
}
