using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Backend.Platform.Security;

/// <summary>
/// Checks access tokens and remembers those that passed until they end: a signature of ES256 costs a tenth of a millisecond, a look-up a hundredth
/// of that. What is remembered is who it is and until when, under the token's hash, and nothing of the token itself. Rights are never part of it
/// (AZ11), and a token that failed is checked anew each time.
/// </summary>
internal sealed class CheckedTokens : JsonWebTokenHandler
{
    /// <summary>More tokens than this are not remembered at once; a token that is forgotten is checked again.</summary>
    public const int Most = 20_000;

    private readonly ConcurrentDictionary<(UInt128, UInt128), TokenValidationResult> _passed = new();
    private readonly TimeProvider _clock;

    public CheckedTokens(TimeProvider clock)
    {
        _clock = clock;
        MapInboundClaims = false;
    }

    /// <summary>How many tokens are remembered.</summary>
    public int Count => _passed.Count;

    public override async Task<TokenValidationResult> ValidateTokenAsync(string token, TokenValidationParameters validationParameters)
    {
        var key = KeyOf(token);
        if (_passed.TryGetValue(key, out var known) && _clock.GetUtcNow().UtcDateTime < known.SecurityToken.ValidTo) return known;

        var result = await base.ValidateTokenAsync(token, validationParameters);
        if (!result.IsValid) return result;
        if (_passed.Count >= Most) MakeRoom(Most);
        return _passed[key] = WithoutToken(result);
    }

    /// <summary>Forgets what has ended, and everything when that leaves no room below <paramref name="most"/>.</summary>
    internal void MakeRoom(int most)
    {
        var now = _clock.GetUtcNow().UtcDateTime;
        foreach (var (key, result) in _passed)
            if (result.SecurityToken.ValidTo <= now) _passed.TryRemove(key, out _);
        if (_passed.Count >= most) _passed.Clear();
    }

    /// <summary>The same result without the token's text and its parsed parts, which are kilobytes.</summary>
    private static TokenValidationResult WithoutToken(TokenValidationResult result) => new()
    {
        IsValid = true,
        ClaimsIdentity = new ClaimsIdentity(
            result.ClaimsIdentity.Claims.Where(c => c.Type is SessionClaims.Account or SessionClaims.Session).Select(c => new Claim(c.Type, c.Value)), result.ClaimsIdentity.AuthenticationType),
        SecurityToken = new Lifetime(result.SecurityToken.ValidFrom, result.SecurityToken.ValidTo),
    };

    /// <summary>What the framework still asks of a token that passed.</summary>
    private sealed class Lifetime(DateTime from, DateTime to) : SecurityToken
    {
        public override DateTime ValidFrom => from;

        public override DateTime ValidTo => to;

        public override string Id => "";

        public override string Issuer => "";

        public override SecurityKey? SecurityKey => null;

        public override SecurityKey? SigningKey { get; set; }
    }

    private static (UInt128, UInt128) KeyOf(string token)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(token), hash);
        return MemoryMarshal.Read<(UInt128, UInt128)>(hash);
    }
}
