using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Backend.Platform.Persistence.Migrations;

/// <summary>Who may name and end stand-ins. Plain SQL: the tables stay as they are.</summary>
[DbContext(typeof(BackendDb))]
[Migration("20261126063000_StandInsByHand")]
internal sealed class StandInsByHand : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(SqlFile.Read("StandIns.security.sql"));

    protected override void Down(MigrationBuilder migrationBuilder) => throw new NotSupportedException("Migrations go forward only.");
}
