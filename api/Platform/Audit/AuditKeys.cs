using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using Backend.Platform.Security;

namespace Backend.Platform.Audit;

/// <summary>What a MAC was made over. It is part of what is made, so that none can be passed off as another.</summary>
internal enum MacOf : byte
{
    /// <summary>All of an entry that the api knows.</summary>
    Entry = 1,
    /// <summary>The same without its ids: a list's are known to its own statement alone.</summary>
    EntryWithoutIds = 2,
    /// <summary>A seal and the MAC of the former one.</summary>
    Seal = 3,
    /// <summary>The first line of an exported file.</summary>
    FileHeader = 4,
    /// <summary>The last line of an exported file, with the hash of all before it.</summary>
    FileFooter = 5,
}

internal enum MacCheck
{
    Good,
    Wrong,
    KeyUnknown,
}

/// <summary>
/// MACs of audit entries and seals (AU03): HMAC-SHA-256 under a key that the database never sees, so that whoever owns the database can change a row,
/// but cannot make it look right. Layout: key id (4, big endian) | what it covers (1) | MAC (32).
/// </summary>
internal sealed class AuditKeys(AuditOptions options)
{
    private const int KeyIdLength = 4, HeadLength = KeyIdLength + 1;

    public const int Length = HeadLength + HMACSHA256.HashSizeInBytes;

    private readonly Dictionary<uint, byte[]> _keys = options.Keys.ToDictionary(k => k.Key, k => Convert.FromBase64String(k.Value));

    public byte[] Sign(MacOf covers, ReadOnlySpan<byte> content)
    {
        var mac = new byte[Length];
        BinaryPrimitives.WriteUInt32BigEndian(mac, options.CurrentKey);
        mac[KeyIdLength] = (byte)covers;
        Compute(_keys[options.CurrentKey], covers, content, mac.AsSpan(HeadLength));
        return mac;
    }

    public MacCheck Check(ReadOnlySpan<byte> mac, MacOf covers, ReadOnlySpan<byte> content)
    {
        if (mac.Length != Length || mac[KeyIdLength] != (byte)covers) return MacCheck.Wrong;
        if (!_keys.TryGetValue(BinaryPrimitives.ReadUInt32BigEndian(mac), out var key)) return MacCheck.KeyUnknown;
        Span<byte> expected = stackalloc byte[HMACSHA256.HashSizeInBytes];
        Compute(key, covers, content, expected);
        return CryptographicOperations.FixedTimeEquals(expected, mac[HeadLength..]) ? MacCheck.Good : MacCheck.Wrong;
    }

    /// <summary>What a stored MAC says that it covers.</summary>
    public static MacOf CoveredBy(ReadOnlySpan<byte> mac) => mac.Length == Length ? (MacOf)mac[KeyIdLength] : 0;

    private static void Compute(byte[] key, MacOf covers, ReadOnlySpan<byte> content, Span<byte> mac)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(content.Length + 1);
        buffer[0] = (byte)covers;
        content.CopyTo(buffer.AsSpan(1));
        HMACSHA256.HashData(key, buffer.AsSpan(0, content.Length + 1), mac);
        ArrayPool<byte>.Shared.Return(buffer);
    }
}

/// <summary>Section <c>Audit</c>: keys of at least 32 bytes in base64 by id, which id signs now, and the file of the second sink.</summary>
internal sealed class AuditOptions
{
    public uint CurrentKey { get; set; }
    public Dictionary<uint, string> Keys { get; set; } = [];
    public string? Sink { get; set; }

    /// <exception cref="StartRefused">A key is missing, weak, or also the vault's.</exception>
    public static AuditOptions Of(IConfiguration configuration)
    {
        var options = configuration.GetSection("Audit").Get<AuditOptions>() ?? new AuditOptions();
        var vault = configuration.GetSection("Vault").Get<VaultOptions>() ?? new VaultOptions();
        if (!options.Keys.ContainsKey(options.CurrentKey)) throw new StartRefused($"Audit:Keys 中没有 Audit:CurrentKey 所指的密钥 {options.CurrentKey}。");
        foreach (var (id, key) in options.Keys)
        {
            KeyStrength.Check($"Audit:Keys:{id}", key, 32, 64);
            if (key == vault.IndexKey || key == vault.OtherIndexKey || vault.Keys.ContainsValue(key)) throw new StartRefused($"Audit:Keys:{id} 与 Vault 的密钥相同，应各用各的。");
        }

        return options;
    }
}
