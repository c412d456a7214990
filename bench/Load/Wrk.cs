using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Local;

namespace Bench.Load;

/// <summary>A figure of one turn.</summary>
internal sealed record Turn(double PerSecond, double P99Milliseconds);

/// <summary>
/// A closed loop over ready requests by wrk on the load's core. The requests are written out once; wrk only sends them, so that its own ceiling lies
/// above that of every server here.
/// </summary>
internal sealed partial class Wrk
{
    public const int Connections = 16;

    private readonly Stage _stage;
    private readonly string _script;

    private Wrk(Stage stage, string script) => (_stage, _script) = (stage, script);

    /// <param name="stage">Where wrk is.</param>
    /// <param name="name">Names the script's file.</param>
    /// <param name="requests">Whole HTTP requests; <c>{n}</c> in them becomes a number of ten digits that never comes twice.</param>
    /// <param name="cancellation">Ends the writing.</param>
    public static async Task<Wrk> WriteAsync(Stage stage, string name, IEnumerable<string> requests, CancellationToken cancellation)
    {
        var script = new StringBuilder("local requests = {\n");
        foreach (var request in requests) script.Append(CultureInfo.InvariantCulture, $"{Quote(request)},\n");
        // No response function: wrk would then copy every answer for it. It counts refusals by itself.
        script.Append("""
            }
            local count, at, number = #requests, 0, os.time() % 100000 * 100000
            local numbered = requests[1]:find("{n}", 1, true)
            request = function()
              at = at % count + 1
              if not numbered then return requests[at] end
              number = number + 1
              return (requests[at]:gsub("{n}", string.format("%010d", number)))
            end

            """);
        var file = Path.Combine(Stage.Folder, $"{name}.lua");
        await File.WriteAllTextAsync(file, script.ToString(), cancellation);
        return new Wrk(stage, file);
    }

    /// <exception cref="Refusal">An answer was a refusal: a figure of refusals is no figure.</exception>
    public async Task<Turn> RunAsync(Uri address, TimeSpan duration, CancellationToken cancellation, int connections = Connections)
    {
        var said = await ChildProcess.RunAsync(
            Cores.On(BenchOptions.LoadCore,
            [
                _stage.Tools.Wrk, "-t1", string.Create(CultureInfo.InvariantCulture, $"-c{connections}"), string.Create(CultureInfo.InvariantCulture, $"-d{duration.TotalSeconds:0}s"),
                "--latency", "-s", _script, address.ToString(),
            ]), new ChildOptions { WorkingDirectory = Stage.Folder }, cancellation);
        if (said.Contains("Non-2xx", StringComparison.Ordinal) || said.Contains("Socket errors", StringComparison.Ordinal)) throw new Refusal($"{Path.GetFileName(_script)}：{said}");
        return new Turn(double.Parse(Rate().Match(said).Groups[1].Value, CultureInfo.InvariantCulture), Milliseconds(Tail().Match(said)));
    }

    /// <summary>A whole GET request with further header lines.</summary>
    public static string Get(string path, params ReadOnlySpan<string> headers)
    {
        var request = new StringBuilder($"GET {path} HTTP/1.1\r\nHost: bench\r\n");
        foreach (var header in headers) request.Append(header).Append("\r\n");
        return request.Append("\r\n").ToString();
    }

    public static string Bearer(Person person) => $"Authorization: Bearer {person.Token}";

    private static double Milliseconds(Match tail) =>
        double.Parse(tail.Groups[1].Value, CultureInfo.InvariantCulture) * tail.Groups[2].Value switch { "us" => 0.001, "ms" => 1, "s" => 1000, var unit => throw new Refusal($"wrk: {unit}") };

    private static string Quote(string text) => '"' + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)
        .Replace("\r", "\\r", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal) + '"';

    [GeneratedRegex(@"Requests/sec:\s+([\d.]+)", RegexOptions.NonBacktracking)]
    private static partial Regex Rate();

    [GeneratedRegex(@"99%\s+([\d.]+)(us|ms|s)", RegexOptions.NonBacktracking)]
    private static partial Regex Tail();
}
