using System.Globalization;

namespace Backend.Platform.Persistence;

/// <summary>
/// A wall version as clients hold it: <c>{epoch}.{n}</c> below a root, <c>{epoch}.{n}-{m}-…</c> above several, in root id order. Opaque to them;
/// the epoch changes at reset and restore, so that no number of an earlier life is taken for one of this.
/// </summary>
internal sealed record WallVersion(string Epoch, IReadOnlyList<long> Numbers)
{
    public const string EpochSetting = "wall.epoch";

    public override string ToString() => Numbers.Count == 1 ? Text(Epoch, Numbers[0]) : $"{Epoch}.{string.Join('-', Numbers)}";

    /// <summary>The text of one root's version, which an answer of changes writes once for each.</summary>
    public static string Text(string epoch, long number) => string.Create(CultureInfo.InvariantCulture, $"{epoch}.{number}");

    public static WallVersion? Parse(string text)
    {
        var dot = text.IndexOf('.', StringComparison.Ordinal);
        if (dot <= 0 || text.Length > 2000) return null;
        var numbers = new List<long>();
        foreach (var part in text[(dot + 1)..].Split('-'))
        {
            if (!long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return null;
            numbers.Add(number);
        }

        return new WallVersion(text[..dot], numbers);
    }
}
