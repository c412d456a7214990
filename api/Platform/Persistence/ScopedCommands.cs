using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Npgsql;
using NpgsqlTypes;

namespace Backend.Platform.Persistence;

/// <summary>The only writer of <c>app.*</c> settings (architecture test), for EF transactions and for one-trip batches.</summary>
internal static class ScopedCommands
{
    private const string SetScope =
        "select set_config('app.account', @account, true), set_config('app.reach', @reach, true), set_config('app.homes', @homes, true)";

    /// <summary>
    /// A column that keeps the id of the row that was found, for the statements after it in its batch: with <see cref="Target"/> they do of an object out of sight
    /// what they do of one that is not there, to the microsecond (AZ07). What they may see is still for row level security to say.
    /// </summary>
    public const string KeepTarget = "set_config('app.target', id::text, true)";

    /// <summary>The id that <see cref="KeepTarget"/> has kept in this transaction, or null.</summary>
    public const string Target = "nullif(current_setting('app.target', true), '')::uuid";

    public static async Task SetScopeAsync(BackendDb db, Scope scope, CancellationToken cancellation)
    {
        await using var command = (NpgsqlCommand)db.Database.GetDbConnection().CreateCommand();
        command.Transaction = (NpgsqlTransaction?)Microsoft.EntityFrameworkCore.Storage.DbContextTransactionExtensions.GetDbTransaction(db.Database.CurrentTransaction!);
        command.CommandText = SetScope;
        AddScope(command.Parameters, scope);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>
    /// Runs reads under the scope as one implicit transaction in one round trip (kernel.md section 3). The reader stands on the first
    /// command's result; dispose it before the answer leaves, because a commit error surfaces only there.
    /// </summary>
    /// <param name="source">The app's data source.</param>
    /// <param name="scope">Whose reach holds.</param>
    /// <param name="commands">The reads, and the audit row of them.</param>
    /// <param name="cancellation">Cancels the commands.</param>
    public static async Task<ScopedReader> ReadAsync(AppDataSource source, Scope scope, IReadOnlyList<NpgsqlBatchCommand> commands, CancellationToken cancellation)
    {
        var connection = await source.Source.OpenConnectionAsync(cancellation);
        try
        {
            var batch = new NpgsqlBatch(connection);
            batch.BatchCommands.Add(ReadScope(scope));
            foreach (var command in commands) batch.BatchCommands.Add(command);
            var reader = await batch.ExecuteReaderAsync(cancellation);
            await reader.NextResultAsync(cancellation);
            return new ScopedReader(connection, batch, reader);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>The first command of a read's batch. The loss window of its unflushed audit row is stated in docs/operations.md, section 10 (AU02); no domain data is written here.</summary>
    public static NpgsqlBatchCommand ReadScope(Scope scope) => First(SetScope + ", set_config('synchronous_commit', 'off', true)", scope);

    /// <summary>The first command of a batch that writes.</summary>
    public static NpgsqlBatchCommand WriteScope(Scope scope) => First(SetScope, scope);

    /// <summary>
    /// Writes rows that need nothing read before: all of them under the scope as one implicit transaction, in one round trip with its commit.
    /// It is durable when this returns. Whatever an entity decides goes through <see cref="BackendDb"/> instead.
    /// </summary>
    public static async Task WriteAsync(AppDataSource source, Scope scope, IReadOnlyList<NpgsqlBatchCommand> commands, CancellationToken cancellation)
    {
        await using var connection = await source.Source.OpenConnectionAsync(cancellation);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(WriteScope(scope));
        foreach (var command in commands) batch.BatchCommands.Add(command);
        await batch.ExecuteNonQueryAsync(cancellation);
    }

    public static NpgsqlBatchCommand Command(string sql, params ReadOnlySpan<NpgsqlParameter> parameters)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var parameter in parameters) command.Parameters.Add(parameter);
        return command;
    }

    private static NpgsqlBatchCommand First(string sql, Scope scope)
    {
        var first = new NpgsqlBatchCommand(sql);
        AddScope(first.Parameters, scope);
        return first;
    }

    private static void AddScope(NpgsqlParameterCollection parameters, Scope scope)
    {
        parameters.Add(new NpgsqlParameter("account", NpgsqlDbType.Text) { Value = scope.AccountSetting });
        parameters.Add(new NpgsqlParameter("reach", NpgsqlDbType.Text) { Value = scope.ReachSetting });
        parameters.Add(new NpgsqlParameter("homes", NpgsqlDbType.Text) { Value = scope.HomesSetting });
    }
}

internal sealed class ScopedReader(NpgsqlConnection connection, NpgsqlBatch batch, NpgsqlDataReader reader) : IAsyncDisposable
{
    public NpgsqlDataReader Rows => reader;

    public Task<bool> NextResultAsync(CancellationToken cancellation) => reader.NextResultAsync(cancellation);

    public async ValueTask DisposeAsync()
    {
        // Drain what is left, so that an error of the implicit commit is seen before the answer leaves.
        try
        {
            while (await reader.NextResultAsync()) { }
        }
        finally
        {
            await reader.DisposeAsync();
            await batch.DisposeAsync();
            await connection.DisposeAsync();
        }
    }
}

/// <summary>Refuses every EF command outside a transaction that has its scope set, and the synchronous paths.</summary>
internal sealed class ScopeGuard : DbCommandInterceptor
{
    public static readonly ScopeGuard Instance = new();

    public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
    {
        Check(command, eventData);
        return ValueTask.FromResult(result);
    }

    public override ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        Check(command, eventData);
        return ValueTask.FromResult(result);
    }

    public override ValueTask<InterceptionResult<object>> ScalarExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<object> result, CancellationToken cancellationToken = default)
    {
        Check(command, eventData);
        return ValueTask.FromResult(result);
    }

    public override InterceptionResult<DbDataReader> ReaderExecuting(DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result) =>
        throw Synchronous();

    public override InterceptionResult<int> NonQueryExecuting(DbCommand command, CommandEventData eventData, InterceptionResult<int> result) =>
        throw Synchronous();

    public override InterceptionResult<object> ScalarExecuting(DbCommand command, CommandEventData eventData, InterceptionResult<object> result) =>
        throw Synchronous();

    private static void Check(DbCommand command, CommandEventData eventData)
    {
        if (eventData.Context is not BackendDb { InScope: true } || command.Transaction is null)
            throw new InvalidOperationException("A command outside a transaction with its scope set: call BackendDb.BeginAsync first.");
    }

    private static NotSupportedException Synchronous() => new("The synchronous paths are closed.");
}
