using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Backend.Tests.Features.Audit;

/// <summary>The audit has a reader of its own, who is neither system nor security administration, and whose reading is audited (AU04).</summary>
public sealed class ListAuditEntriesTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private Api _api = null!;
    private Scene _scene = null!;
    private SignedIn _auditor = null!;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database);
        _scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("楼层长", Role.FloorLeader, "s.c.a.b.f1", leads: true)
            .Person("审计", Role.AuditAdmin, "").Person("系统", Role.SystemAdmin, "").Person("安全", Role.SecurityAdmin, "").Person("区", Role.DistrictManager, "");
        foreach (var door in (string[])["101", "102"]) _scene.Home("s.c.a.b.f1", door, PostgresFixture.DemoDay);
        await _scene.SaveAsync(fixture.Database);
        _auditor = await SignInAsync("审计");
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task AU04_AU01_who_did_what_is_found_by_account_object_operation_and_time_and_the_search_is_an_entry_too()
    {
        var (leader, home, account) = (await SignInAsync("楼层长"), _scene.Household("101").Id, _scene.Account("楼层长").Id);
        await leader.GetAsync($"/api/v1/households/{home}").OkAsync();
        await leader.GetAsync($"/api/v1/households/{_scene.Household("102").Id}/tier").OkAsync();
        await leader.GetAsync($"/api/v1/households/{Guid.CreateVersion7()}").RefusedAsync(404, "not_found");
        var from = Uri.EscapeDataString((await fixture.Database.ScalarAsync<DateTime>("select clock_timestamp()")).ToString("O"));
        await leader.GetAsync("/api/v1/me/readings").RefusedAsync(403, "operation_not_allowed");

        var entry = Assert.Single(await EntriesAsync($"accountId={account}&targetId={home}"));
        Assert.Equal(
            ("readHousehold", "done", "楼层长", "floor_leader", _scene.Node("s.c.a.b.f1").Path),
            (Text(entry, "operation"), Text(entry, "result"), Text(entry, "accountName"), entry.GetProperty("roles")[0].GetString(), Text(entry, "scope")));
        Assert.Equal([home], entry.GetProperty("targetIds").EnumerateArray().Select(t => t.GetGuid()));
        Assert.Equal(["not_found", "done"], (await EntriesAsync($"accountId={account}&operation=readHousehold")).Select(e => Text(e, "result")));
        Assert.Equal(["listReadings"], (await EntriesAsync($"accountId={account}&from={from}")).Select(e => Text(e, "operation")));
        Assert.DoesNotContain(await EntriesAsync($"accountId={account}&until={from}"), e => Text(e, "operation") == "listReadings");
        // Five searches, the one for her own among them.
        Assert.Equal(5, (await EntriesAsync($"accountId={_scene.Account("审计").Id}&operation=listAuditEntries")).Count + 1);
        Assert.Equal(1, await fixture.Database.ScalarAsync<long>("select count(*) from audit_entries where operation = 'listAuditEntries' and target_ids = array[$1, $2]", account, home));
    }

    [Fact]
    public async Task AU04_IN03_pages_go_back_without_a_gap_and_a_cursor_belongs_to_its_filter()
    {
        var (leader, account) = (await SignInAsync("楼层长"), _scene.Account("楼层长").Id);
        for (var i = 0; i < 6; i++) await leader.GetAsync("/api/v1/households").OkAsync();
        var filter = $"accountId={account}&operation=listHouseholds";
        var whole = (await EntriesAsync(filter)).Select(e => Text(e, "id")).ToList();
        Assert.Equal(6, whole.Count);
        var (paged, cursor) = (new List<string>(), (string?)null);
        do
        {
            var page = await _auditor.GetAsync($"/api/v1/audit-entries?{filter}&limit=4{(cursor is null ? "" : $"&cursor={Uri.EscapeDataString(cursor)}")}").OkAsync();
            paged.AddRange(page.GetProperty("items").EnumerateArray().Select(e => Text(e, "id")));
            cursor = page.GetProperty("next").GetString() ?? cursor;
            if (page.GetProperty("next").ValueKind == JsonValueKind.Null) break;
        } while (paged.Count < 20);
        Assert.Equal(whole, paged);
        await _auditor.GetAsync($"/api/v1/audit-entries?accountId={account}&cursor={Uri.EscapeDataString(cursor!)}").RefusedAsync(400, "cursor_invalid");
    }

    [Theory]
    [InlineData("系统")]
    [InlineData("安全")]
    [InlineData("区")]
    [InlineData("楼层长")]
    public async Task AU04_no_other_role_reads_the_audit(string who) =>
        await (await SignInAsync(who)).GetAsync("/api/v1/audit-entries").RefusedAsync(403, "operation_not_allowed");

    [Theory]
    [InlineData("operation=read-household")]
    [InlineData("operation=%00")]
    [InlineData("from=1899-12-31T00:00:00Z")]
    [InlineData("until=2101-01-01T00:00:00Z")]
    [InlineData("limit=101")]
    public async Task AU04_IN02_what_is_no_filter_is_refused(string query) => await _auditor.GetAsync($"/api/v1/audit-entries?{query}").RefusedAsync(400, "invalid_request");

    [Fact]
    public async Task AU04_IN02_a_time_of_any_offset_is_taken()
    {
        var entries = await EntriesAsync($"from={Uri.EscapeDataString("2026-01-01T08:00:00+08:00")}&operation=signInWithWeChat");
        Assert.NotEmpty(entries);
    }

    [Fact]
    public async Task AZ05_AU04_the_database_itself_shows_the_whole_audit_to_the_holder_of_that_post_on_that_day_alone()
    {
        await using var connection = new NpgsqlConnection(fixture.Database.App);
        await connection.OpenAsync();
        async Task<long> CountAsync(string account, DateOnly day)
        {
            await using var transaction = await connection.BeginTransactionAsync();
            await using (var scope = new NpgsqlCommand("select set_config('app.account', $1, true), set_config('app.reach', $2, true)", connection))
            {
                scope.Parameters.Add(new NpgsqlParameter { Value = account });
                scope.Parameters.Add(new NpgsqlParameter { Value = _scene.Top });
                await scope.ExecuteNonQueryAsync();
            }

            await using var count = new NpgsqlCommand("select count(*) from app.audit_entries($1, null, null, null, null, null, null, null, 100)", connection);
            count.Parameters.Add(new NpgsqlParameter { Value = day });
            return (long)(await count.ExecuteScalarAsync())!;
        }

        Assert.True(await CountAsync($"{_scene.Account("审计").Id}", PostgresFixture.DemoDay) > 0);
        Assert.Equal(0, await CountAsync($"{_scene.Account("审计").Id}", new DateOnly(2019, 12, 31)));
        foreach (var other in (string[])[$"{_scene.Account("系统").Id}", $"{_scene.Account("安全").Id}", "", "garbage"]) Assert.Equal(0, await CountAsync(other, PostgresFixture.DemoDay));
    }

    private static string Text(JsonElement entry, string member) => entry.GetProperty(member).GetString()!;

    private async Task<List<JsonElement>> EntriesAsync(string query) =>
        [.. (await _auditor.GetAsync($"/api/v1/audit-entries?{query}").OkAsync()).GetProperty("items").EnumerateArray()];

    private Task<SignedIn> SignInAsync(string who) => _api.SignInAsync(_scene.OpenIdOf(who));
}
