using Backend.Domain.Facts;
using Backend.Domain.Tags;

namespace Backend.Tests.Domain.Tags;

public class TagCatalogueTests
{
    private static readonly TagCatalogue s_catalogue = TagCatalogue.Default;

    [Fact]
    public void A05_The_seed_has_7_categories_13_subcategories_and_137_tags()
    {
        Assert.Equal(137, s_catalogue.Tags.Count);
        Assert.Equal(137, s_catalogue.Tags.Select(tag => tag.Code).Distinct().Count());
        Assert.Equal(137, s_catalogue.Tags.Select(tag => tag.Name).Distinct().Count());
        Assert.Equal(7, s_catalogue.Tags.Select(tag => tag.CategoryCode).Distinct().Count());
        Assert.Equal(13, s_catalogue.Tags.Select(tag => tag.SubcategoryCode).Distinct().Count());
        Assert.Equal(Enumerable.Range(1, 137), s_catalogue.Tags.Select(tag => tag.Position));
    }

    [Fact]
    public void A05_Subjects_types_classes_and_signals_are_as_many_as_the_catalogue_says()
    {
        Assert.Equal((83, 54), (Count(tag => tag.Subject == SubjectKind.Person), Count(tag => tag.Subject == SubjectKind.Household)));
        Assert.Equal(
            [50, 42, 13, 12, 11, 9],
            new[] { TagValueType.Bool, TagValueType.Enum, TagValueType.Money, TagValueType.Number, TagValueType.Text, TagValueType.Date }
                .Select(type => Count(tag => tag.ValueType == type)));
        Assert.Equal(55, Count(tag => tag.Sensitive));
        Assert.Equal(
            [92, 30, 14, 1],
            new[] { "none", "raise_yellow", "raise_red", "raise_orange" }.Select(signal => Count(tag => tag.TierSignal == signal)));

        static int Count(Func<Tag, bool> which) => s_catalogue.Tags.Count(which);
    }

    [Fact]
    public void Every_tag_that_the_mapping_reads_is_in_the_catalogue_under_the_name_of_its_number()
    {
        foreach (var tag in Enum.GetValues<ReadTag>())
        {
            Assert.NotNull(s_catalogue.Find(tag.Code()));
            Assert.Equal(tag.ToString(), tag.Code().Replace("_", "", StringComparison.Ordinal), ignoreCase: true);
            Assert.Null(TagRules.Door(tag.Code()));
        }

        Assert.Equal(Enum.GetValues<ReadTag>().Length, ReadTags.Count);
        Assert.Equal("in_hospital", ReadTag.InHospital.Code());
        Assert.Equal(47, (int)ReadTag.InHospital);
    }

    [Theory]
    [InlineData("a,b")]
    [InlineData("A,甲,B,乙,c,丙,nobody,bool,,0,none,")]
    [InlineData("A,甲,B,乙,c,丙,person,picture,,0,none,")]
    [InlineData("A,甲,B,乙,c,丙,person,bool,x:甲,0,none,")]
    [InlineData("A,甲,B,乙,c,丙,person,bool,,0,none,\nA,甲,B,乙,c,丁,person,bool,,0,none,")]
    public void A_catalogue_with_a_bad_line_is_refused(string lines) =>
        Assert.Throws<FormatException>(() => TagCatalogue.Parse("header\n" + lines));

    [Theory]
    [InlineData("dropout", "true", "true")]
    [InlineData("dropout", "false", "false")]
    [InlineData("last_major_event", "illness", "illness")]
    [InlineData("disability_grade", "2", "2")]
    [InlineData("guarantee_gap", "none", "none")]
    [InlineData("guarantee_gap", "water|food", "food|water")]
    [InlineData("other_risks", "job|illness", "illness|job")]
    [InlineData("wage_income", "0", "0")]
    [InlineData("wage_income", "042000.50", "42000.5")]
    [InlineData("wage_income", "999999999999.99", "999999999999.99")]
    [InlineData("months_worked_12m", "5.0", "5")]
    [InlineData("birth_date", "1900-01-01", "1900-01-01")]
    [InlineData("birth_date", "2100-12-31", "2100-12-31")]
    [InlineData("employer", "示范超市😀", "示范超市😀")]
    public void IN02_A_good_value_is_taken_in_one_form(string tag, string value, string stored)
    {
        Assert.Null(TagRules.Check(s_catalogue, tag, s_catalogue.Find(tag)!.Subject, value, out var canonical));
        Assert.Equal(stored, canonical);
    }

    [Theory]
    [InlineData("dropout", "True", "tag_value_not_bool")]
    [InlineData("dropout", "", "tag_value_not_bool")]
    [InlineData("last_major_event", "flood", "tag_value_not_in_list")]
    [InlineData("last_major_event", "illness:突发大病", "tag_value_not_in_list")]
    [InlineData("guarantee_gap", "none|food", "tag_value_not_in_list")]
    [InlineData("guarantee_gap", "food|food", "tag_value_not_in_list")]
    [InlineData("guarantee_gap", "", "tag_value_not_in_list")]
    [InlineData("other_risks", "food", "tag_value_not_in_list")]
    [InlineData("wage_income", "-1", "tag_value_not_money")]
    [InlineData("wage_income", "1.001", "tag_value_not_money")]
    [InlineData("wage_income", "1e3", "tag_value_not_money")]
    [InlineData("wage_income", "1.", "tag_value_not_money")]
    [InlineData("wage_income", ".5", "tag_value_not_money")]
    [InlineData("wage_income", "１２", "tag_value_not_money")]
    [InlineData("wage_income", "1000000000000", "tag_value_not_money")]
    [InlineData("wage_income", "NaN", "tag_value_not_money")]
    [InlineData("months_worked_12m", "five", "tag_value_not_number")]
    [InlineData("months_worked_12m", "--5", "tag_value_not_number")]
    [InlineData("birth_date", "1899-12-31", "tag_value_not_date")]
    [InlineData("birth_date", "2101-01-01", "tag_value_not_date")]
    [InlineData("birth_date", "2026-02-30", "tag_value_not_date")]
    [InlineData("birth_date", "2026-1-1", "tag_value_not_date")]
    [InlineData("employer", "a\0b", "tag_value_not_text")]
    [InlineData("employer", "a\nb", "tag_value_not_text")]
    [InlineData("employer", "  ", "tag_value_not_text")]
    [InlineData("nothing_such", "1", "tag_unknown")]
    public void IN02_A_bad_value_is_refused_with_a_code_and_a_Chinese_text(string tag, string value, string code)
    {
        var problem = TagRules.Check(s_catalogue, tag, s_catalogue.Find(tag)?.Subject ?? SubjectKind.Person, value, out _);

        Assert.Equal(code, problem?.Code);
        Assert.Contains("“", problem!.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void IN02_Text_is_bounded_and_holds_no_lone_surrogate()
    {
        Assert.Null(TagRules.Check(s_catalogue, "employer", SubjectKind.Person, new string('字', 200), out _));
        Assert.Equal("tag_value_not_text", TagRules.Check(s_catalogue, "employer", SubjectKind.Person, new string('字', 201), out _)?.Code);
        Assert.Equal("tag_value_not_text", TagRules.Check(s_catalogue, "employer", SubjectKind.Person, "a\ud83d", out _)?.Code);
        Assert.Equal("tag_value_not_text", TagRules.Check(s_catalogue, "employer", SubjectKind.Person, "\ude00a", out _)?.Code);
    }

    [Theory]
    [InlineData("registry_kind"), InlineData("monitored_kind"), InlineData("monitored_since"), InlineData("discovery_channel")]
    [InlineData("risk_eliminated"), InlineData("risk_eliminated_date"), InlineData("elimination_kind"), InlineData("relapse_count")]
    [InlineData("household_size"), InlineData("labour_count"), InlineData("dependent_count"), InlineData("miniprogram_bound")]
    [InlineData("grid_role"), InlineData("active_measures"), InlineData("open_referrals"), InlineData("open_job_leads")]
    [InlineData("occupancy_status"), InlineData("zero_employment"), InlineData("net_income_per_capita"), InlineData("income_change_pct")]
    public void A_projection_takes_no_value_and_names_the_right_door(string tag)
    {
        var problem = TagRules.Check(s_catalogue, tag, s_catalogue.Find(tag)!.Subject, "1", out _);

        Assert.Equal("tag_read_only", problem?.Code);
        Assert.Contains(TagRules.Door(tag)!, problem!.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tag_of_a_household_takes_no_value_of_a_person_and_the_reverse()
    {
        Assert.Equal("tag_subject_mismatch", TagRules.Check(s_catalogue, "wage_income", SubjectKind.Person, "1", out _)?.Code);
        Assert.Equal("tag_subject_mismatch", TagRules.Check(s_catalogue, "dropout", SubjectKind.Household, "true", out _)?.Code);
    }

    [Fact]
    public void A_code_has_its_Chinese_text()
    {
        Assert.Equal("突发大病", TagRules.Text(s_catalogue.Find("last_major_event")!, "illness"));
        Assert.Equal("二级", TagRules.Text(s_catalogue.Find("disability_grade")!, "2"));
        Assert.Equal("sick", TagRules.Text(s_catalogue.Find("last_major_event")!, "sick"));
    }
}
