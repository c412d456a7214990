using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Backend.Platform.Persistence.Migrations;

/// <summary>Audit entries are signed and sealed. Plain SQL: only the columns that an entry is written with are part of the model.</summary>
[DbContext(typeof(BackendDb))]
[Migration("20261126120000_AuditChain")]
internal sealed class AuditChain : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(SqlFile.Read("AuditChain.sql"));

    protected override void Down(MigrationBuilder migrationBuilder) => throw new NotSupportedException("Migrations go forward only.");
}
