using System.Net.Http.Json;
using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Platform.Realtime;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Features.Sessions;

/// <summary>ID09: a person sees where she is signed in and ends what she does not know.</summary>
public sealed class OwnSessionsTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private Api _api = null!;
    private Scene _scene = null!;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database);
        _scene = await new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("楼长", Role.BuildingLeader, "s.c.a.b", leads: true).Person("员工", Role.Staff, "s.c").SaveAsync(fixture.Database);
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task ID09_the_list_holds_ones_own_sessions_that_last_and_says_which_one_asks()
    {
        var first = await SignInAsync("楼长");
        _api.Clock.Advance(TimeSpan.FromMinutes(5));
        var second = await SignInAsync("楼长");
        var other = await SignInAsync("员工");

        var mine = await ItemsAsync(second);
        Assert.Equal([true, false], mine.Select(s => s.GetProperty("isCurrent").GetBoolean()));
        Assert.All(mine, s => Assert.Equal("wechat", s.GetProperty("kind").GetString()));
        Assert.True(mine[0].GetProperty("lastUsedAt").GetDateTimeOffset() > mine[1].GetProperty("lastUsedAt").GetDateTimeOffset());
        Assert.Equal(mine[1].GetProperty("id").GetGuid(), (await ItemsAsync(first)).Single(s => s.GetProperty("isCurrent").GetBoolean()).GetProperty("id").GetGuid());
        Assert.Single(await ItemsAsync(other));
        Assert.DoesNotContain("oken", mine[0].GetRawText(), StringComparison.Ordinal);

        // Seven days of silence end the first by themselves; the second was renewed in between.
        _api.Clock.Advance(TimeSpan.FromDays(6));
        var renewed = await _api.Anonymous().PostAsJsonAsync("/api/v1/sessions/refresh", new { refreshToken = second.RefreshToken }).OkAsync();
        _api.Clock.Advance(TimeSpan.FromDays(2));
        renewed = await _api.Anonymous().PostAsJsonAsync("/api/v1/sessions/refresh", new { refreshToken = renewed.GetProperty("refreshToken").GetString() }).OkAsync();
        second.Client.DefaultRequestHeaders.Authorization = new("Bearer", renewed.GetProperty("accessToken").GetString());
        Assert.True(Assert.Single(await ItemsAsync(second)).GetProperty("isCurrent").GetBoolean());
    }

    [Fact]
    public async Task ID09_AZ11_ending_one_stops_its_requests_its_renewal_and_its_hub_connection_and_leaves_the_others()
    {
        var (lost, mine) = (await SignInAsync("楼长"), await SignInAsync("楼长"));
        await using var hub = await HubClient.ConnectAsync(_api, lost.AccessToken);
        var id = (await ItemsAsync(mine)).Single(s => !s.GetProperty("isCurrent").GetBoolean()).GetProperty("id").GetGuid();
        var key = Guid.CreateVersion7().ToString();
        await mine.SendAsync(HttpMethod.Delete, $"/api/v1/sessions/{id}", key: key).OkAsync();

        await lost.GetAsync("/api/v1/me").RefusedAsync(401, "session_ended");
        await _api.Anonymous().PostAsJsonAsync("/api/v1/sessions/refresh", new { refreshToken = lost.RefreshToken }).RefusedAsync(401, "refresh_token_invalid");
        await _api.Services.GetRequiredService<ReachWatch>().LookAsync(default);
        await hub.ClosedAsync();
        await mine.GetAsync("/api/v1/me").OkAsync();
        Assert.Single(await ItemsAsync(mine));

        // The same once more is answered as before; a new attempt finds nothing to end.
        await mine.SendAsync(HttpMethod.Delete, $"/api/v1/sessions/{id}", key: key).OkAsync();
        await mine.SendAsync(HttpMethod.Delete, $"/api/v1/sessions/{id}").RefusedAsync(404, "not_found");
    }

    [Fact]
    public async Task AZ07_somebody_elses_session_is_answered_like_one_that_does_not_exist()
    {
        var (mine, other) = (await SignInAsync("楼长"), await SignInAsync("员工"));
        var foreign = (await ItemsAsync(other))[0].GetProperty("id").GetGuid();
        var refused = await mine.SendAsync(HttpMethod.Delete, $"/api/v1/sessions/{foreign}").RefusedAsync(404, "not_found");
        var missing = await mine.SendAsync(HttpMethod.Delete, $"/api/v1/sessions/{Guid.CreateVersion7()}").RefusedAsync(404, "not_found");
        Assert.Equal(Without(missing), Without(refused));
        await other.GetAsync("/api/v1/me").OkAsync();
    }

    private static string Without(JsonElement problem) => string.Join(' ', problem.EnumerateObject().Where(p => p.Name != "traceId").Select(p => $"{p.Name}={p.Value}"));

    private Task<SignedIn> SignInAsync(string who) => _api.SignInAsync(_scene.OpenIdOf(who));

    private static async Task<List<JsonElement>> ItemsAsync(SignedIn who) => [.. (await who.GetAsync("/api/v1/sessions").OkAsync()).GetProperty("items").EnumerateArray()];
}
