using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Domain.Tiers;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Platform.Walls;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Features.Wall;

/// <summary>Walls from memory: the same in every form and on every replica, without SQL, and never to anybody who may not (docs/adr/010-ready-walls.md).</summary>
public sealed class ReadyWallTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private const string Compact = "application/vnd.backend.wall-tiers";
    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private readonly List<Api> _open = [];
    private Api _api = null!;
    private Scene _scene = null!;
    private SignedIn _staff = null!;

    public async Task InitializeAsync()
    {
        _api = await OpenAsync();
        _scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("员", Role.Staff, "s.c").Person("街道", Role.StreetManager, "s").Person("楼层长", Role.FloorLeader, "s.c.a.b1.f1", leads: true);
        for (var n = 1; n <= 9; n++) _scene.Home($"s.c.a.b{n % 2 + 1}.f{n}", Door(n), Day);
        _scene.Home("s.d.a.b1.f1", Door(10), Day);
        await _scene.SaveAsync(fixture.Database);
        for (var n = 1; n <= 9; n++) if (n % 4 > 0) await TurnAsync(_api, n, (Tier)(n % 4));
        _staff = await _api.SignInAsync(_scene.OpenIdOf("员"));
    }

    public async Task DisposeAsync()
    {
        foreach (var api in _open) await api.DisposeAsync();
    }

    [Theory]
    [InlineData("s.c", "员")]
    [InlineData("s.c.a.b2", "员")]
    [InlineData("s", "街道")]
    public async Task P1_P2_all_forms_of_a_wall_say_the_same(string path, string who)
    {
        var caller = await _api.SignInAsync(_scene.OpenIdOf(who));
        var (json, _) = await ReadAsync(caller, path);
        var (brotli, coded) = await ReadAsync(caller, path, encoding: "gzip, br");
        Assert.Equal("br", coded.Content.Headers.ContentEncoding.Single());
        await using var unpacked = new BrotliStream(new MemoryStream(brotli), CompressionMode.Decompress);
        Assert.Equal(json, await ReadAllAsync(unpacked));

        var wall = JsonSerializer.Deserialize<JsonElement>(json);
        var tiles = wall.GetProperty("tiles").EnumerateArray().ToList();
        var (compact, packed) = await ReadAsync(caller, path, accept: Compact);
        Assert.Equal(Compact, packed.Content.Headers.ContentType!.MediaType);
        var line = Array.IndexOf(compact, (byte)'\n');
        var header = Encoding.ASCII.GetString(compact, 0, line).Split(' ');
        Assert.Equal(("W1", wall.GetProperty("version").GetString(), $"{tiles.Count}"), (header[0], header[2], header[3]));
        Assert.Equal(line + 1 + (tiles.Count + 3) / 4, compact.Length);
        string[] colours = ["red", "orange", "yellow", "green"];
        Assert.Equal(tiles.Select(t => t.GetProperty("tier").GetString()), tiles.Select((_, i) => colours[compact[line + 1 + i / 4] >> (i % 4 * 2) & 3]));

        using var asked = await caller.GetAsync($"{Path(path)}/layouts/{header[1]}");
        Assert.Contains("immutable", asked.Headers.CacheControl!.ToString(), StringComparison.Ordinal);
        var layout = await asked.JsonAsync();
        Assert.Equal(tiles.Select(t => (t.GetProperty("id").GetGuid(), t.GetProperty("node").GetGuid(), t.GetProperty("door").GetString())),
            layout.GetProperty("tiles").EnumerateArray().Select(t => (t.GetProperty("id").GetGuid(), t.GetProperty("node").GetGuid(), t.GetProperty("door").GetString())));
        await caller.GetAsync($"{Path(path)}/layouts/0123456789abcdef").RefusedAsync(410, "wall_history_gone");
    }

    [Fact]
    public async Task P3_P4_a_read_of_a_wall_that_is_ready_costs_no_SQL_whoever_reads_and_however_often()
    {
        var start = (await ReadAsync(_staff, "s.c")).Answer.Headers.ETag!;
        var version = JsonSerializer.Deserialize<JsonElement>((await ReadAsync(_staff, "s.c")).Body).GetProperty("version").GetString();
        await TurnAsync(_api, 1, Tier.Red);
        var callers = new List<SignedIn>();
        for (var n = 0; n < 5; n++) callers.Add(await _api.SignInAsync(_scene.OpenIdOf(n % 2 == 0 ? "员" : "街道")));
        foreach (var caller in callers) await ReadAsync(caller, "s.c");

        using var sql = new SqlCount(fixture.Database);
        foreach (var caller in callers)
        {
            foreach (var accept in (string?[])[null, "*/*", "application/json", Compact])
            {
                var (_, answer) = await ReadAsync(caller, "s.c", accept, "br");
                Assert.NotEqual(start, answer.Headers.ETag);
                Assert.Equal(304, (int)(await ReadAsync(caller, "s.c", accept, tag: answer.Headers.ETag!.ToString())).Answer.StatusCode);
            }

            Assert.Equal(1, (await caller.GetAsync($"{Path("s.c")}/changes?after={version}").OkAsync()).GetProperty("changed").GetArrayLength());
            Assert.Equal(9, JsonSerializer.Deserialize<JsonElement>((await ReadAsync(caller, "s.c")).Body).GetProperty("tiles").GetArrayLength());
        }

        Assert.Equal([], sql.Commands);
    }

    [Fact]
    public async Task RL08_many_sessions_at_once_are_read_by_a_handful_of_commands()
    {
        var callers = new List<SignedIn>();
        for (var n = 0; n < 40; n++) callers.Add(await _api.SignInAsync(_scene.OpenIdOf("员")));
        await ReadAsync(_staff, "s.c");

        using var sql = new SqlCount(fixture.Database);
        await Task.WhenAll(callers.Select(c => ReadAsync(c, "s.c")));
        Assert.InRange(sql.Count, 1, 12);
        sql.Reset();
        await Task.WhenAll(callers.Select(c => ReadAsync(c, "s.c")));
        Assert.Equal(0, sql.Count);
    }

    [Fact]
    public async Task RL07_two_replicas_agree_and_a_version_from_one_is_understood_by_the_other()
    {
        var other = await OpenAsync();
        var there = await other.SignInAsync(_scene.OpenIdOf("员"));
        await ReadAsync(there, "s.c");
        await ReadAsync(_staff, "s.c");
        for (var n = 1; n <= 9; n++)
        {
            var before = Version(await ReadAsync(_staff, "s.c"));
            await TurnAsync(_api, n, (Tier)((n + 2) % 4));
            // Whoever writes here reads her own change here, at once.
            var after = Version(await ReadAsync(_staff, "s.c"));
            Assert.NotEqual(before, after);
            // What this replica has said is never news that does not exist on that one.
            Assert.Equal(0, (await there.GetAsync($"{Path("s.c")}/changes?after={after}").OkAsync()).GetProperty("changed").GetArrayLength());
            foreach (var accept in (string?[])[null, Compact])
            {
                var (mine, theirs) = (await ReadAsync(_staff, "s.c", accept, "br"), await ReadAsync(there, "s.c", accept, "br"));
                Assert.Equal(mine.Body, theirs.Body);
                Assert.Equal(mine.Answer.Headers.ETag, theirs.Answer.Headers.ETag);
            }
        }
    }

    [Fact]
    public async Task AZ11_nothing_that_was_ready_is_given_to_whoever_has_lost_the_right()
    {
        var street = await _api.SignInAsync(_scene.OpenIdOf("街道"));
        foreach (var caller in (SignedIn[])[_staff, street]) await ReadAsync(caller, "s.c");
        var tag = (await ReadAsync(_staff, "s.c")).Answer.Headers.ETag!.ToString();
        var changes = $"{Path("s.c")}/changes?after={Version(await ReadAsync(_staff, "s.c"))}";
        for (var n = 0; n < 2; n++) await _staff.GetAsync(changes).OkAsync();
        await fixture.Database.ExecuteAsync("update appointments set to_day = $1 where account_id = $2", Day.AddDays(-1), _scene.Account("员").Id);
        await _api.Services.GetRequiredService<RightsCache>().PollAsync(default);
        Assert.Equal(403, (int)(await ReadAsync(_staff, "s.c", tag: tag)).Answer.StatusCode);
        await _staff.GetAsync(changes).RefusedAsync(403, "operation_not_allowed");

        await fixture.Database.ExecuteAsync("update sessions set ended_at = now() where account_id = $1", _scene.Account("街道").Id);
        Assert.Equal(200, (int)(await ReadAsync(street, "s.c")).Answer.StatusCode);
        // Without any poll the entry counts for three seconds and no longer.
        _api.Clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(401, (int)(await ReadAsync(street, "s.c", tag: tag)).Answer.StatusCode);
    }

    [Fact]
    public async Task ID02_a_token_that_has_ended_gets_nothing_that_was_ready()
    {
        var tag = (await ReadAsync(_staff, "s.c")).Answer.Headers.ETag!.ToString();
        Assert.Equal(304, (int)(await ReadAsync(_staff, "s.c", tag: tag)).Answer.StatusCode);
        var changes = $"{Path("s.c")}/changes?after={Version(await ReadAsync(_staff, "s.c"))}";
        for (var n = 0; n < 2; n++) await _staff.GetAsync(changes).OkAsync();
        _api.Clock.Advance(Tokens.AccessLifetime + TimeSpan.FromMinutes(1));
        Assert.Equal(401, (int)(await ReadAsync(_staff, "s.c", tag: tag)).Answer.StatusCode);
        await _staff.GetAsync(changes).RefusedAsync(401, "not_signed_in");
    }

    [Fact]
    public async Task RL07_past_what_is_in_memory_the_history_answers_the_same()
    {
        var version = Version(await ReadAsync(_staff, "s.c"));
        for (var n = 1; n <= 9; n++) await TurnAsync(_api, n, (Tier)((n + 1) % 4));
        var fromMemory = await _staff.GetAsync($"{Path("s.c")}/changes?after={version}").OkAsync();
        // Once let in, the same answer comes without the long way, and what it cannot answer still takes it.
        Assert.Equal(fromMemory.GetRawText(), (await _staff.GetAsync($"{Path("s.c")}/changes?after={version}").OkAsync()).GetRawText());
        await _staff.GetAsync($"{Path("s.c")}/changes?after={version}9").RefusedAsync(410, "wall_history_gone");
        await _staff.GetAsync($"{Path("s.c")}/changes?after=1").RefusedAsync(400, "invalid_request");
        // A replica that starts now has no changes in memory.
        var other = await OpenAsync();
        var there = await other.SignInAsync(_scene.OpenIdOf("员"));
        await ReadAsync(there, "s.c");
        using var sql = new SqlCount(fixture.Database);
        var fromHistory = await there.GetAsync($"{Path("s.c")}/changes?after={version}").OkAsync();
        Assert.True(sql.Count > 0);
        Assert.Equal(fromHistory.GetRawText(), fromMemory.GetRawText());
        var below = await there.GetAsync($"{Path("s.c.a.b2")}/changes?after={version}").OkAsync();
        Assert.Equal(below.GetRawText(), (await _staff.GetAsync($"{Path("s.c.a.b2")}/changes?after={version}").OkAsync()).GetRawText());

        await fixture.Database.ExecuteAsync("update wall_roots set history_from = version where node_id = $1", _scene.Node("s.c").Id);
        await _api.Services.GetRequiredService<WallMemory>().CatchUpAsync(default);
        await _staff.GetAsync($"{Path("s.c")}/changes?after={version}").RefusedAsync(410, "wall_history_gone");
    }

    [Fact]
    public async Task RL08_all_who_ask_after_a_restart_since_one_version_cost_one_reading_of_the_history()
    {
        var version = Version(await ReadAsync(_staff, "s.c"));
        for (var n = 1; n <= 9; n++) await TurnAsync(_api, n, (Tier)((n + 1) % 4));
        var restarted = await OpenAsync();
        var callers = new List<SignedIn>();
        for (var n = 0; n < 12; n++) callers.Add(await restarted.SignInAsync(_scene.OpenIdOf(n % 2 == 0 ? "员" : "街道")));
        foreach (var caller in callers) await ReadAsync(caller, "s.c");

        using var sql = new SqlCount(fixture.Database);
        var answers = await Task.WhenAll(callers.Select(c => c.GetAsync($"{Path("s.c")}/changes?after={version}").OkAsync()));
        Assert.Single(answers.Select(a => a.GetRawText()).Distinct());
        Assert.Equal(9, answers[0].GetProperty("changed").GetArrayLength());
        Assert.Single(sql.Commands, c => c.Contains("with ties", StringComparison.Ordinal));

        // The next change makes another wall, and its changes are read anew.
        await TurnAsync(restarted, 1, Tier.Red);
        Assert.Equal(10, (await callers[0].GetAsync($"{Path("s.c")}/changes?after={version}").OkAsync()).GetProperty("changed").GetArrayLength());
    }

    [Fact]
    public async Task RL07_more_than_a_page_comes_in_whole_versions_from_memory_and_from_the_history()
    {
        var version = Version(await ReadAsync(_staff, "s.c"));
        // Versions of 700 changes each: 2,000 is never their border. The last fit into memory.
        for (var n = 0; n < 5; n++)
            await fixture.Database.ExecuteAsync("""
                with r as (update wall_roots w set version = w.version + 1 from tiles t where t.household_id = $1 and w.node_id = t.root_id returning w.version)
                insert into tile_changes (root_id, version, household_id, node_id, node_path, door, tier, state, due_day, last_visit_day, removed, at)
                select t.root_id, r.version, gen_random_uuid(), t.node_id, t.node_path, t.door, 'green', null, null, null, false, now() from tiles t, r, generate_series(1, 700) where t.household_id = $1
                """, _scene.Household(Door(1)).Id);
        await _api.Services.GetRequiredService<WallMemory>().CatchUpAsync(default);
        var (seen, pages) = (0, 0);
        for (var after = version; ; pages++)
        {
            var page = await _staff.GetAsync($"{Path("s.c")}/changes?after={after}").OkAsync();
            seen += page.GetProperty("changed").GetArrayLength();
            Assert.Equal(0, page.GetProperty("changed").GetArrayLength() % 700);
            after = page.GetProperty("version").GetString()!;
            if (!page.GetProperty("more").GetBoolean()) break;
        }

        Assert.Equal((3500, 1), (seen, pages));
    }

    private static string Version((byte[] Body, HttpResponseMessage Answer) wall) => JsonSerializer.Deserialize<JsonElement>(wall.Body).GetProperty("version").GetString()!;

    private string Door(int n) => $"{_scene.Top}-{n}";

    private string Path(string node) => $"/api/v1/grid-nodes/{_scene.Node(node).Id}/wall";

    private async Task<(byte[] Body, HttpResponseMessage Answer)> ReadAsync(SignedIn who, string path, string? accept = null, string? encoding = null, string? tag = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Path(path));
        if (accept is not null) request.Headers.TryAddWithoutValidation("Accept", accept);
        if (encoding is not null) request.Headers.TryAddWithoutValidation("Accept-Encoding", encoding);
        if (tag is not null) request.Headers.TryAddWithoutValidation("If-None-Match", tag);
        var answer = await who.Client.SendAsync(request);
        return (await answer.Content.ReadAsByteArrayAsync(), answer);
    }

    private static async Task<byte[]> ReadAllAsync(Stream stream)
    {
        var all = new MemoryStream();
        await stream.CopyToAsync(all);
        return all.ToArray();
    }

    private async Task TurnAsync(Api api, int number, Tier to)
    {
        await using var db = api.Services.GetRequiredService<BackendDbFactory>().ForWorker();
        await LeadersScene.ChangeAsync(db, _scene.Household(Door(number)).Id, to);
    }

    private async Task<Api> OpenAsync()
    {
        var api = await Api.StartAsync(fixture.Database);
        _open.Add(api);
        return api;
    }
}
