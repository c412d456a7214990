using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Backend.Domain.Privacy;

namespace Backend.Platform.Security;

/// <summary>
/// Seals and opens personal values (PD02): AES-256-GCM, a fresh nonce each, bound to <c>table.column</c> and the row's id, the key id stored with
/// each value. Look-up goes by a keyed blind index per field. Keys come from the configuration, never from the database.
/// Layout: key id (4, big endian) | nonce (12) | ciphertext | tag (16).
/// </summary>
internal sealed class Vault : IDisposable
{
    private const int KeyIdLength = 4, NonceLength = 12, TagLength = 16;

    private readonly uint _currentKey;
    private readonly Dictionary<uint, Ciphers> _keys;
    private readonly byte[] _indexKey;

    public Vault(VaultOptions options)
    {
        _currentKey = options.CurrentKey;
        _keys = options.Keys.ToDictionary(k => k.Key, k => new Ciphers(Convert.FromBase64String(k.Value)));
        _indexKey = Convert.FromBase64String(options.IndexKey);
    }

    public Sealed Seal(string field, Guid rowId, ReadOnlySpan<byte> plain)
    {
        var bytes = new byte[KeyIdLength + NonceLength + plain.Length + TagLength];
        var span = bytes.AsSpan();
        BinaryPrimitives.WriteUInt32BigEndian(span, _currentKey);
        var nonce = span.Slice(KeyIdLength, NonceLength);
        RandomNumberGenerator.Fill(nonce);
        Span<byte> associated = stackalloc byte[128];
        var ciphers = _keys[_currentKey];
        var cipher = ciphers.Take();
        cipher.Encrypt(nonce, plain, span.Slice(KeyIdLength + NonceLength, plain.Length), span[^TagLength..], Associate(associated, field, rowId));
        ciphers.Return(cipher);
        return new Sealed(bytes);
    }

    public Sealed Seal(string field, Guid rowId, string plain) => Seal(field, rowId, Encoding.UTF8.GetBytes(plain));

    /// <exception cref="CryptographicException">The value was changed, moved to another row or column, or its key is not known.</exception>
    public byte[] Open(string field, Guid rowId, Sealed value)
    {
        var span = value.Bytes.AsSpan();
        if (span.Length < KeyIdLength + NonceLength + TagLength || !_keys.TryGetValue(BinaryPrimitives.ReadUInt32BigEndian(span), out var ciphers))
            throw new CryptographicException($"{field}: not a sealed value, or sealed with a key that is not known here.");
        var plain = new byte[span.Length - KeyIdLength - NonceLength - TagLength];
        Span<byte> associated = stackalloc byte[128];
        var cipher = ciphers.Take();
        cipher.Decrypt(span.Slice(KeyIdLength, NonceLength), span[(KeyIdLength + NonceLength)..^TagLength], span[^TagLength..], plain, Associate(associated, field, rowId));
        ciphers.Return(cipher);
        return plain;
    }

    public string OpenText(string field, Guid rowId, Sealed value) => Encoding.UTF8.GetString(Open(field, rowId, value));

    /// <summary>Keyed hash of one field's value, for equality look-up only.</summary>
    public byte[] BlindIndex(string field, string value) =>
        HMACSHA256.HashData(_indexKey, Encoding.UTF8.GetBytes(field + "\0" + value));

    public void Dispose()
    {
        foreach (var key in _keys.Values) key.Dispose();
    }

    private static ReadOnlySpan<byte> Associate(Span<byte> buffer, string field, Guid rowId)
    {
        var length = Encoding.UTF8.GetBytes(field, buffer);
        rowId.TryWriteBytes(buffer[length..], bigEndian: true, out var written);
        return buffer[..(length + written)];
    }

    /// <summary>
    /// Ready ciphers of one key. An <see cref="AesGcm"/> is not made for two threads at once: shared, it gives wrong tags and, worse, wrong ciphertexts.
    /// One that threw is not returned.
    /// </summary>
    private sealed class Ciphers(byte[] key) : IDisposable
    {
        private readonly ConcurrentBag<AesGcm> _ready = [];

        public AesGcm Take() => _ready.TryTake(out var cipher) ? cipher : new AesGcm(key, TagLength);

        public void Return(AesGcm cipher) => _ready.Add(cipher);

        public void Dispose()
        {
            while (_ready.TryTake(out var cipher)) cipher.Dispose();
        }
    }
}

/// <summary>Key ring: 32 byte keys in base64 by id, which id seals now, and the key of the blind indexes.</summary>
internal sealed class VaultOptions
{
    public uint CurrentKey { get; set; }
    public Dictionary<uint, string> Keys { get; set; } = [];
    public string IndexKey { get; set; } = "";

    /// <summary>Itself, if its keys may seal anything.</summary>
    /// <exception cref="StartRefused">A key is missing, weak or used twice.</exception>
    public VaultOptions Checked()
    {
        if (!Keys.ContainsKey(CurrentKey)) throw new StartRefused($"Vault:Keys 中没有 Vault:CurrentKey 所指的密钥 {CurrentKey}。");
        foreach (var (id, key) in Keys) KeyStrength.Check($"Vault:Keys:{id}", key, 32, 32);
        KeyStrength.Check("Vault:IndexKey", IndexKey, 32, 64);
        if (Keys.ContainsValue(IndexKey)) throw new StartRefused("Vault:IndexKey 与 Vault:Keys 中的密钥相同，应各用各的。");
        return this;
    }
}

/// <summary>Whether a configured key can be a random one (RL23).</summary>
internal static class KeyStrength
{
    /// <exception cref="StartRefused">It is missing, not base64, too short or too long, or plainly not random.</exception>
    public static void Check(string name, string base64, int shortest, int longest)
    {
        var bytes = new byte[base64.Length];
        if (base64.Length == 0) throw new StartRefused($"缺少 {name}。");
        if (!Convert.TryFromBase64String(base64, bytes, out var length) || length < shortest || length > longest)
            throw new StartRefused($"{name} 应为 {shortest} 个随机字节的 base64。");
        // 32 random bytes have fewer than 16 different values once in far more starts than there will ever be.
        if (bytes.AsSpan(0, length).ToArray().Distinct().Count() < 16) throw new StartRefused($"{name} 过弱：不是随机生成的。");
    }
}

/// <summary>The sealed columns. One constant a column, so that the associated data cannot be misspelt.</summary>
internal static class SealedFields
{
    public const string AccountPhone = "accounts.phone";
    public const string OpenId = "we_chat_identities.open_id";
    public const string BindingOpenId = "binding_tickets.open_id";
    public const string RequestedOpenId = "binding_requests.open_id";
    public const string ResidentIdNumber = "residents.id_number";
    public const string ResidentPhone = "residents.phone";
    public const string ResidentFormerAddress = "residents.former_address";
    public const string TagValue = "tag_values.value";
    public const string TagEvidence = "tag_values.evidence";
    public const string FactsSnapshot = "households.snapshot";
    public const string MeasureOutcome = "measures.outcome";
    public const string MonthlyEvaluation = "monthly_evaluations.content";
    public const string TierEvidence = "tier_changes.evidence";
    public const string VisitNote = "visits.note";
    public const string WeChatToken = "we_chat_tokens.token";
    public const string StaffTotp = "staff_credentials.totp";
    public const string IdempotencyAnswer = "idempotency_records.answer";
}
