using System.Collections.Frozen;
using Backend.Domain.Grid;
using Backend.Domain.Tags;
using Backend.Platform.Persistence;

namespace Backend.Platform.Security;

/// <summary>What a role may know of one field, inside a household that it reaches. Of several roles the widest counts.</summary>
internal enum FieldRight
{
    None,
    /// <summary>That an answer is missing, and nothing of an answer: whoever visits has to ask.</summary>
    Ask,
    /// <summary>The same, and on which side of the line the household's income lies.</summary>
    Band,
    See,
}

/// <summary>
/// The table of field rights (AZ10), read from <c>field-rights.csv</c>: each tag of the catalogue and each identity field by role. Whatever is shown of a
/// household goes through it, and a field without a row is shown to nobody.
/// </summary>
internal sealed class FieldRights
{
    private readonly FrozenDictionary<string, FrozenDictionary<Role, FieldRight>> _rows;

    private FieldRights(FrozenDictionary<string, FrozenDictionary<Role, FieldRight>> rows) => _rows = rows;

    public FieldView Of(IEnumerable<Role> roles) => new(_rows, [.. roles]);

    /// <exception cref="FormatException">A column, a row of the default catalogue, or a word is missing or not known: the service does not start.</exception>
    public static FieldRights Load()
    {
        using var stream = typeof(FieldRights).Assembly.GetManifestResourceStream("Backend.Platform.Security.field-rights.csv")!;
        using var reader = new StreamReader(stream);
        var lines = reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split(',')).ToList();
        string[] columns = ["field", .. SnakeCase.All<Role>()];
        if (!lines[0].SequenceEqual(columns, StringComparer.Ordinal)) throw new FormatException($"field-rights.csv: the columns must be {string.Join(", ", columns)}.");
        var rows = lines.Skip(1).ToFrozenDictionary(
            l => l[0], l => columns.Zip(l).Skip(1).ToFrozenDictionary(c => SnakeCase.Parse<Role>(c.First), c => RightOf(c.Second)), StringComparer.Ordinal);
        var missing = TagCatalogue.Default.Tags.Select(t => t.Code).Where(t => !rows.ContainsKey(t)).ToList();
        return missing.Count == 0 ? new FieldRights(rows) : throw new FormatException($"field-rights.csv: no row for {string.Join(", ", missing)}.");
    }

    private static FieldRight RightOf(string word) => word switch
    {
        "-" => FieldRight.None,
        "ask" => FieldRight.Ask,
        "band" => FieldRight.Band,
        "see" => FieldRight.See,
        _ => throw new FormatException($"field-rights.csv: '{word}' is none of -, ask, band, see."),
    };
}

/// <summary>The field rights of one caller over one household.</summary>
internal sealed class FieldView(FrozenDictionary<string, FrozenDictionary<Role, FieldRight>> rows, IReadOnlyList<Role> roles)
{
    public bool Sees(string field) => Of(field) >= FieldRight.See;

    public bool SeesBand(string field) => Of(field) >= FieldRight.Band;

    public bool Asks(string field) => Of(field) >= FieldRight.Ask;

    private FieldRight Of(string field) => rows.TryGetValue(field, out var row) && roles.Count > 0 ? roles.Max(r => row[r]) : FieldRight.None;
}

/// <summary>Names of the fields that are no tags, as their columns are called.</summary>
internal static class IdentityFields
{
    public const string Phone = "residents.phone", IdNumber = "residents.id_number", Photo = "residents.photo_id";
}
