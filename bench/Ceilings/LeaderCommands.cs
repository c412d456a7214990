using Backend.Features.Households;
using Backend.Platform.Audit;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Local;
using Npgsql;

namespace Bench.Ceilings;

/// <summary>What one read sends: as the product does, with scope and audit around it, and its SELECTs alone.</summary>
/// <param name="Guarded">The scope first, the audit entry last or within.</param>
/// <param name="Bare">The same rows for whom nothing guards: of the superuser.</param>
internal sealed record GuardedRead(IReadOnlyList<NpgsqlBatchCommand> Guarded, IReadOnlyList<NpgsqlBatchCommand> Bare);

/// <summary>The leaders' reads over one district as the product sends them, for pgbench; each client is a leader with one of her households.</summary>
internal sealed class LeaderCommands
{
    private const string Pick = "select account, session, roles, reach, homes, household from bench.leaders where n = :n";

    // Row level security is what narrows the list to what she reaches; without it the statement says so itself, in the policy's words.
    private const string InReach = "(h.node_path <@ any(string_to_array(@reach, ',')::ltree[]) or h.id = any(string_to_array(@homes, ',')::uuid[]))";

    private static readonly Dictionary<string, string> Varying = new()
    {
        ["entry"] = "gen_random_uuid()",
        ["account"] = ":account",
        ["session"] = ":session",
        ["roles"] = ":roles",
        ["reach"] = ":reach",
        ["homes"] = ":homes",
        ["scope"] = ":reach",
        ["id"] = ":household",
        ["targets"] = "array[:household]",
    };

    private LeaderCommands(IReadOnlyList<(LeaderAtWork Leader, Guid Household)> rows, GuardedRead list, GuardedRead page, GuardedRead sheet) =>
        (Rows, List, Page, Sheet) = (rows, list, page, sheet);

    /// <summary>Each leader with each of some households of hers.</summary>
    public IReadOnlyList<(LeaderAtWork Leader, Guid Household)> Rows { get; }

    /// <summary>我的住户.</summary>
    public GuardedRead List { get; }

    /// <summary>住户详情.</summary>
    public GuardedRead Page { get; }

    /// <summary>定级说明.</summary>
    public GuardedRead Sheet { get; }

    public static async Task<LeaderCommands> OfAsync(Stage stage, District district, CancellationToken cancellation)
    {
        var rows = district.Leaders.SelectMany(l => l.Households.Select(h => (Leader: l, Household: h))).ToList();
        await FillAsync(district, rows, cancellation);
        await using var source = new NpgsqlDataSourceBuilder(district.App.ConnectionString).Build();
        await using var db = OwnerContext.Create(source);
        var (me, scope, household) = (new CurrentAccount(), new Scope(rows[0].Leader.Person.Account, [], []), rows[0].Household);
        var page = ReadHousehold.Commands(household, LaunchOptions.Today, AuditOf("readHousehold"));
        var row = ScopedCommands.Command(HouseholdRow.Sql, new NpgsqlParameter("id", household));
        var kept = ScopedCommands.Command($"select *, {ScopedCommands.KeepTarget} from ({HouseholdRow.Sql}) h", new NpgsqlParameter("id", household));
        var list = ListHouseholds.Command(AuditOf("listHouseholds"), null, null, null, 50);
        var bareList = ListHouseholds.Command(AuditOf("listHouseholds"), null, null, null, 50);
        // A CTE that nothing reads is not run.
        bareList.CommandText = ListHouseholds.Sql.Replace("{0}", "select", StringComparison.Ordinal).Replace("where (@nodes", $"where {InReach} and (@nodes", StringComparison.Ordinal);
        foreach (var setting in (string[])["reach", "homes"]) bareList.Parameters.Add(new NpgsqlParameter(setting, ""));
        return new LeaderCommands(
            rows, new([ScopedCommands.ReadScope(scope), list], [bareList]),
            new([ScopedCommands.ReadScope(scope), .. page], [kept, .. page.Skip(1)]),
            new([ScopedCommands.ReadScope(scope), AuditOf("readDecisionSheet").FoundCommand(household, foundBy: HouseholdRow.Sql)], [row]));

        AuditWriter AuditOf(string operation)
        {
            me.Enter(operation, null, [], scope);
            return new AuditWriter(me, db, new AppDataSource(source), new HttpContextAccessor(), new AuditSigner(new AuditKeys(stage.Secrets.Audit)));
        }
    }

    public Task<PgBench> ScriptAsync(Stage stage, string name, IReadOnlyList<NpgsqlBatchCommand> commands, CancellationToken cancellation) =>
        PgBench.WriteAsync(stage, name, Pick, Rows.Count, commands, Varying, cancellation);

    /// <summary>One row a leader and household, for pgbench to pick from.</summary>
    private static async Task FillAsync(District district, List<(LeaderAtWork Leader, Guid Household)> rows, CancellationToken cancellation)
    {
        await district.ExecuteAsync("""
            create schema if not exists bench; grant usage on schema bench to backend_app;
            drop table if exists bench.leaders; create table bench.leaders (n int primary key, account text, session text, roles text, reach text, homes text, household uuid);
            grant select on bench.leaders to backend_app
            """, cancellation);
        await using var connection = new NpgsqlConnection(district.Superuser);
        await connection.OpenAsync(cancellation);
        await using var copy = await connection.BeginTextImportAsync("copy bench.leaders from stdin", cancellation);
        for (var n = 0; n < rows.Count; n++)
        {
            var (leader, household) = rows[n];
            await copy.WriteAsync(string.Join('\t', n, leader.Person.Account, leader.Person.Session, leader.Roles, leader.Reach, leader.Homes, household) + "\n");
        }
    }
}
