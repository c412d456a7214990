using System.Text;
using Npgsql;

namespace Local;

/// <summary>
/// Runs deploy/roles.sql as an operator's psql would: <c>:'name'</c> becomes a quoted literal, <c>:"name"</c> a quoted identifier, and each statement
/// is sent on its own, because CREATE DATABASE refuses to run in a transaction.
/// </summary>
internal static class RolesScript
{
    /// <summary>True when it ran; false when the database was there already.</summary>
    public static async Task<bool> RunAsync(string superuserConnectionString, Secrets secrets, string database, CancellationToken cancellation)
    {
        await using var connection = new NpgsqlConnection(superuserConnectionString);
        await connection.OpenAsync(cancellation);
        await using (var exists = new NpgsqlCommand("select exists(select from pg_database where datname = $1)", connection) { Parameters = { new() { Value = database } } })
        {
            if (await exists.ExecuteScalarAsync(cancellation) is true) return false;
        }
        var script = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "deploy/roles.sql"), cancellation);
        var variables = new Dictionary<string, string>
        {
            ["owner_password"] = secrets.OwnerPassword,
            ["app_password"] = secrets.AppPassword,
            ["worker_password"] = secrets.WorkerPassword,
            ["backup_password"] = secrets.BackupPassword,
            ["database"] = database,
        };
        foreach (var statement in Statements(script, variables))
        {
            try
            {
                await using var command = new NpgsqlCommand(statement, connection);
                await command.ExecuteNonQueryAsync(cancellation);
            }
            catch (PostgresException repeated) when (repeated.SqlState == PostgresErrorCodes.DuplicateObject)
            {
                // A run that was cut off after some of the roles; their passwords came from the same files.
            }
        }
        return true;
    }

    /// <summary>Splits at semicolons outside quotes and comments, and puts the variables in.</summary>
    public static IEnumerable<string> Statements(string script, IReadOnlyDictionary<string, string> variables)
    {
        var statement = new StringBuilder();
        for (var at = 0; at < script.Length; at++)
        {
            var here = script[at];
            if (here == '-' && Next(at) == '-')
            {
                at = EndOf("\n", at);
                statement.Append('\n');
            }
            else if (here == '/' && Next(at) == '*')
            {
                at = EndOf("*/", at + 2) + 1;
                statement.Append(' ');
            }
            else if (here == ':' && Next(at) is '\'' or '"' && Previous(at) != ':')
            {
                var quote = script[at + 1];
                var end = EndOf(quote.ToString(), at + 2);
                statement.Append(Quote(Variable(script[(at + 2)..end]), quote));
                at = end;
            }
            else if (here is '\'' or '"')
            {
                // A doubled quote reads as two strings in a row, which copies it as it is.
                var end = EndOf(here.ToString(), at + 1);
                statement.Append(script, at, end - at + 1);
                at = end;
            }
            else if (here == ';')
            {
                if (!string.IsNullOrWhiteSpace(statement.ToString())) yield return statement.ToString().Trim();
                statement.Clear();
            }
            else
            {
                statement.Append(here);
            }
        }
        if (!string.IsNullOrWhiteSpace(statement.ToString())) yield return statement.ToString().Trim();

        char Next(int at) => at + 1 < script.Length ? script[at + 1] : '\0';
        char Previous(int at) => at > 0 ? script[at - 1] : '\0';
        int EndOf(string what, int from) => script.IndexOf(what, from, StringComparison.Ordinal) is var found and >= 0
            ? found
            : throw new FormatException($"roles.sql: no {what} after position {from}.");
        string Variable(string name) => variables.TryGetValue(name, out var value) ? value : throw new FormatException($"roles.sql: no value for :{name}.");
    }

    private static string Quote(string value, char quote)
    {
        if (value.Contains('\0', StringComparison.Ordinal)) throw new FormatException("roles.sql: a value contains NUL.");
        // A backslash is an ordinary character in 'literals' (standard_conforming_strings).
        return quote + value.Replace(quote.ToString(), new string(quote, 2), StringComparison.Ordinal) + quote;
    }
}
