using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Local;

/// <summary>
/// A child that never outlives its parent: it runs in a session of its own (a Ctrl-C in the terminal reaches the parent alone, which stops its
/// children in order), and the kernel signals it when the parent dies, even by kill -9.
/// </summary>
internal sealed class ChildProcess : IDisposable
{
    private readonly Process _process;

    private ChildProcess(Process process) => _process = process;

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    /// <param name="command">Program and arguments; nothing of it passes through a shell's parser.</param>
    /// <param name="options">Where, as whom and with which environment it runs.</param>
    public static ChildProcess Start(IReadOnlyList<string> command, ChildOptions options)
    {
        var info = new ProcessStartInfo
        {
            WorkingDirectory = options.WorkingDirectory,
            RedirectStandardInput = true,
            RedirectStandardOutput = options.Output is not null,
            RedirectStandardError = options.Output is not null,
            UseShellExecute = false,
        };
        List<string> words = [.. Guard(options), .. options.LogFile is null ? command : IntoFile(options.LogFile, command)];
        info.FileName = words[0];
        foreach (var word in words.Skip(1)) info.ArgumentList.Add(word);
        if (options.OnlyEnvironment) info.Environment.Clear();
        foreach (var (name, value) in options.Environment) info.Environment[name] = value;

        var process = new Process { StartInfo = info };
        if (options.Output is { } output)
        {
            process.OutputDataReceived += (_, line) => { if (line.Data is not null) output(line.Data); };
            process.ErrorDataReceived += (_, line) => { if (line.Data is not null) output(line.Data); };
        }
        Starter.Start(process);
        if (options.Output is not null)
        {
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
        }
        process.StandardInput.Close();
        return new ChildProcess(process);
    }

    /// <summary>Runs a command to its end and gives back what it said; <see cref="Refusal"/> when it fails.</summary>
    public static async Task<string> RunAsync(IReadOnlyList<string> command, ChildOptions options, CancellationToken cancellation)
    {
        var lines = new ConcurrentQueue<string>();
        using var child = Start(command, options with { Output = lines.Enqueue });
        await child.WaitAsync(cancellation);
        var said = string.Join('\n', lines);
        return child.ExitCode == 0 ? said : throw new Refusal($"命令失败（退出码 {child.ExitCode}）：{string.Join(' ', command)}\n{said}");
    }

    /// <summary>Waits for its end; when the caller gives up first, the child is killed.</summary>
    public async Task WaitAsync(CancellationToken cancellation)
    {
        try
        {
            await _process.WaitForExitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            Signal(UnixSignal.Kill);
            throw;
        }
    }

    public void Signal(UnixSignal signal) => SignalProcess(_process, signal);

    /// <summary>Sends each signal in turn and waits its time for the end; SIGKILL comes last in any case.</summary>
    public async Task StopAsync(params (UnixSignal Signal, TimeSpan Wait)[] steps)
    {
        foreach (var (signal, wait) in (IEnumerable<(UnixSignal, TimeSpan)>)[.. steps, (UnixSignal.Kill, TimeSpan.FromSeconds(5))])
        {
            if (_process.HasExited) return;
            Signal(signal);
            using var patience = new CancellationTokenSource(wait);
            try
            {
                await _process.WaitForExitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                // The next signal is less polite.
            }
        }
    }

    public void Dispose() => _process.Dispose();

    /// <summary>Signals any process by its id; false when there is none.</summary>
    public static bool SignalProcess(int id, UnixSignal signal) => Kill(id, (int)signal) == 0;

    private static void SignalProcess(Process process, UnixSignal signal)
    {
        if (!process.HasExited) _ = Kill(process.Id, (int)signal);
    }

    private static IEnumerable<string> Guard(ChildOptions options)
    {
        if (Programs.Find("setsid") is { } setsid) yield return setsid;
        if (Programs.Find("setpriv") is { } setpriv)
        {
            yield return setpriv;
            yield return "--pdeathsig=" + options.WhenParentDies.ToString().ToUpperInvariant();
            if (options.User is { } user)
            {
                yield return $"--reuid={user.Uid}";
                yield return $"--regid={user.Gid}";
                yield return "--clear-groups";
            }
            yield return "--";
        }
        else if (options.User is not null)
        {
            throw new Refusal("以 root 运行需要 setpriv（util-linux），本机没有。请安装它，或换普通用户运行。");
        }
    }

    // The file is opened by the child itself, so its log goes on when the parent is gone.
    private static List<string> IntoFile(string file, IReadOnlyList<string> command) =>
        ["/bin/sh", "-c", "log=$1; shift; exec \"$@\" >>\"$log\" 2>&1", "sh", file, .. command];

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int id, int signal);

    /// <summary>
    /// The kernel's "parent died" means the thread that started the child, and a thread of the pool retires: one thread of our own starts them all
    /// and lives as long as the process.
    /// </summary>
    private static class Starter
    {
        private static readonly BlockingCollection<(Process Process, TaskCompletionSource Done)> Requests = [];

        static Starter() => new Thread(Work) { IsBackground = true, Name = "child starter" }.Start();

        public static void Start(Process process)
        {
            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Requests.Add((process, done));
            done.Task.GetAwaiter().GetResult();
        }

        private static void Work()
        {
            foreach (var (process, done) in Requests.GetConsumingEnumerable())
            {
                try
                {
                    process.Start();
                    done.SetResult();
                }
                catch (Exception exception) when (exception is System.ComponentModel.Win32Exception or InvalidOperationException or IOException)
                {
                    done.SetException(exception);
                }
            }
        }
    }
}

/// <summary>How a child runs. A log file and an output callback exclude each other.</summary>
internal sealed record ChildOptions
{
    public string WorkingDirectory { get; init; } = "/";
    public UnixUser? User { get; init; }
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = new Dictionary<string, string?>();
    /// <summary>Nothing of the parent's own environment.</summary>
    public bool OnlyEnvironment { get; init; }
    public Action<string>? Output { get; init; }
    public string? LogFile { get; init; }
    public UnixSignal WhenParentDies { get; init; } = UnixSignal.Term;
}

internal enum UnixSignal { Int = 2, Quit = 3, Kill = 9, Term = 15 }

/// <summary>Something the user can put right: its text is Chinese and says what to do.</summary>
internal sealed class Refusal(string message) : Exception(message);
