using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Backend.Domain.Tags;
using Backend.Tests.Support;

namespace Backend.Tests.Contract.Generated;

/// <summary>A place in a request that takes a value: a parameter, or a member of the body by its path; an item of a list is its first.</summary>
internal sealed record Slot(Parameter? Parameter, IReadOnlyList<string> Path, JsonElement Schema)
{
    public override string ToString() => Parameter is { } p ? $"{p.In} {p.Name}" : $"body {string.Join('.', Path)}";
}

/// <summary>Makes requests from the document and from what was answered before: such as a careful client sends, and such as none should.</summary>
internal sealed class RequestGenerator(ContractDocument contract, KnownValues known, Random random)
{
    private const string Hole = "\"@hole@\"";
    private const int OverAnyBody = 300 * 1024;

    private static readonly Tag[] HouseholdTags = [.. TagCatalogue.Default.Tags.Where(t => t.Subject == SubjectKind.Household && TagRules.Door(t.Code) is null)];

    private static readonly string[] Methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW"];

    private static readonly string[] ContentTypes =
    [
        "text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json; charset=utf-16", "application/json; charset=none",
        "application/merge-patch+json", "*/*", "json", "application/json;;", "",
    ];

    private static readonly string[] Bodies = ["", " ", "null", "[]", "0", "\"text\"", "{}", "{", "{}{}", "{\"a\":}", "{'a':1}", "{\"a\":1,}", "\ufeff{}", "<a/>", "a=1&b=2", "{\"__proto__\":{},\"$type\":\"System\"}"];

    private static readonly (string Name, string Value)[] StrangeHeaders =
    [
        ("If-None-Match", "*"), ("If-None-Match", "\""), ("If-None-Match", "W/\"\""), ("If-None-Match", "\"ü长\", W/"), ("If-None-Match", new string('"', 3000)),
        ("If-Match", "*"), ("If-Match", "1"), ("If-Match", "\"1\", \"2\""), ("If-Match", "W/\"1\""), ("If-Match", "\"99999999999999999999\""), ("If-Match", "长"),
        ("Idempotency-Key", ""), ("Idempotency-Key", new string('k', 101)), ("Idempotency-Key", "two words"), ("Idempotency-Key", "长"), ("Idempotency-Key", "'; drop table households; --"),
        ("Accept", "text/html"), ("Accept", "*/*;q=0"), ("Accept", ",;,"), ("Accept", "application/vnd.backend.wall-tiers"), ("Accept", new string('a', 3000)),
        ("Accept-Encoding", "br"), ("Accept-Encoding", "br;q=0, *;q=0"), ("Accept-Encoding", "zstd, ;;;"), ("Accept-Language", "xx-XX-invented"),
        ("Authorization", "Bearer"), ("Authorization", "Bearer x"), ("Authorization", "Bearer a.b.c"), ("Authorization", "Bearer ..."), ("Authorization", "Basic YWRtaW46YWRtaW4="), ("Authorization", "长"),
        ("Authorization", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."), ("Cookie", "display="), ("Cookie", "display=x; display=y"), ("Cookie", "=;;;"), ("Cookie", "display=" + new string('x', 3000)),
        ("Range", "bytes=0-0"), ("If-Modified-Since", "never"), ("X-HTTP-Method-Override", "DELETE"), ("X-Forwarded-For", "not an address"), ("Forwarded", "for=_secret"), ("X-Original-URL", "/api/v1/me"),
        ("Origin", "https://elsewhere.example"), ("Content-Encoding", "gzip"), ("traceparent", "00-zz-zz-00"), ("Host", "elsewhere.example"), ("Upgrade", "websocket"),
    ];

    private static readonly string[] Purposes = ["privacy_notice", "household_care", "own_photo"];

    /// <summary>Sent to the addresses of the scene alone: another one would take somebody who sends requests, or her households, out of it.</summary>
    private static readonly string[] TakesAway = ["moveGridNode", "disableAccount", "inviteResident", "dismissLeader", "dismissStaff"];

    /// <summary>As a careful client sends it. Where an answer gave a whole address, she follows it.</summary>
    public GeneratedRequest Valid(Operation operation, string who) => Follow(Request(operation, who, null, null), operation, who, TakesAway.Contains(operation.Id) || random.Next(2) == 0);

    /// <summary>As a careful client sends it, but for one value.</summary>
    public GeneratedRequest With(Operation operation, string who, Slot slot, NastyValue value) =>
        Follow(Request(operation, who, slot, value), operation, who, TakesAway.Contains(operation.Id) && slot.Parameter?.In != "path");

    private GeneratedRequest Follow(GeneratedRequest request, Operation operation, string who, bool follow) =>
        follow && known.PickLink(random, who, operation.Path) is { } link ? request with { Target = link } : request;

    /// <summary>Six of ten are valid, two hold a nasty value, and two are bent as a whole.</summary>
    public GeneratedRequest Next(Operation operation, string who, (string Name, string Value)? credentials)
    {
        var kind = random.Next(10);
        var slots = SlotsOf(operation).ToList();
        GeneratedRequest request;
        if (kind is 6 or 7 && slots.Count > 0)
        {
            var slot = Pick(slots);
            request = With(operation, who, slot, Pick(ValuesFor(slot)));
        }
        else
        {
            request = Valid(operation, who);
        }

        if (credentials is { } c) request = request.With(c);
        return kind > 7 ? Bend(request) : request;
    }

    /// <summary>Every place of an operation that takes a value.</summary>
    public IEnumerable<Slot> SlotsOf(Operation operation) =>
        operation.Parameters.Select(p => new Slot(p, [], p.Schema)).Concat(operation.Body is { } body ? SlotsOf(body, []) : []);

    /// <summary>The nasty values that can stand in a slot at all.</summary>
    public List<NastyValue> ValuesFor(Slot slot) => NastyValues.For(contract, slot.Schema).Where(v => slot.Parameter?.In switch
    {
        null => true,
        // Nothing in a path is another path, and NUL in it is refused by the server, before any of our code (FrontDoorTests).
        "path" => v.Text is { Length: > 0 } text && !text.Contains('\0', StringComparison.Ordinal),
        // What is left empty in a query is left out.
        "query" => v.Text is { Length: > 0 },
        // A control character in a header is no HTTP: it ends before the api.
        _ => v.Text is not null && !v.Text.Any(char.IsControl),
    }).ToList();

    private IEnumerable<Slot> SlotsOf(JsonElement said, IReadOnlyList<string> path)
    {
        yield return new Slot(null, path, said);
        var schema = contract.Resolve(said);
        if (schema.TryGetProperty("properties", out var members))
            foreach (var slot in members.EnumerateObject().SelectMany(m => SlotsOf(m.Value, [.. path, m.Name]))) yield return slot;
        if (schema.TryGetProperty("items", out var item))
            foreach (var slot in SlotsOf(item, [.. path, "0"])) yield return slot;
    }

    private GeneratedRequest Request(Operation operation, string who, Slot? slot, NastyValue? value)
    {
        var values = new Dictionary<Parameter, string>();
        foreach (var parameter in operation.Parameters.Where(p => p.In != "header" && (p.Required || p == slot?.Parameter || random.Next(4) == 0)))
            values[parameter] = parameter == slot?.Parameter ? value!.Text! : Word(parameter.Schema, NameOf(operation, parameter), who);
        var path = string.Join('/', operation.Path.Split('/').Select(w => w.StartsWith('{') ? Uri.EscapeDataString(values.Single(v => $"{{{v.Key.Name}}}" == w).Value) : w));
        var query = string.Join('&', values.Where(v => v.Key.In == "query").Select(v => $"{v.Key.Name}={Uri.EscapeDataString(v.Value)}"));
        var headers = operation.Parameters.Where(p => p.In == "header").Select(p => (p.Name, p == slot?.Parameter ? value!.Text! : HeaderOf(p, path))).ToList();
        if (operation.Method == "GET" && random.Next(4) == 0 && known.TagOf(path) is { } tag) headers.Add(("If-None-Match", tag));
        if (operation.Id == "readWall" && random.Next(3) == 0) headers.Add(("Accept", "application/vnd.backend.wall-tiers"));
        var request = new GeneratedRequest(operation.Method, query.Length > 0 ? $"{path}?{query}" : path, headers);
        if (operation.Body is not { } schema) return request;

        var body = Value(schema, "", who)!;
        // A state is of one browser, and of the code that came back with it.
        if (operation.Path.StartsWith("/api/v1/oidc/", StringComparison.Ordinal))
        {
            var state = known.Pick(random, "", body["invitation"] is null ? "stateToSignIn" : "stateToBind")!;
            (body["state"], body["code"]) = (state, known.Pick(random, "", $"code of {state}"));
            request = request.With(("Cookie", known.Pick(random, "", $"cookie of {state}")));
        }

        Complete(body, path.Split('/').FirstOrDefault(w => Guid.TryParse(w, out _)));
        var json = slot is null || slot.Parameter is not null ? body.ToJsonString() : WithHole(body, slot).Replace(Hole, value!.Json, StringComparison.Ordinal);
        return request.With(("Content-Type", "application/json")).WithBody(json);
    }

    private string HeaderOf(Parameter parameter, string path) => parameter.Name switch
    {
        "If-Match" => known.TagOf(path) ?? "\"1\"",
        "Idempotency-Key" => Guid.CreateVersion7().ToString(),
        var other => throw new NotSupportedException($"No value for the header {other}."),
    };

    /// <summary>An id in an address is one of the collection that it stands in.</summary>
    private static string NameOf(Operation operation, Parameter parameter) =>
        parameter is { In: "path", Name: "id" } ? KnownValues.IdOf(operation.Path.Split('/').TakeWhile(w => w != "{id}").Last()) : parameter.Name;

    private string Word(JsonElement schema, string name, string who) => Value(schema, name, who)!.ToString();

    private JsonNode? Value(JsonElement said, string name, string who)
    {
        var schema = contract.Resolve(said);
        if (schema.TryGetProperty("enum", out var words)) return JsonValue.Create(words[random.Next(words.GetArrayLength())].GetString());
        switch (ContractDocument.TypeOf(schema))
        {
            case "object":
                var required = schema.GetProperty("required").EnumerateArray().Select(r => r.GetString()).ToHashSet();
                var members = new JsonObject();
                foreach (var member in schema.GetProperty("properties").EnumerateObject())
                    if (required.Contains(member.Name) || random.Next(2) == 0)
                        members[member.Name] = required.Contains(member.Name) || random.Next(4) > 0 ? Value(member.Value, member.Name, who) : null;
                return members;
            case "array":
                return new JsonArray([.. Enumerable.Range(0, random.Next(Limit(schema, "minItems", 0), 3)).Select(_ => Value(schema.GetProperty("items"), name, who))]);
            case "integer":
                // The privacy notice in force is the first.
                return JsonValue.Create(name == "noticeVersion" ? 1 : random.Next(Limit(schema, "minimum", 0), Limit(schema, "maximum", 100) + 1));
            case "boolean":
                return JsonValue.Create(random.Next(2) == 0);
            default:
                return JsonValue.Create(Text(schema, name, who));
        }
    }

    private string Text(JsonElement schema, string name, string who) => (schema.TryGetProperty("format", out var format) ? format.GetString() : null) switch
    {
        "uuid" => known.Pick(random, who, name) ?? Guid.CreateVersion7().ToString(),
        "date" => Day(PostgresFixture.DemoDay.AddDays(random.Next(2) == 0 ? 0 : random.Next(-60, 100))),
        // Any offset is the same moment.
        "date-time" => Api.Noon.AddMinutes(-random.Next(100_000)).ToOffset(TimeSpan.FromHours(random.Next(2) * 8)).ToString("O", CultureInfo.InvariantCulture),
        // A name that somebody new shall have must be a new one.
        null when name == "userName" && random.Next(2) == 0 => $"u{random.Next(1_000_000)}",
        // A code that begins with digits is an authenticator's, the other one is of wx.login; those in answers are words of catalogues.
        null when name == "code" => schema.GetProperty("pattern").GetString()!.StartsWith("^[0-9", StringComparison.Ordinal) ? StaffFactors.Code(Api.Noon) : known.Pick(random, "", "loginCode")!,
        null => known.Pick(random, who, name) ?? "走访记录 Ⅱ 楼"[..random.Next(1, 9)],
        var other => throw new NotSupportedException($"No value of the format {other}."),
    };

    /// <summary>What the document leaves to its words: a fact is of the household in the address, and its value is of its tag.</summary>
    private void Complete(JsonNode? body, string? id)
    {
        // The first code of an authenticator is that of the secret that was given for it.
        if ((body as JsonObject)?["proof"]?.ToString() is { Length: > 50 } proof) body["code"] = StaffFactors.FirstCode(proof, Api.Noon);
        // A guardian lives with her ward.
        if ((body as JsonObject)?["guardianId"] is not null && known.Pick(random, "", $"guardian of {id}") is { } guardian) body["guardianId"] = guardian;
        // A consent is one's own, and of a purpose of the notice.
        if (body is JsonObject consent && consent.ContainsKey("purpose") && consent.ContainsKey("residentId"))
            (consent["residentId"], consent["purpose"]) = (null, Purposes[random.Next(Purposes.Length)]);
        foreach (var value in (body as JsonObject)?["values"] as JsonArray ?? [])
        {
            var tag = Pick(HouseholdTags);
            (value!["subject"], value["subjectId"]) = ("household", id);
            (value["tag"], value["value"]) = (tag.Code, tag.ValueType switch
            {
                TagValueType.Bool => "true",
                TagValueType.Enum => Pick(TagRules.Codes(tag)),
                TagValueType.Date => Day(PostgresFixture.DemoDay.AddDays(-random.Next(100))),
                TagValueType.Text => "安置点二期",
                _ => $"{random.Next(5_000)}",
            });
            (value["observedAt"], value["validFrom"]) = (Day(PostgresFixture.DemoDay.AddDays(-random.Next(30))), null);
            value["validTo"] = null;
        }
    }

    private static string WithHole(JsonNode body, Slot slot)
    {
        if (slot.Path.Count == 0) return Hole;
        var at = body;
        foreach (var step in slot.Path.SkipLast(1)) at = at is JsonArray list ? list[int.Parse(step, CultureInfo.InvariantCulture)]! : at[step]!;
        var hole = JsonNode.Parse(Hole);
        if (at is JsonArray items) items[0] = hole;
        else at[slot.Path[^1]] = hole;
        return body.ToJsonString();
    }

    private GeneratedRequest Bend(GeneratedRequest request) => random.Next(12) switch
    {
        0 => request with { Method = Pick(Methods) },
        1 => request.With(("Content-Type", Pick(ContentTypes))),
        2 => request.WithBody(Pick(Bodies)),
        3 when request.Body is { Length: > 0 } body => request with { Body = body[..random.Next(body.Length)] },
        4 when request.Body is { Length: > 0 } body => request with { Body = Flip(body) },
        // A tenth of them only: they take longest.
        5 when request.Body is { Length: > 0 } body && random.Next(10) == 0 => request with { Body = [.. body, .. Enumerable.Repeat((byte)' ', OverAnyBody)] },
        6 when request.Body is [(byte)'{', _, ..] body => request with { Body = [.. Encoding.UTF8.GetBytes($"{{\"{Pick(contract.PropertyNames)}\":null,"), .. body[1..]] },
        7 => request with { Target = Strange(request.Target) },
        8 => request.With((Pick(StrangeHeaders).Name, null)),
        _ => request.With(Pick(StrangeHeaders)),
    };

    private byte[] Flip(byte[] body)
    {
        var flipped = body.ToArray();
        for (var i = random.Next(1, 4); i > 0; i--) flipped[random.Next(flipped.Length)] = (byte)random.Next(256);
        return flipped;
    }

    private string Strange(string target)
    {
        var path = target.Split('?')[0];
        return random.Next(9) switch
        {
            0 => path + "/",
            1 => path.ToUpperInvariant(),
            2 => path.Replace("/v1/", "//v1/", StringComparison.Ordinal),
            3 => $"{path}?&&=&?",
            4 => $"{path}?limit=1&limit=2&cursor=a&cursor=b",
            5 => $"{path}?{new string('x', 3000)}",
            6 => $"{path}?limit=%00&tier=%ff%fe&nodeId=%ED%A0%80",
            7 => path + "/%2fme",
            _ => $"{path}?access_token=x&_method=DELETE",
        };
    }

    private T Pick<T>(IReadOnlyList<T> list) => list[random.Next(list.Count)];

    private static int Limit(JsonElement schema, string name, int otherwise) => schema.TryGetProperty(name, out var limit) ? limit.GetInt32() : otherwise;

    private static string Day(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}
