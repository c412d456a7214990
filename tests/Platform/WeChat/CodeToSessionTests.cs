using System.Net;
using System.Net.Sockets;
using Backend.Platform.WeChat;
using Backend.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace Backend.Tests.Platform.WeChat;

public class CodeToSessionTests
{
    private const string OpenId = "oFAKE_openid_0000000000000001";

    [Fact]
    public async Task ID01_a_code_gives_the_identity_behind_it_and_no_session_key()
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        stub.AddCode("code-1", OpenId, "uFAKE_unionid_000000000000001");

        Assert.Equal(new CodeExchange.Identity(OpenId, "uFAKE_unionid_000000000000001"), await rig.Login("code-1"));
        Assert.DoesNotContain(typeof(CodeExchange.Identity).GetProperties(), p => p.Name.Contains("Key", StringComparison.OrdinalIgnoreCase));
        Assert.Equal("Identity", new CodeExchange.Identity(OpenId, null).ToString());
    }

    [Fact]
    public async Task ID02_a_used_code_is_invalid()
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        stub.AddCode("code-1", OpenId);

        Assert.IsType<CodeExchange.Identity>(await rig.Login("code-1"));
        Assert.IsType<CodeExchange.CodeInvalid>(await rig.Login("code-1"));
    }

    [Theory]
    [InlineData(40029, "CodeInvalid")]
    [InlineData(40163, "CodeInvalid")]
    [InlineData(40226, "HighRisk")]
    [InlineData(40125, "Misconfigured")]
    [InlineData(40013, "Misconfigured")]
    [InlineData(40164, "Misconfigured")]
    [InlineData(40243, "Misconfigured")]
    [InlineData(41008, "Misconfigured")]
    [InlineData(40001, "Misconfigured")]
    public async Task RL11_a_refusal_becomes_one_outcome_of_the_closed_set_and_is_not_repeated(int errcode, string outcome)
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        stub.Script(WeChatCall.CodeToSession, StubAnswer.Refuse(errcode));

        Assert.Equal(outcome, (await rig.Login("code-1")).GetType().Name);
        Assert.Equal(1, stub.Calls(WeChatCall.CodeToSession));
    }

    [Fact]
    public async Task RL11_too_frequent_leaves_the_code_unspent_and_an_unknown_refusal_does_not()
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        stub.Script(WeChatCall.CodeToSession, StubAnswer.Refuse(45011), StubAnswer.Refuse(99999));

        Assert.Equal(new CodeExchange.Unavailable(CodeMayBeSpent: false), await rig.Login("code-1"));
        Assert.Equal(new CodeExchange.Unavailable(CodeMayBeSpent: true), await rig.Login("code-1"));
    }

    [Fact]
    public async Task ID02_a_definite_busy_is_repeated_once_with_the_same_code()
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        stub.AddCode("code-1", OpenId);
        stub.Script(WeChatCall.CodeToSession, StubAnswer.Refuse(-1));

        Assert.IsType<CodeExchange.Identity>(await rig.Login("code-1"));
        Assert.Equal(2, stub.Calls(WeChatCall.CodeToSession));

        stub.Script(WeChatCall.CodeToSession, StubAnswer.Refuse(-1), StubAnswer.Refuse(-1));
        Assert.Equal(new CodeExchange.Unavailable(CodeMayBeSpent: false), await rig.Login("code-2"));
        Assert.Equal(4, stub.Calls(WeChatCall.CodeToSession));
    }

    [Fact]
    public async Task ID02_a_lost_answer_is_never_repeated_and_the_person_logs_in_again()
    {
        using var stub = new WeChatStub();
        var machine = new FakeTimeProvider();
        await using var rig = Rig.At(stub, machine: machine);
        stub.AddCode("code-1", OpenId);
        stub.Script(WeChatCall.CodeToSession, StubAnswer.DoneButAnswerLost);

        var login = rig.Login("code-1");
        await Wait.Until(() => stub.Calls(WeChatCall.CodeToSession) == 1);
        machine.Advance(TimeSpan.FromSeconds(4.5)); // RL12: before the fifth second

        Assert.Equal(new CodeExchange.Unavailable(CodeMayBeSpent: true), await login);
        Assert.Equal(1, stub.Calls(WeChatCall.CodeToSession));
    }

    [Theory]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(504)]
    public async Task ID02_a_gateways_error_may_have_spent_the_code(int status)
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        stub.Script(WeChatCall.CodeToSession, new StubAnswer(Status: status));

        Assert.Equal(new CodeExchange.Unavailable(CodeMayBeSpent: true), await rig.Login("code-1"));
        Assert.Equal(1, stub.Calls(WeChatCall.CodeToSession));
    }

    [Fact]
    public async Task ID02_a_cut_connection_is_not_silently_repeated()
    {
        await using var wire = new WeChatStubWire((_, _) => Task.CompletedTask);
        await using var rig = Rig.At(wire.BaseAddress);

        Assert.Equal(new CodeExchange.Unavailable(CodeMayBeSpent: true), await rig.Login("code-1"));
        Assert.Equal(1, wire.Requests);
    }

    [Fact]
    public async Task ID02_a_refused_connection_leaves_the_code_unspent()
    {
        await using var rig = Rig.At(NobodyListens());

        Assert.Equal(new CodeExchange.Unavailable(CodeMayBeSpent: false), await rig.Login("code-1"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("with space")]
    [InlineData("中文")]
    [InlineData("nul\0")]
    [InlineData("line\n")]
    public async Task IN02_what_cannot_be_a_code_makes_no_call(string code)
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);

        Assert.IsType<CodeExchange.CodeInvalid>(await rig.Login(code));
        Assert.IsType<CodeExchange.CodeInvalid>(await rig.Login(new string('a', 129)));
        Assert.Equal(0, stub.Calls(WeChatCall.CodeToSession));
    }

    [Fact]
    public async Task IN02_a_code_cannot_add_parameters_to_the_call()
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        stub.AddCode("a&appid=wx9#?/%26", OpenId);

        Assert.IsType<CodeExchange.Identity>(await rig.Login("a&appid=wx9#?/%26"));
    }

    [Theory]
    [InlineData("""{"openid":"oFAKE_openid_0000000000000001","session_key":"AAECAwQFBgcICQoLDA0ODw==","errcode":0}""", "text/plain")]
    [InlineData("""{"openid":"oFAKE_openid_0000000000000001","errcode":"0","unionid":""}""", "application/json; encoding=utf-8")]
    [InlineData("""{"openid":"oFAKE_openid_0000000000000001","new_field":[{"a":1}]}""", "text/html")]
    [InlineData("\uFEFF{\"openid\":\"oFAKE_openid_0000000000000001\",\"unionid\":null}", "application/json")]
    public async Task IN12_answers_vary_as_WeChat_varies_them(string body, string contentType)
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        stub.Script(WeChatCall.CodeToSession, new StubAnswer(body, ContentType: contentType));

        Assert.Equal(new CodeExchange.Identity(OpenId, null), await rig.Login("code-1"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("<html>")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{\"openid\":")]
    [InlineData("""{"openid":7}""")]
    [InlineData("""{"openid":null}""")]
    [InlineData("""{"openid":""}""")]
    [InlineData("""{"openid":"o\u0000FAKE_openid"}""")]
    [InlineData("""{"openid":"o\ud800FAKE_openid"}""")]
    [InlineData("""{"openid":"o'; drop table accounts --"}""")]
    [InlineData("""{"openid":"oFAKE_openid_0000000000000001","unionid":[]}""")]
    [InlineData("""{"openid":"oFAKE_openid_0000000000000001","errcode":{}}""")]
    [InlineData("""{"openid":"oFAKE_openid_0000000000000001","errcode":null}""")]
    [InlineData("""{"openid":"oFAKE_openid_0000000000000001","errcode":"none"}""")]
    [InlineData("""{"openid":"oFAKE_openid_0000000000000001","errcode":99999999999}""")]
    [InlineData("""{"openid":"oFAKE_openid_0000000000000001","errcode":0.5}""")]
    [InlineData("""{"openid":"oFAKE_openid_0000000000000001","x":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}""")]
    public async Task IN12_a_broken_answer_is_unavailable_and_never_an_exception(string body)
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        stub.Script(WeChatCall.CodeToSession, new StubAnswer(body));

        Assert.Equal(new CodeExchange.Unavailable(CodeMayBeSpent: true), await rig.Login("code-1"));
        Assert.Equal(1, stub.Calls(WeChatCall.CodeToSession));
    }

    [Fact]
    public async Task IN12_an_answer_that_is_not_UTF8_is_unavailable()
    {
        byte[] body = [.. "{\"openid\":\"oFAKE_openid_00000"u8, 0xC3, 0x28, .. "\"}"u8];
        await using var wire = new WeChatStubWire(async (stream, cancellation) =>
        {
            await stream.WriteAsync(WeChatStubWire.Head(body.Length), cancellation);
            await stream.WriteAsync(body, cancellation);
        });
        await using var rig = Rig.At(wire.BaseAddress);

        Assert.Equal(new CodeExchange.Unavailable(CodeMayBeSpent: true), await rig.Login("code-1"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task IN12_an_answer_of_more_than_64_KB_is_not_read_to_its_end(bool announced)
    {
        var sent = 0L;
        await using var wire = new WeChatStubWire(async (stream, cancellation) =>
        {
            await stream.WriteAsync(WeChatStubWire.Head(announced ? 1L << 40 : null), cancellation);
            await stream.WriteAsync("{\"openid\":\"oFAKE_openid_0000000000000001\",\"x\":\""u8.ToArray(), cancellation);
            var chunk = Enumerable.Repeat((byte)'a', 8192).ToArray();
            while (sent < 64 << 20)
            {
                await stream.WriteAsync(chunk, cancellation);
                sent += chunk.Length;
            }
        });
        await using var rig = Rig.At(wire.BaseAddress);

        Assert.Equal(new CodeExchange.Unavailable(CodeMayBeSpent: true), await rig.Login("code-1"));
        await Wait.Until(() => Volatile.Read(ref sent) > 0);
        Assert.True(Volatile.Read(ref sent) < 32 << 20, $"{sent} bytes were taken");
    }

    [Fact]
    public async Task IN12_the_time_limit_holds_for_the_body_too()
    {
        var machine = new FakeTimeProvider();
        var half = new TaskCompletionSource();
        await using var wire = new WeChatStubWire(async (stream, cancellation) =>
        {
            await stream.WriteAsync(WeChatStubWire.Head(100), cancellation);
            await stream.WriteAsync("{\"openid\""u8.ToArray(), cancellation);
            half.SetResult();
            await Task.Delay(Timeout.Infinite, cancellation);
        });
        await using var rig = Rig.At(wire.BaseAddress, machine);

        var login = rig.Login("code-1");
        await half.Task;
        machine.Advance(TimeSpan.FromSeconds(4.5));

        Assert.Equal(new CodeExchange.Unavailable(CodeMayBeSpent: true), await login);
    }

    [Fact]
    public async Task IN12_IN10_a_redirect_is_not_followed()
    {
        using var trap = new WeChatStub();
        trap.AddCode("code-1", OpenId);
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        stub.Script(WeChatCall.CodeToSession, new StubAnswer("", Status: 302, Location: new Uri(trap.BaseAddress, "/sns/jscode2session").ToString()));

        Assert.IsType<CodeExchange.Misconfigured>(await rig.Login("code-1"));
        Assert.Equal(0, trap.Calls(WeChatCall.CodeToSession));
        Assert.Empty(trap.Unmatched);
    }

    [Fact]
    public async Task The_callers_own_cancellation_is_the_only_exception()
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        stub.Script(WeChatCall.CodeToSession, StubAnswer.Hang);
        using var caller = new CancellationTokenSource();

        var login = rig.Client.CodeToSessionAsync("code-1", caller.Token);
        await Wait.Until(() => stub.Calls(WeChatCall.CodeToSession) == 1);
        await caller.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => login);
    }

    internal static Uri NobodyListens()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/");
    }
}
