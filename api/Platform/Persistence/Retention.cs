using System.Globalization;
using Backend.Platform.Security;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Backend.Platform.Persistence;

/// <summary>How long the rows of one table are kept (PD10): days after a moment, or null and why not by time.</summary>
/// <param name="Table">The table.</param>
/// <param name="Days">After <paramref name="Since"/>; null: not by time.</param>
/// <param name="Key">Its key.</param>
/// <param name="Since">The column from which on the days count; a row in which it is empty stays.</param>
/// <param name="Why">For the report.</param>
internal sealed record RetentionRule(string Table, int? Days, string Key, string Since, string Why)
{
    private const int Piece = 500;

    /// <summary>The list <c>retention.csv</c>: every personal table, and what else is deleted by time.</summary>
    public static IReadOnlyList<RetentionRule> All { get; } = Read();

    public DateTimeOffset Before(DateOnly today) => ShanghaiDay.At(today.AddDays(-Days!.Value), TimeOnly.MinValue);

    /// <summary>Deletes what is older, in pieces that each hold their locks shortly. As the worker, whose grants and policies bound what it may delete.</summary>
    public async Task<int> ApplyAsync(BackendDbFactory databases, DateOnly today, CancellationToken cancellation)
    {
        var deleted = 0;
        while (true)
        {
            await using var db = databases.ForWorker();
            await db.BeginAsync(cancellation);
            await using var command = (NpgsqlCommand)db.Database.GetDbConnection().CreateCommand();
            command.Transaction = (NpgsqlTransaction)db.Database.CurrentTransaction!.GetDbTransaction();
            // Names from our own list, never anybody's input.
            command.CommandText = $"delete from {Table} where {Key} in (select {Key} from {Table} where {Since} < @before order by {Since} limit @piece)";
            command.Parameters.Add(new NpgsqlParameter("before", Before(today)));
            command.Parameters.Add(new NpgsqlParameter("piece", Piece));
            var piece = await command.ExecuteNonQueryAsync(cancellation);
            await db.CommitAsync(cancellation);
            deleted += piece;
            if (piece < Piece) return deleted;
        }
    }

    private static List<RetentionRule> Read()
    {
        using var reader = new StreamReader(typeof(RetentionRule).Assembly.GetManifestResourceStream("retention.csv")!);
        return [.. reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(l => l.TrimEnd('\r').Split(','))
            .Select(c => new RetentionRule(c[0], c[1] == "-" ? null : int.Parse(c[1], CultureInfo.InvariantCulture), c[2], c[3], c[4]))];
    }
}
