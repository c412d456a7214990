using Microsoft.Extensions.Options;

namespace Backend.Platform.Oidc;

/// <summary>
/// Section <c>Oidc</c> of the configuration: the district's identity provider, at which staff may sign in (docs/adr/024). Without it there is no such way in. Checked at
/// start; a bad value stops the start with a reason that never repeats a secret (RL23).
/// </summary>
internal sealed class OidcOptions
{
    public const string Section = "Oidc";

    /// <summary>The provider, exactly as it names itself (<c>iss</c>). Everything that is asked of it lies on the same host.</summary>
    public string Authority { get; set; } = "";

    public string ClientId { get; set; } = "";
    public string ClientSecret { get; set; } = "";

    /// <summary>The page of ours to which the provider sends the browser back, as it is registered there.</summary>
    public string RedirectAddress { get; set; } = "";

    /// <summary>Words, parted by blanks, any of which in <c>amr</c> says that a second factor was shown.</summary>
    public string Amr { get; set; } = "mfa";

    /// <summary>Words, parted by blanks, any of which as <c>acr</c> says the same; asked of the provider. Empty: <see cref="Amr"/> alone.</summary>
    public string Acr { get; set; } = "";

    /// <summary>Limit of all that is asked for one answer of ours. At most 5 s: a person waits for a login.</summary>
    public TimeSpan AnswerLimit { get; set; } = TimeSpan.FromSeconds(5);

    public bool IsOn => Authority.Length > 0;
}

internal sealed class OidcOptionsCheck : IValidateOptions<OidcOptions>
{
    public ValidateOptionsResult Validate(string? name, OidcOptions options)
    {
        if (options is { Authority: "", ClientId: "", ClientSecret: "", RedirectAddress: "" }) return ValidateOptionsResult.Success;
        var faults = new List<string>();
        if (!IsAddress(options.Authority)) faults.Add("Oidc:Authority 应为完整的 https 地址，不含查询和片段；http 只用于本机。");
        if (!IsAddress(options.RedirectAddress)) faults.Add("Oidc:RedirectAddress 应为本平台后台页面的完整 https 地址，不含查询和片段；http 只用于本机。");
        if (!IsWord(options.ClientId)) faults.Add("缺少 Oidc:ClientId，或含有不可见字符。");
        if (!IsWord(options.ClientSecret) || options.ClientSecret.Length < 16) faults.Add("缺少 Oidc:ClientSecret，或不足 16 位，或含有不可见字符。");
        if (string.IsNullOrWhiteSpace(options.Amr + options.Acr)) faults.Add("Oidc:Amr 与 Oidc:Acr 不能都为空：须说明身份提供方如何表明用了第二因素 (ID07)。");
        if (options.AnswerLimit <= TimeSpan.Zero || options.AnswerLimit > TimeSpan.FromSeconds(5)) faults.Add("Oidc:AnswerLimit 应大于 0，至多 5 秒。");
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static bool IsAddress(string text) => Uri.TryCreate(text, UriKind.Absolute, out var address)
        && (address.Scheme == Uri.UriSchemeHttps || address.Scheme == Uri.UriSchemeHttp && address.IsLoopback)
        && address.Query.Length == 0 && address.Fragment.Length == 0 && address.UserInfo.Length == 0;

    private static bool IsWord(string value) => value.Length is > 0 and <= 256 && value.All(c => c is > ' ' and <= '~');
}
