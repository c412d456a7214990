using Backend.Domain.Grid;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Features.Households;

public sealed class ListHouseholdsTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private Api _api = null!;
    private Scene _scene = null!;
    private SignedIn _staff = null!;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database);
        _scene = new Scene(_api.Services.GetRequiredService<Vault>()).Person("员", Role.Staff, "s.c");
        _scene.Home("s.c.a.b.f1", $"{_scene.Top}-1", PostgresFixture.DemoDay);
        await _scene.SaveAsync(fixture.Database);
        _staff = await _api.SignInAsync(_scene.OpenIdOf("员"));
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Theory]
    [InlineData("", 1)]
    [InlineData("?tier=green", 1)]
    [InlineData("?tier=red", 0)]
    public async Task A_tier_is_asked_for_as_the_answer_writes_it(string query, int count)
    {
        var page = await _staff.GetAsync($"/api/v1/households{query}").OkAsync();
        Assert.Equal(count, page.GetProperty("items").GetArrayLength());
    }

    [Theory]
    [InlineData("purple")]
    [InlineData("Green")]
    [InlineData("0")]
    public async Task IN02_a_tier_that_is_none_is_refused(string tier)
    {
        var answer = await _staff.GetAsync($"/api/v1/households?tier={tier}");
        Assert.Equal(400, (int)answer.StatusCode);
        Assert.Equal("invalid_request", (await answer.JsonAsync()).GetProperty("code").GetString());
    }
}
