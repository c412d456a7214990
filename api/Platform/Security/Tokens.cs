using System.Security.Claims;
using System.Security.Cryptography;
using System.Text.Json;
using Backend.Domain.Accounts;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Backend.Platform.Security;

internal sealed class TokenOptions
{
    /// <summary>PEM of the EC P-256 private key that signs.</summary>
    public string SigningKey { get; set; } = "";
    /// <summary>
    /// PEMs of public P-256 keys, under any names, that are published and accepted but do not sign: the next one before its turn, and a former one until
    /// its last token has ended (ID05).
    /// </summary>
    public Dictionary<string, string> PublishedKeys { get; set; } = [];
    /// <summary>Base64 of 32 bytes: derives the successor of a refresh token.</summary>
    public string RefreshKey { get; set; } = "";
    public string Issuer { get; set; } = "backend";
    public string Audience { get; set; } = "mini-program";

    /// <summary>Itself, if its keys may sign anything.</summary>
    /// <exception cref="StartRefused">A key is missing or weak.</exception>
    public TokenOptions Checked()
    {
        KeyStrength.Check("Tokens:RefreshKey", RefreshKey, 32, 64);
        if (string.IsNullOrEmpty(SigningKey)) throw new StartRefused("缺少 Tokens:SigningKey。");
        if (!IsP256(SigningKey, isPrivate: true)) throw new StartRefused("Tokens:SigningKey 应为 P-256 椭圆曲线私钥的 PEM。");
        foreach (var (name, key) in PublishedKeys)
            if (!IsP256(key, isPrivate: false)) throw new StartRefused($"Tokens:PublishedKeys:{name} 应为 P-256 椭圆曲线公钥的 PEM。");
        return this;
    }

    private static bool IsP256(string? pem, bool isPrivate)
    {
        using var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            return key.ExportParameters(isPrivate).Curve.Oid.Value == ECCurve.NamedCurves.nistP256.Oid.Value;
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            return false;
        }
    }
}

/// <summary>
/// Access tokens: ES256, type <c>at+jwt</c>, 15 minutes, saying only who it is (ID03). Refresh tokens: 256 random bits; the successor is an HMAC of
/// its predecessor under a server key, so that a lost answer can be repeated while only hashes are stored (ID04). The keys are a fixed set until the
/// next start: one signs, all are accepted by their <c>kid</c> and published (ID05, docs/adr/020).
/// </summary>
internal sealed class Tokens : IDisposable
{
    public static readonly TimeSpan AccessLifetime = TimeSpan.FromMinutes(15);
    public static readonly TimeSpan RefreshLifetime = TimeSpan.FromDays(30);
    public static readonly TimeSpan RefreshIdle = TimeSpan.FromDays(7);
    /// <summary>Of staff at a browser (ID07).</summary>
    public static readonly TimeSpan ConsoleLifetime = TimeSpan.FromHours(12), ConsoleIdle = TimeSpan.FromMinutes(30);
    /// <summary>How long the immediate predecessor may be used again after a lost answer.</summary>
    public static readonly TimeSpan RetryWindow = TimeSpan.FromSeconds(10);

    private readonly ECDsaSecurityKey[] _keys;
    private readonly SigningCredentials _credentials;
    private readonly byte[] _refreshKey;
    private readonly TimeProvider _clock;
    private readonly TokenOptions _options;
    private readonly JsonWebTokenHandler _handler = new() { SetDefaultTimesOnTokenCreation = false, MapInboundClaims = false };

    public Tokens(TokenOptions options, TimeProvider clock)
    {
        (_options, _clock) = (options, clock);
        _keys = [.. options.PublishedKeys.Values.Prepend(options.SigningKey).Select(KeyOf).DistinctBy(k => k.KeyId)];
        _credentials = new SigningCredentials(_keys[0], SecurityAlgorithms.EcdsaSha256);
        _refreshKey = Convert.FromBase64String(options.RefreshKey);
        KeySet = JsonSerializer.Serialize(new { keys = _keys.Select(Published) });
    }

    /// <summary>The public keys as a JSON Web Key Set (RFC 7517), the one that signs first.</summary>
    public string KeySet { get; }

    /// <summary>How long a session may rest between two renewals.</summary>
    public static TimeSpan IdleOf(SessionKind kind) => kind == SessionKind.Console ? ConsoleIdle : RefreshIdle;

    public string Access(Guid account, Guid session)
    {
        var now = _clock.GetUtcNow().UtcDateTime;
        return _handler.CreateToken(new SecurityTokenDescriptor
        {
            TokenType = "at+jwt",
            Issuer = _options.Issuer,
            Audience = _options.Audience,
            IssuedAt = now,
            NotBefore = now,
            Expires = now + AccessLifetime,
            Claims = new Dictionary<string, object>
            {
                [SessionClaims.Account] = account.ToString(),
                [SessionClaims.Session] = session.ToString(),
                ["jti"] = Random(),
            },
            SigningCredentials = _credentials,
        });
    }

    /// <summary>A fresh token of 256 random bits (ID10: never a GUID).</summary>
    public static string Random(int bytes = 32) => Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(bytes));

    public static byte[] Hash(string token) => SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(token));

    public string Successor(string refreshToken) =>
        Base64UrlEncoder.Encode(HMACSHA256.HashData(_refreshKey, System.Text.Encoding.UTF8.GetBytes(refreshToken)));

    /// <summary>
    /// Hashes of all tokens that can have followed this one in a family's life. A spent token of any generation leads to the current one, so that
    /// none has to be kept: one renewal in 15 minutes makes 2,880 in 30 days.
    /// </summary>
    public byte[][] SuccessorHashes(string refreshToken)
    {
        var hashes = new byte[3000][];
        for (var i = 0; i < hashes.Length; i++) hashes[i] = Hash(refreshToken = Successor(refreshToken));
        return hashes;
    }

    /// <summary>Everything a token must meet; the framework's defaults (5 minutes of skew, any type) are all replaced.</summary>
    public TokenValidationParameters Validation => new()
    {
        ValidAlgorithms = [SecurityAlgorithms.EcdsaSha256],
        ValidTypes = ["at+jwt"],
        ValidIssuer = _options.Issuer,
        ValidAudience = _options.Audience,
        IssuerSigningKeys = _keys,
        TryAllIssuerSigningKeys = false,
        RequireSignedTokens = true,
        RequireExpirationTime = true,
        ValidateIssuerSigningKey = true,
        LifetimeValidator = (notBefore, expires, _, _) =>
        {
            var now = _clock.GetUtcNow().UtcDateTime;
            var skew = TimeSpan.FromSeconds(30);
            return expires is { } end && notBefore is { } start
                && now < end + skew && now >= start - skew && end - start <= AccessLifetime;
        },
    };

    public void Dispose() => Array.ForEach(_keys, k => k.ECDsa.Dispose());

    private static object Published(ECDsaSecurityKey key)
    {
        var point = key.ECDsa.ExportParameters(includePrivateParameters: false).Q;
        return new { kty = "EC", use = "sig", alg = SecurityAlgorithms.EcdsaSha256, kid = key.KeyId, crv = "P-256", x = Base64UrlEncoder.Encode(point.X), y = Base64UrlEncoder.Encode(point.Y) };
    }

    private static ECDsaSecurityKey KeyOf(string pem)
    {
        var key = ECDsa.Create();
        key.ImportFromPem(pem);
        // A factory of its own: the library's default one caches signers by key id for the whole process and outlives this key.
        var security = new ECDsaSecurityKey(key) { CryptoProviderFactory = new CryptoProviderFactory() };
        security.KeyId = Base64UrlEncoder.Encode(security.ComputeJwkThumbprint());
        return security;
    }
}

/// <summary>The three claims a principal of ours has: account, session, and when a connection made with it must end.</summary>
internal static class SessionClaims
{
    public const string Account = "sub";
    public const string Session = "sid";

    public static Guid? AccountId(ClaimsPrincipal principal) => Guid.TryParse(principal.FindFirstValue(Account), out var id) ? id : null;

    public static Guid? SessionId(ClaimsPrincipal principal) => Guid.TryParse(principal.FindFirstValue(Session), out var id) ? id : null;

    public static ClaimsPrincipal Principal(Guid account, Guid session, string scheme) =>
        new(new ClaimsIdentity([new Claim(Account, account.ToString()), new Claim(Session, session.ToString())], scheme));
}
