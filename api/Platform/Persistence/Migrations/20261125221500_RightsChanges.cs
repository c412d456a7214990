using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Backend.Platform.Persistence.Migrations;

/// <summary>Which accounts' rights have changed since when: what <c>RightsCache</c> polls. Plain SQL: no entity maps these tables.</summary>
[DbContext(typeof(BackendDb))]
[Migration("20261125221500_RightsChanges")]
internal sealed class RightsChanges : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(SqlFile.Read("RightsChanges.sql"));

    protected override void Down(MigrationBuilder migrationBuilder) => throw new NotSupportedException("Migrations go forward only.");
}
