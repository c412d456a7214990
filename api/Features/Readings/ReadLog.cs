using System.Collections.Frozen;

namespace Backend.Features.Readings;

/// <summary>What of a household somebody saw.</summary>
public enum ReadingContent
{
    /// <summary>Its line in a list of households: door, name of the head, tier.</summary>
    HouseholdLine,
    HouseholdPage,
    DecisionSheet,
    Photo,
    /// <summary>A full phone number; all other contents have it masked.</summary>
    Phone,
    BindingRequest,
    /// <summary>Who acts for its children.</summary>
    Guardianship,
}

/// <summary>用途: what a household's data was read for. The last four are said by whoever asked for a full number; the others follow from the operation, and <c>emergency</c> from an emergency access too.</summary>
public enum ReadingPurpose
{
    Care,
    TierReview,
    Joining,
    Visit,
    Help,
    Check,
    Emergency,
}

/// <summary>
/// 查阅记录 (B-7): which audited operations read a household's personal data, what each shows and for what purpose it is there. An operation that shows such
/// data and is not here does not come to the resident's eyes; a test compares this with the policy table.
/// </summary>
internal static class ReadLog
{
    /// <summary>A purpose of null is the one that was given with the request; an emergency access goes before the operation's own.</summary>
    public static readonly FrozenDictionary<string, (ReadingContent Content, ReadingPurpose? Purpose)> Operations = new Dictionary<string, (ReadingContent, ReadingPurpose?)>
    {
        ["listHouseholds"] = (ReadingContent.HouseholdLine, ReadingPurpose.Care),
        ["readHousehold"] = (ReadingContent.HouseholdPage, ReadingPurpose.Care),
        ["readPhoto"] = (ReadingContent.Photo, ReadingPurpose.Care),
        ["readDecisionSheet"] = (ReadingContent.DecisionSheet, ReadingPurpose.TierReview),
        ["listBindingRequests"] = (ReadingContent.BindingRequest, ReadingPurpose.Joining),
        ["listGuardianships"] = (ReadingContent.Guardianship, ReadingPurpose.Care),
        ["revealPhone"] = (ReadingContent.Phone, null),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    public static readonly string[] Names = [.. Operations.Keys.Order(StringComparer.Ordinal)];
}
