using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Backend.Domain.Privacy;

namespace Backend.Platform.Security;

/// <summary>
/// Seals and opens personal values (PD02): authenticated encryption, a fresh nonce each, bound to <c>table.column</c> and the row's id, the key id stored
/// with each value; the key says by which suite (PD03). Look-up goes by a keyed blind index per field. Keys come from the configuration, never from the
/// database. Layout: key id (4, big endian) | nonce (12) | ciphertext | tag (16).
/// </summary>
internal sealed class Vault : IDisposable
{
    public const int KeyIdLength = 4;
    private const int NonceLength = 12, TagLength = CryptoSuites.TagLength;

    private readonly Dictionary<uint, Ciphers> _keys;
    // The one that holds, then the other one while values are being changed over.
    private readonly (ICryptoSuite Suite, byte[] Key)[] _indexKeys;

    public Vault(VaultOptions options)
    {
        CurrentKey = options.CurrentKey;
        _keys = options.Keys.ToDictionary(k => k.Key, k => new Ciphers(options.SuiteOf(k.Key), Convert.FromBase64String(k.Value)));
        _indexKeys = [.. options.IndexKeys.Select(k => (k.Suite, Convert.FromBase64String(k.Key)))];
    }

    /// <summary>The id of the key that seals now.</summary>
    public uint CurrentKey { get; }

    /// <summary>Whether blind indexes are being changed over, and may stand under another key.</summary>
    public bool HasOtherIndexKey => _indexKeys.Length > 1;

    public Sealed Seal(string field, Guid rowId, ReadOnlySpan<byte> plain)
    {
        var bytes = new byte[KeyIdLength + NonceLength + plain.Length + TagLength];
        var span = bytes.AsSpan();
        BinaryPrimitives.WriteUInt32BigEndian(span, CurrentKey);
        var nonce = span.Slice(KeyIdLength, NonceLength);
        RandomNumberGenerator.Fill(nonce);
        Span<byte> associated = stackalloc byte[128];
        var ciphers = _keys[CurrentKey];
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

    /// <summary>The key that a value was sealed with; null for what is not a sealed value.</summary>
    public static uint? KeyOf(ReadOnlySpan<byte> value) => value.Length < KeyIdLength ? null : BinaryPrimitives.ReadUInt32BigEndian(value);

    /// <summary>Keyed hash of one field's value, for equality look-up only: the one that is stored now.</summary>
    public byte[] BlindIndex(string field, string value) => BlindIndexes(field, value)[0];

    /// <summary>All hashes under which a row with this value may be found, the one that is stored now first: look-ups ask for any of them.</summary>
    public byte[][] BlindIndexes(string field, string value)
    {
        var content = Encoding.UTF8.GetBytes(field + "\0" + value);
        return Array.ConvertAll(_indexKeys, k => k.Suite.Mac(k.Key, content));
    }

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
    /// Ready ciphers of one key. None is made for two threads at once: an <see cref="AesGcm"/>, shared, gives wrong tags and, worse, wrong ciphertexts.
    /// One that threw is not returned.
    /// </summary>
    private sealed class Ciphers(ICryptoSuite suite, byte[] key) : IDisposable
    {
        private readonly ConcurrentBag<ISealingCipher> _ready = [];

        public ISealingCipher Take() => _ready.TryTake(out var cipher) ? cipher : suite.CipherOf(key);

        public void Return(ISealingCipher cipher) => _ready.Add(cipher);

        public void Dispose()
        {
            while (_ready.TryTake(out var cipher)) cipher.Dispose();
        }
    }
}

/// <summary>Key ring: keys in base64 by id and the suites of those that are not <c>aes</c>, which id seals now, and the key of the blind indexes.</summary>
internal sealed class VaultOptions
{
    public uint CurrentKey { get; set; }
    public Dictionary<uint, string> Keys { get; set; } = [];
    public Dictionary<uint, string> Suites { get; set; } = [];
    public string IndexKey { get; set; } = "";
    public string IndexSuite { get; set; } = "";
    /// <summary>Under which blind indexes may stand as well while keys are changed: the next one before its turn, the former one after it; else empty.</summary>
    public string OtherIndexKey { get; set; } = "";
    public string OtherIndexSuite { get; set; } = "";

    public ICryptoSuite SuiteOf(uint key) => Suite($"Vault:Suites:{key}", Suites.GetValueOrDefault(key));

    /// <summary>The one that holds, then the other one if there is one.</summary>
    public IReadOnlyList<(ICryptoSuite Suite, string Key)> IndexKeys => string.IsNullOrEmpty(OtherIndexKey)
        ? [(Suite("Vault:IndexSuite", IndexSuite), IndexKey)]
        : [(Suite("Vault:IndexSuite", IndexSuite), IndexKey), (Suite("Vault:OtherIndexSuite", OtherIndexSuite), OtherIndexKey)];

    /// <summary>Those of the configuration.</summary>
    /// <exception cref="StartRefused">A key is missing, weak or used twice.</exception>
    public static VaultOptions Of(IConfiguration configuration) => (configuration.GetSection("Vault").Get<VaultOptions>() ?? new VaultOptions()).Checked();

    /// <summary>Itself, if its keys may seal anything.</summary>
    /// <exception cref="StartRefused">A key is missing, weak or used twice, or a suite is not known.</exception>
    public VaultOptions Checked()
    {
        if (!Keys.ContainsKey(CurrentKey)) throw new StartRefused($"Vault:Keys 中没有 Vault:CurrentKey 所指的密钥 {CurrentKey}。");
        foreach (var (id, key) in Keys)
        {
            var length = SuiteOf(id).KeyLength;
            KeyStrength.Check($"Vault:Keys:{id}", key, length, length);
        }

        KeyStrength.Check("Vault:IndexKey", IndexKey, 32, 64);
        if (IndexKeys.Count > 1) KeyStrength.Check("Vault:OtherIndexKey", OtherIndexKey, 32, 64);
        if (Keys.ContainsValue(IndexKey)) throw new StartRefused("Vault:IndexKey 与 Vault:Keys 中的密钥相同，应各用各的。");
        if (Keys.Values.Distinct(StringComparer.Ordinal).Count() < Keys.Count) throw new StartRefused("Vault:Keys 中有两个编号是同一个密钥，应各用各的。");
        return this;
    }

    private static ICryptoSuite Suite(string setting, string? name) => CryptoSuites.Find(name) ?? throw new StartRefused($"{setting} 应为 aes 或 sm4。");
}

/// <summary>Whether a configured key can be a random one (RL23).</summary>
internal static class KeyStrength
{
    /// <exception cref="StartRefused">It is missing, not base64, too short or too long, or plainly not random.</exception>
    public static void Check(string name, string? base64, int shortest, int longest)
    {
        if (string.IsNullOrEmpty(base64)) throw new StartRefused($"缺少 {name}。");
        var bytes = new byte[base64.Length];
        if (!Convert.TryFromBase64String(base64, bytes, out var length) || length < shortest || length > longest)
            throw new StartRefused($"{name} 应为 {shortest} 个随机字节的 base64。");
        // 32 random bytes have fewer than 16 different values, or 16 fewer than 8, once in far more starts than there will ever be.
        if (bytes.AsSpan(0, length).ToArray().Distinct().Count() < Math.Min(16, length / 2)) throw new StartRefused($"{name} 过弱：不是随机生成的。");
    }
}

/// <summary>The sealed columns. One constant a column, so that the associated data cannot be misspelt.</summary>
internal static class SealedFields
{
    public const string AccountPhone = "accounts.phone";
    public const string OpenId = "we_chat_identities.open_id";
    public const string BindingOpenId = "binding_tickets.open_id";
    public const string RequestedOpenId = "binding_requests.open_id";
    public const string GuardianshipEvidence = "guardianships.evidence";
    public const string RightsRequestContent = "rights_requests.content";
    public const string RightsRequestAnswer = "rights_requests.answer";
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
    public const string RevealJustification = "reveals.justification";
    public const string EmergencyJustification = "emergency_accesses.justification";
    public const string StaffTotp = "staff_credentials.totp";
    public const string OidcSubject = "oidc_identities.subject";
    public const string IdempotencyAnswer = "idempotency_records.answer";
}
