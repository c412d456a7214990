using Backend.Platform.Outbox;
using Backend.Platform.WeChat;

namespace Backend.Tests.Platform.Outbox;

/// <summary>What each of WeChat's answers means for a delivery (RL11); the codes themselves are WeChatErrorsTests.</summary>
public sealed class WeChatMessagesTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 25, 2, 0, 30, TimeSpan.Zero);

    [Theory]
    [InlineData(0, nameof(SendResult.Sent))]
    [InlineData(-1, nameof(SendResult.Retry))]
    [InlineData(40001, nameof(SendResult.Retry))]
    [InlineData(40014, nameof(SendResult.Retry))]
    [InlineData(42001, nameof(SendResult.Retry))]
    [InlineData(44990, nameof(SendResult.Retry))]
    [InlineData(44991, nameof(SendResult.Retry))]
    [InlineData(45011, nameof(SendResult.Retry))]
    [InlineData(45009, nameof(SendResult.Retry))]
    [InlineData(43108, nameof(SendResult.Retry))]
    [InlineData(40256, nameof(SendResult.NotBound))]
    [InlineData(50001, nameof(SendResult.NotBound))]
    [InlineData(43101, nameof(SendResult.NoCredit))]
    [InlineData(40003, nameof(SendResult.GiveUp))]
    [InlineData(40257, nameof(SendResult.GiveUp))]
    [InlineData(40037, nameof(SendResult.Retry))]
    [InlineData(43107, nameof(SendResult.Retry))]
    [InlineData(41030, nameof(SendResult.Retry))]
    [InlineData(45168, nameof(SendResult.GiveUp))]
    [InlineData(47003, nameof(SendResult.GiveUp))]
    [InlineData(40097, nameof(SendResult.GiveUp))]
    [InlineData(43104, nameof(SendResult.Retry))]
    [InlineData(48001, nameof(SendResult.Retry))]
    [InlineData(48004, nameof(SendResult.Retry))]
    [InlineData(50002, nameof(SendResult.Retry))]
    [InlineData(40013, nameof(SendResult.Retry))]
    [InlineData(40125, nameof(SendResult.Retry))]
    [InlineData(40164, nameof(SendResult.Retry))]
    [InlineData(40243, nameof(SendResult.Retry))]
    [InlineData(50004, nameof(SendResult.Retry))]
    [InlineData(50007, nameof(SendResult.Retry))]
    [InlineData(987654, nameof(SendResult.Retry))]
    public void RL11_every_code_has_one_consequence(int code, string expected) =>
        Assert.Equal(expected, Of(new SendOutcome(WeChatErrors.Classify(code), code)).Result.ToString());

    [Fact]
    public void RL11_every_class_has_a_consequence_and_a_lost_answer_alone_is_uncertain()
    {
        foreach (var kind in Enum.GetValues<WeChatErrorClass>())
        {
            var outcome = Of(new SendOutcome(kind));
            Assert.Equal(kind == WeChatErrorClass.Uncertain, outcome.Result == SendResult.Uncertain);
            Assert.Equal(kind == WeChatErrorClass.Ok, outcome.Result == SendResult.Sent);
            Assert.Matches("^[a-z_]+$", outcome.Class);
        }
    }

    [Fact]
    public void RL11_what_people_must_mend_alarms_operators_and_what_has_its_time_names_it()
    {
        Assert.True(Of(new SendOutcome(WeChatErrorClass.Configuration, 40164)).OperatorAlarm);
        Assert.True(Of(new SendOutcome(WeChatErrorClass.TemplateInvalid, 40037)).OperatorAlarm);
        Assert.False(Of(new SendOutcome(WeChatErrorClass.Transient, -1)).OperatorAlarm);
        Assert.Equal(new DateTimeOffset(2026, 11, 25, 16, 0, 0, TimeSpan.Zero), Of(new SendOutcome(WeChatErrorClass.QuotaExhausted, 45009)).NotBefore);
        Assert.Equal(new DateTimeOffset(2026, 11, 25, 2, 1, 0, TimeSpan.Zero), Of(new SendOutcome(WeChatErrorClass.RateLimited, 45011)).NotBefore);
        Assert.Null(Of(new SendOutcome(WeChatErrorClass.Transient, -1)).NotBefore);
    }

    [Fact]
    public void RL11_what_waits_for_people_to_mend_it_goes_over_the_next_channel_meanwhile_and_nothing_else_does()
    {
        foreach (var kind in Enum.GetValues<WeChatErrorClass>())
            Assert.Equal(WeChatErrors.TreatmentOf(kind).Reaction == Reaction.RetryWhenMended, Of(new SendOutcome(kind)).NextChannel);
        Assert.True(Of(new SendOutcome(WeChatErrorClass.NotGranted, 43104)).NextChannel);
        Assert.False(Of(new SendOutcome(WeChatErrorClass.Transient, -1)).NextChannel);
    }

    private static DeliveryOutcome Of(SendOutcome answer) => WeChatMessages.Of(answer, Now);
}
