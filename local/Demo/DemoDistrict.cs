using System.Globalization;
using System.Text.Json;
using Backend.Domain.Accounts;
using Backend.Domain.Facts;
using Backend.Domain.Grid;
using Backend.Domain.Households;
using Backend.Domain.Tags;
using Backend.Domain.Tiers;
using Backend.Domain.Visits;
using Local.Sandbox;

namespace Local.Demo;

/// <summary>
/// The demo district on one day, in the clear and in memory: the rows that <see cref="DemoLoader"/> seals and writes, and that tests compute from.
/// The same day gives the same district, whatever the machine.
/// </summary>
internal sealed class DemoDistrict
{
    /// <summary>Generates the whole district. Statistical values are dated 2021 and 2022; everything else counts back from <paramref name="asOf"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A day before 2023: the statistics would lie ahead of it.</exception>
    public static DemoDistrict Generate(DateOnly asOf) => new(asOf, DemoBlueprint.Instance);

    internal DemoDistrict(DateOnly asOf, DemoBlueprint blueprint)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(asOf, new DateOnly(2023, 1, 1));
        AsOf = asOf;
        Levels = blueprint.Grid.Levels;
        Nodes = blueprint.Grid.Nodes;
        PartyBodies = blueprint.Leaders.PartyBodies;
        Posts = blueprint.Leaders.Posts;
        Assignments = blueprint.Leaders.Assignments;
        Appointments = [.. blueprint.Leaders.Appointments.Select(a => new Appointment { Id = a.Id, PostId = a.PostId, AccountId = a.AccountId, FromDay = a.From.For(asOf), ToDay = a.To?.For(asOf) })];
        StandIns = [.. blueprint.Leaders.StandIns.Select(s => new StandIn { Id = s.Id, PostId = s.PostId, AccountId = s.AccountId, FromDay = s.From.For(asOf), ToDay = s.To.For(asOf) })];
        Accounts = blueprint.Leaders.Accounts;
        AccountPhotos = [.. blueprint.AccountPhotoIds.Select(p => new AccountPhoto
        {
            Id = p.Value,
            AccountId = p.Key,
            ContentType = DemoPortrait.ContentType,
            Width = DemoPortrait.Size,
            Height = DemoPortrait.Size,
            TakenAt = DemoHousehold.At(asOf.AddDays(-200), 620),
        })];
        Households = [.. blueprint.Households.AsParallel().AsOrdered().Select(h => new DemoHousehold(blueprint, h, asOf))];
    }

    public DateOnly AsOf { get; }
    public IReadOnlyList<Level> Levels { get; }
    public IReadOnlyList<GridNode> Nodes { get; }
    public IReadOnlyList<PartyBody> PartyBodies { get; }
    public IReadOnlyList<Post> Posts { get; }
    public IReadOnlyList<Appointment> Appointments { get; }
    public IReadOnlyList<Assignment> Assignments { get; }
    public IReadOnlyList<StandIn> StandIns { get; }
    public IReadOnlyList<PlannedAccount> Accounts { get; }
    public IReadOnlyList<AccountPhoto> AccountPhotos { get; }
    public IReadOnlyList<DemoHousehold> Households { get; }

    /// <summary>Every account is bound to a WeChat identity, so that everybody can be told; the demo codes are those of the sandbox.</summary>
    public IEnumerable<DemoIdentity> Identities => Accounts.Select(a => new DemoIdentity(a.IdentityId, a.Id, DemoCodes.OpenIdOf(a.DemoCode ?? a.Id.ToString()), a.EmploymentBound));

    /// <summary>随访频次 .</summary>
    public static IReadOnlyDictionary<Tier, Cadence> Cadences { get; } = new[]
    {
        new Cadence { Tier = Tier.Red, Days = 7 },
        new Cadence { Tier = Tier.Orange, Days = 14 },
        new Cadence { Tier = Tier.Yellow, Months = 1 },
        new Cadence { Tier = Tier.Green, Months = 3 },
    }.ToDictionary(c => c.Tier);

    /// <summary>Titles and texts .</summary>
    public static IReadOnlyDictionary<string, string> Texts { get; } = new Dictionary<string, string>
    {
        ["deployment.title"] = "东川区党建引领智慧社区精准服务系统平台",
        ["deployment.logo_text"] = "智慧社区 · 东川",
        ["deployment.notice"] = "演示数据，姓名、证件号码、电话均为虚构。",
        ["deployment.rule_page_title"] = "东川雁阵",
        ["deployment.rule_page"] = "楼层长就近联户，楼长包栋，片区长包片；红色每周一访，橙色两周一访，黄色每月一访，绿色每季度一访。",
        ["deployment.tier_red"] = "重点风险监测户",
        ["deployment.tier_orange"] = "消除风险监测户",
        ["deployment.tier_yellow"] = "重点脱贫户",
        ["deployment.tier_green"] = "正常脱贫户",
    };
}

/// <summary>The WeChat identity of an account, in the clear.</summary>
internal sealed record DemoIdentity(Guid Id, Guid AccountId, string OpenId, bool EmploymentBound);

/// <summary>A resident in the clear.</summary>
internal sealed record DemoResident(Guid Id, Guid MembershipId, string Name, bool IsHead, string IdNumber, string? Phone, string? FormerAddress, Guid? PhotoId);

/// <summary>A tag value in the clear, and who recorded it.</summary>
internal sealed record DemoValue(OpenedValue Value, Guid? RecordedBy);

/// <summary>A monthly evaluation in the clear.</summary>
internal sealed record DemoMonth(Guid Id, DateOnly Month, bool AtOrAboveClearLine, DateOnly? SignalFreeSince)
{
    public string ToJson() => JsonSerializer.Serialize(new { AtOrAboveClearLine, SignalFreeSince }, JsonSerializerOptions.Web);
}

internal sealed record DemoVisit(Guid Id, VisitKind Kind, DateOnly Day, DateTimeOffset At, Guid Visitor, bool Counted, string? Note);

internal sealed record DemoMeasure(Guid Id, string Kind, Guid? Responsible, DateOnly OpenedOn, DateOnly? FinishedOn, string? Outcome);

/// <summary>One household on the day of loading.</summary>
internal sealed class DemoHousehold
{
    private static readonly TimeSpan Shanghai = TimeSpan.FromHours(8);

    private readonly Guid _leader, _staff;

    public DemoHousehold(DemoBlueprint blueprint, PlannedHousehold plan, DateOnly asOf)
    {
        (Plan, AsOf) = (plan, asOf);
        (_leader, _staff) = (blueprint.Leaders.LeaderOf[plan.Id], blueprint.Leaders.StaffOf[plan.Floor.RootId!.Value]);
        RecordedOn = plan.MoveIn.For(asOf);
        Residents = new DemoResident[plan.People.Count];
        for (var i = 0; i < Residents.Length; i++)
        {
            var person = plan.People[i];
            Residents[i] = new DemoResident(
                person.Id, blueprint.MembershipIds[person.Id], person.Name, person.IsHead, DemoNames.IdNumber(person.Born.For(asOf), person.Order, person.Male),
                person.PhoneNumber is { } number ? DemoNames.Phone(number) : null, person.IsHead ? plan.FormerAddress : null, person.PhotoId);
        }
        Marks = [.. plan.Marks.Select(m => (m, m.Day.For(asOf))).Select(m => new RegisterMark
        {
            Id = m.m.Id,
            HouseholdId = plan.Id,
            NodePath = plan.Floor.Path,
            Status = m.m.Status,
            Day = m.Item2,
            MonitoredKind = m.m.MonitoredKind,
            DiscoveryChannel = m.m.Channel,
            EliminationKind = m.m.Elimination,
            RecordedAt = At(m.Item2, 600),
            RecordedBy = m.m.Status == RegisterStatus.Lifted ? null : _staff,
        })];
        Visits = [.. plan.Visits.Select(v => (v, Day: v.Day.For(asOf))).Select(v => new DemoVisit(v.v.Id, v.v.Kind, v.Day, At(v.Day, v.v.MinuteOfDay), v.v.Visitor, v.v.Counted, v.v.Note))];
        Measures = [.. plan.Measures.Select(m => new DemoMeasure(m.Id, m.Kind, m.Responsible, m.Opened.For(asOf), m.Finished?.For(asOf), m.Outcome))];
        var quiet = plan.QuietSince?.For(asOf);
        Months = [.. plan.Months.Select(m => (m, Month: MonthOf(asOf, m)))
            .Select(m => new DemoMonth(m.m.Id, m.Month, m.m.AtOrAboveClearLine, quiet <= m.Month ? quiet : null))];
        Photos = [.. plan.Photos.Select(p => new Photo
        {
            Id = p.Id,
            HouseholdId = plan.Id,
            NodePath = plan.Floor.Path,
            ResidentId = p.ResidentId,
            ContentType = DemoPortrait.ContentType,
            Width = DemoPortrait.Size,
            Height = DemoPortrait.Size,
            TakenAt = At(p.Taken.For(asOf), 620),
        })];
        LastVisitDay = Visits.Where(v => v.Counted).Select(v => (DateOnly?)v.Day).Max();
        var kept = plan.Gap == Gap.None ? plan.Tier : Tier.Green;
        DueDay = LastVisitDay is { } last ? DemoDistrict.Cadences[kept].After(last) : null;
        var run = TierRun.Of(SnapshotOn(plan, asOf), plan.Tier, plan.State, RuleSet.Default, plan.Floor.Path, DemoDistrict.Cadences, asOf, isNamed: false);
        if ((run.Evaluation.Tier, run.Evaluation.State) != (plan.Tier, plan.State))
            throw new InvalidOperationException($"{plan.Door.Text} is planned {plan.Tier} {plan.State} for {plan.Signal}; the engine says {run.Evaluation.Tier} {run.Evaluation.State}: {string.Join(' ', run.Evaluation.Reasons.Select(r => r.Rule))}.");
        (Evaluation, Snapshot, NextEvaluationOn) = (run.Evaluation, run.Snapshot, run.NextEvaluationOn);
    }

    public PlannedHousehold Plan { get; }
    public DateOnly AsOf { get; }
    public Guid Id => Plan.Id;
    public GridNode Floor => Plan.Floor;
    public DateOnly RecordedOn { get; }
    public Tier Tier => Plan.Tier;
    public TierState? State => Plan.State;
    public RegisterStatus RegisterStatus => Marks.MaxBy(m => m.Day)!.Status;
    public DateOnly? LastVisitDay { get; }
    public DateOnly? DueDay { get; }
    /// <summary>What the engine says of the snapshot: always the planned tier and state, or the district is not made.</summary>
    public Evaluation Evaluation { get; }
    public DateOnly? NextEvaluationOn { get; }
    public FactsSnapshot Snapshot { get; }
    public DemoResident[] Residents { get; }
    /// <summary>Made anew with each reading: a third of a million of them need not lie in memory at once.</summary>
    public IEnumerable<DemoValue> Values => Plan.Values.Select(v => new DemoValue(
        Open(v, AsOf), v.Source switch { ValueSource.Visit => _leader, ValueSource.Staff => _staff, _ => null }));
    public IReadOnlyList<RegisterMark> Marks { get; }
    public IReadOnlyList<DemoVisit> Visits { get; }
    public IReadOnlyList<DemoMeasure> Measures { get; }
    public IReadOnlyList<DemoMonth> Months { get; }
    public IReadOnlyList<Photo> Photos { get; }

    /// <summary>
    /// The facts snapshot of a planned household on a day, straight from the plan: the same as from its rows (a test says so), without
    /// the rest of the rows.
    /// </summary>
    public static FactsSnapshot SnapshotOn(PlannedHousehold plan, DateOnly asOf) =>
        SnapshotWithoutValues(plan, asOf).WithRows(plan.ReadValues.Select(v => Open(v, asOf)), asOf);

    public static FactsSnapshot SnapshotWithoutValues(PlannedHousehold plan, DateOnly asOf)
    {
        var since = plan.MoveIn.For(asOf);
        DateOnly? counted = null, home = null;
        foreach (var visit in plan.Visits)
        {
            var day = visit.Day.For(asOf);
            if (visit.Counted && !(day <= counted)) counted = day;
            if (visit.Kind == VisitKind.Home && !(day <= home)) home = day;
        }
        return new FactsSnapshot
        {
            HouseholdId = plan.Id,
            RecordedOn = since,
            Occupancy = plan.Occupancy,
            Register = plan.Marks.ConvertAll(m => new SnapshotMark(m.Id, m.Status, m.Day.For(asOf))),
            LastCountedVisit = counted,
            LastHomeVisit = home,
            FinishedMeasures = [.. plan.Measures.Where(m => m.Finished is not null).Select(m => m.Finished!.Value.For(asOf)).Order()],
            Months = plan.Months.ConvertAll(m => new SnapshotMonth(MonthOf(asOf, m), m.AtOrAboveClearLine)),
            SignalFreeSince = plan.QuietSince?.For(asOf),
        }
        .WithMembers(plan.People.Select(p => new SnapshotMember(p.Id, p.IsHead, SharesIncome: true, since)), asOf);
    }

    private static DateOnly MonthOf(DateOnly asOf, PlannedMonth month) => new DateOnly(asOf.Year, asOf.Month, 1).AddMonths(-month.MonthsBack);

    public static OpenedValue Open(PlannedValue value, DateOnly asOf)
    {
        var observed = value.Observed.For(asOf);
        return new OpenedValue(
            value.Id, value.Subject, value.SubjectId, value.Tag, value.Text ?? Text(value.Date!.Value.For(asOf)), value.Source, observed, null, null,
            At(observed, value.MinuteOfDay));
    }

    /// <summary>A moment of a Shanghai day, in UTC.</summary>
    public static DateTimeOffset At(DateOnly day, int minuteOfDay) => new(day.DayNumber * TimeSpan.TicksPerDay + minuteOfDay * TimeSpan.TicksPerMinute - Shanghai.Ticks, TimeSpan.Zero);

    public static string Text(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}
