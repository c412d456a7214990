using System.Globalization;
using Backend.Tests.Support;
using Local;
using Local.Demo;
using Local.Sandbox;

namespace Backend.Tests.Browser;

/// <summary>
/// The server behind the browser tests of the wall: the api on real Kestrel with a demo district of its own. A test opens the wall by a link, as the
/// start page does, and turns households red by a fact, as staff do; it knows no more.
/// </summary>
public sealed class WallUnderTest : IAsyncLifetime
{
    private readonly Support.DemoDatabase _demo = new();
    private readonly TemporaryFolder _folder = new();
    private Api? _api;
    private SignedIn? _staff;

    private SignedIn Staff => _staff ?? throw new InvalidOperationException("The fixture has not started.");

    private string NodeId { get; set; } = "";

    /// <summary>A link that opens the wall of Tongyuan, once.</summary>
    internal async Task<Uri> OpenAsync()
    {
        var ticket = await Staff.SendAsync(HttpMethod.Post, "/api/v1/tickets", new { purpose = "display", nodeId = NodeId }).OkAsync();
        return new Uri(_api!.Address, $"/wall?ticket={ticket.GetProperty("ticket").GetString()}");
    }

    /// <summary>A link that opens a public hall of Tongyuan, once.</summary>
    internal async Task<Uri> OpenHallAsync()
    {
        var display = await Staff.SendAsync(HttpMethod.Post, "/api/v1/displays", new { nodeId = NodeId, name = "一楼大厅" }).OkAsync();
        return new Uri(_api!.Address, $"/wall?ticket={display.GetProperty("ticket").GetString()}");
    }

    /// <summary>Doors of a colour on the wall.</summary>
    internal async Task<IReadOnlyList<string>> DoorsAsync(string tier) =>
        [.. (await Staff.GetAsync($"/api/v1/grid-nodes/{NodeId}/wall").OkAsync()).GetProperty("tiles").EnumerateArray()
            .Where(tile => tile.GetProperty("tier").GetString() == tier).Select(tile => tile.GetProperty("door").GetString()!)];

    /// <summary>A serious illness is recorded for the household behind this door: its tier rises to a provisional red (R5). Gives the moment before the write.</summary>
    internal async Task<long> TurnRedAsync(string door)
    {
        var wall = await Staff.GetAsync($"/api/v1/grid-nodes/{NodeId}/wall").OkAsync();
        var household = wall.GetProperty("tiles").EnumerateArray().Single(tile => tile.GetProperty("door").GetString() == door).GetProperty("id").GetString();
        using var read = await Staff.GetAsync($"/api/v1/households/{household}");
        var observedAt = PostgresFixture.DemoDay.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        // With its own effective day: an illness that is on record already would keep its old one (facts.md, rule 5).
        var before = TimeProvider.System.GetTimestamp();
        await Staff.SendAsync(
            HttpMethod.Put, $"/api/v1/households/{household}/facts",
            new { values = new[] { new { subject = "household", subjectId = household, tag = "last_major_event", value = "illness", observedAt, validFrom = observedAt } } },
            ifMatch: read.Headers.ETag!.ToString()).OkAsync();
        return before;
    }

    public async Task InitializeAsync()
    {
        if (!File.Exists(Path.Combine(Repository.Root, "api/wwwroot/wall/index.html")))
            throw new InvalidOperationException("The wall is not built: `make test` builds it, or run `make web`.");
        await _demo.InitializeAsync();
        var photos = Path.Combine(_folder.Path, "photos");
        await DemoPhotos.WriteOnceAsync(photos, PostgresFixture.Secrets.Vault, CancellationToken.None);
        _api = await Api.StartAsync(_demo.Database, new Dictionary<string, string?> { ["Files:Folder"] = photos });
        _staff = await _api.SignInAsync(DemoCodes.OpenIdOf("demo-staff"));
        NodeId = (await Staff.GetAsync("/api/v1/me").OkAsync()).GetProperty("rootNodes")[0].GetProperty("id").GetString()!;
    }

    public async Task DisposeAsync()
    {
        if (_api is not null) await _api.DisposeAsync();
        await _demo.DisposeAsync();
        _folder.Dispose();
    }
}
