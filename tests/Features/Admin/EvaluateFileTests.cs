using System.Text.Json;
using Backend.Features.Admin;

namespace Backend.Tests.Features.Admin;

public class EvaluateFileTests
{
    private static readonly string s_examples = Path.Combine(RepositoryRoot(), "tests/Domain/Tiers/tier-rule-examples.json");

    private static string RepositoryRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Backend.sln"))) folder = folder.Parent!;
        return folder.FullName;
    }

    private static async Task<(int Code, string[] Lines, string Error)> Evaluate(string file)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var code = await AdminCommands.RunAsync(["evaluate", file], output, error);
        return (code, output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries), error.ToString());
    }

    private static async Task<(int Code, string[] Lines, string Error)> EvaluateText(string json)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, json);
            return await Evaluate(file);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task Every_worked_example_comes_out_as_it_is_written()
    {
        var (code, lines, error) = await Evaluate(s_examples);

        Assert.Equal((0, ""), (code, error));
        using var document = JsonDocument.Parse(await File.ReadAllBytesAsync(s_examples));
        var expected = document.RootElement.GetProperty("examples").EnumerateArray().Select(example =>
        {
            var answer = example.GetProperty("expected");
            return JsonSerializer.Serialize(new
            {
                id = example.GetProperty("id"),
                tier = answer.GetProperty("effectiveTier"),
                reasons = answer.GetProperty("reasons"),
                blockers = answer.GetProperty("blockers"),
            });
        }).ToArray();
        Assert.Equal(12, expected.Length);
        Assert.Equal(expected, lines);
    }

    [Fact]
    public async Task The_parameters_of_the_file_apply()
    {
        var (code, lines, _) = await EvaluateText("""
            {"ruleSet":"default-1","parameters":{"monitoring_line":20000},"examples":[
              {"id":"甲","currentTier":"green","facts":{"householdSize":3,"netIncome12m":42000,"incomeCheckedDaysAgo":1}},
              {"id":"乙","currentTier":"yellow","currentState":"unassessed","facts":{"householdSize":1,"netIncome12m":42000,"incomeCheckedDaysAgo":1}}]}
            """);

        Assert.Equal(0, code);
        Assert.Equal(["""{"id":"甲","tier":"red","reasons":["R2"],"blockers":[]}""", """{"id":"乙","tier":"green","reasons":["G0"],"blockers":[]}"""], lines);
    }

    [Fact]
    public async Task The_missing_is_not_no_for_size_income_and_its_check_nor_for_an_asked_fact_that_is_null()
    {
        var (_, lines, _) = await EvaluateText("""
            {"examples":[
              {"id":"1","currentTier":"green","facts":{}},
              {"id":"2","currentTier":"green","facts":{"householdSize":1,"netIncome12m":42000,"incomeCheckedDaysAgo":1,"dropout":null}},
              {"id":"3","currentTier":"green","facts":{"householdSize":1,"netIncome12m":42000,"incomeCheckedDaysAgo":1,"labourCount":null}},
              {"id":"4","currentTier":"green","facts":{"householdSize":1,"netIncome12m":42000,"incomeCheckedDaysAgo":1,"loanOverdue":null}}]}
            """);

        Assert.Equal(["Y11", "Y11", "Y11", "G0"], lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("reasons")[0].GetString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"examples":{}}""")]
    [InlineData("""{"ruleSet":"default-9","examples":[]}""")]
    [InlineData("""{"parameters":{"monitoring_line":"8700"},"examples":[]}""")]
    [InlineData("""{"parameters":{"monitoring_lines":8700},"examples":[]}""")]
    [InlineData("""{"parameters":{"event_days":1.5},"examples":[]}""")]
    [InlineData("""{"examples":[{"facts":{}}]}""")]
    [InlineData("""{"examples":[7]}""")]
    [InlineData("""{"examples":[{"id":"1"}]}""")]
    [InlineData("""{"examples":[{"id":"1","facts":[]}]}""")]
    [InlineData("""{"examples":[{"id":"1","currentTier":"blue","facts":{}}]}""")]
    [InlineData("""{"examples":[{"id":"1","facts":{"houseSize":3}}]}""")]
    [InlineData("""{"examples":[{"id":"1","facts":{"householdSize":3.5}}]}""")]
    [InlineData("""{"examples":[{"id":"1","facts":{"householdSize":-1}}]}""")]
    [InlineData("""{"examples":[{"id":"1","facts":{"householdSize":"3"}}]}""")]
    [InlineData("""{"examples":[{"id":"1","facts":{"netIncome12m":1e300}}]}""")]
    [InlineData("""{"examples":[{"id":"1","facts":{"dropout":"yes"}}]}""")]
    [InlineData("""{"examples":[{"id":"1","facts":{"housingGrade":"e"}}]}""")]
    [InlineData("""{"examples":[{"id":"1","facts":{"guaranteeGap":"food,water"}}]}""")]
    [InlineData("""{"examples":[{"id":"1","facts":{"dropout":true,"dropout":false}}]}""")]
    [InlineData("""{"examples":[{"id":"1","facts":{}},{"id":"2","facts":{"debt":-1}}]}""")]
    public async Task A_bad_file_gives_code_2_a_Chinese_text_and_no_line(string json)
    {
        var (code, lines, error) = await EvaluateText(json);

        Assert.Equal(2, code);
        Assert.Empty(lines);
        Assert.StartsWith("文件内容有误：", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_file_gives_code_2_and_a_Chinese_text()
    {
        var (code, lines, error) = await Evaluate("/no/such/file.json");

        Assert.Equal(2, code);
        Assert.Empty(lines);
        Assert.StartsWith("无法读取文件：", error, StringComparison.Ordinal);
    }
}
