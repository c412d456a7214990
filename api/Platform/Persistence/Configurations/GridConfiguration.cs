using Backend.Domain.Accounts;
using Backend.Domain.Grid;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Backend.Platform.Persistence.Configurations;

internal sealed class LevelConfiguration : IEntityTypeConfiguration<Level>
{
    public void Configure(EntityTypeBuilder<Level> level)
    {
        level.ToTable("grid_levels").HasKey(l => l.Code);
        level.Property(l => l.Order).HasColumnName("position");
        level.HasIndex(l => l.Order).IsUnique();
    }
}

internal sealed class GridNodeConfiguration : IEntityTypeConfiguration<GridNode>
{
    public void Configure(EntityTypeBuilder<GridNode> node)
    {
        node.ToTable("grid_nodes");
        node.HasOne<GridNode>().WithMany().HasForeignKey(n => n.ParentId).OnDelete(DeleteBehavior.Restrict);
        node.HasOne<Level>().WithMany().HasForeignKey(n => n.LevelCode).OnDelete(DeleteBehavior.Restrict);
        node.HasIndex(n => n.Path).IsUnique();
        node.HasIndex(n => n.Path, "ix_grid_nodes_path_gist").HasMethod("gist");
        node.HasIndex(n => n.RootId);
    }
}

internal sealed class PartyBodyConfiguration : IEntityTypeConfiguration<PartyBody>
{
    public void Configure(EntityTypeBuilder<PartyBody> body)
    {
        body.ToTable("party_bodies");
        body.HasOne<PartyBody>().WithMany().HasForeignKey(b => b.ParentId).OnDelete(DeleteBehavior.Restrict);
    }
}

internal sealed class PostConfiguration : IEntityTypeConfiguration<Post>
{
    public void Configure(EntityTypeBuilder<Post> post)
    {
        post.ToTable("posts", t => t.HasCheckConstraint("ck_posts_place", "(node_id is null) <> (party_body_id is null)"));
        post.HasOne<GridNode>().WithMany().HasForeignKey(p => p.NodeId).OnDelete(DeleteBehavior.Restrict);
        post.HasOne<PartyBody>().WithMany().HasForeignKey(p => p.PartyBodyId).OnDelete(DeleteBehavior.Restrict);
    }
}

internal sealed class AppointmentConfiguration : IEntityTypeConfiguration<Appointment>
{
    public void Configure(EntityTypeBuilder<Appointment> appointment)
    {
        appointment.ToTable("appointments", t => t.HasCheckConstraint("ck_appointments_days", "to_day is null or to_day >= from_day"));
        appointment.HasOne<Post>().WithMany().HasForeignKey(a => a.PostId).OnDelete(DeleteBehavior.Restrict);
        appointment.HasOne<Account>().WithMany().HasForeignKey(a => a.AccountId).OnDelete(DeleteBehavior.Restrict);
    }
}

internal sealed class AssignmentConfiguration : IEntityTypeConfiguration<Assignment>
{
    public void Configure(EntityTypeBuilder<Assignment> assignment)
    {
        assignment.ToTable("assignments", t =>
        {
            t.HasCheckConstraint("ck_assignments_what", "(node_id is null) <> (household_id is null)");
            t.HasCheckConstraint("ck_assignments_floors", "(floor_from is null) = (floor_to is null) and (floor_from is null or node_id is not null and floor_to >= floor_from)");
        });
        assignment.HasOne<Post>().WithMany().HasForeignKey(a => a.PostId).OnDelete(DeleteBehavior.Restrict);
        assignment.HasOne<GridNode>().WithMany().HasForeignKey(a => a.NodeId).OnDelete(DeleteBehavior.Restrict);
        assignment.HasOne<Domain.Households.Household>().WithMany().HasForeignKey(a => a.HouseholdId).OnDelete(DeleteBehavior.Restrict);
    }
}

internal sealed class StandInConfiguration : IEntityTypeConfiguration<StandIn>
{
    public void Configure(EntityTypeBuilder<StandIn> standIn)
    {
        standIn.ToTable("stand_ins", t => t.HasCheckConstraint("ck_stand_ins_days", "to_day >= from_day"));
        standIn.HasOne<Post>().WithMany().HasForeignKey(s => s.PostId).OnDelete(DeleteBehavior.Restrict);
        standIn.HasOne<Account>().WithMany().HasForeignKey(s => s.AccountId).OnDelete(DeleteBehavior.Restrict);
    }
}

internal sealed class StaffProposalConfiguration : IEntityTypeConfiguration<StaffProposal>
{
    public void Configure(EntityTypeBuilder<StaffProposal> proposal)
    {
        proposal.ToTable("staff_proposals");
        proposal.HasOne<Post>().WithMany().HasForeignKey(p => p.PostId).OnDelete(DeleteBehavior.Cascade);
        proposal.HasOne<Account>().WithMany().HasForeignKey(p => p.AccountId).OnDelete(DeleteBehavior.Cascade);
        proposal.HasOne<Account>().WithMany().HasForeignKey(p => p.ProposedBy).OnDelete(DeleteBehavior.Restrict);
        proposal.HasOne<Account>().WithMany().HasForeignKey(p => p.DecidedBy).OnDelete(DeleteBehavior.Restrict);
    }
}
