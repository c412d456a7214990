using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Backend.Platform.WeChat;

/// <summary>
/// The rules for values of message templates, by the type in front of a key's number (<c>thing1</c>, <c>time2</c>). WeChat refuses a whole message
/// for one bad value (47003), so values are fitted before they go out. "Characters" are counted in the strictest reading, UTF-16 units,
/// and text is cut at the borders of text elements only. Source: WeChat's parameter table of subscribe messages.
/// </summary>
internal static class TemplateValues
{
    private const int LongestThing = 20;

    // Patterns end in \z ($ also matches before a final newline) and say [0-9] (\d matches the digits of every script); none can backtrack (IN04).
    private static readonly Regex Key = Pattern(@"\A(?<type>thing|number|letter|symbol|character_string|time|date|amount|phone_number|car_number|name|phrase|enum_string|enum|const)[0-9]*\z");
    private static readonly Regex Number = Pattern(@"\A[0-9]+(\.[0-9]+)?\z");
    private static readonly Regex Letter = Pattern(@"\A[A-Za-z]{1,32}\z");
    private static readonly Regex CharacterString = Pattern(@"\A[\x21-\x7E]{1,32}\z");
    private static readonly Regex Amount = Pattern(@"\A[¥￥$]?[0-9]{1,10}(\.[0-9]+)?元?\z");
    private static readonly Regex PhoneNumber = Pattern(@"\A[0-9+\-]{1,17}\z");
    private static readonly Regex CarNumber = Pattern(@"\A[\p{IsCJKUnifiedIdeographs}A-Za-z0-9]([A-Za-z0-9]{0,6}[\p{IsCJKUnifiedIdeographs}A-Za-z0-9])?\z");
    private static readonly Regex Phrase = Pattern(@"\A\p{IsCJKUnifiedIdeographs}{1,5}\z");
    private static readonly Regex Name = Pattern(@"\A[\p{L}\p{M}\p{P}\p{S} ]+\z");
    private static readonly Regex Symbol = Pattern(@"\A[\p{P}\p{S}]{1,5}\z");

    private const string Clock = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?";
    private const string Month = "(0?[1-9]|1[0-2])";
    private const string Day = "(0?[1-9]|[12][0-9]|3[01])";
    private const string FullDate = $"([0-9]{{4}}年{Month}月{Day}日|[0-9]{{4}}[-/.]{Month}[-/.]{Day})";
    private const string PartDate = $"([0-9]{{4}}年{Month}月|[0-9]{{4}}[-/.]{Month}|{Month}月{Day}日|{Month}[-/.]{Day})";
    private static readonly Regex Time = Pattern($@"\A({FullDate} )?{Clock}(~({FullDate} )?{Clock})?\z");
    private static readonly Regex Date = Pattern($@"\A({FullDate}( {Clock})?|{PartDate})(~({FullDate}( {Clock})?|{PartDate}))?\z");

    /// <summary>Whether WeChat takes <paramref name="value"/> for <paramref name="key"/> as it is. A key of no known type takes nothing.</summary>
    /// <param name="allowed">For enum and const keys the values that the template lists; null when the list is not known here.</param>
    public static bool IsValid(string key, string value, IReadOnlySet<string>? allowed = null)
    {
        if (string.IsNullOrWhiteSpace(value) || !IsClean(value)) return false;
        return TypeOf(key) switch
        {
            "thing" => value.Length <= LongestThing,
            "number" => value.Length <= 32 && Number.IsMatch(value),
            "letter" => Letter.IsMatch(value),
            "symbol" => Symbol.IsMatch(value),
            "character_string" => CharacterString.IsMatch(value),
            "time" => Time.IsMatch(value),
            "date" => Date.IsMatch(value),
            "amount" => value.Length <= 32 && Amount.IsMatch(value),
            "phone_number" => PhoneNumber.IsMatch(value),
            "car_number" => CarNumber.IsMatch(value),
            "name" => Name.IsMatch(value) && value.Length <= (HasIdeographs(value) ? 10 : 20),
            "phrase" => Phrase.IsMatch(value),
            "enum" or "enum_string" or "const" => allowed?.Contains(value) ?? value.Length <= LongestThing,
            _ => false,
        };
    }

    /// <summary>
    /// The value as WeChat will take it: control characters become spaces, a long <c>thing</c> is cut with an ellipsis inside the limit.
    /// Nothing else is changed (half a name would be another name). Null: this value cannot be made to fit.
    /// </summary>
    public static string? Fit(string key, string value, IReadOnlySet<string>? allowed = null)
    {
        var fitted = Clean(value);
        if (TypeOf(key) == "thing" && fitted.Length > LongestThing) fitted = Cut(fitted, LongestThing);
        return IsValid(key, fitted, allowed) ? fitted : null;
    }

    private static string? TypeOf(string key) => Key.Match(key) is { Success: true } match ? match.Groups["type"].Value : null;

    /// <summary>No control characters and no half of a surrogate pair, which JSON cannot carry.</summary>
    private static bool IsClean(string value)
    {
        foreach (var rune in value.EnumerateRunes())
            if (IsDirty(rune)) return false;
        return true;
    }

    /// <summary>Half a surrogate pair is enumerated as the replacement character.</summary>
    private static bool IsDirty(Rune rune) => rune == Rune.ReplacementChar
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;

    private static string Clean(string value)
    {
        var clean = new StringBuilder(value.Length);
        foreach (var rune in value.EnumerateRunes())
        {
            if (!IsDirty(rune)) clean.Append(rune.ToString());
            else if (clean.Length == 0 || clean[^1] != ' ') clean.Append(' '); // CR LF is one gap
        }
        return clean.ToString().Trim();
    }

    private static string Cut(string value, int limit)
    {
        var kept = 0;
        while (kept < value.Length)
        {
            var next = StringInfo.GetNextTextElementLength(value, kept);
            if (kept + next > limit - 1) break;
            kept += next;
        }
        return value[..kept].TrimEnd() + "…";
    }

    private static bool HasIdeographs(string value) =>
        value.EnumerateRunes().Any(r => Rune.GetUnicodeCategory(r) == UnicodeCategory.OtherLetter);

    private static Regex Pattern(string pattern) => new(pattern, RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, TimeSpan.FromMilliseconds(100));
}
