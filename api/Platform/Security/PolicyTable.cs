using System.Collections.Frozen;
using Backend.Domain.Grid;
using Backend.Platform.Persistence;

namespace Backend.Platform.Security;

/// <summary>Relation that a role has to the objects of an operation.</summary>
internal enum Relation
{
    None,
    Own,
    Reach,
}

internal enum KeyRule
{
    /// <summary>Reads only.</summary>
    None,
    /// <summary>Changes something and is exempt from <c>Idempotency-Key</c>.</summary>
    Exempt,
    Required,
}

/// <summary>One row of <c>policy.md</c>.</summary>
internal sealed record OperationPolicy(
    string Operation, bool Anonymous, bool Display, bool Hall, KeyRule Key, FrozenDictionary<Role, Relation> Roles)
{
    public bool Allows(Role role) => Roles[role] != Relation.None;
}

/// <summary>The policy table (AZ01), read from <c>policy.md</c>. What it does not name is refused.</summary>
internal sealed class PolicyTable
{
    private readonly FrozenDictionary<string, OperationPolicy> _rows;

    private PolicyTable(FrozenDictionary<string, OperationPolicy> rows) => _rows = rows;

    public IReadOnlyCollection<OperationPolicy> Rows => _rows.Values;

    public OperationPolicy? Find(string operation) => _rows.GetValueOrDefault(operation);

    public static PolicyTable Load()
    {
        using var stream = typeof(PolicyTable).Assembly.GetManifestResourceStream("Backend.Platform.Security.policy.md")!;
        using var reader = new StreamReader(stream);
        return Parse(reader.ReadToEnd());
    }

    /// <exception cref="FormatException">A column is missing or doubled, or a cell is none of the known words: the service does not start.</exception>
    public static PolicyTable Parse(string markdown)
    {
        var lines = markdown.Split('\n').Select(l => l.Trim()).SkipWhile(l => !l.StartsWith("| operation", StringComparison.Ordinal)).ToList();
        if (lines.Count < 3) throw new FormatException("policy.md: no table with the column 'operation'.");
        var columns = Cells(lines[0]);
        var roles = SnakeCase.All<Role>();
        string[] expected = ["operation", "anonymous", .. roles, "display", "hall", "key"];
        if (!columns.Order().SequenceEqual(expected.Order(), StringComparer.Ordinal))
            throw new FormatException($"policy.md: the columns must be exactly {string.Join(", ", expected)}.");

        var rows = new Dictionary<string, OperationPolicy>(StringComparer.Ordinal);
        foreach (var line in lines.Skip(2).TakeWhile(l => l.StartsWith('|')))
        {
            var cells = Cells(line);
            if (cells.Length != columns.Length) throw new FormatException($"policy.md: {line}: {cells.Length} cells, {columns.Length} columns.");
            var row = columns.Zip(cells).ToDictionary(c => c.First, c => c.Second, StringComparer.Ordinal);
            var policy = new OperationPolicy(
                row["operation"],
                RelationOf(row["anonymous"]) != Relation.None,
                RelationOf(row["display"]) != Relation.None,
                RelationOf(row["hall"]) != Relation.None,
                row["key"] switch { "-" => KeyRule.None, "exempt" => KeyRule.Exempt, "required" => KeyRule.Required, var k => throw new FormatException($"policy.md: key '{k}'.") },
                roles.ToFrozenDictionary(SnakeCase.Parse<Role>, r => RelationOf(row[r])));
            if (!rows.TryAdd(policy.Operation, policy)) throw new FormatException($"policy.md: {policy.Operation} stands twice.");
        }

        return new PolicyTable(rows.ToFrozenDictionary(StringComparer.Ordinal));
    }

    private static Relation RelationOf(string cell) => cell switch
    {
        "-" => Relation.None,
        "own" => Relation.Own,
        "reach" => Relation.Reach,
        _ => throw new FormatException($"policy.md: '{cell}' is none of -, own, reach."),
    };

    private static string[] Cells(string line) => line.Trim('|').Split('|').Select(c => c.Trim()).ToArray();
}
