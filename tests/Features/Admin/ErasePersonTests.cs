using System.Text;
using Backend.Domain.Facts;
using Backend.Domain.Grid;
using Backend.Features.Admin;
using Backend.Platform.Files;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Tests.Demo;
using Backend.Tests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Backend.Tests.Features.Admin;

/// <summary>PD09: an erased person is nowhere: not in the tables, not in the files, not in what the engine reads.</summary>
public sealed class ErasePersonTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly DateOnly Day = PostgresFixture.DemoDay;

    /// <summary>What is kept of her household or of what was done, and by no name: see docs/adr/022.</summary>
    private static readonly string[] Kept =
        ["audit_entries", "households", "register_marks", "tier_changes", "visits", "alarms", "tiles", "tile_changes", "notices", "notice_alarms", "deliveries", "delivery_attempts"];

    private readonly TemporaryFolder _files = new();
    private Api _api = null!;
    private Scene _scene = null!;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database, new Dictionary<string, string?> { ["Files:Folder"] = _files.Path });
        _scene = new Scene(_api.Services.GetRequiredService<Vault>()).Person("员工", Role.Staff, "s.c").Person("同事", Role.Staff, "s.c");
        _scene.Home("s.c.a.b.f1", Door(1), Day);
        _scene.Home("s.c.a.b.f1", Door(2), Day);
        _scene.Joined("居民", Door(1));
        _scene.Joined("户主", Door(2));
        await _scene.SaveAsync(fixture.Database);
    }

    public async Task DisposeAsync()
    {
        await _api.DisposeAsync();
        _files.Dispose();
    }

    [Fact]
    public async Task PD09_of_an_erased_person_with_a_canary_in_every_column_a_dump_and_the_files_hold_nothing()
    {
        var person = new FullPerson(_api.Services.GetRequiredService<Vault>(), _scene, Door(1), "居民");
        await person.WriteAsync(fixture.Database);
        foreach (var photo in await IdsAsync("photos", "resident_id", person.Resident)) await _api.Services.GetRequiredService<PhotoStore>().WriteAsync(photo, "a picture"u8.ToArray(), default);
        var request = await GrantedAsync(await _api.SignInAsync(_scene.OpenIdOf("居民")));
        var (before, _) = await FindAsync(person);
        Assert.True(before > 30, $"the search found {before} canaries before the erasure");

        var (code, output, error) = await RunAsync(request);
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("已清除", output, StringComparison.Ordinal);
        var (after, where) = await FindAsync(person);
        Assert.True(after == 0, $"{after} hits: {string.Join(", ", where)}");
        Assert.Empty(Directory.GetFiles(_files.Path, "*", SearchOption.AllDirectories));
        Assert.Equal(("已注销", true), (await fixture.Database.ScalarAsync<string>("select name from accounts where id = $1", person.Account),
            await fixture.Database.ScalarAsync<bool>("select resident_id is null and phone is null and disabled_at is not null from accounts where id = $1", person.Account)));
        Assert.Equal(1, await fixture.Database.ScalarAsync<long>("select count(*) from audit_entries where operation = 'admin erase' and mac is not null and $1 = any(target_ids)", person.Resident));
        Figures.Print($"PD09 erasure: {before} hits before, {after} after, of {person.Canaries.Count} canaries and {person.Stored.Count} stored values");
        Assert.Equal(1, (await RunAsync(request)).Code);
    }

    [Fact]
    public async Task PD09_of_two_who_live_together_one_goes_and_what_the_engine_reads_of_the_other_stays()
    {
        var vault = _api.Services.GetRequiredService<Vault>();
        var home = _scene.Household(Door(2));
        var son = _scene.Member(Door(2), "王小五", Day.AddYears(-20), Day);
        await fixture.Database.ExecuteAsync("update households set snapshot = $2 where id = $1", home.Id, home.Snapshot.Bytes);
        await _scene.SaveAsync(fixture.Database);
        Guid[] visits = [Guid.CreateVersion7(), Guid.CreateVersion7()];
        foreach (var (visit, note) in visits.Zip((string[])["与王小五谈了就业", "水管已修好"]))
            await fixture.Database.ExecuteAsync("""
                insert into visits (id, household_id, node_path, kind, visited_at, recorded_at, visitor_account_id, counted, note) values ($1, $2, $3::ltree, 'home', $4, $4, $5, true, $6)
                """, visit, home.Id, home.NodePath, Api.Noon, _scene.Account("员工").Id, vault.Seal(SealedFields.VisitNote, visit, note).Bytes);
        await fixture.Database.ExecuteAsync("update accounts set resident_id = $2 where id = $1", _scene.Account("户主").Id, son);
        var request = await GrantedAsync(await _api.SignInAsync(_scene.OpenIdOf("户主")));
        Assert.Equal(0, (await RunAsync(request)).Code);

        var stored = await fixture.Database.ScalarAsync<byte[]>("select snapshot from households where id = $1", home.Id);
        var snapshot = FactsSnapshot.FromBytes(vault.Open(SealedFields.FactsSnapshot, home.Id, new(stored!)));
        Assert.Equal([_scene.Head(Door(2))], snapshot.Members.Select(m => m.ResidentId));
        Assert.DoesNotContain(snapshot.Values, v => v.SubjectId == son);
        Assert.Contains(snapshot.Values, v => v.Tag == "wage_income");
        Assert.Equal([visits[1]], await fixture.Database.ScalarAsync<Guid[]>("select array_agg(id) from visits where note is not null and household_id = $1", home.Id) ?? []);
    }

    [Fact]
    public async Task PD09_nothing_is_erased_that_two_of_the_staff_have_not_granted()
    {
        Assert.Equal(1, (await RunAsync(Guid.CreateVersion7())).Code);
        var resident = await _api.SignInAsync(_scene.OpenIdOf("居民"));
        var id = Guid.Parse((await resident.SendAsync(HttpMethod.Post, "/api/v1/rights-requests", new { kind = "delete", content = "请删除" }).OkAsync()).GetProperty("id").GetString()!);
        await DecideAsync("员工", id);
        var (code, _, error) = await RunAsync(id);
        Assert.Equal(1, code);
        Assert.Contains("两名工作人员", error, StringComparison.Ordinal);
        // Nor by the function itself, which the app may not even call.
        Assert.False(await fixture.Database.ScalarAsync<bool>("select has_function_privilege('backend_app', 'app.erase(uuid, uuid[], bytea[], uuid[], timestamptz, date)', 'execute')"));
        await using var connection = new NpgsqlConnection(fixture.Database.Worker);
        await connection.OpenAsync();
        await using var erase = new NpgsqlCommand("select * from app.erase($1, '{}', '{}', '{}', now(), current_date)", connection);
        erase.Parameters.Add(new NpgsqlParameter { Value = id });
        Assert.Equal(PostgresErrorCodes.RaiseException, (await Assert.ThrowsAsync<PostgresException>(() => erase.ExecuteNonQueryAsync())).SqlState);
    }

    private string Door(int number) => $"{_scene.Top}-{number}";

    private async Task<Guid> GrantedAsync(SignedIn resident)
    {
        var id = Guid.Parse((await resident.SendAsync(HttpMethod.Post, "/api/v1/rights-requests", new { kind = "delete", content = "请删除" }).OkAsync()).GetProperty("id").GetString()!);
        await DecideAsync("员工", id);
        await DecideAsync("同事", id);
        return id;
    }

    private async Task DecideAsync(string who, Guid id) => await (await _api.SignInAsync(_scene.OpenIdOf(who)))
        .SendAsync(HttpMethod.Post, $"/api/v1/rights-requests/{id}/decision", new { granted = true, answer = "同意" }).OkAsync();

    private async Task<List<Guid>> IdsAsync(string table, string column, Guid value) =>
        [.. await fixture.Database.ScalarAsync<Guid[]>($"select array_agg(id) from {table} where {column} = $1", value) ?? []];

    /// <summary>The dump is COPY of every table by the backup role, which is what pg_dump sends. What is kept of the household or of what was done is not searched.</summary>
    private async Task<(int Hits, HashSet<string> Where)> FindAsync(FullPerson person)
    {
        var texts = new ByteSearch([.. person.Canaries, $"户主{Door(1)}", person.Resident.ToString()]);
        var (hits, where) = (0, new HashSet<string>());
        await using var connection = new NpgsqlConnection(fixture.Database.Backup);
        await connection.OpenAsync();
        foreach (var table in ColumnClass.All.Select(c => c.Table).Distinct().Except(Kept))
        {
            using var reader = await connection.BeginTextExportAsync($"copy \"{table}\" to stdout");
            while (await reader.ReadLineAsync() is { } line)
            {
                var found = new List<string>();
                texts.Find(Encoding.UTF8.GetBytes(line), found);
                var stored = person.Stored.Count(s => line.Contains(Convert.ToHexStringLower(s), StringComparison.Ordinal));
                if (found.Count + stored == 0) continue;
                hits += found.Count + stored;
                where.Add(table);
            }
        }

        return (hits, where);
    }

    private async Task<(int Code, string Output, string Error)> RunAsync(Guid request)
    {
        var (output, error) = (new StringWriter { NewLine = "\n" }, new StringWriter { NewLine = "\n" });
        var settings = new Dictionary<string, string?>(fixture.Database.Settings()) { ["Files:Folder"] = _files.Path };
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings).Build();
        return (await AdminCommands.RunAsync(["erase", "--request", $"{request}"], output, error, configuration), output.ToString(), error.ToString());
    }
}
