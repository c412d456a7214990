using System.IO.Compression;
using System.Text;
using Backend.Tests.Contract.Generated;
using Backend.Tests.Support;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Backend.Tests.Contract;

/// <summary>IN05, IN13: what is turned away before any operation looks at it, and what a request may claim about itself without being believed.</summary>
public sealed class FrontDoorTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly string[] Methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW"];

    private ContractScene _scene = null!;
    private ContractDocument _contract = null!;
    private WriteRequests _writes = null!;
    private HttpClient _client = null!;

    public async Task InitializeAsync()
    {
        _scene = await ContractScene.StartAsync(fixture.Database);
        _contract = await ContractDocument.ReadAsync(_scene.Api);
        _writes = await WriteRequests.OfAsync(_scene);
        _client = _scene.Client();
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        _writes.Dispose();
        await _scene.DisposeAsync();
    }

    [Fact]
    public async Task IN13_a_method_that_an_address_does_not_know_is_refused_and_told_which_it_knows()
    {
        var refused = 0;
        foreach (var path in _contract.Operations.Select(o => o.Path).Distinct())
        {
            var target = string.Join('/', path.Split('/').Select(w => w.EndsWith("d}", StringComparison.Ordinal) ? $"{Guid.CreateVersion7()}" : w.Trim('{', '}')));
            var known = Methods.Where(m => _contract.Find(m, target) is not null).ToList();
            foreach (var method in Methods.Except(known))
            {
                var answer = await Staff(new GeneratedRequest(method, target, [])).SendAsync(_client);
                Assert.True((answer.Status, method == "HEAD" ? "" : answer.Code) == (405, method == "HEAD" ? "" : "method_not_allowed"), $"{method} {target}: {answer.Status} {answer.Text}");
                Assert.Equal(known.Order(), answer.Headers["Allow"].Split(", ").Order());
                refused++;
            }
        }

        Assert.True(refused > 200);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("text/plain")]
    [InlineData("text/json")]
    [InlineData("application/merge-patch+json")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("application/json; charset=none")]
    [InlineData("application/xml")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/form-data; boundary=x")]
    [InlineData("*/*")]
    [InlineData("json")]
    public async Task IN13_a_body_of_any_type_but_JSON_is_refused(string? type)
    {
        foreach (var operation in _contract.Operations.Where(o => o.Body is not null))
        {
            var write = _writes[operation.Id];
            var request = Staff(new GeneratedRequest(write.Method, write.Target, [])).With(("Content-Type", type), ("Idempotency-Key", "one"), ("If-Match", "\"1\"")).WithBody(write.Body!.ToJsonString());
            var answer = await request.SendAsync(_client);
            Assert.True((answer.Status, answer.Code) == (415, "media_type_unsupported"), $"{operation.Id}: {answer.Status} {answer.Text}");
        }
    }

    [Fact]
    public async Task IN13_what_a_request_says_of_its_own_way_here_is_not_believed()
    {
        (string, string?)[] claims = [("X-Forwarded-For", "203.0.113.9"), ("X-Real-IP", "203.0.113.9"), ("Forwarded", "for=203.0.113.9;proto=https"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "elsewhere.example")];
        var staff = await _scene.SignInAsync("员工");
        var ticket = (await staff.SendAsync(HttpMethod.Post, "/api/v1/tickets", new { purpose = "display", nodeId = _scene.Scene.Node("s.c").Id }).OkAsync()).GetProperty("ticket").GetString();
        var opened = await new GeneratedRequest("GET", $"/wall?ticket={ticket}", []).With(claims).SendAsync(_client);
        Assert.Equal((302, "/wall"), (opened.Status, opened.Headers["Location"]));
        // Secure would say that the browser's way was encrypted, and it was not.
        Assert.DoesNotContain("secure", opened.Headers["Set-Cookie"], StringComparison.OrdinalIgnoreCase);
        await Staff(new GeneratedRequest("GET", "/api/v1/households", [])).With(claims).SendAsync(_client);
        Assert.Equal(0, await fixture.Database.ScalarAsync<long>("select count(*) from audit_entries where address like '203%'"));

        // Nor does it make a caller another one to the limits.
        await using var strict = await Api.StartAsync(fixture.Database, new Dictionary<string, string?> { ["RateLimits:AddressPerMinute"] = "6" });
        using var client = strict.Anonymous();
        var statuses = new List<int>();
        for (var i = 0; i < 9; i++) statuses.Add((await new GeneratedRequest("GET", "/api/v1/me", []).With(("X-Forwarded-For", $"203.0.113.{i}")).SendAsync(client)).Status);
        Assert.Equal([401, 401, 401, 401, 401, 401, 429, 429, 429], statuses);
    }

    [Fact]
    public async Task IN13_only_a_known_proxy_is_believed_and_only_for_its_own_hop()
    {
        async Task<(int Status, string Cookie, string[] Addresses)> AskAsync(string? known, string hops, string forwarded)
        {
            var settings = new Dictionary<string, string?> { ["Proxies:Hops"] = hops, ["ForwardedHeaders_Enabled"] = "true" };
            if (known is not null) settings["Proxies:Known:0"] = known;
            await using var api = await Api.StartAsync(fixture.Database, settings);
            var staff = await api.SignInAsync(_scene.Scene.OpenIdOf("员工"));
            var ticket = (await staff.SendAsync(HttpMethod.Post, "/api/v1/tickets", new { purpose = "display", nodeId = _scene.Scene.Node("s.c").Id }).OkAsync()).GetProperty("ticket").GetString();
            using var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = api.Address };
            var opened = await new GeneratedRequest("GET", $"/wall?ticket={ticket}", []).With(("X-Forwarded-For", forwarded), ("X-Forwarded-Proto", "https")).SendAsync(client);
            var addresses = await fixture.Database.ScalarAsync<string[]>("select array_agg(address) from (select address from audit_entries where operation = 'openWall' order by xid desc, id desc limit 1) a");
            return (opened.Status, opened.Headers["Set-Cookie"], addresses!);
        }

        // What the client wrote itself stands before what the proxy wrote.
        var (status, cookie, addresses) = await AskAsync("127.0.0.1", "1", "198.51.100.1, 203.0.113.9");
        Assert.Equal(302, status);
        Assert.Contains("secure", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(["203.0.113.9"], addresses);
        Assert.Equal(["203.0.113.9"], (await AskAsync("127.0.0.0/8", "2", "203.0.113.9, 127.0.0.2")).Addresses);
        Assert.Equal(["203.0.113.9"], (await AskAsync("127.0.0.0/8", "2", "198.51.100.1, 203.0.113.9")).Addresses);
        foreach (var stranger in (string?[])[null, "192.0.2.1"])
        {
            (_, cookie, addresses) = await AskAsync(stranger, "1", "203.0.113.9");
            Assert.DoesNotContain("secure", cookie, StringComparison.OrdinalIgnoreCase);
            Assert.Equal(["127.0.0.1"], addresses);
        }
    }

    [Fact]
    public async Task IN13_a_page_from_elsewhere_may_read_nothing()
    {
        foreach (var request in (GeneratedRequest[])[
            Staff(new GeneratedRequest("GET", "/api/v1/households", [])), new GeneratedRequest("OPTIONS", "/api/v1/households", []).With(("Access-Control-Request-Method", "GET")), new GeneratedRequest("GET", "/wall", [])])
        {
            var answer = await request.With(("Origin", "https://elsewhere.example")).SendAsync(_client);
            Assert.DoesNotContain(answer.Headers.Keys, k => k.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase));
        }
    }

    [Fact]
    public async Task IN05_long_lines_many_headers_and_a_NUL_in_the_address_end_before_the_api()
    {
        foreach (var (request, status) in ((GeneratedRequest, int)[])[
            (new GeneratedRequest("GET", $"/api/v1/me?{new string('x', 9_000)}", []), 414),
            (new GeneratedRequest("GET", "/api/v1/me", [("X-Long", new string('x', 40_000))]), 431),
            (new GeneratedRequest("GET", "/api/v1/me", [.. Enumerable.Range(0, 200).Select(i => ($"X-{i}", "x"))]), 431),
            (new GeneratedRequest("GET", "/api/v1/photos/%00", []), 400)])
        {
            var answer = await request.SendAsync(_client);
            Assert.Equal(status, answer.Status);
        }

        await _scene.SignInAsync("员工");
        var limits = _scene.Api.Services.GetRequiredService<IOptions<KestrelServerOptions>>().Value.Limits;
        Assert.All((long?[])[limits.MaxConcurrentConnections, limits.MaxConcurrentUpgradedConnections, limits.MaxRequestBodySize], limit => Assert.InRange(limit ?? long.MaxValue, 1, 1_000_000));
        Assert.InRange(limits.RequestHeadersTimeout, TimeSpan.Zero, TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task IN05_nothing_is_unpacked()
    {
        using var packed = new MemoryStream();
        // A bomb: a thousand times as long when it is unpacked.
        await using (var gzip = new GZipStream(packed, CompressionLevel.SmallestSize, leaveOpen: true)) await gzip.WriteAsync(Encoding.UTF8.GetBytes(new string(' ', 10_000_000)));
        foreach (var operation in _contract.Operations.Where(o => o.Body is not null))
        {
            var write = _writes[operation.Id];
            var request = new GeneratedRequest(write.Method, write.Target, [], packed.ToArray()).With(
                ("Authorization", write.Who.Length == 0 ? null : _writes.Authorization(write.Who)), ("Content-Type", "application/json"), ("Content-Encoding", "gzip"),
                ("Idempotency-Key", "one"), ("If-Match", "\"1\""));
            var answer = await request.SendAsync(_client);
            Assert.True((answer.Status, answer.Code) is (400, "malformed_body") or (415, "media_type_unsupported"), $"{operation.Id}: {answer.Status} {answer.Text}");
        }
    }

    private GeneratedRequest Staff(GeneratedRequest request) => request.With(("Authorization", _writes.Authorization("员工")));
}
