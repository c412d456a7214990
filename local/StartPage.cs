using System.Diagnostics;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Local.Sandbox;

namespace Local;

/// <summary>
/// The page that `make run` prints: walls, tokens and the main job with one click. The WeChat sandbox lives on the same port. It serves this machine
/// only, by name too: a page elsewhere that points its own name at 127.0.0.1 gets nothing.
/// </summary>
internal sealed class StartPage : IAsyncDisposable
{
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.Create(UnicodeRanges.All) };

    private readonly WebApplication _app;
    private readonly DemoClient _client;
    private readonly HttpClient _api;

    private StartPage(WebApplication app, HttpClient api, DemoClient client)
    {
        _app = app;
        _api = api;
        _client = client;
    }

    public const string SandboxAppId = "wx0000000000local";

    public static async Task<StartPage> StartAsync(LaunchOptions options, Secrets secrets, CancellationToken cancellation)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory, EnvironmentName = "Local" });
        builder.Configuration["AllowedHosts"] = "127.0.0.1;localhost";
        builder.WebHost.UseUrls(options.StartPage.ToString());
        builder.Logging.ClearProviders().AddConsole().SetMinimumLevel(LogLevel.Warning);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromMilliseconds(200));
        builder.Services.AddWeChatSandbox(SandboxAppId, secrets.WeChatSecret);
        var app = builder.Build();
        app.MapWeChatSandbox();

        var api = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = options.Api, Timeout = TimeSpan.FromSeconds(10) };
        var client = new DemoClient(api);
        Map(app, options, client);
        await app.StartAsync(cancellation);
        return new StartPage(app, api, client);
    }

    /// <summary>While the newcomer reads the addresses, the api compiles what her first clicks will need. It changes no household.</summary>
    public void WarmUp(CancellationToken cancellation) => _ = Task.Run(async () =>
    {
        try
        {
            await _client.WarmUpAsync("demo-staff", cancellation);
        }
        catch (Exception exception) when (exception is Refusal or HttpRequestException or OperationCanceledException)
        {
            // Her first click then takes longer, or says what is wrong.
        }
    }, cancellation);

    public async ValueTask DisposeAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        await _app.StopAsync(patience.Token);
        await _app.DisposeAsync();
        _client.Dispose();
        _api.Dispose();
    }

    private static void Map(WebApplication app, LaunchOptions options, DemoClient client)
    {
        var page = StartPageHtml.Build(options);
        app.MapGet("/", () => Results.Content(page, "text/html; charset=utf-8"));

        app.MapGet("/open/{account}", (string account, HttpContext context) => Try(context, async () =>
        {
            var ticket = await client.WallTicketAsync(Known(account), context.RequestAborted);
            // Under the name the browser used: a strict cookie is not sent along when localhost leads to 127.0.0.1.
            return Results.Redirect($"http://{context.Request.Host.Host}:{options.Port}/wall?ticket={Uri.EscapeDataString(ticket)}");
        }));

        app.MapGet("/hall/{account}", (string account, HttpContext context) => Try(context, async () =>
        {
            var ticket = await client.HallTicketAsync(Known(account), context.RequestAborted);
            return Results.Redirect($"http://{context.Request.Host.Host}:{options.Port}/wall?ticket={Uri.EscapeDataString(ticket)}");
        }));

        app.MapGet("/tokens/{account}", (string account, HttpContext context) => Try(context, async () =>
        {
            var session = await client.SignInAsync(Known(account), context.RequestAborted);
            context.Response.Headers.CacheControl = "no-store";
            return Html(StartPageHtml.Tokens(account, session.GetProperty("accessToken").GetString()!, JsonSerializer.Serialize(session, Readable), options));
        }));

        app.MapPost("/redden", Task<IResult> (HttpContext context) => Try(context, async () =>
        {
            // A page elsewhere may send a form here; a browser says so.
            if (context.Request.Headers["Sec-Fetch-Site"].ToString() is not ("" or "same-origin")) return Results.StatusCode(StatusCodes.Status403Forbidden);
            var watch = Stopwatch.StartNew();
            var household = await client.ReddenAsync("demo-staff", context.RequestAborted);
            return Answer(context, "一户变红了", $"{household}：已登记“突发大病”，api 用 {watch.ElapsedMilliseconds} 毫秒答复。看大屏与微信沙箱。");
        }));
    }

    private static string Known(string account) =>
        DemoAccount.All.Any(known => known.Code == account) ? account : throw new Refusal($"没有演示账号 {account}。");

    private static async Task<IResult> Try(HttpContext context, Func<Task<IResult>> action)
    {
        try
        {
            return await action();
        }
        catch (Refusal refusal)
        {
            return Answer(context, "没有成功", refusal.Message, StatusCodes.Status502BadGateway);
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
        {
            return Answer(context, "api 没有回答", exception.Message, StatusCodes.Status502BadGateway);
        }
    }

    // The page's script asks for the words alone; a form without it gets a page.
    private static IResult Answer(HttpContext context, string title, string text, int status = StatusCodes.Status200OK) =>
        context.Request.Headers.Accept == "text/plain" ? Results.Text(text, statusCode: status) : Html(StartPageHtml.Message(title, text), status);

    private static IResult Html(string html, int status = StatusCodes.Status200OK) => Results.Content(html, "text/html; charset=utf-8", statusCode: status);
}
