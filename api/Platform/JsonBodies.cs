using Backend.Platform.Errors;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Net.Http.Headers;

namespace Backend.Platform;

/// <summary>
/// An operation that takes a body takes <c>application/json</c> in UTF-8 and nothing else (IN13). The framework also reads every <c>+json</c> type and other
/// encodings, and fails with a 500 at the name of one that it does not know.
/// </summary>
internal sealed class JsonBodies(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext http) =>
        http.GetEndpoint()?.Metadata.GetMetadata<IAcceptsMetadata>() is null || IsJson(http.Request.ContentType) ? next(http) : Problems.WriteAsync(http, Problems.MediaTypeUnsupported);

    private static bool IsJson(string? contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out var type) && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
        && HeaderUtilities.RemoveQuotes(type.Charset) is var charset && (charset.Length == 0 || charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase));
}
