using System.Diagnostics.CodeAnalysis;
using Backend.Platform.Persistence;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace Backend.Platform.OpenApi;

/// <summary>
/// An enum value in a query string, written as in JSON (<c>?tier=green</c>): by itself the framework would take only the C# name <c>Green</c>.
/// </summary>
internal readonly record struct QueryWord<T>(T Value) where T : struct, Enum
{
    public static bool TryParse([NotNullWhen(true)] string? text, out QueryWord<T> word)
    {
        var known = SnakeCase.TryParse<T>(text ?? "", out var value);
        word = new(value);
        return known;
    }
}

/// <summary>The contract shows a <see cref="QueryWord{T}"/> as the enum that it carries.</summary>
internal sealed class QueryWordsInContract : IParameterFilter
{
    public void Apply(IOpenApiParameter parameter, ParameterFilterContext context)
    {
        var type = context.ParameterInfo?.ParameterType;
        type = type is null ? null : Nullable.GetUnderlyingType(type) ?? type;
        if (type is { IsGenericType: true } && type.GetGenericTypeDefinition() == typeof(QueryWord<>) && parameter is OpenApiParameter shown)
            shown.Schema = context.SchemaGenerator.GenerateSchema(type.GetGenericArguments()[0], context.SchemaRepository);
    }
}
