using Bench.Ceilings;
using Bench.Load;

namespace Bench.Rows;

/// <summary>P5: a leader's households and one household's page, and whether the page stays as quick among many households.</summary>
internal sealed class HouseholdReads : Row
{
    public override string Id => "P5";

    public override string Work => "楼层长的住户列表与住户详情";

    public override async Task<IReadOnlyList<Result>> MeasureAsync(Stage stage, bool warmUp, CancellationToken cancellation)
    {
        var (turns, turn) = (stage.Options.Turns, stage.Options.Turn);
        var (small, large) = (await DeskAsync(stage, stage.Small, cancellation), await DeskAsync(stage, stage.Large!, cancellation));
        var list = await InTurnsAsync(turns, () => small.ListAsync(turn), () => small.ListCeilingAsync(turn));
        var page = await InTurnsAsync(turns, () => small.PageAsync(turn), () => small.PageCeilingAsync(turn));
        // Here the "ceiling" is the same product over the demo district alone.
        var many = await InTurnsAsync(turns, () => large.PageAsync(turn), () => small.PageAsync(turn));
        var manyList = await InTurnsAsync(turns, () => large.ListAsync(turn), () => small.ListAsync(turn));
        var households = Result.Text($"{stage.Options.ManyHouseholds:N0}");
        return
        [
            Result.OfRates(Id, "a leader's households", 0.40, "pgbench, same SQL with guards and audit", list.Ceiling, list.Product),
            Result.OfRates(Id, "one household's page", 0.55, "pgbench, same SQL with guards and audit", page.Ceiling, page.Product),
            Flat($"the page among {households} households", many),
            Flat($"the list among {households} households", manyList),
        ];

        Result Flat(string work, (double Product, double Ceiling) rates) => new(
            Id, work, "≤ 1.3x the time", Result.Text($"the demo district alone: {rates.Ceiling:N0}/s"), Result.Text($"{rates.Product:N0}/s"),
            Result.Text($"{rates.Ceiling / rates.Product:0.00}x"), rates.Ceiling <= 1.3 * rates.Product);
    }

    private static async Task<Desk> DeskAsync(Stage stage, District district, CancellationToken cancellation)
    {
        var leaders = await LeaderCommands.OfAsync(stage, district, cancellation);
        return new Desk(
            district,
            await Wrk.WriteAsync(stage, $"list-{district.Database}", district.Leaders.Select(l => Wrk.Get("/api/v1/households?limit=50", Wrk.Bearer(l.Person))), cancellation),
            await leaders.ScriptAsync(stage, $"list-{district.Database}", leaders.List.Guarded, cancellation),
            await Wrk.WriteAsync(stage, $"page-{district.Database}",
                leaders.Rows.Where((_, n) => n % 4 == 0).Select(r => Wrk.Get($"/api/v1/households/{r.Household}", Wrk.Bearer(r.Leader.Person))), cancellation),
            await leaders.ScriptAsync(stage, $"page-{district.Database}", leaders.Page.Guarded, cancellation),
            cancellation);
    }

    /// <summary>The two reads over one district, by wrk and by pgbench.</summary>
    private sealed record Desk(District District, Wrk List, PgBench ListCeiling, Wrk Page, PgBench PageCeiling, CancellationToken Cancellation)
    {
        public async Task<double> ListAsync(TimeSpan turn) => (await List.RunAsync(District.Address, turn, Cancellation)).PerSecond;

        public async Task<double> ListCeilingAsync(TimeSpan turn) => (await ListCeiling.RunAsync(District, turn, Cancellation)).PerSecond;

        public async Task<double> PageAsync(TimeSpan turn) => (await Page.RunAsync(District.Address, turn, Cancellation)).PerSecond;

        public async Task<double> PageCeilingAsync(TimeSpan turn) => (await PageCeiling.RunAsync(District, turn, Cancellation)).PerSecond;
    }
}
