using Backend.Platform.Security;
using Scalar.AspNetCore;

namespace Backend.Platform.OpenApi;

/// <summary>The contract for people to read and try, at <c>/docs</c>: Scalar, served whole by this service; nothing of it comes from elsewhere.</summary>
internal static class Docs
{
    private const string Path = "/docs";

    public static void MapDocs(this WebApplication app)
    {
        // Where the contract is not served, neither is its page.
        if (app.Environment.IsProduction()) return;
        var docs = app.MapScalarApiReference(Path, (scalar, http) =>
        {
            var nonce = Tokens.Random();
            scalar.WithTitle("接口文档 · 智慧社区精准服务平台")
                .AddDocument("v1", routePattern: "/swagger/v1/swagger.json")
                .DisableDefaultFonts()
                .DisableTelemetry()
                .DisableAgent()
                .WithNonce(nonce);
            // Their bar offers what leads away from here: sharing, paid generators, hosting.
            scalar.ShowDeveloperTools = DeveloperToolsVisibility.Never;
            // The page starts by an inline script and writes its own styles; everything else stays as on every page.
            http.Response.Headers.ContentSecurityPolicy =
                $"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
                + "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        });
        docs.WithMetadata(new UnguardedAttribute("the contract for people, absent in production")).ExcludeFromDescription();
        docs.Add(endpoint =>
        {
            if (!endpoint.Metadata.OfType<IEndpointNameMetadata>().Any())
                endpoint.Metadata.Add(new EndpointNameMetadata($"docs {((RouteEndpointBuilder)endpoint).RoutePattern.RawText![Path.Length..]}".TrimEnd()));
        });
    }
}
