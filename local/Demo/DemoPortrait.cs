using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.IO.Compression;

namespace Local.Demo;

/// <summary>
/// Invented faces for the demo: flat shapes drawn by this code, 48 of them, nobody's likeness. A portrait follows from sex, age and the photo's id alone, so every
/// machine draws the same ones.
/// </summary>
internal static class DemoPortrait
{
    public const int Size = 160;
    public const string ContentType = "image/png";

    /// <summary>Samples a pixel and side, for smooth edges.</summary>
    private const int Fine = 3;
    private const int Variants = 12;

    private static readonly int[] Backgrounds = [0xDCE9E7, 0xE9E2D3, 0xDDE4EF, 0xEADCDC, 0xE2EBD8, 0xE6DFEC];
    private static readonly int[] Coats = [0x2F6F6B, 0x8A4B3C, 0x3E5A86, 0x6B5B3E, 0x55703F, 0x6A4A72, 0x9A6A2F];
    private static readonly int[] Skins = [0xF0C8A0, 0xE7B98E, 0xD9A679];
    private const int Dark = 0x2B2320, Grey = 0xB9B6B0, Eye = 0x2A2A2E, Mouth = 0xA8584C;

    private static readonly ConcurrentDictionary<(bool Male, bool Old, int Variant), byte[]> Drawn = new();

    public static byte[] Of(bool male, bool old, Guid photo)
    {
        Span<byte> id = stackalloc byte[16];
        photo.TryWriteBytes(id);
        return Drawn.GetOrAdd((male, old, id[15] % Variants), key => Png(key.Male, key.Old, key.Variant));
    }

    private static byte[] Png(bool male, bool old, int variant)
    {
        // Each line begins with its filter: none.
        var lines = new byte[Size * (1 + Size * 3)];
        for (var y = 0; y < Size; y++)
        {
            for (var x = 0; x < Size; x++)
            {
                int red = 0, green = 0, blue = 0;
                for (var i = 0; i < Fine * Fine; i++)
                {
                    var colour = ColourAt((x + (i % Fine + 0.5) / Fine) / Size, (y + (i / Fine + 0.5) / Fine) / Size, male, old, variant);
                    red += colour >> 16;
                    green += colour >> 8 & 255;
                    blue += colour & 255;
                }
                var at = y * (1 + Size * 3) + 1 + x * 3;
                (lines[at], lines[at + 1], lines[at + 2]) = ((byte)(red / (Fine * Fine)), (byte)(green / (Fine * Fine)), (byte)(blue / (Fine * Fine)));
            }
        }

        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.SmallestSize, leaveOpen: true)) zlib.Write(lines);
        using var file = new MemoryStream();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10]);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, Size);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), Size);
        (header[8], header[9]) = (8, 2); // eight bits a channel, RGB
        Chunk(file, "IHDR"u8, header);
        Chunk(file, "IDAT"u8, packed.ToArray());
        Chunk(file, "IEND"u8, []);
        return file.ToArray();
    }

    /// <summary>The topmost shape at a point of the unit square.</summary>
    private static int ColourAt(double x, double y, bool male, bool old, int variant)
    {
        var hair = old ? Grey : Dark;
        if (In(x, y, 0.42, 0.5, 0.018, 0.024) || In(x, y, 0.58, 0.5, 0.018, 0.024)) return Eye;
        if (old && (Ring(x, y, 0.42, 0.5, 0.06) || Ring(x, y, 0.58, 0.5, 0.06) || Math.Abs(y - 0.49) < 0.008 && Math.Abs(x - 0.5) < 0.03)) return Eye;
        if (In(x, y, 0.5, 0.6, 0.07, 0.035) && y > 0.6) return Mouth;
        // A fringe, straight or parted, over the forehead.
        var fringe = (variant % 3) switch { 0 => 0.40, 1 => 0.37 + Math.Abs(x - 0.42) * 0.25, _ => 0.36 + Math.Abs(x - 0.58) * 0.25 };
        if (In(x, y, 0.5, 0.45, 0.215, 0.235) && y < fringe) return hair;
        if (In(x, y, 0.5, 0.49, 0.19, 0.22)) return Skins[variant % Skins.Length];
        if (male && In(x, y, x > 0.5 ? 0.72 : 0.28, 0.5, 0.04, 0.055)) return Skins[variant % Skins.Length];
        if (!male && (variant % 2 == 0 ? In(x, y, 0.5, 0.53, 0.27, 0.29) && y < 0.76 : In(x, y, 0.5, 0.2, 0.1, 0.09) || In(x, y, 0.5, 0.44, 0.235, 0.25))) return hair;
        if (Math.Abs(x - 0.5) < 0.075 && y is > 0.66 and < 0.8) return Skins[variant % Skins.Length];
        if (In(x, y, 0.5, 1.08, 0.4, 0.34)) return Coats[variant % Coats.Length];
        return Backgrounds[variant % Backgrounds.Length];
    }

    private static bool In(double x, double y, double centreX, double centreY, double radiusX, double radiusY)
    {
        var (dx, dy) = ((x - centreX) / radiusX, (y - centreY) / radiusY);
        return dx * dx + dy * dy < 1;
    }

    private static bool Ring(double x, double y, double centreX, double centreY, double radius) =>
        In(x, y, centreX, centreY, radius, radius) && !In(x, y, centreX, centreY, radius - 0.012, radius - 0.012);

    private static void Chunk(Stream file, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        file.Write(number);
        file.Write(type);
        file.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(number, ~Crc(Crc(uint.MaxValue, type), data));
        file.Write(number);
    }

    /// <summary>CRC-32 as PNG wants it; .NET has none without a further package.</summary>
    private static uint Crc(uint crc, ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) == 0 ? crc >> 1 : crc >> 1 ^ 0xEDB88320;
        }
        return crc;
    }
}
