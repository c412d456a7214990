using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Bench.Load;
using Local;
using Npgsql;
using NpgsqlTypes;

namespace Bench.Ceilings;

/// <summary>
/// pgbench with the product's own statements: made from the very commands that a use case sends, guards and audit included, as one pipeline like the
/// product's batch, prepared like the product's, over the product's role.
/// </summary>
internal sealed partial class PgBench
{
    public const int Clients = Wrk.Connections;

    private const double Connecting = 2;

    private readonly Stage _stage;
    private readonly string _script;

    private PgBench(Stage stage, string script) => (_stage, _script) = (stage, script);

    /// <param name="stage">Where pgbench is.</param>
    /// <param name="name">Names the script's file.</param>
    /// <param name="pick">A query that gives a client its own values, once at its start and now and then: columns become variables. <c>:n</c> in it is a number below <paramref name="choices"/>.</param>
    /// <param name="choices">How many there are to pick from.</param>
    /// <param name="commands">What the product sends. A parameter whose value is in <paramref name="varying"/> is put in its place.</param>
    /// <param name="varying">By the name of a parameter: the variable or expression that stands for it.</param>
    /// <param name="cancellation">Ends the writing.</param>
    public static async Task<PgBench> WriteAsync(
        Stage stage, string name, string pick, int choices, IEnumerable<NpgsqlBatchCommand> commands, IReadOnlyDictionary<string, string> varying, CancellationToken cancellation)
    {
        var script = new StringBuilder();
        script.Append(CultureInfo.InvariantCulture, $"""
            \set again random(1, 500)
            \if :picked = 0 or :again = 1
            \set n random(0, {choices - 1})
            {pick} \gset
            \set picked 1
            \endif
            \startpipeline

            """);
        foreach (var command in commands) script.Append(Inline(command, varying)).Append(";\n");
        script.Append("\\endpipeline\n");
        var file = Path.Combine(Stage.Folder, $"{name}.sql");
        await File.WriteAllTextAsync(file, script.ToString(), cancellation);
        return new PgBench(stage, file);
    }

    public async Task<Turn> RunAsync(District district, TimeSpan duration, CancellationToken cancellation, bool asSuperuser = false)
    {
        var app = asSuperuser ? new NpgsqlConnectionStringBuilder(district.Superuser) : district.App;
        var said = await ChildProcess.RunAsync(
            Cores.On(BenchOptions.LoadCore,
            [
                _stage.Tools.PgBench, "-n", "-M", "prepared", "-D", "picked=0", "-j", "1", "-c", string.Create(CultureInfo.InvariantCulture, $"{Clients}"),
                // Its clock runs while it still connects; the rate leaves that out.
                "-T", string.Create(CultureInfo.InvariantCulture, $"{duration.TotalSeconds + Connecting:0}"), "-f", _script,
                "-h", app.Host!, "-p", string.Create(CultureInfo.InvariantCulture, $"{app.Port}"), "-U", app.Username!, app.Database!,
            ]), new ChildOptions { WorkingDirectory = Stage.Folder, Environment = new Dictionary<string, string?> { ["PGPASSWORD"] = app.Password } }, cancellation);
        if (said.Contains("aborted", StringComparison.Ordinal) || Failed().Match(said).Groups[1].Value is not "0"
            || !double.TryParse(Rate().Match(said).Groups[1].Value, CultureInfo.InvariantCulture, out var rate)) throw new Refusal($"{Path.GetFileName(_script)}：{said}");
        return new Turn(rate, 0);
    }

    /// <summary>The command's text with each parameter as a variable or a typed literal.</summary>
    private static string Inline(NpgsqlBatchCommand command, IReadOnlyDictionary<string, string> varying)
    {
        var values = command.Parameters.ToDictionary(p => p.ParameterName, p => varying.GetValueOrDefault(p.ParameterName) is { } variable ? $"(({variable}){Cast(p)})" : Literal(p));
        return Parameter().Replace(command.CommandText, m => values.TryGetValue(m.Groups[1].Value, out var value) ? value : m.Value);
    }

    private static string Cast(NpgsqlParameter parameter) => "::" + TypeOf(parameter);

    private static string Literal(NpgsqlParameter parameter) => parameter.Value switch
    {
        null or DBNull => "null" + Cast(parameter),
        byte[] bytes => $"'\\x{Convert.ToHexStringLower(bytes)}'::bytea",
        Guid[] ids => $"'{{{string.Join(',', ids)}}}'::uuid[]",
        long[] numbers => $"'{{{string.Join(',', numbers)}}}'::bigint[]",
        DateOnly day => $"'{day:yyyy-MM-dd}'::date",
        IFormattable number and (int or long) => number.ToString(null, CultureInfo.InvariantCulture),
        var value => $"'{value.ToString()!.Replace("'", "''", StringComparison.Ordinal)}'{Cast(parameter)}",
    };

    private static string TypeOf(NpgsqlParameter parameter) => parameter.NpgsqlDbType switch
    {
        NpgsqlDbType.Uuid => "uuid",
        NpgsqlDbType.Text => "text",
        NpgsqlDbType.Integer => "int",
        NpgsqlDbType.Bigint => "bigint",
        NpgsqlDbType.Date => "date",
        NpgsqlDbType.Bytea => "bytea",
        NpgsqlDbType.TimestampTz => "timestamptz",
        NpgsqlDbType.Array | NpgsqlDbType.Uuid => "uuid[]",
        NpgsqlDbType.Array | NpgsqlDbType.Bigint => "bigint[]",
        var other => throw new InvalidOperationException($"{parameter.ParameterName}: no text form for {other}."),
    };

    [GeneratedRegex(@"tps = ([\d.]+)", RegexOptions.NonBacktracking)]
    private static partial Regex Rate();

    [GeneratedRegex(@"failed transactions: (\d+)", RegexOptions.NonBacktracking)]
    private static partial Regex Failed();

    [GeneratedRegex(@"@(\w+)", RegexOptions.NonBacktracking)]
    private static partial Regex Parameter();
}
