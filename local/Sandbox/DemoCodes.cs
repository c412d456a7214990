using System.Security.Cryptography;
using System.Text;

namespace Local.Sandbox;

/// <summary>
/// The login codes of the demo. Unlike WeChat's they work again and again. Each stands for an invented openid that is the same on every machine,
/// so that the demo district's loader can bind it.
/// </summary>
internal static class DemoCodes
{
    /// <summary>A code with this beginning logs in as somebody whom nobody has bound to an account.</summary>
    public const string UnboundPrefix = "demo-unbound-";

    /// <summary>A code of the phone button with this beginning gives the eleven digits that follow.</summary>
    public const string PhonePrefix = "demo-phone-";

    /// <summary>Every openid of the sandbox begins so; no other belongs to its mini-program.</summary>
    public const string OpenIdPrefix = "oDEMO_";

    /// <summary>No hexadecimal digit follows: no bound openid looks so.</summary>
    private const string UnboundOpenIdPrefix = OpenIdPrefix + "u";

    /// <summary>The codes of people of the demo district.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        "demo-floor-leader",
        "demo-building-leader",
        "demo-area-leader",
        "demo-staff",
        "demo-street",
        "demo-district",
        "demo-resident",
        "demo-admin",
    ];

    /// <summary>The openid behind a code, and the one that the loader gives to a further leader under any name of its own. 28 characters, as WeChat's.</summary>
    public static string OpenIdOf(string code)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes("demo:" + code)));
        return IsUnbound(code) ? UnboundOpenIdPrefix + hash[..21] : OpenIdPrefix + hash[..22];
    }

    public static bool IsAccepted(string code) =>
        All.Contains(code) || (IsUnbound(code) && code.Length > UnboundPrefix.Length && code.Length <= 128);

    /// <summary>The number behind a code of the phone button; null for no such code.</summary>
    public static string? PhoneOf(string code) =>
        code.StartsWith(PhonePrefix, StringComparison.Ordinal) && code[PhonePrefix.Length..] is { Length: 11 } number && number.All(char.IsAsciiDigit) ? number : null;

    public static bool IsOpenId(string text) => text.Length == 28 && text.StartsWith(OpenIdPrefix, StringComparison.Ordinal);

    /// <summary>Nobody has bound them, so WeChat knows no employment relation with them either.</summary>
    public static bool IsUnboundOpenId(string openId) => openId.StartsWith(UnboundOpenIdPrefix, StringComparison.Ordinal);

    private static bool IsUnbound(string code) => code.StartsWith(UnboundPrefix, StringComparison.Ordinal);
}
