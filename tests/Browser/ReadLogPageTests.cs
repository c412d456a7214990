using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Local;
using Microsoft.Extensions.DependencyInjection;
using static Microsoft.Playwright.Assertions;

namespace Backend.Tests.Browser;

/// <summary>The page on which a resident sees who looked at her data (B-7), on a phone's screen, as the mini-program opens it.</summary>
[Collection(BrowserCollection.Name)]
public sealed class ReadLogPageTests(Chromium browser, MigratedDatabase fixture) : IClassFixture<MigratedDatabase>
{
    [Fact]
    public async Task B7_RL09_a_resident_sees_who_looked_at_her_data_and_her_code_stands_in_no_address()
    {
        await using var api = await Api.StartAsync(fixture.Database);
        var scene = new Scene(api.Services.GetRequiredService<Vault>())
            .Person("楼层长", Role.FloorLeader, "s.c.a.b.f1", leads: true)
            .Person("员工", Role.Staff, "s.c");
        var home = scene.Home("s.c.a.b.f1", "13-1-101", PostgresFixture.DemoDay);
        scene.Joined("居民", "13-1-101");
        await scene.SaveAsync(fixture.Database);
        await fixture.Database.ExecuteAsync("update posts set title = '13栋1层楼层长' where id = $1", scene.PostOf("楼层长").Id);
        await fixture.Database.ExecuteAsync("update posts set title = '铜源社区后台服务岗' where id = $1", scene.PostOf("员工").Id);
        var (leader, staff) = (await api.SignInAsync(scene.OpenIdOf("楼层长")), await api.SignInAsync(scene.OpenIdOf("员工")));
        for (var i = 0; i < 110; i++) await leader.GetAsync("/api/v1/households").OkAsync();
        await leader.GetAsync($"/api/v1/households/{home.Id}").OkAsync();
        await staff.GetAsync($"/api/v1/households/{home.Id}/tier").OkAsync();
        await staff.SendAsync(HttpMethod.Post, $"/api/v1/households/{home.Id}/residents/{scene.Head("13-1-101")}/phone-reveals", new { purpose = "visit", justification = "约定上门时间" }).OkAsync();

        await using var context = await browser.Browser.NewContextAsync(new() { ViewportSize = new() { Width = 390, Height = 844 }, TimezoneId = "America/New_York" });
        var page = await context.NewPageAsync();
        var (complaints, addresses) = (new List<string>(), new List<string>());
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning") complaints.Add(message.Text);
        };
        page.PageError += (_, error) => complaints.Add(error);
        page.Request += (_, request) => addresses.Add(request.Url);
        var code = $"code-{Guid.CreateVersion7():N}";
        api.WeChat.AddCode(code, scene.OpenIdOf("居民"));
        await page.GotoAsync(new Uri(api.Address, $"/me#code={code}").ToString());

        await Expect(page.Locator(".phone .what")).ToContainTextAsync("查看完整电话号码", new() { Timeout = 30_000 });
        await Expect(page.Locator(".phone .who")).ToContainTextAsync("铜源社区后台服务岗");
        await Expect(page.Locator(".phone .why")).ToHaveTextAsync("联系随访");
        await Expect(page.Locator("li")).ToHaveCountAsync(4);
        await Expect(page.Locator("li").Last).ToContainTextAsync("共97次");
        await Expect(page.Locator("body")).Not.ToContainTextAsync("约定上门时间");
        await page.ScreenshotAsync(new() { Path = Path.Combine(Repository.Root, "artifacts/screenshots", "read-log.png"), FullPage = true });
        await page.GetByText("更早的记录").ClickAsync();
        await Expect(page.Locator("li").Last).ToContainTextAsync("共110次");
        await Expect(page.GetByText("更早的记录")).ToBeHiddenAsync();

        await page.EvaluateAsync(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "web/node_modules/axe-core/axe.min.js")));
        var axe = await page.EvaluateAsync<JsonElement>("() => axe.run(document, { resultTypes: ['violations'] })");
        Assert.DoesNotContain(axe.GetProperty("violations").EnumerateArray(), v => v.GetProperty("impact").GetString() is "serious" or "critical");
        // Neither the code nor a token is in an address, in the browser's history or in its store.
        Assert.EndsWith("/me", page.Url, StringComparison.Ordinal);
        Assert.All(addresses.Skip(1), a => Assert.DoesNotContain(code, a, StringComparison.Ordinal));
        Assert.All(addresses, a => Assert.Equal("", new Uri(a).Query.Replace("?limit=100", "", StringComparison.Ordinal).Split("&cursor=")[0]));
        Assert.Equal("{}", await page.EvaluateAsync<string>("() => JSON.stringify(localStorage)"));
        Assert.Empty(complaints);

        // Leaving the page ends the session.
        var open = "select count(*) from sessions where account_id = $1 and ended_at is null";
        Assert.Equal(1, await fixture.Database.ScalarAsync<long>(open, scene.Account("居民").Id));
        await page.GotoAsync("about:blank");
        for (var tries = 0; tries < 300 && await fixture.Database.ScalarAsync<long>(open, scene.Account("居民").Id) > 0; tries++) await Task.Delay(20);
        Assert.Equal(0, await fixture.Database.ScalarAsync<long>(open, scene.Account("居民").Id));

        // Without a code it says where to come from, and asks the service for nothing.
        addresses.Clear();
        await page.GotoAsync(new Uri(api.Address, "/me").ToString());
        await Expect(page.Locator("#status")).ToContainTextAsync("请从小程序");
        Assert.DoesNotContain(addresses, a => a.Contains("/api/", StringComparison.Ordinal));
    }
}
