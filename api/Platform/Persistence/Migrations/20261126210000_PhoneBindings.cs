using System;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Backend.Platform.Persistence.Migrations;

/// <summary>Binding by a verified phone, and the phone that an account has left is told.</summary>
[DbContext(typeof(BackendDb))]
[Migration("20261126210000_PhoneBindings")]
internal sealed class PhoneBindings : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.AddColumn<byte[]>(name: "phone_code", table: "binding_tickets", type: "bytea", nullable: true);
        migrationBuilder.AlterColumn<Guid>(name: "invite_id", table: "binding_requests", type: "uuid", nullable: true, oldClrType: typeof(Guid), oldType: "uuid");
        migrationBuilder.Sql(SqlFile.Read("PhoneBindings.security.sql"));
    }

    protected override void Down(MigrationBuilder migrationBuilder) => throw new NotSupportedException("Migrations go forward only.");
}
