using Npgsql;

namespace Backend.Platform.Persistence;

/// <summary>What an exception says about the database, whatever EF has wrapped around it (RL14).</summary>
internal static class DatabaseFaults
{
    /// <summary>idle_in_transaction_session_timeout: the server gave up a transaction that had fallen silent.</summary>
    private const string IdleInTransaction = "25P03";

    /// <summary>Away, starting, full or too slow. The caller gets 503 and comes again; a change comes again under its key.</summary>
    public static bool IsOutage(Exception? exception) => Chain(exception).Any(e => e switch
    {
        PostgresException { SqlState: PostgresErrorCodes.QueryCanceled or IdleInTransaction } => true,
        NpgsqlException npgsql => npgsql.IsTransient,
        _ => false,
    });

    /// <summary>The connection was lost, or was dead already when it left the pool. Another one may answer at once.</summary>
    public static bool IsLostConnection(Exception? exception) => Chain(exception).Any(e => e switch
    {
        PostgresException { SqlState: PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.IdleSessionTimeout } => true,
        PostgresException => false,
        // A time limit is none: repeated, it would only double the wait.
        NpgsqlException { InnerException: IOException or System.Net.Sockets.SocketException } => true,
        _ => false,
    });

    /// <summary>A time limit ran out: the next one who asks may wait as long.</summary>
    public static bool IsSilence(Exception? exception) => Chain(exception).Any(e => e is NpgsqlException { InnerException: TimeoutException });

    /// <summary>For a log line: the kind of fault, without its text, which may quote data.</summary>
    public static string NameOf(Exception? exception) =>
        Chain(exception).OfType<PostgresException>().FirstOrDefault()?.SqlState ?? Chain(exception).LastOrDefault()?.GetType().Name ?? "";

    private static IEnumerable<Exception> Chain(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException) yield return exception;
    }
}
