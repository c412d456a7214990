using System.Globalization;
using System.Text.Json;
using Backend.Domain.Facts;
using Backend.Domain.Grid;
using Backend.Domain.Tags;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Tests.Architecture;
using Backend.Tests.Platform.Persistence;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Features.Households;

/// <summary>
/// Each of the 137 tags and each identity field has a visibility by role, also inside a household, and answers carry only what is permitted (AZ10). What is
/// expected comes from the text of field-rights.csv and from the rows, not from the code under test.
/// </summary>
public sealed class FieldRightsTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly DateOnly Day = PostgresFixture.DemoDay;

    /// <summary>So bad in every respect that every rule that reads tags fires.</summary>
    private static readonly (string Tag, string Value)[] Hard =
    [
        ("wage_income", "4321.07"), ("business_income", "11.31"), ("property_income", "12.32"), ("transfer_income", "13.33"), ("rigid_expense", "98765.43"), ("disaster_loss", "5432.19"),
        ("last_major_event", "illness"), ("main_earner_lost", "true"), ("housing_grade", "d"), ("water_safe", "false"), ("guarantee_gap", "food|medical"), ("single_parent", "true"),
        ("loan_overdue", "true"), ("debt_total", "765432.1"), ("temporary_relief_12m", "3"), ("utility_arrears", "true"), ("home_hazard", "gas"), ("low_water_use", "true"),
        ("medical_self_paid_12m", "87654.32"), ("education_self_paid", "76543.21"), ("medical_insured", "false"), ("health_status", "major"), ("disability_grade", "1"), ("dementia", "true"),
        ("mental_follow_up", "true"), ("self_care", "none"), ("caregiver", "nobody"), ("employment_status", "seeking"), ("monthly_wage", "2109.87"), ("months_worked_12m", "2"),
        ("wage_arrears", "true"), ("elder_alone", "true"), ("elder_left_behind", "true"), ("left_behind_child", "true"), ("child_mood", "crisis"), ("dropout_risk", "true"), ("dropout", "true"),
        ("residence_status", "lost"), ("orphan_support", "true"), ("in_hospital", "true"),
    ];

    private static readonly Dictionary<string, Dictionary<string, string>> Table = ReadTable();

    private Api _api = null!;
    private Scene _scene = null!;
    private Dictionary<Guid, (string Tag, string Value)> _rows = [];

    public static TheoryData<string, Role> Readers => new()
    {
        { "居民", Role.Resident }, { "楼层长", Role.FloorLeader }, { "楼长", Role.BuildingLeader }, { "片区长", Role.AreaLeader }, { "社区", Role.CommunityLeader }, { "员工", Role.Staff },
        { "街道", Role.StreetManager }, { "区", Role.DistrictManager },
    };

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database);
        var vault = _api.Services.GetRequiredService<Vault>();
        _scene = new Scene(vault)
            .Person("楼层长", Role.FloorLeader, "s.c.a.b.f1", leads: true).Person("楼长", Role.BuildingLeader, "s.c.a.b", leads: true).Person("片区长", Role.AreaLeader, "s.c.a", leads: true)
            .Person("社区", Role.CommunityLeader, "s.c", leads: true).Person("员工", Role.Staff, "s.c").Person("街道", Role.StreetManager, "s").Person("区", Role.DistrictManager, "")
            .Person("两处", Role.FloorLeader, "s.c.a.b.f1").Person("两处", Role.Staff, "s.d")
            .Person("劳务", Role.LabourOfficer, "s.c").Person("部门", Role.DepartmentLiaison, "s").Person("系统", Role.SystemAdmin, "").Person("安全", Role.SecurityAdmin, "").Person("审计", Role.AuditAdmin, "");
        var born = Day.AddYears(-40).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        // Every tag has a value of its own; those that no rule reads wait in the database for whoever should show them by mistake.
        var others = TagCatalogue.Default.Tags.Where(t => TagRules.Door(t.Code) is null && Hard.All(h => h.Tag != t.Code)).Select((t, i) => (t.Code, t.ValueType switch
        {
            TagValueType.Bool => "true",
            TagValueType.Enum => t.EnumValues!.Split(':')[0],
            TagValueType.Money => $"{3141590 + i}.27",
            TagValueType.Number => $"{i % 7}",
            TagValueType.Date => t.Code == "birth_date" ? born : Day.AddDays(-31 - i).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            _ => $"私密内容{i}",
        }));
        _scene.Home("s.c.a.b.f1", "101", Day, [.. Hard, .. others]);
        _scene.Home("s.d.a.b.f1", "901", Day);
        // Nothing is known of her health, her income or her work: everything that is asked is missing.
        _scene.Home("s.c.a.b.f1", "102", Day, ("birth_date", Day.AddYears(-80).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)), ("health_status", "frail"));
        _scene.Joined("居民", "101");
        await _scene.SaveAsync(fixture.Database);
        await using (var source = new Npgsql.NpgsqlDataSourceBuilder(fixture.Database.Superuser).Build())
        await using (var rows = source.CreateCommand("select id, tag_code, value from tag_values where household_id = $1"))
        {
            rows.Parameters.Add(new Npgsql.NpgsqlParameter { Value = _scene.Household("101").Id });
            await using var reader = await rows.ExecuteReaderAsync();
            while (await reader.ReadAsync()) _rows[reader.GetGuid(0)] = (reader.GetString(1), vault.OpenText(SealedFields.TagValue, reader.GetGuid(0), new(reader.GetFieldValue<byte[]>(2))));
        }
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Theory]
    [MemberData(nameof(Readers))]
    public async Task AZ10_of_137_tags_an_answer_carries_those_that_the_role_may_see_and_no_other(string who, Role role)
    {
        var (sheet, page) = await ReadAsync(who);
        var all = Facts((await ReadAsync("员工")).Sheet);
        var shown = Facts(sheet);
        bool MaySee(string tag) => Right(tag, role) == "see";

        // What staff see comes from these rows; whoever may see all of a fact's rows sees the fact, and nobody else does.
        var due = all.Where(f => f.Tags.All(MaySee)).Select(f => f.Key).Distinct().Order().ToList();
        Assert.Equal(due, shown.Select(f => f.Key).Distinct().Order());
        Assert.All(shown.SelectMany(f => f.Tags), tag => Assert.True(MaySee(tag), $"{role} sees {tag}"));

        // Whatever else the answers hold, they do not hold the value of a tag that is not hers to see.
        var text = sheet.GetRawText() + page.GetRawText();
        var telling = _rows.Values.Where(r => !MaySee(r.Tag) && (r.Value.Length > 4 || r.Value.Any(c => c > '\u2e80'))).ToList();
        Assert.All(telling, r => Assert.False(text.Contains($"\"{r.Value}\"", StringComparison.Ordinal) || r.Value.Contains('.') && text.Contains(r.Value, StringComparison.Ordinal), $"{role}: {r.Tag}"));
        Assert.All(_rows, r => Assert.False(!MaySee(r.Value.Tag) && text.Contains($"{r.Key}", StringComparison.Ordinal), $"{role}: a row of {r.Value.Tag}"));
        Assert.Equal(Right("net_income_per_capita", role) is "band" or "see", page.GetProperty("income").GetString() != "unknown");
        Figures.Print($"AZ10 {SnakeCase.Of(role)}: {shown.Count} of {all.Count} facts, {TagCatalogue.Default.Tags.Count} tags, 0 extra fields");
    }

    [Theory]
    [MemberData(nameof(Readers))]
    public async Task AZ10_identity_fields_are_shown_by_role(string who, Role role)
    {
        var person = (await ReadAsync(who)).Page.GetProperty("people")[0];
        (string Field, string Member)[] members = [("residents.name", "name"), ("residents.phone", "phone"), ("residents.id_number", "idNumber"), ("birth_date", "age")];
        foreach (var (field, member) in members) Assert.Equal(Right(field, role) == "see", person.GetProperty(member).ValueKind != JsonValueKind.Null);
    }

    [Theory]
    [MemberData(nameof(Readers))]
    public async Task AZ10_who_may_only_ask_is_told_that_an_answer_is_missing_and_who_may_not_is_not(string who, Role role)
    {
        if (role == Role.Resident) return;
        var (sheet, page) = await ReadAsync(who, "102");
        foreach (var unknown in sheet.GetProperty("unknowns").EnumerateArray().Concat(page.GetProperty("unknowns").EnumerateArray()))
            Assert.NotEqual("-", Right(unknown.GetProperty("tag").GetString()!, role));
        // She is 80 and frail: her self-care is asked about, by those who visit her.
        Assert.Equal(Right("self_care", role) != "-", page.GetProperty("unknowns").EnumerateArray().Any(u => u.GetProperty("tag").GetString() == "self_care"));
        Assert.DoesNotContain("frail", sheet.GetRawText() + page.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AZ10_what_staff_may_see_there_a_floor_leader_here_may_not()
    {
        var (own, here) = (Facts((await ReadAsync("楼层长")).Sheet), Facts((await ReadAsync("两处")).Sheet));
        Assert.Equal(own.Select(f => f.Key), here.Select(f => f.Key));
    }

    [Theory]
    [InlineData("劳务")]
    [InlineData("部门")]
    [InlineData("系统")]
    [InlineData("安全")]
    [InlineData("审计")]
    public async Task AZ10_the_other_roles_read_no_household(string who)
    {
        var caller = await SignInAsync(who);
        foreach (var part in (string[])["", "/tier"]) await caller.GetAsync($"/api/v1/households/{_scene.Household("101").Id}{part}").RefusedAsync(403, "operation_not_allowed");
    }

    [Fact]
    public void AZ10_the_table_has_a_row_for_each_tag_and_each_identity_field_and_a_column_for_each_role()
    {
        Assert.Equal(137, TagCatalogue.Default.Tags.Count);
        var identity = DataClasses.Rows.Where(r => r.Table == "residents" && r.Class is "personal" or "sensitive" && r.Table == "residents"
            && !r.Column.EndsWith("_index", StringComparison.Ordinal) && r.Column is not ("household_id" or "node_path")).Select(r => $"residents.{r.Column}");
        Assert.Equal(TagCatalogue.Default.Tags.Select(t => t.Code).Concat(identity).Order(StringComparer.Ordinal), Table.Keys.Order(StringComparer.Ordinal));
        Assert.All(Table.Values, row => Assert.Equal(SnakeCase.All<Role>().Order(StringComparer.Ordinal), row.Keys.Order(StringComparer.Ordinal)));
        // Whoever may read no household sees no field; what is sensitive a leader or manager sees only where the table says so by name.
        foreach (var role in (Role[])[Role.LabourOfficer, Role.DepartmentLiaison, Role.SystemAdmin, Role.SecurityAdmin, Role.AuditAdmin]) Assert.All(Table.Keys, field => Assert.Equal("-", Right(field, role)));
        foreach (var tag in (string[])["health_status", "major_illness_kind", "chronic_kind", "disability_kind", "disability_grade", "dementia", "mental_follow_up", "wage_income", "debt_total"])
            foreach (var role in (Role[])[Role.FloorLeader, Role.BuildingLeader, Role.AreaLeader, Role.StreetManager, Role.DistrictManager]) Assert.NotEqual("see", Right(tag, role));
        Assert.Equal(FieldRight.None, FieldRights.Load().Of([Role.Staff]).Sees("not_in_the_table") ? FieldRight.See : FieldRight.None);
    }

    private async Task<(JsonElement Sheet, JsonElement Page)> ReadAsync(string who, string door = "101")
    {
        var (caller, home) = (await SignInAsync(who), $"/api/v1/households/{_scene.Household(door).Id}");
        return (await caller.GetAsync($"{home}/tier").OkAsync(), await caller.GetAsync(home).OkAsync());
    }

    /// <summary>Facts of a sheet with the tags of the rows behind them.</summary>
    private List<(string Key, List<string> Tags)> Facts(JsonElement sheet) =>
        [.. sheet.GetProperty("reasons").EnumerateArray().SelectMany(r => r.GetProperty("facts").EnumerateArray()).Select(f => (
            f.GetProperty("key").GetString()!,
            f.GetProperty("origins").EnumerateArray().Where(o => o.GetProperty("kind").GetString() == "tag_value").Select(o => _rows[o.GetProperty("id").GetGuid()].Tag).ToList()))];

    private static string Right(string field, Role role) => Table[field][SnakeCase.Of(role)];

    private static Dictionary<string, Dictionary<string, string>> ReadTable()
    {
        var lines = File.ReadAllLines(Path.Combine(DirectionTests.Root(), "api/Platform/Security/field-rights.csv")).Select(l => l.Split(',')).ToList();
        return lines.Skip(1).ToDictionary(l => l[0], l => lines[0].Zip(l).Skip(1).ToDictionary(c => c.First, c => c.Second));
    }

    private Task<SignedIn> SignInAsync(string who) => _api.SignInAsync(_scene.OpenIdOf(who));
}
