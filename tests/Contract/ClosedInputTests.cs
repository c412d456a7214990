using System.Text.Json;
using System.Text.Json.Nodes;
using Backend.Tests.Contract.Generated;
using Backend.Tests.Support;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Backend.Tests.Contract;

/// <summary>
/// AZ09, IN05: an input takes the members that it declares, each once, in bounds, and nothing else. Each body is taken at the end as it stands without
/// the foreign member, so what was refused was refused for that member.
/// </summary>
public sealed class ClosedInputTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    /// <summary>Names that other systems bind, and words for what nobody may say of herself.</summary>
    private static readonly string[] Invented =
    [
        "isAdmin", "admin", "roles", "permissions", "scope", "scopes", "reach", "owner", "ownerId", "userId", "createdBy", "recordedBy", "verified", "isVerified", "approved", "confirmed", "openId", "unionId", "sessionKey",
        "phoneNumber", "rootId", "nodePath", "deletedAt", "xmin", "$type", "$id", "$ref", "__proto__", "constructor", "prototype", "_method", "", " ", "*",
    ];

    private const int LongestBody = 256 * 1024;

    private ContractScene _scene = null!;
    private ContractDocument _contract = null!;
    private WriteRequests _writes = null!;

    public async Task InitializeAsync()
    {
        _scene = await ContractScene.StartAsync(fixture.Database);
        _contract = await ContractDocument.ReadAsync(_scene.Api);
        _writes = await WriteRequests.OfAsync(_scene);
    }

    public async Task DisposeAsync()
    {
        _writes.Dispose();
        await _scene.DisposeAsync();
    }

    [Fact]
    public async Task AZ09_no_write_takes_a_member_that_it_does_not_declare_whatever_its_name()
    {
        string[] names = [.. _contract.PropertyNames, .. Invented];
        var (refused, writes) = (0, _contract.Operations.Where(o => o.Body is not null).ToList());
        var before = await _scene.StoredAsync();
        foreach (var operation in writes)
        {
            foreach (var path in ObjectsIn(_writes[operation.Id].Body!, ""))
            {
                foreach (var name in names)
                {
                    var body = _writes[operation.Id].Body!.DeepClone();
                    var at = At(body, path);
                    if (at.ContainsKey(name) || DeclaresAt(operation, path, name)) continue;
                    foreach (var value in (JsonNode?[])["green", true, null])
                    {
                        at[name] = value;
                        var answer = await _writes.SendAsync(operation.Id, body.ToJsonString());
                        Assert.True((answer.Status, answer.Code) == (400, "malformed_body"), $"{operation.Id}{path} took {name}: {answer.Status} {answer.Text}");
                        refused++;
                    }
                }
            }
        }

        Assert.Equal(before, await _scene.StoredAsync());
        await TakenAsync(writes);
        Figures.Print($"AZ09 foreign members: {refused} refused in {writes.Count} inputs, under {names.Length} names, 0 stored");
    }

    [Fact]
    public async Task AZ09_no_member_stands_twice_in_whatever_letters()
    {
        var before = await _scene.StoredAsync();
        var writes = _contract.Operations.Where(o => o.Body is not null).ToList();
        foreach (var operation in writes)
        {
            foreach (var path in ObjectsIn(_writes[operation.Id].Body!, ""))
            {
                foreach (var (name, value) in At(_writes[operation.Id].Body!, path).ToList())
                {
                    foreach (var twice in (string[])[name, name.ToUpperInvariant()])
                    {
                        // A document cannot hold a name twice, so the second one is written as text.
                        var body = _writes[operation.Id].Body!.DeepClone();
                        At(body, path)["@twice@"] = value?.DeepClone();
                        var answer = await _writes.SendAsync(operation.Id, body.ToJsonString().Replace("@twice@", twice, StringComparison.Ordinal));
                        Assert.True((answer.Status, answer.Code) == (400, "malformed_body"), $"{operation.Id}{path} took {twice} beside {name}: {answer.Status} {answer.Text}");
                    }
                }
            }
        }

        Assert.Equal(before, await _scene.StoredAsync());
        await TakenAsync(writes);
    }

    [Fact]
    public async Task IN05_no_body_is_deeper_than_32_longer_than_256_KB_or_holds_a_list_of_more_than_a_thousand()
    {
        var before = await _scene.StoredAsync();
        var writes = _contract.Operations.Where(o => o.Body is not null).ToList();
        foreach (var operation in writes)
        {
            foreach (var deep in (int[])[33, 100_000]) Assert.Equal((400, "malformed_body"), await CodeAsync(operation, new string('[', deep) + new string(']', deep)));
            Assert.Equal((413, "body_too_large"), await CodeAsync(operation, _writes[operation.Id].Body!.ToJsonString().PadRight(LongestBody + 1)));
            foreach (var (path, list) in ListsIn(_writes[operation.Id].Body!, ""))
            {
                var body = _writes[operation.Id].Body!.DeepClone();
                var longer = (JsonArray)AtNode(body, path);
                while (longer.Count < NastyValues.OverAnyArray) longer.Add(list[0]!.DeepClone());
                // So many do not even pass by their size, where an item is long.
                Assert.Contains(await CodeAsync(operation, body.ToJsonString()), ((int, string?)[])[(400, "invalid_request"), (413, "body_too_large")]);
            }
        }

        // Every list of every input has its bound, for those to come.
        foreach (var schema in writes.SelectMany(o => SchemasIn(o.Body!.Value)).Where(s => ContractDocument.TypeOf(s) == "array"))
            Assert.InRange(schema.GetProperty("maxItems").GetInt32(), 1, 1000);
        Assert.Equal(32, _scene.Api.Services.GetRequiredService<IOptions<JsonOptions>>().Value.SerializerOptions.MaxDepth);
        Assert.Equal(before, await _scene.StoredAsync());
        await TakenAsync(writes);
    }

    private async Task<(int, string?)> CodeAsync(Operation operation, string body)
    {
        var answer = await _writes.SendAsync(operation.Id, body);
        return (answer.Status, answer.Code);
    }

    /// <summary>Each body is taken, and be it as long as one may be.</summary>
    private async Task TakenAsync(IEnumerable<Operation> writes)
    {
        foreach (var operation in writes)
        {
            var answer = await _writes.SendAsync(operation.Id, _writes[operation.Id].Body!.ToJsonString().PadRight(LongestBody));
            Assert.True(answer.Succeeded, $"{operation.Id} does not take its own body: {answer.Text}");
        }
    }

    private bool DeclaresAt(Operation operation, string path, string name)
    {
        var schema = _contract.Resolve(operation.Body!.Value);
        foreach (var step in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
            schema = _contract.Resolve(ContractDocument.TypeOf(schema) == "array" ? schema.GetProperty("items") : schema.GetProperty("properties").GetProperty(step));
        return schema.GetProperty("properties").EnumerateObject().Any(p => p.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
    }

    private IEnumerable<JsonElement> SchemasIn(JsonElement said)
    {
        var schema = _contract.Resolve(said);
        yield return schema;
        if (schema.TryGetProperty("items", out var item))
            foreach (var inner in SchemasIn(item)) yield return inner;
        if (!schema.TryGetProperty("properties", out var members)) yield break;
        foreach (var inner in members.EnumerateObject().SelectMany(m => SchemasIn(m.Value))) yield return inner;
    }

    private static IEnumerable<string> ObjectsIn(JsonNode node, string path) => node switch
    {
        JsonObject members => [path, .. members.Where(m => m.Value is not null).SelectMany(m => ObjectsIn(m.Value!, $"{path}/{m.Key}"))],
        JsonArray items => ObjectsIn(items[0]!, $"{path}/0"),
        _ => [],
    };

    private static IEnumerable<(string Path, JsonArray List)> ListsIn(JsonNode node, string path) => node switch
    {
        JsonObject members => members.Where(m => m.Value is not null).SelectMany(m => ListsIn(m.Value!, $"{path}/{m.Key}")),
        JsonArray items => [(path, items), .. ListsIn(items[0]!, $"{path}/0")],
        _ => [],
    };

    private static JsonObject At(JsonNode body, string path) => (JsonObject)AtNode(body, path);

    private static JsonNode AtNode(JsonNode body, string path) =>
        path.Split('/', StringSplitOptions.RemoveEmptyEntries).Aggregate(body, (node, step) => node is JsonArray items ? items[0]! : node[step]!);
}
