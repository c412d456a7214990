using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Platform.Outbox;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Features.Notices;

/// <summary>What the phone reports of <c>wx.requestSubscribeMessage</c>, what it is told to ask for, and the message that a consent pays for.</summary>
public sealed class WeChatConsentsTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private const string Path = "/api/v1/me/wechat-consents";
    private Api _api = null!;
    private Scene _scene = null!;

    public async Task InitializeAsync() => await StartAsync(longTerm: false);

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task A_one_time_template_is_asked_for_at_every_tap_and_each_acceptance_is_one_message()
    {
        var leader = await _api.SignInAsync(_scene.OpenIdOf("楼层长"));
        var fresh = await TemplateAsync(leader);
        Assert.Equal((WeChatStub.SubscribeTemplate, "one_time", true, 0), (Text(fresh, "templateId"), Text(fresh, "kind"), fresh.GetProperty("ask").GetBoolean(), Left(fresh)));
        Assert.Equal(JsonValueKind.Null, fresh.GetProperty("lastResult").ValueKind);

        // WeChat's own words, whatever reminder she chose with her yes.
        foreach (var (answer, left, last) in ((string, int, string)[])[
            ("accept", 1, "accept"), ("acceptWithAudio", 2, "accept"), ("acceptWithAlert", 3, "accept"), ("acceptWithForcePush", 4, "accept"),
            ("reject", 4, "reject"), ("ban", 4, "ban"), ("filter", 4, "filter")])
        {
            var told = (await ReportAsync(leader, answer)).GetProperty("templates")[0];
            Assert.Equal((left, last, true), (Left(told), Text(told, "lastResult"), told.GetProperty("ask").GetBoolean()));
            Assert.Equal(told.ToString(), (await TemplateAsync(leader)).ToString());
        }

        Assert.Equal(_api.Clock.GetUtcNow(), (await TemplateAsync(leader)).GetProperty("lastResultAt").GetDateTimeOffset());
        Assert.Equal(7, await fixture.Database.ScalarAsync<long>(
            "select count(*) from audit_entries where operation = 'recordWeChatConsents' and result = 'done' and account_id = $1", _scene.Account("楼层长").Id));
    }

    [Fact]
    public async Task A_long_term_template_is_open_after_one_yes_and_closed_by_a_no()
    {
        await _api.DisposeAsync();
        await StartAsync(longTerm: true);
        var leader = await _api.SignInAsync(_scene.OpenIdOf("楼层长"));
        var open = (await ReportAsync(leader, "accept")).GetProperty("templates")[0];
        Assert.Equal(("long_term", JsonValueKind.Null, false), (Text(open, "kind"), open.GetProperty("remaining").ValueKind, open.GetProperty("ask").GetBoolean()));

        foreach (var nothing in (string[])["ban", "filter"])
            Assert.Equal(JsonValueKind.Null, (await ReportAsync(leader, nothing)).GetProperty("templates")[0].GetProperty("remaining").ValueKind);
        var closed = (await ReportAsync(leader, "reject")).GetProperty("templates")[0];
        Assert.Equal((0, true), (Left(closed), closed.GetProperty("ask").GetBoolean()));
    }

    [Fact]
    public async Task RL02_a_report_under_one_key_counts_once_also_when_it_arrives_twice_at_once()
    {
        var leader = await _api.SignInAsync(_scene.OpenIdOf("楼层长"));
        await leader.Client.PostAsync(Path, System.Net.Http.Json.JsonContent.Create(Body("accept"))).RefusedAsync(400, "idempotency_key_missing");
        var both = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => leader.SendAsync(HttpMethod.Post, Path, Body("accept"), "one-tap")));
        Assert.All(both, a => Assert.Contains((int)a.StatusCode, (int[])[200, 409]));
        for (var i = 0; i < 5; i++) await leader.SendAsync(HttpMethod.Post, Path, Body("accept"), "one-tap").OkAsync();
        Assert.Equal(1, Left(await TemplateAsync(leader)));

        await Task.WhenAll(Enumerable.Range(0, 5).Select(i => leader.SendAsync(HttpMethod.Post, Path, Body("accept"), $"tap-{i}").OkAsync()));
        Assert.Equal(6, Left(await TemplateAsync(leader)));
    }

    [Theory]
    [InlineData("""{"results":[]}""", "results")]
    [InlineData("""{"results":[null]}""", "results")]
    [InlineData("""{"results":[{"templateId":"FAKE_TMPL_OTHER","result":"accept"}]}""", "results[0].templateId")]
    [InlineData("""{"results":[{"templateId":"FAKE_TMPL_RED_ALERT_0001","result":"accept"},{"templateId":"FAKE_TMPL_RED_ALERT_0001","result":"accept"}]}""", "results[1].templateId")]
    public async Task IN02_a_report_that_makes_no_sense_names_its_member_and_changes_nothing(string body, string member)
    {
        var leader = await _api.SignInAsync(_scene.OpenIdOf("楼层长"));
        var refused = await SendAsync(leader, body).RefusedAsync(400, "invalid_request");
        Assert.True(refused.GetProperty("errors").TryGetProperty(member, out _), refused.ToString());
        Assert.Equal(0, Left(await TemplateAsync(leader)));
    }

    [Theory]
    [InlineData("yes")]
    [InlineData("refused")]
    [InlineData("Accept")]
    public async Task IN02_a_word_that_WeChat_does_not_say_is_refused(string word)
    {
        var leader = await _api.SignInAsync(_scene.OpenIdOf("楼层长"));
        await SendAsync(leader, $$"""{"results":[{"templateId":"{{WeChatStub.SubscribeTemplate}}","result":"{{word}}"}]}""").RefusedAsync(400, "malformed_body");
    }

    [Fact]
    public async Task AZ05_nobody_sees_or_changes_the_ledger_of_another()
    {
        var (one, other) = (await _api.SignInAsync(_scene.OpenIdOf("楼层长")), await _api.SignInAsync(_scene.OpenIdOf("楼长")));
        await ReportAsync(one, "accept");
        Assert.Equal(0, Left(await TemplateAsync(other)));
        await ReportAsync(other, "reject");
        Assert.Equal(1, Left(await TemplateAsync(one)));
        await _api.Anonymous().GetAsync(Path).RefusedAsync(401, "not_signed_in");
    }

    [Fact]
    public async Task Whoever_holds_no_post_is_not_asked_for_visit_tasks()
    {
        var resident = await _api.SignInAsync(_scene.OpenIdOf("居民"));
        Assert.False((await TemplateAsync(resident)).GetProperty("ask").GetBoolean());
    }

    [Fact]
    public async Task RL06_a_consent_pays_for_one_message_to_a_leader_without_employment_relation()
    {
        await fixture.Database.ExecuteAsync("update we_chat_identities set employment_bound = false where account_id = $1", _scene.Account("楼层长").Id);
        var leader = await _api.SignInAsync(_scene.OpenIdOf("楼层长"));
        _api.WeChat.Consent(_scene.OpenIdOf("楼层长"));
        await ReportAsync(leader, "accept");

        await IllAsync(1);
        await IllAsync(2);

        var message = Assert.Single(_api.WeChat.Messages, m => m.OpenId == _scene.OpenIdOf("楼层长"));
        Assert.Equal(WeChatStub.SubscribeTemplate, message.TemplateId);
        // What lies on a lock screen says nothing of the household, and no more than the first channel does.
        Assert.Equal("您有一条新的走访任务", message.Values["thing1"]);
        Assert.Equal(["phrase3", "thing1", "time2"], message.Values.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(0, Left(await TemplateAsync(leader)));
        Assert.Equal(1, _api.WeChat.Calls(WeChatCall.SubscribeMessage));
        // The others have their employment messages.
        Assert.Equal(2, _api.WeChat.SendsTo(_scene.OpenIdOf("楼长")));
    }

    [Fact]
    public async Task RL11_a_ledger_that_believes_too_much_is_set_right_by_43101_and_the_phone_is_told_to_ask()
    {
        await fixture.Database.ExecuteAsync("update we_chat_identities set employment_bound = false where account_id = $1", _scene.Account("楼层长").Id);
        var leader = await _api.SignInAsync(_scene.OpenIdOf("楼层长"));
        // Reported thrice, and switched off in WeChat since.
        for (var i = 0; i < 3; i++) await ReportAsync(leader, "accept");

        await IllAsync(1);
        await IllAsync(2);

        Assert.Equal((0, 1), (_api.WeChat.SendsTo(_scene.OpenIdOf("楼层长")), _api.WeChat.Calls(WeChatCall.SubscribeMessage)));
        var told = await TemplateAsync(leader);
        Assert.Equal((0, "refused", true), (Left(told), Text(told, "lastResult"), told.GetProperty("ask").GetBoolean()));
    }

    private async Task StartAsync(bool longTerm)
    {
        _api = await Api.StartAsync(fixture.Database, new Dictionary<string, string?> { ["WeChat:SubscribeTemplateIsLongTerm"] = $"{longTerm}" });
        _scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("楼层长", Role.FloorLeader, "s.c.a.b.f1", leads: true)
            .Person("楼长", Role.BuildingLeader, "s.c.a.b", leads: true);
        foreach (var number in (int[])[1, 2]) _scene.Home("s.c.a.b.f1", $"{_scene.Top}-{number}", PostgresFixture.DemoDay);
        await _scene.SaveAsync(fixture.Database);
        var resident = _scene.Known("居民");
        resident.ResidentId = await fixture.Database.ScalarAsync<Guid>("select id from residents where household_id = $1", _scene.Household($"{_scene.Top}-1").Id);
        await _scene.SaveAsync(fixture.Database);
    }

    private async Task IllAsync(int number)
    {
        await using (var db = _api.Services.GetRequiredService<BackendDbFactory>().ForWorker())
            await LeadersScene.ChangeAsync(db, _scene.Household($"{_scene.Top}-{number}").Id, Backend.Domain.Tiers.Tier.Red);
        var (dispatcher, pump) = (_api.Services.GetRequiredService<OutboxDispatcher>(), _api.Services.GetRequiredService<DeliveryPump>());
        while (await dispatcher.DrainAsync(default) + await pump.DrainAsync(default) > 0) { }
    }

    private static object Body(string answer) => new { results = new[] { new { templateId = WeChatStub.SubscribeTemplate, result = answer } } };

    private static Task<JsonElement> ReportAsync(SignedIn who, string answer) => who.SendAsync(HttpMethod.Post, Path, Body(answer)).OkAsync();

    private static Task<HttpResponseMessage> SendAsync(SignedIn who, string body)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, Path) { Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json") };
        request.Headers.Add("Idempotency-Key", Guid.CreateVersion7().ToString());
        return who.Client.SendAsync(request);
    }

    private static async Task<JsonElement> TemplateAsync(SignedIn who) => (await who.GetAsync(Path).OkAsync()).GetProperty("templates")[0];

    private static string? Text(JsonElement item, string name) => item.GetProperty(name).GetString();

    private static int Left(JsonElement template) => template.GetProperty("remaining").GetInt32();
}
