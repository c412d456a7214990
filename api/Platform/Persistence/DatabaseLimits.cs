using System.Data.Common;
using Npgsql;

namespace Backend.Platform.Persistence;

/// <summary>
/// Limits of a data source (RL18), each taken where the connection string does not name its own; docs/operations.md says what they cost the server.
/// A server that is silent instead of gone costs a request the command limit and then one connect limit, which Npgsql spends on trying to cancel:
/// 2 s together, within the 3 s of RL14.
/// </summary>
/// <param name="Pool">Connections of one replica at most.</param>
/// <param name="Kept">
/// Connections that are opened at the start and stay. A new one costs the server a tenth of a second of its processor before its first answer (its catalogue is
/// empty, no policy is parsed): sixteen people who came at once after a quiet night would wait for each other longer than the limits allow.
/// </param>
/// <param name="Command">Seconds that the client waits for an answer to one command.</param>
/// <param name="Statement">Seconds after which the server itself ends a statement, whatever became of the client.</param>
/// <param name="IdleInTransaction">Seconds after which the server rolls back for a client that has fallen silent, and with it frees its locks and keys.</param>
internal sealed record DatabaseLimits(int Pool, int Kept, int Command, int Statement, int IdleInTransaction)
{
    /// <summary>Seconds to a connection, or to a free place in the pool.</summary>
    public const int Connect = 1;

    /// <summary>Requests: somebody waits.</summary>
    public static readonly DatabaseLimits App = new(Pool: 30, Kept: 16, Command: 1, Statement: 5, IdleInTransaction: 10);

    /// <summary>Background work; a message may take a minute (OutboxDispatcher).</summary>
    public static readonly DatabaseLimits Worker = new(Pool: 16, Kept: 8, Command: 30, Statement: 60, IdleInTransaction: 75);

    public void ApplyTo(NpgsqlConnectionStringBuilder settings)
    {
        var named = new DbConnectionStringBuilder { ConnectionString = settings.ConnectionString };
        if (!named.ContainsKey("Maximum Pool Size")) settings.MaxPoolSize = Pool;
        if (!named.ContainsKey("Minimum Pool Size")) settings.MinPoolSize = Math.Min(Kept, settings.MaxPoolSize);
        if (!named.ContainsKey("Timeout")) settings.Timeout = Connect;
        if (!named.ContainsKey("Command Timeout")) settings.CommandTimeout = Command;
        // Kerberos is not in use, and trying it first would double the wait for a silent server.
        if (!named.ContainsKey("GSS Encryption Mode")) settings.GssEncryptionMode = GssEncryptionMode.Disable;
        var options = settings.Options ?? "";
        if (!options.Contains("statement_timeout", StringComparison.Ordinal)) options += $" -c statement_timeout={Statement}s";
        if (!options.Contains("idle_in_transaction_session_timeout", StringComparison.Ordinal)) options += $" -c idle_in_transaction_session_timeout={IdleInTransaction}s";
        settings.Options = options.Trim();
    }
}
