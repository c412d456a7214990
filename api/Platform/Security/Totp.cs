using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;

namespace Backend.Platform.Security;

/// <summary>
/// Time-based one-time codes (RFC 6238): six digits, 30 s, HMAC-SHA-1, which is the one variant that every authenticator app takes. What breaks SHA-1 are
/// collisions, and an HMAC does not rest on them (RFC 6234, NIST SP 800-107).
/// </summary>
internal static class Totp
{
    public const int Digits = 6, SecretLength = 20, Modulus = 1_000_000;

    public static readonly TimeSpan Step = TimeSpan.FromSeconds(30);

    private const string Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    public static long StepOf(DateTimeOffset moment) => moment.ToUnixTimeSeconds() / (long)Step.TotalSeconds;

    public static string Code(ReadOnlySpan<byte> secret, long step)
    {
        Span<byte> counter = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(counter, step);
#pragma warning disable RS0030, CA5350 // RFC 6238: authenticator apps know no other hash; collisions of SHA-1 do not touch an HMAC
        Span<byte> hash = stackalloc byte[HMACSHA1.HashSizeInBytes];
        HMACSHA1.HashData(secret, counter, hash);
#pragma warning restore RS0030, CA5350
        var number = BinaryPrimitives.ReadInt32BigEndian(hash[(hash[^1] & 0xf)..]) & int.MaxValue;
        return (number % Modulus).ToString("D6", CultureInfo.InvariantCulture);
    }

    /// <summary>The step whose code this is: now, or one beside it, for a clock that is a little off. Null: none that was not used yet.</summary>
    public static long? StepOf(string code, ReadOnlySpan<byte> secret, DateTimeOffset moment, long lastUsed)
    {
        long? found = null;
        for (var step = StepOf(moment) - 1; step <= StepOf(moment) + 1; step++)
            if (CryptographicOperations.FixedTimeEquals(System.Text.Encoding.ASCII.GetBytes(Code(secret, step)), System.Text.Encoding.UTF8.GetBytes(code)) && step > lastUsed) found ??= step;
        return found;
    }

    /// <summary>What an authenticator app scans.</summary>
    public static string Uri(ReadOnlySpan<byte> secret, string issuer, string userName) =>
        $"otpauth://totp/{System.Uri.EscapeDataString(issuer)}:{System.Uri.EscapeDataString(userName)}?secret={Base32(secret)}&issuer={System.Uri.EscapeDataString(issuer)}";

    /// <summary>RFC 4648 without padding.</summary>
    public static string Base32(ReadOnlySpan<byte> bytes)
    {
        var text = new System.Text.StringBuilder();
        var (bits, held) = (0, 0);
        foreach (var one in bytes)
        {
            (bits, held) = (bits << 8 | one, held + 8);
            while (held >= 5) text.Append(Letters[bits >> (held -= 5) & 31]);
            bits &= 0xff;
        }

        return held > 0 ? text.Append(Letters[bits << 5 - held & 31]).ToString() : text.ToString();
    }
}
