using System.Globalization;

namespace Backend.Platform.Persistence;

/// <summary>The revision of a row as an entity tag.</summary>
internal static class Revisions
{
    public static string ETag(int revision) => string.Create(CultureInfo.InvariantCulture, $"\"{revision}\"");
}
