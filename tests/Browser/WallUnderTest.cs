using System.Diagnostics;
using System.Net.Http.Json;
using Local;

namespace Backend.Tests.Browser;

/// <summary>The server behind the browser tests of the wall. Whatever it is, a test opens the wall by a link and turns households red; it knows no more.</summary>
public sealed class WallUnderTest : IAsyncLifetime
{
    private Process? _server;

    internal Uri Address { get; private set; } = null!;

    /// <summary>A link that opens the wall of a community of 2,802 households, once.</summary>
    internal Task<Uri> OpenAsync() => Task.FromResult(new Uri(Address, "/wall?ticket=dev"));

    /// <summary>A fact changes, and with it the tier: provisional red.</summary>
    internal async Task TurnRedAsync(string door)
    {
        using var client = new HttpClient();
        using var answer = await client.PostAsJsonAsync(new Uri(Address, "/dev/change"), new { door, tier = "red", state = "provisional" });
        answer.EnsureSuccessStatusCode();
    }

    public async Task InitializeAsync()
    {
        if (!File.Exists(Path.Combine(Repository.Root, "api/wwwroot/wall/index.html")))
            throw new InvalidOperationException("The wall is not built: `make test` builds it, or run `npm ci && npm run build` in web/.");
        _server = Process.Start(new ProcessStartInfo("node", ["web/dev/server.mjs", "--port", "0"])
        {
            WorkingDirectory = Repository.Root,
            RedirectStandardOutput = true,
        })!;
        var line = await _server.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("The server did not start.");
        Address = new Uri(line[(line.LastIndexOf(' ') + 1)..]);
    }

    public async Task DisposeAsync()
    {
        if (_server is null) return;
        _server.Kill();
        await _server.WaitForExitAsync();
        _server.Dispose();
    }
}
