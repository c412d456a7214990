using System.Reflection;
using Backend.Domain.Facts;

namespace Backend.Tests.Domain.Facts;

public class FactsTableTests
{
    [Fact]
    public void The_table_in_docs_names_every_fact_and_every_tag_that_is_read()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Backend.sln"))) folder = folder.Parent!;
        var table = File.ReadAllText(Path.Combine(folder.FullName, "docs/facts.md"));
        var keys = typeof(FactKeys).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => (string)field.GetValue(null)!);

        Assert.All(keys, key => Assert.Contains($"`{key}`", table, StringComparison.Ordinal));
        Assert.All(Enum.GetValues<ReadTag>(), tag => Assert.Contains($"`{tag.Code()}`", table, StringComparison.Ordinal));
    }
}
