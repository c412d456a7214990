using System;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Backend.Platform.Persistence.Migrations
{
    /// <inheritdoc />
    [DbContext(typeof(BackendDb))]
    [Migration("20261126220000_OidcIdentities")]
    internal sealed class OidcIdentities : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "oidc_identities",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    account_id = table.Column<Guid>(type: "uuid", nullable: false),
                    subject_index = table.Column<byte[]>(type: "bytea", nullable: false),
                    subject = table.Column<byte[]>(type: "bytea", nullable: false),
                    bound_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_oidc_identities", x => x.id);
                    table.ForeignKey(
                        name: "fk_oidc_identities_accounts_account_id",
                        column: x => x.account_id,
                        principalTable: "accounts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateIndex(
                name: "ix_oidc_identities_account_id",
                table: "oidc_identities",
                column: "account_id",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_oidc_identities_subject_index",
                table: "oidc_identities",
                column: "subject_index",
                unique: true);

            migrationBuilder.Sql(SqlFile.Read("OidcIdentities.security.sql"));
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder) => throw new NotSupportedException("Migrations go forward only.");
    }
}
