using System.Globalization;

namespace Local.Demo;

/// <summary>
/// Names, numbers and identities that cannot be anybody's. Surnames are words that say "made up" and are nobody's surname; the area code 990113
/// does not exist (no province has 99); 154 is a number range that the ministry has given to nobody (工信部,
/// 《我国公众移动通信网网号及H0分配情况(截至2023年3月底)》). Openids are those of the sandbox.
/// </summary>
internal static class DemoNames
{
    public const string AreaCode = "990113";
    public const string PhonePrefix = "154";

    /// <summary>例 example, 拟 assumed, 样 sample, 虚 unreal, 仿 imitation, 试 trial, 演 staged, 假 pretended.</summary>
    public static readonly string[] Surnames = ["例", "拟", "样", "虚", "仿", "试", "演", "假"];

    private static readonly string[] First = ["春", "夏", "秋", "冬", "东", "南", "西", "北", "云", "雨", "雪", "月", "星", "风", "山", "水", "松", "竹", "梅", "兰", "荷", "桃", "杏", "稻"];
    private static readonly string[] SecondMale = ["川", "岭", "峰", "林", "石", "田", "江", "海", "原", "森", "桥", "城", "舟", "河", "谷", "坪"];
    private static readonly string[] SecondFemale = ["花", "叶", "果", "露", "霞", "虹", "溪", "泉", "燕", "雁", "莺", "珠", "玉", "苗", "穗", "棉"];

    public static string Given(DemoRandom random, bool male) => random.Pick(First) + random.Pick(male ? SecondMale : SecondFemale);

    /// <summary>18 characters: area code, birth date, order (odd for a man), check digit of GB 11643.</summary>
    public static string IdNumber(DateOnly birth, int order, bool male)
    {
        var body = AreaCode + birth.ToString("yyyyMMdd", CultureInfo.InvariantCulture) + (order * 2 + (male ? 1 : 0)).ToString("000", CultureInfo.InvariantCulture);
        return body + CheckDigit(body);
    }

    /// <summary>GB 11643-1999 (ISO 7064 MOD 11-2): the sum of digit × 2^(17−i) mod 11 picks the character.</summary>
    public static char CheckDigit(string first17)
    {
        var sum = 0;
        for (var i = 0; i < 17; i++) sum += (first17[i] - '0') * (1 << (17 - i)) % 11;
        return "10X98765432"[sum % 11];
    }

    public static string Phone(int number) => PhonePrefix + number.ToString("00000000", CultureInfo.InvariantCulture);
}
