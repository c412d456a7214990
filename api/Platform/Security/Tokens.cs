using System.Security.Claims;
using System.Security.Cryptography;
using Backend.Domain.Accounts;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Backend.Platform.Security;

internal sealed class TokenOptions
{
    /// <summary>PEM of an EC P-256 private key.</summary>
    public string SigningKey { get; set; } = "";
    /// <summary>Base64 of 32 bytes: derives the successor of a refresh token.</summary>
    public string RefreshKey { get; set; } = "";
    public string Issuer { get; set; } = "backend";
    public string Audience { get; set; } = "mini-program";

    /// <summary>Itself, if its keys may sign anything.</summary>
    /// <exception cref="StartRefused">A key is missing or weak.</exception>
    public TokenOptions Checked()
    {
        KeyStrength.Check("Tokens:RefreshKey", RefreshKey, 32, 64);
        if (SigningKey.Length == 0) throw new StartRefused("缺少 Tokens:SigningKey。");
        using var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(SigningKey);
            if (key.ExportParameters(includePrivateParameters: true).Curve.Oid.Value != ECCurve.NamedCurves.nistP256.Oid.Value) throw new CryptographicException();
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            throw new StartRefused("Tokens:SigningKey 应为 P-256 椭圆曲线私钥的 PEM。");
        }

        return this;
    }
}

/// <summary>
/// Access tokens: ES256, type <c>at+jwt</c>, 15 minutes, saying only who it is (ID03). Refresh tokens: 256 random bits; the successor is an HMAC of
/// its predecessor under a server key, so that a lost answer can be repeated while only hashes are stored (ID04).
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

    private readonly ECDsa _key;
    private readonly SigningCredentials _credentials;
    private readonly byte[] _refreshKey;
    private readonly TimeProvider _clock;
    private readonly TokenOptions _options;
    private readonly JsonWebTokenHandler _handler = new() { SetDefaultTimesOnTokenCreation = false, MapInboundClaims = false };

    public Tokens(TokenOptions options, TimeProvider clock)
    {
        (_options, _clock) = (options, clock);
        _key = ECDsa.Create();
        _key.ImportFromPem(options.SigningKey);
        // A factory of its own: the library's default one caches signers by key id for the whole process and outlives this key.
        var security = new ECDsaSecurityKey(_key) { CryptoProviderFactory = new CryptoProviderFactory() };
        security.KeyId = Base64UrlEncoder.Encode(security.ComputeJwkThumbprint());
        _credentials = new SigningCredentials(security, SecurityAlgorithms.EcdsaSha256);
        _refreshKey = Convert.FromBase64String(options.RefreshKey);
    }

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
        IssuerSigningKey = _credentials.Key,
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

    public void Dispose() => _key.Dispose();
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
