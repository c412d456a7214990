using System.Security.Cryptography;
using Backend.Domain.Privacy;
using Backend.Platform.Security;

namespace Backend.Tests.Platform.Security;

public sealed class VaultTests : IDisposable
{
    private static readonly string Key1 = Convert.ToBase64String(Enumerable.Repeat((byte)1, 32).ToArray());
    private static readonly string Key2 = Convert.ToBase64String(Enumerable.Repeat((byte)2, 32).ToArray());
    private readonly Guid _row = Guid.CreateVersion7();
    private readonly Vault _vault = new(new VaultOptions { CurrentKey = 1, Keys = { [1] = Key1 }, IndexKey = Key2 });

    public void Dispose() => _vault.Dispose();

    [Fact]
    public void PD02_what_was_sealed_opens_in_its_row_and_column_alone()
    {
        var value = _vault.Seal(SealedFields.TagValue, _row, "患有大病");
        Assert.Equal("患有大病", _vault.OpenText(SealedFields.TagValue, _row, value));
        Assert.Throws<AuthenticationTagMismatchException>(() => _vault.Open(SealedFields.TagValue, Guid.CreateVersion7(), value));
        Assert.Throws<AuthenticationTagMismatchException>(() => _vault.Open(SealedFields.VisitNote, _row, value));
    }

    [Fact]
    public void PD02_many_threads_seal_and_open_at_once()
    {
        // Threads of their own, so that they really meet, whatever else the machine does.
        var failures = 0;
        var threads = Enumerable.Range(0, 4).Select(n => new Thread(() =>
        {
            for (var i = 0; i < 20_000; i++)
            {
                var text = $"{n} {i} 患有大病";
                try
                {
                    if (_vault.OpenText(SealedFields.TagValue, _row, _vault.Seal(SealedFields.TagValue, _row, text)) != text) Interlocked.Increment(ref failures);
                }
                catch (CryptographicException)
                {
                    Interlocked.Increment(ref failures);
                }
            }
        })).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());

        Assert.Equal(0, failures);
    }

    [Fact]
    public void PD02_every_changed_byte_is_noticed()
    {
        var value = _vault.Seal(SealedFields.TagValue, _row, "true");
        for (var i = 0; i < value.Bytes.Length; i++)
        {
            var changed = (byte[])value.Bytes.Clone();
            changed[i] ^= 1;
            Assert.ThrowsAny<CryptographicException>(() => _vault.Open(SealedFields.TagValue, _row, new Sealed(changed)));
        }
    }

    [Fact]
    public void PD02_the_same_value_never_looks_the_same_twice_and_shows_nothing_of_itself()
    {
        var (one, two) = (_vault.Seal(SealedFields.ResidentPhone, _row, "10012345678"), _vault.Seal(SealedFields.ResidentPhone, _row, "10012345678"));
        Assert.NotEqual(one.Bytes, two.Bytes);
        Assert.Equal("(sealed)", one.ToString());
    }

    [Fact]
    public void PD02_an_old_key_still_opens_and_the_current_one_seals()
    {
        var old = _vault.Seal(SealedFields.TagValue, _row, "true");
        using var rotated = new Vault(new VaultOptions { CurrentKey = 2, Keys = { [1] = Key1, [2] = Key2 }, IndexKey = Key2 });
        Assert.Equal("true", rotated.OpenText(SealedFields.TagValue, _row, old));
        Assert.Equal([0, 0, 0, 2], rotated.Seal(SealedFields.TagValue, _row, "true").Bytes[..4]);
        Assert.ThrowsAny<CryptographicException>(() => _vault.Open(SealedFields.TagValue, _row, rotated.Seal(SealedFields.TagValue, _row, "true")));
    }

    [Fact]
    public void PD02_a_blind_index_is_keyed_and_belongs_to_one_field()
    {
        Assert.Equal(_vault.BlindIndex("a.x", "1"), _vault.BlindIndex("a.x", "1"));
        Assert.NotEqual(_vault.BlindIndex("a.x", "1"), _vault.BlindIndex("b.x", "1"));
        Assert.NotEqual(SHA256.HashData("a.x\01"u8), _vault.BlindIndex("a.x", "1"));
    }
}
