using System.Diagnostics;
using System.Net;
using Backend.Domain.Grid;
using Backend.Tests.Platform.Persistence;
using Backend.Tests.Support;

namespace Backend.Tests.Journeys;

/// <summary>
/// RL14: the wire between api and PostgreSQL is cut at COMMIT, on either side of it: the server never saw it, or it did and its answer was lost.
/// The api cannot know which; the key does. The phone repeats with the same key and gets the first answer, and there is one effect.
/// </summary>
public sealed class CommitCutsTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>
{
    /// <summary>The driver's simple query, and the server's "command complete", as they stand on the wire.</summary>
    private static readonly byte[] Commit = [.. "Q\0\0\0\x0b"u8, .. "COMMIT\0"u8], Committed = [.. "C\0\0\0\x0b"u8, .. "COMMIT\0"u8];

    [Fact]
    public async Task RL14_a_COMMIT_whose_answer_was_lost_is_resolved_by_the_key()
    {
        var database = fixture.Database;
        await using var proxy = new FaultProxy(database.Cluster.Server.Port);
        await using var api = await Api.StartAsync(database, new Dictionary<string, string?>
        {
            ["ConnectionStrings:App"] = $"{database.Settings()["ConnectionStrings:App"]};Port={proxy.Port}",
        });
        var scene = new Scene(RowLevelSecurityTests.VaultOf(database)).Person("员工", Role.Staff, "s.c").Person("楼层长", Role.FloorLeader, "s.c.a.b.f1", leads: true);
        var homes = Enumerable.Range(0, ProofSize.CommitCuts).Select(i => scene.Home("s.c.a.b.f1", $"{scene.Top}-{i}", PostgresFixture.DemoDay).Id).ToList();
        await scene.SaveAsync(database);
        var staff = await api.SignInAsync(scene.OpenIdOf("员工"));
        await staff.GetAsync("/api/v1/households").OkAsync();

        var (slowest, lost, stood) = (TimeSpan.Zero, 0, 0);
        foreach (var (home, i) in homes.Select((h, i) => (h, i)))
        {
            var serverSawIt = i % 2 == 1;
            var cut = serverSawIt ? proxy.CutBefore(Way.ToClient, Committed) : proxy.CutBefore(Way.ToServer, Commit);
            var watch = Stopwatch.StartNew();
            using (var answer = await WriteAsync(staff, home, i))
            {
                Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
                Assert.NotNull(answer.Headers.RetryAfter);
            }

            if (watch.Elapsed > slowest) slowest = watch.Elapsed;
            // The answer may be here before the proxy has said that it cut; it never says so if something else failed.
            await cut.WaitAsync(TimeSpan.FromSeconds(10));
            // What the database says now, before the repeat: the very doubt that the key has to resolve.
            var done = await database.ScalarAsync<long>("select count(*) from idempotency_records where key = $1", $"cut-{i}") == 1;
            Assert.Equal(serverSawIt, done);
            (lost, stood) = (lost + (done ? 0 : 1), stood + (done ? 1 : 0));

            var first = await UntilAnsweredAsync(staff, home, i);
            Assert.Equal("\"2\"", first.ETag);
            var again = await UntilAnsweredAsync(staff, home, i);
            Assert.Equal(first, again);
        }

        await QuietAsync(api, database);
        foreach (var sql in (string[])[
            "select count(*) from tag_values where recorded_by is not null and household_id = any($1)",
            "select count(*) from households where revision = 2 and tier = 'red' and id = any($1)",
            "select count(*) from tier_changes where to_tier = 'red' and household_id = any($1)",
            "select count(*) from tile_changes where tier = 'red' and household_id = any($1)",
            "select count(*) from audit_entries where operation = 'reviseFacts' and result = 'done' and target_ids && $1",
            "select count(*) from alarms where household_id = any($1)"])
            Assert.True(homes.Count == await database.ScalarAsync<long>(sql, homes.ToArray()), $"{sql}: {await database.ScalarAsync<long>(sql, homes.ToArray())}");
        // The floor leader and the staff member: one notice of each.
        Assert.Equal(2L * homes.Count, await database.ScalarAsync<long>("select count(*) from notices where cause_kind = 'tier_change'"));
        Figures.Print($"RL14 cuts at COMMIT: {homes.Count} ({lost} before the server saw it, {stood} after), slowest 503 {slowest.TotalMilliseconds:0} ms, one effect each, 0 lost");
    }

    private static async Task<(string Body, string ETag)> UntilAnsweredAsync(SignedIn staff, Guid home, int i)
    {
        for (var tries = 0; ; tries++)
        {
            using var answer = await WriteAsync(staff, home, i);
            if (answer.StatusCode == HttpStatusCode.OK) return (await answer.Content.ReadAsStringAsync(), answer.Headers.ETag!.Tag);
            // The server may need a moment to notice that the first client is gone; until then the key is in flight.
            Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
            Assert.True(tries < 500, "The key stayed in flight.");
            await Task.Delay(10);
        }
    }

    private static Task<HttpResponseMessage> WriteAsync(SignedIn staff, Guid home, int i) => staff.SendAsync(HttpMethod.Put, $"/api/v1/households/{home}/facts",
        new { values = new[] { new { subject = "household", subjectId = home, tag = "last_major_event", value = "illness", observedAt = PostgresFixture.DemoDay } } },
        $"cut-{i}", "\"1\"");

    private static async Task QuietAsync(Api api, PostgresDatabase database)
    {
        while (await database.ScalarAsync<long>("select count(*) from outbox_messages where done_at is null and parked_at is null") > 0)
        {
            api.Clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(20);
        }
    }
}
