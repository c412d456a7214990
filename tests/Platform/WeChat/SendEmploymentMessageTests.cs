using System.Text.Json;
using Backend.Platform.WeChat;
using Backend.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace Backend.Tests.Platform.WeChat;

public class SendEmploymentMessageTests
{
    private const string OpenId = "oFAKE_openid_0000000000000002";

    [Fact]
    public async Task The_data_is_a_text_serialised_twice_with_Chinese_as_it_is()
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);

        Assert.Equal(new SendOutcome(WeChatErrorClass.Ok, 0), await rig.Send(OpenId, "红色「𠮷」👨‍👩‍👧<&>'\"\\"));

        var message = Assert.Single(stub.Messages);
        Assert.Equal((OpenId, WeChatStub.RedAlarmTemplate, WeChatStub.MiniProgramPage), (message.OpenId, message.TemplateId, message.Page));
        Assert.Equal("红色「𠮷」👨‍👩‍👧<&>'\"\\", message.Values["thing1"]);
        Assert.Equal("2026-09-21 08:30", message.Values["time2"]);

        using var body = JsonDocument.Parse(message.RawBody);
        Assert.Equal(JsonValueKind.String, body.RootElement.GetProperty("data").ValueKind);
        Assert.Contains("红色「", message.RawBody, StringComparison.Ordinal);
        Assert.DoesNotContain("\\u7", message.RawBody, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_long_text_is_fitted_and_one_that_cannot_be_makes_no_call()
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);

        Assert.Equal(WeChatErrorClass.Ok, (await rig.Send(text: "铜源社区一号片区\n十三栋四单元有一户家庭变为红色")).Class);
        Assert.Equal("铜源社区一号片区 十三栋四单元有一户家…", Assert.Single(stub.Messages).Values["thing1"]);

        var refused = await rig.Client.SendEmploymentMessageAsync(OpenId, WeChatStub.RedAlarmTemplate, WeChatStub.MiniProgramPage,
            new Dictionary<string, string> { ["time2"] = "下周一" }, CancellationToken.None);
        Assert.Equal(new SendOutcome(WeChatErrorClass.ContentRejected), refused);
        Assert.Single(stub.Messages);
    }

    [Fact]
    public async Task RL11_a_stale_token_is_renewed_once_and_the_message_goes_out_once()
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        await rig.Send();
        stub.RevokeToken();

        Assert.Equal(WeChatErrorClass.Ok, (await rig.Send()).Class);
        Assert.Equal(2, stub.Calls(WeChatCall.StableToken));
        Assert.Equal(3, stub.Calls(WeChatCall.EmploymentMessage));
        Assert.Equal(2, stub.SendsTo(OpenId));
    }

    [Theory]
    [InlineData(40001)]
    [InlineData(40014)]
    [InlineData(42001)]
    public async Task RL11_a_token_that_stays_stale_is_not_renewed_in_a_circle(int errcode)
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        stub.Always(WeChatCall.EmploymentMessage, StubAnswer.Refuse(errcode));

        var outcome = await rig.Send();
        Assert.Equal((WeChatErrorClass.TokenStale, errcode), (outcome.Class, outcome.Code));
        Assert.Equal(2, stub.Calls(WeChatCall.StableToken));
        Assert.Equal(2, stub.Calls(WeChatCall.EmploymentMessage));
        Assert.Empty(stub.Messages);
    }

    [Fact]
    public async Task RL11_one_stale_token_seen_by_many_sends_is_renewed_once()
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        await rig.Send();
        stub.RevokeToken();

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => rig.Send($"oFAKE_openid_{i:D16}")));

        Assert.All(outcomes, o => Assert.Equal(WeChatErrorClass.Ok, o.Class));
        Assert.Equal(2, stub.Calls(WeChatCall.StableToken));
        Assert.Equal(21, stub.Messages.Count);
    }

    [Fact]
    public async Task RL06_a_definite_busy_is_repeated_twice_and_then_left_to_the_sender()
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        var busy = StubAnswer.Refuse(-1);
        stub.Script(WeChatCall.EmploymentMessage, busy, busy);

        Assert.Equal(WeChatErrorClass.Ok, (await rig.Send()).Class);
        Assert.Equal(3, stub.Calls(WeChatCall.EmploymentMessage));
        Assert.Equal(1, stub.SendsTo(OpenId));

        stub.Script(WeChatCall.EmploymentMessage, busy, busy, busy);
        Assert.Equal(new SendOutcome(WeChatErrorClass.Transient, -1), await rig.Send());
        Assert.Equal(6, stub.Calls(WeChatCall.EmploymentMessage));
        Assert.Equal(1, stub.SendsTo(OpenId));
    }

    [Fact]
    public async Task RL06_a_lost_answer_is_uncertain_and_never_repeated_here()
    {
        using var stub = new WeChatStub();
        var machine = new FakeTimeProvider();
        await using var rig = Rig.At(stub, machine: machine);
        stub.Script(WeChatCall.EmploymentMessage, StubAnswer.DoneButAnswerLost);

        var send = rig.Send();
        await Wait.Until(() => stub.Calls(WeChatCall.EmploymentMessage) == 1);
        machine.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal(new SendOutcome(WeChatErrorClass.Uncertain), await send);
        Assert.Equal(1, stub.Calls(WeChatCall.EmploymentMessage));
        Assert.Equal(1, stub.SendsTo(OpenId));
    }

    [Fact]
    public async Task RL06_no_message_takes_longer_than_the_longest_send()
    {
        using var stub = new WeChatStub();
        var machine = new FakeTimeProvider();
        // Somebody else holds the lease on the renewal for good.
        await using var rig = Rig.At(stub, machine: machine, store: new BusyStore());

        var send = rig.Send();
        machine.Advance(WeChatClient.LongestSend);

        Assert.Equal(WeChatErrorClass.Transient, (await send).Class);
        Assert.Equal(0, stub.Calls(WeChatCall.EmploymentMessage));
    }

    [Theory]
    [InlineData(503, "Transient")]
    [InlineData(500, "Transient")]
    [InlineData(504, "Uncertain")]
    [InlineData(429, "RateLimited")]
    [InlineData(403, "Configuration")]
    [InlineData(204, "Uncertain")]
    public async Task IN12_a_status_that_WeChat_never_gives_is_no_success(int status, string errorClass)
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        stub.Script(WeChatCall.EmploymentMessage, new StubAnswer("", Status: status));

        Assert.Equal(errorClass, (await rig.Send()).Class.ToString());
        Assert.Equal(1, stub.Calls(WeChatCall.EmploymentMessage));
    }

    [Theory]
    [InlineData("")]
    [InlineData("ok")]
    [InlineData("[0]")]
    [InlineData("""{"errcode":[0]}""")]
    public async Task IN12_a_broken_answer_after_sending_is_uncertain(string body)
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        stub.Script(WeChatCall.EmploymentMessage, new StubAnswer(body, Takes: true));

        Assert.Equal(WeChatErrorClass.Uncertain, (await rig.Send()).Class);
        Assert.Equal(1, stub.Calls(WeChatCall.EmploymentMessage));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"errcode":"0","errmsg":"ok"}""")]
    [InlineData("""{"errcode":0,"errmsg":{"x":1},"msgid":1900000000000000001}""")]
    public async Task IN12_a_missing_errcode_is_zero_and_numbers_may_be_texts(string body)
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        stub.Script(WeChatCall.EmploymentMessage, new StubAnswer(body, ContentType: "text/plain"));

        Assert.Equal(WeChatErrorClass.Ok, (await rig.Send()).Class);
    }

    [Theory]
    [InlineData(40256, "RecipientInvalid", "GiveUpAndShow")]
    [InlineData(40003, "RecipientInvalid", "GiveUpAndShow")]
    [InlineData(50001, "NotSubscribed", "GiveUpAndShow")]
    [InlineData(47003, "ContentRejected", "GiveUpAndShow")]
    [InlineData(43104, "NotGranted", "RetryWhenMended")]
    [InlineData(45009, "QuotaExhausted", "Retry")]
    [InlineData(77777, "Unknown", "RetryWhenMended")]
    public async Task RL11_a_refusal_says_what_the_sender_does(int errcode, string errorClass, string reaction)
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        stub.Script(WeChatCall.EmploymentMessage, StubAnswer.Refuse(errcode));

        var outcome = await rig.Send();
        Assert.Equal((errorClass, errcode, reaction), (outcome.Class.ToString(), outcome.Code, outcome.Treatment.Reaction.ToString()));
        Assert.NotNull(outcome.Rid);
        Assert.Equal(1, stub.Calls(WeChatCall.EmploymentMessage));
    }

    [Theory]
    [InlineData(40125, "Configuration")]
    [InlineData(40164, "Configuration")]
    [InlineData(40001, "Configuration")]
    [InlineData(50007, "AccountLimited")]
    [InlineData(45009, "QuotaExhausted")]
    public async Task RL11_without_a_token_nothing_is_sent_and_the_class_is_the_tokens(int errcode, string errorClass)
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        stub.Script(WeChatCall.StableToken, StubAnswer.Refuse(errcode));

        Assert.Equal((errorClass, errcode), ((await rig.Send()) is { } o ? (o.Class.ToString(), o.Code) : default));
        Assert.Equal(0, stub.Calls(WeChatCall.EmploymentMessage));
        Assert.Equal(WeChatErrorClass.Ok, (await rig.Send()).Class);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"access_token":"","expires_in":7200}""")]
    [InlineData("""{"access_token":"中文","expires_in":7200}""")]
    [InlineData("""{"access_token":"T","expires_in":0}""")]
    [InlineData("""{"access_token":"T","expires_in":"soon"}""")]
    [InlineData("""{"access_token":7,"expires_in":7200}""")]
    [InlineData("""{"access_token":"T"}""")]
    public async Task IN12_a_broken_token_answer_is_repeated_for_it_does_no_harm(string body)
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        stub.Script(WeChatCall.StableToken, new StubAnswer(body), new StubAnswer(Status: 502), StubAnswer.Refuse(-1));

        Assert.Equal(WeChatErrorClass.Ok, (await rig.Send()).Class);
        Assert.Equal(4, stub.Calls(WeChatCall.StableToken));

        await using var other = Rig.At(stub);
        stub.Always(WeChatCall.StableToken, new StubAnswer(body));
        Assert.Equal(WeChatErrorClass.Transient, (await other.Send()).Class); // never uncertain: the message itself was not sent
    }

    [Fact]
    public async Task RL06_a_refused_connection_is_certainly_not_sent()
    {
        var store = new InMemoryTokenStore(TimeProvider.System);
        var lease = await store.TryTakeRenewalLeaseAsync(WeChatStub.AppId, TimeSpan.FromSeconds(20), default);
        await store.WriteAsync(WeChatStub.AppId, lease!, "FAKE_STABLE_TOKEN_0001", TimeProvider.System.GetUtcNow().AddHours(2), default);
        await using var rig = Rig.At(CodeToSessionTests.NobodyListens(), store: store);

        Assert.Equal(new SendOutcome(WeChatErrorClass.Transient), await rig.Send());
    }

    [Fact]
    public async Task RL06_a_cut_after_sending_is_uncertain_and_the_connection_layer_does_not_repeat_it()
    {
        var requests = 0;
        await using var wire = new WeChatStubWire(async (stream, cancellation) =>
        {
            if (Interlocked.Increment(ref requests) > 1) return; // the token first, then the message is cut
            var body = """{"access_token":"FAKE_STABLE_TOKEN_0001","expires_in":7200}"""u8.ToArray();
            await stream.WriteAsync(WeChatStubWire.Head(body.Length), cancellation);
            await stream.WriteAsync(body, cancellation);
        });
        await using var rig = Rig.At(wire.BaseAddress);

        Assert.Equal(new SendOutcome(WeChatErrorClass.Uncertain), await rig.Send());
        Assert.Equal(2, wire.Requests);
    }

    private sealed class BusyStore : ISharedTokenStore
    {
        public Task<AccessToken?> ReadAsync(string appId, CancellationToken cancellation) => Task.FromResult<AccessToken?>(null);

        public Task<RenewalLease?> TryTakeRenewalLeaseAsync(string appId, TimeSpan length, CancellationToken cancellation) => Task.FromResult<RenewalLease?>(null);

        public Task<AccessToken?> WriteAsync(string appId, RenewalLease lease, string value, DateTimeOffset expiresAt, CancellationToken cancellation) => throw new InvalidOperationException();

        public Task GiveBackAsync(string appId, RenewalLease lease, CancellationToken cancellation) => Task.CompletedTask;
    }
}
