using Backend.Platform.Outbox;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Npgsql;

namespace Backend.Platform.Persistence;

/// <summary>Brings a database to this version's schema, as <c>backend_owner</c>.</summary>
internal static class Migrator
{
    /// <returns>The migrations that were missing, in order.</returns>
    public static async Task<IReadOnlyList<string>> MigrateAsync(string ownerConnectionString, CancellationToken cancellation)
    {
        await using var source = new NpgsqlDataSourceBuilder(ownerConnectionString).Build();
        await using (var connection = await source.OpenConnectionAsync(cancellation))
        await using (var command = connection.CreateCommand())
        {
            // The owner inherits nothing, not even what the database's owner may do in its public schema: it takes that right once.
            command.CommandText = "set role pg_database_owner; grant create, usage on schema public to backend_owner; reset role";
            await command.ExecuteNonQueryAsync(cancellation);
        }

        await using var db = OwnerContext.Create(source);
        var missing = (await db.Database.GetPendingMigrationsAsync(cancellation)).ToList();
        await db.Database.MigrateAsync(cancellation);
        return missing;
    }
}

/// <summary>A context for migrations: no scope and no guard, for the owner sees no rows of the forced tables anyway. Also used by <c>dotnet ef</c>.</summary>
internal sealed class OwnerContext : IDesignTimeDbContextFactory<BackendDb>
{
    public static BackendDb Create(NpgsqlDataSource source) => new(
        new DbContextOptionsBuilder<BackendDb>().UseNpgsql(source).UseSnakeCaseNamingConvention().Options,
        new FixedScope(Scope.Nobody), new OutboxCatalogue(), new OutboxSignal(), new CommittedWallVersions(), TimeProvider.System);

    public BackendDb CreateDbContext(string[] args) => Create(new NpgsqlDataSourceBuilder("Host=localhost;Database=backend;Username=backend_owner").Build());
}
