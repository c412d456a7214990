using System.Diagnostics;
using System.Text.Json;
using Bench.Ceilings;
using Bench.Load;
using Local;

namespace Bench.Rows;

/// <summary>
/// P7, P8, P9 and the stalled clients: a household turns red, and everybody who watches the wall hears of it. Times count from the commit as PostgreSQL
/// has it, and for the bare topic from the moment of publishing; the clients are the same.
/// </summary>
internal sealed class Pushes : Row
{
    private const int Burst = 40;

    public override string Id => "P7";

    public override string Work => "变红后推送给 1,000 与 5,000 个在线客户端";

    public override async Task<IReadOnlyList<Result>> MeasureAsync(Stage stage, bool warmUp, CancellationToken cancellation)
    {
        var district = stage.Small;
        var reddening = new Reddening(district);
        var events = stage.Options.Quick ? 6 : warmUp ? 10 : 40;
        await using var topic = await BareTopic.StartAsync(stage, cancellation);
        var results = new List<Result>();
        foreach (var (clients, goal) in (IEnumerable<(int, double)>)[(1000, 2.5), (5000, 3.0)])
        {
            // The connections of the last time are gone only when the hub has noticed.
            await district.RestAsync(cancellation);
            var before = district.ResidentBytes();
            await using var ours = await WatchAsync(district, clients, cancellation);
            await using var theirs = await Watchers.ConnectAsync(topic.Address, [.. Enumerable.Repeat("", clients)], isSignalR: false, cancellation);
            theirs.Read();
            var (product, floor) = (new List<double>(), new List<double>());
            for (var i = 0; i < events; i++)
            {
                floor.AddRange(await FloorAsync(topic, theirs, cancellation));
                product.AddRange(await RedAsync(district, reddening, ours, cancellation));
            }

            var (p99, floor99) = (Percentile(product, 0.99), Percentile(floor, 0.99));
            var lost = events * clients - product.Count;
            results.Add(new Result("P7", Result.Text($"red to {clients:N0} watching clients, p99 after the commit"), Result.Text($"≤ {goal:0.0}x"),
                Result.Text($"Bun's topic: {floor99:0.0} ms"), Result.Text($"{p99:0.0} ms (median {Percentile(product, 0.5):0.0}), {lost} not told"), Result.Text($"{p99 / floor99:0.0}x"),
                lost == 0 && p99 <= goal * floor99));
            if (clients < 5000) continue;

            await district.RestAsync(cancellation);
            var all = district.ResidentBytes();
            var each = (all - before) / 1024.0 / clients;
            results.Add(new Result("P9", "memory a watching client, and of all with 5,000, at rest", "≤ 20 KB, ≤ 190 MB", "–",
                Result.Text($"{each:0.0} KB, {all / 1024.0 / 1024:0} MB"), "–", each <= 20 && all <= 190L * 1024 * 1024));
            results.Add(await BurstAsync(stage, district, reddening, topic, ours, theirs, warmUp, cancellation));
        }

        results.Add(await StalledAsync(district, reddening, events, cancellation));
        return results;
    }

    /// <summary>People of the back office on the hub, five connections each at most.</summary>
    public static async Task<Watchers> WatchAsync(District district, int clients, CancellationToken cancellation, int receiveBuffer = 0, int skip = 0, bool read = true)
    {
        var watchers = await Watchers.ConnectAsync(new Uri(district.Address, "/hubs/live"),
            [.. Enumerable.Range(skip, clients).Select(i => Wrk.Bearer(district.Staff[i % district.Staff.Count]) + "\r\n")], isSignalR: true, cancellation, receiveBuffer);
        if (!read) return watchers;
        watchers.Read();
        // A connection that was refused after its handshake (five an account) is seen by its end.
        await Task.Delay(TimeSpan.FromSeconds(1), cancellation);
        return watchers.Open == clients ? watchers : throw new Refusal($"{clients} 个连接中只有 {watchers.Open} 个在线。");
    }

    /// <summary>Milliseconds from the commit to each client.</summary>
    private static async Task<IReadOnlyList<double>> RedAsync(District district, Reddening reddening, Watchers watchers, CancellationToken cancellation)
    {
        var household = (await reddening.TakeAsync(1, cancellation))[0];
        var times = await watchers.TellAllAsync([household.ToString()], () => reddening.RedAsync(household, cancellation));
        var commit = await CommitAsync(district, household, cancellation);
        return [.. times.Select(t => (t - commit) * 1000.0 / Stopwatch.Frequency)];
    }

    /// <summary>When the red of a household was committed, on this process's own clock.</summary>
    private static async Task<long> CommitAsync(District district, Guid household, CancellationToken cancellation)
    {
        var at = await district.ScalarAsync<DateTime>($"select pg_xact_commit_timestamp(xmin) from tile_changes where household_id = '{household}' order by version desc limit 1", cancellation);
        var (now, ticks) = (TimeProvider.System.GetUtcNow(), Stopwatch.GetTimestamp());
        return ticks - (long)((now.UtcDateTime - at.ToUniversalTime()).TotalSeconds * Stopwatch.Frequency);
    }

    private static async Task<IReadOnlyList<double>> FloorAsync(BareTopic topic, Watchers watchers, CancellationToken cancellation)
    {
        var (mark, sent) = (Guid.CreateVersion7().ToString(), 0L);
        var times = await watchers.TellAllAsync([mark], () =>
        {
            sent = Stopwatch.GetTimestamp();
            return topic.PublishAsync([Message(mark)], cancellation);
        });
        return [.. times.Select(t => (t - sent) * 1000.0 / Stopwatch.Frequency)];
    }

    /// <summary>As long as the product's own message of one tile.</summary>
    private static string Message(string household) => JsonSerializer.Serialize(new
    {
        type = 1,
        target = "tilesChanged",
        arguments = new[] { new { root = Guid.Empty, version = "0123abcd.1234", tiles = new[] { new { id = household, tier = "red", state = "provisional", version = "0123abcd.1234" } } } },
    });

    /// <summary>P8: many changes at once. What counts is that each client knows each change, in however few messages.</summary>
    private async Task<Result> BurstAsync(
        Stage stage, District district, Reddening reddening, BareTopic topic, Watchers ours, Watchers theirs, bool warmUp, CancellationToken cancellation)
    {
        var lost = 0;
        var (product, ceiling) = await InTurnsAsync(warmUp ? 1 : stage.Options.Quick ? 2 : 3, ProductAsync, CeilingAsync);
        return new Result("P8", Result.Text($"burst of {Burst} changes to {ours.Count:N0} clients, changes told a second"), "≥ 0.50 or ≥ 100,000/s",
            Result.Text($"Bun's topic: {ceiling:N0}/s"), Result.Text($"{product:N0}/s, {lost} lost"), Result.Text($"{product / ceiling:0.00}"), lost == 0 && (product >= 0.5 * ceiling || product >= 100_000));

        async Task<double> ProductAsync()
        {
            var households = await reddening.TakeAsync(Burst, cancellation);
            var times = await ours.TellAllAsync([.. households.Select(h => h.ToString())], () => Parallel.ForEachAsync(
                households, new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = cancellation }, async (h, cancelled) => await reddening.RedAsync(h, cancelled)));
            lost += ours.Count - times.Count;
            // From the first commit of the burst to the last client.
            var first = long.MaxValue;
            foreach (var household in households) first = Math.Min(first, await CommitAsync(district, household, cancellation));
            return Rate(times, first);
        }

        async Task<double> CeilingAsync()
        {
            string[] marks = [.. Enumerable.Range(0, Burst).Select(_ => Guid.CreateVersion7().ToString())];
            var sent = 0L;
            var times = await theirs.TellAllAsync(marks, () =>
            {
                sent = Stopwatch.GetTimestamp();
                return topic.PublishAsync(marks.Select(Message), cancellation);
            });
            return Rate(times, sent);
        }

        double Rate(IReadOnlyList<long> times, long from) => times.Count == 0 ? 0 : (double)Burst * times.Count * Stopwatch.Frequency / (times.Max() - from);
    }

    /// <summary>200 clients that take nothing any more, beside 800 that do: the 800 must not notice.</summary>
    private static async Task<Result> StalledAsync(District district, Reddening reddening, int events, CancellationToken cancellation)
    {
        await using var reading = await WatchAsync(district, 800, cancellation);
        var normal = new List<double>();
        for (var i = 0; i < events; i++) normal.AddRange(await RedAsync(district, reddening, reading, cancellation));
        await using var stalled = await WatchAsync(district, 200, cancellation, receiveBuffer: 2048, skip: 800, read: false);
        var beside = new List<double>();
        for (var i = 0; i < events; i++) beside.AddRange(await RedAsync(district, reddening, reading, cancellation));
        var (usual, then) = (Percentile(normal, 0.99), Percentile(beside, 0.99));
        var lost = 2 * events * 800 - normal.Count - beside.Count;
        return new Result("RL08", "red to 800 clients beside 200 stalled ones, p99", "≤ 1.2x", Result.Text($"without them: {usual:0.0} ms"),
            Result.Text($"{then:0.0} ms, {lost} not told"), Result.Text($"{then / usual:0.0}x"), lost == 0 && then <= 1.2 * usual);
    }

    private static double Percentile(List<double> values, double share)
    {
        values.Sort();
        return values.Count == 0 ? double.PositiveInfinity : values[Math.Min(values.Count - 1, (int)(values.Count * share))];
    }
}
