using Backend.Domain.Grid;
using Backend.Domain.Households;
using Backend.Domain.Wall;
using Backend.Platform.Audit;
using Backend.Platform.Outbox;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Backend.Platform.Persistence.Configurations;

internal sealed class WallRootConfiguration : IEntityTypeConfiguration<WallRoot>
{
    public void Configure(EntityTypeBuilder<WallRoot> root)
    {
        root.ToTable("wall_roots").HasKey(r => r.NodeId);
        root.HasOne<GridNode>().WithOne().HasForeignKey<WallRoot>(r => r.NodeId).OnDelete(DeleteBehavior.Restrict);
    }
}

internal sealed class TileConfiguration : IEntityTypeConfiguration<Tile>
{
    public void Configure(EntityTypeBuilder<Tile> tile)
    {
        tile.ToTable("tiles").HasKey(t => t.HouseholdId);
        tile.HasOne<Household>().WithOne().HasForeignKey<Tile>(t => t.HouseholdId).OnDelete(DeleteBehavior.Restrict);
        tile.HasIndex(t => t.RootId);
    }
}

internal sealed class TileChangeConfiguration : IEntityTypeConfiguration<TileChange>
{
    public void Configure(EntityTypeBuilder<TileChange> change) =>
        change.ToTable("tile_changes").HasKey(c => new { c.RootId, c.Version, c.HouseholdId, c.Removed });
}

internal sealed class AuditEntryConfiguration : IEntityTypeConfiguration<AuditEntry>
{
    public void Configure(EntityTypeBuilder<AuditEntry> entry)
    {
        entry.ToTable("audit_entries");
        // The database's clock is the audit's clock (AU01), not the domain's.
        entry.Property(e => e.At).HasDefaultValueSql("clock_timestamp()").ValueGeneratedNever().Metadata.SetBeforeSaveBehavior(Microsoft.EntityFrameworkCore.Metadata.PropertySaveBehavior.Ignore);
        entry.HasIndex(e => new { e.AccountId, e.At });
    }
}

internal sealed class OutboxMessageConfiguration : IEntityTypeConfiguration<OutboxMessage>
{
    public void Configure(EntityTypeBuilder<OutboxMessage> message)
    {
        message.ToTable("outbox_messages");
        message.Property(m => m.Payload).HasColumnType("jsonb");
        message.HasIndex(m => m.DueAt, "ix_outbox_messages_open").HasFilter("done_at is null and parked_at is null");
    }
}

internal sealed class IdempotencyRecordConfiguration : IEntityTypeConfiguration<IdempotencyRecord>
{
    public void Configure(EntityTypeBuilder<IdempotencyRecord> record)
    {
        record.ToTable("idempotency_records");
        record.HasIndex(r => new { r.AccountId, r.Route, r.Key }).IsUnique();
        record.HasIndex(r => r.CreatedAt);
    }
}

internal sealed class SettingConfiguration : IEntityTypeConfiguration<Setting>
{
    public void Configure(EntityTypeBuilder<Setting> setting) => setting.ToTable("settings").HasKey(s => s.Key);
}

internal sealed class RuleSetVersionConfiguration : IEntityTypeConfiguration<RuleSetVersion>
{
    public void Configure(EntityTypeBuilder<RuleSetVersion> version)
    {
        version.ToTable("rule_sets");
        version.Property(v => v.Content).HasColumnType("jsonb");
        version.HasIndex(v => new { v.Name, v.FromDay }).IsUnique();
    }
}

internal sealed class WeChatTokenConfiguration : IEntityTypeConfiguration<WeChatToken>
{
    public void Configure(EntityTypeBuilder<WeChatToken> token)
    {
        token.ToTable("we_chat_tokens");
        token.HasIndex(t => t.AppId).IsUnique();
    }
}
