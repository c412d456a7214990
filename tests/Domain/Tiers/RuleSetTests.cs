using System.Text;
using Backend.Domain.Tiers;

namespace Backend.Tests.Domain.Tiers;

public class RuleSetTests
{
    private const string All = """
        "monitoring_line":1,"attention_factor":1.2,"clear_factor":1.05,"medical_self_paid":1,"education_self_paid":1,"event_days":90,
        "insurance_grace_days":30,"zero_employment_days":30,"income_stale_days":365,"income_drop_pct":-30,"unstable_months":6,"job_lost_days":60,
        "red_min_days":180,"clear_months":6,"orange_min_days":365,"yellow_clear_days":90,"verify_visit_days":30,"temporary_relief_count":2,
        "dependents_per_worker":3
        """;

    private static RuleSet Parse(string json) => RuleSet.Parse(Encoding.UTF8.GetBytes(json.Replace("ALL", All, StringComparison.Ordinal)));

    [Fact]
    public void The_default_line_is_dated_and_the_demo_place_has_its_own()
    {
        Assert.Equal("default-1", RuleSet.Default.Name);
        Assert.Equal(8700, RuleSet.Default.At("xx.yy", new(2026, 11, 20)).MonitoringLine);
        Assert.Equal(6000, RuleSet.Default.At("xx.yy", new(2023, 12, 31)).MonitoringLine);
        Assert.Equal(8000, RuleSet.Default.At("dc", new(2026, 11, 20)).MonitoringLine);
        Assert.Equal(8000, RuleSet.Default.At("dc.td.ty.a1.b13.f4", new(2026, 11, 20)).MonitoringLine);
    }

    [Fact]
    public void AZ04_A_place_covers_whole_segments_only()
    {
        Assert.Equal(8700, RuleSet.Default.At("dc1", new(2026, 11, 20)).MonitoringLine);
        Assert.Equal(8700, RuleSet.Default.At("dc1.td", new(2026, 11, 20)).MonitoringLine);
        Assert.Equal(8700, RuleSet.Default.At("d", new(2026, 11, 20)).MonitoringLine);
    }

    [Fact]
    public void The_most_specific_place_wins_then_the_newest_start_that_has_come()
    {
        var set = Parse("""
            {"name":"n","engine":1,"parameters":[
              {"place":"a.b","from":"2026-06-01","values":{"monitoring_line":5}},
              {"place":"a.b","from":"2020-01-01","values":{"monitoring_line":4}},
              {"place":"a","from":"2026-07-01","values":{"monitoring_line":3,"event_days":60}},
              {"place":"","from":"2021-01-01","values":{ALL}}]}
            """);

        Assert.Equal(4, set.At("a.b.c", new(2026, 5, 31)).MonitoringLine);
        Assert.Equal(5, set.At("a.b.c", new(2026, 6, 1)).MonitoringLine);
        Assert.Equal(5, set.At("a.b.c", new(2026, 7, 1)).MonitoringLine);
        Assert.Equal(60, set.At("a.b.c", new(2026, 7, 1)).EventDays);
        Assert.Equal(1, set.At("a.c", new(2026, 6, 30)).MonitoringLine);
        Assert.Equal(1, set.At("", new(1999, 1, 1)).MonitoringLine);
        Assert.Equal([new DateOnly(2026, 6, 1), new DateOnly(2026, 7, 1)], set.ChangesAfter("a.b", new(2026, 5, 31)).Order());
    }

    [Fact]
    public void Its_hash_follows_the_content_and_not_the_layout()
    {
        var set = Parse("""{"name":"n","engine":1,"parameters":[{"place":"","from":"2021-01-01","values":{ALL}}]}""");
        var same = Parse("""{ "engine":1.0, "parameters":[{"values":{ALL}, "place":"", "from":"2021-01-01"}], "name":"n"}""");
        var other = Parse("""{"name":"n","engine":1,"parameters":[{"place":"","from":"2021-01-02","values":{ALL}}]}""");

        Assert.Equal(set.Hash, same.Hash);
        Assert.NotEqual(set.Hash, other.Hash);
        Assert.Matches("^[0-9a-f]{64}$", set.Hash);
    }

    [Fact]
    public void The_shipped_set_changes_only_on_purpose() =>
        // A new hash means a new rule set: give it a new name, or tell every deployment why its evaluations carry another one.
        Assert.Equal("e9a34844597ff10d1045c7650663caa54f95448e957289ec89929e24d979d979", RuleSet.Default.Hash);

    [Theory]
    [InlineData("not json")]
    [InlineData("[]")]
    [InlineData("""{"name":"n","parameters":[]}""")]
    [InlineData("""{"name":"n","parameters":[{"place":"","from":"2021-01-01","values":{"monitoring_line":1}}]}""")]
    [InlineData("""{"name":"n","parameters":[{"place":"","from":"tomorrow","values":{ALL}}]}""")]
    [InlineData("""{"name":"n","parameters":[{"place":"","from":"2021-01-01","values":{ALL,"monitoring_lines":1}}]}""")]
    [InlineData("""{"name":"n","parameters":[{"place":"","from":"2021-01-01","values":{ALL}},{"place":"a","from":"2021-01-01","values":{"event_days":1.5}}]}""")]
    [InlineData("""{"name":"n","parameters":[{"place":"","from":"2021-01-01","values":{ALL}},{"place":"","from":"2021-01-01","values":{ALL}}]}""")]
    [InlineData("""{"name":"n","parameters":[{"place":"a","from":"2021-01-01","values":{ALL}}]}""")]
    public void A_set_that_the_rules_cannot_read_is_refused(string json) =>
        Assert.Throws<FormatException>(() => Parse(json));
}
