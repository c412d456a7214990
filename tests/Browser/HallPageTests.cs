using System.Globalization;
using Local;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Backend.Tests.Browser;

/// <summary>The public hall in a browser: as many tiles as households, sorted by colour, and no door anywhere (B-15).</summary>
[Collection(BrowserCollection.Name)]
public sealed class HallPageTests(Chromium browser, WallUnderTest wall) : IClassFixture<WallUnderTest>
{
    private static readonly string[] Tiers = ["red", "orange", "yellow", "green"];

    [Theory]
    [InlineData(1920, 1080)]
    [InlineData(3840, 1080)]
    public async Task B15_A10_the_hall_shows_2802_tiles_sorted_by_colour_and_follows_a_change(int width, int height)
    {
        await using var context = await browser.Browser.NewContextAsync(new() { ViewportSize = new() { Width = width, Height = height } });
        var page = await context.NewPageAsync();
        var complaints = new List<string>();
        var bodies = new List<string>();
        page.PageError += (_, error) => complaints.Add(error);
        page.Response += (_, response) => bodies.Add(response.Url);
        await page.GotoAsync((await wall.OpenHallAsync()).ToString());
        await Expect(page.Locator("#total")).ToHaveTextAsync("共2802户", new() { Timeout = 30_000 });
        await Expect(page.Locator("#cover")).ToBeHiddenAsync();
        var before = new Dictionary<string, int>();
        foreach (var tier in Tiers) before[tier] = await CountAsync(page, tier);
        Assert.Equal(2802, before.Values.Sum());

        // What is painted, tile by tile: the colours in one order, each as often as it is counted.
        var painted = await page.EvaluateAsync<string[]>("""
            (tiles) => {
              const canvas = document.getElementById("hall"), c = canvas.getContext("2d"), colours = [];
              const [columns, cell, side, left, top] = canvas.dataset.grid.split(",").map(Number);
              for (let n = 0; n < tiles; n++) {
                // Beside the glyph and inside the edge.
                const x = left + n % columns * cell + side * 0.16, y = top + Math.floor(n / columns) * cell + side * 0.3;
                colours.push(c.getImageData(Math.round(x), Math.round(y), 1, 1).data.slice(0, 3).join());
              }
              return colours;
            }
            """, 2802);
        string[] colours = ["204,15,11", "214,133,64", "235,215,114", "13,117,112"];
        Assert.Equal(Tiers.SelectMany((tier, i) => Enumerable.Repeat(colours[i], before[tier])), painted);
        await page.ScreenshotAsync(new() { Path = Path.Combine(Repository.Root, "artifacts/screenshots", $"hall-{width}x{height}.png") });

        var doors = await wall.DoorsAsync("green");
        await wall.TurnRedAsync(doors[width % 97]);
        await Expect(page.Locator("#count-red")).ToHaveTextAsync((before["red"] + 1).ToString(CultureInfo.InvariantCulture));
        await Expect(page.Locator("#count-green")).ToHaveTextAsync((before["green"] - 1).ToString(CultureInfo.InvariantCulture));
        await Expect(page.Locator("#spoken")).ToContainTextAsync($"红色{before["red"] + 1}户");

        // It never asked for anything but counts, itself and tickets.
        Assert.All(bodies.Select(b => new Uri(b).AbsolutePath), path => Assert.True(
            path is "/wall" or "/hall" or "/api/v1/display/hall" or "/api/v1/tickets" || path.StartsWith("/wall/", StringComparison.Ordinal), path));
        Assert.DoesNotContain(doors[0], await page.ContentAsync(), StringComparison.Ordinal);
        Assert.Empty(complaints);
    }

    private static async Task<int> CountAsync(IPage page, string tier) => int.Parse(await page.Locator($"#count-{tier}").InnerTextAsync(), CultureInfo.InvariantCulture);
}
