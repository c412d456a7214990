using System.Reflection;
using System.Text.RegularExpressions;
using Local;

namespace Backend.Tests.Architecture;

/// <summary>docs/security.md names only tests that there are, and every promise in it has one that carries its id.</summary>
public partial class SecurityPageTests
{
    private static readonly string Page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "security.md"));

    [Fact]
    public void Every_test_that_the_page_names_exists()
    {
        var classes = Tests.Select(t => t.DeclaringType!.Name).ToHashSet(StringComparer.Ordinal);
        var named = Names().Matches(Page).Select(m => m.Groups[1].Value).Distinct(StringComparer.Ordinal).ToList();
        Assert.True(named.Count > 10);
        Assert.Empty(named.Except(classes));
    }

    [Fact]
    public void Every_id_that_the_page_promises_has_a_test()
    {
        var promised = Ids().Matches(Page).Select(m => m.Value).Distinct(StringComparer.Ordinal).ToList();
        Assert.True(promised.Count > 20);
        var carried = Tests.SelectMany(t => Ids().Matches(t.Name)).Select(m => m.Value).ToHashSet(StringComparer.Ordinal);
        Assert.Empty(promised.Except(carried));
    }

    private static IReadOnlyList<MethodInfo> Tests { get; } =
    [
        .. typeof(SecurityPageTests).Assembly.GetTypes().SelectMany(t => t.GetMethods(BindingFlags.Public | BindingFlags.Instance))
            .Where(m => m.GetCustomAttributes<FactAttribute>().Any()),
    ];

    [GeneratedRegex("`([A-Za-z]+Tests)`", RegexOptions.NonBacktracking)]
    private static partial Regex Names();

    [GeneratedRegex("(AZ|ID|IN|PD|AU|RL)[0-9]{2}", RegexOptions.NonBacktracking)]
    private static partial Regex Ids();
}
