using System.Net;
using Backend.Tests.Support;

namespace Backend.Tests.Launcher;

public sealed class BackendProcessTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>
{
    [Fact]
    public async Task RL01_the_built_api_is_killed_and_starts_again_at_the_same_address()
    {
        using var weChat = new WeChatStub();
        await using var backend = await BackendProcess.StartAsync(Settings(weChat));
        var first = backend.ProcessId;
        Assert.Equal(HttpStatusCode.Unauthorized, (await backend.Client.GetAsync(new Uri("/api/v1/me", UriKind.Relative))).StatusCode);

        await backend.KillAsync();
        await Assert.ThrowsAsync<HttpRequestException>(() => backend.Client.GetAsync(new Uri("/health/live", UriKind.Relative)));
        await backend.StartAgainAsync();

        Assert.NotEqual(first, backend.ProcessId);
        Assert.Equal(HttpStatusCode.OK, (await backend.Client.GetAsync(new Uri("/health/ready", UriKind.Relative))).StatusCode);
        Assert.NotEmpty(backend.Output);
    }

    [Theory]
    [InlineData("Vault:Keys:1")]
    [InlineData("Tokens:SigningKey")]
    [InlineData("ConnectionStrings:App")]
    public async Task RL23_without_a_key_it_does_not_start_and_says_why(string setting)
    {
        using var weChat = new WeChatStub();
        var settings = Settings(weChat);
        settings.Remove(setting);

        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => BackendProcess.StartAsync(settings));

        Assert.Contains(setting.Split(':')[0], refused.Message, StringComparison.OrdinalIgnoreCase);
    }

    private Dictionary<string, string?> Settings(WeChatStub weChat)
    {
        var settings = fixture.Database.Settings();
        foreach (var (key, value) in weChat.Configuration) settings[key] = value;
        return settings;
    }
}
