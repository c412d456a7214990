using Backend.Platform.Persistence;
using Bench.Ceilings;
using Npgsql;
using NpgsqlTypes;

namespace Bench.Rows;

/// <summary>
/// GUARDS: what the guards (transaction, scope, row level security, read audit) leave of the same SQL's rate without them. Both by pgbench, prepared and as one
/// pipeline, so that nothing but the guards lies between them: the product's statements as its own role, and the SELECTs alone as the superuser.
/// </summary>
internal sealed class Guards : Row
{
    public override string Id => "GUARDS";

    public override string Work => "守卫（事务、范围、行级安全、读取审计）的代价";

    public override async Task<IReadOnlyList<Result>> MeasureAsync(Stage stage, bool warmUp, CancellationToken cancellation)
    {
        // The product's process takes no part, and each pair's first turn does not count anyway.
        if (warmUp) return [];
        var (district, turn) = (stage.Small, stage.Options.Turn);
        var leaders = await LeaderCommands.OfAsync(stage, district, cancellation);
        var changes = new NpgsqlBatchCommand(WallChanges.Select)
        {
            Parameters = { new NpgsqlParameter("root", NpgsqlDbType.Uuid) { Value = district.Community }, new NpgsqlParameter("after", NpgsqlDbType.Bigint) { Value = 1L } },
        };
        var history = new GuardedRead([ScopedCommands.ReadScope(new Scope(district.Staff[0].Account, [Seeding.Community], [])), changes], [changes]);
        return
        [
            await OfAsync("guards of a leader's households", "list", leaders.List, leaders.ScriptAsync, 0.55),
            await OfAsync("guards of one household's page", "page", leaders.Page, leaders.ScriptAsync, 0.55),
            await OfAsync("guards of a decision sheet", "sheet", leaders.Sheet, leaders.ScriptAsync),
            // No audit: a wall's changes carry no personal field (AU02).
            await OfAsync("guards of a wall's changes past memory", "history", history,
                (_, name, commands, _) => PgBench.WriteAsync(stage, name, "select 1 as one", 1, commands, new Dictionary<string, string>(), cancellation)),
        ];

        async Task<Result> OfAsync(
            string work, string name, GuardedRead read, Func<Stage, string, IReadOnlyList<NpgsqlBatchCommand>, CancellationToken, Task<PgBench>> script, double? goal = null)
        {
            var guarded = await script(stage, $"guarded-{name}", read.Guarded, cancellation);
            var bare = await script(stage, $"bare-{name}", read.Bare, cancellation);
            var (with, without) = await InTurnsAsync(stage.Options.Turns,
                async () => (await guarded.RunAsync(district, turn, cancellation)).PerSecond,
                async () => (await bare.RunAsync(district, turn, cancellation, asSuperuser: true)).PerSecond);
            var result = Result.OfRates(Id, work, goal ?? 0, "pgbench, the bare SELECTs", without, with);
            return goal is null ? result with { Goal = "stated" } : result;
        }
    }
}
