using Backend.Domain.Households;
using Backend.Domain.Tiers;

namespace Local.Demo;

/// <summary>
/// Who works and what everybody earns and spends, in integer fen. The last household of each distribution
/// takes the remainder.
/// </summary>
internal sealed class WorkPlan
{
    private readonly DemoRandom _random = new("work");
    private readonly List<PlannedHousehold> _households;

    public WorkPlan(List<PlannedHousehold> households)
    {
        _households = households;
        Capacities();
        Employ();
        Away();
        Health();
        Costs();
        Incomes();
        Wages();
        YearBefore();
        Others();
    }

    private void Capacities()
    {
        foreach (var person in _households.SelectMany(h => h.People))
        {
            person.Capacity = person.Kind switch
            {
                Kind.Worker when person.Age >= 60 => "weak",
                Kind.Worker => _random.Weighted<string>([("ordinary", 740), ("skilled", 220), ("weak", 40)]),
                Kind.Incapable => _random.Chance(350) ? "lost" : "none",
                Kind.Student => "none",
                _ => null,
            };
        }
    }

    /// <summary>
    /// 9,154 of 9,911 work. Those who look for work live beside somebody under 60 who has some; where a household has nobody at work nobody there
    /// is looking either, so no zero-employment family has a willing worker, then or now.
    /// </summary>
    private void Employ()
    {
        foreach (var household in _households)
        {
            foreach (var worker in household.Workers)
                worker.Status = worker.Age >= 60 ? "farming" : _random.Weighted<string>([("employed", 905), ("self", 60), ("farming", 35)]);
            if (household.Signal is Signal.FewMonths or Signal.JobLost or Signal.WageArrears) household.Head.Status = "employed";
        }

        var open = Figures.LabourForce - Figures.Employed;
        var order = new List<PlannedHousehold>(_households);
        _random.Shuffle(order);
        // Monitored and yellow households more often.
        foreach (var household in order.OrderBy(h => h.Tier == Tier.Green ? _random.Below(3) : _random.Below(2)))
        {
            if (open == 0) break;
            var workers = household.Workers.Where(w => w.Age < 60).ToList();
            if (workers.Count >= 2)
            {
                // The head goes on working: the main earner must be somebody at work.
                var worker = workers[^1];
                worker.Status = _random.Weighted<string>([("seeking", 640), ("caring", 220), ("idle", 140)]);
                open--;
            }
            else if (workers.Count == 1 && household.Tier != Tier.Green && household.Gap == Gap.None && !household.MustWork && household.People.Count > 1
                && household.Signal is Signal.None or Signal.NearLine or Signal.OneWorker or Signal.HeavyHealth or Signal.Guarantee && _random.Chance(350))
            {
                workers[0].Status = "caring";
                open--;
            }
        }
        if (open != 0) throw new InvalidOperationException("The demo has no room for everybody without work.");

        // 8,445 a year before: 45 who have lost their work since, and all but 754 of those who have some now.
        var all = _households.SelectMany(h => h.Workers).ToList();
        _random.Shuffle(all);
        var lost = 45;
        var found = Figures.Employed - (Figures.EmployedYearBefore - lost);
        foreach (var worker in all)
        {
            worker.StatusYearBefore = worker.Status;
            if (!worker.IsEmployed && lost > 0)
            {
                worker.StatusYearBefore = "employed";
                lost--;
            }
            else if (worker.Status == "employed" && worker.Age < 60 && found > 0)
            {
                worker.StatusYearBefore = _random.Chance(800) ? "seeking" : "caring";
                found--;
            }
        }
    }

    private void Away()
    {
        foreach (var household in _households)
        {
            var workers = household.Workers.Where(w => w.IsEmployed && w.Age < 60).ToList();
            foreach (var person in household.Occupancy switch
            {
                Occupancy.AllAway => household.People,
                // Both parents away would leave a child or an elder behind: that is a signal, and only theirs.
                Occupancy.PartAway when household.Signal is Signal.ElderLeftBehind or Signal.LeftBehindChild => [.. household.Workers],
                Occupancy.PartAway => [.. workers.Take(1)],
                _ => [],
            }) person.Away = true;
        }
    }

    private void Health()
    {
        foreach (var household in _households)
        {
            var carried = household.People.Where(p => p.Kind is Kind.Elder or Kind.Incapable).ToList();
            if (household.Signal is Signal.HeavyHealth or Signal.Unprotected) carried[0].Heavy = true;
            var share = household.Tier switch { Tier.Red => 450, Tier.Orange => 330, Tier.Yellow when household.Signal is Signal.NoLabour or Signal.ElderAlone => 350, _ => 0 };
            foreach (var person in carried.Where(p => !p.Heavy)) person.Heavy = _random.Chance(share);
        }
    }

    private void Costs()
    {
        foreach (var household in _households)
        {
            var adults = household.People.Where(p => p.Age >= 20).ToList();
            var pupils = household.People.Where(p => p.Age is >= 12 and <= 22 && p.Kind is Kind.Child or Kind.Student).ToList();
            if (household.Signal == Signal.MedicalCost) _random.Pick(adults).Medical = _random.Between(520_000L, 1_650_000L);
            else if (_random.Chance(household.People.Any(p => p.Heavy || p.Kind == Kind.Elder) ? 520 : 180)) _random.Pick(adults).Medical = _random.Between(40_000L, 440_000L);

            if (household.Signal == Signal.SchoolCost) household.People.First(p => p.Kind == Kind.Student).Education = _random.Between(1_020_000L, 1_580_000L);
            else if (pupils.Count > 0 && _random.Chance(420)) _random.Pick(pupils).Education = _random.Between(60_000L, 780_000L);

            var known = household.People.Sum(p => p.Medical + p.Education);
            if (household.Signal == Signal.RigidCosts) household.RigidCosts = known + household.Size * _random.Between(260_000L, 600_000L);
            else if (known > 0 && _random.Chance(120)) household.RigidCosts = known + _random.Between(10_000L, 90_000L);
            if (household.Tier != Tier.Red && _random.Chance(9)) household.DisasterLoss = _random.Between(30_000L, 160_000L);
        }
    }

    /// <summary>
    /// Each household has a least income that keeps every rule away which is not its own: the floor of A-106, Y1's bound for those who are not
    /// near the line, and R3 (what is left after costs and losses). Red and near-line households stay there; the others share the rest of the total.
    /// </summary>
    private void Incomes()
    {
        var sharing = new List<(PlannedHousehold Household, long Weight)>();
        var rest = Figures.NetIncome;
        foreach (var household in _households)
        {
            var size = household.Size;
            var costs = Math.Max(household.RigidCosts, household.People.Sum(p => p.Medical + p.Education)) + household.DisasterLoss;
            var afterCosts = household.Tier == Tier.Red ? 0 : Figures.FloorPerHead * size + costs + 20_000 * size;
            long perHead = 0, weight = 0;
            switch (household)
            {
                case { Tier: Tier.Red }:
                    perHead = household.Signal == Signal.RigidCosts ? _random.Between(800_000L, 900_000L) : _random.Between(800_000L, 1_020_000L);
                    break;
                case { Signal: Signal.NearLine }:
                    perHead = _random.Between(806_000L, 955_000L);
                    break;
                case { Tier: Tier.Orange }:
                    (perHead, weight) = (845_000, _random.Between(10_000L, 120_000L));
                    break;
                default:
                    (perHead, weight) = (965_000, _random.Between(4_000L, 130_000L));
                    if (household.Labour >= 2) weight += _random.Between(20_000L, 120_000L);
                    break;
            }
            household.NetIncome = Math.Max(perHead * size + _random.Below(100), afterCosts);
            if (household.Signal == Signal.NearLine && household.NetIncome >= Figures.AttentionPerHead * size)
            {
                // Costs that would lift it over the bound are not there.
                foreach (var person in household.People) (person.Medical, person.Education) = (0, 0);
                (household.RigidCosts, household.DisasterLoss) = (0, 0);
                household.NetIncome = perHead * size;
            }
            rest -= household.NetIncome;
            if (weight > 0) sharing.Add((household, weight * size));
        }
        // Exactly at the floor: "below the line" is not "at the line".
        var edge = _households.First(h => h is { Tier: Tier.Red, Signal: Signal.None });
        rest += edge.NetIncome - Figures.FloorPerHead * edge.Size;
        edge.NetIncome = Figures.FloorPerHead * edge.Size;
        if (rest < 0) throw new InvalidOperationException("The least incomes are more than the total.");
        Spread(rest, sharing, (h, part) => h.NetIncome += part);
    }

    private void Wages()
    {
        // A share of the income of every household with an employee; what is left is business, property and transfers.
        var earning = _households.Where(h => h.Workers.Any(w => w.Status == "employed")).ToList();
        var mean = (int)(Figures.Wages * 1000 / earning.Sum(h => h.NetIncome));
        var spread = Math.Min(mean - 500, 970 - mean);
        Fit(Figures.Wages, earning, h => h.NetIncome * (mean + _random.Between(-spread, spread)) / 1000, h => (h.NetIncome * 4 / 10, h.NetIncome * 98 / 100), (h, part) => h.Wages = part);
        foreach (var household in _households)
        {
            // The first one earns twice what the others do: the main earner is one person, and not by a hair.
            var employed = household.Workers.Where(w => w.Status == "employed").ToList();
            for (var i = 0; i < employed.Count; i++)
                employed[i].MonthlyWage = household.Wages * (i == 0 ? 2 : 1) / (employed.Count + 1) / 12 / 1_000 * 1_000;
            var other = household.NetIncome - household.Wages;
            if (household.Workers.Any(w => w.Status is "self" or "farming")) household.Business = other * _random.Between(350, 800) / 1000;
            else if (_random.Chance(120)) household.Business = other * _random.Between(50, 250) / 1000;
            if (_random.Chance(640)) household.Property = (other - household.Business) * _random.Between(20, 300) / 1000;
        }
    }

    private void YearBefore()
    {
        // Around the ratio of the two totals, never so much higher that the next year would look like a fall (Y5).
        Spread(Figures.NetIncomeYearBefore, [.. _households.Select(h => (h, h.NetIncome * _random.Between(930, 1070) / 1000))], (h, part) => h.NetIncomeYearBefore = part);
        var earning = _households.Where(h => h.Wages > 0).ToList();
        Fit(Figures.WagesYearBefore, earning, h => h.Wages * Figures.WagesYearBefore / 1000 / (Figures.Wages / 1000),
            h => (h.NetIncomeYearBefore * 3 / 10, h.NetIncomeYearBefore * 97 / 100), (h, part) => h.WagesYearBefore = part);
    }

    private void Others()
    {
        foreach (var household in _households)
        {
            if (household.Signal == Signal.Debt) household.Debt = household.NetIncome * _random.Between(1100, 1600) / 1000;
            else if (_random.Chance(220)) household.Debt = _random.Between(300_000L, household.NetIncome * 6 / 10);
        }
    }

    /// <summary>Divides a total by weight; the last one takes the remainder.</summary>
    private static void Spread(long total, List<(PlannedHousehold Household, long Weight)> among, Action<PlannedHousehold, long> take)
    {
        var weights = among.Sum(a => a.Weight);
        var left = total;
        for (var i = 0; i < among.Count; i++)
        {
            var part = i == among.Count - 1 ? left : (long)((Int128)total * among[i].Weight / weights);
            take(among[i].Household, part);
            left -= part;
        }
    }

    /// <summary>Gives each the part that is wanted, within its bounds; the last ones that have room take what is then missing or too much.</summary>
    private static void Fit(
        long total, List<PlannedHousehold> among, Func<PlannedHousehold, long> wanted, Func<PlannedHousehold, (long Min, long Max)> bounds, Action<PlannedHousehold, long> take)
    {
        var parts = among.Select(h => Math.Clamp(wanted(h), bounds(h).Min, bounds(h).Max)).ToArray();
        var missing = total - parts.Sum();
        for (var i = among.Count - 1; i >= 0 && missing != 0; i--)
        {
            var (min, max) = bounds(among[i]);
            // A tenth of the income at most, so that nobody sticks out.
            var step = Math.Clamp(missing, Math.Max(min - parts[i], -among[i].NetIncome / 10), Math.Min(max - parts[i], among[i].NetIncome / 10));
            parts[i] += step;
            missing -= step;
        }
        if (missing != 0) throw new InvalidOperationException($"{missing} fen of {total} found no place.");
        for (var i = 0; i < among.Count; i++) take(among[i], parts[i]);
    }
}
