using System.Text.Json;
using Backend.Platform.Errors;
using Backend.Platform.Security;
using Backend.Tests.Architecture;
using Backend.Tests.Support;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Contract;

/// <summary>The document that is served is the one in the repository; <c>make contract</c> writes it anew.</summary>
public sealed class OpenApiTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private Api _api = null!;
    private JsonElement _document;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database);
        _document = await _api.Anonymous().GetAsync("/swagger/v1/swagger.json").OkAsync();
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task The_served_document_is_openapi_yaml()
    {
        var served = (await _api.Anonymous().GetStringAsync("/swagger/v1/swagger.yaml")).ReplaceLineEndings("\n");
        var path = Path.Combine(DirectionTests.Root(), "openapi.yaml");
        if (Environment.GetEnvironmentVariable("WRITE_CONTRACT") == "1") await File.WriteAllTextAsync(path, served);
        Assert.StartsWith("openapi: '3.1", served, StringComparison.Ordinal);
        Assert.True(served == await File.ReadAllTextAsync(path), "The contract has changed: run `make contract` and commit openapi.yaml.");
    }

    [Fact]
    public void AZ01_every_operation_is_in_the_policy_table_and_the_reverse()
    {
        var operations = Operations().Select(o => o.GetProperty("operationId").GetString()!).Order().ToList();
        Assert.Equal(PolicyTable.Load().Rows.Select(r => r.Operation).Order(), operations);
    }

    [Fact]
    public void AZ01_every_endpoint_is_named_and_either_guarded_or_says_why_not()
    {
        var policy = PolicyTable.Load();
        var endpoints = _api.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            // SignalR's own endpoints carry the hub's metadata instead of a name.
            .Where(e => !e.RoutePattern.RawText!.StartsWith("/hubs/", StringComparison.Ordinal)).ToList();
        Assert.True(endpoints.Count > 15);
        Assert.All(endpoints, e =>
        {
            var name = e.Metadata.GetMetadata<IEndpointNameMetadata>()?.EndpointName;
            Assert.False(string.IsNullOrEmpty(name), $"{e.RoutePattern.RawText} has no name");
            Assert.True(policy.Find(name!) is not null || e.Metadata.GetMetadata<UnguardedAttribute>() is { Why.Length: > 0 }, $"{name} is not guarded");
        });
    }

    [Fact]
    public void Every_operation_has_a_Chinese_summary_a_description_a_tag_and_says_how_it_refuses()
    {
        foreach (var operation in Operations())
        {
            var id = operation.GetProperty("operationId").GetString()!;
            foreach (var text in (string[])["summary", "description"])
                Assert.True(operation.TryGetProperty(text, out var value) && value.GetString()!.Any(c => c >= '一'), $"{id} has no Chinese {text}");
            Assert.True(operation.GetProperty("tags").GetArrayLength() == 1, id);
            var responses = operation.GetProperty("responses").EnumerateObject().ToList();
            Assert.Contains(responses, r => r.Name[0] == '2');
            Assert.Contains(responses, r => r.Name == "429");
            Assert.All(responses.Where(r => r.Name[0] is '4' or '5'), r =>
                Assert.True(r.Value.GetProperty("content").TryGetProperty("application/problem+json", out _), $"{id} {r.Name}"));
        }
    }

    [Fact]
    public void RL02_every_operation_that_changes_domain_data_takes_an_Idempotency_Key()
    {
        var policy = PolicyTable.Load();
        foreach (var operation in Operations())
        {
            var id = operation.GetProperty("operationId").GetString()!;
            var takes = operation.TryGetProperty("parameters", out var parameters) && parameters.EnumerateArray().Any(p => p.GetProperty("name").GetString() == "Idempotency-Key");
            Assert.Equal(policy.Find(id)!.Key == KeyRule.Required, takes);
        }
    }

    [Fact]
    public void Every_problem_has_a_code_of_its_own_and_a_Chinese_title()
    {
        Assert.All(Problems.ByCode.Values, p =>
        {
            Assert.Matches("^[a-z][a-z_]+$", p.Code);
            Assert.Contains(p.Title, c => c >= '一');
            Assert.InRange(p.Status, 400, 599);
        });
        Assert.Equal(typeof(Problems).GetFields().Count(f => f.FieldType == typeof(Problem)), Problems.ByCode.Count);
    }

    private IEnumerable<JsonElement> Operations() => _document.GetProperty("paths").EnumerateObject().SelectMany(p => p.Value.EnumerateObject()).Select(o => o.Value);
}
