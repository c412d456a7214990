namespace Backend.Domain.Grid;

/// <summary>角色: what the holder of a post, or a resident, may do. Policy is role × operation × relation (AZ01).</summary>
public enum Role
{
    Resident,
    FloorLeader,
    BuildingLeader,
    AreaLeader,
    CommunityLeader,
    Staff,
    LabourOfficer,
    StreetManager,
    DistrictManager,
    DepartmentLiaison,
    SystemAdmin,
    SecurityAdmin,
    AuditAdmin,
}

/// <summary>职务: a seat with one role on a node or a party body; it exists while vacant.</summary>
internal sealed class Post
{
    public required Guid Id { get; init; }
    public required Role Role { get; init; }
    public Guid? NodeId { get; init; }
    public Guid? PartyBodyId { get; init; }
    /// <summary>The leader post of its node: alarms go to its holder, or to the next level up while it is vacant.</summary>
    public bool LeadsNode { get; init; }
    public required string Title { get; init; }

    /// <summary>A post of those who visit families: given, stood in for and taken back within the grid, without a second person (AZ15).</summary>
    public bool IsNearFamilies => Role is Role.FloorLeader or Role.BuildingLeader or Role.AreaLeader;

    /// <summary>One of the three administrations (系统、安全、审计), of which nobody holds two.</summary>
    public bool IsAdministration => Role is Role.SystemAdmin or Role.SecurityAdmin or Role.AuditAdmin;
}

/// <summary>任职: an account holds a post from a day to a day (inclusive; no end is null).</summary>
internal sealed class Appointment
{
    public required Guid Id { get; init; }
    public required Guid PostId { get; init; }
    public required Guid AccountId { get; init; }
    public required DateOnly FromDay { get; init; }
    public DateOnly? ToDay { get; set; }
}

/// <summary>
/// 任职提议: one security administrator proposes who shall hold a post of staff, another decides (AZ15). Approved, it is the appointment of the same id.
/// </summary>
internal sealed class StaffProposal
{
    /// <summary>Nobody decides about what was proposed longer ago.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(7);

    public required Guid Id { get; init; }
    public required Guid PostId { get; init; }
    public required Guid AccountId { get; init; }
    public required DateOnly FromDay { get; init; }
    public DateOnly? ToDay { get; init; }
    public required Guid ProposedBy { get; init; }
    public required DateTimeOffset ProposedAt { get; init; }
    public DateTimeOffset? DecidedAt { get; set; }
    public Guid? DecidedBy { get; set; }
    public bool? IsApproved { get; set; }
}

internal static class AppointmentDays
{
    /// <summary>Those that hold on a day.</summary>
    public static IQueryable<Appointment> On(this IQueryable<Appointment> appointments, DateOnly day) =>
        appointments.Where(a => a.FromDay <= day && (a.ToDay == null || a.ToDay >= day));
}

/// <summary>包保: what a post looks after: a whole node, floors of a building, or one household. A post on a node looks after that node only through such a row.</summary>
internal sealed class Assignment
{
    public required Guid Id { get; init; }
    public required Guid PostId { get; init; }
    /// <summary>The node, or the building of a floor range.</summary>
    public Guid? NodeId { get; init; }
    public int? FloorFrom { get; init; }
    public int? FloorTo { get; init; }
    public Guid? HouseholdId { get; init; }
}

/// <summary>代理: who acts for a post's holder from a day to a day (inclusive).</summary>
internal sealed class StandIn
{
    public required Guid Id { get; init; }
    public required Guid PostId { get; init; }
    public required Guid AccountId { get; init; }
    public required DateOnly FromDay { get; init; }
    public required DateOnly ToDay { get; init; }
}
