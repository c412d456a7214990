using Backend.Platform.WeChat;
using Backend.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace Backend.Tests.Platform.WeChat;

/// <summary>getuserphonenumber: the code of a phone button for the number behind it (ID06).</summary>
public class VerifyPhoneTests
{
    private const string OpenId = "oFAKE_openid_0000000000000001", Number = "10012340001";

    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 26, 4, 0, 30, TimeSpan.Zero));

    [Fact]
    public async Task ID06_a_code_gives_its_number_once_and_to_whoever_pressed_the_button()
    {
        using var stub = Stub();
        await using var rig = Rig.At(stub, _clock);
        stub.AddPhone("phone-1", Number, openId: OpenId);

        Assert.IsType<PhoneExchange.CodeInvalid>(await rig.Verify("phone-1", "oFAKE_openid_0000000000000002"));
        Assert.Equal(new PhoneExchange.Verified(Number), await rig.Verify("phone-1"));
        Assert.IsType<PhoneExchange.CodeInvalid>(await rig.Verify("phone-1"));
        Assert.Equal("Verified", new PhoneExchange.Verified(Number).ToString());
    }

    [Theory]
    [InlineData(40029, "CodeInvalid")]
    [InlineData(40163, "CodeInvalid")]
    [InlineData(40003, "CodeInvalid")]
    [InlineData(40097, "CodeInvalid")]
    [InlineData(99999, "CodeInvalid")]
    [InlineData(40013, "Misconfigured")]
    [InlineData(40164, "Misconfigured")]
    [InlineData(48001, "Misconfigured")]
    [InlineData(50002, "Misconfigured")]
    public async Task RL11_a_refusal_becomes_one_outcome_of_the_closed_set_and_is_not_repeated(int errcode, string outcome)
    {
        using var stub = Stub();
        await using var rig = Rig.At(stub, _clock);
        stub.Script(WeChatCall.PhoneNumber, StubAnswer.Refuse(errcode));

        Assert.Equal(outcome, (await rig.Verify("phone-1")).GetType().Name);
        Assert.Equal(1, stub.Calls(WeChatCall.PhoneNumber));
    }

    [Theory]
    [InlineData(45011, "00:00:30")]
    [InlineData(45009, "11:59:30")]
    public async Task RL11_after_too_frequent_no_code_goes_out_before_the_time_is_over(int errcode, string pause)
    {
        using var stub = Stub();
        await using var rig = Rig.At(stub, _clock);
        stub.AddPhone("phone-1", Number);
        stub.Script(WeChatCall.PhoneNumber, StubAnswer.Refuse(errcode));

        Assert.Equal(new PhoneExchange.Unavailable(CodeMayBeSpent: false), await rig.Verify("phone-1"));
        _clock.Advance(TimeSpan.Parse(pause, System.Globalization.CultureInfo.InvariantCulture) - TimeSpan.FromTicks(1));
        Assert.Equal(new PhoneExchange.Unavailable(CodeMayBeSpent: false), await rig.Verify("phone-1"));
        Assert.Equal(1, stub.Calls(WeChatCall.PhoneNumber));
        _clock.Advance(TimeSpan.FromTicks(1));
        Assert.IsType<PhoneExchange.Verified>(await rig.Verify("phone-1"));
    }

    [Fact]
    public async Task RL11_a_definite_busy_is_repeated_once_with_the_same_code()
    {
        using var stub = Stub();
        await using var rig = Rig.At(stub, _clock);
        stub.AddPhone("phone-1", Number);
        stub.Script(WeChatCall.PhoneNumber, StubAnswer.Refuse(-1));
        Assert.IsType<PhoneExchange.Verified>(await rig.Verify("phone-1"));
        Assert.Equal(2, stub.Calls(WeChatCall.PhoneNumber));

        stub.Script(WeChatCall.PhoneNumber, StubAnswer.Refuse(-1), StubAnswer.Refuse(-1));
        Assert.Equal(new PhoneExchange.Unavailable(CodeMayBeSpent: false), await rig.Verify("phone-2"));
        Assert.Equal(4, stub.Calls(WeChatCall.PhoneNumber));
    }

    [Fact]
    public async Task RL11_a_stale_token_is_renewed_and_the_code_goes_out_once_more()
    {
        using var stub = Stub();
        await using var rig = Rig.At(stub, _clock);
        stub.AddPhone("phone-1", Number, again: true);
        Assert.IsType<PhoneExchange.Verified>(await rig.Verify("phone-1"));
        stub.RevokeToken();
        Assert.IsType<PhoneExchange.Verified>(await rig.Verify("phone-1"));
        Assert.Equal(3, stub.Calls(WeChatCall.PhoneNumber));

        stub.Always(WeChatCall.PhoneNumber, StubAnswer.Refuse(40001));
        Assert.IsType<PhoneExchange.Misconfigured>(await rig.Verify("phone-1"));
        Assert.Equal(5, stub.Calls(WeChatCall.PhoneNumber));
    }

    [Fact]
    public async Task RL12_a_lost_answer_is_never_repeated_and_the_person_is_told_before_the_fifth_second()
    {
        using var stub = Stub();
        var machine = new FakeTimeProvider();
        await using var rig = Rig.At(stub, _clock, machine: machine);
        stub.AddPhone("phone-1", Number);
        stub.Script(WeChatCall.PhoneNumber, StubAnswer.DoneButAnswerLost);

        var verifying = rig.Verify("phone-1");
        await Wait.Until(() => stub.Calls(WeChatCall.PhoneNumber) == 1);
        machine.Advance(TimeSpan.FromSeconds(4.5));
        Assert.Equal(new PhoneExchange.Unavailable(CodeMayBeSpent: true), await verifying);
        Assert.Equal(1, stub.Calls(WeChatCall.PhoneNumber));
    }

    [Fact]
    public async Task RL12_a_token_that_does_not_come_leaves_the_code_unspent_within_the_same_time()
    {
        using var stub = Stub();
        var machine = new FakeTimeProvider();
        await using var rig = Rig.At(stub, _clock, machine: machine);
        stub.Script(WeChatCall.StableToken, StubAnswer.Hang);

        var verifying = rig.Verify("phone-1");
        await Wait.Until(() => stub.Calls(WeChatCall.StableToken) == 1);
        machine.Advance(TimeSpan.FromSeconds(4.5));
        Assert.Equal(new PhoneExchange.Unavailable(CodeMayBeSpent: false), await verifying);
        Assert.Equal(0, stub.Calls(WeChatCall.PhoneNumber));
    }

    [Theory]
    [InlineData(500, true)]
    [InlineData(504, true)]
    [InlineData(429, false)]
    public async Task RL11_a_gateways_error_may_have_spent_the_code(int status, bool spent)
    {
        using var stub = Stub();
        await using var rig = Rig.At(stub, _clock);
        stub.Script(WeChatCall.PhoneNumber, new StubAnswer(Status: status));
        Assert.Equal(new PhoneExchange.Unavailable(spent), await rig.Verify("phone-1"));
        Assert.Equal(1, stub.Calls(WeChatCall.PhoneNumber));
    }

    [Fact]
    public async Task RL12_verifying_out_of_reach_stops_neither_logins_nor_messages()
    {
        using var stub = Stub();
        await using var rig = Rig.At(stub, _clock);
        stub.AddCode("code-1", OpenId);
        stub.Always(WeChatCall.PhoneNumber, new StubAnswer(Status: 502));
        for (var i = 0; i < 30; i++) Assert.IsType<PhoneExchange.Unavailable>(await rig.Verify($"phone-{i}"));
        Assert.InRange(stub.Calls(WeChatCall.PhoneNumber), 10, 29);
        Assert.IsType<CodeExchange.Identity>(await rig.Login("code-1"));
        Assert.Equal(WeChatErrorClass.Ok, (await rig.Send()).Class);
    }

    [Fact]
    public async Task ID06_IN12_a_number_of_another_mini_program_or_of_another_time_is_none()
    {
        using var stub = Stub();
        await using var rig = Rig.At(stub, _clock);
        var now = _clock.GetUtcNow().ToUnixTimeSeconds();
        foreach (var (appId, timestamp, taken) in ((string, long, bool)[])
            [(WeChatStub.AppId, now - 600, true), (WeChatStub.AppId, now - 601, false), (WeChatStub.AppId, now + 601, false), ("wx0000000000000002", now, false), ("", now, false)])
        {
            stub.Script(WeChatCall.PhoneNumber, new StubAnswer(stub.PhoneBody(Number, appId: appId, timestamp: timestamp)));
            Assert.Equal(taken ? "Verified" : "CodeInvalid", (await rig.Verify("phone-1")).GetType().Name);
        }

        Assert.Contains("watermark", rig.Log.Text, StringComparison.Ordinal); // operators must know
    }

    [Fact]
    public async Task IN12_countries_and_times_come_as_texts_or_numbers_and_a_foreign_number_is_no_mainland_one()
    {
        using var stub = Stub();
        await using var rig = Rig.At(stub, _clock);
        var now = _clock.GetUtcNow().ToUnixTimeSeconds();
        foreach (var (country, timestamp, number) in ((object, object, string)[])[("86", now, Number), (86, $"{now}", Number), ("852", now, $"+852{Number}"), (1, now, $"+1{Number}")])
        {
            stub.Script(WeChatCall.PhoneNumber, new StubAnswer(stub.PhoneBody(Number, country, timestamp: timestamp), ContentType: "text/plain"));
            Assert.Equal(new PhoneExchange.Verified(number), await rig.Verify("phone-1"));
        }
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"errcode":0}""")]
    [InlineData("""{"phone_info":null}""")]
    [InlineData("""{"phone_info":[]}""")]
    [InlineData("""{"phone_info":{"purePhoneNumber":"10012340001","countryCode":"86"}}""")]
    [InlineData("""{"phone_info":{"purePhoneNumber":"10012340001","countryCode":"86","watermark":{"appid":"wx0000000000000001"}}}""")]
    [InlineData("""{"phone_info":{"purePhoneNumber":"10012340001","countryCode":"86","watermark":{"timestamp":-1,"appid":"wx0000000000000001"}}}""")]
    [InlineData("""{"phone_info":{"purePhoneNumber":"10012340001","countryCode":"86","watermark":{"timestamp":99999999999999,"appid":"wx0000000000000001"}}}""")]
    [InlineData("""{"phone_info":{"purePhoneNumber":"","countryCode":"86","watermark":{"timestamp":1795665630,"appid":"wx0000000000000001"}}}""")]
    [InlineData("""{"phone_info":{"purePhoneNumber":null,"countryCode":"86","watermark":{"timestamp":1795665630,"appid":"wx0000000000000001"}}}""")]
    [InlineData("""{"phone_info":{"purePhoneNumber":"100' or 1=1","countryCode":"86","watermark":{"timestamp":1795665630,"appid":"wx0000000000000001"}}}""")]
    [InlineData("""{"phone_info":{"purePhoneNumber":"10012340001","countryCode":"8.6","watermark":{"timestamp":1795665630,"appid":"wx0000000000000001"}}}""")]
    [InlineData("""{"phone_info":{"phoneNumber":"10012340001","watermark":{"timestamp":1795665630,"appid":"wx0000000000000001"}}}""")]
    [InlineData("<html>")]
    public async Task IN12_a_broken_answer_is_unavailable_and_never_an_exception(string body)
    {
        using var stub = Stub();
        await using var rig = Rig.At(stub, _clock);
        stub.Script(WeChatCall.PhoneNumber, new StubAnswer(body));
        Assert.Equal(new PhoneExchange.Unavailable(CodeMayBeSpent: true), await rig.Verify("phone-1"));
        Assert.Equal(1, stub.Calls(WeChatCall.PhoneNumber));
    }

    [Theory]
    [InlineData("")]
    [InlineData("with space")]
    [InlineData("中文")]
    [InlineData("nul\0")]
    public async Task IN02_what_cannot_be_a_code_makes_no_call(string code)
    {
        using var stub = Stub();
        await using var rig = Rig.At(stub, _clock);
        Assert.IsType<PhoneExchange.CodeInvalid>(await rig.Verify(code));
        Assert.IsType<PhoneExchange.CodeInvalid>(await rig.Verify(new string('a', 129)));
        Assert.Equal(0, stub.Calls(WeChatCall.PhoneNumber));
    }

    [Fact]
    public async Task PD05_neither_number_nor_code_nor_openid_is_logged_at_any_level()
    {
        using var stub = Stub();
        await using var rig = Rig.At(stub, _clock);
        stub.AddPhone("secret-phone-code-1", Number);
        stub.Script(WeChatCall.PhoneNumber, new StubAnswer(stub.PhoneBody(Number, appId: "wx0000000000000002")), StubAnswer.Refuse(40029), StubAnswer.Refuse(99999),
            new StubAnswer($$"""{"errcode":40029,"errmsg":"{{Number}} {{OpenId}} secret-phone-code-1"}"""), new StubAnswer("{"), new StubAnswer(Status: 502));
        for (var i = 0; i < 7; i++) await rig.Verify("secret-phone-code-1");
        Assert.NotEmpty(rig.Log.Lines);
        foreach (var secret in (string[])[Number, OpenId, "secret-phone-code", "FAKE_STABLE_TOKEN", "access_token="]) Assert.DoesNotContain(secret, rig.Log.Text, StringComparison.Ordinal);
    }

    private WeChatStub Stub() => new() { Clock = _clock };
}
