using System.Reflection;

namespace Backend.Platform.Security;

/// <summary>A sealed column of a table whose rows have an <c>id</c>, and the blind index that stands beside it.</summary>
/// <param name="Field">One of <see cref="SealedFields"/>: <c>table.column</c>.</param>
/// <param name="Index">The column of its blind index, if it has one.</param>
/// <param name="IndexField">The field that the index was made for: an openid is looked up as one wherever it stands.</param>
internal sealed record SealedColumn(string Field, string? Index = null, string? IndexField = null)
{
    private static readonly SealedColumn[] Indexed =
    [
        new(SealedFields.OpenId, "open_id_index", SealedFields.OpenId),
        new(SealedFields.BindingOpenId, "open_id_index", SealedFields.OpenId),
        new(SealedFields.RequestedOpenId, "open_id_index", SealedFields.OpenId),
        new(SealedFields.ResidentIdNumber, "id_number_index", SealedFields.ResidentIdNumber),
        new(SealedFields.OidcSubject, "subject_index", SealedFields.OidcSubject),
        new(SealedFields.ResidentPhone, "phone_index", SealedFields.ResidentPhone),
    ];

    /// <summary>Every one: the constants of <see cref="SealedFields"/>.</summary>
    public static IReadOnlyList<SealedColumn> All { get; } =
    [
        .. typeof(SealedFields).GetFields(BindingFlags.Public | BindingFlags.Static).Select(f => (string)f.GetRawConstantValue()!)
            .Select(field => Array.Find(Indexed, c => c.Field == field) ?? new SealedColumn(field)),
    ];

    public string Table => Field[..Field.IndexOf('.', StringComparison.Ordinal)];

    public string Column => Field[(Field.IndexOf('.', StringComparison.Ordinal) + 1)..];
}
