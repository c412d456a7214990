using Backend.Platform.WeChat;

namespace Backend.Tests.Platform.WeChat;

public class TemplateValuesTests
{
    [Theory]
    [InlineData("thing", "您有一条新的走访任务", true)]
    [InlineData("thing", "一二三四五六七八九十一二三四五六七八九十", true)]
    [InlineData("thing", "一二三四五六七八九十一二三四五六七八九十一", false)]
    [InlineData("thing", "第一行\n第二行", false)]
    [InlineData("thing", "", false)]
    [InlineData("phrase", "待处理", true)]
    [InlineData("phrase", "红色预警中心", false)]
    [InlineData("phrase", "红色A", false)]
    [InlineData("character_string", "TY-03-2-0501", true)]
    [InlineData("character_string", "3栋501", false)]
    [InlineData("number", "26344", true)]
    [InlineData("number", "8000.50", true)]
    [InlineData("number", "8,000", false)]
    [InlineData("name", "张三", true)]
    [InlineData("name", "张3", false)]
    [InlineData("name", "一二三四五六七八九十一", false)]
    [InlineData("time", "08:30", true)]
    [InlineData("time", "2026年9月21日 08:30", true)]
    [InlineData("time", "08:30~09:30", true)]
    [InlineData("time", "8点30分", false)]
    [InlineData("date", "2026-09-21 08:30", true)]
    [InlineData("date", "2026年9月21日", true)]
    [InlineData("date", "下周一", false)]
    [InlineData("phone_number", "0871-00000000", true)]
    [InlineData("phone_number", "+86-0766-66888866", true)]
    [InlineData("amount", "¥8000元", true)]
    [InlineData("amount", "八千元", false)]
    public void V15_the_listed_cases(string type, string value, bool ok) => Assert.Equal(ok, TemplateValues.IsValid(type + "1", value));

    [Theory]
    [InlineData("thing", "一二三四五六七八九十一二三四五六七八九十一", "一二三四五六七八九十一二三四五六七八九…")]
    [InlineData("thing", "第一行\n第二行", "第一行 第二行")]
    [InlineData("phrase", "红色预警中心", null)]
    [InlineData("name", "一二三四五六七八九十一", null)]
    public void V15_what_is_cut_or_cleaned(string type, string value, string? fitted) => Assert.Equal(fitted, TemplateValues.Fit(type + "1", value));

    [Theory]
    [InlineData("thing", "   ", false)]
    [InlineData("number", "1.2.3", false)]
    [InlineData("number", "1.", false)]
    [InlineData("number", "１２", false)]
    [InlineData("number", "12345678901234567890123456789012", true)]
    [InlineData("number", "123456789012345678901234567890123", false)]
    [InlineData("number", "8000\n", false)]
    [InlineData("letter", "abc", true)]
    [InlineData("letter", "abc1", false)]
    [InlineData("symbol", "+-*", true)]
    [InlineData("symbol", "+a", false)]
    [InlineData("symbol", "++++++", false)]
    [InlineData("character_string", "AB CD", false)]
    [InlineData("time", "24:00", false)]
    [InlineData("time", "2026-09-21 08:30:59", true)]
    [InlineData("time", "2026-09-21 08:30~2026-09-21 09:30", true)]
    [InlineData("time", "2026-09-21", false)]
    [InlineData("date", "2026年9月", true)]
    [InlineData("date", "9月21日", true)]
    [InlineData("date", "2026.9.21", true)]
    [InlineData("date", "2026-09-21~2026-09-30", true)]
    [InlineData("date", "2026-13-01", false)]
    [InlineData("amount", "12345678901", false)]
    [InlineData("amount", "$8000.50", true)]
    [InlineData("phone_number", "123456789012345678", false)]
    [InlineData("car_number", "云A12345", true)]
    [InlineData("car_number", "云A1234警", true)]
    [InlineData("car_number", "云A12345678", false)]
    [InlineData("name", "Zhang San", true)]
    [InlineData("name", "abcdefghijklmnopqrstu", false)]
    [InlineData("name", "阿依古丽·买买提", true)]
    [InlineData("phrase", "𠮷", false)]
    [InlineData("unheard_of", "x", false)]
    [InlineData("", "x", false)]
    public void The_rules_of_the_other_key_types(string type, string value, bool ok) => Assert.Equal(ok, TemplateValues.IsValid(type, value));

    [Fact]
    public void An_enum_takes_the_values_of_its_template_only()
    {
        Assert.True(TemplateValues.IsValid("enum_string2", "卧室", new HashSet<string> { "客厅", "卧室" }));
        Assert.False(TemplateValues.IsValid("enum_string2", "车库", new HashSet<string> { "客厅", "卧室" }));
        Assert.True(TemplateValues.IsValid("const1", "待办"));
    }

    [Fact]
    public void IN02_a_text_is_never_cut_within_a_joined_emoji_or_a_surrogate_pair()
    {
        const string family = "👨‍👩‍👧‍👦"; // one text element of 11 units
        Assert.Equal("一二三四五六七八九…", TemplateValues.Fit("thing1", "一二三四五六七八九" + family + "尾"));
        Assert.Equal("一二三四五六七八" + family + "…", TemplateValues.Fit("thing1", "一二三四五六七八" + family + "尾尾"));
        for (var lead = 0; lead < 25; lead++)
        {
            var fitted = TemplateValues.Fit("thing1", new string('一', lead) + string.Concat(Enumerable.Repeat("𠮷", 12)))!;
            Assert.InRange(fitted.Length, 1, 20);
            Assert.DoesNotContain('\uFFFD', new System.Text.UTF8Encoding().GetString(System.Text.Encoding.UTF8.GetBytes(fitted)));
        }
    }

    [Theory]
    [InlineData("甲\r\n乙", "甲 乙")]
    [InlineData("甲\0乙", "甲 乙")]
    [InlineData("甲\u2028乙", "甲 乙")]
    [InlineData("甲\ud800乙", "甲 乙")]
    [InlineData("\n", null)]
    public void IN02_control_characters_and_broken_text_become_spaces(string value, string? fitted) => Assert.Equal(fitted, TemplateValues.Fit("thing1", value));

    [Fact]
    public void Every_fitted_text_is_valid_and_fitting_again_changes_nothing()
    {
        for (var length = 1; length < 60; length++)
        {
            var fitted = TemplateValues.Fit("thing1", new string('访', length))!;
            Assert.True(TemplateValues.IsValid("thing1", fitted));
            Assert.Equal(fitted, TemplateValues.Fit("thing1", fitted));
        }
    }
}
