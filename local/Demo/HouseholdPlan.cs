using Backend.Domain.Households;
using Backend.Domain.Tiers;

namespace Local.Demo;

/// <summary>
/// Who lives behind which door: colours, sizes and workers first, so that the sums of the report come out exactly, then people who can live
/// together. A green household is built so that no rule can hold; each yellow one carries a signal of its own.
/// </summary>
internal sealed class HouseholdPlan
{
    private readonly DemoRandom _random = new("households");
    private readonly DemoIds _ids;

    public List<PlannedHousehold> Households { get; }

    public HouseholdPlan(DemoIds ids, IReadOnlyList<Door> doors)
    {
        _ids = ids;
        Households = [.. doors.Select(d => new PlannedHousehold { Id = ids.Next(), Door = d })];
        Colour();
        Signals();
        Sizes();
        Labour();
        Occupancies();
        foreach (var household in Households) Compose(household);
        Number();
    }

    private void Colour()
    {
        var order = new List<PlannedHousehold>(Households);
        _random.Shuffle(order);
        // The floors of A-60: 32 households that work and one that civil affairs carry, none of them monitored.
        var workers = order.Where(h => h.Door is { Building: GridPlan.RangeBuilding, FloorNumber: <= 4 }).ToList();
        foreach (var household in workers.Skip(1)) household.MustWork = true;
        (workers[0].Tier, workers[0].Signal) = (Tier.Yellow, Signal.NoLabour);
        order.RemoveAll(workers.Contains);

        var yellow = Figures.Households * DemoParameters.YellowPerMille / 1000 - 1;
        foreach (var household in order.Take(Figures.RedHouseholds)) household.Tier = Tier.Red;
        foreach (var household in order.Skip(Figures.RedHouseholds).Take(Figures.OrangeHouseholds)) household.Tier = Tier.Orange;
        order.AddRange(workers.Skip(1));
        var rest = order.Skip(Figures.RedHouseholds + Figures.OrangeHouseholds).ToList();
        _random.Shuffle(rest);
        foreach (var household in rest.Take(yellow)) household.Tier = Tier.Yellow;
        foreach (var (household, i) in rest.Skip(yellow).Where(h => !h.MustWork).Take(DemoParameters.Unassessed).Select((h, i) => (h, i)))
            (household.Tier, household.Gap) = (Tier.Yellow, (Gap)(1 + i % 4));
    }

    private static readonly (Signal, int)[] YellowSignals =
    [
        (Signal.NearLine, 260), (Signal.NoLabour, 110), (Signal.HeavyHealth, 160), (Signal.SingleParent, 70), (Signal.OneWorker, 110),
        (Signal.FewMonths, 25), (Signal.JobLost, 15), (Signal.WageArrears, 12), (Signal.MedicalCost, 35), (Signal.SchoolCost, 30),
        (Signal.LoanOverdue, 15), (Signal.Debt, 15), (Signal.ElderAlone, 40), (Signal.ElderLeftBehind, 25), (Signal.LeftBehindChild, 20),
        (Signal.ChildMood, 5), (Signal.DropoutRisk, 6), (Signal.InsuranceGap, 8), (Signal.LostContact, 3), (Signal.Reliefs, 8),
        (Signal.OrphanSupport, 4), (Signal.InHospital, 6), (Signal.UtilityArrears, 8), (Signal.HomeHazard, 8), (Signal.LowWaterUse, 2),
    ];

    private static readonly (Signal, int)[] RedSignals =
        [(Signal.None, 700), (Signal.RigidCosts, 130), (Signal.Guarantee, 60), (Signal.Event, 80), (Signal.Unprotected, 30)];

    private void Signals()
    {
        var quiet = DemoParameters.QuietYellow;
        foreach (var household in Households)
        {
            if (household.Tier == Tier.Red) household.Signal = _random.Weighted<Signal>(RedSignals);
            if (household is not { Tier: Tier.Yellow, Gap: Gap.None, Signal: Signal.None }) continue;
            if (!household.MustWork && quiet > 0 && _random.Chance(25))
            {
                household.Signal = Signal.Quiet;
                quiet--;
                continue;
            }
            do household.Signal = _random.Weighted<Signal>(YellowSignals);
            while (household.MustWork && household.Signal is Signal.NoLabour or Signal.ElderAlone);
        }
    }

    private static (int Min, int Max) SizeBounds(PlannedHousehold household) => household.Signal switch
    {
        Signal.ElderAlone => (1, 1),
        Signal.NoLabour => (1, 3),
        Signal.OneWorker => (4, 7),
        Signal.LeftBehindChild => (3, 6),
        Signal.HeavyHealth or Signal.SingleParent or Signal.ElderLeftBehind or Signal.ChildMood or Signal.DropoutRisk
            or Signal.SchoolCost or Signal.OrphanSupport or Signal.LostContact => (2, 7),
        Signal.Unprotected => (2, 4),
        _ => household.Tier == Tier.Red ? (1, 6) : (1, 8),
    };

    private void Sizes()
    {
        (int, int)[] red = [(1, 200), (2, 300), (3, 260), (4, 150), (5, 60), (6, 30)];
        (int, int)[] orange = [(1, 50), (2, 170), (3, 300), (4, 290), (5, 130), (6, 60)];
        (int, int)[] others = [(1, 40), (2, 110), (3, 220), (4, 330), (5, 190), (6, 80), (7, 30)];
        foreach (var household in Households)
        {
            var (min, max) = SizeBounds(household);
            var size = _random.Weighted<int>(household.Tier switch { Tier.Red => red, Tier.Orange => orange, _ => others });
            household.Size = Math.Clamp(size, min, max);
        }
        Fit(Tier.Red, Tier.Red, Figures.RedPeople);
        Fit(Tier.Orange, Tier.Orange, Figures.OrangePeople);
        Fit(Tier.Green, Tier.Yellow, Figures.People - Figures.RedPeople - Figures.OrangePeople);

        void Fit(Tier from, Tier to, int people)
        {
            var group = Households.Where(h => h.Tier >= from && h.Tier <= to).ToList();
            for (var missing = people - group.Sum(h => h.Size); missing != 0;)
            {
                var household = _random.Pick(group);
                var (min, max) = SizeBounds(household);
                var size = household.Size + Math.Sign(missing);
                if (size < min || size > max || size > 7) continue;
                household.Size = size;
                missing -= Math.Sign(missing);
            }
        }
    }

    private static (int Min, int Max) LabourBounds(PlannedHousehold household)
    {
        var size = household.Size;
        return household.Signal switch
        {
            Signal.NoLabour or Signal.ElderAlone => (0, 0),
            Signal.SingleParent or Signal.OneWorker => (1, 1),
            Signal.LeftBehindChild => (1, Math.Min(2, size - 2)),
            Signal.HeavyHealth or Signal.ElderLeftBehind or Signal.ChildMood or Signal.DropoutRisk or Signal.SchoolCost or Signal.OrphanSupport => (1, Math.Min(3, size - 1)),
            Signal.Unprotected => (0, 1),
            // Nothing else may make them yellow: not one worker for three (Y4), not none at all (Y2).
            Signal.Quiet => Steady(size),
            _ => household.Tier switch
            {
                Tier.Red => (0, Math.Min(2, size)),
                Tier.Orange => (0, Math.Min(3, size)),
                Tier.Yellow when household.Gap == Gap.None => (1, Math.Min(3, size)),
                _ => Steady(size),
            },
        };

        static (int, int) Steady(int size) => size switch { <= 3 => (1, Math.Max(1, Math.Min(2, size))), <= 5 => (2, 3), _ => (2, 4) };
    }

    private void Labour()
    {
        foreach (var household in Households)
        {
            var (min, max) = LabourBounds(household);
            household.Labour = household.Tier switch
            {
                Tier.Red => Math.Clamp(_random.Weighted<int>([(0, 480), (1, 430), (2, 90)]), min, max),
                Tier.Orange => Math.Clamp(_random.Weighted<int>([(0, 120), (1, 560), (2, 300), (3, 20)]), min, max),
                Tier.Yellow => Math.Clamp(_random.Weighted<int>([(1, 720), (2, 270), (3, 10)]), min, max),
                _ => Math.Clamp(_random.Weighted<int>([(1, 450), (2, 540), (3, 10)]), min, max),
            };
        }
        var free = Households.Where(h => h.Tier <= Tier.Yellow && LabourBounds(h) is var (min, max) && min < max).ToList();
        for (var missing = Figures.LabourForce - Households.Sum(h => h.Labour); missing != 0;)
        {
            var household = _random.Pick(free);
            var (min, max) = LabourBounds(household);
            var labour = household.Labour + Math.Sign(missing);
            if (labour < min || labour > max) continue;
            household.Labour = labour;
            missing -= Math.Sign(missing);
        }
    }

    private void Occupancies()
    {
        var joinedAway = 10; // ten households of one leader live elsewhere.
        foreach (var household in Households)
        {
            var joined = household.Door is { Building: GridPlan.JoinedBuilding, FloorNumber: <= 2 };
            household.Occupancy = household.Signal switch
            {
                Signal.ElderLeftBehind or Signal.LeftBehindChild => Occupancy.PartAway,
                Signal.LostContact => Occupancy.PartAway,
                _ when joined && joinedAway > 0 && household is { Tier: Tier.Green, Labour: >= 1 } => Occupancy.AllAway,
                _ when joined => Occupancy.AllHome,
                _ when household is { Tier: Tier.Green, Gap: Gap.None, Labour: >= 1, MustWork: false } => _random.Weighted<Occupancy>(
                    [(Occupancy.AllHome, 640), (household.Labour >= 2 ? Occupancy.PartAway : Occupancy.AllHome, 290), (Occupancy.AllAway, 63), (Occupancy.Vacant, 7)]),
                _ when household is { Tier: Tier.Yellow, Signal: Signal.NearLine or Signal.Debt, Labour: >= 2 } => _random.Weighted<Occupancy>(
                    [(Occupancy.AllHome, 600), (Occupancy.PartAway, 400)]),
                _ => Occupancy.AllHome,
            };
            if (joined && household.Occupancy == Occupancy.AllAway) joinedAway--;
        }
    }

    private void Compose(PlannedHousehold household)
    {
        var kinds = Enumerable.Repeat(Kind.Worker, household.Labour).ToList();
        var open = household.Size - household.Labour;
        Kind[] required = household.Signal switch
        {
            Signal.HeavyHealth or Signal.Unprotected => [_random.Chance(600) ? Kind.Elder : Kind.Incapable],
            Signal.SingleParent or Signal.OrphanSupport or Signal.ChildMood or Signal.DropoutRisk => [Kind.Child],
            Signal.ElderAlone or Signal.ElderLeftBehind => [Kind.Elder],
            Signal.LeftBehindChild => [Kind.Elder, Kind.Child],
            Signal.SchoolCost => [Kind.Student],
            Signal.NoLabour => [_random.Chance(750) ? Kind.Elder : Kind.Incapable],
            _ => [],
        };
        foreach (var kind in required)
        {
            kinds.Add(kind);
            open--;
        }
        // Somebody grown up must be there to care.
        if (open > 0 && !kinds.Any(k => k is Kind.Worker or Kind.Elder or Kind.Incapable))
        {
            kinds.Add(_random.Chance(700) ? Kind.Elder : Kind.Incapable);
            open--;
        }
        for (; open > 0; open--)
        {
            var elders = kinds.Count(k => k == Kind.Elder);
            kinds.Add(_random.Weighted<Kind>(
            [
                (Kind.Child, household.Labour > 0 ? 540 : 120), (Kind.Student, household.Labour > 0 ? 180 : 60),
                (Kind.Elder, elders < 2 ? 190 : 0), (Kind.Incapable, 100),
            ]));
        }
        new Family(household, _random, _ids).Add(kinds);
    }

    /// <summary>Order numbers for the ID numbers, and phones for those who may have one (nobody under 14: PD06).</summary>
    private void Number()
    {
        var born = new Dictionary<(int, int, bool), int>();
        var phone = 0;
        foreach (var person in Households.SelectMany(h => h.People))
        {
            var key = (person.Age, person.SinceBirthday, person.Male);
            person.Order = born[key] = born.GetValueOrDefault(key) + 1;
            // A step without a common divisor with 10^8 visits every number once.
            if (person.IsHead || person.Age is >= 16 and < 80 && _random.Chance(880)) person.PhoneNumber = (int)(++phone * 61_803_399L % 100_000_000);
        }
    }
}

/// <summary>Turns the kinds of a household's people into a family: ages that fit, who is what to the head, and names.</summary>
internal sealed class Family(PlannedHousehold household, DemoRandom random, DemoIds ids)
{
    private readonly string _surname = random.Pick(DemoNames.Surnames);
    private int _headAge;
    private bool _headMale;
    private bool _hasSpouse;

    public void Add(List<Kind> kinds)
    {
        var students = kinds.Count(k => k == Kind.Student);
        var children = kinds.Count(k => k == Kind.Child);
        var elders = kinds.Count(k => k == Kind.Elder);
        var grown = kinds.FindIndex(k => k is Kind.Worker);
        if (grown < 0) grown = kinds.FindIndex(k => k is Kind.Incapable);
        if (grown < 0) grown = kinds.FindIndex(k => k is Kind.Elder);
        var headKind = kinds[grown];
        kinds.RemoveAt(grown);

        _headMale = random.Chance(720);
        var low = students > 0 ? 42 : elders > 0 ? 32 : 26;
        var high = children > 0 ? 54 : 58;
        _headAge = headKind == Kind.Elder ? random.Between(66, 86) : random.Between(low, high);
        Person(headKind, _headAge, _headMale, "head");

        // Workers first, so that a spouse who works is the spouse.
        foreach (var kind in kinds.OrderBy(k => k)) Join(kind);
    }

    private void Join(Kind kind)
    {
        var alone = household.Signal is Signal.SingleParent or Signal.OrphanSupport;
        switch (kind)
        {
            case Kind.Worker when !_hasSpouse && !alone && random.Chance(820):
            case Kind.Incapable when !_hasSpouse && !alone && _headAge < 60 && random.Chance(700):
                _hasSpouse = true;
                Person(kind, Math.Clamp(_headAge + random.Between(-4, 4), 24, 59), !_headMale, "spouse");
                break;
            case Kind.Worker when _headAge >= 47 && random.Chance(800):
                Person(kind, random.Between(24, _headAge - 21), random.Chance(600), "child");
                break;
            case Kind.Worker when _headAge is >= 30 and < 46 && random.Chance(350):
                // Still working past 60: weak capacity, a field or a broom.
                Person(kind, Math.Clamp(_headAge + random.Between(21, 28), 60, 68), random.Chance(500), "parent");
                break;
            case Kind.Worker:
            case Kind.Incapable:
                Person(kind, Math.Clamp(_headAge + random.Between(-8, 8), 24, 59), random.Chance(500), "sibling");
                break;
            case Kind.Child when _headAge >= 60:
                Person(kind, ChildAge(0, 15), random.Chance(520), "grandchild");
                break;
            case Kind.Child:
                Person(kind, ChildAge(0, Math.Min(15, _headAge - 21)), random.Chance(520), household.Signal == Signal.OrphanSupport ? "other" : "child");
                break;
            case Kind.Student:
                Person(kind, random.Between(16, 22), random.Chance(500), _headAge >= 60 ? "grandchild" : _headAge >= 38 ? "child" : "sibling");
                break;
            case Kind.Elder when _headAge >= 60:
                Person(kind, Math.Clamp(_headAge + random.Between(-5, 5), 62, 90), !_headMale, "spouse");
                break;
            default:
                Person(kind, Math.Clamp(_headAge + random.Between(22, 34), 62, 92), random.Chance(420), "parent");
                break;
        }
    }

    private int ChildAge(int low, int high) => random.Between(household.Signal is Signal.ChildMood or Signal.DropoutRisk ? Math.Min(8, high) : low, high);

    private void Person(Kind kind, int age, bool male, string relation)
    {
        var surname = relation is "spouse" or "other" ? random.Pick(DemoNames.Surnames) : _surname;
        household.People.Add(new PlannedPerson
        {
            Id = ids.Next(),
            Kind = kind,
            Age = age,
            SinceBirthday = random.Between(20, 340),
            Male = male,
            Relation = relation,
            Name = surname + DemoNames.Given(random, male),
        });
    }
}
