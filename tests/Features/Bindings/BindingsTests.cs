using System.Net.Http.Json;
using Backend.Domain.Grid;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Backend.Tests.Features.Bindings;

/// <summary>A resident binds her WeChat identity by a one-time invite, and her household's leader agrees (ID06).</summary>
public sealed class BindingsTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private Api _api = null!;
    private Scene _scene = null!;
    private int _codes;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database);
        _scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("一层", Role.FloorLeader, "s.c.a.b.f1", leads: true)
            .Person("二层", Role.FloorLeader, "s.c.a.b.f2", leads: true)
            .Person("员工", Role.Staff, "s.c")
            .Person("街道", Role.StreetManager, "s");
        foreach (var (path, door) in ((string, string)[])[("s.c.a.b.f1", "101"), ("s.c.a.b.f1", "102"), ("s.c.a.b.f2", "201")]) _scene.Home(path, door, Day);
        _scene.Joined("一层", "102");
        await _scene.SaveAsync(fixture.Database);
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task ID06_an_invited_resident_is_bound_when_her_leader_agrees_and_sees_her_household_and_no_other()
    {
        var leader = await SignInAsync("一层");
        var openId = NewOpenId();
        var ticket = await StrangerAsync(openId);
        var invite = await InviteAsync(leader, "101");
        Assert.Equal(32, invite.Length);
        await BindAsync(ticket, invite).OkAsync();
        await BindAsync(ticket, invite).OkAsync();
        await RefusedSignInAsync(openId, "binding_waiting");

        var waiting = (await leader.GetAsync("/api/v1/binding-requests").OkAsync()).GetProperty("items").EnumerateArray().Single();
        Assert.Equal(("户主101", "101", false), (waiting.GetProperty("residentName").GetString(), waiting.GetProperty("door").GetString(), waiting.GetProperty("rebinds").GetBoolean()));
        await leader.SendAsync(HttpMethod.Post, $"/api/v1/binding-requests/{waiting.GetProperty("id").GetGuid()}/approval").OkAsync();

        var resident = await (await _api.SignInAsync(openId)).ReadNoticeAsync();
        await resident.GetAsync($"/api/v1/households/{_scene.Household("101").Id}").OkAsync();
        await resident.GetAsync($"/api/v1/households/{_scene.Household("102").Id}").RefusedAsync(404, "not_found");
        Assert.Equal("户主101", (await resident.GetAsync("/api/v1/me").OkAsync()).GetProperty("name").GetString());
        Assert.Empty((await leader.GetAsync("/api/v1/binding-requests").OkAsync()).GetProperty("items").EnumerateArray());
        // What was needed to decide is kept no longer (PD02).
        Assert.True(await fixture.Database.ScalarAsync<bool>("select open_id is null and open_id_index is null from binding_requests where resident_id = $1", _scene.Head("101")));
        foreach (var operation in (string[])["inviteResident", "approveBinding"])
            Assert.Equal(1, await fixture.Database.ScalarAsync<long>("select count(*) from audit_entries where operation = $1 and result = 'done' and $2 = any(target_ids)", operation, _scene.Head("101")));
    }

    [Fact]
    public async Task ID06_a_new_phone_is_agreed_to_again_and_the_old_one_is_signed_out()
    {
        var leader = await SignInAsync("一层");
        var (old, fresh) = (NewOpenId(), NewOpenId());
        await JoinAsync(leader, "101", old);
        var before = await _api.SignInAsync(old);
        await BindAsync(await StrangerAsync(fresh), await InviteAsync(leader, "101")).OkAsync();
        var waiting = (await leader.GetAsync("/api/v1/binding-requests").OkAsync()).GetProperty("items").EnumerateArray().Single();
        Assert.True(waiting.GetProperty("rebinds").GetBoolean());
        var account = (await leader.SendAsync(HttpMethod.Post, $"/api/v1/binding-requests/{waiting.GetProperty("id").GetGuid()}/approval").OkAsync()).GetProperty("accountId").GetGuid();

        await _api.Services.GetRequiredService<RightsCache>().PollAsync(default);
        await before.GetAsync("/api/v1/me").RefusedAsync(401, "session_ended");
        await RefusedSignInAsync(old, "account_moved");
        Assert.Equal(account, (await (await _api.SignInAsync(fresh)).GetAsync("/api/v1/me").OkAsync()).GetProperty("id").GetGuid());
    }

    [Fact]
    public async Task ID06_a_refused_request_binds_nobody_and_its_invite_is_used_up()
    {
        var leader = await SignInAsync("一层");
        var openId = NewOpenId();
        var invite = await InviteAsync(leader, "101");
        await BindAsync(await StrangerAsync(openId), invite).OkAsync();
        var id = await WaitingAsync("101");
        await leader.SendAsync(HttpMethod.Post, $"/api/v1/binding-requests/{id}/refusal").OkAsync();
        await leader.SendAsync(HttpMethod.Post, $"/api/v1/binding-requests/{id}/approval").RefusedAsync(409, "conflict");
        await RefusedSignInAsync(openId, "account_not_bound");
        await BindAsync(await StrangerAsync(openId), invite).RefusedAsync(422, "invite_invalid");
        Assert.True(await fixture.Database.ScalarAsync<bool>("select open_id is null and open_id_index is null and not is_approved from binding_requests where id = $1", id));
    }

    [Fact]
    public async Task ID06_an_invite_holds_once_for_seven_days_and_until_the_next_one()
    {
        var leader = await SignInAsync("一层");
        var first = await InviteAsync(leader, "101");
        var second = await InviteAsync(leader, "101");
        await BindAsync(await StrangerAsync(NewOpenId()), first).RefusedAsync(422, "invite_invalid");
        await BindAsync(await StrangerAsync(NewOpenId()), second).OkAsync();
        await BindAsync(await StrangerAsync(NewOpenId()), second).RefusedAsync(422, "invite_invalid");

        var third = await InviteAsync(leader, "101");
        _api.Clock.Advance(TimeSpan.FromDays(7));
        await BindAsync(await StrangerAsync(NewOpenId()), third).RefusedAsync(422, "invite_invalid");
        await BindAsync("no-such-ticket", third).RefusedAsync(401, "ticket_invalid");
        var late = await StrangerAsync(NewOpenId());
        var fourth = await InviteAsync(await SignInAsync("一层"), "101");
        _api.Clock.Advance(TimeSpan.FromMinutes(10));
        await BindAsync(late, fourth).RefusedAsync(401, "ticket_invalid");
    }

    [Fact]
    public async Task ID06_of_many_who_show_one_invite_at_once_one_waits_and_of_two_who_agree_at_once_one_does()
    {
        var leader = await SignInAsync("一层");
        var invite = await InviteAsync(leader, "101");
        var tickets = new List<string>();
        for (var i = 0; i < 10; i++) tickets.Add(await StrangerAsync(NewOpenId()));
        var answers = await Task.WhenAll(tickets.Select(t => BindAsync(t, invite)));
        Assert.Single(answers, a => a.IsSuccessStatusCode);
        Assert.All(answers.Where(a => !a.IsSuccessStatusCode), a => Assert.Equal(422, (int)a.StatusCode));
        Array.ForEach(answers, a => a.Dispose());

        var path = $"/api/v1/binding-requests/{await WaitingAsync("101")}/approval";
        var staff = await SignInAsync("员工");
        var both = await Task.WhenAll(leader.SendAsync(HttpMethod.Post, path), staff.SendAsync(HttpMethod.Post, path));
        Assert.Equal([200, 409], both.Select(a => (int)a.StatusCode).Order());
        Array.ForEach(both, a => a.Dispose());
        Assert.Equal(1, await fixture.Database.ScalarAsync<long>("select count(*) from accounts where resident_id = $1", _scene.Head("101")));
    }

    [Fact]
    public async Task ID06_AZ15_nobody_agrees_for_her_own_household_and_an_old_request_ends()
    {
        var leader = await SignInAsync("一层");
        await BindAsync(await StrangerAsync(NewOpenId()), await InviteAsync(leader, "102")).OkAsync();
        var path = $"/api/v1/binding-requests/{await WaitingAsync("102")}";
        foreach (var decision in (string[])["approval", "refusal"]) await leader.SendAsync(HttpMethod.Post, $"{path}/{decision}").RefusedAsync(422, "own_household");
        _api.Clock.Advance(TimeSpan.FromDays(7));
        var staff = await SignInAsync("员工");
        Assert.Empty((await staff.GetAsync("/api/v1/binding-requests").OkAsync()).GetProperty("items").EnumerateArray());
        await staff.SendAsync(HttpMethod.Post, $"{path}/approval").RefusedAsync(409, "conflict");
    }

    [Fact]
    public async Task ID06_an_identity_that_was_bound_to_another_meanwhile_is_not_bound_twice()
    {
        var leader = await SignInAsync("一层");
        var openId = NewOpenId();
        var (one, other) = (await StrangerAsync(openId), await StrangerAsync(openId));
        await BindAsync(one, await InviteAsync(leader, "101")).OkAsync();
        await BindAsync(other, await InviteAsync(await SignInAsync("二层"), "201")).OkAsync();
        await leader.SendAsync(HttpMethod.Post, $"/api/v1/binding-requests/{await WaitingAsync("101")}/approval").OkAsync();
        await (await SignInAsync("二层")).SendAsync(HttpMethod.Post, $"/api/v1/binding-requests/{await WaitingAsync("201")}/approval").RefusedAsync(409, "conflict");
        Assert.Equal(0, await fixture.Database.ScalarAsync<long>("select count(*) from accounts where resident_id = $1", _scene.Head("201")));
    }

    [Theory]
    [InlineData("一层", 200)]
    [InlineData("员工", 200)]
    [InlineData("二层", 404)]
    [InlineData("街道", 403)]
    public async Task AZ01_ID06_who_may_invite_and_decide(string who, int status)
    {
        var caller = await SignInAsync(who);
        using (var invited = await caller.SendAsync(HttpMethod.Post, $"/api/v1/residents/{_scene.Head("101")}/invites")) Assert.Equal(status, (int)invited.StatusCode);
        await BindAsync(await StrangerAsync(NewOpenId()), await InviteAsync(await SignInAsync("一层"), "101")).OkAsync();
        using var decided = await caller.SendAsync(HttpMethod.Post, $"/api/v1/binding-requests/{await WaitingAsync("101")}/approval");
        Assert.Equal(status, (int)decided.StatusCode);
    }

    [Fact]
    public async Task AZ05_the_database_itself_binds_nothing_that_the_caller_has_not_approved_and_takes_no_invite_for_a_foreign_resident()
    {
        await BindAsync(await StrangerAsync(NewOpenId()), await InviteAsync(await SignInAsync("一层"), "101")).OkAsync();
        var request = await WaitingAsync("101");
        await using var connection = new NpgsqlConnection(fixture.Database.App);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        async Task<object?> RunAsync(string sql, params object[] values)
        {
            await using var command = new NpgsqlCommand(sql, connection, transaction);
            foreach (var value in values) command.Parameters.Add(new NpgsqlParameter { Value = value });
            return await command.ExecuteScalarAsync();
        }

        await RunAsync("select set_config('app.account', $1, true), set_config('app.reach', $2, true)", _scene.Account("二层").Id.ToString(), _scene.Node("s.c.a.b.f2").Path);
        Assert.Equal(DBNull.Value, await RunAsync("select app.bind_resident($1, $2, 'x', $3, $4, now())", request, Guid.CreateVersion7(), Guid.CreateVersion7(), new byte[] { 1 }));
        Assert.Equal(0L, await RunAsync("with u as (update binding_requests set is_approved = true, decided_by = $2 where id = $1 returning 1) select count(*) from u", request, _scene.Account("二层").Id));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await fixture.Database.RefusedAsync(_scene.Account("二层").Id, _scene.Node("s.c.a.b.f2").Path, """
            insert into invites (id, hash, resident_id, household_id, node_path, issued_by, issued_at, expires_at)
            values ($1, $2, $3, $4, $5::ltree, $6, now(), now())
            """, Guid.CreateVersion7(), new byte[] { 2 }, _scene.Head("101"), _scene.Household("101").Id, _scene.Node("s.c.a.b.f2").Path, _scene.Account("二层").Id));
    }

    private string NewOpenId() => $"oNew_{_scene.Top}{++_codes:D11}";

    /// <summary>Somebody signs in whom nobody has bound: she gets a ticket.</summary>
    private async Task<string> StrangerAsync(string openId) => (await RefusedSignInAsync(openId, "account_not_bound", "binding_waiting")).GetProperty("bindingTicket").GetString()!;

    private async Task<System.Text.Json.JsonElement> RefusedSignInAsync(string openId, params string[] codes)
    {
        var code = $"code-{openId}-{++_codes}";
        _api.WeChat.AddCode(code, openId);
        using var answer = await _api.Anonymous().PostAsJsonAsync("/api/v1/sessions/wechat", new { code });
        Assert.Equal(403, (int)answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<System.Text.Json.JsonElement>();
        Assert.Contains(problem.GetProperty("code").GetString(), codes);
        return problem;
    }

    private async Task<string> InviteAsync(SignedIn leader, string door) =>
        (await leader.SendAsync(HttpMethod.Post, $"/api/v1/residents/{_scene.Head(door)}/invites").OkAsync()).GetProperty("invite").GetString()!;

    private Task<HttpResponseMessage> BindAsync(string bindingTicket, string invite) => _api.Anonymous().PostAsJsonAsync("/api/v1/binding-requests", new { bindingTicket, invite });

    private async Task JoinAsync(SignedIn leader, string door, string openId)
    {
        await BindAsync(await StrangerAsync(openId), await InviteAsync(leader, door)).OkAsync();
        await leader.SendAsync(HttpMethod.Post, $"/api/v1/binding-requests/{await WaitingAsync(door)}/approval").OkAsync();
    }

    private Task<Guid> WaitingAsync(string door) =>
        fixture.Database.ScalarAsync<Guid>("select id from binding_requests where resident_id = $1 and decided_at is null order by requested_at desc limit 1", _scene.Head(door));

    private Task<SignedIn> SignInAsync(string who) => _api.SignInAsync(_scene.OpenIdOf(who));
}
