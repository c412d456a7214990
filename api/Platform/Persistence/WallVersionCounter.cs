using Backend.Domain.Households;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Backend.Platform.Persistence;

/// <summary>
/// Raises the version of each touched wall root once, stamps the changed tiles and writes the tile history, all in one statement right before
/// COMMIT. Roots are locked in id order, so writers never deadlock and versions have no gaps (kernel.md section 5).
/// </summary>
internal static class WallVersionCounter
{
    private const string Move = "select root, raised from app.move_grid_node(@node, @parent, @position, @now)";

    private const string Raise = """
        with input as (
            select * from unnest(@ids, @tiers, @states, @dues, @visits) as i(household_id, tier, state, due_day, last_visit_day)),
        roots as (
            select node_id from wall_roots
            where node_id in (select root_id from tiles where household_id = any(@ids))
            order by node_id for update),
        raised as (
            update wall_roots w set version = w.version + 1 from roots r where w.node_id = r.node_id returning w.node_id, w.version),
        stamped as (
            update tiles t set tier = i.tier, state = i.state, due_day = i.due_day, last_visit_day = i.last_visit_day, version = w.version
            from input i, raised w
            where t.household_id = i.household_id and w.node_id = t.root_id
            returning t.*),
        history as (
            insert into tile_changes (root_id, version, household_id, node_id, node_path, door, tier, state, due_day, last_visit_day, removed, at)
            select root_id, version, household_id, node_id, node_path, door, tier, state, due_day, last_visit_day, false, @now from stamped)
        select node_id, version, (select count(*) from stamped) from raised
        """;

    public static async Task<IReadOnlyDictionary<Guid, long>> RaiseAsync(BackendDb db, IReadOnlyList<Household> households, CancellationToken cancellation)
    {
        await using var command = (NpgsqlCommand)db.Database.GetDbConnection().CreateCommand();
        command.Transaction = (NpgsqlTransaction)db.Database.CurrentTransaction!.GetDbTransaction();
        command.CommandText = Raise;
        command.Parameters.AddWithValue("ids", households.Select(h => h.Id).ToArray());
        command.Parameters.AddWithValue("tiers", households.Select(h => SnakeCase.Of(h.Tier)).ToArray());
        command.Parameters.AddWithValue("states", households.Select(h => h.State is { } s ? SnakeCase.Of(s) : null).ToArray());
        command.Parameters.AddWithValue("dues", households.Select(h => h.DueDay).ToArray());
        command.Parameters.AddWithValue("visits", households.Select(h => h.LastVisitDay).ToArray());
        command.Parameters.AddWithValue("now", db.Now);
        var versions = new Dictionary<Guid, long>();
        long stamped = 0;
        await using (var reader = await command.ExecuteReaderAsync(cancellation))
        {
            while (await reader.ReadAsync(cancellation))
            {
                versions[reader.GetGuid(0)] = reader.GetInt64(1);
                stamped = reader.GetInt64(2);
            }
        }

        if (stamped != households.Count)
            throw new InvalidOperationException($"{households.Count} tiles changed, {stamped} were in reach: the transaction is not committed.");
        return versions;
    }

    /// <summary>The move itself: paths, wall roots, tiles and their history, the versions last (GridEdits.security.sql).</summary>
    public static async Task<IReadOnlyDictionary<Guid, long>> MoveAsync(BackendDb db, GridMove move, CancellationToken cancellation)
    {
        await using var command = (NpgsqlCommand)db.Database.GetDbConnection().CreateCommand();
        command.Transaction = (NpgsqlTransaction)db.Database.CurrentTransaction!.GetDbTransaction();
        command.CommandText = Move;
        command.Parameters.AddWithValue("node", move.Node);
        command.Parameters.AddWithValue("parent", move.Parent);
        command.Parameters.AddWithValue("position", move.Position);
        command.Parameters.AddWithValue("now", db.Now);
        var versions = new Dictionary<Guid, long>();
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation)) versions[reader.GetGuid(0)] = reader.GetInt64(1);
        return versions;
    }
}

/// <summary>A node, the one that it shall hang on, and its order there.</summary>
internal sealed record GridMove(Guid Node, Guid Parent, int Position);
