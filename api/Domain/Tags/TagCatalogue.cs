using System.Collections.Frozen;
using System.Text;

namespace Backend.Domain.Tags;

/// <summary>
/// 标签目录: the tags of the resident database by code. <see cref="Default"/> is the proposal that ships with the product; a deployment
/// changes, adds and retires rows, so the counts 7/13/137 are a check of the seed and no limit.
/// </summary>
internal sealed class TagCatalogue
{
    private static readonly Lazy<TagCatalogue> s_default = new(ReadDefault);
    private readonly FrozenDictionary<string, Tag> _byCode;

    public TagCatalogue(IEnumerable<Tag> tags)
    {
        Tags = [.. tags.OrderBy(tag => tag.Position)];
        _byCode = Tags.ToFrozenDictionary(tag => tag.Code);
    }

    /// <summary>The catalogue that ships with the product.</summary>
    public static TagCatalogue Default => s_default.Value;

    /// <summary>All tags, retired ones too, in the order of the catalogue.</summary>
    public IReadOnlyList<Tag> Tags { get; }

    public Tag? Find(string code) => _byCode.GetValueOrDefault(code);

    /// <summary>Reads the columns of the seed file: category, sub-category, tag, subject, value type, enum values, sensitive, tier signal, note.</summary>
    /// <exception cref="FormatException">A line that is no tag, or a code that stands twice; the message names the line.</exception>
    public static TagCatalogue Parse(string csv)
    {
        var tags = new List<Tag>();
        var codes = new HashSet<string>(StringComparer.Ordinal);
        var line = 0;
        foreach (var fields in Lines(csv))
        {
            if (line++ == 0) continue;
            if (fields.Count != 12) throw new FormatException($"Line {line} of the tag catalogue has {fields.Count} fields instead of 12.");
            var tag = new Tag
            {
                CategoryCode = fields[0],
                CategoryName = fields[1],
                SubcategoryCode = fields[2],
                SubcategoryName = fields[3],
                Code = fields[4],
                Name = fields[5],
                Subject = One<SubjectKind>(fields[6], line),
                ValueType = One<TagValueType>(fields[7], line),
                EnumValues = fields[8].Length == 0 ? null : fields[8],
                Sensitive = fields[9] == "1",
                TierSignal = fields[10],
                Note = fields[11].Length == 0 ? null : fields[11],
                Position = line - 1,
            };
            if (!codes.Add(tag.Code)) throw new FormatException($"Line {line} of the tag catalogue repeats the code {tag.Code}.");
            if (tag.ValueType == TagValueType.Enum != tag.EnumValues is not null)
                throw new FormatException($"Line {line} of the tag catalogue: enum values belong to an enum and to nothing else.");
            tags.Add(tag);
        }

        return new TagCatalogue(tags);
    }

    private static T One<T>(string word, int line) where T : struct, Enum =>
        Enum.TryParse<T>(word, ignoreCase: true, out var value) && Enum.IsDefined(value)
            ? value
            : throw new FormatException($"Line {line} of the tag catalogue: {word} is no {typeof(T).Name}.");

    private static TagCatalogue ReadDefault()
    {
        using var stream = typeof(TagCatalogue).Assembly.GetManifestResourceStream("tag-catalogue.csv")!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return Parse(reader.ReadToEnd());
    }

    /// <summary>RFC 4180 as far as the seed needs it: a field in quotes may hold commas and doubled quotes.</summary>
    private static IEnumerable<IReadOnlyList<string>> Lines(string csv)
    {
        foreach (var line in csv.Split('\n').Select(line => line.TrimEnd('\r')).Where(line => line.Length > 0))
        {
            var fields = new List<string>(12);
            var field = new StringBuilder();
            var quoted = false;
            for (var i = 0; i < line.Length; i++)
            {
                if (line[i] == '"' && quoted && i + 1 < line.Length && line[i + 1] == '"') field.Append(line[i++]);
                else if (line[i] == '"') quoted = !quoted;
                else if (line[i] == ',' && !quoted) fields.Add(Take(field));
                else field.Append(line[i]);
            }

            fields.Add(Take(field));
            yield return fields;
        }
    }

    private static string Take(StringBuilder field)
    {
        var text = field.ToString();
        field.Clear();
        return text;
    }
}
