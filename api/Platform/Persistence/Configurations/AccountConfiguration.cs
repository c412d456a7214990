using Backend.Domain.Accounts;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Backend.Platform.Persistence.Configurations;

internal sealed class AccountConfiguration : IEntityTypeConfiguration<Account>
{
    public void Configure(EntityTypeBuilder<Account> account)
    {
        account.ToTable("accounts");
        account.Property(a => a.Name).HasMaxLength(50);
        account.Property(a => a.UserName).HasMaxLength(32);
        account.HasIndex(a => a.UserName).IsUnique();
        account.HasOne<Domain.Households.Resident>().WithMany().HasForeignKey(a => a.ResidentId).OnDelete(DeleteBehavior.Restrict);
        account.HasIndex(a => a.ResidentId).IsUnique();
    }
}

internal sealed class AccountPhotoConfiguration : IEntityTypeConfiguration<AccountPhoto>
{
    public void Configure(EntityTypeBuilder<AccountPhoto> photo)
    {
        photo.ToTable("account_photos");
        photo.HasOne<Account>().WithMany().HasForeignKey(p => p.AccountId).OnDelete(DeleteBehavior.Cascade);
        photo.HasIndex(p => p.AccountId).IsUnique();
    }
}

internal sealed class WeChatIdentityConfiguration : IEntityTypeConfiguration<WeChatIdentity>
{
    public void Configure(EntityTypeBuilder<WeChatIdentity> identity)
    {
        identity.ToTable("we_chat_identities");
        identity.HasOne<Account>().WithMany().HasForeignKey(i => i.AccountId).OnDelete(DeleteBehavior.Cascade);
        identity.HasIndex(i => i.OpenIdIndex).IsUnique();
        identity.HasIndex(i => i.AccountId).IsUnique();
    }
}

internal sealed class SessionConfiguration : IEntityTypeConfiguration<Session>
{
    public void Configure(EntityTypeBuilder<Session> session)
    {
        session.ToTable("sessions");
        session.HasOne<Account>().WithMany().HasForeignKey(s => s.AccountId).OnDelete(DeleteBehavior.Cascade);
        session.HasOne<Display>().WithMany().HasForeignKey(s => s.DisplayId).OnDelete(DeleteBehavior.Cascade);
        session.HasIndex(s => s.TokenHash).IsUnique();
        session.HasIndex(s => s.PreviousTokenHash).IsUnique();
    }
}

internal sealed class StaffCredentialConfiguration : IEntityTypeConfiguration<StaffCredential>
{
    public void Configure(EntityTypeBuilder<StaffCredential> credential)
    {
        credential.ToTable("staff_credentials");
        credential.HasOne<Account>().WithMany().HasForeignKey(c => c.AccountId).OnDelete(DeleteBehavior.Cascade);
        credential.HasIndex(c => c.AccountId).IsUnique();
    }
}

internal sealed class StaffDeviceConfiguration : IEntityTypeConfiguration<StaffDevice>
{
    public void Configure(EntityTypeBuilder<StaffDevice> device)
    {
        device.ToTable("staff_devices");
        device.HasOne<Account>().WithMany().HasForeignKey(d => d.AccountId).OnDelete(DeleteBehavior.Cascade);
        device.HasIndex(d => d.Hash).IsUnique();
    }
}

internal sealed class OidcIdentityConfiguration : IEntityTypeConfiguration<OidcIdentity>
{
    public void Configure(EntityTypeBuilder<OidcIdentity> identity)
    {
        identity.ToTable("oidc_identities");
        identity.HasOne<Account>().WithMany().HasForeignKey(i => i.AccountId).OnDelete(DeleteBehavior.Cascade);
        identity.HasIndex(i => i.SubjectIndex).IsUnique();
        identity.HasIndex(i => i.AccountId).IsUnique();
    }
}

internal sealed class StaffInvitationConfiguration : IEntityTypeConfiguration<StaffInvitation>
{
    public void Configure(EntityTypeBuilder<StaffInvitation> invitation)
    {
        invitation.ToTable("staff_invitations");
        invitation.HasOne<Account>().WithMany().HasForeignKey(i => i.AccountId).OnDelete(DeleteBehavior.Cascade);
        invitation.HasOne<Account>().WithMany().HasForeignKey(i => i.IssuedBy).OnDelete(DeleteBehavior.Restrict);
        invitation.HasIndex(i => i.Hash).IsUnique();
    }
}

internal sealed class DisplayConfiguration : IEntityTypeConfiguration<Display>
{
    public void Configure(EntityTypeBuilder<Display> display)
    {
        display.ToTable("displays");
        display.Property(d => d.Name).HasMaxLength(50);
        display.HasOne<Account>().WithMany().HasForeignKey(d => d.RegisteredBy).OnDelete(DeleteBehavior.Restrict);
        display.HasOne<Domain.Grid.GridNode>().WithMany().HasForeignKey(d => d.NodeId).OnDelete(DeleteBehavior.Restrict);
    }
}

internal sealed class TicketConfiguration : IEntityTypeConfiguration<Ticket>
{
    public void Configure(EntityTypeBuilder<Ticket> ticket)
    {
        ticket.ToTable("tickets").HasKey(t => t.Hash);
        ticket.HasOne<Session>().WithMany().HasForeignKey(t => t.SessionId).OnDelete(DeleteBehavior.Cascade);
        ticket.HasOne<Display>().WithMany().HasForeignKey(t => t.DisplayId).OnDelete(DeleteBehavior.Cascade);
    }
}

internal sealed class BindingTicketConfiguration : IEntityTypeConfiguration<BindingTicket>
{
    public void Configure(EntityTypeBuilder<BindingTicket> ticket)
    {
        ticket.ToTable("binding_tickets").HasKey(t => t.Id);
        ticket.HasIndex(t => t.Hash).IsUnique();
    }
}

internal sealed class InviteConfiguration : IEntityTypeConfiguration<Invite>
{
    public void Configure(EntityTypeBuilder<Invite> invite)
    {
        invite.ToTable("invites");
        invite.HasOne<Domain.Households.Resident>().WithMany().HasForeignKey(i => i.ResidentId).OnDelete(DeleteBehavior.Cascade);
        invite.HasOne<Domain.Households.Household>().WithMany().HasForeignKey(i => i.HouseholdId).OnDelete(DeleteBehavior.Cascade);
        invite.HasOne<Account>().WithMany().HasForeignKey(i => i.IssuedBy).OnDelete(DeleteBehavior.Restrict);
        invite.HasIndex(i => i.Hash).IsUnique();
    }
}

internal sealed class BindingRequestConfiguration : IEntityTypeConfiguration<BindingRequest>
{
    public void Configure(EntityTypeBuilder<BindingRequest> request)
    {
        request.ToTable("binding_requests");
        request.HasOne<Invite>().WithOne().HasForeignKey<BindingRequest>(r => r.InviteId).OnDelete(DeleteBehavior.Cascade);
        request.HasOne<Domain.Households.Resident>().WithMany().HasForeignKey(r => r.ResidentId).OnDelete(DeleteBehavior.Cascade);
        request.HasOne<Domain.Households.Household>().WithMany().HasForeignKey(r => r.HouseholdId).OnDelete(DeleteBehavior.Cascade);
        request.HasOne<Account>().WithMany().HasForeignKey(r => r.DecidedBy).OnDelete(DeleteBehavior.Restrict);
        request.HasIndex(r => r.OpenIdIndex);
    }
}
