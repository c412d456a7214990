using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using Backend.Domain.Grid;
using Backend.Tests.Support;

namespace Backend.Tests.Platform.Persistence;

/// <summary>RL14: PostgreSQL goes, comes back, falls silent or loses its connections, under the api with its own time limits.</summary>
public sealed class OutageTests(DurableCluster durable) : IClassFixture<DurableCluster>, IAsyncLifetime
{
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(3), BackWithin = TimeSpan.FromSeconds(5);

    private PostgresDatabase? _database;
    private FaultProxy? _app, _worker;
    private Api? _api;
    private SignedIn? _staff;
    private Guid _home;
    private int _codes;
    private string _openId = "";
    private TimeSpan _slowest;

    private FaultProxy App => _app!;

    private SignedIn Staff => _staff!;

    [Fact]
    public async Task RL14_while_PostgreSQL_is_down_everything_answers_503_at_once_and_works_again_after_its_return()
    {
        await durable.Cluster.Server.KillAsync();
        try
        {
            await AssertAwayAsync();
        }
        finally
        {
            await durable.Cluster.Server.StartAgainAsync(CancellationToken.None);
            _database!.ForgetConnections();
        }

        var back = await UntilBackAsync();
        Figures.Print($"RL14 PostgreSQL killed: 503 within {_slowest.TotalSeconds:0.00} s, everything works {back.TotalSeconds:0.00} s after its return");
    }

    [Fact]
    public async Task RL14_a_PostgreSQL_that_falls_silent_hangs_nobody()
    {
        App.Silent = _worker!.Silent = true;
        await AssertAwayAsync();
        App.Silent = _worker.Silent = false;
        var back = await UntilBackAsync();
        Figures.Print($"RL14 PostgreSQL silent: 503 within {_slowest.TotalSeconds:0.00} s, everything works {back.TotalSeconds:0.00} s after its return");
    }

    [Fact]
    public async Task RL14_readers_do_not_see_that_the_database_dropped_all_its_connections()
    {
        // About the repeat, not about the limits: on a busy machine ten new connections at once may take longer than a second.
        var patient = _database!.Settings();
        await using var api = await Api.StartAsync(_database, new Dictionary<string, string?>
        {
            ["ConnectionStrings:App"] = patient["ConnectionStrings:App"],
            ["ConnectionStrings:Worker"] = patient["ConnectionStrings:Worker"],
        });
        var reader = await api.SignInAsync(_openId);
        for (var round = 0; round < 3; round++)
        {
            // Several connections in each pool, all of them dead.
            Assert.All(await ReadsAsync(reader, 10), s => Assert.Equal(HttpStatusCode.OK, s));
            await _database.ScalarAsync<long>("select count(pg_terminate_backend(pid)) from pg_stat_activity where usename in ('backend_app', 'backend_worker')");
            api.Clock.Advance(TimeSpan.FromSeconds(4));
            Assert.All(await ReadsAsync(reader, 10), s => Assert.Equal(HttpStatusCode.OK, s));
        }
    }

    [Fact]
    public async Task RL14_a_GET_is_executed_once_more_and_not_twice()
    {
        var first = App.CutAfter(Way.ToServer, 1);
        await Staff.GetAsync("/api/v1/households").OkAsync();
        Assert.True(first.IsCompletedSuccessfully);

        // Without a connection in the pool each try opens one, in vain. A change is tried once and tells how often a try connects.
        App.Refusing = true;
        App.CutAll();
        await Staff.GetAsync("/api/v1/households").RefusedAsync(503, "database_unavailable");
        var before = App.Accepted;
        await WriteAsync("key-0").RefusedAsync(503, "database_unavailable");
        var oneTry = App.Accepted - before;
        Assert.InRange(oneTry, 1, 2);
        before = App.Accepted;
        await Staff.GetAsync("/api/v1/households").RefusedAsync(503, "database_unavailable");
        Assert.Equal(2 * oneTry, App.Accepted - before);

        App.Refusing = false;
        await Staff.GetAsync("/api/v1/households").OkAsync();
    }

    [Fact]
    public async Task RL14_a_change_is_never_repeated_by_the_server_and_its_key_gets_it_through()
    {
        var cut = App.CutAfter(Way.ToServer, 1);
        var refused = await WriteAsync("key-1");
        Assert.True(cut.IsCompletedSuccessfully);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.NotNull(refused.Headers.RetryAfter);
        Assert.Equal(HttpStatusCode.OK, (await WriteAsync("key-1")).StatusCode);
        Assert.Equal(1L, await _database!.ScalarAsync<long>("select count(*) from tag_values where recorded_by is not null and household_id = $1", _home));
    }

    [Fact]
    public async Task RL18_a_statement_that_takes_too_long_is_ended_and_answered_503()
    {
        await using var lockHolder = new Npgsql.NpgsqlConnection(_database!.Superuser);
        await lockHolder.OpenAsync();
        await using var transaction = await lockHolder.BeginTransactionAsync();
        await using (var command = new Npgsql.NpgsqlCommand("select 1 from households where id = $1 for update", lockHolder, transaction) { Parameters = { new() { Value = _home } } })
            await command.ExecuteNonQueryAsync();

        var watch = Stopwatch.StartNew();
        using (var answer = await WriteAsync("key-2")) Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.True(watch.Elapsed < AnswerWithin, $"{watch.Elapsed}");

        await transaction.RollbackAsync();
        Assert.Equal(HttpStatusCode.OK, (await WriteAsync("key-2")).StatusCode);
    }

    public async Task InitializeAsync()
    {
        _database = await durable.Cluster.CreateAsync(PostgresFixture.Migrated);
        (_app, _worker) = (new FaultProxy(durable.Cluster.Server.Port), new FaultProxy(durable.Cluster.Server.Port));
        _api = await Api.StartAsync(_database, _database.StrictConnections(_app.Port, _worker.Port));
        var scene = new Scene(RowLevelSecurityTests.VaultOf(_database)).Person("员工", Role.Staff, "s.c").Person("楼层长", Role.FloorLeader, "s.c.a.b.f1", leads: true);
        _home = scene.Home("s.c.a.b.f1", $"{scene.Top}-1", PostgresFixture.DemoDay).Id;
        await scene.SaveAsync(_database);
        _openId = scene.OpenIdOf("员工");
        _staff = await _api.SignInAsync(_openId);
        await Staff.GetAsync("/api/v1/households").OkAsync();
    }

    public async Task DisposeAsync()
    {
        if (_api is not null) await _api.DisposeAsync();
        if (_app is not null) await _app.DisposeAsync();
        if (_worker is not null) await _worker.DisposeAsync();
        if (_database is null) return;
        await _database.DisposeAsync();
    }

    /// <summary>Reads, a change, a sign-in, with rights in the cache and without, one by one and many at once: each is told to come back, in time.</summary>
    private async Task AssertAwayAsync()
    {
        await AssertRefusedAsync();
        // Rights, grid and reference data are no longer in the caches.
        _api!.Clock.Advance(TimeSpan.FromSeconds(4));
        await AssertRefusedAsync();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => AssertRefusedAsync()));

        using var client = _api.Anonymous();
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(new Uri("/health/live", UriKind.Relative))).StatusCode);
        using var ready = await client.GetAsync(new Uri("/health/ready", UriKind.Relative));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        Assert.Equal("not ready", await ready.Content.ReadAsStringAsync());
    }

    private async Task AssertRefusedAsync()
    {
        // A code works once.
        var code = $"somebody-{Interlocked.Increment(ref _codes)}";
        _api!.WeChat.AddCode(code, "openid-of-nobody");
        await Task.WhenAll(
            RefusedInTimeAsync(() => Staff.GetAsync("/api/v1/households")),
            RefusedInTimeAsync(() => Staff.GetAsync($"/api/v1/households/{_home}")),
            RefusedInTimeAsync(() => WriteAsync("key-3")),
            RefusedInTimeAsync(() => _api.Anonymous().PostAsJsonAsync("/api/v1/sessions/wechat", new { code })));
    }

    private async Task RefusedInTimeAsync(Func<Task<HttpResponseMessage>> send)
    {
        var watch = Stopwatch.StartNew();
        var sending = send();
        await sending.RefusedAsync(503, "database_unavailable");
        var took = watch.Elapsed;
        Assert.True(took <= AnswerWithin, $"An answer took {took}.");
        if (took > _slowest) _slowest = took;
        Assert.NotNull((await sending).Headers.RetryAfter);
    }

    private async Task<TimeSpan> UntilBackAsync()
    {
        var watch = Stopwatch.StartNew();
        using var client = _api!.Anonymous();
        while (true)
        {
            using var ready = await client.GetAsync(new Uri("/health/ready", UriKind.Relative));
            using var read = await Staff.GetAsync("/api/v1/households");
            using var write = await WriteAsync("key-4");
            if (ready.IsSuccessStatusCode && read.IsSuccessStatusCode && write.IsSuccessStatusCode) break;
            Assert.True(watch.Elapsed < BackWithin, $"After {watch.Elapsed}: ready {ready.StatusCode}, read {read.StatusCode}, write {write.StatusCode}.");
            await Task.Delay(20);
        }

        // The dispatcher found its way back too.
        while (await _database!.ScalarAsync<long>("select count(*) from outbox_messages where done_at is null") > 0)
        {
            Assert.True(watch.Elapsed < BackWithin, "The outbox did not go on.");
            // Its sweep follows the test's clock.
            _api.Clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(20);
        }

        return watch.Elapsed;
    }

    private async Task<HttpStatusCode[]> ReadsAsync(SignedIn reader, int count) => await Task.WhenAll(Enumerable.Range(0, count).Select(async i =>
    {
        using var answer = await reader.GetAsync(i % 2 == 0 ? "/api/v1/households" : $"/api/v1/households/{_home}");
        return answer.StatusCode;
    }));

    private Task<HttpResponseMessage> WriteAsync(string key) => Staff.SendAsync(HttpMethod.Put, $"/api/v1/households/{_home}/facts",
        new { values = new[] { new { subject = "household", subjectId = _home, tag = "last_major_event", value = "illness", observedAt = PostgresFixture.DemoDay } } },
        key, "\"1\"");
}
