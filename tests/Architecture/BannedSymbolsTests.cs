using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Local;

namespace Backend.Tests.Architecture;

/// <summary>
/// BR05: what must not be called stops the build. Proven by the compiler itself: one offending line for each banned symbol, compiled with the very
/// analyzer and lists of the build. A symbol that is misspelt in a list bans nothing, and is found here.
/// </summary>
public sealed partial class BannedSymbolsTests
{
    private const string Facade = "default(Microsoft.EntityFrameworkCore.Infrastructure.DatabaseFacade)!";

    /// <summary>By the symbol as it stands in the list, without parameters where its name says enough.</summary>
    private static readonly Dictionary<string, string> Offences = new()
    {
        ["P:System.DateTime.Now"] = "_ = System.DateTime.Now;",
        ["P:System.DateTime.UtcNow"] = "_ = System.DateTime.UtcNow;",
        ["P:System.DateTime.Today"] = "_ = System.DateTime.Today;",
        ["P:System.DateTimeOffset.Now"] = "_ = System.DateTimeOffset.Now;",
        ["P:System.DateTimeOffset.UtcNow"] = "_ = System.DateTimeOffset.UtcNow;",
        ["P:System.TimeZoneInfo.Local"] = "_ = System.TimeZoneInfo.Local;",
        ["T:System.Security.Cryptography.MD5"] = "_ = System.Security.Cryptography.MD5.HashData(new byte[1]);",
        ["T:System.Security.Cryptography.HMACMD5"] = "_ = System.Security.Cryptography.HMACMD5.HashData(new byte[1], new byte[1]);",
        ["T:System.Security.Cryptography.SHA1"] = "_ = System.Security.Cryptography.SHA1.HashData(new byte[1]);",
        ["T:System.Security.Cryptography.HMACSHA1"] = "_ = System.Security.Cryptography.HMACSHA1.HashData(new byte[1], new byte[1]);",
        ["T:System.Security.Cryptography.DES"] = "_ = System.Security.Cryptography.DES.Create();",
        ["T:System.Security.Cryptography.TripleDES"] = "_ = System.Security.Cryptography.TripleDES.Create();",
        ["T:System.Security.Cryptography.RC2"] = "_ = System.Security.Cryptography.RC2.Create();",
        ["M:System.Guid.NewGuid"] = "_ = System.Guid.NewGuid();",
        ["M:System.Net.Http.HttpClient.#ctor"] = "_ = new System.Net.Http.HttpClient();",
        ["M:System.Net.Http.HttpClient.#ctor(System.Net.Http.HttpMessageHandler)"] = "_ = new System.Net.Http.HttpClient(new System.Net.Http.SocketsHttpHandler());",
        ["M:System.Net.Http.HttpClient.#ctor(System.Net.Http.HttpMessageHandler,System.Boolean)"] = "_ = new System.Net.Http.HttpClient(new System.Net.Http.SocketsHttpHandler(), true);",
        ["P:System.Net.Http.HttpClientHandler.ServerCertificateCustomValidationCallback"] = "new System.Net.Http.HttpClientHandler().ServerCertificateCustomValidationCallback = null;",
        ["P:System.Net.Http.HttpClientHandler.DangerousAcceptAnyServerCertificateValidator"] = "_ = System.Net.Http.HttpClientHandler.DangerousAcceptAnyServerCertificateValidator;",
        ["P:System.Net.Security.SslClientAuthenticationOptions.RemoteCertificateValidationCallback"] = "new System.Net.Security.SslClientAuthenticationOptions().RemoteCertificateValidationCallback = null;",
        ["P:Npgsql.NpgsqlConnection.UserCertificateValidationCallback"] = "new Npgsql.NpgsqlConnection().UserCertificateValidationCallback = null;",
        ["P:System.Random.Shared"] = "_ = System.Random.Shared.Next();",
        ["M:System.Random.#ctor"] = "_ = new System.Random();",
        ["M:System.Random.#ctor(System.Int32)"] = "_ = new System.Random(1);",
        ["M:Microsoft.EntityFrameworkCore.RelationalQueryableExtensions.FromSqlRaw``1(Microsoft.EntityFrameworkCore.DbSet{``0},System.String,System.Object[])"] = "_ = default(Microsoft.EntityFrameworkCore.DbSet<string>)!.FromSqlRaw(text);",
        ["M:Microsoft.EntityFrameworkCore.RelationalDatabaseFacadeExtensions.SqlQueryRaw``1(Microsoft.EntityFrameworkCore.Infrastructure.DatabaseFacade,System.String,System.Object[])"] = $"_ = {Facade}.SqlQueryRaw<int>(text);",
        ["M:Microsoft.EntityFrameworkCore.RelationalDatabaseFacadeExtensions.ExecuteSqlRaw(Microsoft.EntityFrameworkCore.Infrastructure.DatabaseFacade,System.String,System.Object[])"] = $"_ = {Facade}.ExecuteSqlRaw(text, 1, 2);",
        ["M:Microsoft.EntityFrameworkCore.RelationalDatabaseFacadeExtensions.ExecuteSqlRaw(Microsoft.EntityFrameworkCore.Infrastructure.DatabaseFacade,System.String,System.Collections.Generic.IEnumerable{System.Object})"] = $"_ = {Facade}.ExecuteSqlRaw(text, new System.Collections.Generic.List<object>());",
        ["M:Microsoft.EntityFrameworkCore.RelationalDatabaseFacadeExtensions.ExecuteSqlRawAsync(Microsoft.EntityFrameworkCore.Infrastructure.DatabaseFacade,System.String,System.Object[])"] = $"_ = {Facade}.ExecuteSqlRawAsync(text, 1, 2);",
        ["M:Microsoft.EntityFrameworkCore.RelationalDatabaseFacadeExtensions.ExecuteSqlRawAsync(Microsoft.EntityFrameworkCore.Infrastructure.DatabaseFacade,System.String,System.Collections.Generic.IEnumerable{System.Object},System.Threading.CancellationToken)"] = $"_ = {Facade}.ExecuteSqlRawAsync(text, new System.Collections.Generic.List<object>(), default);",
        ["M:Microsoft.EntityFrameworkCore.RelationalDatabaseFacadeExtensions.ExecuteSqlRawAsync(Microsoft.EntityFrameworkCore.Infrastructure.DatabaseFacade,System.String,System.Threading.CancellationToken)"] = $"_ = {Facade}.ExecuteSqlRawAsync(text, default(System.Threading.CancellationToken));",
        ["M:System.Threading.Thread.Sleep(System.Int32)"] = "System.Threading.Thread.Sleep(1);",
        ["M:System.Threading.Thread.Sleep(System.TimeSpan)"] = "System.Threading.Thread.Sleep(System.TimeSpan.Zero);",
        ["M:System.Threading.Tasks.Task.Wait"] = "task.Wait();",
        ["M:System.Threading.Tasks.Task.Wait(System.Int32)"] = "_ = task.Wait(1);",
        ["M:System.Threading.Tasks.Task.Wait(System.TimeSpan)"] = "_ = task.Wait(System.TimeSpan.Zero);",
        ["M:System.Threading.Tasks.Task.Wait(System.Threading.CancellationToken)"] = "task.Wait(default(System.Threading.CancellationToken));",
        ["M:System.Threading.Tasks.Task.WaitAll(System.Threading.Tasks.Task[])"] = "System.Threading.Tasks.Task.WaitAll(new System.Threading.Tasks.Task[] { task });",
        ["P:System.Threading.Tasks.Task`1.Result"] = "_ = task.Result;",
        ["P:System.Threading.Tasks.ValueTask`1.Result"] = "_ = new System.Threading.Tasks.ValueTask<int>(task).Result;",
        ["M:System.Runtime.CompilerServices.TaskAwaiter.GetResult"] = "((System.Threading.Tasks.Task)task).GetAwaiter().GetResult();",
        ["M:System.Runtime.CompilerServices.TaskAwaiter`1.GetResult"] = "_ = task.GetAwaiter().GetResult();",
        ["M:System.Runtime.CompilerServices.ValueTaskAwaiter.GetResult"] = "new System.Threading.Tasks.ValueTask(task).GetAwaiter().GetResult();",
        ["M:System.Runtime.CompilerServices.ValueTaskAwaiter`1.GetResult"] = "_ = new System.Threading.Tasks.ValueTask<int>(task).GetAwaiter().GetResult();",
        ["M:System.Threading.SemaphoreSlim.Wait"] = "new System.Threading.SemaphoreSlim(1).Wait();",
        ["M:System.Threading.SemaphoreSlim.Wait(System.Threading.CancellationToken)"] = "new System.Threading.SemaphoreSlim(1).Wait(default(System.Threading.CancellationToken));",
        ["M:Npgsql.NpgsqlConnection.Open"] = "new Npgsql.NpgsqlConnection().Open();",
        ["M:Npgsql.NpgsqlCommand.ExecuteNonQuery"] = "_ = new Npgsql.NpgsqlCommand().ExecuteNonQuery();",
        ["M:Npgsql.NpgsqlCommand.ExecuteScalar"] = "_ = new Npgsql.NpgsqlCommand().ExecuteScalar();",
        ["M:Npgsql.NpgsqlCommand.ExecuteReader(System.Data.CommandBehavior)"] = "_ = new Npgsql.NpgsqlCommand().ExecuteReader();",
        ["M:Npgsql.NpgsqlDataReader.Read"] = "_ = new Npgsql.NpgsqlCommand().ExecuteReader(System.Data.CommandBehavior.Default).Read();",
        ["M:Npgsql.NpgsqlBatch.ExecuteNonQuery"] = "_ = new Npgsql.NpgsqlBatch().ExecuteNonQuery();",
        ["M:Npgsql.NpgsqlDataSource.OpenConnection"] = "_ = default(Npgsql.NpgsqlDataSource)!.OpenConnection();",
        ["M:Npgsql.NpgsqlConnection.Wait"] = "new Npgsql.NpgsqlConnection().Wait();",
    };

    private static string[] Lists => [Path.Combine(Repository.Root, "BannedSymbols.txt"), Path.Combine(Repository.Root, "api", "BannedSymbols.txt")];

    [Fact]
    public async Task BR05_every_banned_symbol_exists_and_using_it_stops_the_build()
    {
        var banned = Lists.SelectMany(File.ReadLines).Where(l => l.Length > 0).Select(l => l.Split(';')[0]).Order(StringComparer.Ordinal).ToList();
        Assert.Equal(banned, Offences.Keys.Order(StringComparer.Ordinal));

        using var folder = new Support.TemporaryFolder();
        var source = Path.Combine(folder.Path, "Offences.cs");
        // The offence of banned[i] stands on line i + 3.
        await File.WriteAllLinesAsync(source, [
            "using Microsoft.EntityFrameworkCore;",
            "static class Offences { static void All(string text, System.Threading.Tasks.Task<int> task) {",
            .. banned.Select(b => Offences[b]),
            "System.Console.WriteLine(text); } }"]);
        var said = await CompileAsync(source, folder.Path);

        var stopped = Finding().Matches(said).Select(m => int.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture)).ToHashSet();
        Assert.DoesNotContain("error CS", said, StringComparison.Ordinal);
        var through = banned.Where((_, i) => !stopped.Contains(i + 3)).ToList();
        Assert.True(through.Count == 0, $"Not stopped: {string.Join("\n", through)}\n{said}");
        Assert.DoesNotContain(banned.Count + 3, stopped);
    }

    [Fact]
    public void BR05_warnings_are_errors_the_security_analyzers_are_on_and_both_lists_are_in_the_build()
    {
        var props = XDocument.Load(Path.Combine(Repository.Root, "Directory.Build.props"));
        string? Value(string name) => props.Descendants(name).SingleOrDefault()?.Value;
        Assert.Equal("true", Value("TreatWarningsAsErrors"));
        Assert.Equal("All", Value("AnalysisModeSecurity"));
        Assert.Contains(props.Descendants("AdditionalFiles"), f => f.Attribute("Include")!.Value.EndsWith("BannedSymbols.txt", StringComparison.Ordinal));
        Assert.Contains(props.Descendants("PackageReference"), p => p.Attribute("Include")!.Value == "Microsoft.CodeAnalysis.BannedApiAnalyzers");
        Assert.Contains("<AdditionalFiles Include=\"BannedSymbols.txt\" />", File.ReadAllText(Path.Combine(Repository.Root, "api", "Backend.csproj")), StringComparison.Ordinal);
        // What is allowed all the same says so where it stands, with its reason.
        foreach (var file in DirectionTests.SourceFiles())
            Assert.DoesNotMatch(@"#pragma warning disable RS0030\s*$", File.ReadAllText(file));
    }

    /// <summary>The compiler of the SDK, warnings as errors as in the build, over everything that this test itself references.</summary>
    private static async Task<string> CompileAsync(string source, string folder)
    {
        var dotnet = Environment.ProcessPath is { } path && Path.GetFileName(path) == "dotnet" ? path : Programs.Need("dotnet", "csc");
        var sdks = await ChildProcess.RunAsync([dotnet, "--list-sdks"], new ChildOptions { WorkingDirectory = Repository.Root }, CancellationToken.None);
        var sdk = sdks.Split('\n').Last(l => l.Contains('[', StringComparison.Ordinal));
        var compiler = Path.Combine(sdk[(sdk.IndexOf('[', StringComparison.Ordinal) + 1)..^1], sdk.Split(' ')[0], "Roslyn", "bincore", "csc.dll");
        var version = XDocument.Load(Path.Combine(Repository.Root, "Directory.Packages.props")).Descendants("PackageVersion")
            .Single(p => p.Attribute("Include")!.Value == "Microsoft.CodeAnalysis.BannedApiAnalyzers").Attribute("Version")!.Value;
        var packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        var analyzers = Path.Combine(packages, "microsoft.codeanalysis.bannedapianalyzers", version, "analyzers", "dotnet", "cs");
        var arguments = Path.Combine(folder, "csc.rsp");
        await File.WriteAllLinesAsync(arguments, [
            "/target:library", "/warnaserror+", "/nowarn:CS0618", "/nologo", "/nostdlib+", $"/out:\"{Path.Combine(folder, "Offences.dll")}\"",
            .. Directory.GetFiles(analyzers, "*.dll").Select(a => $"/analyzer:\"{a}\""),
            .. Lists.Select(l => $"/additionalfile:\"{l}\""),
            .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(a => $"/reference:\"{a}\""),
            $"\"{source}\""]);
        var lines = new System.Collections.Concurrent.ConcurrentQueue<string>();
        using var child = ChildProcess.Start([dotnet, "exec", compiler, "/noconfig", "@" + arguments], new ChildOptions { WorkingDirectory = folder, Output = lines.Enqueue });
        await child.WaitAsync(CancellationToken.None);
        Assert.Equal(1, child.ExitCode);
        return string.Join('\n', lines);
    }

    [GeneratedRegex(@"Offences\.cs\((\d+),\d+\): error RS0030")]
    private static partial Regex Finding();
}
