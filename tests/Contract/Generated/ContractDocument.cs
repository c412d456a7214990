using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Backend.Tests.Support;

namespace Backend.Tests.Contract.Generated;

/// <summary>
/// What <c>openapi.yaml</c> says, for tests that hold every operation to it. Read as the api serves it: <see cref="OpenApiTests"/> holds that equal to
/// the file.
/// </summary>
internal sealed partial class ContractDocument
{
    private readonly JsonElement _schemas;

    private ContractDocument(JsonElement document)
    {
        _schemas = document.GetProperty("components").GetProperty("schemas");
        Operations = [.. document.GetProperty("paths").EnumerateObject().SelectMany(p => p.Value.EnumerateObject().Select(o => Operation.Of(p.Name, o.Name, o.Value)))];
        PropertyNames = [.. new SortedSet<string>(_schemas.EnumerateObject().SelectMany(s => s.Value.TryGetProperty("properties", out var members) ? members.EnumerateObject().Select(m => m.Name) : []), StringComparer.Ordinal)];
        Problem = _schemas.GetProperty(nameof(Problem));
    }

    public IReadOnlyList<Operation> Operations { get; }

    /// <summary>Every name that a member of any input or answer has.</summary>
    public IReadOnlyList<string> PropertyNames { get; }

    public JsonElement Problem { get; }

    public static async Task<ContractDocument> ReadAsync(Api api)
    {
        using var client = api.Anonymous();
        return new ContractDocument(await client.GetAsync("/swagger/v1/swagger.json").OkAsync());
    }

    public Operation this[string id] => Operations.Single(o => o.Id == id);

    /// <summary>The operation that a request meets, as routing sees it; null when it is none.</summary>
    public Operation? Find(string method, string target)
    {
        // Routing cares neither for capitals nor for a slash at the end.
        var path = target.Split('?')[0];
        var segments = (path.EndsWith('/') ? path[..^1] : path).Split('/');
        return Operations.Where(o => o.Method == method && o.Matches(segments)).MinBy(o => o.Path.Count(c => c == '{'));
    }

    /// <summary>The schema itself, where it only names one, or one and null.</summary>
    public JsonElement Resolve(JsonElement schema)
    {
        if (schema.TryGetProperty("$ref", out var reference)) return Resolve(_schemas.GetProperty(reference.GetString()!.Split('/')[^1]));
        return schema.TryGetProperty("oneOf", out var several) ? Resolve(several.EnumerateArray().Single(s => !IsNull(s))) : schema;
    }

    public static bool MayBeNull(JsonElement schema) => TypesOf(schema).Contains("null") || schema.TryGetProperty("oneOf", out var several) && several.EnumerateArray().Any(IsNull);

    /// <summary>The type of a schema, apart from null.</summary>
    public static string TypeOf(JsonElement schema) => TypesOf(schema).Single(t => t != "null");

    /// <summary>
    /// Where a value does not fit a schema, and how; null when it fits. Knows the keywords that the document uses, and throws at any other, so that
    /// none is passed over in silence.
    /// </summary>
    public string? Misfit(JsonElement schema, JsonElement value, string at = "$")
    {
        foreach (var keyword in schema.EnumerateObject())
            if (Misfit(schema, keyword.Name, keyword.Value, value, at) is { } misfit) return misfit;
        return null;
    }

    private string? Misfit(JsonElement schema, string keyword, JsonElement said, JsonElement value, string at) => (keyword, value.ValueKind) switch
    {
        ("description" or "default", _) => null,
        ("$ref", _) => Misfit(Resolve(schema), value, at),
        ("type", _) => TypesOf(schema).Any(t => IsOf(t, value)) ? null : $"{at} is no {said}: {value}",
        ("enum", _) => said.EnumerateArray().Any(e => JsonElement.DeepEquals(e, value)) ? null : $"{at} is none of {said}: {value}",
        ("oneOf", _) => said.EnumerateArray().Count(s => Misfit(s, value, at) is null) == 1 ? null : $"{at} fits not exactly one of {said}: {value}",
        ("required", JsonValueKind.Object) => said.EnumerateArray().Select(r => r.GetString()!).FirstOrDefault(r => !value.TryGetProperty(r, out _)) is { } missing ? $"{at} has no {missing}" : null,
        ("properties", JsonValueKind.Object) => said.EnumerateObject().Select(p => value.TryGetProperty(p.Name, out var member) ? Misfit(p.Value, member, $"{at}.{p.Name}") : null).FirstOrDefault(m => m is not null),
        ("additionalProperties", JsonValueKind.Object) => value.EnumerateObject().Where(p => !HasProperty(schema, p.Name))
            .Select(p => said.ValueKind == JsonValueKind.False ? $"{at} may have no {p.Name}" : Misfit(said, p.Value, $"{at}.{p.Name}")).FirstOrDefault(m => m is not null),
        ("items", JsonValueKind.Array) => value.EnumerateArray().Select((item, i) => Misfit(said, item, $"{at}[{i}]")).FirstOrDefault(m => m is not null),
        ("minItems", JsonValueKind.Array) => value.GetArrayLength() >= said.GetInt32() ? null : $"{at} is too short",
        ("maxItems", JsonValueKind.Array) => value.GetArrayLength() <= said.GetInt32() ? null : $"{at} is too long",
        ("minLength", JsonValueKind.String) => value.GetString()!.Length >= said.GetInt32() ? null : $"{at} is too short",
        ("maxLength", JsonValueKind.String) => value.GetString()!.Length <= said.GetInt32() ? null : $"{at} is too long",
        ("minimum", JsonValueKind.Number) => value.GetDecimal() >= said.GetDecimal() ? null : $"{at} is too small",
        ("maximum", JsonValueKind.Number) => value.GetDecimal() <= said.GetDecimal() ? null : $"{at} is too great",
        ("pattern", JsonValueKind.String) => Regex.IsMatch(value.GetString()!, said.GetString()!, RegexOptions.None, TimeSpan.FromSeconds(1)) ? null : $"{at} does not match {said}",
        ("format", JsonValueKind.String or JsonValueKind.Number) => IsOfFormat(said.GetString()!, value) ? null : $"{at} is no {said}: {value}",
        // Of another type, about which `type` has its say.
        ("required" or "properties" or "additionalProperties" or "items" or "minItems" or "maxItems" or "minLength" or "maxLength" or "minimum" or "maximum" or "pattern" or "format", _) => null,
        _ => throw new NotSupportedException($"A schema says {keyword}, which this walker does not know."),
    };

    private static bool IsOf(string type, JsonElement value) => type switch
    {
        "null" => value.ValueKind == JsonValueKind.Null,
        "string" => value.ValueKind == JsonValueKind.String,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "number" => value.ValueKind == JsonValueKind.Number,
        "integer" => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _),
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        _ => throw new NotSupportedException($"A schema has the type {type}."),
    };

    private static bool IsOfFormat(string format, JsonElement value) => format switch
    {
        "uuid" => Guid.TryParseExact(value.GetString(), "D", out _),
        "date" => DateOnly.TryParseExact(value.GetString(), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _),
        "date-time" => value.TryGetDateTimeOffset(out _) && Offset().IsMatch(value.GetString()!),
        "int32" => value.TryGetInt32(out _),
        "double" => value.TryGetDouble(out var number) && double.IsFinite(number),
        _ => throw new NotSupportedException($"A schema has the format {format}."),
    };

    private static bool HasProperty(JsonElement schema, string name) => schema.TryGetProperty("properties", out var members) && members.TryGetProperty(name, out _);

    private static bool IsNull(JsonElement schema) => TypesOf(schema) is ["null"];

    private static IReadOnlyList<string> TypesOf(JsonElement schema) => !schema.TryGetProperty("type", out var type) ? []
        : type.ValueKind == JsonValueKind.Array ? [.. type.EnumerateArray().Select(t => t.GetString()!)]
        : [type.GetString()!];

    [GeneratedRegex("(Z|[+-][0-9]{2}:[0-9]{2})$")]
    private static partial Regex Offset();
}

/// <summary>One operation of the document.</summary>
/// <param name="Id">Its operationId.</param>
/// <param name="Method">In capitals.</param>
/// <param name="Path">With its parameters in braces.</param>
/// <param name="Parameters">In path, query and headers.</param>
/// <param name="Body">Schema of its JSON body, if it takes one.</param>
/// <param name="Responses">By status.</param>
/// <param name="Text">Its description, which names what no schema can: an answer that is not JSON.</param>
internal sealed record Operation(string Id, string Method, string Path, IReadOnlyList<Parameter> Parameters, JsonElement? Body, JsonElement Responses, string Text)
{
    public bool TakesKey => Parameters.Any(p => p.Name == "Idempotency-Key");

    public static Operation Of(string path, string method, JsonElement said) => new(
        said.GetProperty("operationId").GetString()!, method.ToUpperInvariant(), path,
        said.TryGetProperty("parameters", out var parameters) ? [.. parameters.EnumerateArray().Select(Parameter.Of)] : [],
        said.TryGetProperty("requestBody", out var body) ? body.GetProperty("content").GetProperty("application/json").GetProperty("schema") : null,
        said.GetProperty("responses"), said.GetProperty("description").GetString()!);

    public bool Matches(string[] segments)
    {
        var template = Path.Split('/');
        return template.Length == segments.Length && template.Zip(segments).All(s => s.First.StartsWith('{')
            ? s.Second.Length > 0 && (Parameters.Single(p => p.In == "path" && s.First == $"{{{p.Name}}}").Format != "uuid" || Guid.TryParse(Uri.UnescapeDataString(s.Second), out _))
            : s.First.Equals(s.Second, StringComparison.OrdinalIgnoreCase));
    }
}

internal sealed record Parameter(string Name, string In, bool Required, JsonElement Schema)
{
    public string? Format => Schema.TryGetProperty("format", out var format) ? format.GetString() : null;

    public static Parameter Of(JsonElement said) => new(
        said.GetProperty("name").GetString()!, said.GetProperty("in").GetString()!, said.TryGetProperty("required", out var required) && required.GetBoolean(), said.GetProperty("schema"));
}
