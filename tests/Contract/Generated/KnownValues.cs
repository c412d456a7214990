using System.Text.Json;
using System.Text.RegularExpressions;

namespace Backend.Tests.Contract.Generated;

/// <summary>
/// What the answers have taught so far, for later requests: values by name and by who got them, entity tags by address, and whole links. It is what
/// makes sequences of requests: an id that was listed is read, a version is asked from, a cursor is followed.
/// </summary>
/// <param name="strays">Whether a caller now and then uses what somebody else was given.</param>
internal sealed partial class KnownValues(bool strays)
{
    private const int Most = 64;

    /// <summary>Names that mean the same in inputs and in answers.</summary>
    private static readonly Dictionary<string, string> Same = new()
    {
        ["cursor"] = "next",
        ["after"] = "version",
        ["nodeId"] = "gridNodeId",
        ["node"] = "gridNodeId",
        ["tileId"] = "householdId",
        ["changedId"] = "householdId",
        ["subjectId"] = "householdId",
    };

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Who, string Name), List<string>> _values = [];
    private readonly Dictionary<string, string> _tags = [];

    /// <summary>The name of an id that stands behind this word of an address: <c>grid-nodes</c>, <c>gridNodeId</c>.</summary>
    public static string IdOf(string collection) => Joint().Replace(collection.TrimEnd('s'), m => m.Value[1..].ToUpperInvariant()) + "Id";

    public void Add(string who, string name, string value)
    {
        lock (_lock)
        {
            var key = (who, Same.GetValueOrDefault(name, name));
            if (!_values.TryGetValue(key, out var values)) _values[key] = values = [];
            if (values.Contains(value)) return;
            if (values.Count == Most) values.RemoveAt(0);
            values.Add(value);
        }
    }

    /// <summary>A value that the caller was given; of somebody else, where she was given none.</summary>
    public string? Pick(Random random, string who, string name)
    {
        lock (_lock)
        {
            name = Same.GetValueOrDefault(name, name);
            if ((!strays || random.Next(10) > 0) && _values.TryGetValue((who, name), out var own)) return own[random.Next(own.Count)];
            var all = _values.Where(v => v.Key.Name == name).ToList();
            return all.Count == 0 ? null : all[random.Next(all.Count)].Value is var values ? values[random.Next(values.Count)] : null;
        }
    }

    /// <summary>The entity tag of an address, or of the nearest one above it.</summary>
    public string? TagOf(string target)
    {
        lock (_lock)
        {
            for (var path = target.Split('?')[0]; path.Length > 0; path = path[..path.LastIndexOf('/')])
                if (_tags.TryGetValue(path, out var tag)) return tag;
            return null;
        }
    }

    public void Learn(string who, GeneratedRequest request, Answer answer)
    {
        var path = request.Target.Split('?')[0];
        if (answer.Headers.TryGetValue("ETag", out var tag))
        {
            // A change answers with the tag of what it changed, a step above its own address.
            lock (_lock) _tags[request.Method == "GET" ? path : path[..path.LastIndexOf('/')]] = tag;
        }

        // A compact wall names the order of its tiles, which is read at an address of its own.
        if (answer.Succeeded && answer.MediaType == "application/vnd.backend.wall-tiers" && answer.Text.Split(' ') is [_, var layout, ..]) Add(who, Link($"{path}/layouts/{{version}}"), $"{path}/layouts/{layout}");
        if (!answer.Succeeded || answer.MediaType != "application/json") return;
        var json = answer.Json;
        Learn(who, json, IdOf(path.Split('/').Last(w => !Guid.TryParse(w, out _))));
        if (json.TryGetProperty("next", out var next) && next.GetString() is { } cursor)
            Add(who, Link(path), $"{path}?{string.Join('&', request.Target[path.Length..].TrimStart('?').Split('&').Where(p => p.Length > 0 && !p.StartsWith("cursor=", StringComparison.Ordinal)).Append($"cursor={Uri.EscapeDataString(cursor)}"))}");
    }

    /// <summary>A whole address that a client has put together from what belongs together.</summary>
    public void AddLink(string address) => Add("", Link(address), address);

    /// <summary>A whole address that an answer gave for this operation.</summary>
    public string? PickLink(Random random, string who, string path) => Pick(random, who, Link(path));

    private void Learn(string who, JsonElement value, string idName)
    {
        if (value.ValueKind == JsonValueKind.Array)
            foreach (var item in value.EnumerateArray()) Learn(who, item, idName);
        if (value.ValueKind != JsonValueKind.Object) return;
        foreach (var member in value.EnumerateObject())
        {
            if (member.Value.ValueKind is JsonValueKind.Object or JsonValueKind.Array) Learn(who, member.Value, member.Name == "items" ? idName : IdOf(member.Name));
            if (member.Value.ValueKind != JsonValueKind.String) continue;
            var text = member.Value.GetString()!;
            if (text.StartsWith("/api/", StringComparison.Ordinal)) Add(who, Link(text.Split('?')[0]), text);
            else Add(who, member.Name == "id" ? idName : member.Name, text);
        }
    }

    /// <summary>Addresses that differ in their ids alone are links of one kind.</summary>
    private static string Link(string path) => "link " + string.Join('/', path.Split('/').Select(w => w.StartsWith('{') || Guid.TryParse(w, out _) ? "*" : w));

    [GeneratedRegex("-[a-z]")]
    private static partial Regex Joint();
}
