namespace Local.Demo;

/// <summary>
/// The demo district without a date: everything that chance decides, drawn once from the fixed seed. <see cref="DemoDistrict.Generate"/> puts it on
/// a day.
/// </summary>
internal sealed class DemoBlueprint
{
    private static readonly Lazy<DemoBlueprint> Made = new(() => new DemoBlueprint());

    public static DemoBlueprint Instance => Made.Value;

    /// <summary>Draws it anew; for the proof that two drawings are the same.</summary>
    public DemoBlueprint()
    {
        var ids = new DemoIds();
        Grid = new GridPlan(ids);
        Households = new HouseholdPlan(ids, Grid.Doors).Households;
        _ = new WorkPlan(Households);
        _ = new TagPlan(ids, Households);
        Leaders = new LeadersPlan(ids, Grid, Households);
        _ = new CarePlan(ids, Leaders, Households);
        foreach (var person in Households.SelectMany(h => h.People)) MembershipIds[person.Id] = ids.Next();
        // Last, so that nobody else's id moves.
        foreach (var account in Leaders.Accounts.Where(a => a.EmploymentBound)) AccountPhotoIds[account.Id] = ids.Next();
    }

    public GridPlan Grid { get; }
    public List<PlannedHousehold> Households { get; }
    public LeadersPlan Leaders { get; }
    public Dictionary<Guid, Guid> MembershipIds { get; } = [];
    /// <summary>The photo of each leader and member of staff.</summary>
    public Dictionary<Guid, Guid> AccountPhotoIds { get; } = [];
}
