using System.Text;
using System.Text.RegularExpressions;
using Backend.Domain.Grid;
using Backend.Platform.Security;
using Backend.Tests.Architecture;
using Backend.Tests.Contract.Generated;
using Backend.Tests.Demo;
using Backend.Tests.Support;
using Local.Demo;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Figures = Backend.Tests.Support.Figures;

namespace Backend.Tests.Platform;

/// <summary>PD05: the log of the whole run at Debug, after everything else has run. A part of the run that is asked for by name is looked through as well.</summary>
[Collection(LastInTheRun.Name)]
public sealed class WholeLogTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>
{
    /// <summary>The signed token of a session: two parts of base64url that begin with <c>{"</c>, whoever was given it.</summary>
    private static readonly Regex Signed = new(@"eyJ[\w-]{8,}\.eyJ[\w-]{8,}", RegexOptions.NonBacktracking);

    [Fact]
    public async Task PD05_the_log_of_the_whole_run_holds_no_name_phone_ID_number_openid_or_token()
    {
        // Also when nothing else was asked for there is something to look through.
        await using (var api = await Api.StartAsync(fixture.Database))
        {
            var scene = await new Scene(api.Services.GetRequiredService<Vault>()).Person("员工", Role.Staff, "s.c").SaveAsync(fixture.Database);
            await (await api.SignInAsync(scene.OpenIdOf("员工"))).GetAsync("/api/v1/me").OkAsync();
        }

        var values = Values();
        var found = Found(WholeLog.Run, values);
        Assert.True(found.Count == 0, string.Join('\n', found.Take(50)));
        Figures.Print($"PD05 the whole log: {WholeLog.Run.Lines} lines, {WholeLog.Run.Characters / 1_000_000} MB, {WholeLog.Run.Words.Count} different words, searched for {values.Count} values: 0 found");
    }

    [Fact]
    public void PD05_whatever_is_planted_in_a_log_is_found()
    {
        var demo = DemoFiguresTests.District.Households[0].Residents[0];
        WholeLog.Run.Hide("户主x0-1-1-101");
        WholeLog.Run.Hide("AAECAwQFBgcICQoLDA0ODw==");
        string[] planted =
        [
            $"Household of {demo.Name}.", $"resident={demo.IdNumber};", $"\"{Scene.Phone}\"", "户主x0-1-1-101", "GET /wall?ticket=AAECAwQFBgcICQoLDA0ODw== HTTP/1.1",
            "Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl", $"openid {DemoFiguresTests.District.Identities.First().OpenId}",
        ];
        var values = Values();
        foreach (var line in planted)
        {
            var log = new WholeLog();
            log.CreateLogger("a category").LogDebug("Something happened: {What}", line);
            Assert.Contains(Found(log, values), f => f.EndsWith("(a category)", StringComparison.Ordinal));
        }

        var quiet = new WholeLog();
        quiet.CreateLogger("a category").LogDebug("{Method} {Route} took {Milliseconds} ms in {Trace}", "GET", "/api/v1/households/{id:guid}", 12, Guid.CreateVersion7());
        Assert.Empty(Found(quiet, values));
    }

    /// <summary>A path is logged as it was escaped, and nothing else that a request says comes into a log at any level: nothing can end a line there and begin another.</summary>
    [Fact]
    public async Task PD05_what_a_request_says_can_forge_no_line()
    {
        const string Forged = "\r\nFORGEDLINE: Backend.Platform[0] all is well\u2028\u0085";
        await using var scene = await ContractScene.StartAsync(fixture.Database);
        using var writes = await WriteRequests.OfAsync(scene);
        using var client = scene.Client();
        var contract = await ContractDocument.ReadAsync(scene.Api);
        var escaped = Uri.EscapeDataString(Forged);
        var sent = 0;
        foreach (var operation in contract.Operations)
        {
            var signed = new GeneratedRequest(operation.Method, operation.Path.Replace("{id}", $"{Guid.CreateVersion7()}", StringComparison.Ordinal), []).With(
                ("Authorization", writes.Authorization("员工")), ("Idempotency-Key", "one"), ("If-Match", "\"1\""), ("User-Agent", escaped));
            GeneratedRequest[] requests =
            [
                signed with { Target = operation.Path.Contains('{', StringComparison.Ordinal) ? Regex.Replace(operation.Path, "{[^}]*}", escaped, RegexOptions.None, TimeSpan.FromSeconds(1)) : $"{operation.Path}/{escaped}" },
                signed with { Target = $"{operation.Path}?cursor={escaped}&nodeId={escaped}&after={escaped}&{escaped}=1" },
                signed.With(("Content-Type", "application/json")).WithBody($$"""{"{{Json(Forged)}}":"{{Json(Forged)}}"}"""),
                .. writes.Operations.Contains(operation.Id) && writes[operation.Id].Body is { } body
                    ? (GeneratedRequest[])[signed.With(("Content-Type", "application/json")).WithBody(Regex.Replace(body.ToJsonString(), "\":\"[^\"]*\"", $"\":\"{Json(Forged)}\"", RegexOptions.None, TimeSpan.FromSeconds(1)))] : [],
            ];
            foreach (var request in requests)
            {
                var answer = await request.SendAsync(client);
                Assert.True(answer.Status < 500, $"{operation.Id}: {answer.Status}");
                sent++;
            }
        }

        Assert.True(sent >= 3 * contract.Operations.Count);
        Assert.DoesNotContain(WholeLog.Run.Words, w => w.Key.StartsWith("FORGEDLINE", StringComparison.Ordinal));

        static string Json(string text) => System.Text.Json.JsonEncodedText.Encode(text).ToString();
    }

    private static List<string> Found(WholeLog log, IReadOnlyCollection<string> values)
    {
        var (search, found, hits) = (new ByteSearch(values), new List<string>(), new List<string>());
        foreach (var (word, category) in log.Words)
        {
            hits.Clear();
            search.Find(Encoding.UTF8.GetBytes(word), hits);
            if (Signed.IsMatch(word)) hits.Add("a signed token");
            found.AddRange(hits.Select(h => $"{h} in {word} ({category})"));
        }

        return found;
    }

    /// <summary>Everything that was seeded or given out in this run.</summary>
    private static List<string> Values()
    {
        var district = DemoFiguresTests.District;
        var residents = district.Households.SelectMany(h => h.Residents).ToList();
        // A name that the program itself has a use for as a word would be found in its own sentences. Of names of two and three characters there are none today.
        var program = string.Concat(Directory.EnumerateFiles(Path.Combine(DirectionTests.Root(), "api"), "*.cs", SearchOption.AllDirectories).Select(File.ReadAllText));
        var names = residents.Select(r => r.Name).Concat(district.Accounts.Select(a => a.Name)).Concat(WholeLog.Run.Secrets).Distinct().ToList();
        var words = names.Where(n => program.Contains(n, StringComparison.Ordinal)).ToList();
        Assert.True(words.Count == 0, $"These names are words of the program: {string.Join(", ", words)}");
        return
        [
            .. names, .. residents.Select(r => r.IdNumber), .. residents.Select(r => r.Phone).OfType<string>(), .. district.Accounts.Select(a => a.PhoneNumber).OfType<int>().Select(DemoNames.Phone),
            .. district.Identities.Select(i => i.OpenId), Scene.Phone, Scene.IdNumber, WeChatStub.AppSecret, "FAKE_STABLE_TOKEN", "AAECAwQFBgcICQoLDA0ODw",
        ];
    }
}
