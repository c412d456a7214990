using Backend.Domain.Grid;
using Backend.Platform.Security;

namespace Backend.Tests.Architecture;

public class PolicyTableTests
{
    private const string Head = "| operation | anonymous | resident | floor_leader | building_leader | area_leader | community_leader | staff | labour_officer | street_manager | district_manager | department_liaison | system_admin | security_admin | audit_admin | display | hall | key |\n|---|";

    [Fact]
    public void AZ01_what_the_table_does_not_name_is_refused()
    {
        var table = PolicyTable.Load();
        Assert.Null(table.Find("inventedOperation"));
        Assert.All(Enum.GetValues<Role>(), role => Assert.Equal(role == Role.Staff, table.Find("reviseFacts")!.Allows(role)));
    }

    [Fact]
    public void AZ01_a_cell_with_another_word_stops_the_start() =>
        Assert.Throws<FormatException>(() => PolicyTable.Parse($"{Head}\n| a | maybe | - | - | - | - | - | - | - | - | - | - | - | - | - | - | - | - |"));

    [Fact]
    public void AZ01_a_missing_role_stops_the_start() =>
        Assert.Throws<FormatException>(() => PolicyTable.Parse("| operation | anonymous | key |\n|---|---|---|\n| a | - | - |"));

    [Fact]
    public void AZ01_an_operation_that_stands_twice_stops_the_start()
    {
        const string row = "| a | - | - | - | - | - | - | - | - | - | - | - | - | - | - | - | - | - |";
        Assert.Throws<FormatException>(() => PolicyTable.Parse($"{Head}\n{row}\n{row}"));
    }
}
