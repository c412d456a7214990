using Backend.Domain.Households;
using Backend.Domain.Tags;
using Backend.Domain.Tiers;
using Backend.Domain.Visits;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Backend.Platform.Persistence.Configurations;

internal sealed class TagConfiguration : IEntityTypeConfiguration<Tag>
{
    public void Configure(EntityTypeBuilder<Tag> tag)
    {
        tag.ToTable("tags").HasKey(t => t.Code);
        tag.HasIndex(t => t.Name).IsUnique();
    }
}

internal sealed class HouseholdConfiguration : IEntityTypeConfiguration<Household>
{
    public void Configure(EntityTypeBuilder<Household> household)
    {
        household.ToTable("households", t => t.HasCheckConstraint("ck_households_tier_state",
            "(tier = 'red') = (coalesce(state, '') in ('provisional', 'confirmed')) and (coalesce(state, '') <> 'unassessed' or tier = 'yellow')"));
        household.HasOne<Domain.Grid.GridNode>().WithMany().HasForeignKey(h => h.NodeId).OnDelete(DeleteBehavior.Restrict);
        household.Ignore(h => h.Messages).Ignore(h => h.TileChanged);
        household.Property(h => h.Revision).IsConcurrencyToken();
        household.Property(h => h.Door).HasMaxLength(30);
        household.HasIndex(h => new { h.NodeId, h.Door }).IsUnique();
        household.HasIndex(h => h.NodePath, "ix_households_node_path").HasMethod("gist");
        household.HasIndex(h => new { h.RootId, h.DueDay });
        household.HasIndex(h => h.NextEvaluationOn);
    }
}

internal sealed class ResidentConfiguration : IEntityTypeConfiguration<Resident>
{
    public void Configure(EntityTypeBuilder<Resident> resident)
    {
        resident.ToTable("residents");
        resident.Property(r => r.Name).HasMaxLength(50);
        resident.HasOne<Household>().WithMany().HasForeignKey(r => r.HouseholdId).OnDelete(DeleteBehavior.Restrict);
        resident.HasIndex(r => r.HouseholdId);
        resident.HasIndex(r => r.IdNumberIndex).IsUnique();
        resident.HasIndex(r => r.PhoneIndex);
    }
}

internal sealed class MembershipConfiguration : IEntityTypeConfiguration<Membership>
{
    public void Configure(EntityTypeBuilder<Membership> membership)
    {
        membership.ToTable("memberships", t => t.HasCheckConstraint("ck_memberships_days", "to_day is null or to_day >= from_day"));
        membership.HasOne<Household>().WithMany().HasForeignKey(m => m.HouseholdId).OnDelete(DeleteBehavior.Restrict);
        membership.HasOne<Resident>().WithMany().HasForeignKey(m => m.ResidentId).OnDelete(DeleteBehavior.Restrict);
        membership.HasIndex(m => m.HouseholdId);
        // One current household a person.
        membership.HasIndex(m => m.ResidentId, "ux_memberships_current").IsUnique().HasFilter("to_day is null");
    }
}

internal sealed class TagValueConfiguration : IEntityTypeConfiguration<TagValue>
{
    public void Configure(EntityTypeBuilder<TagValue> value)
    {
        value.ToTable("tag_values");
        value.HasOne<Household>().WithMany().HasForeignKey(v => v.HouseholdId).OnDelete(DeleteBehavior.Restrict);
        value.HasOne<Tag>().WithMany().HasForeignKey(v => v.TagCode).OnDelete(DeleteBehavior.Restrict);
        value.HasIndex(v => new { v.HouseholdId, v.TagCode });
    }
}

internal sealed class RegisterMarkConfiguration : IEntityTypeConfiguration<RegisterMark>
{
    public void Configure(EntityTypeBuilder<RegisterMark> mark)
    {
        mark.ToTable("register_marks");
        mark.HasOne<Household>().WithMany().HasForeignKey(m => m.HouseholdId).OnDelete(DeleteBehavior.Restrict);
        mark.HasIndex(m => new { m.HouseholdId, m.Day });
    }
}

internal sealed class MeasureConfiguration : IEntityTypeConfiguration<Measure>
{
    public void Configure(EntityTypeBuilder<Measure> measure)
    {
        measure.ToTable("measures", t => t.HasCheckConstraint("ck_measures_days", "finished_on is null or finished_on >= opened_on"));
        measure.HasOne<Household>().WithMany().HasForeignKey(m => m.HouseholdId).OnDelete(DeleteBehavior.Restrict);
        measure.HasIndex(m => m.HouseholdId);
    }
}

internal sealed class PhotoConfiguration : IEntityTypeConfiguration<Photo>
{
    public void Configure(EntityTypeBuilder<Photo> photo)
    {
        photo.ToTable("photos");
        photo.HasOne<Household>().WithMany().HasForeignKey(p => p.HouseholdId).OnDelete(DeleteBehavior.Restrict);
        photo.HasIndex(p => p.HouseholdId);
    }
}

internal sealed class MonthlyEvaluationConfiguration : IEntityTypeConfiguration<MonthlyEvaluation>
{
    public void Configure(EntityTypeBuilder<MonthlyEvaluation> evaluation)
    {
        evaluation.ToTable("monthly_evaluations");
        evaluation.HasOne<Household>().WithMany().HasForeignKey(e => e.HouseholdId).OnDelete(DeleteBehavior.Restrict);
        evaluation.HasIndex(e => new { e.HouseholdId, e.Month }).IsUnique();
    }
}

internal sealed class VisitConfiguration : IEntityTypeConfiguration<Visit>
{
    public void Configure(EntityTypeBuilder<Visit> visit)
    {
        visit.ToTable("visits");
        visit.HasOne<Household>().WithMany().HasForeignKey(v => v.HouseholdId).OnDelete(DeleteBehavior.Restrict);
        visit.HasIndex(v => new { v.HouseholdId, v.VisitedAt });
    }
}

internal sealed class CadenceConfiguration : IEntityTypeConfiguration<Cadence>
{
    public void Configure(EntityTypeBuilder<Cadence> cadence)
    {
        cadence.ToTable("cadences", t => t.HasCheckConstraint("ck_cadences_length", "days >= 0 and months >= 0 and days + months > 0"));
        cadence.HasKey(c => c.Tier);
    }
}

internal sealed class WorkingDayConfiguration : IEntityTypeConfiguration<WorkingDay>
{
    public void Configure(EntityTypeBuilder<WorkingDay> day) => day.ToTable("working_days").HasKey(d => d.Day);
}

internal sealed class TierChangeConfiguration : IEntityTypeConfiguration<TierChange>
{
    public void Configure(EntityTypeBuilder<TierChange> change)
    {
        change.ToTable("tier_changes");
        change.Property(c => c.From).HasColumnName("from_tier");
        change.Property(c => c.FromState).HasColumnName("from_state");
        change.Property(c => c.To).HasColumnName("to_tier");
        change.Property(c => c.ToState).HasColumnName("to_state");
        change.HasOne<Household>().WithMany().HasForeignKey(c => c.HouseholdId).OnDelete(DeleteBehavior.Restrict);
        change.HasIndex(c => new { c.HouseholdId, c.At });
        change.HasIndex(c => c.BatchId).HasFilter("batch_id is not null");
    }
}

internal sealed class BatchConfiguration : IEntityTypeConfiguration<Batch>
{
    public void Configure(EntityTypeBuilder<Batch> batch)
    {
        batch.ToTable("batches");
        // One night a day, on any number of replicas (RL10).
        batch.HasIndex(b => b.Day, "ux_batches_night").IsUnique().HasFilter("kind = 'night'");
    }
}
