using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Backend.Platform.Security;

namespace Backend.Tests.Platform.Security;

/// <summary>PD03: two suites behind one interface, each against the published answers of its algorithms.</summary>
public sealed class CryptoSuitesTests
{
    private const string ManyTexts = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";

    public static readonly TheoryData<string> Both = new("aes", "sm4");

    // The GCM specification, test case 16 (AES-256); RFC 8998, appendix A.1 (SM4).
    [Theory]
    [InlineData("aes", "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", ManyTexts, "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662", "76fc6ece0f4e1768cddf8853bb2d551b")]
    [InlineData("sm4", "0123456789abcdeffedcba9876543210", "00001234567800000000abcd",
        "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddddeeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d", "83de3541e4c2b58177e065a9bf7b62ec")]
    public void PD03_encryption_gives_the_published_answer_and_takes_it_back(string suite, string key, string nonce, string plain, string associated, string encrypted, string tag)
    {
        using var cipher = CryptoSuites.Find(suite)!.CipherOf(Convert.FromHexString(key));
        var (bytes, made, madeTag) = (Convert.FromHexString(plain), new byte[plain.Length / 2], new byte[16]);
        cipher.Encrypt(Convert.FromHexString(nonce), bytes, made, madeTag, Convert.FromHexString(associated));
        Assert.Equal((encrypted, tag), (Convert.ToHexStringLower(made), Convert.ToHexStringLower(madeTag)));
        var back = new byte[bytes.Length];
        cipher.Decrypt(Convert.FromHexString(nonce), made, madeTag, back, Convert.FromHexString(associated));
        Assert.Equal(bytes, back);
    }

    // RFC 4231, test case 2; the HMAC-SM3 of a standard text as OpenSSL computes it.
    [Theory]
    [InlineData("aes", "4a656665", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")]
    [InlineData("sm4", "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "be190a66f210be0df56c243d5c1a53e9301fd3f0313244a412f6ae97ab7fe407")]
    public void PD03_the_mac_is_the_published_one(string suite, string key, string text, string mac) =>
        Assert.Equal(mac, Convert.ToHexStringLower(CryptoSuites.Find(suite)!.Mac(Convert.FromHexString(key), Encoding.UTF8.GetBytes(text))));

    [Theory]
    [MemberData(nameof(Both))]
    public void PD03_no_changed_byte_and_no_shortened_tag_opens_and_nothing_is_left_of_the_attempt(string suite)
    {
        var (nonce, text, encrypted, tag) = (RandomNumberGenerator.GetBytes(12), Encoding.UTF8.GetBytes("患有大病，家中三人"), new byte[27], new byte[16]);
        var key = RandomNumberGenerator.GetBytes(CryptoSuites.Find(suite)!.KeyLength);
        using (var cipher = CryptoSuites.Find(suite)!.CipherOf(key)) cipher.Encrypt(nonce, text, encrypted, tag, "a.x"u8);
        for (var i = 0; i < nonce.Length + encrypted.Length + tag.Length; i++)
        {
            byte[] all = [.. nonce, .. encrypted, .. tag];
            all[i] ^= (byte)(1 << (i % 8));
            var opened = new byte[text.Length];
            using var cipher = CryptoSuites.Find(suite)!.CipherOf(key);
            Assert.Throws<AuthenticationTagMismatchException>(() => cipher.Decrypt(all.AsSpan(0, 12), all.AsSpan(12, encrypted.Length), all.AsSpan(12 + encrypted.Length), opened, "a.x"u8));
            Assert.All(opened, b => Assert.Equal(0, b));
        }

        using var other = CryptoSuites.Find(suite)!.CipherOf(key);
        Assert.Throws<AuthenticationTagMismatchException>(() => other.Decrypt(nonce, encrypted, tag, new byte[text.Length], "a.y"u8));
        Assert.ThrowsAny<Exception>(() => other.Decrypt(nonce, encrypted, tag.AsSpan(0, 12), new byte[text.Length], "a.x"u8));
    }

    [Theory]
    [MemberData(nameof(Both))]
    public void PD03_one_vault_seals_with_each_suite_from_many_threads_and_never_with_a_nonce_twice(string suite)
    {
        using var vault = new Vault(Options(suite, suite));
        var nonces = new System.Collections.Concurrent.ConcurrentDictionary<string, byte>();
        var wrong = 0;
        var threads = Enumerable.Range(0, 4).Select(n => new Thread(() =>
        {
            for (var i = 0; i < 5_000; i++)
            {
                var (row, text) = (Guid.CreateVersion7(), $"{n} {i} 患有大病");
                var value = vault.Seal(SealedFields.TagValue, row, text);
                if (!nonces.TryAdd(Convert.ToHexString(value.Bytes.AsSpan(4, 12)), 0) || vault.OpenText(SealedFields.TagValue, row, value) != text) Interlocked.Increment(ref wrong);
            }
        })).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());
        Assert.Equal((0, 20_000), (wrong, nonces.Count));
    }

    [Fact]
    public void PD03_values_of_both_suites_stand_side_by_side_and_a_look_up_asks_under_both_index_keys()
    {
        var row = Guid.CreateVersion7();
        var before = Options("aes", "aes");
        var after = new VaultOptions
        {
            CurrentKey = 2,
            Keys = { [1] = before.Keys[1], [2] = Random(16) },
            Suites = { [2] = "sm4" },
            IndexKey = Random(32),
            IndexSuite = "sm4",
            OtherIndexKey = before.IndexKey,
        };
        using var old = new Vault(before.Checked());
        using var both = new Vault(after.Checked());
        var value = old.Seal(SealedFields.ResidentPhone, row, "10012345678");
        Assert.Equal("10012345678", both.OpenText(SealedFields.ResidentPhone, row, value));
        Assert.Equal("10012345678", both.OpenText(SealedFields.ResidentPhone, row, both.Seal(SealedFields.ResidentPhone, row, "10012345678")));
        Assert.Equal([both.BlindIndex("a.x", "1"), old.BlindIndex("a.x", "1")], both.BlindIndexes("a.x", "1"));
        Assert.Single(old.BlindIndexes("a.x", "1"));
    }

    [Theory]
    [InlineData("rc4", null, "Vault:Suites:1 应为 aes 或 sm4")]
    [InlineData("sm4", null, "Vault:Keys:1 应为 16 个随机字节")]
    [InlineData(null, "md5", "Vault:IndexSuite 应为 aes 或 sm4")]
    public void RL23_a_suite_that_is_not_known_or_does_not_fit_its_key_is_refused(string? suite, string? indexSuite, string reason)
    {
        var options = Options("aes", "aes");
        if (suite is not null) options.Suites[1] = suite;
        options.IndexSuite = indexSuite!;
        Assert.Contains(reason, Assert.Throws<Backend.Platform.StartRefused>(options.Checked).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RL23_a_key_without_a_value_is_refused_like_a_missing_one()
    {
        var options = Options("aes", "aes");
        options.Keys[2] = null!;
        Assert.Contains("缺少 Vault:Keys:2", Assert.Throws<Backend.Platform.StartRefused>(options.Checked).Message, StringComparison.Ordinal);
        options.Keys[2] = options.Keys[1];
        Assert.Contains("同一个密钥", Assert.Throws<Backend.Platform.StartRefused>(options.Checked).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void PD03_short_values_of_sm4_cost_microseconds()
    {
        // No race between suites on a busy machine: only that the tables of a key are not made anew for each value.
        using var vault = new Vault(Options("sm4", "sm4"));
        var row = Guid.CreateVersion7();
        var value = vault.Seal(SealedFields.TagValue, row, "true");
        var best = Enumerable.Range(0, 20).Min(_ =>
        {
            var began = Stopwatch.GetTimestamp();
            for (var i = 0; i < 100; i++) vault.Open(SealedFields.TagValue, row, value);
            return Stopwatch.GetElapsedTime(began).TotalMicroseconds / 100;
        });
        Assert.True(best < 100, $"{best:0} µs");
    }

    private static VaultOptions Options(string suite, string indexSuite) => new()
    {
        CurrentKey = 1,
        Keys = { [1] = Random(CryptoSuites.Find(suite)!.KeyLength) },
        Suites = { [1] = suite },
        IndexKey = Random(32),
        IndexSuite = indexSuite,
    };

    private static string Random(int length) => Convert.ToBase64String(RandomNumberGenerator.GetBytes(length));
}
