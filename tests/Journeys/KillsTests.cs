using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Domain.Tiers;
using Backend.Platform.Security;
using Backend.Tests.Platform.Persistence;
using Backend.Tests.Support;
using Local;
using Microsoft.Extensions.Time.Testing;

namespace Backend.Tests.Journeys;

/// <summary>
/// RL01, RL06: the api or PostgreSQL is killed (kill -9) again and again while staff write. What was acknowledged is there, nothing is halved, and every
/// leader has exactly one in-app notice of every rise. The phones do what phones do: they repeat with the same Idempotency-Key until they have an answer.
/// </summary>
public sealed class KillsTests(DurableCluster durable) : IClassFixture<DurableCluster>
{
    private const int Homes = 40;
    private static readonly string[] Leaders = ["楼层长", "楼长", "片区长", "员工"];

    [Fact]
    public Task RL01_RL06_kills_of_the_api_lose_nothing_halve_nothing_and_double_no_notice() =>
        ProveAsync("api", ProofSize.ApiKills, async (backend, _, _, stop) =>
        {
            await backend.KillAsync();
            await backend.StartAgainAsync(stop);
        });

    /// <summary>By turns the postmaster with all its backends, and one backend alone, after which the postmaster resets all of them.</summary>
    [Fact]
    public Task RL01_RL06_RL14_kills_of_PostgreSQL_lose_nothing_halve_nothing_and_double_no_notice() =>
        ProveAsync("PostgreSQL", ProofSize.PostgresKills, async (backend, database, number, stop) =>
        {
            var server = durable.Cluster.Server;
            if (number % 2 == 0)
            {
                await server.KillAsync();
                await server.StartAgainAsync(stop);
            }
            else
            {
                // A moment may have none; 0 it must never be, for a signal to 0 goes to this test's own processes.
                int victim;
                while ((victim = await database.ScalarAsync<int>("select pid from pg_stat_activity where usename in ('backend_app', 'backend_worker') order by random() limit 1")) <= 1)
                    await Task.Delay(5, stop);
                Assert.True(ChildProcess.SignalProcess(victim, UnixSignal.Kill));
            }

            database.ForgetConnections();
            // The api was never restarted, and is back by itself.
            var watch = Stopwatch.StartNew();
            while (true)
            {
                using var ready = await backend.Client.GetAsync(new Uri("/health/ready", UriKind.Relative), stop);
                if (ready.IsSuccessStatusCode) break;
                Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), "The api did not find its database again.");
                await Task.Delay(20, stop);
            }
        });

    /// <summary>
    /// RL05: the api was stopped for a minute while its district went on: what one replica wrote and nobody dispatched is handled within 10 s of the
    /// next start. A rise a second for a minute: more than a whole district sees on a bad day.
    /// </summary>
    [Fact]
    public async Task RL05_what_waited_while_the_dispatcher_was_stopped_for_a_minute_is_drained_within_ten_seconds_of_the_start()
    {
        const int backlog = 60;
        var stage = await StageAsync(backlog);
        await using var database = stage.Database;
        using var weChat = stage.WeChat;
        await using (var writer = new Replica(database, new FakeTimeProvider(TimeProvider.System.GetUtcNow()), []))
            foreach (var home in stage.Homes)
            {
                await using var db = writer.Worker();
                await LeadersScene.ChangeAsync(db, home, Tier.Red);
            }

        Assert.Equal((long)backlog, await database.ScalarAsync<long>("select count(*) from outbox_messages where done_at is null and handler = 'AlarmLeaders'"));
        await using var backend = await BackendProcess.StartAsync(stage.Settings);
        var watch = Stopwatch.StartNew();
        using var stop = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await QuietAsync(database, stop.Token);
        var drained = watch.Elapsed;

        Assert.Equal((long)backlog * Leaders.Length, await database.ScalarAsync<long>("select count(*) from notices where cause_kind = 'tier_change'"));
        foreach (var name in Leaders) Assert.Equal(backlog, weChat.SendsTo(stage.Scene.OpenIdOf(name)));
        Figures.Print($"RL05 a minute's backlog: {backlog} rises, {backlog * Leaders.Length} notices and WeChat messages, drained {drained.TotalSeconds:0.0} s after the start");
        Assert.True(drained <= TimeSpan.FromSeconds(10) || !ProofSize.Full, $"It took {drained}.");
    }

    private async Task ProveAsync(string victim, int kills, Func<BackendProcess, PostgresDatabase, int, CancellationToken, Task> killAsync)
    {
        var stage = await StageAsync(Homes);
        await using var database = stage.Database;
        using var weChat = stage.WeChat;
        var (scene, homes) = (stage.Scene, stage.Homes);
        await using var backend = await BackendProcess.StartAsync(stage.Settings);
        weChat.AddCode("staff", scene.OpenIdOf("员工"), again: true);
        var staff = new Caller(backend);
        var today = stage.Today;

        // Writers go through their households; each write is repeated under its key until it has an answer.
        var answers = new Dictionary<Guid, string>();
        var killed = 0;
        using var stop = new CancellationTokenSource(TimeSpan.FromMinutes(ProofSize.Full ? 60 : 5));
        var writing = Task.WhenAll(Enumerable.Range(0, 4).Select(writer => Task.Run(async () =>
        {
            foreach (var home in homes.Where((_, i) => i % 4 == writer))
            {
                var answer = await WriteAsync(staff, home, today, stop.Token);
                lock (answers) answers[home] = answer;
                // Not all at once: the kills shall meet writes, dispatches and deliveries alike.
                while (Volatile.Read(ref killed) < kills * answers.Count / Homes) await Task.Delay(5, stop.Token);
            }
        })));
        var random = new Random(7);
        while (killed < kills)
        {
            await Task.Delay(random.Next(5, 60), stop.Token);
            await killAsync(backend, database, killed, stop.Token);
            Interlocked.Increment(ref killed);
        }

        await writing;
        Assert.Equal(Homes, answers.Count);
        await QuietAsync(database, stop.Token);

        // Every acknowledged write is there once, whole: value, tier, history, tile, audit, key, alarm.
        foreach (var sql in (string[])[
            "select count(*) from tag_values where recorded_by is not null",
            "select count(distinct household_id) from tag_values where recorded_by is not null",
            "select count(*) from households where tier = 'red' and state = 'provisional' and revision = 2",
            "select count(*) from tier_changes where to_tier = 'red'",
            "select count(*) from tile_changes where tier = 'red'",
            "select count(*) from tiles where tier = 'red'",
            "select count(distinct version) from tile_changes",
            "select version - 1 from wall_roots",
            "select count(*) from audit_entries where operation = 'reviseFacts' and result = 'done'",
            "select count(*) from idempotency_records",
            "select count(*) from alarms"])
            Assert.True(Homes == await database.ScalarAsync<long>(sql), $"{sql}: {await database.ScalarAsync<long>(sql)}");

        // Each leader has exactly one notice of each rise; every message reached the end of its way.
        Assert.Equal((long)Homes * Leaders.Length, await database.ScalarAsync<long>("select count(*) from notices where cause_kind = 'tier_change'"));
        Assert.Equal((long)Homes * Leaders.Length, await database.ScalarAsync<long>("select count(*) from notice_alarms l join notices n on n.id = l.notice_id where n.cause_kind = 'tier_change'"));
        Assert.Equal(0L, await database.ScalarAsync<long>("select count(*) from outbox_messages where done_at is null or parked_at is not null"));

        // WeChat: nothing lost; doubled at most once, and only where the outcome was unknown, and counted.
        var uncertain = await database.ScalarAsync<long>("select count(*) from deliveries where channel = 'employment_message' and state in ('uncertain', 'sending')");
        foreach (var name in Leaders)
        {
            var repeats = await database.ScalarAsync<long>(
                "select coalesce(sum(repeats), 0)::bigint from deliveries where channel = 'employment_message' and account_id = $1", scene.Account(name).Id);
            Assert.InRange(weChat.SendsTo(scene.OpenIdOf(name)), Homes - uncertain, Homes + repeats + uncertain);
        }

        // The same key still gives the first answer.
        foreach (var home in homes.Take(5)) Assert.Equal(answers[home], await WriteAsync(staff, home, today, stop.Token));
        Figures.Print($"RL01 kills of {victim}: {killed} during {Homes} writes: 0 lost, 0 halved, {Homes * Leaders.Length} in-app notices exactly once; WeChat {weChat.Messages.Count} sends for {Homes * Leaders.Length} deliveries, {uncertain} uncertain");
    }

    /// <summary>A floor with its leaders and this many green households, in a database of its own, and the api's settings for it.</summary>
    private async Task<Stage> StageAsync(int homes)
    {
        var database = await durable.Cluster.CreateAsync(PostgresFixture.Migrated);
        var weChat = new WeChatStub();
        var today = ShanghaiDay.Of(TimeProvider.System.GetUtcNow());
        var scene = new Scene(RowLevelSecurityTests.VaultOf(database))
            .Person("楼层长", Role.FloorLeader, "s.c.a.b.f1", leads: true).Person("楼长", Role.BuildingLeader, "s.c.a.b", leads: true)
            .Person("片区长", Role.AreaLeader, "s.c.a", leads: true).Person("员工", Role.Staff, "s.c");
        var ids = Enumerable.Range(0, homes).Select(i => scene.Home("s.c.a.b.f1", $"{scene.Top}-{i}", today).Id).ToList();
        await scene.SaveAsync(database);
        var settings = new Dictionary<string, string?>(database.Settings());
        foreach (var (key, value) in weChat.Configuration) settings[key] = value;
        return new Stage(database, weChat, scene, ids, settings, today);
    }

    private sealed record Stage(
        PostgresDatabase Database, WeChatStub WeChat, Scene Scene, List<Guid> Homes, Dictionary<string, string?> Settings, DateOnly Today);


    /// <summary>Signed in as a phone is: a token lives 15 minutes, and two hundred kills take longer.</summary>
    private sealed class Caller(BackendProcess backend)
    {
        private readonly SemaphoreSlim _one = new(1);
        private string? _token;
        private long _since;

        public HttpClient Client => backend.Client;

        /// <summary>A token; a new one in the place of one that was refused, which may only be for its age.</summary>
        public async Task<string> TokenAsync(string? refused, CancellationToken stop)
        {
            await _one.WaitAsync(stop);
            try
            {
                if (_token is not null && _token != refused) return _token;
                if (refused is not null) Assert.InRange(Stopwatch.GetElapsedTime(_since), Tokens.AccessLifetime, TimeSpan.MaxValue);
                _since = Stopwatch.GetTimestamp();
                using var answer = await Client.PostAsJsonAsync("/api/v1/sessions/wechat", new { code = "staff" }, stop);
                if (!answer.IsSuccessStatusCode) throw new HttpRequestException($"Not signed in: {answer.StatusCode}");
                return _token = (await answer.Content.ReadFromJsonAsync<JsonElement>(stop)).GetProperty("accessToken").GetString()!;
            }
            finally
            {
                _one.Release();
            }
        }
    }

    private static async Task<string> WriteAsync(Caller caller, Guid home, DateOnly today, CancellationToken stop)
    {
        string? token = null, refused = null;
        while (true)
        {
            stop.ThrowIfCancellationRequested();
            using var request = new HttpRequestMessage(HttpMethod.Put, $"/api/v1/households/{home}/facts")
            {
                Content = JsonContent.Create(new { values = new[] { new { subject = "household", subjectId = home, tag = "last_major_event", value = "illness", observedAt = today } } }),
            };
            request.Headers.Add("Idempotency-Key", $"key-{home}");
            request.Headers.TryAddWithoutValidation("If-Match", "\"1\"");
            try
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token = await caller.TokenAsync(refused, stop));
                using var answer = await caller.Client.SendAsync(request, stop);
                var text = await answer.Content.ReadAsStringAsync(stop);
                if (answer.StatusCode == HttpStatusCode.OK) return text;
                if (answer.StatusCode == HttpStatusCode.Unauthorized)
                {
                    refused = token;
                    continue;
                }

                // The only refusals that a phone may meet here: its own request still runs, or the database connection fell with the process.
                Assert.Contains(answer.StatusCode, (HttpStatusCode[])[HttpStatusCode.Conflict, HttpStatusCode.ServiceUnavailable]);
            }
            catch (HttpRequestException)
            {
                // Killed: ask again with the same key.
            }

            await Task.Delay(20, stop);
        }
    }

    private static async Task QuietAsync(PostgresDatabase database, CancellationToken stop)
    {
        // The process runs by its own clock: quiet is when nothing is open and nothing is due within the minute after an uncertain outcome.
        while (await database.ScalarAsync<long>("select count(*) from outbox_messages where done_at is null and parked_at is null") > 0
            || await database.ScalarAsync<long>("select count(*) from deliveries where state in ('waiting', 'sending')") > 0)
            await Task.Delay(50, stop);
    }
}
