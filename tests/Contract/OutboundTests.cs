using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Backend.Tests.Architecture;
using Backend.Tests.Contract.Generated;
using Backend.Tests.Support;

namespace Backend.Tests.Contract;

/// <summary>IN10: the service calls WeChat, the identity provider, its database, and nobody whose address a client has said.</summary>
public sealed class OutboundTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>
{
    [Fact]
    public async Task IN10_no_address_that_a_client_gives_is_ever_called()
    {
        using var trap = new TcpListener(IPAddress.Loopback, 0);
        trap.Start();
        var port = ((IPEndPoint)trap.LocalEndpoint).Port;
        await using var scene = await ContractScene.StartAsync(fixture.Database);
        using var writes = await WriteRequests.OfAsync(scene);
        using var client = scene.Client();
        var contract = await ContractDocument.ReadAsync(scene.Api);
        foreach (var (operation, url) in from o in contract.Operations from u in (string[])[$"http://127.0.0.1:{port}/x", $"//127.0.0.1:{port}", $"file://127.0.0.1:{port}/x"] select (o, u))
        {
            var escaped = Uri.EscapeDataString(url);
            var path = Regex.Replace(operation.Path, "{[^}]*}", Guid.CreateVersion7().ToString(), RegexOptions.None, TimeSpan.FromSeconds(1));
            var request = new GeneratedRequest(operation.Method, $"{path}?url={escaped}&callback={escaped}&cursor={escaped}", []).With(
                ("Authorization", writes.Authorization("员工")), ("Idempotency-Key", url), ("If-Match", "\"1\""), ("Referer", url), ("Origin", url), ("X-Forwarded-Host", $"127.0.0.1:{port}"),
                ("Forwarded", $"host=127.0.0.1:{port}"), ("X-Original-URL", url), ("Host", $"127.0.0.1:{port}"), ("Content-Type", "application/json"));
            // Every text of the smallest body that is taken, and of one that nobody knows.
            GeneratedRequest[] requests = [request, request.WithBody(new JsonObject { ["url"] = url, ["photoUrl"] = url }.ToJsonString()),
                .. writes.Operations.Contains(operation.Id) && writes[operation.Id].Body is { } body ? (GeneratedRequest[])[request.WithBody(WithUrl(body, url)!.ToJsonString())] : []];
            foreach (var one in requests) Assert.True((await one.SendAsync(client)).Status < 500);
        }

        Assert.False(trap.Pending(), "Somebody called.");
        Assert.Empty(scene.Api.WeChat.Unmatched);
        Assert.Empty(scene.Oidc.Unmatched);
    }

    [Fact]
    public void IN10_there_are_two_ways_out_over_HTTP_and_their_addresses_are_the_configuration_s()
    {
        var sources = Directory.EnumerateFiles(Path.Combine(DirectionTests.Root(), "api"), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains("/obj/", StringComparison.Ordinal)).Select(f => (Name: Path.GetFileName(f), Text: File.ReadAllText(f))).ToList();
        Assert.Equal(["OidcRegistration.cs", "WeChatRegistration.cs"], sources.Where(s => s.Text.Contains("AddHttpClient", StringComparison.Ordinal)).Select(s => s.Name).Order());
        string[] others = ["WebRequest", "WebClient", "TcpClient", "UdpClient", "new Socket(", "SmtpClient", "ClientWebSocket", "IHttpClientFactory", "Dns.Get", "Process.Start"];
        Assert.Empty(sources.Where(s => others.Any(o => s.Text.Contains(o, StringComparison.Ordinal))).Select(s => s.Name));
        // Below the configured host every address is the program's own.
        foreach (var client in (string[])["WeChatClient.cs", "OidcProvider.cs"]) Assert.DoesNotContain("://", sources.Single(s => s.Name == client).Text, StringComparison.Ordinal);
    }

    private static JsonNode? WithUrl(JsonNode? node, string url) => node switch
    {
        JsonObject members => new JsonObject(members.Select(m => KeyValuePair.Create(m.Key, WithUrl(m.Value, url)))),
        JsonArray items => new JsonArray([.. items.Select(i => WithUrl(i, url))]),
        JsonValue value when value.GetValueKind() == System.Text.Json.JsonValueKind.String => JsonValue.Create(url),
        _ => node?.DeepClone(),
    };
}
