namespace Local;

/// <summary>How the built api is started as a child and when it counts as ready; `make run` and the tests share it.</summary>
internal static class BackendHost
{
    public static string Folder => Path.Combine(Repository.Root, "api");

    // The very dotnet that runs this program: PATH may name another one.
    public static IReadOnlyList<string> Command => [System.Environment.ProcessPath is { } path && Path.GetFileName(path) == "dotnet" ? path : "dotnet", Repository.BackendAssembly];

    /// <summary>Settings as environment variables: nothing secret stands in the arguments, which every user of the machine can read.</summary>
    public static Dictionary<string, string?> Environment(string environment, Uri address, IEnumerable<KeyValuePair<string, string?>> settings)
    {
        var variables = settings.ToDictionary(setting => setting.Key.Replace(":", "__", StringComparison.Ordinal), setting => setting.Value);
        variables["ASPNETCORE_ENVIRONMENT"] = environment;
        variables["DOTNET_ENVIRONMENT"] = environment;
        variables["ASPNETCORE_URLS"] = address.ToString();
        return variables;
    }

    /// <exception cref="Refusal">It ended, or was not ready in time.</exception>
    public static async Task WaitUntilReadyAsync(ChildProcess child, HttpClient client, TimeSpan patience, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(patience);
        try
        {
            while (true)
            {
                if (child.HasExited) throw new Refusal($"api 启动失败（退出码 {child.ExitCode}）。");
                try
                {
                    using var answer = await client.GetAsync(new Uri("/health/ready", UriKind.Relative), limit.Token);
                    if (answer.IsSuccessStatusCode) return;
                }
                catch (HttpRequestException)
                {
                    // It does not listen yet.
                }
                await Task.Delay(50, limit.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new Refusal($"api 在 {patience.TotalSeconds:0} 秒内没有就绪（/health/ready）。");
        }
    }
}
