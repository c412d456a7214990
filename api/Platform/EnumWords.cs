using System.Collections.Frozen;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Backend.Platform;

/// <summary>
/// Enums in JSON, lower_snake_case or as a member names itself, each value by its one word (IN02). The framework's own converter writes the same and reads
/// more: other capitals, blanks around, and several words joined by commas, which come to a value that nobody wrote.
/// </summary>
internal sealed class EnumWords : JsonConverterFactory
{
    private static readonly JsonSerializerOptions s_writing = new() { Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) } };

    public override bool CanConvert(Type typeToConvert) => typeToConvert.IsEnum;

    public override JsonConverter CreateConverter(Type typeToConvert, JsonSerializerOptions options) =>
        (JsonConverter)Activator.CreateInstance(typeof(Words<>).MakeGenericType(typeToConvert))!;

    private sealed class Words<T> : JsonConverter<T> where T : struct, Enum
    {
        private readonly FrozenDictionary<T, JsonEncodedText> _words = Enum.GetValues<T>().ToFrozenDictionary(v => v, v => JsonEncodedText.Encode(JsonSerializer.SerializeToElement(v, s_writing).GetString()!));
        private readonly FrozenDictionary<string, T> _values;

        public Words() => _values = _words.ToFrozenDictionary(w => w.Value.Value, w => w.Key, StringComparer.Ordinal);

        public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.String && _values.TryGetValue(reader.GetString()!, out var value) ? value : throw new JsonException();

        public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteStringValue(_words[value]);
    }
}
