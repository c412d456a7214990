using System.Collections.Concurrent;
using Backend.Tests.Support;
using Local;
using static Microsoft.Playwright.Assertions;

namespace Backend.Tests.Browser;

/// <summary>The contract page at <c>/docs</c>, in a browser that has no other network.</summary>
[Collection(BrowserCollection.Name)]
public sealed class DocsPageTests(Chromium browser, MigratedDatabase fixture) : IClassFixture<MigratedDatabase>
{
    [Fact]
    public async Task The_contract_can_be_read_and_nobody_else_is_asked_for_anything()
    {
        await using var api = await Api.StartAsync(fixture.Database);
        await using var context = await browser.Browser.NewContextAsync(new() { ViewportSize = new() { Width = 1440, Height = 900 } });
        var page = await context.NewPageAsync();
        var (elsewhere, complaints) = (new ConcurrentQueue<string>(), new ConcurrentQueue<string>());
        page.Request += (_, request) =>
        {
            if (request.Url.StartsWith("http", StringComparison.Ordinal) && !request.Url.StartsWith(api.Address.ToString(), StringComparison.Ordinal)) elsewhere.Enqueue(request.Url);
        };
        page.Console += (_, message) =>
        {
            if (message.Text.Contains("Content Security Policy", StringComparison.Ordinal)) complaints.Enqueue(message.Text);
        };

        await page.GotoAsync(new Uri(api.Address, "/docs").ToString());
        await Expect(page.GetByText("智慧社区精准服务平台").First).ToBeVisibleAsync(new() { Timeout = 30_000 });
        await Expect(page.GetByText("Sessions").First).ToBeVisibleAsync(new() { Timeout = 30_000 });
        await page.ScreenshotAsync(new() { Path = Path.Combine(Repository.Root, "artifacts/screenshots", "docs.png") });
        Assert.Empty(elsewhere);
        Assert.Empty(complaints);
    }
}
