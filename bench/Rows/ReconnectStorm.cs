using System.Diagnostics;
using Bench.Load;
using Local;

namespace Bench.Rows;

/// <summary>P10: 5,000 clients come back at once and each has the current wall, against as many bare SignalR connections; and how much SQL that takes.</summary>
internal sealed class ReconnectStorm : Row
{
    public override string Id => "P10";

    public override string Work => "5,000 个客户端同时重连并取得当前监测屏";

    public override async Task<IReadOnlyList<Result>> MeasureAsync(Stage stage, bool warmUp, CancellationToken cancellation)
    {
        var district = stage.Small;
        var address = new Uri($"http://127.0.0.1:{Ports.Free()}");
        using var bare = ChildProcess.Start(
            Cores.On(BenchOptions.ServerCore, [BackendHost.Command[0], typeof(BareHub).Assembly.Location, "bare-hub", address.Port.ToString(System.Globalization.CultureInfo.InvariantCulture)]),
            new ChildOptions { WorkingDirectory = Stage.Folder, LogFile = Path.Combine(Stage.Folder, "bare-hub.log"), WhenParentDies = UnixSignal.Kill });
        try
        {
            await ListensAsync(address, cancellation);
            var turns = warmUp ? 1 : stage.Options.Quick ? 2 : 5;
            var hub = new Uri(address, BareHub.Path);
            // The runtime of the bare hub has to warm as the product has.
            await BareAsync();
            var (ours, theirs) = await InTurnsAsync(turns, () => StormAsync(5000), BareAsync);
            var few = await SqlAsync(1000);
            var many = await SqlAsync(5000);
            return
            [
                new Result(Id, "5,000 clients reconnect and have the current wall", "≤ 2x", Result.Text($"bare SignalR connects: {theirs:0.00} s"), Result.Text($"{ours:0.00} s"),
                    Result.Text($"{ours / theirs:0.0}x"), ours <= 2 * theirs),
                new Result(Id, "SQL transactions of a storm", "not with the clients", Result.Text($"1,000 clients: {few}"), Result.Text($"5,000 clients: {many}"), "–", many <= 2 * few + 50),
            ];

            async Task<double> BareAsync()
            {
                var start = Stopwatch.GetTimestamp();
                await using var watchers = await Watchers.ConnectAsync(hub, [.. Enumerable.Repeat("", 5000)], isSignalR: true, cancellation);
                return Stopwatch.GetElapsedTime(start).TotalSeconds;
            }

            async Task<double> StormAsync(int clients)
            {
                var start = Stopwatch.GetTimestamp();
                await using var watchers = await Pushes.WatchAsync(district, clients, cancellation, read: false);
                watchers.Read();
                await Parallel.ForAsync(0, clients, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = cancellation }, async (i, cancelled) =>
                {
                    using var request = District.Request(HttpMethod.Get, $"/api/v1/grid-nodes/{district.Community}/wall", district.Staff[i % district.Staff.Count]);
                    request.Headers.TryAddWithoutValidation("Accept", "application/vnd.backend.wall-tiers; v=1");
                    using var answer = await district.Client.SendAsync(request, cancelled);
                    if (answer.StatusCode != System.Net.HttpStatusCode.OK) throw new Refusal($"重连后取监测屏：{(int)answer.StatusCode}");
                    await answer.Content.CopyToAsync(Stream.Null, cancelled);
                });
                if (watchers.Open != clients) throw new Refusal($"重连后只有 {watchers.Open} 个连接在线。");
                return Stopwatch.GetElapsedTime(start).TotalSeconds;
            }

            async Task<long> SqlAsync(int clients)
            {
                // PostgreSQL's own count follows at most a second behind.
                await Task.Delay(TimeSpan.FromSeconds(1.5), cancellation);
                var before = await district.TransactionsAsync(cancellation);
                await StormAsync(clients);
                await Task.Delay(TimeSpan.FromSeconds(1.5), cancellation);
                return await district.TransactionsAsync(cancellation) - before;
            }
        }
        finally
        {
            await bare.StopAsync((UnixSignal.Term, TimeSpan.FromSeconds(1)));
        }
    }

    private static async Task ListensAsync(Uri address, CancellationToken cancellation)
    {
        using var client = new HttpClient();
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                using var answer = await client.GetAsync(address, cancellation);
                return;
            }
            catch (HttpRequestException) when (attempt < 100)
            {
                await Task.Delay(100, cancellation);
            }
        }
    }
}
