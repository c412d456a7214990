using System.Buffers;
using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Backend.Tests.Support;

/// <summary>
/// What every host of the whole run has logged at Debug, and what must not stand in it (PD05). Kept are the different words with the place where each came
/// first, not the lines: a value is found in them wherever it stood, and hundreds of megabytes become a few. Searched once, after the last test
/// (<see cref="LastInTheRun"/>).
/// </summary>
internal sealed class WholeLog : ILoggerProvider
{
    /// <summary>What stands between words. Whatever may be part of a name, a number, an openid or a token does not.</summary>
    private static readonly SearchValues<char> Between = SearchValues.Create(" \t\r\n\"'`()[]{}<>,;=&?/\\|!，。；：、（）「」“”");

    /// <summary>As an operator would ask for it; the program's own rules stay in force.</summary>
    public static readonly IReadOnlyDictionary<string, string?> AtDebug = new Dictionary<string, string?>
    {
        ["Logging:LogLevel:Default"] = "Debug",
        ["Logging:LogLevel:Microsoft.AspNetCore"] = "Debug",
        ["Logging:LogLevel:Microsoft.EntityFrameworkCore"] = "Debug",
        ["Logging:LogLevel:Polly"] = "Debug",
    };

    private static readonly WholeLog OfTheRun = new();

    private readonly ConcurrentDictionary<string, string> _words = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, byte> _secrets = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string>.AlternateLookup<ReadOnlySpan<char>> _known;
    private long _lines, _characters;

    public WholeLog() => _known = _words.GetAlternateLookup<ReadOnlySpan<char>>();

    public static WholeLog Run => OfTheRun;

    public long Lines => Interlocked.Read(ref _lines);

    public long Characters => Interlocked.Read(ref _characters);

    /// <summary>Every different word, with the category of the line in which it came first.</summary>
    public IReadOnlyCollection<KeyValuePair<string, string>> Words => _words;

    /// <summary>Openids, tokens, codes and names that tests have made; what lies in the demo district is known without them.</summary>
    public IReadOnlyCollection<string> Secrets => [.. _secrets.Keys];

    /// <summary>Something that no log may show. Of a value with signs in it that part words, the longest part.</summary>
    public void Hide(string value)
    {
        var rest = value.AsSpan();
        var longest = ReadOnlySpan<char>.Empty;
        while (Next(ref rest) is { Length: > 0 } word)
            if (word.Length > longest.Length) longest = word;
        // "code-1" of some test is a word that anything may say; three Chinese characters are a name, and eleven digits a phone number.
        if (longest.Length >= (longest.ContainsAnyInRange('一', '鿿') ? 3 : longest.ContainsAnyExceptInRange('0', '9') ? 12 : 11)) _secrets.TryAdd(longest.ToString(), 0);
    }

    public void Add(string category, string text)
    {
        Interlocked.Increment(ref _lines);
        Interlocked.Add(ref _characters, text.Length);
        var rest = text.AsSpan();
        while (Next(ref rest) is { Length: > 0 } word)
        {
            // Ids of rows, requests and traces are as many as there are requests.
            if (word.Length < 2 || _known.ContainsKey(word) || word.Length is 32 or 36 && Guid.TryParse(word, out _)) continue;
            _words.TryAdd(word.ToString(), category);
        }
    }

    public ILogger CreateLogger(string categoryName) => new Writer(this, categoryName);

    public void Dispose()
    {
        // It outlives every host.
    }

    private static ReadOnlySpan<char> Next(scoped ref ReadOnlySpan<char> rest)
    {
        var start = rest.IndexOfAnyExcept(Between);
        if (start < 0) return rest = [];
        rest = rest[start..];
        var end = rest.IndexOfAny(Between);
        var word = end < 0 ? rest : rest[..end];
        rest = end < 0 ? [] : rest[end..];
        return word;
    }

    private sealed class Writer(WholeLog log, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull
        {
            // What stands in a scope is written by whoever asks for scopes.
            log.Add(category, state.ToString() ?? "");
            return null;
        }

        public bool IsEnabled(LogLevel logLevel) => logLevel is >= LogLevel.Debug and not LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel)) return;
            log.Add(category, formatter(state, exception));
            if (exception is not null) log.Add(category, exception.ToString());
        }
    }
}

/// <summary>Remembers every secret that the api under test gives out, by the names of the members: whoever adds another kind of secret adds its name.</summary>
internal sealed class SecretsGivenOut : IStartupFilter
{
    private static readonly string[] Members = ["accessToken", "refreshToken", "bindingTicket", "ticket", "invite"];
    private static readonly string[] Givers = ["/api/v1/sessions", "/api/v1/tickets", "/api/v1/displays", "/api/v1/residents", "/api/v1/oidc"];

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((http, after) => HttpMethods.IsPost(http.Request.Method) && Givers.Any(g => http.Request.Path.StartsWithSegments(g, StringComparison.Ordinal)) ? ListenAsync(http, after) : after(http));
        next(app);
    };

    private static async Task ListenAsync(HttpContext http, RequestDelegate after)
    {
        var (answer, copy) = (http.Response.Body, new MemoryStream());
        http.Response.Body = copy;
        try
        {
            await after(http);
        }
        finally
        {
            http.Response.Body = answer;
        }

        if (copy.Length == 0) return;
        using (var body = http.Response.ContentType?.Contains("json", StringComparison.Ordinal) == true ? JsonDocument.Parse(copy.ToArray()) : null)
        {
            foreach (var member in body?.RootElement.ValueKind == JsonValueKind.Object ? body.RootElement.EnumerateObject().Where(m => Members.Contains(m.Name)) : [])
                if (member.Value.ValueKind == JsonValueKind.String) WholeLog.Run.Hide(member.Value.GetString()!);
        }

        await answer.WriteAsync(copy.ToArray());
    }
}

/// <summary>The collection of tests that runs alone, when every other test of the run has ended (<see cref="PostgresTestFramework"/>).</summary>
[CollectionDefinition(Name)]
public sealed class LastInTheRun
{
    public const string Name = "last in the run";
}
