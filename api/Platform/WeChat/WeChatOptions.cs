using System.Net;
using Microsoft.Extensions.Options;

namespace Backend.Platform.WeChat;

/// <summary>Section <c>WeChat</c> of the configuration. Checked at start; a bad value stops the start with a reason that never repeats a secret (RL23).</summary>
internal sealed class WeChatOptions
{
    public const string Section = "WeChat";

    /// <summary>Where WeChat answers. Anything but HTTPS is taken only for a loopback address (the local sandbox, the tests' stub).</summary>
    public Uri BaseAddress { get; set; } = new("https://api.weixin.qq.com");

    public string AppId { get; set; } = "";
    public string AppSecret { get; set; } = "";

    /// <summary>Template of the employment message that tells a leader of a red household.</summary>
    public string RedAlarmTemplate { get; set; } = "";

    /// <summary>Template of the subscribe message that is sent where the employment message does not reach; empty: this deployment has none.</summary>
    public string SubscribeTemplate { get; set; } = "";

    /// <summary>Whether that template is a long-term one (type 3 of the console): one consent then holds until it is switched off.</summary>
    public bool SubscribeTemplateIsLongTerm { get; set; }

    /// <summary>The version of the mini-program that a subscribe message opens: <c>formal</c>, <c>trial</c> or <c>developer</c>.</summary>
    public string MiniProgramState { get; set; } = "formal";

    /// <summary>Page of the mini-program that a message opens, as in app.json (no leading slash).</summary>
    public string MiniProgramPage { get; set; } = "";

    /// <summary>Limit of one exchange, from the connection to the last byte of the answer. At most 5 s: a person waits for a login.</summary>
    public TimeSpan AnswerLimit { get; set; } = TimeSpan.FromSeconds(5);

    public TimeSpan ConnectLimit { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>First pause before a repeat after WeChat's definite "busy" (-1); doubled each time, with jitter.</summary>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Calls at once in each group (login, token, messages); twice as many may wait.</summary>
    public int ParallelCalls { get; set; } = 32;
}

internal sealed class WeChatOptionsCheck : IValidateOptions<WeChatOptions>
{
    public ValidateOptionsResult Validate(string? name, WeChatOptions options)
    {
        var faults = new List<string>();

        var address = options.BaseAddress;
        if (!address.IsAbsoluteUri || address.Scheme is not ("https" or "http")) faults.Add("WeChat:BaseAddress 应为完整的 https 地址。");
        else
        {
            if (address.Scheme != Uri.UriSchemeHttps && !IsLoopback(address)) faults.Add("WeChat:BaseAddress 应为 https 地址，http 只用于本机。");
            if (address.AbsolutePath != "/" || address.Query.Length > 0 || address.Fragment.Length > 0 || address.UserInfo.Length > 0)
                faults.Add("WeChat:BaseAddress 应只有协议和主机。");
        }

        if (!IsWord(options.AppId, 1, 64)) faults.Add("缺少 WeChat:AppId，或含有 AppId 不会有的字符。");
        if (!IsWord(options.AppSecret, 16, 128)) faults.Add("缺少 WeChat:AppSecret，或不足 16 位，或含有它不会有的字符。");
        if (!IsWord(options.RedAlarmTemplate, 1, 128)) faults.Add("缺少 WeChat:RedAlarmTemplate，或含有模板编号不会有的字符。");
        if (options.SubscribeTemplate.Length > 0 && !IsWord(options.SubscribeTemplate, 1, 128)) faults.Add("WeChat:SubscribeTemplate 含有模板编号不会有的字符。");
        if (options.MiniProgramState is not ("formal" or "trial" or "developer")) faults.Add("WeChat:MiniProgramState 应为 formal、trial 或 developer。");
        if (options.MiniProgramPage.Length is 0 or > 256 || options.MiniProgramPage[0] == '/' || options.MiniProgramPage.Any(c => c is <= ' ' or >= '\x7f'))
            faults.Add("WeChat:MiniProgramPage 应为 app.json 中的页面，不以斜杠开头。");

        if (options.AnswerLimit <= TimeSpan.Zero || options.AnswerLimit > TimeSpan.FromSeconds(5)) faults.Add("WeChat:AnswerLimit 应大于 0，至多 5 秒。");
        if (options.ConnectLimit <= TimeSpan.Zero || options.ConnectLimit > options.AnswerLimit) faults.Add("WeChat:ConnectLimit 应大于 0，至多为 AnswerLimit。");
        if (options.RetryDelay < TimeSpan.Zero || options.RetryDelay > TimeSpan.FromSeconds(5)) faults.Add("WeChat:RetryDelay 应在 0 到 5 秒之间。");
        if (options.ParallelCalls is < 1 or > 1024) faults.Add("WeChat:ParallelCalls 应在 1 到 1024 之间。");

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    internal static bool IsLoopback(Uri address) =>
        address.Host == "localhost" || (IPAddress.TryParse(address.Host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip));

    private static bool IsWord(string value, int shortest, int longest) =>
        value.Length >= shortest && value.Length <= longest && value.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');
}
