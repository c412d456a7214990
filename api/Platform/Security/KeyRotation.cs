using System.Buffers.Binary;
using System.Data;
using System.Security.Cryptography;
using System.Text;
using Backend.Domain.Privacy;
using Npgsql;
using NpgsqlTypes;

namespace Backend.Platform.Security;

/// <summary>How far a rotation has come with one column.</summary>
/// <param name="Field">The column.</param>
/// <param name="Changed">Values that were changed over to the present keys, in all runs of this rotation.</param>
/// <param name="Remaining">Values that still stand under another key; null while the column is worked on.</param>
internal sealed record RotationProgress(string Field, long Changed, long? Remaining = null);

/// <summary>
/// Changes every sealed value and every blind index over to the keys that hold now, while the service runs (PD02, PD03, docs/adr/020). In batches, each a
/// transaction of its own with the place it has come to, so it may be ended at any moment and goes on from there. A row that somebody is writing at this
/// moment is left out, so nobody is kept waiting by this and this by nobody; it is written under the present key, or found at the end. What was changed in
/// between is not overwritten: a value is replaced only where the bytes are still those that were read. Nothing else of a row is touched: no revision, no
/// wall version, no right.
/// </summary>
internal sealed class KeyRotation(NpgsqlDataSource owner, Vault vault, TimeProvider clock, int batch = 200)
{
    /// <summary>"Rotation" in numbers: one at a time in a database.</summary>
    private const long Lock = 0x726f746174696f6e;

    /// <summary>What a column is gone through again for: rows that were being written at the time. More than that is somebody who still uses a former key.</summary>
    private const int Rounds = 3;

    /// <summary>The keys towards which values are changed, without saying anything of them: a rotation to others begins anew.</summary>
    private readonly string _target = $"{vault.CurrentKey} {Convert.ToHexStringLower(vault.BlindIndex("key_rotations", ""))[..16]}";

    /// <summary>Goes on until every value stands under the present keys, or somebody keeps writing under others.</summary>
    /// <param name="tell">Is told after each batch, and with <see cref="RotationProgress.Remaining"/> at the end of each column.</param>
    /// <returns>How many values still stand under another key.</returns>
    /// <exception cref="RotationRuns">Another one runs on this database.</exception>
    public async Task<long> RunAsync(Action<RotationProgress> tell, CancellationToken cancellation)
    {
        await using var connection = await OpenAsync(cancellation);
        await using (var alone = Command(connection, "select pg_try_advisory_lock(@lock)", new NpgsqlParameter("lock", Lock)))
            if (await alone.ExecuteScalarAsync(cancellation) is not true) throw new RotationRuns();

        try
        {
            var remaining = 0L;
            foreach (var column in SealedColumn.All) remaining += await ChangeAsync(connection, column, tell, cancellation);
            return remaining;
        }
        finally
        {
            // A connection that goes back to its pool would keep it.
            if (connection.State == ConnectionState.Open)
            {
                await using var end = Command(connection, "select pg_advisory_unlock(@lock)", new NpgsqlParameter("lock", Lock));
                await end.ExecuteScalarAsync(CancellationToken.None);
            }
        }
    }

    /// <summary>How many values of each column stand under another key than the present ones. Changes nothing.</summary>
    public async Task<IReadOnlyList<RotationProgress>> CountAsync(CancellationToken cancellation)
    {
        await using var connection = await OpenAsync(cancellation);
        var found = new List<RotationProgress>();
        foreach (var column in SealedColumn.All)
            found.Add(new RotationProgress(column.Field, (await PlaceAsync(connection, column, cancellation)).Changed, await RemainingAsync(connection, column, cancellation)));
        return found;
    }

    private async Task<long> ChangeAsync(NpgsqlConnection connection, SealedColumn column, Action<RotationProgress> tell, CancellationToken cancellation)
    {
        var place = await PlaceAsync(connection, column, cancellation);
        var remaining = 0L;
        for (var round = 0; round < Rounds; round++)
        {
            while (!place.IsFinished)
            {
                place = await ChangeBatchAsync(connection, column, place, cancellation);
                tell(new RotationProgress(column.Field, place.Changed));
            }

            remaining = await RemainingAsync(connection, column, cancellation);
            if (remaining == 0) break;
            place = place with { After = Guid.Empty, IsFinished = false };
        }

        tell(new RotationProgress(column.Field, place.Changed, remaining));
        return remaining;
    }

    private async Task<Place> ChangeBatchAsync(NpgsqlConnection connection, SealedColumn column, Place place, CancellationToken cancellation)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        // Whoever hangs a row on one of these is not kept waiting either: no key of theirs changes.
        var rows = await ReadAsync(connection, column, $"and id > @after order by id limit {batch} for no key update skip locked", place.After, cancellation);
        var stale = rows.Select(r => (Old: r, New: Renewed(column, r))).Where(r => r.New is not null).ToList();
        var changed = 0;
        if (stale.Count > 0)
        {
            await using var update = Command(connection, $"""
                update {column.Table} t set {column.Column} = v.new{(column.Index is null ? "" : $", {column.Index} = v.index")}
                from unnest(@ids, @old, @new, @indexes) v(id, old, new, index) where t.id = v.id and t.{column.Column} = v.old
                """,
                new("ids", stale.Select(r => r.Old.Id).ToArray()), new("old", stale.Select(r => r.Old.Value).ToArray()),
                new("new", stale.Select(r => r.New!.Value).ToArray()), new("indexes", NpgsqlDbType.Array | NpgsqlDbType.Bytea) { Value = stale.Select(r => r.New!.Index).ToArray() });
            changed = await update.ExecuteNonQueryAsync(cancellation);
        }

        var next = new Place(rows.Count > 0 ? rows[^1].Id : place.After, place.Changed + changed, IsFinished: rows.Count == 0);
        await using (var keep = Command(connection, """
            insert into key_rotations (field, target, after, changed, moved_at, finished_at) values (@field, @target, @after, @changed, @now, @finished)
            on conflict (field) do update set target = excluded.target, after = excluded.after, changed = excluded.changed, moved_at = excluded.moved_at, finished_at = excluded.finished_at
            """,
            new("field", column.Field), new("target", _target), new("after", next.After), new("changed", next.Changed), new("now", clock.GetUtcNow()),
            new("finished", NpgsqlDbType.TimestampTz) { Value = next.IsFinished ? clock.GetUtcNow() : DBNull.Value }))
            await keep.ExecuteNonQueryAsync(cancellation);

        await transaction.CommitAsync(cancellation);
        return next;
    }

    /// <summary>The same row under the present keys, or null when it is.</summary>
    private Row? Renewed(SealedColumn column, Row row)
    {
        var isSealed = Vault.KeyOf(row.Value) == vault.CurrentKey;
        if (isSealed && row.Index is null) return null;
        var plain = vault.Open(column.Field, row.Id, new Sealed(row.Value));
        var index = row.Index is null ? null : vault.BlindIndex(column.IndexField!, Encoding.UTF8.GetString(plain));
        return isSealed && CryptographicOperations.FixedTimeEquals(index, row.Index) ? null : new Row(row.Id, isSealed ? row.Value : vault.Seal(column.Field, row.Id, plain).Bytes, index);
    }

    private async Task<long> RemainingAsync(NpgsqlConnection connection, SealedColumn column, CancellationToken cancellation)
    {
        if (!IsRead(column))
        {
            await using var count = Command(connection, $"select count(*) from {column.Table} where {Stale(column)}", Key());
            return (long)(await count.ExecuteScalarAsync(cancellation))!;
        }

        var (remaining, after) = (0L, Guid.Empty);
        while (await ReadAsync(connection, column, "and id > @after order by id limit 5000", after, cancellation) is { Count: > 0 } rows)
        {
            remaining += rows.Count(r => Renewed(column, r) is not null);
            after = rows[^1].Id;
        }

        return remaining;
    }

    private async Task<List<Row>> ReadAsync(NpgsqlConnection connection, SealedColumn column, string which, Guid after, CancellationToken cancellation)
    {
        await using var select = Command(connection, $"select id, {column.Column}, {column.Index ?? "null::bytea"} from {column.Table} where {Stale(column)} {which}", Key(), new("after", after));
        await using var reader = await select.ExecuteReaderAsync(cancellation);
        var rows = new List<Row>();
        while (await reader.ReadAsync(cancellation))
            rows.Add(new Row(reader.GetGuid(0), reader.GetFieldValue<byte[]>(1), reader.IsDBNull(2) ? null : reader.GetFieldValue<byte[]>(2)));
        return rows;
    }

    /// <summary>Of an index nobody sees by which key it was made: while there are two, every row is opened.</summary>
    private bool IsRead(SealedColumn column) => column.Index is not null && vault.HasOtherIndexKey;

    /// <summary>The rows that may need changing. An empty value is none.</summary>
    private string Stale(SealedColumn column) =>
        $"octet_length({column.Column}) > 0" + (IsRead(column) ? "" : $" and substring({column.Column} from 1 for {Vault.KeyIdLength}) <> @key");

    private NpgsqlParameter Key()
    {
        var key = new byte[Vault.KeyIdLength];
        BinaryPrimitives.WriteUInt32BigEndian(key, vault.CurrentKey);
        return new NpgsqlParameter("key", key);
    }

    private async Task<Place> PlaceAsync(NpgsqlConnection connection, SealedColumn column, CancellationToken cancellation)
    {
        await using var command = Command(connection, "select after, changed, finished_at is not null from key_rotations where field = @field and target = @target", new("field", column.Field), new("target", _target));
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation) ? new Place(reader.GetGuid(0), reader.GetInt64(1), reader.GetBoolean(2)) : new Place(Guid.Empty, 0, IsFinished: false);
    }

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellation)
    {
        var connection = await owner.OpenConnectionAsync(cancellation);
        // The owner itself sees no row of the guarded tables, and neither role of the service sees these columns.
        await using var become = new NpgsqlCommand("set role backend_definer", connection);
        await become.ExecuteNonQueryAsync(cancellation);
        return connection;
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, params NpgsqlParameter[] parameters)
    {
        var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 300 };
        command.Parameters.AddRange(parameters);
        return command;
    }

    private sealed record Row(Guid Id, byte[] Value, byte[]? Index);

    private readonly record struct Place(Guid After, long Changed, bool IsFinished);
}

/// <summary>Another rotation runs on the same database.</summary>
internal sealed class RotationRuns : Exception;
