using System.Text.Json.Nodes;
using Backend.Platform.Errors;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace Backend.Platform.OpenApi;

/// <summary>The contract: OpenAPI 3.1, served outside production for its test, kept in the repository as <c>openapi.yaml</c>.</summary>
internal static class Contract
{
    public static void AddContract(this IServiceCollection services)
    {
        services.AddEndpointsApiExplorer();
        services.AddSwaggerGen(swagger =>
        {
            swagger.SwaggerDoc("v1", new OpenApiInfo
            {
                Title = "智慧社区精准服务平台",
                Version = "v1",
                Description = "易地搬迁社区微信小程序后端。所有错误均为 application/problem+json，code 稳定，title 与 detail 为中文。客户端应忽略未知字段。",
            });
            swagger.SupportNonNullableReferenceTypes();
            swagger.NonNullableReferenceTypesAsRequired();
            swagger.CustomOperationIds(d => d.ActionDescriptor.EndpointMetadata.OfType<Microsoft.AspNetCore.Routing.IEndpointNameMetadata>().FirstOrDefault()?.EndpointName);
            // Request and Response are nested in their slice: its name makes theirs unique.
            swagger.CustomSchemaIds(t => t.DeclaringType is { } slice ? slice.Name + t.Name : t.Name);
            swagger.IncludeXmlComments(Path.ChangeExtension(typeof(Contract).Assembly.Location, ".xml"));
            swagger.AddSecurityDefinition("bearer", new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", BearerFormat = "at+jwt" });
            swagger.AddSecurityDefinition("display", new OpenApiSecurityScheme { Type = SecuritySchemeType.ApiKey, In = ParameterLocation.Cookie, Name = Authentication.DisplayCookie });
            swagger.ParameterFilter<QueryWordsInContract>();
            swagger.ParameterFilter<QueryDaysInContract>();
            swagger.OperationFilter<PolicyInContract>();
            swagger.SchemaFilter<OpenAnswers>();
            swagger.SchemaFilter<NullsInContract>();
            swagger.DocumentFilter<WholeAnswers>();
            swagger.DocumentFilter<ProblemsInContract>();
        });
    }

    public static void MapContract(this WebApplication app)
    {
        if (app.Environment.IsProduction()) return;
        app.MapSwagger("/swagger/{documentName}/swagger.{extension:regex(^(json|ya?ml)$)}", o => o.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1)
            .WithMetadata(new UnguardedAttribute("the contract, absent in production"))
            .WithName("contract");
    }
}

/// <summary>Adds to each operation what the policy table and its refusals say: security, the Idempotency-Key header, the problem codes by status.</summary>
internal sealed class PolicyInContract(PolicyTable policy) : IOperationFilter
{
    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        var row = policy.Find(operation.OperationId ?? "");
        if (row is null) return;
        if (row.Key == KeyRule.Required)
        {
            operation.Parameters ??= [];
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = OneTransaction.KeyHeader,
                In = ParameterLocation.Header,
                Required = true,
                Description = "每次操作一个，重试时不变；保留 7 天。",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String, MinLength = 1, MaxLength = 100 },
            });
        }

        if (!row.Anonymous)
        {
            operation.Security = row.Roles.Values.All(r => r == Relation.None) ? [] : [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("bearer", context.Document)] = [] }];
            if (row.Display || row.Hall) operation.Security.Add(new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("display", context.Document)] = [] });
        }

        var metadata = context.ApiDescription.ActionDescriptor.EndpointMetadata;
        if (metadata.OfType<ConsoleMetadata>().Any()) operation.AddExtension("x-console", new JsonNodeExtension(JsonValue.Create(true)));

        var problems = metadata.OfType<RefusalsMetadata>().SelectMany(r => r.Problems).ToList();
        if (row.Key == KeyRule.Required) problems.AddRange([Problems.IdempotencyKeyMissing, Problems.RequestInFlight, Problems.IdempotencyKeyReused]);
        // Whoever is signed in may hold no role that allows it, or none at all.
        if (!row.Anonymous) problems.Add(Problems.OperationNotAllowed);
        // Screens are nobody; every person reads the notice first.
        if (!row.Anonymous && row.Roles.Values.Any(r => r != Relation.None) && !metadata.OfType<BeforeNoticeMetadata>().Any()) problems.Add(Problems.PrivacyNoticeRequired);
        if (operation.RequestBody is not null) problems.AddRange([Problems.MalformedBody, Problems.MediaTypeUnsupported]);
        // With a key even a body that nobody asked for is read: the same key with another one is another request.
        if (operation.RequestBody is not null || row.Key == KeyRule.Required) problems.Add(Problems.BodyTooLarge);
        problems.Add(Problems.TooManyRequests);
        operation.Responses ??= [];
        foreach (var group in problems.Distinct().GroupBy(p => p.Status).OrderBy(g => g.Key))
        {
            operation.Responses[$"{group.Key}"] = new OpenApiResponse
            {
                Description = string.Join("；", group.Select(p => $"`{p.Code}` {p.Title}")),
                Content = new Dictionary<string, IOpenApiMediaType>
                {
                    ["application/problem+json"] = new OpenApiMediaType { Schema = new OpenApiSchemaReference("Problem", context.Document) },
                },
            };
        }
    }
}

/// <summary>Answers may gain members inside v1: only inputs are closed.</summary>
internal sealed class OpenAnswers : ISchemaFilter
{
    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (schema is OpenApiSchema { Type: JsonSchemaType.Object } open && !context.Type.Name.EndsWith("Request", StringComparison.Ordinal))
            open.AdditionalPropertiesAllowed = true;
    }
}

/// <summary>The problem document with all codes.</summary>
internal sealed class ProblemsInContract : IDocumentFilter
{
    public void Apply(OpenApiDocument document, DocumentFilterContext context)
    {
        document.Components ??= new OpenApiComponents();
        document.Components.Schemas ??= new Dictionary<string, IOpenApiSchema>();
        document.Components.Schemas.Remove("ProblemDetails");
        document.Components.Schemas["Problem"] = new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Description = "RFC 9457。code 稳定，供程序判断；title 与 detail 供人阅读。",
            Required = new HashSet<string> { "type", "title", "status", "code", "traceId" },
            Properties = new Dictionary<string, IOpenApiSchema>
            {
                ["type"] = new OpenApiSchema { Type = JsonSchemaType.String },
                ["title"] = new OpenApiSchema { Type = JsonSchemaType.String },
                ["status"] = new OpenApiSchema { Type = JsonSchemaType.Integer },
                ["detail"] = new OpenApiSchema { Type = JsonSchemaType.String },
                ["code"] = new OpenApiSchema
                {
                    Type = JsonSchemaType.String,
                    Enum = Problems.ByCode.Keys.Order(StringComparer.Ordinal).Select(c => (JsonNode)JsonValue.Create(c)).ToList(),
                },
                ["traceId"] = new OpenApiSchema { Type = JsonSchemaType.String },
                ["errors"] = new OpenApiSchema
                {
                    Type = JsonSchemaType.Object,
                    AdditionalProperties = new OpenApiSchema { Type = JsonSchemaType.Array, Items = new OpenApiSchema { Type = JsonSchemaType.String } },
                },
            },
        };
        // Paths in one order, whatever order the endpoints were mapped in.
        var paths = document.Paths.OrderBy(p => p.Key, StringComparer.Ordinal).ToList();
        document.Paths = new OpenApiPaths();
        foreach (var (key, value) in paths) document.Paths.Add(key, value);
    }
}
