using System.Collections.Frozen;
using System.Globalization;

namespace Backend.Domain.Tags;

/// <summary>Why a tag value is refused: a stable code for clients and a Chinese text for people.</summary>
internal sealed record TagProblem(string Code, string Text);

/// <summary>What a value of a tag may be, and which tags take no values because another door owns the fact.</summary>
internal static class TagRules
{
    public const int LongestText = 200;

    // Codes joined with a bar (facts.md, tag-catalogue.csv): the gap's own codes, and those of main_risk.
    private static readonly FrozenDictionary<string, string> s_joined = new Dictionary<string, string>
    {
        ["guarantee_gap"] = "guarantee_gap",
        ["other_risks"] = "main_risk",
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<string, string> s_doors = Doors(
        ("请通过登记标注办理", ["registry_kind", "monitored_kind", "monitored_since", "discovery_channel", "risk_eliminated", "risk_eliminated_date",
            "elimination_kind"]),
        ("由四色变化记录自动统计", ["relapse_count"]),
        ("请在户内成员中维护", ["household_size", "labour_count", "dependent_count"]),
        ("由小程序绑定自动生成", ["miniprogram_bound"]),
        ("请在职务任免中维护", ["grid_role"]),
        ("请在帮扶措施中维护", ["active_measures"]),
        ("由部门转介自动统计", ["open_referrals"]),
        ("由岗位推荐自动统计", ["open_job_leads"]),
        ("请在户信息的入住状态中维护", ["occupancy_status"]),
        ("由成员就业状态自动计算", ["zero_employment"]),
        ("由四项收入自动计算", ["net_income_per_capita", "income_change_pct"]));

    /// <summary>The right door of a read-only projection (facts.md rule 1) in Chinese; null for a tag that takes values.</summary>
    public static string? Door(string tagCode) => s_doors.GetValueOrDefault(tagCode);

    /// <summary>
    /// Checks one value for a tag of a catalogue and answers why it is refused, or null with <paramref name="canonical"/>, the form to store
    /// (money and numbers without needless zeros), so that equal values are equal texts.
    /// </summary>
    public static TagProblem? Check(TagCatalogue catalogue, string tagCode, SubjectKind subject, string value, out string canonical)
    {
        canonical = value;
        if (catalogue.Find(tagCode) is not { } tag) return new("tag_unknown", $"没有标签“{Shown(tagCode)}”");
        if (tag.RetiredAt is not null) return new("tag_retired", $"标签“{tag.Name}”已停用");
        if (Door(tag.Code) is { } door) return new("tag_read_only", $"“{tag.Name}”由系统维护，不能直接填写：{door}");
        if (tag.Subject != subject)
            return new("tag_subject_mismatch", tag.Subject == SubjectKind.Household ? $"“{tag.Name}”属于户，不属于居民" : $"“{tag.Name}”属于居民，不属于户");
        if (s_joined.TryGetValue(tag.Code, out var list)) return CheckJoined(tag, catalogue.Find(list), value, out canonical);

        switch (tag.ValueType)
        {
            case TagValueType.Bool:
                return value is "true" or "false" ? null : new("tag_value_not_bool", $"“{tag.Name}”只能是 true 或 false");
            case TagValueType.Enum:
                return Codes(tag).Contains(value) ? null : new("tag_value_not_in_list", $"“{tag.Name}”只能取：{string.Join("、", Codes(tag))}");
            case TagValueType.Money:
                if (!IsDecimal(value, 12, 2, signed: false))
                    return new("tag_value_not_money", $"“{tag.Name}”应为不小于零的金额（元），最多两位小数");
                canonical = Canonical(value);
                return null;
            case TagValueType.Number:
                if (!IsDecimal(value, 9, 4, signed: true)) return new("tag_value_not_number", $"“{tag.Name}”应为数字");
                canonical = Canonical(value);
                return null;
            case TagValueType.Date:
                return IsDate(value) ? null : new("tag_value_not_date", $"“{tag.Name}”应为 1900 至 2100 年间的日期，如 2026-11-20");
            case TagValueType.Text:
                return IsText(value) ? null : new("tag_value_not_text", $"“{tag.Name}”应为 1 至 {LongestText} 个字符，不含控制字符");
            default:
                throw new ArgumentOutOfRangeException(nameof(tagCode), tag.ValueType, null);
        }
    }

    /// <summary>The codes of an enum tag, without their Chinese texts.</summary>
    public static IReadOnlyList<string> Codes(Tag tag) =>
        tag.EnumValues is null ? [] : [.. tag.EnumValues.Split('|').Select(pair => pair[..pair.IndexOf(':', StringComparison.Ordinal)])];

    /// <summary>The Chinese text of an enum code; the code itself where the tag has none.</summary>
    public static string Text(Tag tag, string code)
    {
        foreach (var pair in tag.EnumValues?.Split('|') ?? [])
        {
            if (pair.Length > code.Length && pair[code.Length] == ':' && pair.StartsWith(code, StringComparison.Ordinal)) return pair[(code.Length + 1)..];
        }

        return code;
    }

    private static TagProblem? CheckJoined(Tag tag, Tag? list, string value, out string canonical)
    {
        canonical = value;
        var allowed = list is null ? [] : Codes(list);
        var codes = value.Length > LongestText ? [] : value.Split('|');
        var good = codes.Length > 0 && codes.All(allowed.Contains) && codes.Distinct().Count() == codes.Length
            && (codes.Length == 1 || !codes.Contains("none"));
        if (!good) return new("tag_value_not_in_list", $"“{tag.Name}”可用竖线连接多项，只能取：{string.Join("、", allowed)}");
        canonical = string.Join('|', allowed.Where(codes.Contains));
        return null;
    }

    /// <summary>Plain digits only: no exponent, no thousands, no sign but a minus where it is allowed.</summary>
    private static bool IsDecimal(string value, int longestWhole, int longestFraction, bool signed)
    {
        var digits = value.AsSpan();
        if (signed && digits is ['-', ..]) digits = digits[1..];
        var point = digits.IndexOf('.');
        var whole = point < 0 ? digits : digits[..point];
        var fraction = point < 0 ? default : digits[(point + 1)..];
        return whole.Length > 0 && whole.Length <= longestWhole && fraction.Length <= longestFraction && (point < 0 || fraction.Length > 0)
            && !whole.ContainsAnyExceptInRange('0', '9') && !fraction.ContainsAnyExceptInRange('0', '9');
    }

    private static string Canonical(string value) =>
        decimal.Parse(value, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture)
            .ToString("0.####", CultureInfo.InvariantCulture) is var text && text == "-0" ? "0" : text;

    private static bool IsDate(string value) =>
        DateOnly.TryParseExact(value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) && day.Year is >= 1900 and <= 2100;

    private static bool IsText(string value)
    {
        if (string.IsNullOrWhiteSpace(value) || value.Length > LongestText) return false;
        for (var i = 0; i < value.Length; i++)
        {
            if (char.IsControl(value[i])) return false;
            if (!char.IsSurrogate(value[i])) continue;
            // A lone half of a pair cannot be stored as UTF-8 (IN02).
            if (!char.IsHighSurrogate(value[i]) || i + 1 == value.Length || !char.IsLowSurrogate(value[i + 1])) return false;
            i++;
        }

        return true;
    }

    /// <summary>A code from outside, fit to be shown: short and without control characters.</summary>
    private static string Shown(string code) => string.Concat(code.Where(c => !char.IsControl(c) && !char.IsSurrogate(c)).Take(40));

    private static FrozenDictionary<string, string> Doors(params (string Door, string[] Tags)[] doors) =>
        doors.SelectMany(door => door.Tags.Select(tag => (tag, door.Door))).ToFrozenDictionary(pair => pair.tag, pair => pair.Door);
}
