using System.ComponentModel.DataAnnotations;

namespace Backend.Platform;

/// <summary>
/// Free text that people write (IN02): of bounded length, and without control characters but line breaks and tabs. PostgreSQL takes no NUL, and no screen
/// or export has a use for the others.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class TextAttribute(int maximumLength) : StringLengthAttribute(maximumLength)
{
    public override bool IsValid(object? value) =>
        base.IsValid(value) && (value is not string text || !text.Any(c => char.IsControl(c) && c is not ('\n' or '\r' or '\t')));
}
