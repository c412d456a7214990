using Backend.Domain.Accounts;
using Backend.Domain.Households;
using Backend.Domain.Privacy;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Backend.Platform.Persistence.Configurations;

internal sealed class PrivacyNoticeConfiguration : IEntityTypeConfiguration<PrivacyNotice>
{
    public void Configure(EntityTypeBuilder<PrivacyNotice> notice)
    {
        notice.ToTable("privacy_notices").HasKey(n => n.Version);
        notice.Property(n => n.Version).ValueGeneratedNever();
    }
}

internal sealed class PurposeConfiguration : IEntityTypeConfiguration<Purpose>
{
    public void Configure(EntityTypeBuilder<Purpose> purpose)
    {
        purpose.ToTable("purposes").HasKey(p => p.Code);
        purpose.Property(p => p.Code).HasMaxLength(40);
    }
}

internal sealed class ConsentConfiguration : IEntityTypeConfiguration<Consent>
{
    public void Configure(EntityTypeBuilder<Consent> consent)
    {
        consent.ToTable("consents");
        consent.HasOne<Account>().WithMany().HasForeignKey(c => c.AccountId).OnDelete(DeleteBehavior.Cascade);
        consent.HasOne<Resident>().WithMany().HasForeignKey(c => c.ResidentId).OnDelete(DeleteBehavior.Cascade);
        consent.HasOne<Purpose>().WithMany().HasForeignKey(c => c.Purpose).OnDelete(DeleteBehavior.Restrict);
        consent.HasOne<PrivacyNotice>().WithMany().HasForeignKey(c => c.Version).OnDelete(DeleteBehavior.Restrict);
        consent.HasIndex(c => new { c.AccountId, c.Purpose });
    }
}

internal sealed class GuardianshipConfiguration : IEntityTypeConfiguration<Guardianship>
{
    public void Configure(EntityTypeBuilder<Guardianship> guardianship)
    {
        guardianship.ToTable("guardianships", t => t.HasCheckConstraint("ck_guardianships_two", "guardian_id <> ward_id"));
        guardianship.HasOne<Resident>().WithMany().HasForeignKey(g => g.GuardianId).OnDelete(DeleteBehavior.Cascade);
        guardianship.HasOne<Resident>().WithMany().HasForeignKey(g => g.WardId).OnDelete(DeleteBehavior.Cascade);
        guardianship.HasOne<Household>().WithMany().HasForeignKey(g => g.HouseholdId).OnDelete(DeleteBehavior.Cascade);
        guardianship.HasOne<Account>().WithMany().HasForeignKey(g => g.RecordedBy).OnDelete(DeleteBehavior.Restrict);
    }
}

internal sealed class RightsRequestConfiguration : IEntityTypeConfiguration<RightsRequest>
{
    public void Configure(EntityTypeBuilder<RightsRequest> request)
    {
        request.ToTable("rights_requests");
        request.HasOne<Account>().WithMany().HasForeignKey(r => r.AccountId).OnDelete(DeleteBehavior.Cascade);
        request.HasOne<Resident>().WithMany().HasForeignKey(r => r.ResidentId).OnDelete(DeleteBehavior.Cascade);
        request.HasOne<Household>().WithMany().HasForeignKey(r => r.HouseholdId).OnDelete(DeleteBehavior.Cascade);
    }
}
