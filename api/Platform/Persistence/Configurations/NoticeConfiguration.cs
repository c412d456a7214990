using Backend.Domain.Accounts;
using Backend.Domain.Notices;
using Backend.Domain.Tiers;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Backend.Platform.Persistence.Configurations;

internal sealed class AlarmConfiguration : IEntityTypeConfiguration<Alarm>
{
    public void Configure(EntityTypeBuilder<Alarm> alarm)
    {
        alarm.ToTable("alarms");
        alarm.HasOne<TierChange>().WithMany().HasForeignKey(a => a.TierChangeId).OnDelete(DeleteBehavior.Restrict);
        // Exactly one alarm a rise.
        alarm.HasIndex(a => a.TierChangeId).IsUnique();
        alarm.HasIndex(a => a.HouseholdId);
    }
}

internal sealed class NoticeConfiguration : IEntityTypeConfiguration<Notice>
{
    public void Configure(EntityTypeBuilder<Notice> notice)
    {
        notice.ToTable("notices");
        notice.HasOne<Account>().WithMany().HasForeignKey(n => n.AccountId).OnDelete(DeleteBehavior.Restrict);
        // The in-app message exists exactly once (RL06).
        notice.HasIndex(n => new { n.CauseId, n.AccountId }).IsUnique();
        notice.HasIndex(n => new { n.AccountId, n.CreatedAt });
    }
}

internal sealed class NoticeAlarmConfiguration : IEntityTypeConfiguration<NoticeAlarm>
{
    public void Configure(EntityTypeBuilder<NoticeAlarm> line)
    {
        line.ToTable("notice_alarms").HasKey(l => new { l.NoticeId, l.AlarmId });
        line.HasOne<Notice>().WithMany().HasForeignKey(l => l.NoticeId).OnDelete(DeleteBehavior.Restrict);
        line.HasOne<Alarm>().WithMany().HasForeignKey(l => l.AlarmId).OnDelete(DeleteBehavior.Restrict);
        line.HasIndex(l => l.AlarmId);
    }
}

internal sealed class DeliveryConfiguration : IEntityTypeConfiguration<Delivery>
{
    public void Configure(EntityTypeBuilder<Delivery> delivery)
    {
        delivery.ToTable("deliveries");
        delivery.HasOne<Notice>().WithMany().HasForeignKey(d => d.NoticeId).OnDelete(DeleteBehavior.Restrict);
        delivery.HasIndex(d => new { d.CauseId, d.Step, d.AccountId, d.Channel }).IsUnique();
        delivery.HasIndex(d => d.DueAt, "ix_deliveries_open").HasFilter("state in ('waiting', 'sending', 'uncertain')");
    }
}

internal sealed class DeliveryAttemptConfiguration : IEntityTypeConfiguration<DeliveryAttempt>
{
    public void Configure(EntityTypeBuilder<DeliveryAttempt> attempt)
    {
        attempt.ToTable("delivery_attempts");
        attempt.HasOne<Delivery>().WithMany().HasForeignKey(a => a.DeliveryId).OnDelete(DeleteBehavior.Restrict);
        attempt.HasIndex(a => new { a.DeliveryId, a.Number });
    }
}

internal sealed class SubscriptionCreditConfiguration : IEntityTypeConfiguration<SubscriptionCredit>
{
    public void Configure(EntityTypeBuilder<SubscriptionCredit> credit)
    {
        credit.ToTable("subscription_credits", t => t.HasCheckConstraint("ck_subscription_credits_remaining", "remaining >= 0 and (remaining is not null or kind = 'long_term')"));
        credit.Property(c => c.TemplateId).HasMaxLength(128);
        credit.HasOne<Account>().WithMany().HasForeignKey(c => c.AccountId).OnDelete(DeleteBehavior.Restrict);
        credit.HasIndex(c => new { c.AccountId, c.TemplateId }).IsUnique();
    }
}
