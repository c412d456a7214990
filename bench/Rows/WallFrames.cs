using System.Globalization;
using Local;
using Microsoft.Playwright;

namespace Bench.Rows;

/// <summary>
/// The wall page with 26,344 tiles and 100 changes a second, each with its flash: frames a second by the page's own counter. In Debian's Chromium,
/// painting in software; the data come from the page's own stand-in for the api (web/dev), for no community is so large.
/// </summary>
internal sealed class WallFrames : Row
{
    private const int Tiles = 26_344, Changes = 100;

    public override string Id => "FPS";

    public override string Work => $"监测屏 {Tiles:N0} 块、每秒 {Changes} 次变化";

    public override async Task<IReadOnlyList<Result>> MeasureAsync(Stage stage, bool warmUp, CancellationToken cancellation)
    {
        // The page is measured in a browser of its own; a round before would warm nothing.
        if (warmUp) return [];
        var address = new Uri($"http://127.0.0.1:{Ports.Free()}/");
        using var server = ChildProcess.Start(
            Cores.On(BenchOptions.ServerCore, [Programs.Need("node", "运行页面的替身服务"), Path.Combine(Repository.Root, "web/dev/server.mjs"),
                "--port", Number(address.Port), "--households", Number(Tiles), "--changes", Number(Changes)]),
            new ChildOptions { WorkingDirectory = Stage.Folder, LogFile = Path.Combine(Stage.Folder, "web.log"), WhenParentDies = UnixSignal.Kill });
        try
        {
            using var playwright = await Playwright.CreateAsync();
            await using var browser = await playwright.Chromium.LaunchAsync(new()
            {
                // The screen's own machine: nothing else is measured meanwhile, so the browser may use both cores.
                ExecutablePath = await OnAllCoresAsync(Environment.GetEnvironmentVariable("CHROMIUM") ?? throw new Refusal("没有 CHROMIUM。"), cancellation),
                Args = ["--no-sandbox", "--disable-gpu"],
            });
            var results = new List<Result>();
            foreach (var (width, height) in (IEnumerable<(int, int)>)[(1920, 1080), (3840, 1080)]) results.Add(await ScreenAsync(stage, browser, address, width, height, cancellation));
            return results;
        }
        finally
        {
            await server.StopAsync((UnixSignal.Term, TimeSpan.FromSeconds(1)));
        }
    }

    private async Task<Result> ScreenAsync(Stage stage, IBrowser browser, Uri address, int width, int height, CancellationToken cancellation)
    {
        await using var context = await browser.NewContextAsync(new() { ViewportSize = new() { Width = width, Height = height } });
        var page = await context.NewPageAsync();
        await page.GotoAsync(address.ToString());
        // By attributes: the page's policy lets nobody evaluate a text.
        var wall = page.Locator("#wall");
        await Assertions.Expect(page.Locator("#link")).ToHaveClassAsync("on", new() { Timeout = 60_000 });
        await wall.And(page.Locator("[data-fps]")).WaitForAsync(new() { Timeout = 60_000 });
        // The first seconds are the load's.
        await Task.Delay(TimeSpan.FromSeconds(5), cancellation);
        var (rates, worst) = (new List<double>(), 0.0);
        for (var second = 0; second < (stage.Options.Quick ? 5 : 15); second++)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), cancellation);
            rates.Add(double.Parse(await wall.GetAttributeAsync("data-fps") ?? "", CultureInfo.InvariantCulture));
            worst = Math.Max(worst, double.Parse(await wall.GetAttributeAsync("data-worst") ?? "", CultureInfo.InvariantCulture));
        }

        await page.ScreenshotAsync(new() { Path = Path.Combine(Stage.Folder, $"wall-{Tiles}-{width}x{height}.png") });
        var median = Median(rates);
        return new Result(Id, Result.Text($"frames a second at {Tiles:N0} tiles, {Changes} changes a second, {width}x{height}"), "60", "–",
            Result.Text($"{median:0.0} (slowest second {rates.Min():0.0}, worst frame {worst:0} ms)"), "–", median >= 59.5);
    }

    private static async Task<string> OnAllCoresAsync(string program, CancellationToken cancellation)
    {
        var script = Path.Combine(Stage.Folder, "browser.sh");
        await File.WriteAllTextAsync(script, $"#!/bin/sh\nexec taskset -c 0-{Environment.ProcessorCount - 1} \"{program}\" \"$@\"\n", cancellation);
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return script;
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
