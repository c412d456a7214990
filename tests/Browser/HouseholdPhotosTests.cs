using static Microsoft.Playwright.Assertions;

namespace Backend.Tests.Browser;

/// <summary>Photo and name in the panel beside the wall, through a real browser with its cookie and its content security policy.</summary>
[Collection(BrowserCollection.Name)]
public sealed class HouseholdPhotosTests(Chromium browser, WallUnderTest wall) : IClassFixture<WallUnderTest>
{
    [Fact]
    public async Task A90_IN07_the_panel_shows_the_contact_and_the_leader()
    {
        await using var page = await (await WallPage.OpenAsync(browser, wall)).LiveAsync();
        await page.Tile.FocusAsync();
        // Not every household has a photo of its contact; the first red ones are tried until one has.
        for (var tries = 0; tries < 20; tries++)
        {
            await page.PressAsync("r", "Enter");
            await Expect(page.Panel.Locator(".sentence")).ToBeVisibleAsync();
            if (await page.Panel.Locator(".face img").CountAsync() == 2) break;
            await page.PressAsync("Escape");
        }

        var faces = page.Panel.Locator(".face img");
        await Expect(faces).ToHaveCountAsync(2);
        foreach (var face in await faces.AllAsync())
        {
            await Expect(face).ToHaveJSPropertyAsync("complete", true);
            Assert.Equal(160, await face.EvaluateAsync<int>("picture => picture.naturalWidth"));
            Assert.EndsWith("的照片", await face.GetAttributeAsync("alt"), StringComparison.Ordinal);
        }

        await page.PictureAsync("household-photos");
        Assert.Empty(await page.AxeAsync());
        Assert.Empty(page.Complaints);
    }
}
