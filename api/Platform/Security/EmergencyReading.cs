using System.Collections.Frozen;

namespace Backend.Platform.Security;

/// <summary>The reading operations that an emergency access (紧急查看) opens for its one household, to the roles that may do them anyway; policy.md tells of it.</summary>
internal static class EmergencyReading
{
    public static readonly FrozenSet<string> Operations = ((string[])["readHousehold", "readDecisionSheet", "readPhoto", "revealPhone"]).ToFrozenSet(StringComparer.Ordinal);
}
