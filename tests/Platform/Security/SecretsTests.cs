using Backend.Domain.Grid;
using Backend.Platform.Files;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Tokens;

namespace Backend.Tests.Platform.Security;

/// <summary>ID10: what opens something by itself is random bytes of the system, at least 128 bits of them, and no identifier.</summary>
public sealed class SecretsTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>
{
    private const int Some = 24;

    [Fact]
    public async Task ID10_invites_tickets_refresh_tokens_and_file_links_are_random_and_not_identifiers()
    {
        using var files = new TemporaryFolder();
        await using var api = await Api.StartAsync(fixture.Database, new Dictionary<string, string?> { ["Files:Folder"] = files.Path });
        var scene = new Scene(api.Services.GetRequiredService<Vault>()).Person("员工", Role.Staff, "s.c");
        scene.Home("s.c.a.b.f1", $"{scene.Top}-1", PostgresFixture.DemoDay);
        await scene.SaveAsync(fixture.Database);
        var staff = await api.SignInAsync(scene.OpenIdOf("员工"));
        async Task<string> GivenAsync(string path, object? body, string member) => (await staff.SendAsync(HttpMethod.Post, path, body).OkAsync()).GetProperty(member).GetString()!;

        var links = api.Services.GetRequiredService<PhotoLinks>();
        var secrets = new Dictionary<string, List<string>>
        {
            ["invite"] = [],
            ["hub ticket"] = [],
            ["display ticket"] = [],
            ["refresh token"] = [],
            ["binding ticket"] = [],
            ["file link"] = [.. Enumerable.Range(0, Some).Select(_ => links.To(Guid.CreateVersion7(), Guid.CreateVersion7())!.Split("mac=")[1].Split('&')[0])],
        };
        for (var i = 0; i < Some; i++)
        {
            secrets["invite"].Add(await GivenAsync($"/api/v1/residents/{scene.Head($"{scene.Top}-1")}/invites", null, "invite"));
            secrets["hub ticket"].Add(await GivenAsync("/api/v1/tickets", new { purpose = "hub" }, "ticket"));
            secrets["display ticket"].Add(await GivenAsync("/api/v1/tickets", new { purpose = "display", nodeId = scene.Node("s.c").Id }, "ticket"));
            secrets["refresh token"].Add((await api.SignInAsync(scene.OpenIdOf("员工"))).RefreshToken);
            var code = $"code-{Guid.CreateVersion7():N}";
            api.WeChat.AddCode(code, $"o{Guid.CreateVersion7():N}"[..28]);
            using var stranger = api.Anonymous();
            using var answer = await System.Net.Http.Json.HttpClientJsonExtensions.PostAsJsonAsync(stranger, "/api/v1/sessions/wechat", new { code });
            secrets["binding ticket"].Add((await answer.JsonAsync()).GetProperty("bindingTicket").GetString()!);
        }

        foreach (var (kind, given) in secrets)
        {
            Assert.Equal(Some, given.Distinct().Count());
            Assert.All(given, s => Assert.False(Guid.TryParse(s, out _), $"{kind} is an identifier"));
            var bytes = given.ConvertAll(Base64UrlEncoder.DecodeBytes);
            Assert.All(bytes, b => Assert.True(b.Length >= 16, $"{kind}: {b.Length} bytes"));
            // Neither a time at the beginning nor a version in the middle: of two dozen random ones no byte is the same in all.
            Assert.All(Enumerable.Range(0, 16), at => Assert.True(bytes.Select(b => b[at]).Distinct().Count() > Some / 4, $"{kind}: byte {at} hardly changes"));
            // And half of all bits are set, give or take six standard deviations.
            var (set, all) = (bytes.Sum(b => b.Sum(x => System.Numerics.BitOperations.PopCount(x))), bytes.Sum(b => b.Length * 8));
            Assert.InRange((double)set / all, 0.5 - 3 / Math.Sqrt(all), 0.5 + 3 / Math.Sqrt(all));
        }
    }
}
