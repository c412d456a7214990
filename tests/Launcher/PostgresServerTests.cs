using Backend.Tests.Support;
using Npgsql;

namespace Backend.Tests.Launcher;

public sealed class PostgresServerTests(MigratedDatabase migrated) : IClassFixture<MigratedDatabase>
{
    [Fact]
    public async Task BR07_a_test_class_has_a_migrated_database_of_its_own_and_reaches_it_as_every_role()
    {
        var database = migrated.Database;
        foreach (var (connectionString, role) in ((string, string)[])
            [(database.App, "backend_app"), (database.Worker, "backend_worker"), (database.Owner, "backend_owner"), (database.Backup, "backend_backup")])
        {
            await using var connection = new NpgsqlConnection(connectionString);
            await connection.OpenAsync();
            await using var command = new NpgsqlCommand("select current_user || '@' || current_database()", connection);
            Assert.Equal($"{role}@{database.Name}", await command.ExecuteScalarAsync());
        }
        Assert.True(await database.ScalarAsync<long>("select count(*) from pg_tables where schemaname = 'public'") > 10);
        Assert.Equal("C UTF8", await database.ScalarAsync<string>("select datcollate || ' ' || pg_encoding_to_char(encoding) from pg_database where datname = current_database()"));
    }
}
