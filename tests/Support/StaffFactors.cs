using System.Security.Cryptography;
using Backend.Domain.Accounts;
using Backend.Platform.Security;
using Microsoft.IdentityModel.Tokens;

namespace Backend.Tests.Support;

/// <summary>What everybody of a run knows and has who signs in at a browser: one password, one authenticator. The hash has few rounds: its parameters stand beside it.</summary>
internal static class StaffFactors
{
    private static readonly byte[] Secret = RandomNumberGenerator.GetBytes(Totp.SecretLength), Salt = RandomNumberGenerator.GetBytes(16);

    public static readonly string Word = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(18));

    private static readonly string Hash =
        $"pbkdf2-sha512$1000${Convert.ToBase64String(Salt)}${Convert.ToBase64String(Rfc2898DeriveBytes.Pbkdf2(Word, Salt, 1000, HashAlgorithmName.SHA512, 32))}";

    public static StaffCredential Of(Guid account, Vault vault)
    {
        var id = Guid.CreateVersion7();
        return new StaffCredential { Id = id, AccountId = account, Password = Hash, Totp = vault.Seal(SealedFields.StaffTotp, id, Secret), RecoveryCodes = [] };
    }

    public static string Code(DateTimeOffset moment) => Totp.Code(Secret, Totp.StepOf(moment));

    /// <summary>The code of the authenticator that is being set up: its secret stands at the end of the proof.</summary>
    public static string FirstCode(string proof, DateTimeOffset moment) => Totp.Code(Base64UrlEncoder.DecodeBytes(proof).AsSpan()[^Totp.SecretLength..], Totp.StepOf(moment));
}
