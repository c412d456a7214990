using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Backend.Platform.Security;
using Microsoft.IdentityModel.Tokens;

namespace Backend.Platform.Files;

/// <summary>
/// Links to photos (IN07): whoever may read a household gets them with it, and each is good for one photo, one account and five minutes. What a link allows
/// stands in its MAC alone; nothing is stored and nothing looked up to check it. The viewer's session must be there too, so a link that has leaked is
/// of no use to anybody else.
/// </summary>
internal sealed class PhotoLinks(TokenOptions options, PhotoStore photos, TimeProvider clock)
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);

    private readonly byte[] _key = HMACSHA256.HashData(Convert.FromBase64String(options.RefreshKey), "photo-link"u8);

    /// <summary>A link for this viewer; null when there is no photo, or no store.</summary>
    public string? To(Guid? photo, Guid viewer)
    {
        if (photo is not { } id || !photos.IsOpen) return null;
        var until = (clock.GetUtcNow() + Lifetime).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        return $"/api/v1/photos/{id}?until={until}&mac={Base64UrlEncoder.Encode(MacOf(id, viewer, until))}";
    }

    /// <summary>Whether a link is whole, was made for this viewer, and has not run out.</summary>
    public bool Allows(Guid photo, Guid viewer, string? until, string? mac)
    {
        if (until is not { Length: > 0 and <= 12 } || mac is not { Length: 43 }) return false;
        byte[] given;
        try
        {
            given = Base64UrlEncoder.DecodeBytes(mac);
        }
        catch (FormatException)
        {
            return false;
        }

        // Only what we wrote ourselves has a true MAC, so the number behind it is ours as well.
        return CryptographicOperations.FixedTimeEquals(given, MacOf(photo, viewer, until))
            && clock.GetUtcNow() < DateTimeOffset.FromUnixTimeSeconds(long.Parse(until, CultureInfo.InvariantCulture));
    }

    private byte[] MacOf(Guid photo, Guid viewer, string until) => HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes($"{photo}\n{viewer}\n{until}"));
}
