using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Features.Readings;
using Backend.Platform.Security;
using Backend.Tests.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Backend.Tests.Features.Readings;

/// <summary>谁看过我的信息 (B-7): a resident sees role, post, content, purpose and time of each reading of her household by others, and no name.</summary>
public sealed class ListReadingsTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private Api _api = null!;
    private Scene _scene = null!;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database);
        _scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("一层", Role.FloorLeader, "s.c.a.b.f1", leads: true)
            .Person("楼长", Role.BuildingLeader, "s.c.a.b", leads: true)
            .Person("员工", Role.Staff, "s.c");
        foreach (var door in (string[])["101", "102"]) _scene.Home("s.c.a.b.f1", door, Day);
        _scene.Joined("居民", "101");
        await _scene.SaveAsync(fixture.Database);
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task B7_AU01_each_reading_is_shown_with_role_post_content_purpose_and_time_and_without_a_name()
    {
        var (resident, leader, building, staff) = (await SignInAsync("居民"), await SignInAsync("一层"), await SignInAsync("楼长"), await SignInAsync("员工"));
        Assert.Empty(await ReadingsAsync(resident));
        var home = $"/api/v1/households/{_scene.Household("101").Id}";
        var from = await fixture.Database.ScalarAsync<DateTime>("select clock_timestamp()");
        await leader.GetAsync("/api/v1/households").OkAsync();
        await building.GetAsync(home).OkAsync();
        await staff.GetAsync($"{home}/tier").OkAsync();
        await staff.SendAsync(HttpMethod.Post, $"{home}/residents/{_scene.Head("101")}/phone-reveals", new { purpose = "help", justification = "张三家要求回电" }).OkAsync();
        var to = await fixture.Database.ScalarAsync<DateTime>("select clock_timestamp()");
        // Her own looks, those at the neighbours, and those that were refused are nobody's reading of her data.
        await resident.GetAsync(home).OkAsync();
        await leader.GetAsync($"/api/v1/households/{_scene.Household("102").Id}").OkAsync();

        var readings = await ReadingsAsync(resident);
        (string, string, string, string)[] expected =
        [
            ("staff", _scene.PostOf("员工").Title, "phone", "help"), ("staff", _scene.PostOf("员工").Title, "decision_sheet", "tier_review"),
            ("building_leader", _scene.PostOf("楼长").Title, "household_page", "care"), ("floor_leader", _scene.PostOf("一层").Title, "household_line", "care"),
        ];
        Assert.Equal(expected, readings.Select(r => (Text(r, "role"), Text(r, "postTitle"), Text(r, "content"), Text(r, "purpose"))));
        Assert.All(readings, r => Assert.InRange(r.GetProperty("at").GetDateTimeOffset().UtcDateTime, from, to));
        var text = JsonSerializer.Serialize(readings);
        foreach (var hidden in (string[])["张三", "accountId", $"{_scene.Account("员工").Id}"]) Assert.DoesNotContain(hidden, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task B7_a_photo_and_a_list_of_requests_count_and_a_stand_in_is_named_by_the_post_she_stands_in_for()
    {
        var (resident, staff) = (await SignInAsync("居民"), await SignInAsync("员工"));
        var photo = Guid.CreateVersion7();
        var home = _scene.Household("101");
        await fixture.Database.ExecuteAsync(
            "insert into photos (id, household_id, node_path, content_type, width, height, taken_at) values ($1, $2, $3::ltree, 'image/png', 1, 1, now())", photo, home.Id, home.NodePath);
        await fixture.Database.ExecuteAsync("insert into audit_entries (id, account_id, roles, operation, target_ids, result, correlation_id) values (gen_random_uuid(), $1, 'staff', 'readPhoto', array[$2], 'done', '')",
            _scene.Account("员工").Id, photo);
        Assert.Equal("photo", Text(Assert.Single(await ReadingsAsync(resident)), "content"));

        await fixture.Database.ExecuteAsync("insert into stand_ins (id, post_id, account_id, from_day, to_day) values (gen_random_uuid(), $1, $2, $3, $4)",
            _scene.PostOf("楼长").Id, _scene.Account("一层").Id, new DateOnly(2020, 1, 1), new DateOnly(2090, 1, 1));
        var both = await SignInAsync("一层");
        await both.GetAsync($"/api/v1/households/{home.Id}").OkAsync();
        Assert.Contains(Text((await ReadingsAsync(resident))[0], "postTitle"), (string[])[_scene.PostOf("一层").Title, _scene.PostOf("楼长").Title]);
    }

    [Fact]
    public async Task B7_IN03_pages_go_back_without_a_gap_or_a_repeat_and_a_cursor_is_her_own()
    {
        var (resident, leader) = (await SignInAsync("居民"), await SignInAsync("一层"));
        for (var i = 0; i < 7; i++) await leader.GetAsync($"/api/v1/households/{_scene.Household("101").Id}").OkAsync();
        var whole = (await ReadingsAsync(resident)).Select(r => r.GetProperty("id").GetGuid()).ToList();
        Assert.Equal(7, whole.Count);
        var (paged, cursor) = (new List<Guid>(), (string?)null);
        do
        {
            var page = await resident.GetAsync($"/api/v1/me/readings?limit=3{(cursor is null ? "" : $"&cursor={Uri.EscapeDataString(cursor)}")}").OkAsync();
            paged.AddRange(page.GetProperty("items").EnumerateArray().Select(r => r.GetProperty("id").GetGuid()));
            cursor = page.GetProperty("next").GetString();
            // Between two pages somebody looks again: it stands before the first page and moves nothing.
            await leader.GetAsync($"/api/v1/households/{_scene.Household("101").Id}").OkAsync();
        } while (cursor is not null);
        Assert.Equal(whole, paged);
        await resident.GetAsync("/api/v1/me/readings?cursor=none").RefusedAsync(400, "cursor_invalid");
    }

    [Fact]
    public async Task B7_AZ01_only_a_resident_asks_and_only_of_the_time_in_which_she_lives_there()
    {
        var leader = await SignInAsync("一层");
        await leader.GetAsync("/api/v1/me/readings").RefusedAsync(403, "operation_not_allowed");
        await leader.GetAsync($"/api/v1/households/{_scene.Household("101").Id}").OkAsync();
        await fixture.Database.ExecuteAsync("update memberships set from_day = (now() at time zone 'Asia/Shanghai')::date + 1 where resident_id = $1", _scene.Head("101"));
        Assert.Empty(await ReadingsAsync(await SignInAsync("居民")));
        await fixture.Database.ExecuteAsync("update memberships set from_day = $2, to_day = $3 where resident_id = $1", _scene.Head("101"), Day.AddDays(-100), Day.AddDays(-1));
        Assert.Empty(await ReadingsAsync(await SignInAsync("居民")));
    }

    [Fact]
    public async Task AZ05_AU02_the_database_shows_the_app_no_more_of_the_audit_than_before()
    {
        await (await SignInAsync("一层")).GetAsync($"/api/v1/households/{_scene.Household("101").Id}").OkAsync();
        await using var connection = new NpgsqlConnection(fixture.Database.App);
        await connection.OpenAsync();
        async Task<long> CountAsync(string account, string sql)
        {
            await using var transaction = await connection.BeginTransactionAsync();
            await using (var scope = new NpgsqlCommand("select set_config('app.account', $1, true), set_config('app.reach', $2, true)", connection))
            {
                scope.Parameters.Add(new NpgsqlParameter { Value = account });
                scope.Parameters.Add(new NpgsqlParameter { Value = _scene.Top });
                await scope.ExecuteNonQueryAsync();
            }

            await using var count = new NpgsqlCommand(sql, connection);
            return (long)(await count.ExecuteScalarAsync())!;
        }

        const string Readings = "select count(*) from app.readings(array['readHousehold'], null, null, 10)";
        Assert.Equal(1, await CountAsync($"{_scene.Account("居民").Id}", Readings));
        foreach (var nobody in (string[])[$"{_scene.Account("一层").Id}", $"{Guid.CreateVersion7()}", "", "garbage"]) Assert.Equal(0, await CountAsync(nobody, Readings));
        Assert.Equal(0, await CountAsync($"{_scene.Account("居民").Id}", $"select count(*) from audit_entries where account_id = '{_scene.Account("一层").Id}'"));
    }

    /// <summary>What the policy matrix demands an audit entry of, and is about a household, a photo or a resident, is shown to her or is no reading.</summary>
    [Fact]
    public void B7_every_audited_reading_of_a_household_is_in_the_read_log()
    {
        string[] writes = [.. PolicyTable.Load().Rows.Where(r => r.Key == KeyRule.Required).Select(r => r.Operation), "inviteResident"];
        // It tells a caller of her own posts, and of the household nothing but where it hangs.
        string[] ownRight = ["explainReach"];
        var about = PolicyRequests.All.Where(r => !r.IsUnaudited && r.About is TargetKind.Household or TargetKind.Member or TargetKind.Photo or TargetKind.Resident).Select(r => r.Operation);
        Assert.Empty(about.Except(writes).Except(ownRight).Except(ReadLog.Operations.Keys));
        Assert.Empty(ReadLog.Operations.Keys.Except(PolicyTable.Load().Rows.Select(r => r.Operation)));
    }

    private static string Text(JsonElement reading, string member) => reading.GetProperty(member).GetString()!;

    private static async Task<List<JsonElement>> ReadingsAsync(SignedIn resident) =>
        [.. (await resident.GetAsync("/api/v1/me/readings?limit=100").OkAsync()).GetProperty("items").EnumerateArray()];

    private Task<SignedIn> SignInAsync(string who) => _api.SignInAsync(_scene.OpenIdOf(who));
}
