using Local;
using Npgsql;

namespace Backend.Tests.Support;

/// <summary>
/// The one private PostgreSQL of a test run: started by the first test that asks for a database, without fsync, stopped and removed at the end of the
/// run (<see cref="PostgresTestFramework"/>). Two templates: <c>migrated</c> (roles and migrations) and <c>demo</c> (the demo district as well).
/// </summary>
internal static class PostgresFixture
{
    public const string Migrated = "migrated", Demo = "demo";

    /// <summary>The day the demo district of the tests was loaded.</summary>
    public static readonly DateOnly DemoDay = new(2026, 11, 20);

    /// <summary>Keys and passwords of this run: every database is sealed with them.</summary>
    public static Secrets Secrets { get; } = Secrets.Generate();

    private static readonly Lazy<Task<PostgresCluster>> Cluster = new(() => PostgresCluster.StartAsync(durable: false, CancellationToken.None));

    /// <summary>The cluster of the run.</summary>
    public static Task<PostgresCluster> ClusterAsync() => Cluster.Value;

    public static async Task StopAsync()
    {
        if (!Cluster.IsValueCreated) return;
        try
        {
            await (await Cluster.Value).DisposeAsync();
        }
        catch (Exception exception) when (exception is Refusal or NpgsqlException)
        {
            // It never started: the tests that asked for it have said so.
        }
    }
}
