using System.Globalization;

namespace Backend.Domain.Facts;

/// <summary>
/// Which of two conflicting values is the more severe one (facts.md rule 2): positive when the first is. A fact chooses the reading, because one
/// value may be severe for one fact and harmless for another.
/// </summary>
internal static class Worse
{
    public static readonly Comparison<string> True = (a, b) => (a == "true").CompareTo(b == "true");
    public static readonly Comparison<string> False = (a, b) => (a == "false").CompareTo(b == "false");
    public static readonly Comparison<string> More = (a, b) => Number(a).CompareTo(Number(b));
    public static readonly Comparison<string> Less = (a, b) => Number(b).CompareTo(Number(a));
    /// <summary>Dates as <c>yyyy-MM-dd</c> sort as text.</summary>
    public static readonly Comparison<string> Later = string.CompareOrdinal;
    public static readonly Comparison<string> Earlier = (a, b) => string.CompareOrdinal(b, a);
    public static readonly Comparison<string> Housing = Last("a", "b", "c", "d");
    public static readonly Comparison<string> Nobody = Last("nobody");
    public static readonly Comparison<string> SelfCare = Last("full", "part", "none");
    public static readonly Comparison<string> Health = Last("healthy", "chronic", "major", "frail");
    public static readonly Comparison<string> Grade = Last("4", "3", "2", "1");
    public static readonly Comparison<string> Crisis = Last("steady", "low", "crisis");
    public static readonly Comparison<string> Lost = Last("lost");
    public static readonly Comparison<string> NotNone = (a, b) => (a != "none").CompareTo(b != "none");
    public static readonly Comparison<string> NotAtSchool = Last("none");
    /// <summary>Without capacity: fewer workers (Y2, Y4, H2f).</summary>
    public static readonly Comparison<string> Incapable = Last("skilled", "ordinary", "weak", "lost", "none");
    /// <summary>With capacity: somebody whose work is missed (R7, Y10).</summary>
    public static readonly Comparison<string> Capable = Last("none", "lost", "weak", "ordinary", "skilled");
    public static readonly Comparison<string> Employment = Last("employed", "self", "farming", "student", "retired", "caring", "idle", "seeking");
    public static readonly Comparison<string> Gap = (a, b) => GapRank(a).CompareTo(GapRank(b));

    public static bool TryNumber(string text, out decimal number) =>
        decimal.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number);

    /// <summary>Red at once is more than the medical gap with its days of grace, and that more than none.</summary>
    private static int GapRank(string codes) => codes == "none" ? 0 : codes == "medical" ? 1 : 2;

    private static decimal Number(string text) => TryNumber(text, out var number) ? number : 0;

    private static Comparison<string> Last(params string[] order) => (a, b) => Array.IndexOf(order, a).CompareTo(Array.IndexOf(order, b));
}
