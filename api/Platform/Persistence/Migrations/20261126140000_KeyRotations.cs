using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Backend.Platform.Persistence.Migrations;

/// <summary>Keys are changed under sealed values and blind indexes while the service runs. Plain SQL: only the command of the operator reads its progress.</summary>
[DbContext(typeof(BackendDb))]
[Migration("20261126140000_KeyRotations")]
internal sealed class KeyRotations : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(SqlFile.Read("KeyRotations.sql"));

    protected override void Down(MigrationBuilder migrationBuilder) => throw new NotSupportedException("Migrations go forward only.");
}
