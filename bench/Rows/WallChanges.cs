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

        // What happened before this process began is past its memory. A wall keeps the answers of 64 versions, so each of 128 in turn is read anew.
        return
        [
            await AgainstAsync($"changes, the last {Recent}, from memory", number - Recent, 1, 1.0, "pgbench, the bare SELECT", guarded: false),
            await AgainstAsync("changes past memory, each from the history", 1, 128, 0.5, "pgbench, the SELECT with guards", guarded: true),
            await AgainstAsync("changes past memory, since one version, as after a restart", 1, 1, null, "pgbench, the SELECT with guards", guarded: true),
        ];

        async Task<Result> AgainstAsync(string work, long after, int versions, double? goal, string ceilingName, bool guarded)
        {
            string PathOf(long version) => $"/api/v1/grid-nodes/{district.Community}/wall/changes?after={epoch}.{version}";
            var answer = await district.ReadAsync(PathOf(after + versions / 2), district.Staff[0], cancellation);
            var changed = answer.GetProperty("changed").GetArrayLength();
            if (changed == 0) throw new Local.Refusal($"{PathOf(after)} 没有变化。");
            var name = $"changes-{after}-{versions}";
            var product = await Wrk.WriteAsync(stage, name, district.Staff.Select((p, i) => Wrk.Get(PathOf(after + i % versions), Wrk.Bearer(p))), cancellation);
            var read = new NpgsqlBatchCommand(Select)
            {
                Parameters = { new NpgsqlParameter("root", NpgsqlDbType.Uuid) { Value = district.Community }, new NpgsqlParameter("after", NpgsqlDbType.Bigint) { Value = after } },
            };
            IEnumerable<NpgsqlBatchCommand> commands = guarded ? [ScopedCommands.ReadScope(new Scope(district.Staff[0].Account, [Seeding.Community], [])), read] : [read];
            var select = await PgBench.WriteAsync(stage, name, $"select {after} + :n as after", versions, commands, new Dictionary<string, string> { ["after"] = ":after" }, cancellation);
            var turn = stage.Options.Turn;
            var rates = await InTurnsAsync(stage.Options.Turns,
                async () => (await product.RunAsync(district.Address, turn, cancellation)).PerSecond,
                async () => (await select.RunAsync(district, turn, cancellation, asSuperuser: !guarded)).PerSecond);
            var result = Result.OfRates(Id, $"{work} ({changed} changes)", goal ?? 0, ceilingName, rates.Ceiling, rates.Product);
            return goal is null ? result with { Goal = "stated" } : result;
        }
    }
}
