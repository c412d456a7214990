using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using Backend.Domain.Tiers;

namespace Backend.Features.Admin;

/// <summary>
/// <c>admin evaluate FILE</c>: runs the tier engine over the cases of a file in the format of the worked examples and prints one JSON line a
/// case: id, tier, reasons, blockers. No database. A file that cannot be read whole gives exit code 2, a Chinese text on standard error and no line.
/// </summary>
internal static class EvaluateFile
{
    private static readonly TimeSpan s_shanghai = TimeSpan.FromHours(8);

    // Ids are shown as they are written, Chinese too; the lines go to a terminal or a program, never into a page.
    private static readonly JsonSerializerOptions s_lines = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public sealed record Line(string Id, string Tier, IEnumerable<string> Reasons, IEnumerable<string> Blockers);

    public static Command Command(TimeProvider clock)
    {
        var file = new Argument<string>("FILE") { Description = "案例文件（JSON）" };
        var command = new Command("evaluate", "按规则集对文件中的每个案例定级，每个案例输出一行 JSON") { file };
        command.SetAction((parsed, cancellation) => RunAsync(
            parsed.GetRequiredValue(file), DateOnly.FromDateTime(clock.GetUtcNow().ToOffset(s_shanghai).DateTime),
            parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string path, DateOnly today, TextWriter output, TextWriter error, CancellationToken cancellation)
    {
        CaseFile cases;
        try
        {
            cases = CaseFile.Parse(await File.ReadAllBytesAsync(Located(path), cancellation), today);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            await error.WriteLineAsync($"无法读取文件：{path}");
            return 2;
        }
        catch (FormatException e)
        {
            await error.WriteLineAsync($"文件内容有误：{e.Message}");
            return 2;
        }

        foreach (var one in cases.Cases)
        {
            var evaluation = TierEngine.Evaluate(one.Facts, one.Tier, one.State, cases.Rules);
            var line = new Line(
                one.Id, evaluation.Tier.ToString().ToLowerInvariant(), evaluation.Reasons.Select(reason => reason.Rule),
                evaluation.Blockers.Select(blocker => blocker.Id));
            await output.WriteLineAsync(JsonSerializer.Serialize(line, s_lines));
        }

        return 0;
    }

    /// <summary><c>dotnet run --project api</c> starts in the project's folder: a relative path is meant from where the operator typed it.</summary>
    private static string Located(string path) =>
        !File.Exists(path) && Environment.GetEnvironmentVariable("PWD") is { } typedIn && Path.IsPathFullyQualified(typedIn) ? Path.GetFullPath(path, typedIn) : path;
}
