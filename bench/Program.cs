using System.Diagnostics;
using Bench;
using Bench.Rows;
using Local;

// The benchmarks of docs/performance.md: the product on core 0 with its database, the load on core 1, and beside each figure the ceiling of this
// machine for the same work, measured in the same run and in turns. `make bench`; QUICK=1 for short rounds, ROWS=P5,P13 for some of the rows.
if (args is ["bare-hub", var port]) return await BareHub.RunAsync(int.Parse(port, System.Globalization.CultureInfo.InvariantCulture));

using var stop = new StopSignals();
var watch = Stopwatch.StartNew();
try
{
    var options = BenchOptions.Read();
    var tools = await Tools.FindAsync(Say, stop.Token);
    await using var stage = await Stage.SetAsync(options, tools, Say, stop.Token);
    var table = new ResultTable(options, tools, stage);
    IReadOnlyList<Row> rows = [.. Row.All.Where(options.Wants)];

    Say("预热：每一项先完整做一遍，不计入结果…");
    foreach (var row in rows) await MeasureAsync(row, warmUp: true);
    foreach (var row in rows)
    {
        Say($"{row.Id}：{row.Work}…");
        var results = await MeasureAsync(row, warmUp: false);
        foreach (var result in results) Say($"  {result}");
        table.Add(results);
    }

    // A row that could not be measured is a goal that was not met, and takes none of the others with it.
    async Task<IReadOnlyList<Result>> MeasureAsync(Row row, bool warmUp)
    {
        try
        {
            await stage.StayFreshAsync(stop.Token);
            await stage.Small.QuietAsync(stop.Token);
            return await row.MeasureAsync(stage, warmUp, stop.Token);
        }
        catch (Exception failure) when (failure is Refusal or HttpRequestException or System.Net.Sockets.SocketException or Npgsql.NpgsqlException or Microsoft.Playwright.PlaywrightException or TimeoutException)
        {
            Say($"  {row.Id} 没有测成：{failure.Message}");
            return [new Result(row.Id, row.Work, "–", "–", "not measured", "–", Met: false)];
        }
    }

    var file = await table.WriteAsync(stop.Token);
    Say($"结果写在 {file}。");
    return table.AllMet ? 0 : 3;
}
catch (Refusal refusal)
{
    Console.Error.WriteLine(refusal.Message);
    return 1;
}
catch (OperationCanceledException) when (stop.Token.IsCancellationRequested)
{
    return 130;
}

void Say(string step) => Console.WriteLine($"[{watch.Elapsed.TotalSeconds,6:0.0} 秒] {step}");
