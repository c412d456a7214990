using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Bench.Rows;
using Local;

namespace Bench;

/// <summary>The table of docs/performance.md. Only a whole run in full length writes it; a short or partial one writes beside its own files.</summary>
internal sealed class ResultTable(BenchOptions options, Tools tools, Stage stage)
{
    private readonly List<Result> _results = [];

    public bool AllMet => _results.TrueForAll(r => r.Met);

    public void Add(IEnumerable<Result> results) => _results.AddRange(results);

    public async Task<string> WriteAsync(CancellationToken cancellation)
    {
        var now = TimeProvider.System.GetUtcNow().ToOffset(TimeSpan.FromHours(8));
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            # Performance

            Written by `make bench`; do not edit by hand. How to repeat: `make bench` on a machine with two cores or more (Debian's nginx, wrk and pgbench and
            npm's Bun are installed when missing). `QUICK=1 make bench` has short rounds, `ROWS=P5,P13 make bench` measures some rows; neither writes this file.

            | | |
            |---|---|
            | machine | {Processor()}, {Environment.ProcessorCount} cores, {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (1024.0 * 1024 * 1024):0} GiB |
            | date | {now:yyyy-MM-dd HH:mm} (+08:00) |
            | versions | .NET {Environment.Version}, PostgreSQL {stage.Postgres.Major} (fsync on), {await tools.VersionsAsync(cancellation)}, {RuntimeInformation.OSDescription} |
            | who runs where | core {BenchOptions.ServerCore}: the published Release api and PostgreSQL, or the ceiling in its turn; core {BenchOptions.LoadCore}: the load |
            | method | {options.Turns} turns of {options.Turn.TotalSeconds:0} s each for ceiling and product by turns, medians, in a process that has run every row before; {Wrk()} |
            | data | the demo district with {Seeding.Staff:N0} more members of staff, each signed in; {options.ManyHouseholds:N0} households for the flat rows |

            Absolute figures wander with the machine; what counts is the ratio to the ceiling of the same run.

            | # | work | goal | ceiling | measured | ratio | met |
            |---|---|---|---|---|---|---|

            """);
        foreach (var r in _results) text.Append(CultureInfo.InvariantCulture, $"| {r.Id} | {r.Work} | {r.Goal} | {r.Ceiling} | {r.Measured} | {r.Ratio} | {(r.Met ? "yes" : "**no**")} |\n");

        var whole = !options.Quick && options.Only.Count == 0;
        var file = whole ? Path.Combine(Repository.Root, "docs/performance.md") : Path.Combine(LocalFolder.Root, "performance.md");
        await File.WriteAllTextAsync(file, text.ToString(), cancellation);
        return file;
    }

    private static string Wrk() => $"closed loops of {Load.Wrk.Connections} connections, real sign-ins and tokens, every guard on, limits of addresses raised";

    private static string Processor() => File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? RuntimeInformation.OSArchitecture.ToString();
}
