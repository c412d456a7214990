using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Platform.Security;

/// <summary>RL17: the strict limits are one number for all replicas, by account, by device and by address, and say when to come again.</summary>
public sealed class SharedLimitsTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private const int PerAccount = 9, PerDevice = 6, PerAddress = 20;
    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private readonly List<Api> _replicas = [];
    private Scene _scene = null!;

    public async Task InitializeAsync()
    {
        // Each run of a test has its own addresses, so that none uses up another's.
        await fixture.Database.ExecuteAsync("delete from call_counts");
        for (var i = 0; i < 4; i++)
            _replicas.Add(await Api.StartAsync(fixture.Database, new Dictionary<string, string?>
            {
                ["RateLimits:Strict:PerAccount"] = $"{PerAccount}",
                ["RateLimits:Strict:PerDevice"] = $"{PerDevice}",
                ["RateLimits:Strict:PerAddress"] = $"{PerAddress}",
                ["Proxies:Known:0"] = "127.0.0.0/8",
                ["Proxies:Known:1"] = "::1",
            }));
        _scene = new Scene(_replicas[0].Services.GetRequiredService<Vault>()).Person("楼层长", Role.FloorLeader, "s.c.a.b.f1", leads: true).Person("审计", Role.AuditAdmin, "");
        _scene.Home("s.c.a.b.f1", $"{_scene.Top}-101", Day);
        await _scene.SaveAsync(fixture.Database);
    }

    public async Task DisposeAsync()
    {
        foreach (var replica in _replicas) await replica.DisposeAsync();
    }

    [Fact]
    public async Task RL17_four_replicas_share_one_number_by_device_and_by_account()
    {
        var path = $"/api/v1/residents/{_scene.Head($"{_scene.Top}-101")}/invites";
        var (phone, other) = (await _replicas[0].SignInAsync(_scene.OpenIdOf("楼层长")), await _replicas[1].SignInAsync(_scene.OpenIdOf("楼层长")));
        var statuses = new List<int>();
        for (var i = 0; i < 8; i++) statuses.Add((int)(await SendAsync(i, phone, HttpMethod.Post, path)).StatusCode);
        Assert.Equal([200, 200, 200, 200, 200, 200, 429, 429], statuses);
        // Her other phone has used up nothing of its own; the account has one left.
        statuses.Clear();
        for (var i = 0; i < 3; i++) statuses.Add((int)(await SendAsync(i, other, HttpMethod.Post, path)).StatusCode);
        Assert.Equal([200, 429, 429], statuses);

        var late = await SendAsync(3, other, HttpMethod.Post, path);
        Assert.InRange(late.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 900);
        await Task.FromResult(late).RefusedAsync(429, "too_many_requests");
        // Another operation has its own count.
        await other.GetAsync("/api/v1/binding-requests").OkAsync();
        Assert.Equal(5, await RefusalsAsync("inviteResident"));

        foreach (var replica in _replicas) replica.Clock.Advance(SharedLimits.Window);
        var again = await _replicas[2].SignInAsync(_scene.OpenIdOf("楼层长"));
        await SendAsync(2, again, HttpMethod.Post, path).OkAsync();
    }

    [Fact]
    public async Task RL17_of_many_at_once_on_four_replicas_exactly_as_many_as_may_get_through()
    {
        var auditor = await _replicas[0].SignInAsync(_scene.OpenIdOf("审计"));
        var answers = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => SendAsync(i, auditor, HttpMethod.Get, "/api/v1/audit-entries")));
        Assert.Equal((PerDevice, 60 - PerDevice), (answers.Count(a => (int)a.StatusCode == 200), answers.Count(a => (int)a.StatusCode == 429)));
        Figures.Print($"RL17 60 searches at once on 4 replicas, {PerDevice} allowed: {answers.Count(a => a.IsSuccessStatusCode)} answered, {await RefusalsAsync("listAuditEntries")} refused");
    }

    [Fact]
    public async Task RL17_ID06_guessing_invites_finds_nothing_and_is_stopped()
    {
        var statuses = new ConcurrentBag<int>();
        var tickets = new ConcurrentQueue<string>();
        for (var i = 0; i < 8; i++) tickets.Enqueue(await StrangerAsync(i, $"198.51.100.{i}"));
        // Ten at once, again and again, each with another invite, from one address over all replicas.
        for (var round = 0; round < 4; round++)
            await Task.WhenAll(Enumerable.Range(0, 10).Select(async i => statuses.Add((int)(await GuessAsync(i, tickets.ElementAt(i % tickets.Count), "203.0.113.7")).StatusCode)));
        Assert.Equal((PerAddress, 40 - PerAddress), (statuses.Count(s => s == 422), statuses.Count(s => s == 429)));
        // A ticket has its own count, whatever addresses it comes from.
        var ticket = await StrangerAsync(0, "198.51.100.9");
        var one = new List<int>();
        for (var i = 0; i < PerDevice + 2; i++) one.Add((int)(await GuessAsync(i, ticket, $"203.0.113.{20 + i}")).StatusCode);
        Assert.Equal([.. Enumerable.Repeat(422, PerDevice), 429, 429], one);
        Assert.Equal(0, await fixture.Database.ScalarAsync<long>("select count(*) from binding_requests"));
    }

    [Fact]
    public async Task RL17_sign_ins_that_find_nobody_count_for_their_address_and_lock_out_nobody_behind_it()
    {
        const string shared = "2001:db8:1:2::";
        var statuses = new List<int>();
        for (var i = 0; i < PerAddress + 2; i++) statuses.Add((int)(await SignInAsync(i, $"nobody-{i}", $"{shared}{i + 1:x}")).StatusCode);
        Assert.Equal([.. Enumerable.Repeat(403, PerAddress), 429, 429], statuses);
        // Somebody who is bound comes from the same address, until she herself has come too often.
        statuses.Clear();
        for (var i = 0; i < PerAccount + 1; i++) statuses.Add((int)(await SignInAsync(i, _scene.OpenIdOf("审计"), $"{shared}ffff")).StatusCode);
        Assert.Equal([.. Enumerable.Repeat(200, PerAccount), 429], statuses);
        await StrangerAsync(1, "2001:db8:1:3::1");
    }

    [Theory]
    [InlineData("/api/v1/staff-invitations/opening", "openStaffInvitation")]
    [InlineData("/api/v1/staff-invitations/acceptance", "acceptStaffInvitation")]
    public async Task RL17_invitations_of_staff_are_tried_so_often_from_one_address_and_no_more(string path, string operation)
    {
        var statuses = new List<int>();
        for (var i = 0; i < PerAddress + 1; i++)
        {
            object body = operation == "openStaffInvitation" ? new { invitation = $"guess-{i}" } : new { invitation = $"guess-{i}", proof = "x", password = StaffFactors.Word, code = "123456" };
            using var message = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body), Headers = { { "X-Forwarded-For", "192.0.2.77" } } };
            using var client = _replicas[i % 4].Anonymous();
            statuses.Add((int)(await client.SendAsync(message)).StatusCode);
        }

        Assert.Equal([.. Enumerable.Repeat(422, PerAddress), 429], statuses);
        Assert.Equal(1, await RefusalsAsync(operation));
    }

    private async Task<HttpResponseMessage> SendAsync(int replica, SignedIn who, HttpMethod method, string path)
    {
        using var client = _replicas[replica % 4].Anonymous();
        client.DefaultRequestHeaders.Authorization = new("Bearer", who.AccessToken);
        return await new SignedIn(client, who.AccessToken, who.RefreshToken).SendAsync(method, path);
    }

    private async Task<HttpResponseMessage> SignInAsync(int replica, string openId, string address)
    {
        var (api, code) = (_replicas[replica % 4], $"code-{Guid.CreateVersion7():N}");
        api.WeChat.AddCode(code, openId);
        using var message = new HttpRequestMessage(HttpMethod.Post, "/api/v1/sessions/wechat") { Content = JsonContent.Create(new { code }), Headers = { { "X-Forwarded-For", address } } };
        using var client = api.Anonymous();
        return await client.SendAsync(message);
    }

    private async Task<string> StrangerAsync(int replica, string address)
    {
        using var answer = await SignInAsync(replica, $"stranger-{Guid.CreateVersion7():N}", address);
        Assert.Equal(403, (int)answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("bindingTicket").GetString()!;
    }

    private async Task<HttpResponseMessage> GuessAsync(int replica, string bindingTicket, string address)
    {
        var body = JsonContent.Create(new { bindingTicket, invite = $"{Guid.CreateVersion7():N}" });
        using var message = new HttpRequestMessage(HttpMethod.Post, "/api/v1/binding-requests") { Content = body, Headers = { { "X-Forwarded-For", address } } };
        using var client = _replicas[replica % 4].Anonymous();
        return await client.SendAsync(message);
    }

    private Task<long> RefusalsAsync(string operation) =>
        fixture.Database.ScalarAsync<long>("select count(*) from audit_entries where operation = $1 and result = 'too_many_requests'", operation);
}
