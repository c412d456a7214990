using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Backend.Platform.Security;
using Microsoft.IdentityModel.Tokens;

namespace Backend.Platform.Oidc;

/// <summary>One way to the provider and back. Nonce and PKCE verifier follow from the browser's secret, which never leaves its cookie.</summary>
/// <param name="Browser">256 random bits in the cookie of the browser that set out.</param>
/// <param name="State">Goes by the provider and comes back.</param>
/// <param name="BeganAt">To the second.</param>
internal sealed record OidcAttempt(string Browser, string State, DateTimeOffset BeganAt)
{
    public string Nonce => Derive("nonce");

    public string Verifier => Derive("verifier");

    public string Challenge => Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier)));

    /// <summary>Secrets never reach a log by way of a string (PD05).</summary>
    public override string ToString() => nameof(OidcAttempt);

    private string Derive(string what) => Base64UrlEncoder.Encode(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Browser), Encoding.UTF8.GetBytes($"{what} {State}")));
}

/// <summary>
/// Attempts are stored nowhere: a state says when it was made and carries a MAC over that and over the secret of its browser, so that it is good in that one
/// browser, for ten minutes, on every replica. That it is used once is a count that all replicas share (<see cref="SharedLimits"/>).
/// </summary>
internal sealed class OidcAttempts(TokenOptions options, SharedLimits limits, TimeProvider clock)
{
    /// <summary>48 bytes in base64url.</summary>
    public const string StatePattern = "^[0-9A-Za-z_-]{64}$";

    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    private const int RandomLength = 24, MacLength = 16, Length = sizeof(long) + RandomLength + MacLength;

    public OidcAttempt Begin()
    {
        var (browser, now) = (Tokens.Random(), clock.GetUtcNow().ToUnixTimeSeconds());
        var state = new byte[Length];
        BinaryPrimitives.WriteInt64BigEndian(state, now);
        RandomNumberGenerator.Fill(state.AsSpan(sizeof(long), RandomLength));
        Mac(browser, state).CopyTo(state.AsSpan(Length - MacLength));
        return new OidcAttempt(browser, Base64UrlEncoder.Encode(state), DateTimeOffset.FromUnixTimeSeconds(now));
    }

    /// <summary>The attempt that comes back, and uses it up. Null: not ours, another browser's, over ten minutes old, or used before.</summary>
    public async Task<OidcAttempt?> TakeAsync(string? browser, string state, CancellationToken cancellation)
    {
        byte[] bytes;
        try
        {
            bytes = Base64UrlEncoder.DecodeBytes(state);
        }
        catch (FormatException)
        {
            return null;
        }

        if (browser is null || bytes.Length != Length || !CryptographicOperations.FixedTimeEquals(bytes.AsSpan(Length - MacLength), Mac(browser, bytes))) return null;
        var began = DateTimeOffset.FromUnixTimeSeconds(BinaryPrimitives.ReadInt64BigEndian(bytes));
        if (began + Lifetime <= clock.GetUtcNow()) return null;
        // By its bytes: the same ones could be written in other letters. A count lasts longer than a state.
        return await limits.CountAsync([CallCount.Of($"oidc state {Convert.ToHexString(bytes)}", 1)], cancellation) is null ? new OidcAttempt(browser, state, began) : null;
    }

    private byte[] Mac(string browser, ReadOnlySpan<byte> state)
    {
        var key = HMACSHA256.HashData(Convert.FromBase64String(options.RefreshKey), "oidc"u8);
        return HMACSHA256.HashData(key, (byte[])[.. state[..^MacLength], .. Encoding.UTF8.GetBytes(browser)])[..MacLength];
    }
}
