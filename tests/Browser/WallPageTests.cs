using System.Text.RegularExpressions;
using Microsoft.Playwright;
using Xunit.Abstractions;
using static Microsoft.Playwright.Assertions;

namespace Backend.Tests.Browser;

[Collection(BrowserCollection.Name)]
public sealed partial class WallPageTests(Chromium browser, WallUnderTest wall, ITestOutputHelper output) : IClassFixture<WallUnderTest>
{
    private static readonly string[] Tiers = ["red", "orange", "yellow", "green"];

    [Fact]
    public async Task A04_A11_The_wall_shows_2802_households_and_its_legend_counts_them()
    {
        await using var page = await OpenAsync();
        var sum = 0;
        foreach (var tier in Tiers) sum += await page.CountAsync(tier);
        Assert.Equal(2802, sum);
        Assert.Contains("共2802户", await page.Page.GetByRole(AriaRole.Img, new() { NameRegex = Wall() }).GetAttributeAsync("aria-label"), StringComparison.Ordinal);
        await Expect(page.Page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("铜源社区监测屏");
        Assert.NotEqual("", await page.Page.Locator("#deployment").InnerTextAsync());
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task The_wall_is_walked_by_keyboard_alone()
    {
        await using var page = await OpenAsync();
        await page.PressAsync("Tab");
        await Expect(page.Tile).ToBeFocusedAsync();

        await page.PressAsync("Home");
        var first = await page.LabelAsync();
        await page.PressAsync("ArrowRight");
        Assert.NotEqual(first, await page.LabelAsync());
        await page.PressAsync("ArrowLeft");
        Assert.Equal(first, await page.LabelAsync());
        await page.PressAsync("ArrowDown", "ArrowUp");
        Assert.Equal(first, await page.LabelAsync());
        await page.PressAsync("End");
        Assert.NotEqual(first, await page.LabelAsync());

        foreach (var (key, text, tier) in ((string, string, string)[])[("r", "红色", "red"), ("o", "橙色", "orange"), ("y", "黄色", "yellow"), ("g", "绿色", "green")])
        {
            await page.PressAsync("Home", key);
            var next = await page.LabelAsync();
            Assert.Contains($"，{text} ", next, StringComparison.Ordinal);
            await page.PressAsync(key);
            Assert.NotEqual(next, await page.LabelAsync());
            Assert.Contains($"，{text} ", await page.LabelAsync(), StringComparison.Ordinal);
            await page.PressAsync($"Shift+{key}");
            Assert.Equal(next, await page.LabelAsync());
            // What the button says is what the picture shows.
            await page.PaintedAsync(tier);
        }
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task A07_A10_A_tile_turns_red_on_the_open_wall_is_spoken_and_is_counted()
    {
        await using var page = await OpenAsync();
        await page.Tile.FocusAsync();
        await page.PressAsync("g");
        var (door, red, green) = (await page.DoorAsync(), await page.CountAsync("red"), await page.CountAsync("green"));
        await page.PaintedAsync("green");

        var before = await wall.TurnRedAsync(door);
        await page.PaintedAsync("red");
        output.WriteLine($"from the write to red on the canvas: {TimeProvider.System.GetElapsedTime(before).TotalMilliseconds:0} ms");

        Assert.Contains("，红色 待核实", await page.LabelAsync(), StringComparison.Ordinal);
        await Expect(page.Page.Locator("#count-red")).ToHaveTextAsync($"{red + 1}");
        await Expect(page.Page.Locator("#count-green")).ToHaveTextAsync($"{green - 1}");
        await Expect(page.Spoken).ToContainTextAsync("由绿色转为红色 待核实");
        await Expect(page.Page.Locator("#recent li").First).ToContainTextAsync("绿色 → 红色");
        await Expect(page.Page.Locator("#last")).ToHaveTextAsync(Clock());
        await page.PictureAsync("wall-red");
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task A90_A94_Enter_opens_the_household_and_Escape_returns_to_its_tile()
    {
        await using var page = await OpenAsync();
        await page.Tile.FocusAsync();
        await page.PressAsync("r", "Enter");
        await Expect(page.Panel).ToBeVisibleAsync();
        await Expect(page.Panel.GetByRole(AriaRole.Heading, new() { Level = 2 })).ToBeFocusedAsync();
        foreach (var heading in (string[])["户内成员", "定级依据", "未结帮扶措施", "最近随访"])
            await Expect(page.Panel.GetByRole(AriaRole.Heading, new() { Name = heading, Exact = true })).ToBeVisibleAsync();
        await Expect(page.Panel.Locator(".sentence")).Not.ToBeEmptyAsync();
        // Names arrive masked (PD04).
        await Expect(page.Panel.Locator("section").Filter(new() { HasText = "户内成员" }).Locator("li").First).ToContainTextAsync("*");
        Assert.Empty(await page.AxeAsync());
        await page.PictureAsync("household-1920x1080");

        await page.PressAsync("Escape");
        await Expect(page.Panel).ToBeHiddenAsync();
        await Expect(page.Tile).ToBeFocusedAsync();
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task A_click_on_the_canvas_opens_the_household_under_it()
    {
        await using var page = await OpenAsync();
        await page.Tile.FocusAsync();
        await page.PressAsync("o");
        var door = (await page.LabelAsync()).Split('，')[0];
        var at = await page.Tile.BoundingBoxAsync() ?? throw new InvalidOperationException("No tile.");
        await page.PressAsync("Home");
        await page.Page.Mouse.ClickAsync(at.X + at.Width / 2, at.Y + at.Height / 2);
        await Expect(page.Panel.GetByRole(AriaRole.Heading, new() { Level = 2 })).ToHaveTextAsync(door);
    }

    [Fact]
    public async Task The_list_holds_the_same_households_and_filters_sorts_and_pages_them()
    {
        await using var page = await OpenAsync();
        var red = await page.CountAsync("red");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "列表" }).ClickAsync();
        var status = page.Page.Locator("#list-status");
        await Expect(status).ToHaveTextAsync("共2802户，第1页，共57页");
        await Expect(page.Rows).ToHaveCountAsync(50);
        await Expect(page.Rows.First).ToContainTextAsync("红色");
        await page.PictureAsync("list-1920x1080");

        await page.Page.GetByRole(AriaRole.Button, new() { Name = "下一页" }).ClickAsync();
        await Expect(status).ToContainTextAsync("第2页");
        await page.Page.GetByRole(AriaRole.Button, new() { Name = "门牌" }).ClickAsync();
        await Expect(page.Page.GetByRole(AriaRole.Columnheader, new() { Name = "门牌" })).ToHaveAttributeAsync("aria-sort", "ascending");
        foreach (var tier in (string[])["橙色", "黄色", "绿色"]) await page.Page.GetByLabel(tier, new() { Exact = true }).UncheckAsync();
        await Expect(status).ToContainTextAsync($"共{red}户，第1页");
        Assert.Empty(await page.AxeAsync());

        var door = await page.Rows.First.GetByRole(AriaRole.Button).InnerTextAsync();
        await page.Rows.First.GetByRole(AriaRole.Button).ClickAsync();
        await Expect(page.Panel.GetByRole(AriaRole.Heading, new() { Level = 2 })).ToHaveTextAsync(door);
        await page.PressAsync("Escape");
        await Expect(page.Rows.First.GetByRole(AriaRole.Button)).ToBeFocusedAsync();
        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task RL07_A_wall_whose_connection_was_cut_catches_up_with_what_it_missed()
    {
        var open = new List<IWebSocketRoute>();
        var cut = false;
        await using var page = await OpenAsync(prepare: page => page.RouteWebSocketAsync("**/hubs/live*", async route =>
        {
            if (cut)
            {
                await route.CloseAsync();
                return;
            }
            route.ConnectToServer();
            open.Add(route);
        }));
        await page.Tile.FocusAsync();
        await page.PressAsync("End", "g");
        var door = await page.DoorAsync();

        cut = true;
        await open[0].CloseAsync();
        await Expect(page.Page.Locator("#link")).ToHaveClassAsync("wait");
        await wall.TurnRedAsync(door);
        cut = false;
        await page.LiveAsync();
        await page.PaintedAsync("red");
        Assert.Equal(2, open.Count);
    }

    [Fact]
    public async Task A_version_older_than_the_history_reloads_the_wall_and_misses_nothing()
    {
        var forgotten = false;
        await using var page = await OpenAsync(prepare: page => page.RouteAsync("**/wall/changes?*", async route =>
        {
            if (!forgotten)
            {
                await route.ContinueAsync();
                return;
            }
            forgotten = false;
            await route.FulfillAsync(new() { Status = 410, ContentType = "application/problem+json", Body = """{"code":"wall_history_gone","title":"变化记录已不可用"}""" });
        }));
        await page.Tile.FocusAsync();
        await page.PressAsync("Home", "g", "g");
        var door = await page.DoorAsync();
        forgotten = true;
        var reload = page.Page.WaitForRequestAsync(WallRequest());
        await wall.TurnRedAsync(door);
        await reload;
        await page.PaintedAsync("red");
        await Expect(page.Cover).ToBeHiddenAsync();
    }

    [Fact]
    public async Task An_ended_session_says_that_the_wall_must_be_opened_again()
    {
        await using var page = await OpenAsync();
        await page.Page.RouteAsync("**/api/v1/**", route => route.FulfillAsync(new() { Status = 401, ContentType = "application/problem+json", Body = """{"code":"session_ended","title":"会话已结束"}""" }));
        await page.Tile.FocusAsync();
        await page.PressAsync("Enter");
        await Expect(page.Cover).ToContainTextAsync("请重新打开");
        await Expect(page.Panel).ToContainTextAsync("请重新打开");
    }

    [Fact]
    public async Task A_household_that_cannot_be_read_says_why_and_can_be_tried_again()
    {
        await using var page = await OpenAsync();
        await page.Page.RouteAsync("**/api/v1/households/**", route => route.AbortAsync());
        await page.Tile.FocusAsync();
        await page.PressAsync("Enter");
        await Expect(page.Panel).ToContainTextAsync("暂时连不上服务");
        await page.Page.UnrouteAsync("**/api/v1/households/**");
        await page.Panel.GetByRole(AriaRole.Button, new() { Name = "重新读取" }).ClickAsync();
        await Expect(page.Panel.Locator(".sentence")).ToBeVisibleAsync();
        await page.PressAsync("Escape");

        await page.Page.RouteAsync("**/api/v1/households/**", route => route.FulfillAsync(new() { Status = 404, ContentType = "application/problem+json", Body = """{"code":"not_found","title":"没有找到"}""" }));
        await page.PressAsync("Enter");
        await Expect(page.Panel).ToContainTextAsync("没有找到这一户");
    }

    [Fact]
    public async Task A_service_that_is_away_at_first_is_waited_for()
    {
        var away = true;
        await using var page = await WallPage.OpenAsync(browser, wall, prepare: page => page.RouteAsync("**/api/v1/**", route => away ? route.AbortAsync() : route.ContinueAsync()));
        await Expect(page.Cover).ToContainTextAsync("暂时连不上服务");
        away = false;
        await page.LiveAsync();
        Assert.NotEqual(0, await page.CountAsync("green"));
    }

    [Theory]
    [InlineData(1920, 1080)]
    [InlineData(3840, 1080)]
    [InlineData(1366, 768)]
    public async Task The_wall_fills_any_screen_and_axe_finds_nothing_serious(int width, int height)
    {
        await using var page = await OpenAsync(width, height);
        Assert.Empty(await page.AxeAsync());
        var fits = await page.Page.EvaluateAsync<bool>("""
            () => {
              const stage = document.getElementById("stage"), root = document.documentElement;
              return stage.scrollHeight <= stage.clientHeight && root.scrollWidth <= root.clientWidth && root.scrollHeight <= root.clientHeight;
            }
            """);
        Assert.True(fits);
        await page.PictureAsync($"wall-{width}x{height}");
        Assert.Empty(page.Complaints);
    }

    private async Task<WallPage> OpenAsync(int width = 1920, int height = 1080, Func<IPage, Task>? prepare = null) =>
        await (await WallPage.OpenAsync(browser, wall, width, height, prepare)).LiveAsync();

    [GeneratedRegex("监测屏")]
    private static partial Regex Wall();

    [GeneratedRegex(@"^\d\d:\d\d:\d\d$")]
    private static partial Regex Clock();

    [GeneratedRegex(@"/grid-nodes/[^/]+/wall$")]
    private static partial Regex WallRequest();
}
