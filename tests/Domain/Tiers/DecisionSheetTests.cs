using System.Reflection;
using Backend.Domain.Facts;
using Backend.Domain.Households;
using Backend.Domain.Tags;
using Backend.Domain.Tiers;
using Backend.Tests.Domain.Facts;

namespace Backend.Tests.Domain.Tiers;

public class DecisionSheetTests
{
    // What a sentence for a resident must not say: jargon of the register, and words that shame.
    private static readonly string[] s_never = ["监测", "返贫", "致贫", "贫困", "脱贫", "红色", "橙色", "黄色", "风险", "等级", "规则", "预警", "阈值", "困难户", "零就业", "刚性", "失能", "失智"];

    [Fact]
    public void B1_every_rule_has_a_name_and_a_plain_sentence_without_jargon_or_shame()
    {
        foreach (var rule in RuleTexts.Ids)
        {
            Assert.NotEmpty(RuleTexts.Short(rule));
            var sentence = RuleTexts.Plain(rule);
            Assert.EndsWith("。", sentence, StringComparison.Ordinal);
            Assert.Equal(1, sentence.Count(c => c == '。'));
            Assert.All(s_never, word => Assert.DoesNotContain(word, sentence, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void B1_every_fact_that_a_rule_reads_has_a_Chinese_name_and_value()
    {
        var facts = new HouseholdFacts { Day = Material.Today };
        foreach (var key in FactTexts.Keys)
        {
            Assert.NotEmpty(FactTexts.Name(key));
            Assert.NotEmpty(FactTexts.Value(key, facts.Read(key).Value, TagCatalogue.Default));
        }

        var keys = typeof(FactKeys).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => (string)field.GetValue(null)!).ToHashSet();
        string[] wayOut =
        [
            "allAway", "daysSinceIdentified", "finishedMeasures", "monthsAtOrAboveClearLine", "rigidResolved", "eliminationProcedureDone",
            "naturalElimination", "lastHomeVisitDaysAgo", "approvals", "daysWithoutSignal", "loweringApproved", "daysSinceEliminated",
        ];
        Assert.Equal(keys.Except(wayOut).Order(), FactTexts.Keys.Order());
    }

    [Fact]
    public void B1_the_sheet_names_rule_fact_date_source_threshold_and_rule_set()
    {
        var material = Material.Ordinary().Household("last_major_event", "illness", 10, source: ValueSource.Department).Household("home_hazard", "gas", 3);

        var sheet = DecisionSheet.Of(material.Evaluate(), TagCatalogue.Default);

        Assert.Equal((Tier.Red, "红色 待核实", Tier.Red, Material.Today), (sheet.Tier, sheet.TierText, sheet.EngineTier, sheet.Day));
        Assert.Equal(("default-1", RuleSet.Default.Hash), (sheet.RuleSet, sheet.RuleSetHash));
        Assert.Equal(["R5", "Y13"], sheet.Reasons.Select(reason => reason.Rule));
        Assert.Equal(("近期发生重大变故", "90 天内"), (sheet.Reasons[0].Text, sheet.Reasons[0].Threshold));
        var fact = Assert.Single(sheet.Reasons[0].Facts);
        Assert.Equal(("majorEventDaysAgo", "距最近一次重大变故", "10", "10 天"), (fact.Fact, fact.Name, fact.Value, fact.Text));
        var origin = Assert.Single(fact.Origins);
        Assert.Equal(("最近重大变故", Material.Today.AddDays(-10), "部门"), (origin.Text, origin.Day, origin.SourceText));
        Assert.Equal("燃气", sheet.Reasons[1].Facts[0].Text);
        Assert.Equal(RuleTexts.Plain("R5"), sheet.Sentence);
        Assert.Empty(sheet.WayOut);
    }

    [Fact]
    public void B3_the_sheet_shows_the_way_out_with_dates()
    {
        var material = Material.Ordinary().Mark(RegisterStatus.Monitored, 138);

        var sheet = DecisionSheet.Of(material.Evaluate(Tier.Red, TierState.Confirmed), TagCatalogue.Default);

        Assert.Equal("红色 重点风险监测户", sheet.TierText);
        Assert.Equal(["H2a", "H2b", "H2c", "H2d", "H2h"], sheet.WayOut.Select(blocker => blocker.Id));
        Assert.Equal("识别满 180 天：还差 42 天", sheet.WayOut[0].Missing);
    }

    [Fact]
    public void B1_the_sheet_lists_what_is_unknown_with_the_person_and_the_field_that_answers()
    {
        var material = Material.Ordinary().Without("housing_grade");
        material.Without("medical_insured", material.Child);

        var sheet = DecisionSheet.Of(material.Evaluate(), TagCatalogue.Default);

        Assert.Equal("黄色 待补信息", sheet.TierText);
        Assert.Equal("未知", sheet.Reasons[0].Facts.Single(fact => fact.Fact == "housingGrade").Text);
        Assert.Equal(
            [("housing_grade", null), ("medical_insured", (Guid?)material.Child)],
            sheet.Unknowns.Select(open => (open.Tag, open.ResidentId)).OrderBy(open => open.Tag));
        Assert.Equal(RuleTexts.Plain("Y11"), sheet.Sentence);
    }

    [Fact]
    public void B1_a_household_whose_rules_already_say_milder_is_told_that_it_is_on_its_way()
    {
        var sheet = DecisionSheet.Of(Material.Ordinary().Evaluate(Tier.Yellow), TagCatalogue.Default);

        Assert.Equal((Tier.Yellow, Tier.Green), (sheet.Tier, sheet.EngineTier));
        Assert.Contains("正在好转", sheet.Sentence, StringComparison.Ordinal);
        Assert.Equal(["H4a", "H4c"], sheet.WayOut.Select(blocker => blocker.Id));
    }
}
