using System.Globalization;

namespace Bench.Rows;

/// <summary>A row of the table: how one piece of work is measured against its ceiling.</summary>
internal abstract class Row
{
    /// <summary>In the order of measuring. Memory comes last, after everything else has run.</summary>
    public static IReadOnlyList<Row> All { get; } =
    [
        new WholeWall(), new CompactWall(), new UnchangedWall(), new WallChanges(), new HouseholdReads(), new Guards(), new Pushes(), new ReconnectStorm(), new SignIns(), new TokenCheck(), new WallFrames(),
        new ProcessMemory(),
    ];

    /// <summary>Of the goals, such as P5.</summary>
    public abstract string Id { get; }

    public abstract string Work { get; }

    public abstract Task<IReadOnlyList<Result>> MeasureAsync(Stage stage, bool warmUp, CancellationToken cancellation);

    /// <summary>Product and ceiling in turns, each answer thrown together by its median.</summary>
    protected static async Task<(double Product, double Ceiling)> InTurnsAsync(
        int turns, Func<Task<double>> product, Func<Task<double>> ceiling)
    {
        // One turn of each that does not count: what the machine has put aside meanwhile (DAMON reclaims what nobody touched for a minute) comes back,
        // and until it has, a database answers too late.
        try
        {
            await ceiling();
            await product();
        }
        catch (Local.Refusal)
        {
            // The turns that count will say it again.
        }

        var (ours, theirs) = (new List<double>(turns), new List<double>(turns));
        for (var turn = 0; turn < turns; turn++)
        {
            theirs.Add(await ceiling());
            ours.Add(await product());
        }

        return (Median(ours), Median(theirs));
    }

    protected static double Median(IReadOnlyCollection<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count % 2 == 1 ? sorted[sorted.Count / 2] : (sorted[sorted.Count / 2 - 1] + sorted[sorted.Count / 2]) / 2;
    }
}

/// <summary>One line of the table.</summary>
/// <param name="Id">Of the goal.</param>
/// <param name="Work">What was done.</param>
/// <param name="Goal">As a text.</param>
/// <param name="Ceiling">What it was measured against, with its figure.</param>
/// <param name="Measured">The product's figure.</param>
/// <param name="Ratio">Of the two; "–" where there is no ceiling.</param>
/// <param name="Met">Whether the goal is reached.</param>
internal sealed record Result(string Id, string Work, string Goal, string Ceiling, string Measured, string Ratio, bool Met)
{
    /// <summary>So many a second against a ceiling's.</summary>
    public static Result OfRates(string id, string work, double goal, string ceilingName, double ceiling, double measured) => new(
        id, work, Text($"≥ {goal:0.00}"), Text($"{ceilingName}: {ceiling:N0}/s"), Text($"{measured:N0}/s"), Text($"{measured / ceiling:0.00}"), measured >= goal * ceiling);

    public override string ToString() => $"{Id} {Work}: {Measured}, {Ceiling}, {Ratio} ({Goal}) {(Met ? "✓" : "✗")}";

    public static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
