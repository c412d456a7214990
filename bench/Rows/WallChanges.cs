using Backend.Platform.Persistence;
using Bench.Ceilings;
using Bench.Load;
using Npgsql;
using NpgsqlTypes;

namespace Bench.Rows;

/// <summary>P4: what changed on the wall since a version, from memory against the bare SELECT, and past what memory keeps against the guarded one.</summary>
internal sealed class WallChanges : Row
{
    private const int Recent = 20;

    public const string Select = """
        select root_id, version, removed, household_id, node_id, node_path::text, door, tier, state, due_day, last_visit_day
        from tile_changes where root_id = @root and version > @after order by version, household_id
        """;

    public override string Id => "P4";

    public override string Work => "监测屏自某版本以来的变化";

    public override async Task<IReadOnlyList<Result>> MeasureAsync(Stage stage, bool warmUp, CancellationToken cancellation)
    {
        var district = stage.Small;
        var reddening = new Reddening(district);
        for (var i = 0; i < Recent; i++) await reddening.OneAsync(cancellation);
        // Their notices and messages go out meanwhile.
        await district.QuietAsync(cancellation);
        var wall = await district.ReadAsync($"/api/v1/grid-nodes/{district.Community}/wall", district.Staff[0], cancellation);
        var version = wall.GetProperty("version").GetString()!;
        var dot = version.LastIndexOf('.');
        var (epoch, number) = (version[..dot], long.Parse(version[(dot + 1)..], System.Globalization.CultureInfo.InvariantCulture));

        var memory = await AgainstAsync($"changes, the last {Recent}, from memory", number - Recent, 1.0, "pgbench, the bare SELECT", guarded: false);
        // The seeded history is older than this process: memory has none of it.
        var history = await AgainstAsync("changes past memory, from the history", 1, 0.5, "pgbench, the SELECT with guards", guarded: true);
        return [memory, history];

        async Task<Result> AgainstAsync(string work, long after, double goal, string ceilingName, bool guarded)
        {
            var path = $"/api/v1/grid-nodes/{district.Community}/wall/changes?after={epoch}.{after}";
            var answer = await district.ReadAsync(path, district.Staff[0], cancellation);
            var changed = answer.GetProperty("changed").GetArrayLength();
            if (changed == 0) throw new Local.Refusal($"{path} 没有变化。");
            var product = await Wrk.WriteAsync(stage, $"changes-{after}", district.Staff.Select(p => Wrk.Get(path, Wrk.Bearer(p))), cancellation);
            var read = new NpgsqlBatchCommand(Select)
            {
                Parameters = { new NpgsqlParameter("root", NpgsqlDbType.Uuid) { Value = district.Community }, new NpgsqlParameter("after", NpgsqlDbType.Bigint) { Value = after } },
            };
            IEnumerable<NpgsqlBatchCommand> commands = guarded ? [ScopedCommands.ReadScope(new Scope(district.Staff[0].Account, [Seeding.Community], [])), read] : [read];
            var select = await PgBench.WriteAsync(stage, $"changes-{after}", "select 1 as one", 1, commands, new Dictionary<string, string>(), cancellation);
            var turn = stage.Options.Turn;
            var rates = await InTurnsAsync(stage.Options.Turns,
                async () => (await product.RunAsync(district.Address, turn, cancellation)).PerSecond,
                async () => (await select.RunAsync(district, turn, cancellation, asSuperuser: !guarded)).PerSecond);
            return Result.OfRates(Id, $"{work} ({changed} changes)", goal, ceilingName, rates.Ceiling, rates.Product);
        }
    }
}
