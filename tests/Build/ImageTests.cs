using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Backend.Domain.Grid;
using Backend.Tests.Platform.Persistence;
using Backend.Tests.Support;
using Local;

namespace Backend.Tests.Build;

/// <summary>
/// BR03: what the image relies on, without a container engine. The published output runs as a user who is not root, without capabilities, from a
/// folder that nobody can write, with only the environment that docs/operations.md names; its days are Shanghai's and its Chinese is right.
/// </summary>
public sealed partial class ImageTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>
{
    private static readonly string Dockerfile = File.ReadAllText(Path.Combine(Repository.Root, "Dockerfile"));
    private static readonly string Operations = File.ReadAllText(Path.Combine(Repository.Root, "docs", "operations.md"));

    [Fact]
    public async Task BR03_the_published_service_runs_without_root_without_capabilities_and_writes_nothing()
    {
        using var folder = new TemporaryFolder();
        var app = Path.Combine(folder.Path, "app");
        await Published.IntoAsync(app);
        Assert.True(File.Exists(Path.Combine(app, "wwwroot", "wall", "index.html")), "The pages are not in it.");
        Assert.DoesNotContain(Directory.EnumerateFiles(app, "*", SearchOption.AllDirectories), f => Path.GetExtension(f) is ".pem" or ".pfx" or ".key" or ".env");
        await Tools.RunAsync(["chmod", "-R", "a+rX,a-w", app]);
        await Tools.RunAsync(["chmod", "a+rx", folder.Path]);
        try
        {
            var before = Everything(app);
            await ServeAsync(app);
            Assert.Equal(before, Everything(app));

            // The start looks for what the image must carry, and says what is missing.
            var (code, said) = await RunToEndAsync(app, Environment(FreePort(), "http://127.0.0.1:9", ("TZDIR", "/nowhere")));
            Assert.True(code == 1 && said.Contains("拒绝启动", StringComparison.Ordinal) && said.Contains("tzdata", StringComparison.Ordinal), $"{code} {said}");
            await Tools.RunAsync(["chmod", "u+w", app, Path.Combine(app, "Backend.runtimeconfig.json")]);
            var runtime = Path.Combine(app, "Backend.runtimeconfig.json");
            var withIcu = await File.ReadAllTextAsync(runtime);
            var without = withIcu.Replace("\"System.Globalization.Invariant\": false", "\"System.Globalization.Invariant\": true", StringComparison.Ordinal);
            Assert.NotEqual(withIcu, without);
            await File.WriteAllTextAsync(runtime, without);
            (code, said) = await RunToEndAsync(app, Environment(FreePort(), "http://127.0.0.1:9"));
            Assert.True(code == 1 && said.Contains("拒绝启动", StringComparison.Ordinal) && said.Contains("ICU", StringComparison.Ordinal), $"{code} {said}");
        }
        finally
        {
            await Tools.RunAsync(["chmod", "-R", "u+w", app]);
        }
    }

    [Fact]
    public void BR03_BR01_the_image_is_chiselled_with_ICU_and_time_zones_runs_without_root_and_holds_no_secret()
    {
        var last = Dockerfile[Dockerfile.LastIndexOf("FROM ", StringComparison.Ordinal)..];
        Assert.StartsWith("FROM mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled-extra\n", last, StringComparison.Ordinal);
        Assert.Contains("\nUSER $APP_UID\n", last, StringComparison.Ordinal);
        // There is no shell in it that could run anything.
        Assert.DoesNotContain("\nRUN ", last, StringComparison.Ordinal);
        Assert.Contains("ENTRYPOINT [\"dotnet\", \"Backend.dll\"]", last, StringComparison.Ordinal);
        Assert.DoesNotMatch("(?i)(password|secret|token|signingkey)[a-z_]*=", Dockerfile);
        Assert.DoesNotContain("\nARG ", Dockerfile, StringComparison.Ordinal);
        var ignored = File.ReadAllLines(Path.Combine(Repository.Root, ".dockerignore"));
        // Everything is left out but what is named: .local with its secrets can never slip in.
        Assert.Contains("*", ignored);
        Assert.DoesNotContain(ignored, l => l.StartsWith("!.local", StringComparison.Ordinal));
        foreach (var name in Names().Matches(last[last.IndexOf("ENV ", StringComparison.Ordinal)..]).Select(m => m.Groups[1].Value))
            Assert.Contains($"`{name}`", Operations, StringComparison.Ordinal);
        // Every file that the build stage copies or names is let in.
        foreach (var needed in (string[])["!api", "!web", "!local/sbom.sh", "!local/web.sh", "!Directory.Build.props", "!Directory.Packages.props", "!BannedSymbols.txt", "!.editorconfig", "!global.json", "!dotnet-tools.json"])
            Assert.Contains(needed, ignored);
    }

    private async Task ServeAsync(string app)
    {
        using var weChat = new WeChatStub();
        var today = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().AddHours(8).DateTime);
        var scene = new Scene(RowLevelSecurityTests.VaultOf(fixture.Database)).Person("员工", Role.Staff, "s.c").Person("楼层长", Role.FloorLeader, "s.c.a.b.f1", leads: true);
        var home = scene.Home("s.c.a.b.f1", "十三栋-四单元-104", today).Id;
        await scene.SaveAsync(fixture.Database);
        weChat.AddCode("staff", scene.OpenIdOf("员工"), again: true);

        var port = FreePort();
        var lines = new System.Collections.Concurrent.ConcurrentQueue<string>();
        using var child = Start(app, Environment(port, weChat.BaseAddress.ToString()), lines.Enqueue);
        try
        {
            using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
            try
            {
                await BackendHost.WaitUntilReadyAsync(child, client, TimeSpan.FromSeconds(60), CancellationToken.None);
            }
            catch (Refusal refusal)
            {
                Assert.Fail($"{refusal.Message}\n{string.Join('\n', lines)}");
            }

            Assert.NotEqual("0", OwnerOf(child.Id));
            Assert.Equal("0000000000000000", CapabilitiesOf(child.Id));
            Assert.DoesNotContain(PostgresFixture.Secrets.AppPassword, await File.ReadAllTextAsync($"/proc/{child.Id}/cmdline"), StringComparison.Ordinal);
            Assert.Contains("<html", await client.GetStringAsync(new Uri("/wall", UriKind.Relative)), StringComparison.Ordinal);

            var token = (await client.PostAsJsonAsync("/api/v1/sessions/wechat", new { code = "staff" }).OkAsync()).GetProperty("accessToken").GetString();
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
            var households = await client.GetAsync(new Uri("/api/v1/households", UriKind.Relative)).OkAsync();
            Assert.Equal("十三栋-四单元-104", households.GetProperty("items")[0].GetProperty("door").GetString());

            // The day changes at midnight in Shanghai, not in Greenwich.
            var tomorrow = await WriteAsync(client, home, today.AddDays(1)).RefusedAsync(422, "value_invalid");
            Assert.Equal("标签值有误", tomorrow.GetProperty("title").GetString());
            await WriteAsync(client, home, today).OkAsync();
        }
        finally
        {
            await child.StopAsync((UnixSignal.Term, TimeSpan.FromSeconds(20)));
        }

        Assert.True(child.ExitCode == 0, $"{child.ExitCode}\n{string.Join('\n', lines)}");
    }

    /// <summary>The settings of a deployment, and nothing of this test's own environment.</summary>
    private Dictionary<string, string?> Environment(int port, string weChat, params (string Name, string Value)[] more)
    {
        var variables = new Dictionary<string, string?>
        {
            ["DOTNET_ENVIRONMENT"] = "Test",
            ["ASPNETCORE_HTTP_PORTS"] = port.ToString(CultureInfo.InvariantCulture),
            ["DOTNET_EnableDiagnostics"] = "0",
            ["WeChat__BaseAddress"] = weChat,
            ["WeChat__AppId"] = WeChatStub.AppId,
            ["WeChat__RedAlarmTemplate"] = WeChatStub.RedAlarmTemplate,
            ["WeChat__MiniProgramPage"] = WeChatStub.MiniProgramPage,
            ["Shutdown__Notice"] = "00:00:00",
        };
        foreach (var (key, value) in fixture.Database.Settings()) variables[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        variables["WeChat__AppSecret"] = WeChatStub.AppSecret;
        foreach (var name in variables.Keys) Assert.Contains($"`{name}`", Operations, StringComparison.Ordinal);
        foreach (var (name, value) in more) variables[name] = value;
        return variables;
    }

    private static ChildProcess Start(string app, Dictionary<string, string?> variables, Action<string> output)
    {
        string[] command = [BackendHost.Command[0], "Backend.dll"];
        // As root the test gives itself up: another user, no capability, and none to be got.
        if (System.Environment.IsPrivilegedProcess)
            command = [Programs.Need("setpriv", "BR03"), "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--", .. command];
        // Its temporary files would have to lie here, where it cannot write.
        variables["TMPDIR"] = app;
        return ChildProcess.Start(command, new ChildOptions { WorkingDirectory = app, Environment = variables, OnlyEnvironment = true, Output = output, WhenParentDies = UnixSignal.Kill });
    }

    private static async Task<(int ExitCode, string Said)> RunToEndAsync(string app, Dictionary<string, string?> variables)
    {
        var lines = new System.Collections.Concurrent.ConcurrentQueue<string>();
        using var child = Start(app, variables, lines.Enqueue);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await child.WaitAsync(patience.Token);
        return (child.ExitCode, string.Join('\n', lines));
    }

    private static Task<HttpResponseMessage> WriteAsync(HttpClient client, Guid home, DateOnly day)
    {
        var request = new HttpRequestMessage(HttpMethod.Put, $"/api/v1/households/{home}/facts")
        {
            Content = JsonContent.Create(new { values = new[] { new { subject = "household", subjectId = home, tag = "last_major_event", value = "illness", observedAt = day } } }),
        };
        request.Headers.Add("Idempotency-Key", $"{day:O}");
        request.Headers.TryAddWithoutValidation("If-Match", "\"1\"");
        return client.SendAsync(request);
    }

    private static List<string> Everything(string folder) =>
        [.. new DirectoryInfo(folder).EnumerateFileSystemInfos("*", SearchOption.AllDirectories).Select(f => $"{f.FullName} {f.LastWriteTimeUtc:O}").Order(StringComparer.Ordinal)];

    private static string OwnerOf(int process) => StatusOf(process, "Uid:").Split('\t', ' ')[0];

    private static string CapabilitiesOf(int process) => StatusOf(process, "CapEff:");

    private static string StatusOf(int process, string field) =>
        File.ReadLines($"/proc/{process}/status").Single(l => l.StartsWith(field, StringComparison.Ordinal))[field.Length..].Trim();

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    [GeneratedRegex(@"([A-Z][A-Za-z_]+)=")]
    private static partial Regex Names();
}
