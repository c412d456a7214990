namespace Bench;

/// <summary>
/// WeChat for the benchmarks, on the load's core: every login code carries the openid that it stands for, every message is taken. It answers as little
/// as WeChat may, so that the time is the product's own.
/// </summary>
internal sealed class WeChatAnswers : IAsyncDisposable
{
    private readonly WebApplication _app;

    private WeChatAnswers(WebApplication app, Uri address)
    {
        _app = app;
        Settings = new Dictionary<string, string?>
        {
            ["WeChat:BaseAddress"] = address.ToString(),
            ["WeChat:AppId"] = "wxbench0000000000",
            ["WeChat:RedAlarmTemplate"] = "bench-red-alarm",
            ["WeChat:MiniProgramPage"] = "pages/alarm/index",
        };
    }

    public IReadOnlyDictionary<string, string?> Settings { get; }

    /// <summary>A code that no other sign-in uses at the same time.</summary>
    public static string CodeOf(string openId, string unique) => $"{openId}.{unique}";

    public static async Task<WeChatAnswers> StartAsync(CancellationToken cancellation)
    {
        var address = new Uri($"http://127.0.0.1:{Ports.Free()}");
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(address.ToString());
        var app = builder.Build();
        app.Run(async http =>
        {
            http.Response.ContentType = "application/json; charset=utf-8";
            await http.Response.WriteAsync(http.Request.Path.Value switch
            {
                "/sns/jscode2session" => $$"""{"session_key":"AAECAwQFBgcICQoLDA0ODw==","openid":"{{http.Request.Query["js_code"].ToString().Split('.')[0]}}"}""",
                "/cgi-bin/stable_token" => """{"access_token":"BENCH_TOKEN_OF_THE_STUB","expires_in":7200}""",
                _ => """{"errcode":0,"errmsg":"ok"}""",
            }, http.RequestAborted);
        });
        await app.StartAsync(cancellation);
        return new WeChatAnswers(app, address);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
