using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Backend.Domain.Accounts;
using Microsoft.IdentityModel.Tokens;

namespace Backend.Platform.Security;

/// <summary>
/// The second factor of staff (ID07): a code of the authenticator, each once, or a recovery code, each once. An authenticator is set up in two steps, and
/// between them nothing is stored: the secret goes out with a proof that it is ours, for whom and until when, and comes back with the first code.
/// </summary>
internal sealed class SecondFactors(Vault vault, TokenOptions options, TimeProvider clock)
{
    private const string Issuer = "zhihui-shequ";
    private const int RecoveryCodes = 10, RecoveryBytes = 10, MacLength = 16;

    private static readonly TimeSpan SetUpLifetime = TimeSpan.FromMinutes(15);

    /// <summary>Uses a code up. The caller holds the row's lock and saves it.</summary>
    public bool Use(StaffCredential credential, string code)
    {
        if (code.Length == Totp.Digits && code.All(char.IsAsciiDigit))
        {
            if (Totp.StepOf(code, vault.Open(SealedFields.StaffTotp, credential.Id, credential.Totp), clock.GetUtcNow(), credential.LastStep) is not { } step) return false;
            credential.LastStep = step;
            return true;
        }

        var hash = HashOf(code);
        var left = credential.RecoveryCodes.Where(c => !CryptographicOperations.FixedTimeEquals(c, hash)).ToArray();
        if (left.Length == credential.RecoveryCodes.Length) return false;
        credential.RecoveryCodes = left;
        return true;
    }

    /// <param name="Uri">For the QR code of an authenticator app.</param>
    /// <param name="Proof">Comes back with the first code.</param>
    internal sealed record SetUp(string Uri, string Proof);

    public SetUp Begin(Guid account, string userName)
    {
        Span<byte> content = stackalloc byte[sizeof(long) + Totp.SecretLength];
        BinaryPrimitives.WriteInt64BigEndian(content, (clock.GetUtcNow() + SetUpLifetime).ToUnixTimeSeconds());
        RandomNumberGenerator.Fill(content[sizeof(long)..]);
        return new SetUp(Totp.Uri(content[sizeof(long)..], Issuer, userName), Base64UrlEncoder.Encode([.. Mac(account, content), .. content]));
    }

    /// <summary>
    /// The factors of somebody who has shown the first code of a new authenticator, and her ten recovery codes, shown only here. Null: the proof is not ours,
    /// not hers or too old, or the code is wrong.
    /// </summary>
    public (Domain.Privacy.Sealed Totp, long Step, byte[][] Hashes, string[] Codes)? Finish(Guid account, Guid credential, string proof, string code)
    {
        byte[] bytes;
        try
        {
            bytes = Base64UrlEncoder.DecodeBytes(proof);
        }
        catch (FormatException)
        {
            return null;
        }

        if (bytes.Length != MacLength + sizeof(long) + Totp.SecretLength) return null;
        var content = bytes.AsSpan(MacLength);
        var now = clock.GetUtcNow();
        if (!CryptographicOperations.FixedTimeEquals(bytes.AsSpan(0, MacLength), Mac(account, content)) || BinaryPrimitives.ReadInt64BigEndian(content) <= now.ToUnixTimeSeconds()) return null;
        var secret = content[sizeof(long)..];
        if (Totp.StepOf(code, secret, now, lastUsed: 0) is not { } step) return null;
        var codes = Enumerable.Range(0, RecoveryCodes).Select(_ => NewRecoveryCode()).ToArray();
        return (vault.Seal(SealedFields.StaffTotp, credential, secret), step, [.. codes.Select(HashOf)], codes);
    }

    /// <summary>80 random bits in four groups of letters, so that a fast hash of it is enough.</summary>
    public static string NewRecoveryCode() => string.Join('-', Totp.Base32(RandomNumberGenerator.GetBytes(RecoveryBytes)).Chunk(4).Select(c => new string(c)));

    public static byte[] HashOf(string recoveryCode) => SHA256.HashData(Encoding.UTF8.GetBytes(recoveryCode.Replace("-", "", StringComparison.Ordinal).ToUpperInvariant()));

    private byte[] Mac(Guid account, ReadOnlySpan<byte> content)
    {
        var key = HMACSHA256.HashData(Convert.FromBase64String(options.RefreshKey), "authenticator"u8);
        return HMACSHA256.HashData(key, (byte[])[.. account.ToByteArray(), .. content])[..MacLength];
    }
}
