using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Backend.Platform.Security;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace Backend.Platform.OpenApi;

/// <summary>A day in a query string, written as in JSON (<c>?from=2026-11-20</c>) and within the bounds of IN02: by itself the framework would take other spellings too.</summary>
internal readonly record struct QueryDay(DateOnly Value)
{
    public static bool TryParse([NotNullWhen(true)] string? text, out QueryDay day)
    {
        var known = DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var value) && value.Year is >= 1900 and <= ShanghaiDay.LatestYear;
        day = new(value);
        return known;
    }
}

/// <summary>The contract shows a <see cref="QueryDay"/> as a date.</summary>
internal sealed class QueryDaysInContract : IParameterFilter
{
    public void Apply(IOpenApiParameter parameter, ParameterFilterContext context)
    {
        if (context.ParameterInfo?.ParameterType == typeof(QueryDay) && parameter is OpenApiParameter shown) shown.Schema = context.SchemaGenerator.GenerateSchema(typeof(DateOnly), context.SchemaRepository);
    }
}
