using ArchUnitNET.Fluent.Syntax.Elements.Types;
using ArchUnitNET.Loader;
using ArchUnitNET.xUnit;
using Backend.Platform.Security;
using static ArchUnitNET.Fluent.ArchRuleDefinition;

namespace Backend.Tests.Architecture;

/// <summary>Program → Features → Platform → Domain, read from the compiled assembly (docs/adr/002).</summary>
public class DirectionTests
{
    private static readonly ArchUnitNET.Domain.Architecture Api = new ArchLoader()
        .LoadAssemblies(typeof(PolicyTable).Assembly).Build();

    private static GivenTypesConjunction In(string folder) => Types().That().ResideInNamespaceMatching($@"^Backend\.{folder}(\..*)?$");

    [Fact]
    public void Domain_names_nothing_of_platform_and_features() =>
        Types().That().Are(In("Domain")).Should().NotDependOnAny(Types(true).That().ResideInNamespaceMatching(@"^Backend\.(Platform|Features)(\..*)?$")).Check(Api);

    [Fact]
    public void Domain_names_no_EF_no_ASP_NET_no_driver_no_clock_and_no_io() =>
        Types().That().Are(In("Domain")).Should().NotDependOnAny(Types(true).That()
            .ResideInNamespaceMatching(@"^(Microsoft\.EntityFrameworkCore|Microsoft\.AspNetCore|Microsoft\.Extensions|Npgsql|System\.Net)(\..*)?$")
            .Or().HaveFullName("System.TimeProvider").Or().HaveFullName("System.IO.File").Or().HaveFullName("System.Environment")).Check(Api);

    [Fact]
    public void Platform_names_no_feature() =>
        Types().That().Are(In("Platform")).Should().NotDependOnAny(In("Features")).Check(Api);

    [Fact]
    public void The_WeChat_adapter_names_nothing_else_of_ours() =>
        Types().That().Are(In(@"Platform\.WeChat")).Should().NotDependOnAny(Types(true).That()
            .ResideInNamespaceMatching(@"^Backend\.(Domain|Features|Platform$|Platform\.(?!WeChat))(.*)$")).Check(Api);

    [Fact]
    public void A_feature_never_names_another_feature()
    {
        var features = Api.Types.Select(t => t.Namespace.FullName).Where(n => n.StartsWith("Backend.Features.", StringComparison.Ordinal)).Distinct().ToList();
        Assert.True(features.Count >= 4, $"only {features.Count} features found: the rule would hold of nothing");
        foreach (var feature in features)
        {
            var others = Types().That().ResideInNamespaceMatching($@"^Backend\.Features\.(?!{feature["Backend.Features.".Length..]}$)");
            Types().That().ResideInNamespace(feature).Should().NotDependOnAny(others).WithoutRequiringPositiveResults().Check(Api);
        }
    }

    [Fact]
    public void The_worker_is_named_in_platform_alone() =>
        Types().That().Are(In("Features")).Should().NotDependOnAny(Types(true).That().HaveFullName("Backend.Platform.Persistence.WorkerDataSource")).Check(Api);

    [Fact]
    public void Types_are_internal_but_the_request_and_response_records_and_the_enums_in_them()
    {
        var open = typeof(PolicyTable).Assembly.GetTypes().Where(t => t.IsPublic && t.Namespace?.StartsWith("Backend.", StringComparison.Ordinal) == true
            && !t.IsEnum && !t.Namespace.Contains(".Migrations", StringComparison.Ordinal)).Select(t => t.FullName).ToList();
        Assert.Equal(["Backend.Features.Sessions.SessionTokens"], open);
    }

    [Fact]
    public void AZ06_only_ScopedCommands_writes_the_scope()
    {
        var writers = SourceFiles().Where(f => File.ReadAllText(f).Contains("set_config('app.", StringComparison.Ordinal)).Select(Path.GetFileName).ToList();
        Assert.Equal(["ScopedCommands.cs"], writers);
    }

    [Fact]
    public void There_is_no_PATCH_route() =>
        Assert.DoesNotContain(SourceFiles(), f => File.ReadAllText(f).Contains("MapPatch", StringComparison.Ordinal));

    internal static IEnumerable<string> SourceFiles() => Directory.EnumerateFiles(Path.Combine(Root(), "api"), "*.cs", SearchOption.AllDirectories)
        .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal));

    internal static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Backend.sln"))) folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("No Backend.sln above the tests.");
        return folder;
    }
}
