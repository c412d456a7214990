using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Backend.Platform.Persistence.Migrations;

/// <summary>Calls are counted on all replicas together. Plain SQL: only the function that counts knows the table.</summary>
[DbContext(typeof(BackendDb))]
[Migration("20261126190000_SharedLimits")]
internal sealed class SharedLimits : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(SqlFile.Read("SharedLimits.security.sql"));

    protected override void Down(MigrationBuilder migrationBuilder) => throw new NotSupportedException("Migrations go forward only.");
}
