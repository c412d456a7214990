using System.Globalization;
using Local;

namespace Bench;

/// <summary>Who runs where. taskset moves a whole process with all its threads; what it starts later stays on the same core.</summary>
internal static class Cores
{
    /// <summary>A command that runs on one core from its first instruction.</summary>
    public static IReadOnlyList<string> On(int core, IReadOnlyList<string> command) =>
        [Programs.Need("taskset", "分配处理器核"), "-c", core.ToString(CultureInfo.InvariantCulture), .. command];

    /// <summary>Moves a running process with its threads, and the processes that it has started.</summary>
    public static async Task MoveAsync(int processId, int core, CancellationToken cancellation)
    {
        foreach (var id in (IEnumerable<int>)[processId, .. Children(processId)])
        {
            try
            {
                await ChildProcess.RunAsync(
                    [Programs.Need("taskset", "分配处理器核"), "-a", "-c", "-p", core.ToString(CultureInfo.InvariantCulture), id.ToString(CultureInfo.InvariantCulture)],
                    new ChildOptions(), cancellation);
            }
            catch (Refusal) when (!Directory.Exists($"/proc/{id}"))
            {
                // It ended in between.
            }
        }
    }

    // A postmaster has one thread, and its processes have no children.
    private static List<int> Children(int processId) =>
        [.. File.ReadAllText($"/proc/{processId}/task/{processId}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(id => int.Parse(id, CultureInfo.InvariantCulture))];
}
