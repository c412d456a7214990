using System.Security.Cryptography;
using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Crypto.Digests;
using Org.BouncyCastle.Crypto.Engines;
using Org.BouncyCastle.Crypto.Macs;
using Org.BouncyCastle.Crypto.Modes;
using Org.BouncyCastle.Crypto.Parameters;

namespace Backend.Platform.Security;

/// <summary>The algorithms for values at rest and their blind indexes (PD03). A key names its suite; values of both may stand side by side.</summary>
internal interface ICryptoSuite
{
    /// <summary>Of a sealing key, in bytes. A key of a blind index has 32 to 64 in either suite.</summary>
    int KeyLength { get; }

    /// <summary>A cipher for one thread at a time. One that threw is not used again.</summary>
    ISealingCipher CipherOf(byte[] key);

    /// <summary>32 bytes.</summary>
    byte[] Mac(byte[] key, byte[] content);
}

/// <summary>Authenticated encryption under one key: nonces of 12 bytes, tags of 16.</summary>
internal interface ISealingCipher : IDisposable
{
    void Encrypt(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> plain, Span<byte> encrypted, Span<byte> tag, ReadOnlySpan<byte> associated);

    /// <exception cref="AuthenticationTagMismatchException">It is not what was encrypted. Nothing of <paramref name="plain"/> may be used.</exception>
    void Decrypt(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> encrypted, ReadOnlySpan<byte> tag, Span<byte> plain, ReadOnlySpan<byte> associated);
}

internal static class CryptoSuites
{
    public const int TagLength = 16;

    /// <summary>By the name that configuration gives it: <c>aes</c> (AES-256-GCM, HMAC-SHA-256) or <c>sm4</c> (SM4-GCM, HMAC-SM3; GB/T 39786).</summary>
    private static readonly Dictionary<string, ICryptoSuite> Named = new(StringComparer.Ordinal) { ["aes"] = new AesSuite(), ["sm4"] = new Sm4Suite() };

    /// <summary>Null: there is none of that name. Without a name it is <c>aes</c>.</summary>
    public static ICryptoSuite? Find(string? name) => Named.GetValueOrDefault(name is { Length: > 0 } ? name : "aes");

    private sealed class AesSuite : ICryptoSuite
    {
        public int KeyLength => 32;

        public ISealingCipher CipherOf(byte[] key) => new Cipher(key);

        public byte[] Mac(byte[] key, byte[] content) => HMACSHA256.HashData(key, content);

        private sealed class Cipher(byte[] key) : ISealingCipher
        {
            private readonly AesGcm _gcm = new(key, TagLength);

            public void Encrypt(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> plain, Span<byte> encrypted, Span<byte> tag, ReadOnlySpan<byte> associated) =>
                _gcm.Encrypt(nonce, plain, encrypted, tag, associated);

            public void Decrypt(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> encrypted, ReadOnlySpan<byte> tag, Span<byte> plain, ReadOnlySpan<byte> associated) =>
                _gcm.Decrypt(nonce, encrypted, tag, plain, associated);

            public void Dispose() => _gcm.Dispose();
        }
    }

    /// <summary>.NET has no SM4 and no SM3 of its own.</summary>
    private sealed class Sm4Suite : ICryptoSuite
    {
        public int KeyLength => 16;

        public ISealingCipher CipherOf(byte[] key) => new Cipher(key);

        public byte[] Mac(byte[] key, byte[] content)
        {
            var mac = new HMac(new SM3Digest());
            mac.Init(new KeyParameter(key));
            mac.BlockUpdate(content);
            var result = new byte[mac.GetMacSize()];
            mac.DoFinal(result);
            return result;
        }

        private sealed class Cipher(byte[] key) : ISealingCipher
        {
            private readonly GcmBlockCipher _gcm = new(new SM4Engine());
            // Without a key it goes on with the one it has, and with the tables made from it.
            private KeyParameter? _unused = new(key);

            public void Encrypt(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> plain, Span<byte> encrypted, Span<byte> tag, ReadOnlySpan<byte> associated)
            {
                // What comes out is the ciphertext and the tag in one piece.
                var together = new byte[plain.Length + TagLength];
                Run(forEncryption: true, nonce, plain, together, associated);
                together.AsSpan(0, plain.Length).CopyTo(encrypted);
                together.AsSpan(plain.Length).CopyTo(tag);
            }

            public void Decrypt(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> encrypted, ReadOnlySpan<byte> tag, Span<byte> plain, ReadOnlySpan<byte> associated)
            {
                byte[] together = [.. encrypted, .. tag];
                try
                {
                    Run(forEncryption: false, nonce, together, plain, associated);
                }
                catch (InvalidCipherTextException)
                {
                    CryptographicOperations.ZeroMemory(plain);
                    throw new AuthenticationTagMismatchException();
                }
            }

            public void Dispose()
            {
            }

            private void Run(bool forEncryption, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> input, Span<byte> output, ReadOnlySpan<byte> associated)
            {
                _gcm.Init(forEncryption, new AeadParameters(_unused, TagLength * 8, nonce.ToArray(), associated.ToArray()));
                _unused = null;
                var written = _gcm.ProcessBytes(input, output);
                _gcm.DoFinal(output[written..]);
            }
        }
    }
}
