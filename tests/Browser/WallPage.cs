using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Local;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Backend.Tests.Browser;

/// <summary>One open wall in a browser of its own, in the words of who stands before it.</summary>
internal sealed partial class WallPage : IAsyncDisposable
{
    private const float Patience = 30_000;
    private readonly ConcurrentQueue<string> _complaints = new();
    private readonly IBrowserContext _context;

    private WallPage(IBrowserContext context, IPage page)
    {
        _context = context;
        Page = page;
        // Reading the canvas back is the tests' own doing.
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning" && !message.Text.Contains("getImageData", StringComparison.Ordinal)) _complaints.Enqueue(message.Text);
        };
        page.PageError += (_, error) => _complaints.Enqueue(error);
    }

    public IPage Page { get; }

    /// <summary>The one button that stands over the tile in focus.</summary>
    public ILocator Tile => Page.Locator("#cursor");

    public ILocator Panel => Page.Locator("#panel");

    /// <summary>What is written over the wall when there is no wall to see.</summary>
    public ILocator Cover => Page.Locator("#cover");

    public ILocator Spoken => Page.Locator("#spoken");

    public ILocator Rows => Page.Locator("#rows tr:visible");

    /// <summary>Errors and warnings of the browser's console, breaches of the content security policy among them.</summary>
    public IReadOnlyCollection<string> Complaints => _complaints;

    /// <param name="browser">Whose page it is.</param>
    /// <param name="wall">Where it leads.</param>
    /// <param name="width">In CSS pixels.</param>
    /// <param name="height">In CSS pixels.</param>
    /// <param name="prepare">Runs before the page loads: routes.</param>
    public static async Task<WallPage> OpenAsync(Chromium browser, WallUnderTest wall, int width = 1920, int height = 1080, Func<IPage, Task>? prepare = null)
    {
        var context = await browser.Browser.NewContextAsync(new()
        {
            ViewportSize = new() { Width = width, Height = height },
            // Days on a wall are Shanghai days, wherever its machine thinks it stands.
            TimezoneId = "America/New_York",
            ReducedMotion = ReducedMotion.Reduce,
        });
        context.SetDefaultTimeout(Patience);
        var opened = new WallPage(context, await context.NewPageAsync());
        if (prepare is not null) await prepare(opened.Page);
        await opened.Page.GotoAsync((await wall.OpenAsync()).ToString());
        return opened;
    }

    public async Task<WallPage> LiveAsync()
    {
        await Expect(Page.Locator("#link")).ToHaveClassAsync("on", new() { Timeout = Patience });
        await Expect(Cover).ToBeHiddenAsync(new() { Timeout = Patience });
        return this;
    }

    public async Task<int> CountAsync(string tier) =>
        int.Parse(await Page.Locator($"#count-{tier}").InnerTextAsync(), CultureInfo.InvariantCulture);

    public async Task<string> LabelAsync() => await Tile.GetAttributeAsync("aria-label") ?? "";

    /// <summary>13-4-104 of the tile in focus.</summary>
    public async Task<string> DoorAsync()
    {
        var label = await LabelAsync();
        var door = SpokenDoor().Match(label);
        Assert.True(door.Success, label);
        return $"{door.Groups[1].Value}-{door.Groups[2].Value}-{door.Groups[3].Value}";
    }

    public async Task PressAsync(params string[] keys)
    {
        foreach (var key in keys) await Page.Keyboard.PressAsync(key);
    }

    /// <summary>Waits until the tile in focus is painted in this tier's colour.</summary>
    public async Task PaintedAsync(string tier)
    {
        // Asked from here again and again: Playwright's own waiting needs eval, which the page's security policy forbids.
        var clock = TimeProvider.System;
        var start = clock.GetTimestamp();
        for (var seen = ""; seen != tier; seen = await PaintAsync())
        {
            Assert.True(clock.GetElapsedTime(start).TotalMilliseconds < Patience, $"{await LabelAsync()} is painted {seen}, not {tier}.");
        }
    }

    /// <summary>The tier whose colour is nearest to the canvas beside the glyph: a red neighbour's shine tints a tile by a few steps.</summary>
    private async Task<string> PaintAsync() => await Page.EvaluateAsync<string>("""
        () => {
          const palette = { red: [204, 15, 11], orange: [214, 133, 64], yellow: [235, 215, 114], green: [13, 117, 112], none: [11, 18, 32], white: [255, 255, 255] };
          const canvas = document.getElementById("wall"), button = document.getElementById("cursor");
          const at = button.getBoundingClientRect(), all = canvas.getBoundingClientRect(), scale = canvas.width / all.width;
          const aside = 0.17 * Math.min(at.width, at.height);
          const x = (at.left + at.width / 2 - aside - all.left) * scale, y = (at.top + at.height / 2 - aside - all.top) * scale;
          const pixel = canvas.getContext("2d").getImageData(Math.round(x), Math.round(y), 1, 1).data;
          const far = (colour) => colour.reduce((sum, value, i) => sum + (value - pixel[i]) ** 2, 0);
          return Object.keys(palette).sort((a, b) => far(palette[a]) - far(palette[b]))[0];
        }
        """);

    /// <summary>Violations that axe calls serious or critical, one line each.</summary>
    public async Task<IReadOnlyList<string>> AxeAsync()
    {
        await Page.EvaluateAsync(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "web/node_modules/axe-core/axe.min.js")));
        var result = await Page.EvaluateAsync<JsonElement>("() => axe.run(document, { resultTypes: ['violations'] })");
        return [.. result.GetProperty("violations").EnumerateArray()
            .Where(violation => violation.GetProperty("impact").GetString() is "serious" or "critical")
            .Select(violation => $"{violation.GetProperty("id").GetString()}: {violation.GetProperty("nodes")[0].GetProperty("html").GetString()}")];
    }

    /// <summary>Into artifacts/screenshots, for people to look at.</summary>
    public async Task PictureAsync(string name) => await Page.ScreenshotAsync(new() { Path = Path.Combine(Repository.Root, "artifacts/screenshots", $"{name}.png") });

    public async ValueTask DisposeAsync() => await _context.DisposeAsync();

    [GeneratedRegex(@"^(\w+)栋(\w+)单元(\w+)，")]
    private static partial Regex SpokenDoor();
}
