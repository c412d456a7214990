using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text;
using Backend.Domain.Grid;
using Backend.Platform.Security;
using Backend.Tests.Platform.Persistence;
using Backend.Tests.Support;
using Npgsql;

namespace Backend.Tests.Journeys;

/// <summary>
/// RL19: two replicas behind a balancer that obeys <c>/health/ready</c> are restarted in turn under load. No request fails, one that has begun is
/// finished, the hub's clients are told to reconnect, and a stop takes 20 s at most.
/// </summary>
public sealed class RestartsTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>
{
    private const int HubClients = 3;

    [Fact]
    public async Task RL19_restarts_under_load_fail_no_request_and_tell_the_hub_clients_to_reconnect()
    {
        var database = fixture.Database;
        using var weChat = new WeChatStub();
        var today = ShanghaiDay.Of(TimeProvider.System.GetUtcNow());
        var scene = new Scene(RowLevelSecurityTests.VaultOf(database)).Person("员工", Role.Staff, "s.c").Person("楼层长", Role.FloorLeader, "s.c.a.b.f1", leads: true);
        var homes = Enumerable.Range(0, 21).Select(i => scene.Home("s.c.a.b.f1", $"{scene.Top}-{i}", today).Id).ToList();
        await scene.SaveAsync(database);
        var settings = new Dictionary<string, string?>(database.Settings())
        {
            ["Shutdown:Notice"] = "00:00:01",
        };
        foreach (var (key, value) in weChat.Configuration.Concat(Api.Unlimited)) settings[key] = value;
        await using var one = await BackendProcess.StartAsync(settings);
        await using var two = await BackendProcess.StartAsync(settings);
        await using var balancer = await Balancer.StartAsync(one.Address, two.Address);
        foreach (var replica in (BackendProcess[])[one, two]) await balancer.UntilReadyAsync(replica.Address);

        weChat.AddCode("staff", scene.OpenIdOf("员工"), again: true);
        using var bearer = new Bearer();
        using var client = new HttpClient(bearer) { BaseAddress = balancer.Address };
        await SignInAsync();

        var failures = new List<string>();
        var (reads, writes) = (0, 0);
        using var stop = new CancellationTokenSource();
        var load = Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(async () =>
        {
            for (var turn = 0; !stop.IsCancellationRequested; turn++)
            {
                // A load that leaves a machine of two cores the air to start a replica in.
                await Task.Delay(10);
                try
                {
                    var reading = turn % 4 != 0;
                    using var answer = reading ? await client.GetAsync(new Uri("/api/v1/households", UriKind.Relative))
                        : await WriteAsync(client, homes[(turn / 4 + worker * 5) % 5 + worker * 5], today, turn);
                    if (reading) Interlocked.Increment(ref reads);
                    else Interlocked.Increment(ref writes);
                    if (answer.IsSuccessStatusCode) continue;
                    var text = await answer.Content.ReadAsStringAsync();
                    lock (failures) failures.Add($"{answer.RequestMessage!.Method} {(int)answer.StatusCode} {text}");
                }
                catch (HttpRequestException e)
                {
                    lock (failures) failures.Add(e.Message);
                }
            }
        })));

        var (longest, told) = (TimeSpan.Zero, 0);
        for (var restart = 0; restart < ProofSize.Restarts; restart++)
        {
            // A token lives 15 minutes, and fifty restarts take longer.
            await SignInAsync();
            var leaving = restart % 2 == 0 ? one : two;
            var hubs = await Task.WhenAll(Enumerable.Range(0, HubClients).Select(_ => RawHub.ConnectAsync(leaving.Address, bearer.Token)));
            // A change that has begun when the signal comes, held by a lock, and let go when the replica has stopped listening.
            var slow = restart == 0 ? await HeldWrite.BeginAsync(database, leaving, bearer.Token, scene, today) : null;

            var watch = Stopwatch.StartNew();
            var stopping = leaving.StopAsync();
            Assert.All(await Task.WhenAll(hubs.Select(h => h.UntilClosedAsync())), last => Assert.Equal("""{"type":7,"allowReconnect":true}""", last));
            told += hubs.Length;
            if (slow is not null) await slow.FinishAsync();
            Assert.Equal(0, await stopping);
            if (watch.Elapsed > longest) longest = watch.Elapsed;
            await leaving.StartAgainAsync();
            await balancer.UntilReadyAsync(leaving.Address);
        }

        await stop.CancelAsync();
        await load;
        Assert.True(failures.Count == 0, $"{failures.Count} failed: {string.Join('\n', failures.Distinct().Take(5))}");
        Assert.True(reads > 0 && writes > 0);
        Assert.True(longest <= TimeSpan.FromSeconds(20), $"A stop took {longest}.");
        Figures.Print($"RL19 restarts: {ProofSize.Restarts} with 2 replicas under {reads} reads and {writes} writes, 0 failed, {told} hub clients told to reconnect, longest stop {longest.TotalSeconds:0.0} s");

        async Task SignInAsync() =>
            bearer.Token = (await client.PostAsJsonAsync("/api/v1/sessions/wechat", new { code = "staff" }).OkAsync()).GetProperty("accessToken").GetString()!;
    }

    /// <summary>Puts the newest token onto each request.</summary>
    private sealed class Bearer() : DelegatingHandler(new SocketsHttpHandler())
    {
        public volatile string Token = "";

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (Token.Length > 0) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Token);
            return base.SendAsync(request, cancellationToken);
        }
    }

    /// <summary>The household's page, then a change of it: each worker has households of its own, so nobody else's change can come between.</summary>
    private static async Task<HttpResponseMessage> WriteAsync(HttpClient client, Guid home, DateOnly today, int turn)
    {
        using var page = await client.GetAsync(new Uri($"/api/v1/households/{home}", UriKind.Relative));
        if (!page.IsSuccessStatusCode) throw new HttpRequestException($"page: {page.StatusCode}");
        return await client.SendAsync(Write(home, today, page.Headers.ETag!.Tag, $"{home}-{turn}"));
    }

    private static HttpRequestMessage Write(Guid home, DateOnly today, string revision, string key)
    {
        var request = new HttpRequestMessage(HttpMethod.Put, $"/api/v1/households/{home}/facts")
        {
            Content = JsonContent.Create(new { values = new[] { new { subject = "household", subjectId = home, tag = "last_major_event", value = "illness", observedAt = today } } }),
        };
        request.Headers.Add("Idempotency-Key", key);
        request.Headers.TryAddWithoutValidation("If-Match", revision);
        return request;
    }

    /// <summary>A change of a household whose row somebody else holds locked.</summary>
    private sealed class HeldWrite(NpgsqlConnection holder, Task<HttpResponseMessage> answer, BackendProcess replica, HttpClient direct)
    {
        public static async Task<HeldWrite> BeginAsync(PostgresDatabase database, BackendProcess replica, string token, Scene scene, DateOnly today)
        {
            // The one that no writer touches.
            var home = scene.Household($"{scene.Top}-20").Id;
            var holder = new NpgsqlConnection(database.Superuser);
            await holder.OpenAsync();
            await using var command = new NpgsqlCommand("begin; select 1 from households where id = '" + home + "' for update", holder);
            await command.ExecuteNonQueryAsync();
            var direct = new HttpClient { BaseAddress = replica.Address };
            direct.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
            using var page = await direct.GetAsync(new Uri($"/api/v1/households/{home}", UriKind.Relative));
            var answer = direct.SendAsync(Write(home, today, page.Headers.ETag!.Tag, "held"));
            const string waiting = "select count(*) from pg_stat_activity where usename = 'backend_app' and wait_event_type = 'Lock' and query like '%from households%for update%'";
            while (await database.ScalarAsync<long>(waiting) == 0) await Task.Delay(10);
            return new HeldWrite(holder, answer, replica, direct);
        }

        /// <summary>The replica no longer takes anybody, and still finishes this one.</summary>
        public async Task FinishAsync()
        {
            using (var probe = new HttpClient())
            {
                while (true)
                {
                    try
                    {
                        using var live = await probe.GetAsync(new Uri(replica.Address, "/health/live"));
                        await Task.Delay(20);
                    }
                    catch (HttpRequestException)
                    {
                        break;
                    }
                }
            }

            Assert.False(answer.IsCompleted);
            await using (var command = new NpgsqlCommand("rollback", holder)) await command.ExecuteNonQueryAsync();
            await holder.DisposeAsync();
            Assert.Equal(HttpStatusCode.OK, (await answer).StatusCode);
            direct.Dispose();
        }
    }

    /// <summary>The hub's wire without the client library, which would hide what the server said last.</summary>
    private sealed class RawHub : IDisposable
    {
        private readonly ClientWebSocket _socket = new();

        public static async Task<RawHub> ConnectAsync(Uri replica, string token)
        {
            var hub = new RawHub();
            hub._socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
            await hub._socket.ConnectAsync(new UriBuilder(replica) { Scheme = "ws", Path = "/hubs/live" }.Uri, CancellationToken.None);
            await hub._socket.SendAsync("{\"protocol\":\"json\",\"version\":1}\u001e"u8.ToArray(), WebSocketMessageType.Text, true, CancellationToken.None);
            return hub;
        }

        /// <summary>The last message before the socket was closed.</summary>
        public async Task<string> UntilClosedAsync()
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            var (text, buffer) = (new StringBuilder(), new byte[4096]);
            try
            {
                while (await _socket.ReceiveAsync(buffer, patience.Token) is { MessageType: WebSocketMessageType.Text } part) text.Append(Encoding.UTF8.GetString(buffer, 0, part.Count));
            }
            catch (WebSocketException)
            {
                // Closed without a closing frame: what was said last decides.
            }

            Dispose();
            return text.ToString().TrimEnd('\u001e').Split('\u001e')[^1];
        }

        public void Dispose() => _socket.Dispose();
    }
}
