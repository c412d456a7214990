using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Local;

namespace Backend.Tests.Support;

/// <summary>
/// The built api as a process of its own on a free port of 127.0.0.1: for tests that kill it, and for those that need a real browser or a second replica.
/// </summary>
internal sealed class BackendProcess : IAsyncDisposable
{
    private readonly ConcurrentQueue<string> _output = new();
    private readonly IReadOnlyDictionary<string, string?> _settings;
    private readonly string _environment;
    private ChildProcess? _child;

    private BackendProcess(IReadOnlyDictionary<string, string?> settings, string environment)
    {
        (_settings, _environment) = (settings, environment);
        Address = new Uri($"http://127.0.0.1:{FreePort()}");
        Client = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.Zero, AllowAutoRedirect = false }) { BaseAddress = Address };
    }

    public Uri Address { get; }

    /// <summary>No cookies, no redirects; a dead connection is not used again after a restart.</summary>
    public HttpClient Client { get; }

    /// <summary>Every line it wrote so far, over all its lives: for log scans.</summary>
    public IReadOnlyCollection<string> Output => _output;

    public int ProcessId => _child?.Id ?? throw new InvalidOperationException("The api does not run.");

    /// <param name="settings">By configuration key, for instance <see cref="PostgresDatabase.Settings"/>.</param>
    /// <param name="environment">Production wants TLS to everything.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public static async Task<BackendProcess> StartAsync(
        IReadOnlyDictionary<string, string?> settings, string environment = "Test", CancellationToken cancellation = default)
    {
        var backend = new BackendProcess(settings, environment);
        await backend.StartAgainAsync(cancellation);
        return backend;
    }

    /// <summary>For a start that is to be refused: its exit code and all it said. One that runs on is killed and gives -1.</summary>
    public static async Task<(int ExitCode, string Said)> RunToEndAsync(IReadOnlyDictionary<string, string?> settings, string environment = "Test")
    {
        var lines = new ConcurrentQueue<string>();
        using var child = ChildProcess.Start(BackendHost.Command, new ChildOptions
        {
            WorkingDirectory = BackendHost.Folder,
            Environment = BackendHost.Environment(environment, new Uri($"http://127.0.0.1:{FreePort()}"), settings),
            Output = lines.Enqueue,
            WhenParentDies = UnixSignal.Kill,
        });
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            await child.WaitAsync(patience.Token);
            return (child.ExitCode, string.Join('\n', lines));
        }
        catch (OperationCanceledException)
        {
            return (-1, string.Join('\n', lines));
        }
    }

    /// <summary>Starts it on the same port and waits until it is ready.</summary>
    public async Task StartAgainAsync(CancellationToken cancellation = default)
    {
        if (_child is not null) throw new InvalidOperationException("The api runs already.");
        var environment = BackendHost.Environment(_environment, Address, _settings);
        // No balancer watches it, unless the test says so.
        environment.TryAdd("Shutdown__Notice", "00:00:00");
        foreach (var (key, value) in WholeLog.AtDebug) environment.TryAdd(key.Replace(":", "__", StringComparison.Ordinal), value);
        _child = ChildProcess.Start(BackendHost.Command, new ChildOptions
        {
            WorkingDirectory = BackendHost.Folder,
            Environment = environment,
            Output = Said,
            WhenParentDies = UnixSignal.Kill,
        });
        try
        {
            await BackendHost.WaitUntilReadyAsync(_child, Client, TimeSpan.FromSeconds(60), cancellation);
        }
        catch (Refusal refusal)
        {
            // Its last words may still be on their way; the end of the process, waited for, includes them.
            await KillAsync();
            throw new InvalidOperationException($"{refusal.Message}\n{string.Join('\n', _output.TakeLast(60))}", refusal);
        }
    }

    /// <summary>kill -9. Returns when the process is gone.</summary>
    public async Task KillAsync()
    {
        if (_child is null) return;
        await _child.StopAsync();
        await _child.WaitAsync(CancellationToken.None);
        _child.Dispose();
        _child = null;
    }

    /// <summary>SIGTERM, then SIGKILL when it takes longer than <paramref name="patience"/> (30 s when not given). Gives its exit code.</summary>
    public async Task<int> StopAsync(TimeSpan? patience = null)
    {
        if (_child is null) return 0;
        await _child.StopAsync((UnixSignal.Term, patience ?? TimeSpan.FromSeconds(30)));
        var code = _child.ExitCode;
        _child.Dispose();
        _child = null;
        return code;
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        Client.Dispose();
    }

    private void Said(string line)
    {
        WholeLog.Run.Add("a process", line);
        _output.Enqueue(line);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
