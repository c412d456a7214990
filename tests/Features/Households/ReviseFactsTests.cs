using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Features.Households;

public sealed class ReviseFactsTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private Api _api = null!;
    private Scene _scene = null!;
    private SignedIn _staff = null!;
    private Guid _home;

    private string Path => $"/api/v1/households/{_home}/facts";

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database);
        _scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("员", Role.Staff, "s.c").Person("楼层长", Role.FloorLeader, "s.c.a.b.f1", leads: true).Person("别处", Role.Staff, "s.d");
        _home = _scene.Home("s.c.a.b.f1", $"{_scene.Top}-1", Day).Id;
        await _scene.SaveAsync(fixture.Database);
        _staff = await _api.SignInAsync(_scene.OpenIdOf("员"));
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task A07_H1_a_serious_illness_turns_the_household_red_at_once_and_everything_is_recorded_together()
    {
        var answer = await _staff.SendAsync(HttpMethod.Put, Path, Illness(), ifMatch: "\"1\"");
        var body = await Task.FromResult(answer).OkAsync();
        Assert.Equal("red", body.GetProperty("tier").GetString());
        Assert.Equal("provisional", body.GetProperty("state").GetString());
        Assert.Equal("R5", body.GetProperty("reasons")[0].GetString());
        Assert.Equal(2, body.GetProperty("revision").GetInt32());
        Assert.Equal("\"2\"", answer.Headers.ETag!.ToString());
        // The earlier of the old due day and a week from now.
        Assert.Equal(Day.AddDays(7).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), body.GetProperty("dueDay").GetString());

        Assert.Equal(1L, await Count("tier_changes where household_id = $1 and from_tier = 'green' and to_tier = 'red' and to_state = 'provisional'", _home));
        Assert.Equal(1L, await Count("tile_changes where household_id = $1 and tier = 'red'", _home));
        Assert.Equal(1L, await Count("audit_entries where operation = 'reviseFacts' and result = 'done' and $1 = any(target_ids)", _home));
        Assert.Equal("red", await fixture.Database.ScalarAsync<string>("select tier from tiles where household_id = $1", _home));
        Assert.True(await Count("outbox_messages where payload->>'householdId' = $1::text", _home) >= 1);
    }

    [Fact]
    public async Task RL02_the_same_key_gives_the_first_answer_and_one_effect()
    {
        var first = await (await _staff.SendAsync(HttpMethod.Put, Path, Illness(), "key-1", "\"1\"")).Content.ReadAsStringAsync();
        for (var i = 0; i < 5; i++)
        {
            var again = await _staff.SendAsync(HttpMethod.Put, Path, Illness(), "key-1", "\"1\"");
            Assert.Equal(200, (int)again.StatusCode);
            Assert.Equal(first, await again.Content.ReadAsStringAsync());
            Assert.Equal("\"2\"", again.Headers.ETag!.ToString());
        }

        Assert.Equal(1L, await Count("tag_values where household_id = $1 and recorded_by is not null", _home));
        await _staff.SendAsync(HttpMethod.Put, Path, Illness("accident"), "key-1", "\"1\"").RefusedAsync(422, "idempotency_key_reused");
    }

    [Fact]
    public async Task RL02_two_at_once_with_one_key_have_one_effect()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _staff.SendAsync(HttpMethod.Put, Path, Illness(), "key-2", "\"1\"")));
        Assert.All(answers, a => Assert.Contains((int)a.StatusCode, (int[])[200, 409]));
        Assert.Contains(answers, a => a.IsSuccessStatusCode);
        Assert.Equal(1L, await Count("tag_values where household_id = $1 and recorded_by is not null", _home));
    }

    [Fact]
    public async Task RL04_of_writers_with_the_same_revision_one_wins_and_the_others_learn_the_present_state()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _staff.SendAsync(HttpMethod.Put, Path, Illness(), ifMatch: "\"1\"")));
        Assert.Single(answers, a => a.IsSuccessStatusCode);
        foreach (var loser in answers.Where(a => !a.IsSuccessStatusCode))
        {
            var body = await Task.FromResult(loser).RefusedAsync(412, "version_stale");
            Assert.Equal(2, body.GetProperty("revision").GetInt32());
            Assert.Equal("\"2\"", loser.Headers.ETag!.ToString());
        }

        Assert.Equal(1L, await Count("tier_changes where household_id = $1", _home));
    }

    [Fact]
    public async Task A_request_without_its_headers_is_told_which()
    {
        await _staff.SendAsync(HttpMethod.Put, Path, Illness()).RefusedAsync(428, "if_match_missing");
        await _staff.Client.PutAsJsonAsync(Path, Illness()).RefusedAsync(400, "idempotency_key_missing");
    }

    [Fact]
    public async Task AZ07_a_household_out_of_reach_answers_exactly_like_one_that_does_not_exist()
    {
        var foreign = await _api.SignInAsync(_scene.OpenIdOf("别处"));
        var hidden = await foreign.SendAsync(HttpMethod.Put, Path, Illness(), ifMatch: "\"1\"").RefusedAsync(404, "not_found");
        var missing = await foreign.SendAsync(HttpMethod.Put, $"/api/v1/households/{Guid.CreateVersion7()}/facts", Illness(), ifMatch: "\"1\"").RefusedAsync(404, "not_found");
        static string Without(JsonElement body) => string.Join('|', body.EnumerateObject().Where(p => p.Name != "traceId").Select(p => $"{p.Name}={p.Value}"));
        Assert.Equal(Without(missing), Without(hidden));
        Assert.Equal(0L, await Count("tag_values where household_id = $1 and recorded_by is not null", _home));
    }

    [Fact]
    public async Task AZ01_a_floor_leader_cannot_use_the_facts_door()
    {
        var leader = await _api.SignInAsync(_scene.OpenIdOf("楼层长"));
        await leader.SendAsync(HttpMethod.Put, Path, Illness(), ifMatch: "\"1\"").RefusedAsync(403, "operation_not_allowed");
    }

    [Theory]
    [InlineData("last_major_event", "flood", "values[0].value")]
    [InlineData("last_major_event", "", "values[0].value")]
    [InlineData("no_such_tag", "1", "values[0].tag")]
    [InlineData("registry_kind", "monitored", "values[0].tag")]
    [InlineData("wage_income", "-1", "values[0].value")]
    [InlineData("wage_income", "1e9", "values[0].value")]
    [InlineData("wage_income", "12.345", "values[0].value")]
    [InlineData("wage_income", "NaN", "values[0].value")]
    [InlineData("income_checked_on", "2026-02-30", "values[0].value")]
    [InlineData("income_checked_on", "1899-12-31", "values[0].value")]
    [InlineData("water_safe", "yes", "values[0].value")]
    [InlineData("origin_village", "a\u0000b", "values[0].value")]
    [InlineData("gender", "male", "values[0].tag")]
    public async Task IN02_a_bad_value_is_named_in_Chinese_and_changes_nothing(string tag, string value, string member)
    {
        var body = $$"""{"values":[{"subject":"household","subjectId":"{{_home}}","tag":"{{tag}}","value":{{JsonSerializer.Serialize(value)}},"observedAt":"2026-11-20"}]}""";
        var refused = await Put(body).RefusedAsync(422, "value_invalid");
        Assert.Contains(refused.GetProperty("errors").GetProperty(member)[0].GetString()!, c => c >= '一');
        Assert.Equal(0L, await Count("tag_values where household_id = $1 and recorded_by is not null", _home));
    }

    [Theory]
    [InlineData("""{"values":[]}""", 400)]
    [InlineData("""{"values":null}""", 400)]
    [InlineData("""{"values":[null]}""", 400)]
    [InlineData("""{}""", 400)]
    [InlineData("""{"values":[{"subject":"household","subjectId":"x","tag":"a","value":"b","observedAt":"2026-11-20"}]}""", 400)]
    [InlineData("""{"values":[{"subject":"house","subjectId":"$","tag":"a","value":"b","observedAt":"2026-11-20"}]}""", 400)]
    [InlineData("""{"values":[{"subject":0,"subjectId":"$","tag":"water_safe","value":"true","observedAt":"2026-11-20"}]}""", 400)]
    [InlineData("""{"values":[{"subject":"household","subjectId":"$","tag":"water_safe","value":true,"observedAt":"2026-11-20"}]}""", 400)]
    [InlineData("""{"values":[{"subject":"household","subjectId":"$","tag":"water_safe","value":"true","observedAt":"20.11.2026"}]}""", 400)]
    [InlineData("""{"values":[{"subject":"household","subjectId":"$","tag":"water_safe","value":"true","observedAt":"2026-11-21"}]}""", 422)]
    [InlineData("""{"values":[{"subject":"household","subjectId":"$","tag":"water_safe","value":"true","observedAt":"0001-01-01"}]}""", 422)]
    [InlineData("""{"values":[{"subject":"household","subjectId":"$","tag":"water_safe","value":"true","observedAt":"2026-11-20","validTo":"2026-11-19"}]}""", 422)]
    [InlineData("""{"values":[{"subject":"household","subjectId":"$","tag":"water_safe","value":"true","observedAt":"2026-11-20","tier":"green"}]}""", 400)]
    [InlineData("""{"values":[{"subject":"household","subjectId":"$","tag":"water_safe","value":"true","observedAt":"2026-11-20"}],"tier":"green"}""", 400)]
    [InlineData("""{"values":[{"subject":"person","subjectId":"$","tag":"medical_insured","value":"true","observedAt":"2026-11-20"}]}""", 422)]
    [InlineData("""{"values":[{"subject":"household","subjectId":"$","tag":"origin_village","value":"\ud800","observedAt":"2026-11-20"}]}""", 400)]
    [InlineData("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 400)]
    public async Task IN01_AZ09_input_that_does_not_fit_is_refused_and_changes_nothing(string body, int status)
    {
        using var answer = await Put(body.Replace("$", _home.ToString(), StringComparison.Ordinal));
        Assert.True(status == (int)answer.StatusCode, $"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
        Assert.Equal(0L, await Count("tag_values where household_id = $1 and recorded_by is not null", _home));
        Assert.Equal(1, await fixture.Database.ScalarAsync<int>("select revision from households where id = $1", _home));
    }

    [Fact]
    public async Task A_late_value_is_placed_by_the_day_it_was_observed()
    {
        // Insured again today; then it becomes known that the gap began long ago: the span before today is judged by its own dates.
        var person = await fixture.Database.ScalarAsync<Guid>("select resident_id from memberships where household_id = $1", _home);
        await _staff.SendAsync(HttpMethod.Put, Path, Values(("person", person, "medical_insured", "false", Day.AddDays(-5))), ifMatch: "\"1\"").OkAsync();
        var late = await _staff.SendAsync(HttpMethod.Put, Path, Values(("person", person, "medical_insured", "false", Day.AddDays(-15))), ifMatch: "\"2\"").OkAsync();
        Assert.Contains("Y10", late.GetProperty("reasons").EnumerateArray().Select(r => r.GetString()));
        var sheet = await _staff.GetAsync($"/api/v1/households/{_home}/tier").OkAsync();
        var fact = sheet.GetProperty("reasons").EnumerateArray().Single(r => r.GetProperty("rule").GetString() == "Y10").GetProperty("facts").EnumerateArray()
            .Single(f => f.GetProperty("key").GetString() == "uninsuredDays");
        Assert.Equal("15", fact.GetProperty("value").GetString());
    }

    [Fact]
    public async Task B1_the_decision_sheet_names_rule_fact_date_source_threshold_and_one_plain_sentence()
    {
        await _staff.SendAsync(HttpMethod.Put, Path, Illness(), ifMatch: "\"1\"").OkAsync();
        var sheet = await _staff.GetAsync($"/api/v1/households/{_home}/tier").OkAsync();
        Assert.Equal("红色 待核实", sheet.GetProperty("tierText").GetString());
        Assert.Equal("default-1", sheet.GetProperty("ruleSet").GetString());
        Assert.Matches("^[0-9a-f]{64}$", sheet.GetProperty("ruleSetHash").GetString());
        Assert.Contains("您家", sheet.GetProperty("sentence").GetString());
        var r5 = sheet.GetProperty("reasons")[0];
        Assert.Equal("R5", r5.GetProperty("rule").GetString());
        Assert.NotEmpty(r5.GetProperty("threshold").GetString()!);
        var origin = r5.GetProperty("facts")[0].GetProperty("origins")[0];
        Assert.Equal("tag_value", origin.GetProperty("kind").GetString());
        Assert.Equal("2026-11-20", origin.GetProperty("day").GetString());
        Assert.Equal("staff", origin.GetProperty("source").GetString());
        Assert.Equal(await fixture.Database.ScalarAsync<Guid>("select id from tag_values where household_id = $1 and recorded_by is not null", _home), origin.GetProperty("id").GetGuid());
    }

    private object Illness(string what = "illness") => Values(("household", _home, "last_major_event", what, Day));

    private static object Values(params (string Subject, Guid Id, string Tag, string Value, DateOnly Day)[] values) =>
        new { values = values.Select(v => new { subject = v.Subject, subjectId = v.Id, tag = v.Tag, value = v.Value, observedAt = v.Day }).ToArray() };

    private async Task<HttpResponseMessage> Put(string body)
    {
        var request = new HttpRequestMessage(HttpMethod.Put, Path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Add("Idempotency-Key", Guid.CreateVersion7().ToString());
        request.Headers.TryAddWithoutValidation("If-Match", "\"1\"");
        return await _staff.Client.SendAsync(request);
    }

    private Task<long> Count(string what, params object[] parameters) => fixture.Database.ScalarAsync<long>($"select count(*) from {what}", parameters);
}
