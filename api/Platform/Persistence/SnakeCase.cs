using System.Linq.Expressions;
using System.Text;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Backend.Platform.Persistence;

/// <summary>Enum values as lower_snake_case text, the same in the database and in JSON (glossary.md section 2).</summary>
internal static class SnakeCase
{
    public static string Of(Enum value) => Of(value.ToString());

    public static string Of(string name)
    {
        // WeChat is one word in Chinese and in English.
        name = name.Replace("WeChat", "Wechat", StringComparison.Ordinal);
        var text = new StringBuilder(name.Length + 4);
        for (var i = 0; i < name.Length; i++)
        {
            if (char.IsUpper(name[i]) && i > 0) text.Append('_');
            text.Append(char.ToLowerInvariant(name[i]));
        }

        return text.ToString();
    }

    public static bool TryParse<T>(string text, out T value) where T : struct, Enum => Names<T>.ByText.TryGetValue(text, out value);

    public static T Parse<T>(string text) where T : struct, Enum =>
        TryParse<T>(text, out var value) ? value : throw new FormatException($"'{text}' is no {typeof(T).Name}.");

    public static string[] All<T>() where T : struct, Enum => [.. Names<T>.ByText.Keys];

    private static class Names<T> where T : struct, Enum
    {
        public static readonly Dictionary<string, T> ByText = Enum.GetValues<T>().ToDictionary(v => Of(v), v => v, StringComparer.Ordinal);
    }
}

internal sealed class SnakeCaseConverter<T>() : ValueConverter<T, string>(ToText, FromText) where T : struct, Enum
{
    private static readonly Expression<Func<T, string>> ToText = v => SnakeCase.Of(v);
    private static readonly Expression<Func<string, T>> FromText = v => SnakeCase.Parse<T>(v);
}
