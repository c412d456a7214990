using Local;

namespace Bench.Ceilings;

/// <summary>Bun with one WebSocket topic on the server's core: whoever connects hears what is posted. The ceiling of P7 and P8.</summary>
internal sealed class BareTopic : IAsyncDisposable
{
    private readonly ChildProcess _child;
    private readonly HttpClient _client = new();

    private BareTopic(ChildProcess child, Uri address) => (_child, Address) = (child, address);

    public Uri Address { get; }

    public static async Task<BareTopic> StartAsync(Stage stage, CancellationToken cancellation)
    {
        var address = new Uri($"http://127.0.0.1:{Ports.Free()}");
        var child = ChildProcess.Start(
            Cores.On(BenchOptions.ServerCore, [stage.Tools.Bun, Path.Combine(Repository.Root, "bench/bun/topic.js"), Result(address.Port)]),
            new ChildOptions { WorkingDirectory = Stage.Folder, LogFile = Path.Combine(Stage.Folder, "bun.log"), WhenParentDies = UnixSignal.Kill });
        var topic = new BareTopic(child, address);
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                await topic.PublishAsync(["ready"], cancellation);
                return topic;
            }
            catch (HttpRequestException) when (attempt < 100 && !child.HasExited)
            {
                await Task.Delay(50, cancellation);
            }
        }

        static string Result(int port) => port.ToString(System.Globalization.CultureInfo.InvariantCulture);
    }

    public async Task PublishAsync(IEnumerable<string> messages, CancellationToken cancellation)
    {
        using var answer = await _client.PostAsync(new Uri(Address, "publish"), new StringContent(string.Join('\n', messages)), cancellation);
        answer.EnsureSuccessStatusCode();
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _child.StopAsync((UnixSignal.Term, TimeSpan.FromSeconds(1)));
        _child.Dispose();
    }
}
