using System.Reflection;
using System.Text.RegularExpressions;
using Backend.Platform.Security;

namespace Backend.Tests.Architecture;

/// <summary>
/// IN04: what reaches the database as SQL is the program's own text, values go as parameters, and nothing that a person writes is a pattern. EF's methods for
/// raw text are banned (BR05); here are the driver's, where the compiler cannot tell a constant from a sentence put together.
/// </summary>
public sealed class SqlAndPatternsTests
{
    private const RegexOptions Options = RegexOptions.CultureInvariant | RegexOptions.NonBacktracking;

    /// <summary>Where a text passes through on its way from the constant: the method's callers are looked at in its place.</summary>
    private static readonly (string File, string Text)[] PassedOn =
    [
        ("ScopedCommands.cs", "sql"), ("BackendDb.cs", "sql"), ("DeliveryPump.cs", "sql"), ("AuditWriter.cs", "sql.Replace"), ("KeyRotation.cs", "sql"), ("ReportMinors.cs", "sql"),
    ];

    /// <summary>Tables and columns out of the lists that ship with the program (data-classes.csv, retention.csv): words of ours, one file a place.</summary>
    private static readonly (string File, string Hole)[] OwnLists =
    [
        ("OwnData.cs", "string.Join(\", \", t.Columns)"), ("OwnData.cs", "t.Table"), ("OwnData.cs", "Links[t.Table]"),
        ("ReportRetention.cs", "rule.Table"), ("ReportRetention.cs", "rule.Since"),
    ];

    private static readonly Regex Sql = new(@"(CreateCommand|ForRequest|new NpgsqlCommand|new NpgsqlBatchCommand|ScopedCommands\.Command|ListCommand|CommandText =)\(?\s*(?<text>\$*""""""(.|\n)*?""""""|\$?@?""[^\n]*|[\w.]+)", Options);
    private static readonly Regex Hole = new(@"\{+(?<what>[^{}:]+)\}", Options);
    private static readonly Regex OwnWord = new(@"^([A-Z]\w*\.)*[A-Z]\w*(\([^()]*\))?$", Options);

    [Fact]
    public void IN04_SQL_is_made_of_constants_and_values_are_parameters()
    {
        var (seen, complaints) = (0, new List<string>());
        foreach (var (file, source) in Sources())
        {
            foreach (Match call in Sql.Matches(source))
            {
                seen++;
                var text = call.Groups["text"].Value;
                if (text is "" or "string" or "NpgsqlConnection") continue;
                var isText = text.StartsWith('"') || text.StartsWith('@');
                if (isText || PassedOn.Contains((file, text)) || OwnWord.IsMatch(text)) continue;
                // A text with holes: each is filled with a constant of the program.
                var holes = text.StartsWith('$') ? Hole.Matches(text).Select(h => h.Groups["what"].Value.Trim()).Where(h => !OwnWord.IsMatch(h) && !OwnLists.Contains((file, h))).ToList() : [text];
                // Of the audit's insert: what stands in for a parameter are texts of this very file, or words of those who call, looked at below.
                if (file == "AuditWriter.cs") holes.RemoveAll(h => h is "targets" or "result" or "mac" or "from" or "foundBy" or "insert" or "columns");
                complaints.AddRange(holes.Select(h => $"{file}: {h} in {call.Value[..Math.Min(call.Value.Length, 120)]}"));
            }

            // The statement in which a read looks for its object, and the ids that a list's audit entry takes, are words of the feature.
            foreach (Match named in Regex.Matches(source, @"(foundBy|also|targets): (?<what>[^,)]+)", Options))
                if (file != "AuditWriter.cs" && !named.Groups["what"].Value.StartsWith('"') && !OwnWord.IsMatch(named.Groups["what"].Value)) complaints.Add($"{file}: {named.Value}");
        }

        Assert.True(seen > 50, $"only {seen} commands were looked at");
        Assert.True(complaints.Count == 0, string.Join('\n', complaints));
    }

    [Fact]
    public void IN04_no_value_is_a_pattern_for_the_database()
    {
        foreach (var (file, source) in Sources())
        {
            var asked = Regex.Match(source, @"( ~\*? ?|similar to |i?like |to_tsquery\(|to_tsquery\('[a-z]+', |regexp_\w+\([^,]*, )[@{$][a-z]", Options | RegexOptions.IgnoreCase);
            Assert.False(asked.Success, $"{file}: {asked.Value}");
            Assert.DoesNotContain("EF.Functions", source, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void IN04_every_regular_expression_ends_in_time()
    {
        var found = 0;
        foreach (var type in typeof(PolicyTable).Assembly.GetTypes().Where(t => !t.ContainsGenericParameters))
        {
            foreach (var field in type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly).Where(f => f.FieldType == typeof(Regex)))
            {
                var regex = (Regex)field.GetValue(null)!;
                Assert.True(regex.Options.HasFlag(RegexOptions.NonBacktracking) || regex.MatchTimeout != Regex.InfiniteMatchTimeout, $"{type.Name}.{field.Name}");
                found++;
            }

            foreach (var limit in type.GetProperties().SelectMany(p => p.GetCustomAttributes<System.ComponentModel.DataAnnotations.RegularExpressionAttribute>()))
                Assert.InRange(limit.MatchTimeoutInMilliseconds, 1, 2_000);
        }

        Assert.True(found >= 10);
        // And there are no others than those that stand in a field: a pattern that is made on the way could be anybody's.
        foreach (var (file, source) in Sources())
            Assert.False(Regex.IsMatch(source, @"new Regex\(|\bRegex\.(IsMatch|Match|Matches|Replace|Split|Count|EnumerateMatches)\(|GeneratedRegex", Options), file);
    }

    private static IEnumerable<(string File, string Source)> Sources() =>
        Directory.EnumerateFiles(Path.Combine(DirectionTests.Root(), "api"), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains("/Migrations/", StringComparison.Ordinal) && !f.Contains("/obj/", StringComparison.Ordinal) && !f.Contains("/bin/", StringComparison.Ordinal))
            .Select(f => (Path.GetFileName(f), File.ReadAllText(f)));
}
