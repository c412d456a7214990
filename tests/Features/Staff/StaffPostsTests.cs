using System.Globalization;
using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Platform.Realtime;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Backend.Tests.Features.Staff;

/// <summary>Two persons give a post of staff, one takes it back, and an administrator ends sessions and accounts (AZ15, ID09, AZ11).</summary>
public sealed class StaffPostsTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private Api _api = null!;
    private Scene _scene = null!;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database);
        _scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("安全", Role.SecurityAdmin, "").AtBrowser("安全")
            .Person("安全二", Role.SecurityAdmin, "").AtBrowser("安全二")
            .Person("员工", Role.Staff, "s.c").AtBrowser("员工")
            .Person("审计", Role.AuditAdmin, "").AtBrowser("审计")
            .Person("楼层", Role.FloorLeader, "s.c.a.b.f1", leads: true)
            .Vacant(Role.Staff, "s.c").Vacant(Role.SystemAdmin, "");
        _scene.Home("s.c.a.b.f1", $"{_scene.Top}-101", Day);
        _scene.Known("新人");
        await _scene.SaveAsync(fixture.Database);
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task AZ15_AZ11_a_second_person_gives_the_post_and_its_end_takes_everything_at_once()
    {
        var (one, two, newcomer) = (await SignInAsync("安全"), await SignInAsync("安全二"), await SignInAsync("新人"));
        var household = $"/api/v1/households/{_scene.Household($"{_scene.Top}-101").Id}";
        var id = await ProposeAsync(one, Vacancy, "新人");
        await newcomer.GetAsync(household).RefusedAsync(403, "operation_not_allowed");
        var listed = (await PostAsync(two)).GetProperty("proposals").EnumerateArray().Single();
        Assert.Equal((id, "新人", _scene.Account("安全").Id), (listed.GetProperty("staffProposalId").GetGuid(), listed.GetProperty("name").GetString(), listed.GetProperty("proposedBy").GetGuid()));

        await DecideAsync(one, id, "approval").RefusedAsync(422, "appointment_not_allowed");
        await DecideAsync(one, id, "refusal").RefusedAsync(422, "appointment_not_allowed");
        await DecideAsync(two, id, "approval").OkAsync();
        await DecideAsync(two, id, "approval").RefusedAsync(409, "conflict");
        await SettleAsync();
        await newcomer.GetAsync(household).OkAsync();
        await using var hub = await HubClient.ConnectAsync(_api, newcomer.AccessToken);

        var held = (await PostAsync(one)).GetProperty("holders").EnumerateArray().Single().GetProperty("appointmentId").GetGuid();
        await one.SendAsync(HttpMethod.Delete, $"/api/v1/staff-appointments/{held}").OkAsync();
        await SettleAsync();
        await newcomer.GetAsync(household).RefusedAsync(403, "operation_not_allowed");
        await hub.ClosedAsync();
        await one.SendAsync(HttpMethod.Delete, $"/api/v1/staff-appointments/{held}").RefusedAsync(404, "not_found");
        foreach (var operation in (string[])["proposeStaff", "approveStaff", "dismissStaff"])
            Assert.Equal(1, await fixture.Database.ScalarAsync<long>("select count(*) from audit_entries where operation = $1 and result = 'done' and $2 = any(target_ids)", operation, id));
    }

    [Fact]
    public async Task AZ15_nobody_decides_about_herself_and_what_makes_no_sense_is_refused()
    {
        var (one, two) = (await SignInAsync("安全"), await SignInAsync("安全二"));
        await ProposalAsync(one, Vacancy, "安全").RefusedAsync(422, "appointment_not_allowed");
        var ofTwo = await ProposeAsync(one, Vacancy, "安全二");
        await DecideAsync(two, ofTwo, "approval").RefusedAsync(422, "appointment_not_allowed");
        await one.SendAsync(HttpMethod.Delete, $"/api/v1/staff-appointments/{await HeldByAsync("安全")}").RefusedAsync(422, "appointment_not_allowed");
        await one.SendAsync(HttpMethod.Delete, $"/api/v1/staff-appointments/{await HeldByAsync("楼层")}").RefusedAsync(404, "not_found");
        await ProposalAsync(one, _scene.PostOf("楼层").Id, "新人").RefusedAsync(404, "not_found");
        await ProposalAsync(one, _scene.PostOf("员工").Id, "新人").RefusedAsync(409, "conflict");
        await one.SendAsync(HttpMethod.Post, $"/api/v1/staff-posts/{Vacancy}/proposals", new { accountId = Guid.CreateVersion7(), fromDay = Text(Day) }).RefusedAsync(400, "invalid_request");

        var (refused, late) = (await ProposeAsync(two, Vacancy, "新人"), await ProposeAsync(two, Vacancy, "新人"));
        await DecideAsync(one, refused, "refusal").OkAsync();
        await DecideAsync(one, refused, "approval").RefusedAsync(409, "conflict");
        _api.Clock.Advance(TimeSpan.FromDays(7));
        await DecideAsync(await SignInAsync("安全"), late, "approval").RefusedAsync(409, "conflict");
    }

    [Fact]
    public async Task AZ15_nobody_holds_two_of_the_three_administrations_and_of_two_who_approve_at_once_one_does()
    {
        var (one, two) = (await SignInAsync("安全"), await SignInAsync("安全二"));
        await ProposalAsync(one, SystemPost, "审计").RefusedAsync(422, "appointment_not_allowed");
        // Another post of another kind is hers all the same.
        await DecideAsync(two, await ProposeAsync(one, Vacancy, "审计"), "approval").OkAsync();
        var both = new[] { await ProposeAsync(one, SystemPost, "新人"), await ProposeAsync(one, SystemPost, "员工") };
        var answers = await Task.WhenAll(both.Select(id => DecideAsync(two, id, "approval")));
        Assert.Equal([200, 409], answers.Select(a => (int)a.StatusCode).Order());
        Array.ForEach(answers, a => a.Dispose());
    }

    [Fact]
    public async Task AZ15_the_database_itself_takes_no_post_of_staff_without_two_persons()
    {
        var (one, two, newcomer) = (_scene.Account("安全").Id, _scene.Account("安全二").Id, _scene.Account("新人").Id);
        const string appoint = "insert into appointments (id, post_id, account_id, from_day) values ($1, $2, $3, $4)";
        const string propose = "insert into staff_proposals (id, post_id, account_id, from_day, proposed_by, proposed_at) values ($1, $2, $3, $4, $5, now())";
        Task<string?> RefusedAsync(Guid account, string sql, params object[] values) => fixture.Database.RefusedAsync(account, _scene.Node("").Path, sql, values);
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await RefusedAsync(one, appoint, Guid.CreateVersion7(), Vacancy, newcomer, Day));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await RefusedAsync(one, propose, Guid.CreateVersion7(), Vacancy, one, Day, one));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await RefusedAsync(one, propose, Guid.CreateVersion7(), Vacancy, newcomer, Day, two));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await RefusedAsync(_scene.Account("审计").Id, propose, Guid.CreateVersion7(), Vacancy, newcomer, Day, _scene.Account("审计").Id));
        Assert.Null(await RefusedAsync(one, propose, Guid.CreateVersion7(), Vacancy, newcomer, Day, one));

        var id = await ProposeAsync(await SignInAsync("安全"), Vacancy, "新人");
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await RefusedAsync(two, appoint, id, Vacancy, newcomer, Day));
        // The one who proposed finds nothing to approve; who would approve in another's name is refused.
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await RefusedAsync(two, "update staff_proposals set is_approved = true, decided_by = $2, decided_at = now() where id = $1", id, one));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await RefusedAsync(one, $"""
            with u as (update staff_proposals set is_approved = true, decided_by = $5, decided_at = now() where id = $1 returning id)
            {appoint}
            """, id, Vacancy, newcomer, Day, one));
        foreach (var who in (string[])["员工", "审计"])
        {
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await RefusedAsync(_scene.Account(who).Id, "select app.end_sessions_of($1, now())", one));
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await RefusedAsync(_scene.Account(who).Id, "insert into accounts (id, name, created_at) values ($1, 'x', now())", Guid.CreateVersion7()));
        }

        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await RefusedAsync(one, "select app.create_administrator($1, 'x', 'x', 'security_admin', 'x', $1, $1, $1, $2, $1, '\\x01', now(), now())", Guid.CreateVersion7(), Day));
    }

    [Fact]
    public async Task ID09_AZ11_an_administrator_sees_and_ends_somebodys_sessions_and_her_hub_closes()
    {
        var (one, staff) = (await SignInAsync("安全"), await SignInAsync("员工"));
        var account = _scene.Account("员工").Id;
        await using var hub = await HubClient.ConnectAsync(_api, staff.AccessToken);
        var sessions = (await one.GetAsync($"/api/v1/staff-accounts/{account}/sessions").OkAsync()).GetProperty("items").EnumerateArray().ToList();
        Assert.Equal("wechat", Assert.Single(sessions).GetProperty("kind").GetString());
        await one.SendAsync(HttpMethod.Delete, $"/api/v1/staff-accounts/{account}/sessions").OkAsync();
        await SettleAsync();
        await hub.ClosedAsync();
        await staff.GetAsync("/api/v1/me").RefusedAsync(401, "session_ended");
        await (await SignInAsync("员工")).GetAsync("/api/v1/me").OkAsync();
        await one.GetAsync($"/api/v1/staff-accounts/{Guid.CreateVersion7()}/sessions").RefusedAsync(404, "not_found");
        await one.GetAsync("/api/v1/me").OkAsync();
    }

    [Fact]
    public async Task ID09_AZ11_a_disabled_account_is_out_at_once_and_signs_in_no_more()
    {
        var (one, staff) = (await SignInAsync("安全"), await SignInAsync("员工"));
        await using var hub = await HubClient.ConnectAsync(_api, staff.AccessToken);
        var path = $"/api/v1/staff-accounts/{_scene.Account("员工").Id}/disablement";
        await one.SendAsync(HttpMethod.Post, path).OkAsync();
        await one.SendAsync(HttpMethod.Post, path).OkAsync();
        await SettleAsync();
        await hub.ClosedAsync();
        await staff.GetAsync("/api/v1/me").RefusedAsync(401, "session_ended");
        await staff.Client.PostAsync("/api/v1/sessions/refresh", System.Net.Http.Json.JsonContent.Create(new { refreshToken = staff.RefreshToken })).RefusedAsync(401, "refresh_token_invalid");
        using var again = await System.Net.Http.Json.HttpClientJsonExtensions.PostAsJsonAsync(_api.Anonymous(), "/api/v1/sessions/password",
            new { userName = _scene.UserNameOf("员工"), password = StaffFactors.Word, code = StaffFactors.Code(_api.Clock.GetUtcNow()) });
        Assert.Equal(401, (int)again.StatusCode);
        await one.SendAsync(HttpMethod.Post, $"/api/v1/staff-accounts/{_scene.Account("安全").Id}/disablement").RefusedAsync(422, "appointment_not_allowed");
        var listed = (await one.GetAsync("/api/v1/staff-accounts").OkAsync()).GetProperty("items").EnumerateArray().Single(a => a.GetProperty("id").GetGuid() == _scene.Account("员工").Id);
        Assert.True(listed.GetProperty("isDisabled").GetBoolean());
    }

    [Fact]
    public async Task ID08_ID09_a_disabled_account_is_enabled_again_with_a_fresh_second_factor_and_its_sessions_stay_ended()
    {
        var (one, staff) = (await SignInAsync("安全"), await SignInAsync("员工"));
        var (account, household) = ($"/api/v1/staff-accounts/{_scene.Account("员工").Id}", $"/api/v1/households/{_scene.Household($"{_scene.Top}-101").Id}");
        await one.SendAsync(HttpMethod.Post, $"{account}/disablement").OkAsync();
        await SettleAsync();
        _api.Clock.Advance(StepUp.Lifetime);
        await one.SendAsync(HttpMethod.Post, $"{account}/enablement").RefusedAsync(403, "step_up_required");
        await SettleAsync();
        var again = await SignInAsync("安全");
        await again.SendAsync(HttpMethod.Post, $"{account}/enablement").OkAsync();
        await again.SendAsync(HttpMethod.Post, $"{account}/enablement").OkAsync();
        await SettleAsync();
        await staff.GetAsync("/api/v1/me").RefusedAsync(401, "session_ended");
        await (await SignInAsync("员工")).GetAsync(household).OkAsync();
        await again.SendAsync(HttpMethod.Post, $"/api/v1/staff-accounts/{Guid.CreateVersion7()}/enablement").RefusedAsync(404, "not_found");
        Assert.Equal(["done", "done", "step_up_required"], (await fixture.Database.ScalarAsync<string[]>(
            "select array_agg(result order by result) from audit_entries where operation = 'enableAccount' and $1 = any(target_ids)", _scene.Account("员工").Id))!);
    }

    private Guid Vacancy => _scene.VacantAt("s.c").Id;

    private Guid SystemPost => _scene.VacantAt("").Id;

    private static string Text(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private Task<HttpResponseMessage> ProposalAsync(SignedIn by, Guid post, string who) =>
        by.SendAsync(HttpMethod.Post, $"/api/v1/staff-posts/{post}/proposals", new { accountId = _scene.Account(who).Id, fromDay = Text(Day) });

    private async Task<Guid> ProposeAsync(SignedIn by, Guid post, string who) => (await ProposalAsync(by, post, who).OkAsync()).GetProperty("id").GetGuid();

    private static Task<HttpResponseMessage> DecideAsync(SignedIn by, Guid id, string decision) => by.SendAsync(HttpMethod.Post, $"/api/v1/staff-proposals/{id}/{decision}");

    private Task<Guid> HeldByAsync(string who) => fixture.Database.ScalarAsync<Guid>("select id from appointments where account_id = $1", _scene.Account(who).Id);

    private async Task<JsonElement> PostAsync(SignedIn by) =>
        (await by.GetAsync("/api/v1/staff-posts").OkAsync()).GetProperty("items").EnumerateArray().Single(p => p.GetProperty("id").GetGuid() == Vacancy);

    /// <summary>By WeChat, with a second factor shown just now.</summary>
    private async Task<SignedIn> SignInAsync(string who)
    {
        var signedIn = await _api.SignInAsync(_scene.OpenIdOf(who));
        await fixture.Database.ExecuteAsync("update sessions set stepped_up_at = $2 where account_id = $1", _scene.Account(who).Id, _api.Clock.GetUtcNow());
        return signedIn;
    }

    private async Task SettleAsync()
    {
        await _api.Services.GetRequiredService<RightsCache>().PollAsync(default);
        await _api.Services.GetRequiredService<ReachWatch>().LookAsync(default);
    }
}
