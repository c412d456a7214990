using System.Reflection;
using System.Text.Json;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace Backend.Platform.OpenApi;

/// <summary>
/// A member that may be null says so also where its type is a schema of its own: without this, the generator writes <c>TierState? State</c> as a plain
/// reference, and a client generated from the contract would not expect the null.
/// </summary>
internal sealed class NullsInContract : ISchemaFilter
{
    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (schema is not OpenApiSchema { Properties: { } members }) return;
        foreach (var property in context.Type.GetProperties())
        {
            var name = JsonNamingPolicy.CamelCase.ConvertName(property.Name);
            if (!members.TryGetValue(name, out var member) || member is not OpenApiSchemaReference reference || !MayBeNull(property)) continue;
            members[name] = new OpenApiSchema
            {
                Description = reference.Description,
                OneOf = [new OpenApiSchema { Type = JsonSchemaType.Null }, new OpenApiSchemaReference(reference.Reference.Id!)],
            };
        }
    }

    private static bool MayBeNull(PropertyInfo property) => property.PropertyType.IsValueType
        ? Nullable.GetUnderlyingType(property.PropertyType) is not null
        : new NullabilityInfoContext().Create(property).ReadState == NullabilityState.Nullable;
}

/// <summary>Answers are whole: a member without a value is there as null, so every member of an answer is required. Inputs may leave out what may be null.</summary>
internal sealed class WholeAnswers : IDocumentFilter
{
    public void Apply(OpenApiDocument document, DocumentFilterContext context)
    {
        var answers = new HashSet<string>();
        foreach (var operation in document.Paths.Values.SelectMany(p => p.Operations!.Values))
        {
            var contents = operation.Responses!.Values.SelectMany(r => r.Content ?? new Dictionary<string, IOpenApiMediaType>());
            foreach (var content in contents.Where(c => c.Key == "application/json")) Collect(content.Value.Schema, context.SchemaRepository, answers);
        }

        foreach (var id in answers)
            if (context.SchemaRepository.Schemas[id] is OpenApiSchema { Properties: { } members } answer)
                answer.Required = members.Keys.Order(StringComparer.Ordinal).ToHashSet();
    }

    private static void Collect(IOpenApiSchema? schema, SchemaRepository schemas, HashSet<string> found)
    {
        if (schema is OpenApiSchemaReference reference)
        {
            if (!found.Add(reference.Reference.Id!)) return;
            schema = schemas.Schemas[reference.Reference.Id!];
        }

        if (schema is null) return;
        Collect(schema.Items, schemas, found);
        foreach (var one in (IEnumerable<IOpenApiSchema>)[.. schema.OneOf ?? [], .. schema.Properties?.Values ?? []]) Collect(one, schemas, found);
    }
}
