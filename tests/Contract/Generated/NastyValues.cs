using System.Globalization;
using System.Text.Json;

namespace Backend.Tests.Contract.Generated;

/// <summary>A value that a client should not send, or that is easily mishandled.</summary>
/// <param name="Json">As it stands in a JSON body.</param>
/// <param name="Text">As it stands in an address or a header; null where it cannot.</param>
/// <param name="Refused">Whether no operation may take it.</param>
internal sealed record NastyValue(string Json, string? Text, bool Refused)
{
    public override string ToString() => Json.Length > 80 ? $"{Json[..80]}… ({Json.Length})" : Json;
}

/// <summary>The list of IN02, by the kind of the slot that it is put into.</summary>
internal static class NastyValues
{
    public const int OverAnyArray = 1001;

    // Too deep for any reader of JSON here (IN05).
    private static readonly string Deep = new string('[', 64) + new string(']', 64);

    private static readonly NastyValue[] OfAnyType =
    [
        Raw("NaN"), Raw("Infinity"), Raw("-Infinity"), Raw("1e400"), Raw("undefined"), Raw("'single'"), Raw("0x10"), Raw("01"), Raw("// no comment\n1"), Raw(Deep), Raw("{"), Raw(""),
    ];

    private static readonly NastyValue[] Texts =
    [
        Word("\0"), Word("a\0b"), Word("\u0007"), Word("\u001b[31m"), Word("\u007f"), Word("\u0085"), Raw("\"\\ud800\""), Raw("\"\\udc00\\ud800\""), Raw("\"\\x41\""), Raw("\"\t\""),
        Word(new string('x', 1_500)), Word(new string('长', 5_000), inAddress: false),
        Word("\u202e反\u202c", false), Word("مرحبا", false), Word("👩‍👩‍👧‍👦🇨🇳", false), Word("e\u0301\u0301\u0301", false), Word("ﬁ①Ⅷ", false), Word("\ufeff\u200b", false), Word("\ufffd\uffff", false), Word(" ", false),
        Word("'; drop table households; --", false), Word("%_*\\", false), Word("../../etc/passwd", false), Word("<script>alert(1)</script>", false), Word("{{7*7}}${7*7}", false), Word("null", false), Word("true", false),
    ];

    private static readonly NastyValue[] Numbers =
    [
        Number("-1"), Number("0"), Number("101"), Number("2147483647"), Number("2147483648"), Number("-2147483649"), Number("9223372036854775808"), Number("99999999999999999999999999"),
        Number("1.5"), Number("NaN"), Number("Infinity"), Number("1e400"), Number("1,0"), Number("0x1"), Number("１"), Number("ten"),
    ];

    private static readonly NastyValue[] Words = [Word("purple"), Word(""), Word("0"), Raw("0")];

    private static readonly NastyValue[] Days =
    [
        Word("1899-12-31"), Word("2101-01-01"), Word("0001-01-01"), Word("9999-12-31"), Word("0000-00-00"), Word("2026-02-30"), Word("2026-2-3"), Word("20261120"), Word("20.11.2026"), Word("2026-W47"),
        Word("2026-11-20T00:00:00+08:00"), Word("2026-11-20T00:00:00Z"), Word("+12026-01-01"), Word("-0001-01-01"), Word("2026-11-20\0"), Word("二〇二六年"), Word(""), Raw("20261120"),
    ];

    /// <summary>Any offset is a good one; what the framework reads besides in other spellings is no harm.</summary>
    private static readonly NastyValue[] Moments =
    [
        Word("1899-12-31T23:59:59Z"), Word("2101-01-01T00:00:00Z"), Word("0001-01-01T00:00:00Z"), Word("9999-12-31T23:59:59-14:00"), Word("2026-02-30T00:00:00Z"), Word("2026-11-20T25:00:00Z"),
        Word("2026-11-20T00:00:00+08:00", false), Word("2026-11-20T00:00:00-11:30", false), Word("2026-11-20T00:00:00+15:00"), Word("2026-11-20", false), Word("now"), Word("1795420800"), Word("二〇二六年"),
        Word("2026-11-20T00:00:00Z\0", false), Word(""), Raw("20261120"),
    ];

    private static readonly NastyValue[] Ids =
    [
        Word(""), Word("x"), Word("00000000-0000-0000-0000-000000000000", false), Word("ffffffff-ffff-ffff-ffff-ffffffffffff", false), Word("0198a000-0000-7000-8000-00000000000g"), Word("1"), Word("../me"), Word("0198a000-0000-7000-8000-000000000000\0"),
        Word("' or 1=1"), Raw("1"),
    ];

    private static readonly NastyValue[] Objects = [Raw("[]"), Raw("\"text\""), Raw("1"), Raw("true")];

    private static readonly NastyValue[] Lists = [Raw("{}"), Raw("[]"), Raw("[null]"), Raw("[[]]"), Raw("\"text\""), Raw("1"), Raw($"[{string.Join(',', Enumerable.Repeat("null", OverAnyArray))}]")];

    /// <summary>The list for one slot.</summary>
    public static IEnumerable<NastyValue> For(ContractDocument contract, JsonElement slot)
    {
        var schema = contract.Resolve(slot);
        var type = ContractDocument.TypeOf(schema);
        IEnumerable<NastyValue> others = type switch
        {
            "object" => Objects,
            "boolean" => [Word("true"), Word("TRUE"), Word("yes"), Word(""), Raw("1"), Raw("0"), Raw("{}"), Raw("[]")],
            "array" => Lists,
            "integer" or "number" => Numbers.Select(n => n with { Refused = !IsWithin(schema, n.Text!) }),
            _ => [Raw("1"), Raw("true"), Raw("{}"), Raw("[]"), .. schema.TryGetProperty("enum", out var words) ? OfEnum(words) : (schema.TryGetProperty("format", out var format) ? format.GetString() : null) switch
            {
                "uuid" => Ids,
                "date" => Days,
                "date-time" => Moments,
                null => Texts,
                var f => throw new NotSupportedException($"No nasty values of the format {f}."),
            }],
        };
        // What may be null may be left out: there null is no news.
        return [.. OfAnyType, .. others, new NastyValue("null", null, !ContractDocument.MayBeNull(slot))];
    }

    /// <summary>A whole number between the limits that the document names is an ordinary one.</summary>
    private static bool IsWithin(JsonElement schema, string number) => long.TryParse(number, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
        && schema.TryGetProperty("minimum", out var least) && schema.TryGetProperty("maximum", out var most) && least.GetDouble() <= value && value <= most.GetDouble();

    /// <summary>A defined word has one spelling, and stands alone.</summary>
    private static NastyValue[] OfEnum(JsonElement words)
    {
        var (one, other) = (words[0].GetString()!, words[1].GetString()!);
        return [.. Words, Word(one.ToUpperInvariant()), Word($"{one},{other}"), Word($" {one}"), Word($"{one}\0")];
    }

    private static NastyValue Raw(string json) => new(json, null, Refused: true);

    private static NastyValue Word(string text, bool refused = true, bool inAddress = true) => new(JsonSerializer.Serialize(text), inAddress ? text : null, refused);

    private static NastyValue Number(string text) => new(text, text, Refused: true);
}
