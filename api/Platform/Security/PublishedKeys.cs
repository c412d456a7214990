namespace Backend.Platform.Security;

/// <summary>
/// <c>/.well-known/jwks.json</c>: the public keys of access tokens, also those that do not sign yet or any more, for whoever checks tokens outside this service
/// (ID05). May be kept for five minutes, so a key must be published that long before it signs.
/// </summary>
internal static class PublishedKeys
{
    public const string Path = "/.well-known/jwks.json";

    public static void MapPublishedKeys(this WebApplication app) =>
        app.MapGet(Path, (HttpContext http, Tokens tokens) =>
        {
            http.Response.Headers.CacheControl = "public, max-age=300";
            return Results.Text(tokens.KeySet, "application/jwk-set+json");
        }).WithName("publishedKeys").WithMetadata(new UnguardedAttribute("public keys, for whoever checks tokens")).ExcludeFromDescription();
}
