using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Backend.Platform.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class SecondChannel : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "subscription_credits",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    account_id = table.Column<Guid>(type: "uuid", nullable: false),
                    template_id = table.Column<string>(type: "character varying(128)", maxLength: 128, nullable: false),
                    kind = table.Column<string>(type: "text", nullable: false),
                    remaining = table.Column<int>(type: "integer", nullable: true),
                    last_result = table.Column<string>(type: "text", nullable: false),
                    last_result_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_subscription_credits", x => x.id);
                    table.CheckConstraint("ck_subscription_credits_kind", "\"kind\" in ('one_time', 'long_term')");
                    table.CheckConstraint("ck_subscription_credits_last_result", "\"last_result\" in ('accept', 'reject', 'ban', 'filter', 'refused')");
                    table.CheckConstraint("ck_subscription_credits_remaining", "remaining >= 0 and (remaining is not null or kind = 'long_term')");
                    table.ForeignKey(
                        name: "fk_subscription_credits_accounts_account_id",
                        column: x => x.account_id,
                        principalTable: "accounts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateIndex(
                name: "ix_subscription_credits_account_id_template_id",
                table: "subscription_credits",
                columns: new[] { "account_id", "template_id" },
                unique: true);

            migrationBuilder.Sql(SqlFile.Read("SecondChannel.security.sql"));
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "subscription_credits");
        }
    }
}
