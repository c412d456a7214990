using System.Text.Json;
using Backend.Platform.WeChat;
using Backend.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace Backend.Tests.Platform.WeChat;

/// <summary>The wire of subscribe messages; what both kinds of message share is in <see cref="SendEmploymentMessageTests"/>.</summary>
public class SendSubscribeMessageTests
{
    private const string OpenId = "oFAKE_openid_0000000000000002";

    [Fact]
    public async Task The_data_is_an_object_with_Chinese_as_it_is_and_every_member_that_WeChat_asks_for()
    {
        using var stub = new WeChatStub();
        stub.Consent(OpenId);
        await using var rig = Rig.At(stub);

        Assert.Equal(new SendOutcome(WeChatErrorClass.Ok, 0), await rig.SendSubscribe(OpenId));

        var body = JsonDocument.Parse(Assert.Single(stub.Messages).RawBody).RootElement;
        Assert.Equal(["data", "lang", "miniprogram_state", "page", "template_id", "touser"], body.EnumerateObject().Select(m => m.Name).Order(StringComparer.Ordinal));
        Assert.Equal((OpenId, WeChatStub.SubscribeTemplate, WeChatStub.MiniProgramPage, "formal", "zh_CN"), (
            body.GetProperty("touser").GetString(), body.GetProperty("template_id").GetString(), body.GetProperty("page").GetString(),
            body.GetProperty("miniprogram_state").GetString(), body.GetProperty("lang").GetString()));
        Assert.Equal("""{"thing1":{"value":"您有一条新的走访任务"},"time2":{"value":"2026-09-21 08:30"},"phrase3":{"value":"待处理"}}""", body.GetProperty("data").GetRawText());
    }

    [Fact]
    public async Task Values_are_fitted_by_their_type_and_one_that_cannot_be_makes_no_call()
    {
        using var stub = new WeChatStub();
        stub.Consent(OpenId);
        await using var rig = Rig.At(stub);

        Assert.Equal(WeChatErrorClass.Ok, (await rig.SendSubscribe(text: "铜源社区一号片区\n十三栋四单元有一条新的走访任务")).Class);
        Assert.Equal(20, Assert.Single(stub.Messages).Values["thing1"].Length);
        var refused = await rig.Client.SendSubscribeMessageAsync(OpenId, WeChatStub.SubscribeTemplate, WeChatStub.MiniProgramPage,
            new Dictionary<string, string> { ["phrase3"] = "超过五个汉字" }, CancellationToken.None);
        Assert.Equal(new SendOutcome(WeChatErrorClass.ContentRejected), refused);
        Assert.Equal(1, stub.Calls(WeChatCall.SubscribeMessage));
    }

    [Fact]
    public async Task RL11_one_consent_is_one_message_and_then_43101_and_no_repeat_of_ours()
    {
        using var stub = new WeChatStub();
        stub.Consent(OpenId);
        await using var rig = Rig.At(stub);

        Assert.Equal(WeChatErrorClass.Ok, (await rig.SendSubscribe(OpenId)).Class);
        var refused = await rig.SendSubscribe(OpenId);
        Assert.Equal((WeChatErrorClass.NotSubscribed, 43101, Reaction.GiveUpAndShow), (refused.Class, refused.Code, refused.Treatment.Reaction));
        Assert.Equal((2, 1), (stub.Calls(WeChatCall.SubscribeMessage), stub.SendsTo(OpenId)));
    }

    [Theory]
    [InlineData(43108, "RateLimited")]
    [InlineData(43107, "TemplateInvalid")]
    [InlineData(40037, "TemplateInvalid")]
    [InlineData(47003, "ContentRejected")]
    [InlineData(45168, "ContentRejected")]
    [InlineData(40003, "RecipientInvalid")]
    public async Task RL11_a_refusal_has_its_class(int errcode, string errorClass)
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub);
        stub.Script(WeChatCall.SubscribeMessage, StubAnswer.Refuse(errcode));

        Assert.Equal(errorClass, (await rig.SendSubscribe()).Class.ToString());
        Assert.Equal(1, stub.Calls(WeChatCall.SubscribeMessage));
    }

    [Fact]
    public async Task RL11_a_stale_token_is_renewed_once_and_RL06_a_lost_answer_is_uncertain()
    {
        using var stub = new WeChatStub();
        stub.Consent(OpenId);
        stub.Consent(OpenId);
        var machine = new FakeTimeProvider();
        await using var rig = Rig.At(stub, machine: machine);
        await rig.SendSubscribe(OpenId);
        stub.RevokeToken();
        stub.Script(WeChatCall.SubscribeMessage, StubAnswer.Refuse(40001), StubAnswer.DoneButAnswerLost);

        var send = rig.SendSubscribe(OpenId);
        await Wait.Until(() => stub.Calls(WeChatCall.SubscribeMessage) == 3);
        machine.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal(new SendOutcome(WeChatErrorClass.Uncertain), await send);
        Assert.Equal((2, 2), (stub.Calls(WeChatCall.StableToken), stub.SendsTo(OpenId)));
    }
}
