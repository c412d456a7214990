using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Backend.Platform.Persistence.Migrations;

/// <summary>Who may appoint and dismiss leaders. Plain SQL: the tables stay as they are.</summary>
[DbContext(typeof(BackendDb))]
[Migration("20261126083000_LeadersByHand")]
internal sealed class LeadersByHand : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(SqlFile.Read("Appointments.security.sql"));

    protected override void Down(MigrationBuilder migrationBuilder) => throw new NotSupportedException("Migrations go forward only.");
}
