namespace Backend.Platform.Security;

/// <summary>脱敏: the default form of what is shown (PD04): a phone keeps 3 + 4 characters, an ID number 6 + 4.</summary>
internal static class Masks
{
    public static string Phone(string number) => Keep(number, 3, 4);

    public static string IdNumber(string number) => Keep(number, 6, 4);

    private static string Keep(string text, int head, int tail) =>
        text.Length <= head + tail ? new string('*', text.Length) : $"{text[..head]}{new string('*', text.Length - head - tail)}{text[^tail..]}";
}
