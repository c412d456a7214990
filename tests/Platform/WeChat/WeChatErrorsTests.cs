using Backend.Platform.WeChat;

namespace Backend.Tests.Platform.WeChat;

public class WeChatErrorsTests
{
    /// <summary>Written down from WeChat's reference pages, apart from the table under test.</summary>
    public static TheoryData<int, string, string, bool> Codes => new()
    {
        { 0, "Ok", "Done", false },
        { -1, "Transient", "Retry", false },
        { 40001, "TokenStale", "RenewTokenOnce", true },
        { 40014, "TokenStale", "RenewTokenOnce", true },
        { 42001, "TokenStale", "RenewTokenOnce", true },
        { 44990, "RateLimited", "Retry", false },
        { 44991, "RateLimited", "Retry", false },
        { 45011, "RateLimited", "Retry", false },
        { 43108, "RateLimited", "Retry", false },
        { 45009, "QuotaExhausted", "Retry", true },
        { 44993, "QuotaExhausted", "Retry", true },
        { 43101, "NotSubscribed", "GiveUpAndShow", false },
        { 50001, "NotSubscribed", "GiveUpAndShow", false },
        { 40003, "RecipientInvalid", "GiveUpAndShow", false },
        { 40256, "RecipientInvalid", "GiveUpAndShow", false },
        { 40257, "RecipientInvalid", "GiveUpAndShow", false },
        { 40037, "TemplateInvalid", "RetryWhenMended", true },
        { 43107, "TemplateInvalid", "RetryWhenMended", true },
        { 41030, "TemplateInvalid", "RetryWhenMended", true },
        { 45168, "ContentRejected", "GiveUpAndShow", false },
        { 47003, "ContentRejected", "GiveUpAndShow", false },
        { 40029, "CodeInvalid", "GiveUpAndShow", false },
        { 40163, "CodeInvalid", "GiveUpAndShow", false },
        { 40226, "HighRiskUser", "GiveUpAndShow", false },
        { 43104, "NotGranted", "RetryWhenMended", true },
        { 48001, "NotGranted", "RetryWhenMended", true },
        { 48004, "AccountLimited", "RetryWhenMended", true },
        { 50002, "AccountLimited", "RetryWhenMended", true },
        { 50004, "AccountLimited", "RetryWhenMended", true },
        { 50007, "AccountLimited", "RetryWhenMended", true },
        { 40243, "AccountLimited", "RetryWhenMended", true },
        { 40002, "Configuration", "RetryWhenMended", true },
        { 40013, "Configuration", "RetryWhenMended", true },
        { 40125, "Configuration", "RetryWhenMended", true },
        { 40164, "Configuration", "RetryWhenMended", true },
        { 89503, "Configuration", "RetryWhenMended", true },
        { 89506, "Configuration", "RetryWhenMended", true },
        { 89507, "Configuration", "RetryWhenMended", true },
        { 40097, "Bug", "GiveUpAndShow", true },
        { 41001, "Bug", "GiveUpAndShow", true },
        { 41002, "Bug", "GiveUpAndShow", true },
        { 41004, "Bug", "GiveUpAndShow", true },
        { 41008, "Bug", "GiveUpAndShow", true },
        { 43002, "Bug", "GiveUpAndShow", true },
        { 43003, "Bug", "GiveUpAndShow", true },
        { 44002, "Bug", "GiveUpAndShow", true },
        { 47001, "Bug", "GiveUpAndShow", true },
    };

    [Theory]
    [MemberData(nameof(Codes))]
    public void RL11_every_code_has_a_class_that_says_what_the_sender_does(int code, string errorClass, string reaction, bool operatorAlarm)
    {
        Assert.Equal(errorClass, WeChatErrors.Classify(code).ToString());
        var treatment = WeChatErrors.TreatmentOf(WeChatErrors.Classify(code));
        Assert.Equal((reaction, operatorAlarm), (treatment.Reaction.ToString(), treatment.OperatorAlarm));
    }

    [Fact]
    public void RL11_the_table_of_the_test_and_the_table_of_the_code_hold_the_same_codes()
    {
        Assert.True(Codes.Count >= 30);
        Assert.Equal(WeChatErrors.Known.Keys.Order(), Codes.Select(row => (int)row[0]).Order());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(99999)]
    [InlineData(int.MinValue)]
    [InlineData(int.MaxValue)]
    public void RL11_an_unknown_code_is_a_refusal_that_waits_for_people(int code) =>
        Assert.Equal(new Treatment(Reaction.RetryWhenMended, OperatorAlarm: true), WeChatErrors.TreatmentOf(WeChatErrors.Classify(code)));

    [Fact]
    public void RL11_every_class_has_a_treatment()
    {
        foreach (var errorClass in Enum.GetValues<WeChatErrorClass>()) Assert.NotNull(WeChatErrors.TreatmentOf(errorClass));
    }

    [Fact]
    public void RL06_only_an_uncertain_outcome_is_sent_once_more() =>
        Assert.Equal([WeChatErrorClass.Uncertain], Enum.GetValues<WeChatErrorClass>().Where(c => WeChatErrors.TreatmentOf(c).Reaction == Reaction.SendOnceMore));

    [Theory]
    [InlineData("2026-09-21T15:59:59Z", "2026-09-21T16:00:00Z")]
    [InlineData("2026-09-21T16:00:00Z", "2026-09-22T16:00:00Z")]
    public void A_used_up_quota_returns_at_midnight_in_China(string now, string expected) =>
        Assert.Equal(Time(expected), WeChatErrors.NotBefore(WeChatErrorClass.QuotaExhausted, Time(now)));

    [Fact]
    public void A_rate_limit_ends_with_the_minute()
    {
        Assert.Equal(Time("2026-09-21T08:31:00Z"), WeChatErrors.NotBefore(WeChatErrorClass.RateLimited, Time("2026-09-21T08:30:30Z")));
        Assert.Null(WeChatErrors.NotBefore(WeChatErrorClass.Transient, Time("2026-09-21T08:30:30Z")));
    }

    private static DateTimeOffset Time(string text) => DateTimeOffset.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
}
