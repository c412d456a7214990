using Backend.Platform.WeChat;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace Backend.Tests.Platform.WeChat;

public class WeChatRegistrationTests
{
    private const string OpenId = "oFAKE_openid_0000000000000001";

    [Theory]
    [InlineData("BaseAddress", "http://api.weixin.qq.com", "https")]
    [InlineData("BaseAddress", "http://127.0.0.1.example.com", "https")]
    [InlineData("BaseAddress", "ftp://127.0.0.1", "完整的 https 地址")]
    [InlineData("BaseAddress", "/relative", "完整的 https 地址")]
    [InlineData("BaseAddress", "https://user:pass@api.weixin.qq.com", "只有协议和主机")]
    [InlineData("BaseAddress", "https://api.weixin.qq.com/path", "只有协议和主机")]
    [InlineData("BaseAddress", "https://api.weixin.qq.com/?a=b", "只有协议和主机")]
    [InlineData("AppId", "", "AppId")]
    [InlineData("AppId", "wx 1", "AppId")]
    [InlineData("AppSecret", "", "AppSecret")]
    [InlineData("AppSecret", "weak-secret", "AppSecret")]
    [InlineData("AppSecret", "a secret with spaces in it", "AppSecret")]
    [InlineData("RedAlarmTemplate", "", "RedAlarmTemplate")]
    [InlineData("SubscribeTemplate", "two words", "SubscribeTemplate")]
    [InlineData("MiniProgramState", "release", "MiniProgramState")]
    [InlineData("MiniProgramPage", "", "MiniProgramPage")]
    [InlineData("MiniProgramPage", "/pages/x", "MiniProgramPage")]
    [InlineData("AnswerLimit", "00:00:06", "AnswerLimit")]
    [InlineData("AnswerLimit", "00:00:00", "AnswerLimit")]
    [InlineData("ConnectLimit", "00:00:06", "ConnectLimit")]
    [InlineData("RetryDelay", "00:01:00", "RetryDelay")]
    [InlineData("ParallelCalls", "0", "ParallelCalls")]
    public async Task RL23_bad_configuration_stops_the_start_with_a_reason(string key, string value, string reason)
    {
        var configuration = Good();
        configuration["WeChat:" + key] = value;
        await using var rig = new Rig(configuration);

        var refusal = Assert.Throws<OptionsValidationException>(() => rig.Services.GetRequiredService<IStartupValidator>().Validate());
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
        if (key == "AppSecret" && value.Length > 0) Assert.DoesNotContain(value, refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://api.weixin.qq.com")]
    [InlineData("http://127.0.0.1:5081/")]
    [InlineData("http://localhost:5081")]
    [InlineData("http://[::1]:5081")]
    public async Task RL23_good_configuration_starts(string address)
    {
        var configuration = Good();
        configuration["WeChat:BaseAddress"] = address;
        await using var rig = new Rig(configuration);

        rig.Services.GetRequiredService<IStartupValidator>().Validate();
        Assert.NotNull(rig.Client);
    }

    [Fact]
    public async Task RL18_connections_have_limits_follow_no_redirect_and_keep_no_cookie()
    {
        await using var rig = new Rig(Good());
        var handler = rig.Services.GetRequiredService<IHttpMessageHandlerFactory>().CreateHandler(nameof(WeChatClient));
        while (handler is DelegatingHandler outer) handler = outer.InnerHandler!;
        var sockets = Assert.IsType<SocketsHttpHandler>(handler);

        Assert.Equal(TimeSpan.FromSeconds(2), sockets.ConnectTimeout);
        Assert.Equal(TimeSpan.FromSeconds(30), sockets.PooledConnectionIdleTimeout);
        Assert.Equal(64, sockets.MaxConnectionsPerServer);
        Assert.False(sockets.AllowAutoRedirect);
        Assert.False(sockets.UseCookies);
        Assert.True(sockets.UseProxy);
    }

    [Fact]
    public async Task RL18_RL12_every_group_has_a_total_limit_and_a_login_ends_within_five_seconds()
    {
        await using var rig = new Rig(Good());
        var limits = rig.Services.GetRequiredService<CallLimits>();

        Assert.Equal(TimeSpan.FromSeconds(4.5), limits.LoginTotal);
        Assert.Equal(TimeSpan.FromSeconds(10), limits.MessageTotal);
        Assert.Equal(TimeSpan.FromSeconds(15), limits.TokenTotal);
        foreach (var group in Enum.GetValues<CallGroup>()) Assert.NotNull(limits[group]);
    }

    [Fact]
    public async Task RL18_calls_at_once_are_bounded_and_who_finds_no_place_is_told_at_once()
    {
        using var stub = new WeChatStub();
        var configuration = new Dictionary<string, string?>(stub.Configuration) { ["WeChat:ParallelCalls"] = "2" };
        await using var rig = new Rig(configuration);
        var gate = new TaskCompletionSource();
        stub.Always(WeChatCall.CodeToSession, StubAnswer.After(gate.Task));
        for (var i = 0; i < 10; i++) stub.AddCode($"code-{i}", OpenId);

        var logins = Enumerable.Range(0, 10).Select(i => rig.Login($"code-{i}")).ToArray();
        await Wait.Until(() => logins.Count(l => l.IsCompleted) == 4); // two run, four wait, four are turned away
        Assert.All(logins.Where(l => l.IsCompleted), l => Assert.Equal(new CodeExchange.Unavailable(CodeMayBeSpent: false), l.Result));
        Assert.InRange(stub.Calls(WeChatCall.CodeToSession), 0, 2);

        gate.SetResult();
        Assert.Equal(6, (await Task.WhenAll(logins)).Count(o => o is CodeExchange.Identity));
    }

    [Fact]
    public async Task RL12_stuck_messages_open_their_own_breaker_and_do_not_stop_logins()
    {
        using var stub = new WeChatStub();
        var machine = new FakeTimeProvider();
        await using var rig = Rig.At(stub, machine: machine);
        stub.AddCode("code-1", OpenId, again: true);
        stub.Always(WeChatCall.EmploymentMessage, new StubAnswer(Status: 503));

        for (var i = 0; i < 10; i++) Assert.Equal(WeChatErrorClass.Transient, (await rig.Send()).Class);
        var calls = stub.Calls(WeChatCall.EmploymentMessage);
        for (var i = 0; i < 10; i++) Assert.Equal(WeChatErrorClass.Transient, (await rig.Send()).Class);
        Assert.Equal(calls, stub.Calls(WeChatCall.EmploymentMessage)); // open: nothing goes out, certainly not sent

        Assert.IsType<CodeExchange.Identity>(await rig.Login("code-1"));

        stub.Always(WeChatCall.EmploymentMessage, null);
        machine.Advance(CallLimits.BreakDuration + TimeSpan.FromSeconds(1));
        Assert.Equal(WeChatErrorClass.Ok, (await rig.Send()).Class);
    }

    [Fact]
    public async Task RL12_logins_out_of_reach_do_not_stop_messages_and_refusals_open_no_breaker()
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        for (var i = 0; i < 30; i++) Assert.IsType<CodeExchange.CodeInvalid>(await rig.Login($"wrong-{i}"));
        Assert.Equal(30, stub.Calls(WeChatCall.CodeToSession));

        stub.Always(WeChatCall.CodeToSession, new StubAnswer(Status: 502));
        for (var i = 0; i < 60; i++) Assert.IsType<CodeExchange.Unavailable>(await rig.Login($"code-{i}"));
        Assert.InRange(stub.Calls(WeChatCall.CodeToSession), 40, 89);

        Assert.Equal(WeChatErrorClass.Ok, (await rig.Send()).Class);
    }

    [Fact]
    public async Task PD05_no_secret_token_openid_code_or_session_key_is_logged_at_any_level()
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        stub.AddCode("secret-code-1", OpenId, "uFAKE_unionid_000000000000001");
        await rig.Login("secret-code-1");
        await rig.Login("secret-code-1");
        await rig.Send(OpenId);
        stub.RevokeToken();
        await rig.Send(OpenId);
        foreach (var code in WeChatErrors.Known.Keys)
        {
            stub.Script(WeChatCall.CodeToSession, StubAnswer.Refuse(code), StubAnswer.Refuse(code));
            await rig.Login("secret-code-2");
        }
        // errmsg may say anything, our own query included
        var echo = $$"""{"errcode":40003,"errmsg":"invalid openid {{OpenId}} token {{stub.CurrentToken}} secret {{WeChatStub.AppSecret}}\r\nforged line, rid: 00000000-00000000-00000013"}""";
        stub.Script(WeChatCall.EmploymentMessage, new StubAnswer(echo), new StubAnswer(Status: 302, Location: $"http://x/?access_token={stub.CurrentToken}"), new StubAnswer("{"));
        for (var i = 0; i < 3; i++) await rig.Send(OpenId, "第一行\n第二行");
        await using var cut = new WeChatStubWire((_, _) => Task.CompletedTask);
        await using var broken = Rig.At(cut.BaseAddress);
        for (var i = 0; i < 20; i++) await broken.Login("secret-code-3");

        Assert.NotEmpty(rig.Log.Lines);
        Assert.NotEmpty(broken.Log.Lines);
        var text = rig.Log.Text + broken.Log.Text;
        foreach (var secret in new[] { OpenId, "uFAKE_", WeChatStub.AppSecret, "FAKE_STABLE_TOKEN", "secret-code", "AAECAwQFBgcICQoLDA0ODw", "access_token=", "forged line", "第一行" })
            Assert.DoesNotContain(secret, text, StringComparison.Ordinal);
        Assert.Contains("00000000-00000000-00000013", text, StringComparison.Ordinal); // what support needs is there
        Assert.Contains("192.0.2.10", text, StringComparison.Ordinal); // the address that operators must add to the allow-list
    }

    private static Dictionary<string, string?> Good() => new()
    {
        ["WeChat:BaseAddress"] = "https://api.weixin.qq.com",
        ["WeChat:AppId"] = WeChatStub.AppId,
        ["WeChat:AppSecret"] = WeChatStub.AppSecret,
        ["WeChat:RedAlarmTemplate"] = WeChatStub.RedAlarmTemplate,
        ["WeChat:MiniProgramPage"] = WeChatStub.MiniProgramPage,
    };
}
