using System.Text.RegularExpressions;
using Backend.Tests.Support;

namespace Backend.Tests.Contract;

/// <summary>The page at <c>/docs</c> is there without a session and is served whole by the api.</summary>
public sealed partial class DocsTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private Api _api = null!;

    public async Task InitializeAsync() => _api = await Api.StartAsync(fixture.Database);

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task The_page_its_script_and_the_contract_come_from_here_and_from_nowhere_else()
    {
        using var client = _api.Anonymous();
        using var answer = await client.GetAsync("/docs");
        var page = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, page);
        Assert.Contains("接口文档", page, StringComparison.Ordinal);
        Assert.Contains("swagger/v1/swagger.json", page, StringComparison.Ordinal);
        Assert.DoesNotMatch(Elsewhere(), page);

        var address = answer.RequestMessage!.RequestUri!;
        var scripts = Script().Matches(page).Select(m => m.Groups[1].Value).ToList();
        Assert.NotEmpty(scripts);
        foreach (var script in scripts)
        {
            using var served = await client.GetAsync(new Uri(address, script));
            Assert.True(served.IsSuccessStatusCode, script);
            Assert.True((await served.Content.ReadAsByteArrayAsync()).Length > 1000, script);
        }

        // The policy of every page, widened by one nonce and by the styles that the page writes itself.
        var policy = Assert.Single(answer.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("connect-src 'self'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("http", policy, StringComparison.Ordinal);
        var nonce = Nonce().Match(policy).Groups[1].Value;
        Assert.All(Tag().Matches(page), tag => Assert.Contains($"nonce=\"{nonce}\"", tag.Value, StringComparison.Ordinal));
    }

    [GeneratedRegex("""(?:src|href)="(?:https?:)?//""")]
    private static partial Regex Elsewhere();

    [GeneratedRegex("""<script[^>]* src="([^"]+)""")]
    private static partial Regex Script();

    [GeneratedRegex("<script[^>]*>")]
    private static partial Regex Tag();

    [GeneratedRegex("'nonce-([^']+)'")]
    private static partial Regex Nonce();
}
