using System;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Backend.Platform.Persistence.Migrations
{
    /// <inheritdoc />
    [DbContext(typeof(BackendDb))]
    [Migration("20261126130000_StaffSignIn")]
    public partial class StaffSignIn : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropCheckConstraint(
                name: "ck_sessions_kind",
                table: "sessions");

            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "stepped_up_at",
                table: "sessions",
                type: "timestamp with time zone",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "user_name",
                table: "accounts",
                type: "character varying(32)",
                maxLength: 32,
                nullable: true);

            migrationBuilder.CreateTable(
                name: "staff_credentials",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    account_id = table.Column<Guid>(type: "uuid", nullable: false),
                    password = table.Column<string>(type: "text", nullable: false),
                    totp = table.Column<byte[]>(type: "bytea", nullable: false),
                    last_step = table.Column<long>(type: "bigint", nullable: false),
                    recovery_codes = table.Column<byte[][]>(type: "bytea[]", nullable: false),
                    changed_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_staff_credentials", x => x.id);
                    table.ForeignKey(
                        name: "fk_staff_credentials_accounts_account_id",
                        column: x => x.account_id,
                        principalTable: "accounts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "staff_devices",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    account_id = table.Column<Guid>(type: "uuid", nullable: false),
                    hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_staff_devices", x => x.id);
                    table.ForeignKey(
                        name: "fk_staff_devices_accounts_account_id",
                        column: x => x.account_id,
                        principalTable: "accounts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "staff_invitations",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    account_id = table.Column<Guid>(type: "uuid", nullable: false),
                    issued_by = table.Column<Guid>(type: "uuid", nullable: true),
                    issued_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    used_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    revoked_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_staff_invitations", x => x.id);
                    table.ForeignKey(
                        name: "fk_staff_invitations_accounts_account_id",
                        column: x => x.account_id,
                        principalTable: "accounts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "fk_staff_invitations_accounts_issued_by",
                        column: x => x.issued_by,
                        principalTable: "accounts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "staff_proposals",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    post_id = table.Column<Guid>(type: "uuid", nullable: false),
                    account_id = table.Column<Guid>(type: "uuid", nullable: false),
                    from_day = table.Column<DateOnly>(type: "date", nullable: false),
                    to_day = table.Column<DateOnly>(type: "date", nullable: true),
                    proposed_by = table.Column<Guid>(type: "uuid", nullable: false),
                    proposed_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    decided_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    decided_by = table.Column<Guid>(type: "uuid", nullable: true),
                    is_approved = table.Column<bool>(type: "boolean", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_staff_proposals", x => x.id);
                    table.ForeignKey(
                        name: "fk_staff_proposals_accounts_account_id",
                        column: x => x.account_id,
                        principalTable: "accounts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "fk_staff_proposals_accounts_decided_by",
                        column: x => x.decided_by,
                        principalTable: "accounts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_staff_proposals_accounts_proposed_by",
                        column: x => x.proposed_by,
                        principalTable: "accounts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_staff_proposals_posts_post_id",
                        column: x => x.post_id,
                        principalTable: "posts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.AddCheckConstraint(
                name: "ck_sessions_kind",
                table: "sessions",
                sql: "\"kind\" in ('wechat', 'console', 'display', 'hall')");

            migrationBuilder.CreateIndex(
                name: "ix_accounts_user_name",
                table: "accounts",
                column: "user_name",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_staff_credentials_account_id",
                table: "staff_credentials",
                column: "account_id",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_staff_devices_account_id",
                table: "staff_devices",
                column: "account_id");

            migrationBuilder.CreateIndex(
                name: "ix_staff_devices_hash",
                table: "staff_devices",
                column: "hash",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_staff_invitations_account_id",
                table: "staff_invitations",
                column: "account_id");

            migrationBuilder.CreateIndex(
                name: "ix_staff_invitations_hash",
                table: "staff_invitations",
                column: "hash",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_staff_invitations_issued_by",
                table: "staff_invitations",
                column: "issued_by");

            migrationBuilder.CreateIndex(
                name: "ix_staff_proposals_account_id",
                table: "staff_proposals",
                column: "account_id");

            migrationBuilder.CreateIndex(
                name: "ix_staff_proposals_decided_by",
                table: "staff_proposals",
                column: "decided_by");

            migrationBuilder.CreateIndex(
                name: "ix_staff_proposals_post_id",
                table: "staff_proposals",
                column: "post_id");

            migrationBuilder.CreateIndex(
                name: "ix_staff_proposals_proposed_by",
                table: "staff_proposals",
                column: "proposed_by");

            migrationBuilder.Sql(SqlFile.Read("StaffSignIn.security.sql"));
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "staff_credentials");

            migrationBuilder.DropTable(
                name: "staff_devices");

            migrationBuilder.DropTable(
                name: "staff_invitations");

            migrationBuilder.DropTable(
                name: "staff_proposals");

            migrationBuilder.DropCheckConstraint(
                name: "ck_sessions_kind",
                table: "sessions");

            migrationBuilder.DropIndex(
                name: "ix_accounts_user_name",
                table: "accounts");

            migrationBuilder.DropColumn(
                name: "stepped_up_at",
                table: "sessions");

            migrationBuilder.DropColumn(
                name: "user_name",
                table: "accounts");

            migrationBuilder.AddCheckConstraint(
                name: "ck_sessions_kind",
                table: "sessions",
                sql: "\"kind\" in ('wechat', 'display', 'hall')");
        }
    }
}
