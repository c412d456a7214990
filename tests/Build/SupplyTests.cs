using System.Text.Json;
using System.Text.RegularExpressions;
using Backend.Tests.Support;
using Local;
using WireMock.RequestBuilders;
using WireMock.ResponseBuilders;
using WireMock.Server;

namespace Backend.Tests.Build;

/// <summary>BR02: what ships is pinned, locked, listed and licensed; what is not known is said to be not known.</summary>
public sealed partial class SupplyTests
{
    private static readonly HashSet<string> Licences = ["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "PostgreSQL"];

    /// <summary>Folders whose npm packages are asked about, each by itself.</summary>
    private static int NpmFolders => new[] { "web", "local/postgres", "miniprogram-contract" }.Count(f => File.Exists(At(f, "package-lock.json")));

    private static string At(params string[] path) => Path.Combine([Repository.Root, .. path]);

    [Fact]
    public void BR02_packages_are_pinned_to_one_version_and_locked_with_their_hashes()
    {
        foreach (var project in (string[])["api", "local", "tests"])
        {
            var packages = Locked(project);
            Assert.NotEmpty(packages);
            Assert.All(packages, p => Assert.False(string.IsNullOrEmpty(p.Hash), $"{p.Name} has no hash."));
        }

        var props = File.ReadAllText(At("Directory.Packages.props"));
        Assert.Contains("<CentralPackageTransitivePinningEnabled>true<", props, StringComparison.Ordinal);
        Assert.All(PinnedVersion().Matches(props), v => Assert.Matches(@"^\d+(\.\d+){1,3}$", v.Groups[1].Value));
        Assert.Contains("RestoreLockedMode=true", File.ReadAllText(At("local", "test.sh")), StringComparison.Ordinal);
        foreach (var folder in (string[])["web", "local/postgres"]) Assert.True(File.Exists(At(folder, "package-lock.json")), folder);
    }

    [Fact]
    public void BR02_what_ships_is_under_a_permissive_licence()
    {
        var packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        var judged = Locked("api").Select(p =>
        {
            var specification = File.ReadAllText(Path.Combine(packages, p.Name.ToLowerInvariant(), p.Version, $"{p.Name.ToLowerInvariant()}.nuspec"));
            return (p.Name, Licence: LicenceExpression().Match(specification) is { Success: true } found ? found.Groups[1].Value : "none named");
        }).ToList();
        Assert.True(judged.Count > 50, $"{judged.Count} packages read.");
        Assert.All(judged, p => Assert.True(Licences.Contains(p.Licence), $"{p.Name}: {p.Licence}"));
        // The pages are our own sources alone: their tools do not ship.
        Assert.DoesNotContain("\"dependencies\"", File.ReadAllText(At("web", "package.json")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task BR02_the_bill_of_materials_lists_what_the_published_service_loads_with_its_licences()
    {
        using var folder = new TemporaryFolder();
        await Published.IntoAsync(Path.Combine(folder.Path, "app"));
        await Tools.RunAsync(["bash", At("local", "sbom.sh"), Path.Combine(folder.Path, "sbom")]);

        using var bill = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(folder.Path, "sbom", "backend.cdx.json")));
        Assert.Equal("CycloneDX", bill.RootElement.GetProperty("bomFormat").GetString());
        var listed = bill.RootElement.GetProperty("components").EnumerateArray().ToDictionary(
            c => $"{c.GetProperty("name").GetString()}/{c.GetProperty("version").GetString()}",
            c => c.TryGetProperty("licenses", out var l) ? string.Join(' ', l.EnumerateArray().Select(x => x.TryGetProperty("license", out var y) && y.TryGetProperty("id", out var id) ? id.GetString() : "?")) : "");
        using var loaded = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(folder.Path, "app", "Backend.deps.json")));
        var shipped = loaded.RootElement.GetProperty("libraries").EnumerateObject().Where(l => l.Value.GetProperty("type").GetString() == "package").Select(l => l.Name).ToList();

        Assert.NotEmpty(shipped);
        Assert.All(shipped, s => Assert.Contains(listed.GetValueOrDefault(s, $"{s} is not listed"), Licences));
    }

    [Fact]
    public async Task BR02_an_advisory_feed_that_cannot_be_asked_is_never_called_clean()
    {
        var said = await AdvisoriesAsync("http://127.0.0.1:1/index.json", "http://127.0.0.1:1/");
        Assert.Equal(1 + NpmFolders, said.Split("未核对").Length - 1);
        Assert.DoesNotContain("无已知漏洞", said, StringComparison.Ordinal);

        // A mirror that serves packages and no advisories, on which `dotnet list package --vulnerable` would say that there are none.
        using var mirror = WireMockServer.Start();
        mirror.Given(Request.Create().WithPath("/index.json")).RespondWith(Response.Create().WithBody("""{"version":"3.0.0","resources":[{"@id":"http://127.0.0.1/","@type":"PackageBaseAddress/3.0.0"}]}"""));
        said = await AdvisoriesAsync($"{mirror.Url}/index.json", $"{mirror.Url}/");
        Assert.Equal(1 + NpmFolders, said.Split("未核对").Length - 1);
        Assert.DoesNotContain("无已知漏洞", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BR02_a_feed_that_answers_is_believed_and_an_advisory_that_nobody_accepted_fails()
    {
        using var registry = WireMockServer.Start();
        void Answer(string vulnerabilities) => registry.Given(Request.Create().WithPath("/-/npm/v1/security/advisories/bulk").UsingPost())
            .RespondWith(Response.Create().WithHeader("content-type", "application/json").WithBody(vulnerabilities));
        Answer("{}");
        var said = await AdvisoriesAsync("http://127.0.0.1:1/index.json", $"{registry.Url}/");
        Assert.Equal(NpmFolders, said.Split("无已知漏洞").Length - 1);

        Answer("""{"esbuild":[{"id":1,"url":"https://github.com/advisories/GHSA-aaaa-bbbb-cccc","title":"invented","severity":"high","vulnerable_versions":">=0","cwe":[],"cvss":{"score":9,"vectorString":null}}]}""");
        said = await AdvisoriesAsync("http://127.0.0.1:1/index.json", $"{registry.Url}/", exitCode: 1);
        Assert.Contains("有已知漏洞", said, StringComparison.Ordinal);
        Assert.Contains("GHSA-aaaa-bbbb-cccc", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BR01_no_secret_stands_in_the_repository()
    {
        var files = (await Tools.RunAsync(["git", "ls-files"])).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(files.Length > 200, $"{files.Length} files seen.");
        // Two tests are about bad ones and spell some out.
        var found = files.Where(f => f is not ("tests/Build/SupplyTests.cs" or "tests/Platform/StartupChecksTests.cs") && Path.GetExtension(f) is not (".png" or ".jpg" or ".woff2") && File.Exists(At(f)))
            .SelectMany(f => Secret().Matches(File.ReadAllText(At(f))).Select(m => $"{f}: {m.Value[..Math.Min(40, m.Length)]}")).ToList();
        // The stub's own, which opens nothing.
        Assert.DoesNotContain(found, f => !f.Contains("FAKE_", StringComparison.Ordinal));
        // It finds one where there is one.
        Assert.Matches(Secret(), "Host=db;Password=hunter2hunter2");
        Assert.Matches(Secret(), "-----BEGIN PRIVATE KEY-----\n" + new string('A', 64));
        Assert.Matches(Secret(), "\"AppSecret\": \"0123456789abcdef0123456789abcdef\"");
    }

    private static Task<string> AdvisoriesAsync(string source, string registry, int exitCode = 0) =>
        Tools.RunAsync(["bash", At("local", "advisories.sh")], exitCode, ("NUGET_SOURCE", source), ("NPM_REGISTRY", registry));

    private static List<(string Name, string Version, string? Hash)> Locked(string project)
    {
        using var file = JsonDocument.Parse(File.ReadAllBytes(At(project, "packages.lock.json")));
        return [.. file.RootElement.GetProperty("dependencies").EnumerateObject().SelectMany(f => f.Value.EnumerateObject())
            .Where(p => p.Value.GetProperty("type").GetString() != "Project")
            .Select(p => (p.Name, p.Value.GetProperty("resolved").GetString()!, p.Value.TryGetProperty("contentHash", out var h) ? h.GetString() : null))];
    }

    /// <summary>A private key with its body, a password in a connection string, a secret as a text beside its name.</summary>
    [GeneratedRegex("""-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}|(?i)\bpassword=[^;\s"'{}$:<>)]{8,}|(?:secret|signing_?key|api_?key)['"]?\s*[:=]\s*['"][A-Za-z0-9+/_-]{16,}""")]
    private static partial Regex Secret();

    [GeneratedRegex("<PackageVersion Include=\"[^\"]+\" Version=\"([^\"]+)\"")]
    private static partial Regex PinnedVersion();

    [GeneratedRegex("<license type=\"expression\">([^<]+)</license>")]
    private static partial Regex LicenceExpression();
}

/// <summary>The repository's own scripts and the SDK, run to their end.</summary>
internal static class Tools
{
    /// <summary>Gives all it said, and asserts how it ended.</summary>
    public static async Task<string> RunAsync(IReadOnlyList<string> command, int exitCode = 0, params (string Name, string Value)[] environment)
    {
        // The test runner's own MSBuild settings would lead another one astray.
        var variables = new Dictionary<string, string?>
        {
            ["MSBuildSDKsPath"] = null,
            ["MSBuildExtensionsPath"] = null,
            ["MSBuildLoadMicrosoftTargetsReadOnly"] = null,
            ["MSBUILDDISABLENODEREUSE"] = "1",
            ["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0",
            ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1",
            ["DOTNET_NOLOGO"] = "1",
        };
        foreach (var (name, value) in environment) variables[name] = value;
        var lines = new System.Collections.Concurrent.ConcurrentQueue<string>();
        using var child = ChildProcess.Start(command, new ChildOptions { WorkingDirectory = Repository.Root, Environment = variables, Output = lines.Enqueue, WhenParentDies = UnixSignal.Kill });
        await child.WaitAsync(CancellationToken.None);
        var said = string.Join('\n', lines);
        Assert.True(child.ExitCode == exitCode, $"{string.Join(' ', command)} ended with {child.ExitCode}:\n{said}");
        return said;
    }
}

/// <summary>The service as `dotnet publish` makes it from the build that is being tested.</summary>
internal static class Published
{
    private static readonly SemaphoreSlim One = new(1);

    public static async Task IntoAsync(string folder)
    {
        // Two at once would write the same files under obj/.
        await One.WaitAsync();
        try
        {
            var configuration = Path.GetFileName(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory))!);
            await Tools.RunAsync([BackendHost.Command[0], "publish", Path.Combine(Repository.Root, "api", "Backend.csproj"), "--no-build", "--configuration", configuration, "--output", folder]);
        }
        finally
        {
            One.Release();
        }
    }
}
