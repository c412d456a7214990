namespace Backend.Domain.Tags;

/// <summary>标签: one entry of the catalogue; data, not code. 7 categories, 13 sub-categories, 137 tags in the default .</summary>
internal sealed class Tag
{
    public required string Code { get; init; }
    public required string Name { get; init; }
    public required string CategoryCode { get; init; }
    public required string CategoryName { get; init; }
    public required string SubcategoryCode { get; init; }
    public required string SubcategoryName { get; init; }
    public required SubjectKind Subject { get; init; }
    public required TagValueType ValueType { get; init; }
    /// <summary><c>code:中文</c> joined with a bar; null unless the type is enum.</summary>
    public string? EnumValues { get; init; }
    public required bool Sensitive { get; init; }
    public required string TierSignal { get; init; }
    public string? Note { get; init; }
    public int Position { get; init; }
    public DateTimeOffset? RetiredAt { get; set; }
}

public enum SubjectKind
{
    Household,
    Person,
}

public enum TagValueType
{
    Bool,
    Enum,
    Money,
    Number,
    Text,
    Date,
}

/// <summary>Where a tag value comes from.</summary>
public enum ValueSource
{
    Visit,
    Resident,
    Staff,
    Department,
    Import,
    Derived,
}
