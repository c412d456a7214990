using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Backend.Platform.Errors;

namespace Backend.Tests.Contract.Generated;

/// <summary>A request as it goes out, byte for byte; as text it can be read, and sent again by hand.</summary>
internal sealed record GeneratedRequest(string Method, string Target, IReadOnlyList<(string Name, string Value)> Headers, byte[]? Body = null)
{
    private const int LongBody = 64 * 1024;

    /// <summary>These headers instead of those of the same names; a value of null takes one away.</summary>
    public GeneratedRequest With(params IEnumerable<(string Name, string? Value)> headers)
    {
        var others = headers.ToList();
        return this with
        {
            Headers = [.. Headers.Where(h => !others.Exists(o => o.Name.Equals(h.Name, StringComparison.OrdinalIgnoreCase))), .. others.Where(o => o.Value is not null).Select(o => (o.Name, o.Value!))],
        };
    }

    public GeneratedRequest WithBody(string? body) => this with { Body = body is null ? null : Encoding.UTF8.GetBytes(body) };

    public async Task<Answer> SendAsync(HttpClient client)
    {
        // As it stands: the library's own tidying would unescape and shorten what is meant to arrive unusual.
        var address = new Uri(client.BaseAddress!.GetLeftPart(UriPartial.Authority) + Target, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        using var message = new HttpRequestMessage(new HttpMethod(Method), address);
        if (Body is not null) message.Content = new ByteArrayContent(Body);
        // A server that refuses a long body answers and closes, and a client that is still writing may never see the answer: it asks first.
        if (Body is { Length: > LongBody }) message.Headers.ExpectContinue = true;
        foreach (var (name, value) in Headers)
            if (!message.Headers.TryAddWithoutValidation(name, value)) message.Content?.Headers.TryAddWithoutValidation(name, value);
        using var answer = await client.SendAsync(message);
        var body = await answer.Content.ReadAsByteArrayAsync();
        return new Answer(
            (int)answer.StatusCode, answer.Content.Headers.ContentEncoding.Contains("br") ? Unpacked(body) : body, answer.Content.Headers.ContentType?.MediaType,
            answer.Headers.Concat(answer.Content.Headers).ToDictionary(h => h.Key, h => string.Join(", ", h.Value), StringComparer.OrdinalIgnoreCase));
    }

    private static byte[] Unpacked(byte[] body)
    {
        using var brotli = new BrotliStream(new MemoryStream(body), CompressionMode.Decompress);
        using var plain = new MemoryStream();
        brotli.CopyTo(plain);
        return plain.ToArray();
    }

    public override string ToString()
    {
        var text = new StringBuilder($"{Method} {Target}\n");
        foreach (var (name, value) in Headers) text.Append(name).Append(": ").AppendLine(value);
        if (Body is null) return text.ToString();
        // What is no text is shown as what it is.
        var body = Encoding.UTF8.GetString(Body);
        return text.Append('\n').Append(body.Contains('\uFFFD', StringComparison.Ordinal) ? $"(base64) {Convert.ToBase64String(Body)}" : body.Length > 4000 ? $"{body[..4000]}… ({Body.Length} bytes)" : body).ToString();
    }
}

/// <summary>What came back, and all that is wrong with it.</summary>
internal sealed partial record Answer(int Status, byte[] Body, string? MediaType, IReadOnlyDictionary<string, string> Headers)
{
    /// <summary>Codes given before a handler runs. A handler may give some of them too, so what is counted without them is a lower bound.</summary>
    private static readonly string[] Front =
    [
        .. ((Problem[])[
            Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.Invalid, Problems.MalformedBody, Problems.MediaTypeUnsupported, Problems.BodyTooLarge,
            Problems.MethodNotAllowed, Problems.IdempotencyKeyMissing, Problems.IdempotencyKeyReused, Problems.RequestInFlight, Problems.TooManyRequests]).Select(p => p.Code),
    ];

    public bool Succeeded => Status is >= 200 and < 300;

    public string Text => Encoding.UTF8.GetString(Body);

    public JsonElement Json => JsonSerializer.Deserialize<JsonElement>(Body);

    /// <summary>Its problem code; null when it is no problem.</summary>
    public string? Code => MediaType == "application/problem+json" ? Json.GetProperty("code").GetString() : null;

    /// <summary>Whether a handler certainly saw the request.</summary>
    public bool IsFromHandler(Operation? operation) => operation is not null && (Code is null || !Front.Contains(Code));

    public IEnumerable<string> Complaints(ContractDocument contract, GeneratedRequest request)
    {
        if (Status >= 500) yield return "5xx";
        foreach (var (name, value) in (Dictionary<string, string>)new() { ["X-Content-Type-Options"] = "nosniff", ["Referrer-Policy"] = "no-referrer" })
            if (Headers.GetValueOrDefault(name) != value) yield return $"no {name}";
        if (Headers.GetValueOrDefault("Cache-Control") is not { } cache || !cache.Contains("no-store", StringComparison.Ordinal) && !cache.Contains("private", StringComparison.Ordinal))
            yield return "anybody may store it";

        var operation = contract.Find(request.Method, request.Target);
        // An answer to HEAD has the headers alone.
        if (request.Method == "HEAD") yield break;
        foreach (var complaint in operation is null ? OfNoOperation(contract) : OfOperation(contract, operation)) yield return complaint;
    }

    private IEnumerable<string> OfNoOperation(ContractDocument contract) =>
        Status is 404 or 405 ? OfProblem(contract, null) : [$"{Status}, although the document knows no such operation"];

    private IEnumerable<string> OfOperation(ContractDocument contract, Operation operation)
    {
        if (!operation.Responses.TryGetProperty($"{Status}", out var response)) return [$"{operation.Id} does not declare {Status}"];
        if (!response.TryGetProperty("content", out var content)) return Body.Length == 0 ? [] : [$"{operation.Id} declares {Status} without a body"];
        if (MediaType is null || !content.TryGetProperty(MediaType, out var declared))
            return MediaType is not null && operation.Text.Contains(MediaType, StringComparison.Ordinal) ? [] : [$"{operation.Id} does not declare {MediaType}"];
        if (MediaType == "application/problem+json") return OfProblem(contract, response.GetProperty("description").GetString()!);
        return MediaType == "application/json" && contract.Misfit(declared.GetProperty("schema"), Json) is { } misfit ? [misfit] : [];
    }

    private IEnumerable<string> OfProblem(ContractDocument contract, string? declared)
    {
        if (MediaType != "application/problem+json")
        {
            yield return $"no problem document but {MediaType}";
            yield break;
        }

        var problem = Json;
        if (contract.Misfit(contract.Problem, problem) is { } misfit) yield return misfit;
        if (!Problems.ByCode.TryGetValue(Code!, out var known) || known.Status != Status || problem.GetProperty("status").GetInt32() != Status) yield return "the code belongs to another status";
        if (declared is not null && !declared.Contains($"`{Code}`", StringComparison.Ordinal)) yield return $"{Code} is not declared for {Status}";
        foreach (var text in Texts(problem))
            if (!text.Any(c => c >= '一')) yield return $"not in Chinese: {text}";
        if (Internals().Match(Text) is { Success: true } leak) yield return $"speaks of what is inside: {leak.Value}";
    }

    /// <summary>What a person is shown.</summary>
    private static IEnumerable<string> Texts(JsonElement problem)
    {
        yield return problem.GetProperty("title").GetString()!;
        if (problem.TryGetProperty("detail", out var detail)) yield return detail.GetString()!;
        if (!problem.TryGetProperty("errors", out var errors)) yield break;
        foreach (var text in errors.EnumerateObject().SelectMany(e => e.Value.EnumerateArray())) yield return text.GetString()!;
    }

    // Type names, stack frames, SQL, files of ours. No generated value holds any of it.
    [GeneratedRegex(@"Exception|\bat [A-Z]\w+\.|Npgsql|Microsoft|System\.|Backend\.|\.cs\b|(?i:\bselect\b|\binsert into\b|\bupdate \w+ set\b)|/(?:tmp|work|home|root|src|api/(?!v1))\b")]
    private static partial Regex Internals();
}
