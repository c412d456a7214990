namespace Local;

/// <summary>The api as the launcher's child, in environment <c>Local</c>.</summary>
internal sealed class ApiProcess : IAsyncDisposable
{
    private readonly ChildProcess _child;

    private ApiProcess(ChildProcess child, string logFile)
    {
        _child = child;
        LogFile = logFile;
        Ended = child.WaitAsync(CancellationToken.None);
    }

    public string LogFile { get; }

    public Task Ended { get; }

    public static async Task<ApiProcess> StartAsync(
        LaunchOptions options, Dictionary<string, string?> settings, CancellationToken cancellation)
    {
        var log = Path.Combine(LocalFolder.Root, "api.log");
        File.Delete(log);
        foreach (var (key, value) in WeChat(options)) settings[key] = value;
        // The launcher promises to be gone within three seconds of TERM, and there is no balancer that would have to notice.
        (settings["Shutdown:Notice"], settings["Shutdown:Drain"]) = ("00:00:00", "00:00:01");
        var environment = BackendHost.Environment("Local", options.Api, settings);
        var api = new ApiProcess(
            ChildProcess.Start(BackendHost.Command, new ChildOptions { WorkingDirectory = BackendHost.Folder, Environment = environment, LogFile = log }), log);
        try
        {
            using var client = new HttpClient { BaseAddress = options.Api };
            await BackendHost.WaitUntilReadyAsync(api._child, client, TimeSpan.FromSeconds(60), cancellation);
            return api;
        }
        catch (Refusal refusal)
        {
            await api.DisposeAsync();
            throw new Refusal($"{refusal.Message} 日志在 {log}：\n{api.LastLines()}");
        }
        catch
        {
            await api.DisposeAsync();
            throw;
        }
    }

    public string LastLines() => File.Exists(LogFile) ? string.Join('\n', File.ReadLines(LogFile).TakeLast(30)) : "";

    public async ValueTask DisposeAsync()
    {
        await _child.StopAsync((UnixSignal.Term, TimeSpan.FromSeconds(1)));
        _child.Dispose();
    }

    private static Dictionary<string, string?> WeChat(LaunchOptions options) => new()
    {
        ["WeChat:BaseAddress"] = options.StartPage.ToString(),
        ["WeChat:AppId"] = StartPage.SandboxAppId,
        ["WeChat:RedAlarmTemplate"] = "local-red-alarm",
        ["WeChat:SubscribeTemplate"] = "local-visit-task",
        ["WeChat:MiniProgramPage"] = "pages/alarm/index",
    };
}
