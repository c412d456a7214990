using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Backend.Platform.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class HallDisplays : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropCheckConstraint(
                name: "ck_sessions_kind",
                table: "sessions");

            migrationBuilder.AddColumn<Guid>(
                name: "display_id",
                table: "tickets",
                type: "uuid",
                nullable: true);

            migrationBuilder.AddColumn<Guid>(
                name: "display_id",
                table: "sessions",
                type: "uuid",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "displays",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_path = table.Column<string>(type: "ltree", nullable: false),
                    name = table.Column<string>(type: "character varying(50)", maxLength: 50, nullable: false),
                    registered_by = table.Column<Guid>(type: "uuid", nullable: false),
                    registered_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    revoked_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_displays", x => x.id);
                    table.ForeignKey(
                        name: "fk_displays_accounts_registered_by",
                        column: x => x.registered_by,
                        principalTable: "accounts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_displays_grid_nodes_node_id",
                        column: x => x.node_id,
                        principalTable: "grid_nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateIndex(
                name: "ix_tickets_display_id",
                table: "tickets",
                column: "display_id");

            migrationBuilder.CreateIndex(
                name: "ix_sessions_display_id",
                table: "sessions",
                column: "display_id");

            migrationBuilder.AddCheckConstraint(
                name: "ck_sessions_kind",
                table: "sessions",
                sql: "\"kind\" in ('wechat', 'display', 'hall')");

            migrationBuilder.CreateIndex(
                name: "ix_displays_node_id",
                table: "displays",
                column: "node_id");

            migrationBuilder.CreateIndex(
                name: "ix_displays_registered_by",
                table: "displays",
                column: "registered_by");

            migrationBuilder.AddForeignKey(
                name: "fk_sessions_displays_display_id",
                table: "sessions",
                column: "display_id",
                principalTable: "displays",
                principalColumn: "id",
                onDelete: ReferentialAction.Cascade);

            migrationBuilder.AddForeignKey(
                name: "fk_tickets_displays_display_id",
                table: "tickets",
                column: "display_id",
                principalTable: "displays",
                principalColumn: "id",
                onDelete: ReferentialAction.Cascade);

            migrationBuilder.Sql(SqlFile.Read("HallDisplays.sql"));
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropForeignKey(
                name: "fk_sessions_displays_display_id",
                table: "sessions");

            migrationBuilder.DropForeignKey(
                name: "fk_tickets_displays_display_id",
                table: "tickets");

            migrationBuilder.DropTable(
                name: "displays");

            migrationBuilder.DropIndex(
                name: "ix_tickets_display_id",
                table: "tickets");

            migrationBuilder.DropIndex(
                name: "ix_sessions_display_id",
                table: "sessions");

            migrationBuilder.DropCheckConstraint(
                name: "ck_sessions_kind",
                table: "sessions");

            migrationBuilder.DropColumn(
                name: "display_id",
                table: "tickets");

            migrationBuilder.DropColumn(
                name: "display_id",
                table: "sessions");

            migrationBuilder.AddCheckConstraint(
                name: "ck_sessions_kind",
                table: "sessions",
                sql: "\"kind\" in ('wechat', 'display')");
        }
    }
}
