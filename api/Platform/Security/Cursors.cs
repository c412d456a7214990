using System.Security.Cryptography;
using System.Text;
using Microsoft.IdentityModel.Tokens;

namespace Backend.Platform.Security;

/// <summary>
/// Keyset cursors (IN03): opaque, signed, bound to account, operation and filter. What stands inside is the last row's sort key, never an offset,
/// and never a time or an id alone.
/// </summary>
internal sealed class Cursors(TokenOptions options, CurrentAccount me)
{
    private const int MacLength = 16;

    public string Sign(string filter, string position)
    {
        var text = Encoding.UTF8.GetBytes(position);
        return Base64UrlEncoder.Encode([.. Mac(filter, text), .. text]);
    }

    /// <summary>The position, or null when the cursor was made for another account or filter, or by nobody.</summary>
    public string? Read(string filter, string cursor)
    {
        if (cursor.Length > 1000) return null;
        byte[] bytes;
        try
        {
            bytes = Base64UrlEncoder.DecodeBytes(cursor);
        }
        catch (FormatException)
        {
            return null;
        }

        return bytes.Length > MacLength && CryptographicOperations.FixedTimeEquals(bytes.AsSpan(0, MacLength), Mac(filter, bytes.AsSpan(MacLength)))
            ? Encoding.UTF8.GetString(bytes.AsSpan(MacLength))
            : null;
    }

    private byte[] Mac(string filter, ReadOnlySpan<byte> position)
    {
        var key = HMACSHA256.HashData(Convert.FromBase64String(options.RefreshKey), "cursor"u8);
        var head = Encoding.UTF8.GetBytes($"{me.Id}\n{me.Operation}\n{filter}\n");
        return HMACSHA256.HashData(key, (byte[])[.. head, .. position])[..MacLength];
    }
}
