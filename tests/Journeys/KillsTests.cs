using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using Backend.Domain.Grid;
using Backend.Platform.Security;
using Backend.Tests.Platform.Persistence;
using Backend.Tests.Support;

namespace Backend.Tests.Journeys;

/// <summary>
/// RL01, RL06: the api is killed (kill -9) again and again while staff write. What was acknowledged is there, nothing is halved, and every leader has
/// exactly one in-app notice of every rise. The phones do what phones do: they repeat with the same Idempotency-Key until they have an answer.
/// </summary>
public sealed class KillsTests(DurableCluster durable) : IClassFixture<DurableCluster>
{
    private const int Homes = 40;
    private static readonly string[] Leaders = ["楼层长", "楼长", "片区长", "员工"];

    [Fact]
    public async Task RL01_RL06_kills_during_writes_lose_nothing_halve_nothing_and_double_no_notice()
    {
        await using var database = await durable.Cluster.CreateAsync(PostgresFixture.Migrated);
        using var weChat = new WeChatStub();
        var today = ShanghaiDay.Of(TimeProvider.System.GetUtcNow());
        var scene = new Scene(RowLevelSecurityTests.VaultOf(database))
            .Person("楼层长", Role.FloorLeader, "s.c.a.b.f1", leads: true).Person("楼长", Role.BuildingLeader, "s.c.a.b", leads: true)
            .Person("片区长", Role.AreaLeader, "s.c.a", leads: true).Person("员工", Role.Staff, "s.c");
        var homes = Enumerable.Range(0, Homes).Select(i => scene.Home("s.c.a.b.f1", $"{scene.Top}-{i}", today).Id).ToList();
        await scene.SaveAsync(database);

        var settings = new Dictionary<string, string?>(database.Settings());
        foreach (var (key, value) in weChat.Configuration) settings[key] = value;
        await using var backend = await BackendProcess.StartAsync(settings);
        weChat.AddCode("staff", scene.OpenIdOf("员工"), again: true);
        var token = (await backend.Client.PostAsJsonAsync("/api/v1/sessions/wechat", new { code = "staff" }).OkAsync()).GetProperty("accessToken").GetString()!;

        // Writers go through their households; each write is repeated under its key until it has an answer.
        var answers = new Dictionary<Guid, string>();
        var kills = 0;
        using var stop = new CancellationTokenSource(TimeSpan.FromMinutes(ProofSize.Full ? 60 : 5));
        var writing = Task.WhenAll(Enumerable.Range(0, 4).Select(writer => Task.Run(async () =>
        {
            foreach (var home in homes.Where((_, i) => i % 4 == writer))
            {
                var answer = await WriteAsync(backend, token, home, today, stop.Token);
                lock (answers) answers[home] = answer;
                // Not all at once: the kills shall meet writes, dispatches and deliveries alike.
                while (Volatile.Read(ref kills) < ProofSize.ApiKills * answers.Count / Homes) await Task.Delay(5, stop.Token);
            }
        })));
        var random = new Random(7);
        while (kills < ProofSize.ApiKills || !writing.IsCompleted)
        {
            if (kills >= ProofSize.ApiKills)
            {
                await writing;
                break;
            }

            await Task.Delay(random.Next(5, 60), stop.Token);
            await backend.KillAsync();
            await backend.StartAgainAsync(stop.Token);
            Interlocked.Increment(ref kills);
        }

        Assert.Equal(ProofSize.ApiKills, kills);
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
        foreach (var home in homes.Take(5)) Assert.Equal(answers[home], await WriteAsync(backend, token, home, today, stop.Token));
    }

    private static async Task<string> WriteAsync(BackendProcess backend, string token, Guid home, DateOnly today, CancellationToken stop)
    {
        while (true)
        {
            stop.ThrowIfCancellationRequested();
            using var request = new HttpRequestMessage(HttpMethod.Put, $"/api/v1/households/{home}/facts")
            {
                Content = JsonContent.Create(new { values = new[] { new { subject = "household", subjectId = home, tag = "last_major_event", value = "illness", observedAt = today } } }),
            };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            request.Headers.Add("Idempotency-Key", $"key-{home}");
            request.Headers.TryAddWithoutValidation("If-Match", "\"1\"");
            try
            {
                using var answer = await backend.Client.SendAsync(request, stop);
                var text = await answer.Content.ReadAsStringAsync(stop);
                if (answer.StatusCode == HttpStatusCode.OK) return text;
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
