using System.Buffers.Binary;
using System.IO.Compression;
using Backend.Platform.Files;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Local.Demo;
using Microsoft.Extensions.Logging.Abstractions;

namespace Backend.Tests.Demo;

/// <summary>The demo's photos: one for each row, whole pictures of the size the rows say, the same on every machine, and nobody's.</summary>
public sealed class DemoPhotosTests
{
    private static DemoDistrict District => DemoFiguresTests.District;

    [Fact]
    public async Task A90_every_photo_of_a_household_and_of_a_leader_has_its_picture_and_no_other_has_one()
    {
        using var folder = new TemporaryFolder();
        var photos = Path.Combine(folder.Path, "photos");
        Assert.True(await DemoPhotos.WriteOnceAsync(photos, PostgresFixture.Secrets.Vault, default));
        Assert.False(await DemoPhotos.WriteOnceAsync(photos, PostgresFixture.Secrets.Vault, default));

        var ids = District.Households.SelectMany(h => h.Photos).Select(p => p.Id).Concat(District.AccountPhotos.Select(p => p.Id)).ToList();
        Assert.Equal((3866, 435), (District.Households.Sum(h => h.Photos.Count), District.AccountPhotos.Count));
        Assert.Equal(ids.Select(id => id.ToString("N")).Order(StringComparer.Ordinal),
            Directory.GetFiles(photos, "*", SearchOption.AllDirectories).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));

        using var vault = new Vault(PostgresFixture.Secrets.Vault);
        var store = new PhotoStore(photos, vault, NullLogger<PhotoStore>.Instance);
        foreach (var id in ids.Where((_, i) => i % 50 == 0)) Assert.Equal((DemoPortrait.Size, DemoPortrait.Size), SizeOf((await store.ReadAsync(id, default))!));
    }

    [Fact]
    public void Portraits_differ_by_sex_age_and_photo_and_are_the_same_every_time()
    {
        var photos = Enumerable.Range(0, 12).Select(i => new Guid(0, 0, 0, [0, 0, 0, 0, 0, 0, 0, (byte)i])).ToList();
        var drawn = (from male in (bool[])[true, false] from old in (bool[])[true, false] from photo in photos select Convert.ToHexString(DemoPortrait.Of(male, old, photo))).ToList();
        Assert.True(drawn.Distinct().Count() > 40);
        Assert.All(drawn, d => Assert.InRange(d.Length / 2, 500, 20_000));
        Assert.Equal(Convert.ToHexString(DemoPortrait.Of(true, true, photos[0])), drawn[0]);
    }

    [Fact]
    public void PD06_no_child_has_a_photo()
    {
        var ages = DemoBlueprint.Instance.Households.SelectMany(h => h.People).ToDictionary(p => p.Id, p => p.Age);
        Assert.All(District.Households.SelectMany(h => h.Photos), p => Assert.True(ages[p.ResidentId!.Value] >= 14));
    }

    /// <summary>Reads a PNG as the format says: signature, header, and data that unpacks to so many lines.</summary>
    private static (int Width, int Height) SizeOf(byte[] png)
    {
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10], png[..8]);
        var (width, height) = (BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(16)), BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(20)));
        var length = BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(33));
        using var lines = new MemoryStream();
        using (var zlib = new ZLibStream(new MemoryStream(png, 41, length), CompressionMode.Decompress)) zlib.CopyTo(lines);
        Assert.Equal(height * (1 + width * 3), lines.Length);
        return (width, height);
    }
}
