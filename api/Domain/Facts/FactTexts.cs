using System.Collections.Frozen;
using Backend.Domain.Tags;

namespace Backend.Domain.Facts;

/// <summary>The Chinese name of each fact that a rule reads, and its value as people read it.</summary>
internal static class FactTexts
{
    private const string Unknown = "未知";

    private static readonly FrozenDictionary<string, (string Name, string Unit)> s_texts = new Dictionary<string, (string, string)>
    {
        [FactKeys.Registry] = ("登记状态", ""),
        [FactKeys.HouseholdSize] = ("共同生活人口", "人"),
        [FactKeys.NetIncome12m] = ("近12个月家庭纯收入", "元"),
        [FactKeys.IncomeCheckedDaysAgo] = ("距上次收入核算", "天"),
        [FactKeys.IncomeChangePct] = ("纯收入同比变化", "%"),
        [FactKeys.RigidExpense12m] = ("近12个月自付刚性支出", "元"),
        [FactKeys.DisasterLoss12m] = ("近12个月灾害意外损失", "元"),
        [FactKeys.MajorEventDaysAgo] = ("距最近一次重大变故", "天"),
        [FactKeys.Dropout] = ("义务教育阶段失学辍学", ""),
        [FactKeys.HousingGrade] = ("住房安全等级", ""),
        [FactKeys.WaterSafe] = ("饮水安全", ""),
        [FactKeys.GuaranteeGap] = ("未达标项", ""),
        [FactKeys.UninsuredDays] = ("最长断保时间", "天"),
        [FactKeys.UnprotectedPerson] = ("有人无人监护或照护", ""),
        [FactKeys.ZeroEmploymentDays] = ("零就业时间", "天"),
        [FactKeys.LabourCount] = ("劳动力人数", "人"),
        [FactKeys.Dependents] = ("抚养赡养人数", "人"),
        [FactKeys.SingleParent] = ("单亲家庭", ""),
        [FactKeys.HeavyHealth] = ("有重病、体弱、重度残疾或失能人员", ""),
        [FactKeys.MainEarnerMonthsWorked] = ("主要劳动力近12个月务工", "个月"),
        [FactKeys.JobLostDaysAgo] = ("主要劳动力失业时间", "天"),
        [FactKeys.WageArrears] = ("被拖欠工资", ""),
        [FactKeys.MedicalSelfPaid12m] = ("近12个月自付医疗费", "元"),
        [FactKeys.EducationSelfPaid] = ("本学年自付教育费", "元"),
        [FactKeys.LoanOverdue] = ("贷款逾期", ""),
        [FactKeys.Debt] = ("负债余额", "元"),
        [FactKeys.ElderAlone] = ("有独居老人", ""),
        [FactKeys.ElderLeftBehind] = ("有空巢或留守老人", ""),
        [FactKeys.LeftBehindChild] = ("有留守儿童", ""),
        [FactKeys.ChildMood] = ("儿童情绪", ""),
        [FactKeys.DropoutRisk] = ("有厌学或辍学风险", ""),
        [FactKeys.LostContact] = ("有成员失联", ""),
        [FactKeys.NoVisitFactor] = ("未随访时间", "个随访周期"),
        [FactKeys.RelapseCount] = ("风险反复次数", "次"),
        [FactKeys.TemporaryRelief12m] = ("近12个月临时救助", "次"),
        [FactKeys.OrphanSupport] = ("有孤儿或事实无人抚养儿童", ""),
        [FactKeys.InHospital] = ("有成员住院", ""),
        [FactKeys.UtilityArrears] = ("水电气欠费", ""),
        [FactKeys.HomeHazard] = ("居家安全隐患", ""),
        [FactKeys.LowWaterUse] = ("用水异常偏低", ""),
    }.ToFrozenDictionary();

    // Facts whose words are those of a tag of the catalogue.
    private static readonly FrozenDictionary<string, ReadTag> s_worded = new Dictionary<string, ReadTag>
    {
        [FactKeys.HousingGrade] = ReadTag.HousingGrade,
        [FactKeys.GuaranteeGap] = ReadTag.GuaranteeGap,
        [FactKeys.ChildMood] = ReadTag.ChildMood,
        [FactKeys.HomeHazard] = ReadTag.HomeHazard,
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, string> s_registry = new Dictionary<string, string>
    {
        ["lifted"] = "脱贫户",
        ["monitored"] = "监测对象",
        ["eliminated"] = "风险消除",
        ["general"] = "一般农户",
        ["none"] = "未登记",
    }.ToFrozenDictionary();

    public static IReadOnlyCollection<string> Keys => s_texts.Keys;

    public static string Name(string key) => s_texts[key].Name;

    /// <summary>The value in Chinese; unknown where it is null.</summary>
    public static string Value(string key, string? value, TagCatalogue catalogue)
    {
        if (value is null) return Unknown;
        if (key == FactKeys.Registry) return s_registry.GetValueOrDefault(value, value);
        if (s_worded.TryGetValue(key, out var tag) && catalogue.Find(tag.Code()) is { } entry)
            return string.Join("、", value.Split('|').Select(code => TagRules.Text(entry, code)));
        if (value is "true" or "false") return value == "true" ? "是" : "否";
        return s_texts[key].Unit switch
        {
            "" => value,
            "%" => value + "%",
            var unit => $"{value} {unit}",
        };
    }
}
