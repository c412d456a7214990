using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Backend.Platform.Persistence.Migrations;

/// <summary>Nodes of the grid are added, renamed, moved and removed by hand.</summary>
[DbContext(typeof(BackendDb))]
[Migration("20261126170000_GridEdits")]
internal sealed class GridEdits : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.AddColumn<int>(name: "revision", table: "grid_nodes", type: "integer", nullable: false, defaultValue: 0);
        migrationBuilder.Sql(SqlFile.Read("GridEdits.security.sql"));
    }

    protected override void Down(MigrationBuilder migrationBuilder) => throw new NotSupportedException("Migrations go forward only.");
}
