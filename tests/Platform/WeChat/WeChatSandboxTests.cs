using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Backend.Platform.WeChat;
using Backend.Tests.Support;
using Local.Sandbox;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Backend.Tests.Platform.WeChat;

/// <summary>The local sandbox over real HTTP, through the service's own client where that is possible.</summary>
public sealed class WeChatSandboxTests : IAsyncLifetime, IDisposable
{
    private const string Send = "cgi-bin/message/wxopen/employeerelationmsg/send";

    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 9, 21, 0, 30, 0, TimeSpan.Zero));
    private WebApplication _app = null!;
    private HttpClient _http = null!;
    private Rig _rig = null!;

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton<TimeProvider>(_clock);
        builder.Services.AddWeChatSandbox(WeChatStub.AppId, WeChatStub.AppSecret);
        _app = builder.Build();
        _app.MapWeChatSandbox();
        await _app.StartAsync();
        var address = new Uri(_app.Urls.First());
        _http = new HttpClient { BaseAddress = address };
        _rig = Rig.At(address, clock: _clock);
    }

    public async Task DisposeAsync()
    {
        await _rig.DisposeAsync();
        await _app.DisposeAsync();
    }

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task Every_demo_code_logs_in_again_and_again_as_the_same_invented_person()
    {
        Assert.Equal(8, DemoCodes.All.Count);
        foreach (var code in DemoCodes.All)
        {
            for (var again = 0; again < 2; again++)
                Assert.Equal(new CodeExchange.Identity(DemoCodes.OpenIdOf(code), null), await _rig.Login(code));
        }
        Assert.Equal(8, DemoCodes.All.Select(DemoCodes.OpenIdOf).Distinct().Count());
        Assert.All(DemoCodes.All, code => Assert.Equal(28, DemoCodes.OpenIdOf(code).Length));
    }

    [Fact]
    public async Task The_openids_of_the_demo_are_the_same_on_every_machine() =>
        Assert.Equal(new CodeExchange.Identity("oDEMO_7feb8137271a054165b5bd", null), await _rig.Login("demo-staff"));

    [Fact]
    public async Task An_unbound_code_gives_somebody_whom_nobody_has_bound()
    {
        var identity = Assert.IsType<CodeExchange.Identity>(await _rig.Login("demo-unbound-1"));
        Assert.Equal(identity, await _rig.Login("demo-unbound-1"));
        Assert.NotEqual(identity, await _rig.Login("demo-unbound-2"));
        Assert.Equal((WeChatErrorClass.RecipientInvalid, 40256), ((await _rig.Send(identity.OpenId)) is { } o ? (o.Class, o.Code!.Value) : default));
    }

    [Theory]
    [InlineData("demo-somebody")]
    [InlineData("demo-unbound-")]
    [InlineData("DEMO-STAFF")]
    public async Task Any_other_code_is_invalid(string code) => Assert.IsType<CodeExchange.CodeInvalid>(await _rig.Login(code));

    [Fact]
    public async Task A_message_is_received_and_shown_newest_first()
    {
        _app.Services.GetRequiredService<WeChatSandbox>().Name(DemoCodes.OpenIdOf("leader-13-4"), "13栋4楼楼层长");
        Assert.Equal(WeChatErrorClass.Ok, (await _rig.Send(DemoCodes.OpenIdOf("demo-floor-leader"))).Class);
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(WeChatErrorClass.Ok, (await _rig.Send(DemoCodes.OpenIdOf("leader-13-4"), "<b>一户</b>")).Class);

        var shown = JsonNode.Parse(await _http.GetStringAsync(new Uri("sandbox/messages", UriKind.Relative)))!;
        Assert.Equal(2, (int)shown["received"]!);
        Assert.Equal(["13栋4楼楼层长", "demo-floor-leader"], shown["messages"]!.AsArray().Select(m => (string?)m!["recipient"]));
        var oldest = shown["messages"]![1]!;
        Assert.Equal("2026-09-21T00:30:00+00:00", (string?)oldest["at"]);
        Assert.Equal((WeChatStub.RedAlarmTemplate, WeChatStub.MiniProgramPage), ((string)oldest["template"]!, (string)oldest["page"]!));
        Assert.Equal(["thing1=红色预警待走访", "time2=2026-09-21 08:30"], oldest["values"]!.AsArray().Select(v => $"{v!["key"]}={v["text"]}"));
    }

    [Fact]
    public async Task The_last_500_messages_are_kept()
    {
        var sandbox = _app.Services.GetRequiredService<WeChatSandbox>();
        for (var i = 0; i < 510; i++) sandbox.Receive("用工消息", DemoCodes.OpenIdOf("demo-staff"), "T", "p", [new SandboxValue("thing1", $"{i}")]);

        var shown = (await _http.GetFromJsonAsync<JsonElement>(new Uri("sandbox/messages", UriKind.Relative)));
        Assert.Equal(510, shown.GetProperty("received").GetInt64());
        Assert.Equal(500, shown.GetProperty("messages").GetArrayLength());
        Assert.Equal(510, shown.GetProperty("messages")[0].GetProperty("number").GetInt64());
    }

    [Fact]
    public async Task The_page_is_Chinese_and_puts_no_text_in_as_HTML()
    {
        using var answer = await _http.GetAsync(new Uri("sandbox", UriKind.Relative));
        var page = await answer.Content.ReadAsStringAsync();

        Assert.Equal("text/html; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
        Assert.Contains("default-src 'none'", answer.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.Contains("lang=\"zh-CN\"", page, StringComparison.Ordinal);
        Assert.Contains("微信沙箱", page, StringComparison.Ordinal);
        Assert.DoesNotContain("innerHTML", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("appid=&secret=s&js_code=c&grant_type=authorization_code", 41002)]
    [InlineData("appid=wx0000000000000001&js_code=c&grant_type=authorization_code", 41004)]
    [InlineData("appid=wx0000000000000001&secret=s&grant_type=authorization_code", 41008)]
    [InlineData("appid=wx0000000000000001&secret=s&js_code=c&grant_type=password", 40002)]
    [InlineData("appid=wx0000000000000009&secret=s&js_code=c&grant_type=authorization_code", 40013)]
    [InlineData("appid=wx0000000000000001&secret=wrong&js_code=demo-staff&grant_type=authorization_code", 40125)]
    [InlineData("appid=wx0000000000000001&secret=" + WeChatStub.AppSecret + "&js_code=c&grant_type=authorization_code", 40029)]
    public async Task A_login_is_checked_as_WeChat_checks_it(string query, int errcode) =>
        Assert.Equal(errcode, Errcode(await _http.GetStringAsync(new Uri("sns/jscode2session?" + query, UriKind.Relative))));

    [Theory]
    [InlineData("""{"grant_type":"client_credential","appid":"wx0000000000000001","secret":"wrong"}""", 40125)]
    [InlineData("""{"grant_type":"client_credential","appid":"wx9","secret":"wrong"}""", 40013)]
    [InlineData("""{"grant_type":"x","appid":"wx0000000000000001","secret":"wrong"}""", 40002)]
    [InlineData("""{"grant_type":"client_credential","secret":"wrong"}""", 41002)]
    [InlineData("""{"grant_type":"client_credential","appid":"wx0000000000000001"}""", 41004)]
    [InlineData("", 44002)]
    [InlineData("[]", 47001)]
    [InlineData("{", 47001)]
    [InlineData("""{"appid":"a","appid":"b"}""", 47001)]
    public async Task A_token_request_is_checked_as_WeChat_checks_it(string body, int errcode) =>
        Assert.Equal(errcode, Errcode(await PostAsync("cgi-bin/stable_token", body)));

    [Fact]
    public async Task The_token_stays_the_same_until_its_last_five_minutes_and_both_work_in_between()
    {
        var (first, life) = await TokenAsync();
        Assert.Equal(7200, life);
        _clock.Advance(TimeSpan.FromSeconds(6899));
        Assert.Equal((first, 301), await TokenAsync());
        _clock.Advance(TimeSpan.FromSeconds(1));
        var (second, _) = await TokenAsync();
        Assert.NotEqual(first, second);
        Assert.Equal(0, Errcode(await PostAsync($"{Send}?access_token={first}", Message())));
        Assert.Equal(0, Errcode(await PostAsync($"{Send}?access_token={second}", Message())));
        _clock.Advance(TimeSpan.FromSeconds(300));
        Assert.Equal(40001, Errcode(await PostAsync($"{Send}?access_token={first}", Message())));
        Assert.Equal(0, Errcode(await PostAsync($"{Send}?access_token={second}", Message())));
    }

    public static TheoryData<string, int> BadMessages => new()
    {
        { "", 44002 },
        { "not json", 47001 },
        { Message(data: new JsonObject { ["data"] = new JsonObject { ["thing1"] = new JsonObject { ["value"] = "对象" } } }), 40097 },
        { Message(data: "not json"), 40097 },
        { Message(data: "{\"thing1\":{\"value\":\"少一层\"}}"), 40097 },
        { Message(data: "{\"data\":{}}"), 40097 },
        { Message(data: "{\"data\":{\"thing1\":{\"value\":\"一二三四五六七八九十一二三四五六七八九十一\"}}}"), 47003 },
        { Message(data: "{\"data\":{\"thing1\":{\"value\":\"\"}}}"), 47003 },
        { Message(data: "{\"data\":{\"thing1\":\"值\"}}"), 47003 },
        { Message(openId: "oOTHER_0000000000000000000001"), 40003 },
        { Message(page: "/pages/x"), 40097 },
        { Message(page: null), 40097 },
        { Message(template: null), 40097 },
        { Message(openId: DemoCodes.OpenIdOf("demo-unbound-1")), 40256 },
    };

    [Theory]
    [MemberData(nameof(BadMessages))]
    public async Task A_message_is_checked_as_WeChat_checks_it(string body, int errcode)
    {
        var (token, _) = await TokenAsync();
        Assert.Equal(errcode, Errcode(await PostAsync($"{Send}?access_token={token}", body)));
        Assert.Empty(_app.Services.GetRequiredService<WeChatSandbox>().Messages);
    }

    [Fact]
    public async Task A_message_without_a_good_token_or_by_GET_is_refused()
    {
        Assert.Equal(41001, Errcode(await PostAsync(Send, Message())));
        Assert.Equal(40001, Errcode(await PostAsync($"{Send}?access_token=wrong", Message())));
        Assert.Equal(43002, Errcode(await _http.GetStringAsync(new Uri(Send, UriKind.Relative))));
    }

    [Fact]
    public async Task A_subscribe_message_is_received_and_shown_like_the_others_and_a_stranger_has_not_consented()
    {
        Assert.Equal(WeChatErrorClass.Ok, (await _rig.SendSubscribe(DemoCodes.OpenIdOf("demo-area-leader"))).Class);
        Assert.Equal(43101, (await _rig.SendSubscribe(DemoCodes.OpenIdOf("demo-unbound-1"))).Code);

        var shown = Assert.Single(JsonNode.Parse(await _http.GetStringAsync(new Uri("sandbox/messages", UriKind.Relative)))!["messages"]!.AsArray())!;
        Assert.Equal(("订阅消息", "demo-area-leader", WeChatStub.SubscribeTemplate), ((string)shown["kind"]!, (string)shown["recipient"]!, (string)shown["template"]!));
        Assert.Equal(["thing1=您有一条新的走访任务", "time2=2026-09-21 08:30", "phrase3=待处理"], shown["values"]!.AsArray().Select(v => $"{v!["key"]}={v["text"]}"));
    }

    public static TheoryData<string, int> BadSubscribeMessages => new()
    {
        { "", 44002 },
        { "not json", 47001 },
        { Subscribe(m => m["touser"] = "oOTHER_0000000000000000000001"), 40003 },
        { Subscribe(m => m.Remove("template_id")), 40037 },
        { Subscribe(m => m["page"] = "/pages/x"), 41030 },
        { Subscribe(m => m["miniprogram_state"] = "release"), 40097 },
        { Subscribe(m => m["data"] = "{\"thing1\":{\"value\":\"文字\"}}"), 47003 },
        { Subscribe(m => m["data"] = new JsonObject { ["phrase3"] = new JsonObject { ["value"] = "超过五个汉字" } }), 47003 },
    };

    [Theory]
    [MemberData(nameof(BadSubscribeMessages))]
    public async Task A_subscribe_message_is_checked_as_WeChat_checks_it(string body, int errcode)
    {
        var (token, _) = await TokenAsync();
        Assert.Equal(errcode, Errcode(await PostAsync($"cgi-bin/message/subscribe/send?access_token={token}", body)));
        Assert.Empty(_app.Services.GetRequiredService<WeChatSandbox>().Messages);
    }

    [Fact]
    public async Task A_phone_code_of_the_demo_gives_the_number_in_it_and_others_none()
    {
        var openId = DemoCodes.OpenIdOf("demo-unbound-1");
        Assert.Equal(new PhoneExchange.Verified("10012340001"), await _rig.Verify("demo-phone-10012340001", openId));
        foreach (var code in (string[])["demo-phone-", "demo-phone-1001234000", "demo-phone-1001234000x", "demo-staff"]) Assert.IsType<PhoneExchange.CodeInvalid>(await _rig.Verify(code, openId));
        Assert.IsType<PhoneExchange.CodeInvalid>(await _rig.Verify("demo-phone-10012340001", "oOTHER_0000000000000000000001"));
        Assert.Equal(43002, Errcode(await _http.GetStringAsync(new Uri("wxa/business/getuserphonenumber", UriKind.Relative))));
    }

    private static string Subscribe(Action<JsonObject> change)
    {
        var message = new JsonObject
        {
            ["touser"] = DemoCodes.OpenIdOf("demo-staff"),
            ["template_id"] = "T",
            ["page"] = "pages/x",
            ["data"] = new JsonObject { ["thing1"] = new JsonObject { ["value"] = "您有一条新的走访任务" } },
        };
        change(message);
        return message.ToJsonString();
    }

    private static string Message(string? openId = null, string? template = "T", string? page = "pages/x", JsonNode? data = null) => new JsonObject
    {
        ["touser"] = openId ?? DemoCodes.OpenIdOf("demo-staff"),
        ["template_id"] = template,
        ["page"] = page,
        ["data"] = data ?? "{\"data\":{\"thing1\":{\"value\":\"您有一条新的走访任务\"}}}",
    }.ToJsonString();

    private async Task<(string Token, int ExpiresIn)> TokenAsync()
    {
        var answer = JsonNode.Parse(await PostAsync("cgi-bin/stable_token",
            $$"""{"grant_type":"client_credential","appid":"{{WeChatStub.AppId}}","secret":"{{WeChatStub.AppSecret}}"}"""))!;
        return ((string)answer["access_token"]!, (int)answer["expires_in"]!);
    }

    private async Task<string> PostAsync(string path, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await _http.PostAsync(new Uri(path, UriKind.Relative), content);
        Assert.Equal(System.Net.HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadAsStringAsync();
    }

    private static int Errcode(string answer) => (int?)JsonNode.Parse(answer)!["errcode"] ?? 0;
}
