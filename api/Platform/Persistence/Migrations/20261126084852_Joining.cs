using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Backend.Platform.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class Joining : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "invites",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    resident_id = table.Column<Guid>(type: "uuid", nullable: false),
                    household_id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_path = table.Column<string>(type: "ltree", nullable: false),
                    issued_by = table.Column<Guid>(type: "uuid", nullable: false),
                    issued_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    used_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    revoked_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_invites", x => x.id);
                    table.ForeignKey(
                        name: "fk_invites_accounts_issued_by",
                        column: x => x.issued_by,
                        principalTable: "accounts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_invites_households_household_id",
                        column: x => x.household_id,
                        principalTable: "households",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "fk_invites_residents_resident_id",
                        column: x => x.resident_id,
                        principalTable: "residents",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "binding_requests",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    invite_id = table.Column<Guid>(type: "uuid", nullable: false),
                    resident_id = table.Column<Guid>(type: "uuid", nullable: false),
                    household_id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_path = table.Column<string>(type: "ltree", nullable: false),
                    open_id = table.Column<byte[]>(type: "bytea", nullable: true),
                    open_id_index = table.Column<byte[]>(type: "bytea", nullable: true),
                    requested_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    decided_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    decided_by = table.Column<Guid>(type: "uuid", nullable: true),
                    is_approved = table.Column<bool>(type: "boolean", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_binding_requests", x => x.id);
                    table.ForeignKey(
                        name: "fk_binding_requests_accounts_decided_by",
                        column: x => x.decided_by,
                        principalTable: "accounts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_binding_requests_households_household_id",
                        column: x => x.household_id,
                        principalTable: "households",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "fk_binding_requests_invites_invite_id",
                        column: x => x.invite_id,
                        principalTable: "invites",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "fk_binding_requests_residents_resident_id",
                        column: x => x.resident_id,
                        principalTable: "residents",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateIndex(
                name: "ix_binding_requests_decided_by",
                table: "binding_requests",
                column: "decided_by");

            migrationBuilder.CreateIndex(
                name: "ix_binding_requests_household_id",
                table: "binding_requests",
                column: "household_id");

            migrationBuilder.CreateIndex(
                name: "ix_binding_requests_invite_id",
                table: "binding_requests",
                column: "invite_id",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_binding_requests_open_id_index",
                table: "binding_requests",
                column: "open_id_index");

            migrationBuilder.CreateIndex(
                name: "ix_binding_requests_resident_id",
                table: "binding_requests",
                column: "resident_id");

            migrationBuilder.CreateIndex(
                name: "ix_invites_hash",
                table: "invites",
                column: "hash",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_invites_household_id",
                table: "invites",
                column: "household_id");

            migrationBuilder.CreateIndex(
                name: "ix_invites_issued_by",
                table: "invites",
                column: "issued_by");

            migrationBuilder.CreateIndex(
                name: "ix_invites_resident_id",
                table: "invites",
                column: "resident_id");

            migrationBuilder.Sql(SqlFile.Read("Joining.security.sql"));
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "binding_requests");

            migrationBuilder.DropTable(
                name: "invites");
        }
    }
}
