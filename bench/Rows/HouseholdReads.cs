using Backend.Features.Households;
using Backend.Platform.Audit;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Bench.Ceilings;
using Bench.Load;
using Local;
using Npgsql;

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
        // One row a leader and household, for pgbench to pick from.
        await district.ExecuteAsync("""
            create schema if not exists bench; grant usage on schema bench to backend_app;
            drop table if exists bench.leaders; create table bench.leaders (n int primary key, account text, session text, roles text, reach text, homes text, household uuid);
            grant select on bench.leaders to backend_app
            """, cancellation);
        var rows = district.Leaders.SelectMany(l => l.Households.Select(h => (Leader: l, Household: h))).ToList();
        await using (var connection = new NpgsqlConnection(district.Superuser))
        {
            await connection.OpenAsync(cancellation);
            await using var copy = await connection.BeginTextImportAsync("copy bench.leaders from stdin", cancellation);
            for (var n = 0; n < rows.Count; n++)
            {
                var (leader, household) = rows[n];
                await copy.WriteAsync(string.Join('\t', n, leader.Person.Account, leader.Person.Session, leader.Roles, leader.Reach, leader.Homes, household) + "\n");
            }
        }

        await using var source = new NpgsqlDataSourceBuilder(district.App.ConnectionString).Build();
        await using var db = OwnerContext.Create(source);
        var (someone, me) = (rows[0].Leader, new CurrentAccount());
        var scope = new Scope(someone.Person.Account, [], []);
        const string pick = "select account, session, roles, reach, homes, household from bench.leaders where n = :n";
        return new Desk(
            district,
            await Wrk.WriteAsync(stage, $"list-{district.Database}", district.Leaders.Select(l => Wrk.Get("/api/v1/households?limit=50", Wrk.Bearer(l.Person))), cancellation),
            await PgBench.WriteAsync(stage, $"list-{district.Database}", pick, rows.Count,
                [ScopedCommands.ReadScope(scope), ListHouseholds.Command(AuditOf("listHouseholds"), null, null, null, 50)], Varying, cancellation),
            await Wrk.WriteAsync(stage, $"page-{district.Database}",
                rows.Where((_, n) => n % 4 == 0).Select(r => Wrk.Get($"/api/v1/households/{r.Household}", Wrk.Bearer(r.Leader.Person))), cancellation),
            await PgBench.WriteAsync(stage, $"page-{district.Database}", pick, rows.Count,
                [ScopedCommands.ReadScope(scope), .. ReadHousehold.Commands(someone.Households[0], LaunchOptions.Today, AuditOf("readHousehold"))],
                new Dictionary<string, string>(Varying) { ["id"] = ":household", ["targets"] = "array[:household]" }, cancellation),
            cancellation);

        AuditWriter AuditOf(string operation)
        {
            me.Enter(operation, null, [], scope);
            return new AuditWriter(me, db, new AppDataSource(source), new HttpContextAccessor(), new AuditSigner(new AuditKeys(stage.Secrets.Audit)));
        }
    }

    private static Dictionary<string, string> Varying => new()
    {
        ["entry"] = "gen_random_uuid()",
        ["account"] = ":account",
        ["session"] = ":session",
        ["roles"] = ":roles",
        ["reach"] = ":reach",
        ["homes"] = ":homes",
        ["scope"] = ":reach",
    };

    /// <summary>The two reads over one district, by wrk and by pgbench.</summary>
    private sealed record Desk(District District, Wrk List, PgBench ListCeiling, Wrk Page, PgBench PageCeiling, CancellationToken Cancellation)
    {
        public async Task<double> ListAsync(TimeSpan turn) => (await List.RunAsync(District.Address, turn, Cancellation)).PerSecond;

        public async Task<double> ListCeilingAsync(TimeSpan turn) => (await ListCeiling.RunAsync(District, turn, Cancellation)).PerSecond;

        public async Task<double> PageAsync(TimeSpan turn) => (await Page.RunAsync(District.Address, turn, Cancellation)).PerSecond;

        public async Task<double> PageCeilingAsync(TimeSpan turn) => (await PageCeiling.RunAsync(District, turn, Cancellation)).PerSecond;
    }
}
