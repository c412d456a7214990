using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Backend.Tests.Features.Privacy;

/// <summary>See, copy, correct, delete, explain (PD08; docs/adr/022).</summary>
public sealed class RightsRequestsTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private Api _api = null!;
    private Scene _scene = null!;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database);
        _scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("员工", Role.Staff, "s.c").Person("同事", Role.Staff, "s.c").Person("外社区", Role.Staff, "s.d");
        _scene.Home("s.c.a.b.f1", Door(1), Day);
        _scene.Home("s.c.a.b.f1", Door(2), Day);
        _scene.Joined("居民", Door(1));
        _scene.Joined("同事", Door(2));
        await _scene.SaveAsync(fixture.Database);
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task PD08_a_person_with_a_row_in_every_personal_table_sees_every_personal_column_and_nothing_of_the_neighbour()
    {
        var person = new FullPerson(_api.Services.GetRequiredService<Vault>(), _scene, Door(1), "居民");
        await person.WriteAsync(fixture.Database);
        var neighbour = _scene.Head(Door(2));

        var resident = await SignInAsync("居民");
        var watch = Stopwatch.StartNew();
        var text = (await resident.GetAsync("/api/v1/me/data").OkAsync()).GetRawText();
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10));
        var answer = JsonSerializer.Deserialize<JsonElement>(text);
        var given = answer.GetProperty("tables").EnumerateArray()
            .SelectMany(t => t.GetProperty("rows").EnumerateArray().SelectMany(r => r.EnumerateObject()).Select(c => $"{t.GetProperty("name").GetString()}.{c.Name}")).ToHashSet();
        var omitted = answer.GetProperty("omitted").EnumerateArray().Select(o => o.GetProperty("name").GetString()!).ToHashSet();
        var wanted = ColumnClass.All.Where(c => c.IsPersonal && !c.Column.EndsWith("_index", StringComparison.Ordinal) && !omitted.Contains(c.Table) && !omitted.Contains($"{c.Table}.{c.Column}"))
            .Select(c => $"{c.Table}.{c.Column}").ToList();
        Assert.Empty(wanted.Except(given));
        Assert.True(omitted.Count < 20);
        Assert.DoesNotContain(person.Canaries, c => !text.Contains(c, StringComparison.Ordinal));
        Assert.DoesNotContain(neighbour.ToString(), text);
        Assert.DoesNotContain("户主" + Door(2), text);
        Figures.Print($"PD08 own data: {wanted.Count} personal columns of {wanted.Select(w => w.Split('.')[0]).Distinct().Count()} tables, all returned in {watch.ElapsedMilliseconds} ms");
    }

    [Fact]
    public void PD08_every_personal_table_is_given_or_left_out_with_a_reason()
    {
        Assert.DoesNotContain(ColumnClass.All.Where(c => c.IsPersonal).Select(c => c.Table).Distinct(), t => !OwnData.Links.ContainsKey(t) && !OwnData.Omitted.ContainsKey(t));
        Assert.All(OwnData.Omitted.Values, Assert.NotEmpty);
    }

    [Fact]
    public async Task PD08_a_request_is_answered_by_the_fifteenth_working_day_and_a_refusal_says_why()
    {
        var (resident, staff) = (await SignInAsync("居民"), await SignInAsync("员工"));
        var filed = await FileAsync(resident, "correct", "手机号换了").OkAsync();
        // 2026-11-20 is a Friday: three weeks without a holiday.
        Assert.Equal(Backend.Domain.Privacy.RightsRequest.DueDayOf(Day, []).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), filed.GetProperty("dueDay").GetString());
        Assert.Equal(new DateOnly(2026, 12, 11), Backend.Domain.Privacy.RightsRequest.DueDayOf(new DateOnly(2026, 11, 20), []));
        Assert.Equal(new DateOnly(2026, 12, 14), Backend.Domain.Privacy.RightsRequest.DueDayOf(new DateOnly(2026, 11, 20), [new() { Day = new DateOnly(2026, 12, 1), Working = false, Name = "假" }]));

        var id = filed.GetProperty("id").GetString();
        Assert.Contains((await staff.GetAsync("/api/v1/rights-requests").OkAsync()).GetProperty("items").EnumerateArray(), i => i.GetProperty("id").GetString() == id);
        Assert.Empty((await (await SignInAsync("外社区")).GetAsync("/api/v1/rights-requests").OkAsync()).GetProperty("items").EnumerateArray());
        await DecideAsync(await SignInAsync("外社区"), id, true).RefusedAsync(404, "not_found");
        await staff.SendAsync(HttpMethod.Post, $"/api/v1/rights-requests/{id}/decision", new { granted = false, answer = "" }).RefusedAsync(400, "invalid_request");
        await DecideAsync(staff, id, false).OkAsync();
        await DecideAsync(staff, id, true).RefusedAsync(409, "conflict");
        var seen = (await resident.GetAsync("/api/v1/rights-requests").OkAsync()).GetProperty("items").EnumerateArray().Single(i => i.GetProperty("id").GetString() == id);
        Assert.Equal(("refused", "理由如下"), (seen.GetProperty("state").GetString(), seen.GetProperty("answer").GetString()));
    }

    [Fact]
    public async Task PD08_PD09_a_deletion_needs_two_of_the_staff_and_nobody_decides_for_herself()
    {
        var (resident, staff, colleague) = (await SignInAsync("居民"), await SignInAsync("员工"), await SignInAsync("同事"));
        var id = (await FileAsync(resident, "delete", "请删除").OkAsync()).GetProperty("id").GetString();
        Assert.Equal("agreed_once", (await DecideAsync(staff, id, true).OkAsync()).GetProperty("state").GetString());
        await DecideAsync(staff, id, true).RefusedAsync(409, "conflict");
        Assert.Equal("granted", (await DecideAsync(colleague, id, true).OkAsync()).GetProperty("state").GetString());

        var own = (await FileAsync(colleague, "delete", "请删除").OkAsync()).GetProperty("id").GetString();
        await DecideAsync(colleague, own, true).RefusedAsync(422, "own_household");
        await FileAsync(staff, "explain", "请说明").RefusedAsync(403, "operation_not_allowed");
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await fixture.Database.RefusedAsync(_scene.Account("员工").Id, _scene.Node("s.c").Path, """
            insert into rights_requests (id, account_id, resident_id, household_id, node_path, kind, state, content, requested_at, due_day)
            values (gen_random_uuid(), $1, $2, $3, $4::ltree, 'delete', 'open', '\x00', now(), now()::date)
            """, _scene.Account("员工").Id, _scene.Head(Door(1)), _scene.Household(Door(1)).Id, _scene.Household(Door(1)).NodePath));
    }

    private string Door(int number) => $"{_scene.Top}-{number}";

    private Task<SignedIn> SignInAsync(string who) => _api.SignInAsync(_scene.OpenIdOf(who));

    private static Task<HttpResponseMessage> FileAsync(SignedIn who, string kind, string content) => who.SendAsync(HttpMethod.Post, "/api/v1/rights-requests", new { kind, content });

    private static Task<HttpResponseMessage> DecideAsync(SignedIn who, string? id, bool granted) =>
        who.SendAsync(HttpMethod.Post, $"/api/v1/rights-requests/{id}/decision", new { granted, answer = "理由如下" });
}
