using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace Backend.Platform.Oidc;

/// <summary>Who came back from the provider, or why nobody did. The set is closed.</summary>
internal abstract record OidcAnswer
{
    private OidcAnswer() { }

    /// <param name="Name">Issuer and <c>sub</c>: who she is there, for good.</param>
    /// <param name="ShownAt">When she showed her factors.</param>
    internal sealed record Identity(string Name, DateTimeOffset ShownAt) : OidcAnswer
    {
        /// <summary>Identities never reach a log by way of a string (PD05).</summary>
        public override string ToString() => nameof(Identity);
    }

    /// <summary>The code or the ID token is not good: it is begun anew.</summary>
    internal sealed record Refused : OidcAnswer;

    /// <summary>It is she, but the provider does not say that she showed a second factor (ID07).</summary>
    internal sealed record OneFactor : OidcAnswer;

    /// <summary>The provider is out of reach, or answers what it should not.</summary>
    internal sealed record Unavailable : OidcAnswer;
}

/// <summary>
/// All that this service says to the identity provider: its description, its keys, and the exchange of a code (authorisation code flow with PKCE). No exception but
/// the caller's own cancellation leaves here for anything that the provider or the network does. Answers are untrusted input (IN10, IN12): one limit of time over all
/// that one answer of ours takes, a limit of size, no redirects, and no address but on the configured host. Nothing of a code or a token is logged (PD05).
/// </summary>
internal sealed class OidcProvider(HttpClient http, OidcMetadata metadata, OidcLimits limits, IOptions<OidcOptions> options, TimeProvider clock, ILogger<OidcProvider> log) : IDocumentRetriever
{
    /// <summary>The code that it sends back with a browser.</summary>
    public const string CodePattern = @"^[\x21-\x7e]{1,2048}$";

    public const int LargestAnswer = 256 * 1024;

    private const int LongestSubject = 255;

    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(30);

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 16 };

    /// <summary>Of what the token endpoint may say only these words are read: they are the protocol's own (RFC 6749).</summary>
    private static readonly string[] Errors = ["invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"];

    private readonly OidcOptions _options = options.Value;
    private readonly JsonWebTokenHandler _handler = new() { MapInboundClaims = false };

    public bool IsOn => _options.IsOn;

    /// <summary>
    /// Where the browser goes to sign in. Always by fresh factors (<c>prompt=login</c>): what the provider's own session lets through would make our end of rest (ID07)
    /// and step-up (ID08) nothing. Null: the provider is out of reach.
    /// </summary>
    public Task<string?> AddressAsync(OidcAttempt attempt, CancellationToken cancellation) => WithinLimitAsync<string?>(null, async limit =>
    {
        var request = new OpenIdConnectMessage
        {
            IssuerAddress = (await MetadataAsync(OidcMetadata.Lifetime, limit)).AuthorizationEndpoint,
            EnableTelemetryParameters = false,
            ClientId = _options.ClientId,
            ResponseType = OpenIdConnectResponseType.Code,
            Scope = OpenIdConnectScope.OpenId,
            RedirectUri = _options.RedirectAddress,
            State = attempt.State,
            Nonce = attempt.Nonce,
            Prompt = OpenIdConnectPrompt.Login,
            MaxAge = "0",
        };
        if (_options.Acr.Length > 0) request.AcrValues = _options.Acr;
        request.SetParameter("code_challenge", attempt.Challenge);
        request.SetParameter("code_challenge_method", "S256");
        return request.CreateAuthenticationRequestUrl();
    }, cancellation);

    /// <summary>Exchanges a code, once, and says whose it is.</summary>
    public Task<OidcAnswer> IdentityOfAsync(string code, OidcAttempt attempt, CancellationToken cancellation) => WithinLimitAsync<OidcAnswer>(new OidcAnswer.Unavailable(), async limit =>
    {
        var provider = await MetadataAsync(OidcMetadata.Lifetime, limit);
        using var request = new HttpRequestMessage(HttpMethod.Post, provider.TokenEndpoint);
        request.Content = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "authorization_code",
            ["code"] = code,
            ["redirect_uri"] = _options.RedirectAddress,
            ["code_verifier"] = attempt.Verifier,
        });
        // Each part is a form's value first (RFC 6749, 2.3.1).
        request.Headers.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes($"{WebUtility.UrlEncode(_options.ClientId)}:{WebUtility.UrlEncode(_options.ClientSecret)}")));
        using var answer = await http.SendAsync(request, limit);
        using var body = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync(limit), Strict);
        if (answer.StatusCode != HttpStatusCode.OK)
        {
            var error = Errors.FirstOrDefault(e => TextOf(body.RootElement, "error") == e);
            if (answer.StatusCode == HttpStatusCode.BadRequest && error == "invalid_grant") return new OidcAnswer.Refused();
            log.LogError("The identity provider refused the exchange of a code: status {Status} {Error}.", (int)answer.StatusCode, error);
            return new OidcAnswer.Unavailable();
        }

        if (TextOf(body.RootElement, "id_token") is { } token) return await ReadAsync(token, attempt, provider, limit);
        log.LogError("The identity provider answered without an ID token.");
        return new OidcAnswer.Unavailable();
    }, cancellation);

    /// <summary>The way to a document of the provider, by our rules, for the library that reads it.</summary>
    async Task<string> IDocumentRetriever.GetDocumentAsync(string address, CancellationToken cancel)
    {
        if (!IsAtProvider(address)) throw new HttpRequestException("elsewhere");
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        using var answer = await http.SendAsync(request, cancel);
        return answer.StatusCode == HttpStatusCode.OK ? await answer.Content.ReadAsStringAsync(cancel) : throw new HttpRequestException("refused", null, answer.StatusCode);
    }

    private Task<OpenIdConnectConfiguration> MetadataAsync(TimeSpan maxAge, CancellationToken cancellation) => metadata.GetAsync(maxAge, async cancel =>
    {
        var found = await OpenIdConnectConfigurationRetriever.GetAsync($"{_options.Authority.TrimEnd('/')}/.well-known/openid-configuration", this, cancel);
        return found.Issuer == _options.Authority && IsAtProvider(found.AuthorizationEndpoint) && IsAtProvider(found.TokenEndpoint)
            ? found
            : throw new HttpRequestException("it names another issuer than Oidc:Authority, or an address on another host");
    }, cancellation);

    /// <summary>A description that names other hosts sends nothing there (IN10).</summary>
    private bool IsAtProvider(string? address) => Uri.TryCreate(address, UriKind.Absolute, out var uri)
        && Uri.Compare(uri, new Uri(_options.Authority), UriComponents.SchemeAndServer, UriFormat.UriEscaped, StringComparison.OrdinalIgnoreCase) == 0;

    private async Task<OidcAnswer> ReadAsync(string token, OidcAttempt attempt, OpenIdConnectConfiguration provider, CancellationToken limit)
    {
        var result = await ValidateAsync(token, provider);
        // The provider may have changed its keys since they were read.
        if (result.Exception is SecurityTokenInvalidSignatureException) result = await ValidateAsync(token, await MetadataAsync(OidcMetadata.AtLeast, limit));
        if (!result.IsValid) return Refuse(result.Exception.GetType().Name);

        var (read, now) = ((JsonWebToken)result.SecurityToken, clock.GetUtcNow());
        string? Claim(string name) => result.ClaimsIdentity.FindFirst(name)?.Value;
        if (!CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(Claim("nonce") ?? ""), Encoding.UTF8.GetBytes(attempt.Nonce))) return Refuse("nonce");
        if (read.Audiences.Count() != 1 || Claim("azp") is { } party && party != _options.ClientId) return Refuse("audience");
        if (Claim("sub") is not { Length: > 0 and <= LongestSubject } subject || !subject.All(c => c is >= ' ' and <= '~')) return Refuse("subject");
        // What was shown before she set out is nothing fresh.
        if (!long.TryParse(Claim("auth_time"), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) || seconds > (now + Skew).ToUnixTimeSeconds()) return Refuse("authentication time");
        var shown = DateTimeOffset.FromUnixTimeSeconds(seconds);
        if (shown < attempt.BeganAt - Skew) return Refuse("authentication time");
        if (!result.ClaimsIdentity.FindAll("amr").Any(a => Words(_options.Amr).Contains(a.Value)) && !Words(_options.Acr).Contains(Claim("acr"))) return new OidcAnswer.OneFactor();
        return new OidcAnswer.Identity($"{_options.Authority}|{subject}", shown < now ? shown : now);

        OidcAnswer Refuse(string why)
        {
            log.LogWarning("An ID token was refused: {Why}.", why);
            return new OidcAnswer.Refused();
        }
    }

    private Task<TokenValidationResult> ValidateAsync(string token, OpenIdConnectConfiguration provider) => _handler.ValidateTokenAsync(token, new TokenValidationParameters
    {
        ValidAlgorithms = [SecurityAlgorithms.RsaSha256, SecurityAlgorithms.EcdsaSha256],
        ValidIssuer = _options.Authority,
        ValidAudience = _options.ClientId,
        IssuerSigningKeys = provider.SigningKeys,
        TryAllIssuerSigningKeys = false,
        RequireSignedTokens = true,
        RequireExpirationTime = true,
        LifetimeValidator = (notBefore, expires, _, _) =>
        {
            // The skew is on our side: where a token names no time, the library may ask with the first or the last one there is.
            var now = clock.GetUtcNow().UtcDateTime;
            return expires is { } end && now - Skew < end && (notBefore is not { } start || now + Skew >= start);
        },
    });

    private static string[] Words(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static string? TextOf(JsonElement answer, string name) =>
        answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty(name, out var member) && member.ValueKind == JsonValueKind.String ? member.GetString() : null;

    /// <summary>Time here is the machine's own: it bounds waits on a network and is no time of the domain.</summary>
    private async Task<T> WithinLimitAsync<T>(T unavailable, Func<CancellationToken, Task<T>> ask, CancellationToken cancellation)
    {
        try
        {
            return await limits.Pipeline.ExecuteAsync(async outer =>
            {
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(outer);
                limit.CancelAfter(_options.AnswerLimit);
                return await ask(limit.Token);
            }, cancellation);
        }
        // Whatever the library throws over an answer that is none is the provider's fault, and no other.
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            log.LogError("The identity provider is away, too slow, or answers what it should not: {Fault}.", e is HttpRequestException { StatusCode: { } status } ? $"status {(int)status}" : (e.InnerException ?? e).GetType().Name);
            return unavailable;
        }
    }
}
