using System.Diagnostics;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Domain.Privacy;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Backend.Tests.Features.Bindings;

/// <summary>A resident binds her WeChat identity by a phone that WeChat has verified and that the register has of her alone, and her household's leader agrees (ID06).</summary>
public sealed class BindWithPhoneTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly DateOnly Day = PostgresFixture.DemoDay;

    /// <summary>Each run of a test has its own: nobody can have them.</summary>
    private readonly string _numbers = $"100{RandomNumberGenerator.GetInt32(10_000_000):D7}";
    private Api _api = null!;
    private Scene _scene = null!;
    private Guid _child;
    private int _codes;

    private string Known => _numbers + "1";
    private string Shared => _numbers + "2";
    private string OfChild => _numbers + "3";
    private string Unknown => _numbers + "9";

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database);
        _scene = new Scene(_api.Services.GetRequiredService<Vault>()).Person("一层", Role.FloorLeader, "s.c.a.b.f1", leads: true).Person("员工", Role.Staff, "s.c");
        foreach (var door in (string[])["101", "102", "103", "104"]) _scene.Home("s.c.a.b.f1", door, Day);
        _scene.Joined("监护人", "104");
        _child = _scene.Member("104", "孩子", Day.AddYears(-9), Day);
        _scene.PhoneOf(_scene.Head("101"), Known).PhoneOf(_scene.Head("102"), Shared).PhoneOf(_scene.Head("103"), Shared).PhoneOf(_child, OfChild);
        await _scene.SaveAsync(fixture.Database);
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task ID06_a_verified_phone_of_the_register_waits_for_a_leader_and_is_bound_when_she_agrees()
    {
        var leader = await SignInAsync("一层");
        var openId = NewOpenId();
        await BindAsync(await StrangerAsync(openId), Phone(Known, openId)).OkAsync();
        await RefusedSignInAsync(openId, "binding_waiting");

        var list = await leader.GetAsync("/api/v1/binding-requests").OkAsync();
        var waiting = list.GetProperty("items").EnumerateArray().Single();
        Assert.Equal(("户主101", "101", "verified_phone", false),
            (waiting.GetProperty("residentName").GetString(), waiting.GetProperty("door").GetString(), waiting.GetProperty("way").GetString(), waiting.GetProperty("rebinds").GetBoolean()));
        Assert.DoesNotContain(Known, list.GetRawText(), StringComparison.Ordinal);
        await leader.SendAsync(HttpMethod.Post, $"/api/v1/binding-requests/{waiting.GetProperty("id").GetGuid()}/approval").OkAsync();

        var resident = await (await _api.SignInAsync(openId)).ReadNoticeAsync();
        await resident.GetAsync($"/api/v1/households/{_scene.Household("101").Id}").OkAsync();
        await resident.GetAsync($"/api/v1/households/{_scene.Household("102").Id}").RefusedAsync(404, "not_found");
        Assert.True(await fixture.Database.ScalarAsync<bool>("select open_id is null and open_id_index is null from binding_requests where resident_id = $1", _scene.Head("101")));
        Assert.Equal(1, await fixture.Database.ScalarAsync<long>("select count(*) from audit_entries where operation = 'approveBinding' and result = 'done' and $1 = any(target_ids)", _scene.Head("101")));
    }

    [Fact]
    public async Task ID06_both_ways_stand_beside_each_other_and_the_list_says_which_it_was()
    {
        var leader = await SignInAsync("一层");
        var openId = NewOpenId();
        var ticket = await StrangerAsync(openId);
        await BindAsync(ticket, Phone(Known, openId)).OkAsync();
        var invite = (await leader.SendAsync(HttpMethod.Post, $"/api/v1/residents/{_scene.Head("101")}/invites").OkAsync()).GetProperty("invite").GetString();
        await _api.Anonymous().PostAsJsonAsync("/api/v1/binding-requests", new { bindingTicket = ticket, invite }).OkAsync();
        var ways = (await leader.GetAsync("/api/v1/binding-requests").OkAsync()).GetProperty("items").EnumerateArray().Select(i => i.GetProperty("way").GetString()).Order();
        Assert.Equal(["invite", "verified_phone"], ways);
    }

    [Fact]
    public async Task ID06_AZ07_a_number_of_nobody_of_one_of_several_of_a_child_and_of_elsewhere_get_one_answer_after_the_same_SQL()
    {
        // Once before, so that none of them finds a connection or a plan that the others do not.
        await BindAsync(await StrangerAsync(NewOpenId()), Phone(Unknown)).OkAsync();
        using var count = new SqlCount(fixture.Database);
        var seen = new List<(string What, int Status, string Text, string Sql)>();
        var openIds = new Dictionary<string, string>();
        foreach (var (what, number, country) in ((string, string, string)[])[("known", Known, "86"), ("unknown", Unknown, "86"), ("several", Shared, "86"), ("child", OfChild, "86"), ("elsewhere", Known, "852")])
        {
            var openId = openIds[what] = NewOpenId();
            var trace = ActivityTraceId.CreateRandom().ToHexString();
            using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/binding-requests/phone")
            {
                Content = JsonContent.Create(new { bindingTicket = await StrangerAsync(openId), phoneCode = Phone(number, openId, country) }),
            };
            request.Headers.Add("traceparent", $"00-{trace}-{trace[..16]}-01");
            using var client = _api.Anonymous();
            using var answer = await client.SendAsync(request);
            var headers = answer.Headers.Concat(answer.Content.Headers).Where(h => h.Key != "Date").Select(h => $"{h.Key}: {string.Join(", ", h.Value)}").Order(StringComparer.Ordinal);
            seen.Add((what, (int)answer.StatusCode, $"{await answer.Content.ReadAsStringAsync()} {string.Join("; ", headers)}", string.Join('\n', count.Of(trace))));
        }

        Assert.All(seen, s => Assert.Equal(204, s.Status));
        Assert.Single(seen.Select(s => s.Text).Distinct());
        Assert.True(seen.Select(s => s.Sql).Distinct().Count() == 1, string.Join("\n\n", seen.Select(s => $"{s.What}:\n{s.Sql}")));
        Assert.Contains("resident_of_phone", seen[0].Sql, StringComparison.Ordinal);
        Assert.Equal([_scene.Head("101")], await RequestedAsync());
        // She has proved that the number is hers: whether the register has it of her she learns at the next sign-in, and nobody else does.
        foreach (var (what, openId) in openIds) await RefusedSignInAsync(openId, what == "known" ? "binding_waiting" : "account_not_bound");
        Figures.Print($"ID06 bindWithPhone: 5 numbers (known, unknown, several, child, elsewhere), 1 answer, 1 sequence of {seen[0].Sql.Split('\n').Length} SQL lines, 1 request");
    }

    [Fact]
    public async Task ID06_guessing_finds_nothing_and_stops()
    {
        var ticket = await StrangerAsync(NewOpenId());
        var before = _api.WeChat.Calls(WeChatCall.PhoneNumber);
        for (var i = 0; i < 20; i++) await BindAsync($"guess-{i}", Phone(Known)).RefusedAsync(401, "ticket_invalid");
        Assert.Equal(before, _api.WeChat.Calls(WeChatCall.PhoneNumber)); // nobody's guesses use up WeChat's quota
        for (var i = 0; i < 40; i++) await BindAsync(ticket, $"guess-{_codes}-{i}").RefusedAsync(400, "phone_code_invalid");
        await BindAsync(ticket, Phone(Known)).RefusedAsync(429, "too_many_requests");
        Assert.Empty(await RequestedAsync());
    }

    [Fact]
    public async Task ID06_a_used_code_of_somebody_elses_button_or_a_late_ticket_is_refused_in_clear_words()
    {
        var (mine, hers) = (NewOpenId(), NewOpenId());
        var code = Phone(Known, hers);
        await BindAsync(await StrangerAsync(mine), code).RefusedAsync(400, "phone_code_invalid");
        await BindAsync(await StrangerAsync(hers), code).OkAsync();
        var again = await BindAsync(await StrangerAsync(hers), code).RefusedAsync(400, "phone_code_invalid");
        Assert.Equal("请重新点击获取手机号。", again.GetProperty("detail").GetString());

        var late = await StrangerAsync(mine);
        _api.Clock.Advance(TimeSpan.FromMinutes(10));
        await BindAsync(late, Phone(Known)).RefusedAsync(401, "ticket_invalid");
        Assert.Equal([_scene.Head("101")], await RequestedAsync());
        Assert.True(await fixture.Database.ScalarAsync<long>("select count(*) from audit_entries where operation = 'bindWithPhone' and result = 'phone_code_invalid'") >= 2);
    }

    [Theory]
    [InlineData(40029, 400, "phone_code_invalid", null)]
    [InlineData(99999, 400, "phone_code_invalid", null)]
    [InlineData(-1, 503, "wechat_unavailable", null)]
    [InlineData(45011, 503, "wechat_unavailable", "请一分钟后再试。")]
    [InlineData(40013, 503, "wechat_unavailable", null)]
    [InlineData(48001, 503, "wechat_unavailable", null)]
    public async Task RL12_a_refusal_by_WeChat_has_a_clear_answer_and_the_same_code_may_be_tried_again(int errcode, int status, string problem, string? detail)
    {
        var ticket = await StrangerAsync(NewOpenId());
        var code = Phone(Known);
        // "Busy" is asked once more by itself.
        _api.WeChat.Script(WeChatCall.PhoneNumber, [.. Enumerable.Repeat(StubAnswer.Refuse(errcode), errcode == -1 ? 2 : 1)]);
        var refused = await BindAsync(ticket, code).RefusedAsync(status, problem);
        if (detail is not null) Assert.Equal(detail, refused.GetProperty("detail").GetString());
        Assert.Empty(await RequestedAsync());
        _api.Clock.Advance(TimeSpan.FromMinutes(1));
        await BindAsync(ticket, code).OkAsync();
    }

    [Fact]
    public async Task RL12_a_lost_answer_is_said_to_be_one_and_another_mini_programs_number_is_none()
    {
        var ticket = await StrangerAsync(NewOpenId());
        _api.WeChat.Script(WeChatCall.PhoneNumber, new StubAnswer(Status: 504));
        var lost = await BindAsync(ticket, Phone(Known)).RefusedAsync(503, "wechat_unavailable");
        Assert.Equal("验证结果不明，请重新点击获取手机号。", lost.GetProperty("detail").GetString());
        _api.WeChat.Script(WeChatCall.PhoneNumber, new StubAnswer(_api.WeChat.PhoneBody(Known, appId: "wx0000000000000002")));
        await BindAsync(ticket, Phone(Known)).RefusedAsync(400, "phone_code_invalid");
        Assert.Empty(await RequestedAsync());
    }

    [Fact]
    public async Task RL12_no_transaction_is_open_while_WeChat_is_asked_and_of_parallel_uses_of_a_code_one_goes_out()
    {
        var ticket = await StrangerAsync(NewOpenId());
        var (code, gate) = (Phone(Known), new TaskCompletionSource());
        _api.WeChat.Script(WeChatCall.PhoneNumber, StubAnswer.After(gate.Task));
        var before = _api.WeChat.Calls(WeChatCall.PhoneNumber);
        var first = BindAsync(ticket, code);
        await Backend.Tests.Platform.WeChat.Wait.Until(() => _api.WeChat.Calls(WeChatCall.PhoneNumber) == before + 1);
        Assert.Equal(0, await fixture.Database.ScalarAsync<long>("select count(*) from pg_stat_activity where datname = current_database() and usename = 'backend_app' and state like 'idle in transaction%'"));
        await BindAsync(ticket, code).RefusedAsync(409, "request_in_flight");
        gate.SetResult();
        await first.OkAsync();
        Assert.Equal(before + 1, _api.WeChat.Calls(WeChatCall.PhoneNumber));
    }

    [Fact]
    public async Task ID06_a_repeat_is_the_same_request_whether_its_answer_was_lost_or_she_signed_in_anew()
    {
        var openId = NewOpenId();
        var ticket = await StrangerAsync(openId);
        foreach (var number in (string[])[Unknown, Known])
        {
            var (code, before) = (Phone(number, openId), _api.WeChat.Calls(WeChatCall.PhoneNumber));
            for (var i = 0; i < 5; i++) await BindAsync(ticket, code).OkAsync();
            Assert.Equal(before + 1, _api.WeChat.Calls(WeChatCall.PhoneNumber));
        }

        await Task.WhenAll((await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => StrangerAsync(openId)))).Select(t => BindAsync(t, Phone(Known, openId)).OkAsync()));
        Assert.Equal([_scene.Head("101")], await RequestedAsync());
        // Another person who controls the number is another request: the leader decides between them.
        await BindAsync(await StrangerAsync(NewOpenId()), Phone(Known)).OkAsync();
        Assert.Equal(2, (await RequestedAsync()).Count);
        // When nobody has decided for so long, she may ask again.
        _api.Clock.Advance(TimeSpan.FromDays(7));
        await BindAsync(await StrangerAsync(openId), Phone(Known, openId)).OkAsync();
        Assert.Equal(3, (await RequestedAsync()).Count);
    }

    [Fact]
    public async Task PD06_a_child_is_bound_only_while_a_guardian_consents()
    {
        var (leader, staff) = (await SignInAsync("一层"), await SignInAsync("员工"));
        var guardian = await SignInAsync("监护人");
        await staff.SendAsync(HttpMethod.Post, $"/api/v1/residents/{_child}/guardianships", new { guardianId = _scene.Head("104"), evidence = "户口簿" }).OkAsync();
        var openId = NewOpenId();
        await BindAsync(await StrangerAsync(openId), Phone(OfChild, openId)).OkAsync();
        Assert.Empty(await RequestedAsync());

        var consent = new { purpose = Purpose.ChildContact, noticeVersion = 1, residentId = _child };
        await guardian.SendAsync(HttpMethod.Post, "/api/v1/me/consents", consent).OkAsync();
        await BindAsync(await StrangerAsync(openId), Phone(OfChild, openId)).OkAsync();
        var request = await fixture.Database.ScalarAsync<Guid>("select id from binding_requests where resident_id = $1", _child);
        Assert.NotEqual(Guid.Empty, request);

        // The newest word of a guardian holds.
        _api.Clock.Advance(TimeSpan.FromSeconds(1));
        await guardian.SendAsync(HttpMethod.Post, "/api/v1/me/consents/withdrawals", new { purpose = Purpose.ChildContact, residentId = _child }).OkAsync();
        await leader.SendAsync(HttpMethod.Post, $"/api/v1/binding-requests/{request}/approval").RefusedAsync(422, "guardian_consent_missing");
        _api.Clock.Advance(TimeSpan.FromSeconds(1));
        await guardian.SendAsync(HttpMethod.Post, "/api/v1/me/consents", consent).OkAsync();
        await leader.SendAsync(HttpMethod.Post, $"/api/v1/binding-requests/{request}/approval").OkAsync();
    }

    [Fact]
    public async Task ID06_the_phone_that_an_account_has_left_is_told_at_its_next_sign_ins_and_may_come_back()
    {
        var (first, second, third) = (NewOpenId(), NewOpenId(), NewOpenId());
        await JoinAsync(first);
        await JoinAsync(second);
        var told = await RefusedSignInAsync(first, "account_moved");
        Assert.Equal(("您的账号已改绑到另一个微信", "如果不是您本人办理，请立即联系您的楼层长。"), (told.GetProperty("title").GetString(), told.GetProperty("detail").GetString()));
        // Of two moves the first phone hears as well as the second.
        await JoinAsync(third);
        foreach (var old in (string[])[first, second]) await RefusedSignInAsync(old, "account_moved");
        // What the old phone got is a ticket like any: she may ask for her account back, and then hears that she waits.
        await BindAsync(await StrangerAsync(first), Phone(Known, first)).OkAsync();
        await RefusedSignInAsync(first, "binding_waiting");
        await ApproveAsync();
        await _api.SignInAsync(first);
        await RefusedSignInAsync(third, "account_moved");
        Assert.Equal(2, await fixture.Database.ScalarAsync<long>("select count(*) from moved_bindings m join we_chat_identities i on i.id = m.identity_id join accounts a on a.id = i.account_id where a.resident_id = $1", _scene.Head("101")));

        // Nothing of them outlasts the account's identity, or its time.
        var rule = RetentionRule.All.Single(r => r.Table == "moved_bindings");
        await rule.ApplyAsync(_api.Services.GetRequiredService<BackendDbFactory>(), Day.AddDays(30), default);
        await RefusedSignInAsync(second, "account_moved");
        await rule.ApplyAsync(_api.Services.GetRequiredService<BackendDbFactory>(), Day.AddDays(31), default);
        await RefusedSignInAsync(second, "account_not_bound");
        await JoinAsync(second);
        await fixture.Database.ExecuteAsync("delete from we_chat_identities i using accounts a where a.id = i.account_id and a.resident_id = $1", _scene.Head("101"));
        await RefusedSignInAsync(first, "account_not_bound");
    }

    [Fact]
    public async Task AZ05_the_database_itself_makes_no_request_without_a_ticket_and_for_nobody_elses_number()
    {
        var ticket = Tokens.Hash(await StrangerAsync(NewOpenId()));
        var vault = _api.Services.GetRequiredService<Vault>();
        byte[][] known = vault.BlindIndexes(SealedFields.ResidentPhone, Known), shared = vault.BlindIndexes(SealedFields.ResidentPhone, Shared);
        var now = _api.Clock.GetUtcNow();
        await using var connection = new NpgsqlConnection(fixture.Database.App);
        await connection.OpenAsync();
        async Task<object?> RunAsync(string sql, params object[] values)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            foreach (var value in values) command.Parameters.Add(new NpgsqlParameter { Value = value });
            return await command.ExecuteScalarAsync();
        }

        const string Find = "select count(*) from app.resident_of_phone($1, $2, $3)", Ask = "select app.request_binding_by_phone($1, '\\x01', $2, $3, $4, '\\x02', $5, $5 - interval '7 days')";
        Assert.Equal(0L, await RunAsync(Find, new byte[32], known, now));
        Assert.Equal(0L, await RunAsync(Find, ticket, shared, now));
        Assert.Equal(0L, await RunAsync(Find, ticket, known, now.AddMinutes(10)));
        Assert.Equal(1L, await RunAsync(Find, ticket, known, now));
        Assert.Equal(false, await RunAsync(Ask, new byte[32], _scene.Head("101"), known, Guid.CreateVersion7(), now));
        Assert.Equal(true, await RunAsync(Ask, ticket, _scene.Head("101"), shared, Guid.CreateVersion7(), now));
        Assert.Empty(await RequestedAsync());
        foreach (var right in (string[])["select", "insert", "update", "delete"])
            Assert.False(await fixture.Database.ScalarAsync<bool>($"select has_table_privilege('backend_app', 'moved_bindings', '{right}')"));
    }

    [Fact]
    public async Task PD02_no_row_of_any_table_holds_the_number_or_the_openid()
    {
        var openId = NewOpenId();
        foreach (var number in (string[])[Known, Unknown]) await BindAsync(await StrangerAsync(openId), Phone(number, openId)).OkAsync();
        await ApproveAsync();
        await JoinAsync(NewOpenId());
        var tables = await fixture.Database.ScalarAsync<string[]>("select array_agg(relname::text) from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'");
        foreach (var table in tables!)
            foreach (var secret in (string[])[Known, Unknown, openId])
                Assert.True(0 == await fixture.Database.ScalarAsync<long>($"select count(*) from \"{table}\" t where t::text like $1 or t::text like $2", $"%{secret}%", $"%{Convert.ToHexStringLower(Encoding.UTF8.GetBytes(secret))}%"), $"{table} holds a secret");
        Assert.DoesNotContain(WholeLog.Run.Words, w => w.Key.Contains(_numbers, StringComparison.Ordinal));
    }

    private string NewOpenId() => $"oNew_{_scene.Top}{++_codes:D11}";

    /// <summary>The code of a tap on the phone button.</summary>
    private string Phone(string number, string? openId = null, string country = "86")
    {
        var code = $"phone-{_scene.Top}-{Interlocked.Increment(ref _codes)}";
        _api.WeChat.AddPhone(code, number, country, openId);
        return code;
    }

    private async Task<string> StrangerAsync(string openId) =>
        (await RefusedSignInAsync(openId, "account_not_bound", "binding_waiting", "account_moved")).GetProperty("bindingTicket").GetString()!;

    private async Task<JsonElement> RefusedSignInAsync(string openId, params string[] codes)
    {
        var code = $"code-{openId}-{Interlocked.Increment(ref _codes)}";
        _api.WeChat.AddCode(code, openId);
        using var answer = await _api.Anonymous().PostAsJsonAsync("/api/v1/sessions/wechat", new { code });
        Assert.Equal(403, (int)answer.StatusCode);
        var problem = await answer.JsonAsync();
        Assert.Contains(problem.GetProperty("code").GetString(), codes);
        return problem;
    }

    private Task<HttpResponseMessage> BindAsync(string bindingTicket, string phoneCode) =>
        _api.Anonymous().PostAsJsonAsync("/api/v1/binding-requests/phone", new { bindingTicket, phoneCode });

    private async Task JoinAsync(string openId)
    {
        await BindAsync(await StrangerAsync(openId), Phone(Known, openId)).OkAsync();
        await ApproveAsync();
    }

    private async Task ApproveAsync()
    {
        var request = await fixture.Database.ScalarAsync<Guid>("select id from binding_requests where resident_id = $1 and decided_at is null order by requested_at desc limit 1", _scene.Head("101"));
        await (await SignInAsync("一层")).SendAsync(HttpMethod.Post, $"/api/v1/binding-requests/{request}/approval").OkAsync();
    }

    /// <summary>Of this scene's residents those for whom a request was made.</summary>
    private async Task<IReadOnlyList<Guid>> RequestedAsync() =>
        await fixture.Database.ScalarAsync<Guid[]>("select coalesce(array_agg(b.resident_id), '{}') from binding_requests b where b.node_path <@ $1::ltree", _scene.Top) ?? [];

    private Task<SignedIn> SignInAsync(string who) => _api.SignInAsync(_scene.OpenIdOf(who));
}
