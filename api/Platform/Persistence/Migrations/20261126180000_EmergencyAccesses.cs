using System;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Backend.Platform.Persistence.Migrations
{
    /// <inheritdoc />
    [DbContext(typeof(BackendDb))]
    [Migration("20261126180000_EmergencyAccesses")]
    internal sealed class EmergencyAccesses : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropCheckConstraint(
                name: "ck_notices_cause_kind",
                table: "notices");

            migrationBuilder.AddCheckConstraint(
                name: "ck_notices_cause_kind",
                table: "notices",
                sql: "\"cause_kind\" in ('tier_change', 'batch', 'emergency_access')");

            migrationBuilder.CreateTable(
                name: "emergency_accesses",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    account_id = table.Column<Guid>(type: "uuid", nullable: false),
                    role = table.Column<string>(type: "text", nullable: false),
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    door = table.Column<string>(type: "text", nullable: false),
                    household_id = table.Column<Guid>(type: "uuid", nullable: true),
                    justification = table.Column<byte[]>(type: "bytea", nullable: false),
                    opened_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    ends_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    ended_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_emergency_accesses", x => x.id);
                    table.CheckConstraint("ck_emergency_accesses_role", "\"role\" in ('resident', 'floor_leader', 'building_leader', 'area_leader', 'community_leader', 'staff', 'labour_officer', 'street_manager', 'district_manager', 'department_liaison', 'system_admin', 'security_admin', 'audit_admin')");
                    table.ForeignKey(
                        name: "fk_emergency_accesses_accounts_account_id",
                        column: x => x.account_id,
                        principalTable: "accounts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_emergency_accesses_households_household_id",
                        column: x => x.household_id,
                        principalTable: "households",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateIndex(
                name: "ix_emergency_accesses_account_id_opened_at",
                table: "emergency_accesses",
                columns: new[] { "account_id", "opened_at" });

            migrationBuilder.CreateIndex(
                name: "ix_emergency_accesses_household_id",
                table: "emergency_accesses",
                column: "household_id");

            migrationBuilder.Sql(SqlFile.Read("EmergencyAccesses.security.sql"));
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder) => throw new NotSupportedException("Migrations go forward only.");
    }
}
