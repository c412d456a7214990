using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Backend.Domain.Accounts;
using Backend.Platform.Security;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.IdentityModel.Tokens;
using WireMock;
using WireMock.RequestBuilders;
using WireMock.ResponseBuilders;
using WireMock.Server;
using WireMock.Settings;
using WireMock.Types;
using WireMock.Util;

namespace Backend.Tests.Support;

/// <summary>The addresses of the identity provider that the service asks.</summary>
public enum OidcCall
{
    Discovery,
    Keys,
    Token,
}

/// <summary>A key of the provider.</summary>
/// <param name="Kid">Its id.</param>
/// <param name="Key">RSA or P-256.</param>
internal sealed record OidcKey(string Kid, AsymmetricAlgorithm Key)
{
    public static OidcKey Rsa(string kid) => new(kid, RSA.Create(2048));

    public static OidcKey Ec(string kid) => new(kid, ECDsa.Create(ECCurve.NamedCurves.nistP256));

    public string Algorithm => Key is RSA ? "RS256" : "ES256";

    public JsonObject Published
    {
        get
        {
            if (Key is RSA rsa)
            {
                var values = rsa.ExportParameters(false);
                return new JsonObject { ["kty"] = "RSA", ["use"] = "sig", ["kid"] = Kid, ["n"] = Base64UrlEncoder.Encode(values.Modulus), ["e"] = Base64UrlEncoder.Encode(values.Exponent) };
            }

            var point = ((ECDsa)Key).ExportParameters(false).Q;
            return new JsonObject { ["kty"] = "EC", ["crv"] = "P-256", ["use"] = "sig", ["kid"] = Kid, ["x"] = Base64UrlEncoder.Encode(point.X), ["y"] = Base64UrlEncoder.Encode(point.Y) };
        }
    }

    public byte[] Sign(byte[] content) => Key is RSA rsa
        ? rsa.SignData(content, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1) : ((ECDsa)Key).SignData(content, HashAlgorithmName.SHA256);
}

/// <summary>What of an ID token is not as it should be. What is null is.</summary>
internal sealed record OidcFault
{
    public Action<JsonObject>? Claims { get; init; }

    public Action<JsonObject>? Header { get; init; }

    /// <summary>Instead of the provider's signature.</summary>
    public Func<byte[], byte[]>? Sign { get; init; }
}

/// <summary>
/// An identity provider over real HTTP for tests: description, keys, and the exchange of codes, each once, with the client's secret, the redirect address and the PKCE
/// verifier that belong to it. Whoever "signs in" there is named by the test (<see cref="Authorise"/>). A call that it does not know fails the test when it is disposed.
/// </summary>
internal sealed class OidcStub : IDisposable
{
    public const string ClientId = "backend-console";
    public const string RedirectAddress = "http://127.0.0.1/console";

    private sealed record Grant(string Subject, string Challenge, string Nonce, string RedirectAddress, OidcFault Fault);

    private readonly string _secret = Tokens.Random();
    private readonly WireMockServer _server;
    private readonly TaskCompletionSource _disposed = new();
    private readonly ConcurrentDictionary<string, Grant> _codes = new();
    private readonly ConcurrentDictionary<OidcCall, (int Status, string Body, string? Location)> _standing = new();
    private readonly ConcurrentDictionary<OidcCall, int> _calls = new();
    private readonly ConcurrentDictionary<OidcCall, Task> _gates = new();
    private readonly ConcurrentQueue<string> _unmatched = new();

    public OidcStub()
    {
        WholeLog.Run.Hide(_secret);
        _server = WireMockServer.Start(new WireMockServerSettings { DisableJsonBodyParsing = true, MaxRequestLogCount = 100 });
        Map(OidcCall.Discovery, "GET", "/realm/.well-known/openid-configuration", _ => (200, Description().ToJsonString()));
        Map(OidcCall.Keys, "GET", "/realm/keys", _ => (200, new JsonObject { ["keys"] = new JsonArray([.. Keys.Select(k => k.Published)]) }.ToJsonString()));
        Map(OidcCall.Token, "POST", "/realm/token", Exchange);
        _server.Given(Request.Create().UsingAnyMethod()).AtPriority(1000).RespondWith(Response.Create().WithCallback(request =>
        {
            _unmatched.Enqueue($"{request.Method} {request.Path}");
            return new ResponseMessage { StatusCode = 404 };
        }));
    }

    public string Authority => $"{_server.Url}/realm";

    /// <summary>The section <c>Oidc</c> that points a service at this stub.</summary>
    public IReadOnlyDictionary<string, string?> Configuration => new Dictionary<string, string?>
    {
        ["Oidc:Authority"] = Authority,
        ["Oidc:ClientId"] = ClientId,
        ["Oidc:ClientSecret"] = _secret,
        ["Oidc:RedirectAddress"] = RedirectAddress,
    };

    /// <summary>What it publishes; the first one signs.</summary>
    public List<OidcKey> Keys { get; } = [OidcKey.Rsa("first")];

    /// <summary>The clock of the api under test.</summary>
    public Func<DateTimeOffset> Now { get; set; } = () => Api.Noon;

    public IReadOnlyCollection<string> Unmatched => _unmatched;

    public int Calls(OidcCall call) => _calls.GetValueOrDefault(call);

    /// <summary>Every answer to a call until another word; null: as usual again.</summary>
    public void Always(OidcCall call, string? body, int status = 200, string? location = null)
    {
        if (body is null) _standing.TryRemove(call, out _);
        else _standing[call] = (status, body, location);
    }

    /// <summary>No answer to a call comes before the stub is disposed.</summary>
    public void Hang(OidcCall call) => _gates[call] = _disposed.Task;

    public JsonObject Description() => new()
    {
        ["issuer"] = Authority,
        ["authorization_endpoint"] = $"{Authority}/authorise",
        ["token_endpoint"] = $"{Authority}/token",
        ["jwks_uri"] = $"{Authority}/keys",
        ["response_types_supported"] = new JsonArray("code"),
        ["subject_types_supported"] = new JsonArray("public"),
        ["id_token_signing_alg_values_supported"] = new JsonArray("RS256", "ES256"),
    };

    /// <summary>Somebody signs in at the address to which her browser was sent, and comes back with a code and the state.</summary>
    public (string Code, string State) Authorise(string address, string subject, OidcFault? fault = null)
    {
        var uri = new Uri(address);
        Assert.Equal($"{Authority}/authorise", uri.GetLeftPart(UriPartial.Path));
        var asked = QueryHelpers.ParseQuery(uri.Query).ToDictionary(p => p.Key, p => p.Value.Single()!);
        Assert.Equal(
            ("code", "openid", ClientId, RedirectAddress, "S256", "login", "0"),
            (asked["response_type"], asked["scope"], asked["client_id"], asked["redirect_uri"], asked["code_challenge_method"], asked["prompt"], asked["max_age"]));
        var code = Tokens.Random();
        foreach (var secret in (string[])[code, subject, asked["state"]]) WholeLog.Run.Hide(secret);
        _codes[code] = new Grant(subject, asked["code_challenge"], asked["nonce"], asked["redirect_uri"], fault ?? new OidcFault());
        return (code, asked["state"]);
    }

    /// <summary>Issuer and subject, as they are bound to an account.</summary>
    public OidcIdentity Bound(Guid account, string subject, Vault vault)
    {
        var (id, name) = (Guid.CreateVersion7(), $"{Authority}|{subject}");
        return new OidcIdentity { Id = id, AccountId = account, SubjectIndex = vault.BlindIndex(SealedFields.OidcSubject, name), Subject = vault.Seal(SealedFields.OidcSubject, id, name), BoundAt = Api.Noon };
    }

    public void Dispose()
    {
        _disposed.TrySetResult();
        _server.Stop();
        _server.Dispose();
        if (!_unmatched.IsEmpty) throw new InvalidOperationException("Unmatched outside calls: " + string.Join(", ", _unmatched));
    }

    private void Map(OidcCall call, string method, string path, Func<IRequestMessage, (int Status, string Body)> usual) =>
        _server.Given(Request.Create().WithPath(path).UsingMethod(method)).RespondWith(Response.Create().WithCallback(async request =>
        {
            _calls.AddOrUpdate(call, 1, (_, n) => n + 1);
            if (_gates.TryGetValue(call, out var gate)) await gate;
            if (!_standing.TryGetValue(call, out var answer)) (answer.Status, answer.Body) = usual(request);
            var headers = new Dictionary<string, WireMockList<string>> { ["Content-Type"] = new("application/json") };
            if (answer.Location is { } location) headers["Location"] = new(location);
            return new ResponseMessage { StatusCode = answer.Status, Headers = headers, BodyData = new BodyData { BodyAsString = answer.Body, DetectedBodyType = BodyType.String } };
        }));

    private (int, string) Exchange(IRequestMessage request)
    {
        var client = Convert.ToBase64String(Encoding.ASCII.GetBytes($"{ClientId}:{WebUtility.UrlEncode(_secret)}"));
        if (request.Headers is not { } headers || !headers.TryGetValue("Authorization", out var authorization) || authorization.Single() != $"Basic {client}") return (401, """{"error":"invalid_client"}""");
        var form = QueryHelpers.ParseQuery(request.Body).ToDictionary(p => p.Key, p => p.Value.Single()!);
        if (form["grant_type"] != "authorization_code") return (400, """{"error":"unsupported_grant_type"}""");
        if (!_codes.TryRemove(form["code"], out var grant) || form["redirect_uri"] != grant.RedirectAddress
            || Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(form["code_verifier"]))) != grant.Challenge) return (400, """{"error":"invalid_grant"}""");
        var token = TokenOf(grant);
        WholeLog.Run.Hide(token);
        return (200, new JsonObject { ["access_token"] = Tokens.Random(), ["token_type"] = "Bearer", ["expires_in"] = 300, ["id_token"] = token }.ToJsonString());
    }

    private string TokenOf(Grant grant)
    {
        var (key, now) = (Keys[0], Now().ToUnixTimeSeconds());
        var header = new JsonObject { ["alg"] = key.Algorithm, ["typ"] = "JWT", ["kid"] = key.Kid };
        var claims = new JsonObject
        {
            ["iss"] = Authority,
            ["sub"] = grant.Subject,
            ["aud"] = ClientId,
            ["iat"] = now,
            ["exp"] = now + 300,
            ["auth_time"] = now,
            ["nonce"] = grant.Nonce,
            ["amr"] = new JsonArray("pwd", "otp", "mfa"),
            ["email"] = "somebody@example.invalid",
        };
        grant.Fault.Header?.Invoke(header);
        grant.Fault.Claims?.Invoke(claims);
        string Part(JsonNode node) => Base64UrlEncoder.Encode(JsonSerializer.SerializeToUtf8Bytes(node));
        var content = $"{Part(header)}.{Part(claims)}";
        return $"{content}.{Base64UrlEncoder.Encode((grant.Fault.Sign ?? key.Sign)(Encoding.ASCII.GetBytes(content)))}";
    }
}

/// <summary>A browser that has been sent to the provider: its cookie, and where it goes.</summary>
internal sealed record OidcBrowser(string Cookie, string Address)
{
    public static async Task<OidcBrowser> SetOutAsync(Api api)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = api.Address };
        using var answer = await client.PostAsync(new Uri("/api/v1/oidc/sign-ins", UriKind.Relative), null);
        var body = await Task.FromResult(answer).OkAsync();
        var cookie = answer.Headers.GetValues("Set-Cookie").Single();
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=strict", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("path=/api/v1/oidc", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("max-age=600", cookie, StringComparison.OrdinalIgnoreCase);
        cookie = cookie.Split(';')[0];
        WholeLog.Run.Hide(cookie);
        return new OidcBrowser(cookie, body.GetProperty("address").GetString()!);
    }
}
