using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using Backend.Tests.Support;
using Local;

namespace Backend.Tests.Launcher;

/// <summary>Whole starts of the launcher, as `make run` does them; alone, because they promise times.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class LauncherCollection
{
    public const string Name = "launcher";
}

[Collection(LauncherCollection.Name)]
public sealed class LauncherTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private readonly int _port = FreePair();

    private string LocalFolder => Path.Combine(_folder.Path, "local");

    private Uri Api => new($"http://127.0.0.1:{_port}");

    private Uri StartPage => new($"http://127.0.0.1:{_port + 1}");

    [Fact]
    public async Task A_newcomer_sees_the_main_job_with_two_clicks_and_a_stop_a_kill_and_a_reset_leave_nothing_behind()
    {
        using (var first = await LaunchedAsync())
        {
            Assert.Contains(first.Said, line => line.Contains("装入演示片区", StringComparison.Ordinal));
            using var browser = Browser();
            Assert.Contains("demo-staff", await browser.GetStringAsync(StartPage), StringComparison.Ordinal);

            var before = await WallAsync(browser, "demo-staff");
            Assert.Equal(2_802, before.Count);
            using var district = Browser();
            Assert.Equal(7_081, (await WallAsync(district, "demo-district")).Count);

            using var click = new HttpRequestMessage(HttpMethod.Post, new Uri(StartPage, "redden")) { Headers = { { "Accept", "text/plain" } } };
            using var reddened = await browser.SendAsync(click);
            Assert.True(reddened.IsSuccessStatusCode, await reddened.Content.ReadAsStringAsync());
            Assert.Equal(Red(before) + 1, Red(await WallAsync(browser, "demo-staff")));

            var watch = Stopwatch.StartNew();
            first.Process.Signal(UnixSignal.Term);
            await first.Process.WaitAsync(CancellationToken.None);
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(3), $"It took {watch.Elapsed} to stop.");
            Assert.Equal(0, first.Process.ExitCode);
            await AssertNothingRunsAsync(first.PostgresId);
        }

        using (var second = await LaunchedAsync())
        {
            Assert.DoesNotContain(second.Said, line => line.Contains("装入演示片区", StringComparison.Ordinal));
            using var browser = Browser();
            Assert.Equal(2_802, (await WallAsync(browser, "demo-staff")).Count);

            // Nobody is left to stop the children; the kernel tells them.
            second.Process.Signal(UnixSignal.Kill);
            await second.Process.WaitAsync(CancellationToken.None);
            await AssertNothingRunsAsync(second.PostgresId);
        }

        using var reset = Start("reset");
        await reset.Process.WaitAsync(CancellationToken.None);
        Assert.Equal(0, reset.Process.ExitCode);
        Assert.False(Directory.Exists(LocalFolder));
    }

    [Theory]
    [InlineData("PORT=abc")]
    [InlineData("PORT=65535")]
    [InlineData("--as-of", "yesterday")]
    [InlineData("--help")]
    public async Task What_it_does_not_understand_it_says_in_Chinese_and_starts_nothing(params string[] words)
    {
        var port = Array.Find(words, word => word.StartsWith("PORT=", StringComparison.Ordinal))?["PORT=".Length..];
        using var run = Start(port, [.. words.Where(word => !word.StartsWith("PORT=", StringComparison.Ordinal))]);
        await run.Process.WaitAsync(CancellationToken.None);

        Assert.Equal(1, run.Process.ExitCode);
        Assert.Contains(run.Said, line => line.Contains(port is null ? "用法" : "端口", StringComparison.Ordinal));
        Assert.False(Directory.Exists(LocalFolder));
    }

    [Fact]
    public async Task A_port_that_somebody_else_holds_is_named()
    {
        using var holder = new TcpListener(IPAddress.Loopback, _port + 1);
        holder.Start();
        using var run = Start();
        await run.Process.WaitAsync(CancellationToken.None);

        Assert.Equal(1, run.Process.ExitCode);
        Assert.Contains(run.Said, line => line.Contains($"{_port + 1}", StringComparison.Ordinal) && line.Contains("PORT=", StringComparison.Ordinal));
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        if (Directory.Exists(LocalFolder))
        {
            using var reset = Start("reset");
            await reset.Process.WaitAsync(CancellationToken.None);
        }
        _folder.Dispose();
    }

    private async Task<Run> LaunchedAsync()
    {
        var run = Start();
        await run.Ready.WaitAsync(TimeSpan.FromMinutes(5));
        var pidFile = Path.Combine(LocalFolder, "postgres/data/postmaster.pid");
        return run with { PostgresId = int.Parse((await File.ReadAllLinesAsync(pidFile))[0], CultureInfo.InvariantCulture) };
    }

    private Run Start(params string[] arguments) => Start(port: null, arguments);

    private Run Start(string? port, string[] arguments)
    {
        var said = new ConcurrentQueue<string>();
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var process = ChildProcess.Start(
            ["dotnet", Repository.LauncherAssembly, .. arguments],
            new ChildOptions
            {
                WorkingDirectory = Repository.Root,
                Environment = new Dictionary<string, string?> { ["PORT"] = port ?? _port.ToString(CultureInfo.InvariantCulture), ["LOCAL_FOLDER"] = LocalFolder },
                Output = line =>
                {
                    said.Enqueue(line);
                    if (line.Contains("服务已就绪", StringComparison.Ordinal)) ready.TrySetResult();
                },
            });
        return new Run(process, said, Task.WhenAny(ready.Task, EndAsync()).Unwrap(), PostgresId: 0);

        async Task EndAsync()
        {
            await process.WaitAsync(CancellationToken.None);
            throw new InvalidOperationException($"The launcher ended:\n{string.Join('\n', said)}");
        }
    }

    private static HttpClient Browser() => new(new SocketsHttpHandler { CookieContainer = new CookieContainer() });

    /// <summary>One click on "打开大屏", then what the page asks for.</summary>
    private async Task<List<JsonElement>> WallAsync(HttpClient browser, string account)
    {
        using var opened = await browser.GetAsync(new Uri(StartPage, $"open/{account}"));
        Assert.True(opened.IsSuccessStatusCode, await opened.Content.ReadAsStringAsync());
        Assert.Equal(new Uri(Api, "wall"), opened.RequestMessage!.RequestUri);
        var display = await browser.GetFromJsonAsync<JsonElement>(new Uri(Api, "api/v1/display"));
        var wall = await browser.GetFromJsonAsync<JsonElement>(new Uri(Api, $"api/v1/grid-nodes/{display.GetProperty("nodeId").GetString()}/wall"));
        return [.. wall.GetProperty("tiles").EnumerateArray()];
    }

    private static int Red(List<JsonElement> tiles) => tiles.Count(tile => tile.GetProperty("tier").GetString() == "red");

    private async Task AssertNothingRunsAsync(int postgresId)
    {
        for (var wait = 0; wait < 60 && (Directory.Exists($"/proc/{postgresId}") || await ListensAsync()); wait++) await Task.Delay(50);
        Assert.False(Directory.Exists($"/proc/{postgresId}"), "PostgreSQL still runs.");
        Assert.False(await ListensAsync(), "The api still listens.");
    }

    private async Task<bool> ListensAsync()
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, _port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int FreePair()
    {
        while (true)
        {
            using var first = new TcpListener(IPAddress.Loopback, 0);
            first.Start();
            var port = ((IPEndPoint)first.LocalEndpoint).Port;
            try
            {
                using var second = new TcpListener(IPAddress.Loopback, port + 1);
                second.Start();
                return port;
            }
            catch (Exception exception) when (exception is SocketException or ArgumentOutOfRangeException)
            {
                // The neighbour is taken.
            }
        }
    }

    private sealed record Run(ChildProcess Process, ConcurrentQueue<string> Said, Task Ready, int PostgresId) : IDisposable
    {
        public void Dispose()
        {
            Process.Signal(UnixSignal.Term);
            Process.Dispose();
        }
    }
}
