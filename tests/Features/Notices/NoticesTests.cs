using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Domain.Households;
using Backend.Domain.Messages;
using Backend.Domain.Tiers;
using Backend.Platform.Outbox;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Features.Notices;

/// <summary>Over HTTP: one's own notices, reading one, and "I take it".</summary>
public sealed class NoticesTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private Api _api = null!;
    private Scene _scene = null!;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database);
        _scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("楼层长", Role.FloorLeader, "s.c.a.b.f1", leads: true)
            .Person("楼层长二", Role.FloorLeader, "s.c.a.b.f2", leads: true)
            .Person("楼长", Role.BuildingLeader, "s.c.a.b", leads: true)
            .Person("片区长", Role.AreaLeader, "s.c.a", leads: true)
            .Person("员工", Role.Staff, "s.c")
            .Person("劳务", Role.LabourOfficer, "s.c");
        for (var i = 1; i <= 5; i++) _scene.Home(i < 5 ? "s.c.a.b.f1" : "s.c.a.b.f2", $"{_scene.Top}-{i}", Day);
        await _scene.SaveAsync(fixture.Database);
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task The_list_is_ones_own_newest_first_and_pages_to_its_end()
    {
        for (var i = 1; i <= 5; i++)
        {
            await RedAsync(i);
            _api.Clock.Advance(TimeSpan.FromMinutes(1));
        }

        var building = await _api.SignInAsync(_scene.OpenIdOf("楼长"));
        var seen = new List<int>();
        string? cursor = null;
        do
        {
            var page = await building.GetAsync($"/api/v1/notices?limit=2{(cursor is null ? "" : $"&cursor={Uri.EscapeDataString(cursor)}")}").OkAsync();
            foreach (var item in page.GetProperty("items").EnumerateArray())
            {
                Assert.Equal("unread", item.GetProperty("state").GetString());
                Assert.Equal(1, item.GetProperty("count").GetInt32());
                var alarm = item.GetProperty("alarms")[0];
                Assert.Equal("red", alarm.GetProperty("tier").GetString());
                Assert.Equal(JsonValueKind.Null, alarm.GetProperty("acknowledgedAt").ValueKind);
                seen.Add(int.Parse(alarm.GetProperty("door").GetString()![(_scene.Top.Length + 1)..], System.Globalization.CultureInfo.InvariantCulture));
            }

            cursor = page.GetProperty("next").GetString();
        }
        while (cursor is not null);

        Assert.Equal([5, 4, 3, 2, 1], seen);
        Assert.Single(await ItemsAsync(await _api.SignInAsync(_scene.OpenIdOf("楼层长二"))));
        Assert.Empty(await ItemsAsync(await _api.SignInAsync(_scene.OpenIdOf("劳务"))));
    }

    [Fact]
    public async Task IN03_a_cursor_of_another_person_or_of_nobody_is_refused()
    {
        for (var i = 1; i <= 3; i++) await RedAsync(i);
        var building = await _api.SignInAsync(_scene.OpenIdOf("楼长"));
        var next = (await building.GetAsync("/api/v1/notices?limit=1").OkAsync()).GetProperty("next").GetString()!;
        var other = await _api.SignInAsync(_scene.OpenIdOf("员工"));
        await other.GetAsync($"/api/v1/notices?cursor={Uri.EscapeDataString(next)}").RefusedAsync(400, "cursor_invalid");
        await building.GetAsync("/api/v1/notices?cursor=AAAA").RefusedAsync(400, "cursor_invalid");
        await building.GetAsync("/api/v1/notices?limit=0").RefusedAsync(400, "invalid_request");
        await building.GetAsync("/api/v1/notices?limit=101").RefusedAsync(400, "invalid_request");
    }

    [Fact]
    public async Task Reading_marks_it_and_stops_nothing_and_a_foreign_or_missing_notice_is_not_found()
    {
        await RedAsync(1);
        var (leader, building) = (await _api.SignInAsync(_scene.OpenIdOf("楼层长")), await _api.SignInAsync(_scene.OpenIdOf("楼长")));
        var id = await IdAsync(leader);

        await leader.SendAsync(HttpMethod.Post, $"/api/v1/notices/{id}/read").OkAsync();
        Assert.Equal("read", (await ItemsAsync(leader))[0].GetProperty("state").GetString());
        Assert.Equal("unread", (await ItemsAsync(building))[0].GetProperty("state").GetString());
        Assert.Equal(1L, await fixture.Database.ScalarAsync<long>("select count(*) from alarms where household_id = $1 and acknowledged_at is null", Home(1)));
        foreach (var foreign in (Guid[])[id, Guid.CreateVersion7()])
        {
            await building.SendAsync(HttpMethod.Post, $"/api/v1/notices/{foreign}/read").RefusedAsync(404, "not_found");
            await building.SendAsync(HttpMethod.Post, $"/api/v1/notices/{foreign}/acknowledgement").RefusedAsync(404, "not_found");
        }
    }

    [Fact]
    public async Task A26_of_many_who_take_it_at_once_one_is_the_first_and_all_are_told_who()
    {
        await RedAsync(1);
        var people = new List<SignedIn>();
        foreach (var name in (string[])["楼层长", "楼长", "片区长", "员工"]) people.Add(await _api.SignInAsync(_scene.OpenIdOf(name)));
        var ids = new List<Guid>();
        foreach (var person in people) ids.Add(await IdAsync(person));

        var answers = await Task.WhenAll(people.Select((p, i) => p.SendAsync(HttpMethod.Post, $"/api/v1/notices/{ids[i]}/acknowledgement").OkAsync()));

        var lines = answers.Select(a => a.GetProperty("alarms")[0]).ToList();
        Assert.Single(lines, l => l.GetProperty("byMe").GetBoolean());
        Assert.Single(lines.Select(l => l.GetProperty("acknowledgedBy").GetString()).Distinct());
        Assert.All(lines, l => Assert.Equal(l.GetProperty("acknowledgedAt").GetDateTimeOffset().AddHours(24), l.GetProperty("visitBy").GetDateTimeOffset()));
        Assert.All(people, p => Assert.Equal("acknowledged", ItemsAsync(p).Result[0].GetProperty("state").GetString()));
    }

    [Fact]
    public async Task An_acknowledgement_takes_exactly_what_the_notice_lists()
    {
        await BatchAsync(1, 5);
        var leader = await _api.SignInAsync(_scene.OpenIdOf("楼层长"));
        var building = await _api.SignInAsync(_scene.OpenIdOf("楼长"));
        await leader.SendAsync(HttpMethod.Post, $"/api/v1/notices/{await IdAsync(leader)}/acknowledgement").OkAsync();

        var both = (await ItemsAsync(building))[0];
        Assert.Equal(2, both.GetProperty("count").GetInt32());
        Assert.Equal("unread", both.GetProperty("state").GetString());
        // The open one comes first.
        Assert.Equal([Home(5), Home(1)], both.GetProperty("alarms").EnumerateArray().Select(a => a.GetProperty("householdId").GetGuid()));
        Assert.Equal("楼层长", both.GetProperty("alarms")[1].GetProperty("acknowledgedBy").GetString());

        var taken = (await building.SendAsync(HttpMethod.Post, $"/api/v1/notices/{both.GetProperty("id").GetGuid()}/acknowledgement").OkAsync()).GetProperty("alarms");
        Assert.Equal(["楼层长", "楼长"], taken.EnumerateArray().Select(a => a.GetProperty("acknowledgedBy").GetString()!).Order(StringComparer.Ordinal));
        Assert.Equal("acknowledged", (await ItemsAsync(building))[0].GetProperty("state").GetString());
    }

    [Fact]
    public async Task A_notice_whose_household_has_left_ones_reach_says_how_many_it_lists_and_never_that_all_are_taken()
    {
        await BatchAsync(1, 5);
        var leader = await _api.SignInAsync(_scene.OpenIdOf("楼长"));
        await leader.SendAsync(HttpMethod.Post, $"/api/v1/notices/{await IdAsync(leader)}/read").OkAsync();
        // She keeps floor 1 alone, and the household of floor 1 is taken.
        await fixture.Database.ExecuteAsync("update assignments set floor_from = 1, floor_to = 1 where post_id in (select post_id from appointments where account_id = $1)",
            _scene.Account("楼长").Id);
        _api.Clock.Advance(TimeSpan.FromSeconds(4));
        var floor = await _api.SignInAsync(_scene.OpenIdOf("楼层长"));
        await floor.SendAsync(HttpMethod.Post, $"/api/v1/notices/{await IdAsync(floor)}/acknowledgement").OkAsync();

        var item = (await ItemsAsync(leader))[0];
        Assert.Equal(2, item.GetProperty("count").GetInt32());
        Assert.Equal([Home(1)], item.GetProperty("alarms").EnumerateArray().Select(a => a.GetProperty("householdId").GetGuid()));
        Assert.Equal("read", item.GetProperty("state").GetString());
    }

    [Fact]
    public async Task RL02_taking_it_needs_a_key_and_the_same_key_gives_the_first_answer()
    {
        await RedAsync(1);
        var leader = await _api.SignInAsync(_scene.OpenIdOf("楼层长"));
        var path = $"/api/v1/notices/{await IdAsync(leader)}/acknowledgement";
        await leader.Client.PostAsync(path, null).RefusedAsync(400, "idempotency_key_missing");
        var first = await leader.SendAsync(HttpMethod.Post, path, key: "k-1").OkAsync();
        _api.Clock.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(first.ToString(), (await leader.SendAsync(HttpMethod.Post, path, key: "k-1").OkAsync()).ToString());
        Assert.Equal(1L, await fixture.Database.ScalarAsync<long>(
            "select count(*) from audit_entries where operation = 'acknowledgeNotice' and account_id = $1", _scene.Account("楼层长").Id));
    }

    private Guid Home(int number) => _scene.Household($"{_scene.Top}-{number}").Id;

    private async Task RedAsync(int number, Guid? batch = null)
    {
        await using var db = _api.Services.GetRequiredService<BackendDbFactory>().ForWorker();
        await LeadersScene.ChangeAsync(db, Home(number), Tier.Red, batch);
        if (batch is null) await _api.Services.GetRequiredService<OutboxDispatcher>().DrainAsync(default);
    }

    private async Task BatchAsync(params int[] numbers)
    {
        var batch = new Batch { Id = Guid.CreateVersion7(), Kind = BatchKind.Import, Day = Day, StartedAt = _api.Clock.GetUtcNow() };
        var databases = _api.Services.GetRequiredService<BackendDbFactory>();
        await using (var db = databases.ForWorker())
        {
            await db.BeginAsync(default);
            db.Add(batch);
            await db.CommitAsync(default);
        }

        foreach (var number in numbers) await RedAsync(number, batch.Id);
        await using (var db = databases.ForWorker())
        {
            await db.BeginAsync(default);
            db.Send(new BatchFinished(batch.Id));
            await db.CommitAsync(default);
        }

        await _api.Services.GetRequiredService<OutboxDispatcher>().DrainAsync(default);
    }

    private static async Task<List<JsonElement>> ItemsAsync(SignedIn who) =>
        [.. (await who.GetAsync("/api/v1/notices").OkAsync()).GetProperty("items").EnumerateArray()];

    private static async Task<Guid> IdAsync(SignedIn who) => (await ItemsAsync(who))[0].GetProperty("id").GetGuid();
}
