using System.Net;
using System.Text;
using Backend.Domain.Grid;
using Backend.Features.Readings;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Backend.Tests.Features.Readings;

/// <summary>A full phone number is shown by one operation alone: for a purpose, with a justification, counted and audited (PD04).</summary>
public sealed class RevealPhoneTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private const string Number = "10012345678", IdNumber = "990113198001010011";
    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private Api _api = null!;
    private Scene _scene = null!;
    private Guid _child;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database);
        _scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("一层", Role.FloorLeader, "s.c.a.b.f1", leads: true)
            .Person("二层", Role.FloorLeader, "s.c.a.b.f2", leads: true)
            .Person("员工", Role.Staff, "s.c");
        foreach (var door in (string[])["101", "102"]) _scene.Home("s.c.a.b.f1", door, Day);
        _scene.Home("s.c.a.b.f2", "201", Day);
        _scene.Joined("居民", "101");
        _child = _scene.Member("102", "孩子", Day.AddYears(-10), Day);
        await _scene.SaveAsync(fixture.Database);
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Theory]
    [InlineData("一层")]
    [InlineData("员工")]
    [InlineData("居民")]
    public async Task PD04_AU01_who_may_sees_the_full_number_and_it_is_audited_with_her_and_the_resident(string who)
    {
        using var answer = await RevealAsync(await SignInAsync(who), "101");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("no-store", answer.Headers.CacheControl?.ToString());
        var body = await answer.JsonAsync();
        Assert.Equal((Number, RevealPhone.MostInADay - 1), (body.GetProperty("phone").GetString(), body.GetProperty("leftToday").GetInt32()));
        var (home, head, account) = (_scene.Household("101").Id, _scene.Head("101"), _scene.Account(who).Id);
        Assert.Equal(1, await fixture.Database.ScalarAsync<long>(
            "select count(*) from audit_entries where operation = 'revealPhone' and result = 'done' and account_id = $1 and target_ids @> array[$2, $3]", account, home, head));
        Assert.Equal("visit", await fixture.Database.ScalarAsync<string>("select purpose from reveals where account_id = $1 and household_id = $2 and resident_id = $3", account, home, head));
    }

    [Fact]
    public async Task PD04_RL02_the_number_and_the_justification_are_nowhere_in_clear_after_it()
    {
        await RevealAsync(await SignInAsync("一层"), "101").OkAsync();
        foreach (var table in (string[])["reveals", "audit_entries", "idempotency_records", "outbox_messages"])
            Assert.Equal(0, await fixture.Database.ScalarAsync<long>($"select count(*) from {table} t where t::text like $1 or t::text like $2 or t::text like $3",
                $"%{Number}%", "%约定上门时间%", $"%{Convert.ToHexStringLower(Encoding.UTF8.GetBytes("约定上门时间"))}%"));
        Assert.Equal(0, await fixture.Database.ScalarAsync<long>("select count(*) from idempotency_records where route like '%phone-reveals'"));
    }

    [Theory]
    [InlineData("二层", "101", "101")]
    [InlineData("一层", "201", "201")]
    [InlineData("一层", "101", "102")]
    [InlineData("一层", "101", "201")]
    [InlineData("居民", "102", "102")]
    public async Task PD04_AZ08_household_and_resident_are_checked_together(string who, string door, string of)
    {
        var caller = await SignInAsync(who);
        await RevealAsync(caller, door, of: of).RefusedAsync(404, "not_found");
        Assert.Equal(0, await fixture.Database.ScalarAsync<long>("select count(*) from reveals where account_id = $1", _scene.Account(who).Id));
    }

    [Theory]
    [InlineData("visit", "", "invalid_request")]
    [InlineData("visit", "  ", "invalid_request")]
    [InlineData("visit", "写", "invalid_request")]
    [InlineData("visit", "上门\u0000看看", "invalid_request")]
    [InlineData("visit", "上门\u001b[31m看看", "invalid_request")]
    [InlineData("because", "约定上门时间", "malformed_body")]
    [InlineData(null, "约定上门时间", "invalid_request")]
    public async Task PD04_IN02_without_a_purpose_and_a_justification_nothing_is_shown(string? purpose, string justification, string code) =>
        await RevealAsync(await SignInAsync("一层"), "101", purpose, justification).RefusedAsync(400, code);

    [Fact]
    public async Task PD04_a_resident_without_a_phone_is_said_to_have_none()
    {
        await fixture.Database.ExecuteAsync("update residents set phone = null where id = $1", _scene.Head("102"));
        await RevealAsync(await SignInAsync("一层"), "102").RefusedAsync(409, "no_phone");
        await RevealAsync(await SignInAsync("二层"), "102").RefusedAsync(404, "not_found");
    }

    [Fact]
    public async Task PD06_PD07_the_number_of_a_child_is_shown_only_while_a_guardian_consents()
    {
        var vault = _api.Services.GetRequiredService<Vault>();
        await fixture.Database.ExecuteAsync("update residents set phone = $2 where id = $1", _child, vault.Seal(SealedFields.ResidentPhone, _child, Number).Bytes);
        var leader = await SignInAsync("一层");
        Task<HttpResponseMessage> AskAsync() => leader.SendAsync(
            HttpMethod.Post, $"/api/v1/households/{_scene.Household("102").Id}/residents/{_child}/phone-reveals", new { purpose = "visit", justification = "约定上门时间" });
        Task SayAsync(bool withdrawn, int minute) => fixture.Database.ExecuteAsync(
            "insert into consents (id, account_id, resident_id, purpose, version, withdrawn, at, channel) values (gen_random_uuid(), $1, $2, 'child_contact', 1, $3, $4, 'browser')",
            _scene.Account("居民").Id, _child, withdrawn, Api.Noon.AddMinutes(minute - 10));
        await AskAsync().RefusedAsync(409, "no_phone");
        await SayAsync(withdrawn: false, 1);
        await AskAsync().OkAsync();
        await SayAsync(withdrawn: true, 2);
        await AskAsync().RefusedAsync(409, "no_phone");
        Assert.Equal(1, await fixture.Database.ScalarAsync<long>("select count(*) from reveals where resident_id = $1", _child));
    }

    [Fact]
    public async Task PD04_the_thirtieth_in_an_hour_alarms_once_and_the_sixty_first_in_a_day_is_refused_until_midnight()
    {
        var leader = await SignInAsync("一层");
        for (var i = 1; i <= RevealPhone.MostInADay; i++)
        {
            if (i == 26)
            {
                // Those of the first hour count no longer, but for the day.
                _api.Clock.Advance(TimeSpan.FromMinutes(61));
                leader = await SignInAsync("一层");
            }

            await RevealAsync(leader, i % 2 == 0 ? "101" : "102").OkAsync();
            Assert.Equal(i - 25 < RevealPhone.AlarmedInAnHour ? 0 : 1, _api.Errors.Count(e => e.Contains("reveal_rate", StringComparison.Ordinal)));
        }

        using (var refused = await RevealAsync(leader, "101"))
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
            Assert.Equal("reveals_used_up", (await refused.JsonAsync()).GetProperty("code").GetString());
            var midnight = ShanghaiDay.At(Day.AddDays(1), TimeOnly.MinValue) - _api.Clock.GetUtcNow();
            Assert.Equal(midnight, refused.Headers.RetryAfter!.Delta);
        }

        // Of her account, not of the household: staff go on, and so does she tomorrow.
        await RevealAsync(await SignInAsync("员工"), "101").OkAsync();
        _api.Clock.Advance(ShanghaiDay.At(Day.AddDays(1), TimeOnly.MinValue) - _api.Clock.GetUtcNow());
        await RevealAsync(await SignInAsync("一层"), "101").OkAsync();
        Assert.Equal(1, await fixture.Database.ScalarAsync<long>("select count(*) from audit_entries where operation = 'revealPhone' and result = 'reveals_used_up' and account_id = $1", _scene.Account("一层").Id));
    }

    [Fact]
    public async Task PD04_RL17_of_twenty_at_once_on_two_replicas_exactly_as_many_are_shown_as_are_left()
    {
        await using var other = await Api.StartAsync(fixture.Database);
        var leader = await SignInAsync("一层");
        var elsewhere = new SignedIn(other.Anonymous(), leader.AccessToken, leader.RefreshToken);
        elsewhere.Client.DefaultRequestHeaders.Authorization = leader.Client.DefaultRequestHeaders.Authorization;
        for (var i = 0; i < RevealPhone.MostInADay - 7; i++) await RevealAsync(leader, "101").OkAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => RevealAsync(i % 2 == 0 ? leader : elsewhere, "101")));
        Assert.Equal(7, answers.Count(a => a.StatusCode == HttpStatusCode.OK));
        Assert.Equal(13, answers.Count(a => a.StatusCode == HttpStatusCode.TooManyRequests));
        Array.ForEach(answers, a => a.Dispose());
        Assert.Equal(RevealPhone.MostInADay, await fixture.Database.ScalarAsync<long>("select count(*) from reveals where account_id = $1", _scene.Account("一层").Id));
    }

    [Fact]
    public async Task PD04_a_leader_who_pages_through_everything_sees_no_full_number()
    {
        var leader = await SignInAsync("员工");
        var (pages, bodies) = (new Queue<string>(["/api/v1/me", "/api/v1/notices", "/api/v1/binding-requests", "/api/v1/sessions", "/api/v1/households?limit=1", "/api/v1/grid-nodes"]), 0);
        for (var node = await NodeAsync(leader); node is not null; node = null)
            foreach (var page in (string[])["wall", "overview", "coverage", "leader-loads", "vacancies", "posts"]) pages.Enqueue($"/api/v1/grid-nodes/{node}/{page}");
        var homes = 0;
        while (pages.TryDequeue(out var page))
        {
            using var answer = await leader.GetAsync(page);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            var text = await answer.Content.ReadAsStringAsync();
            bodies++;
            Assert.DoesNotContain(Number, text, StringComparison.Ordinal);
            Assert.DoesNotContain(IdNumber, text, StringComparison.Ordinal);
            Assert.DoesNotMatch(@"(?<![0-9a-f-])1\d{10}(?![0-9a-f])", text);
            if (!page.StartsWith("/api/v1/households?", StringComparison.Ordinal)) continue;
            var list = System.Text.Json.JsonDocument.Parse(text).RootElement;
            foreach (var id in list.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("id").GetString()))
            {
                homes++;
                pages.Enqueue($"/api/v1/households/{id}");
                pages.Enqueue($"/api/v1/households/{id}/tier");
            }

            if (list.GetProperty("next").GetString() is { } next) pages.Enqueue($"/api/v1/households?limit=1&cursor={Uri.EscapeDataString(next)}");
        }

        Assert.Equal(3, homes);
        Assert.Contains("100****5678", await (await leader.GetAsync($"/api/v1/households/{_scene.Household("101").Id}")).Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Figures.Print($"PD04 scraping: {bodies} answers, 0 full numbers");
    }

    [Fact]
    public async Task AZ05_PD04_the_database_itself_takes_no_reveal_in_another_name_or_of_a_stranger()
    {
        var (leader, other) = (_scene.Account("二层").Id, _scene.Account("一层").Id);
        const string Insert = "insert into reveals (id, account_id, household_id, resident_id, purpose, justification, revealed_at) values ($1, $2, $3, $4, 'visit', $5, now())";
        var reach = _scene.Node("s.c.a.b.f2").Path;
        Task<string?> TryAsync(Guid account, string door, string of) =>
            fixture.Database.RefusedAsync(leader, reach, Insert, Guid.CreateVersion7(), account, _scene.Household(door).Id, _scene.Head(of), new byte[] { 1 });
        Assert.Null(await TryAsync(leader, "201", "201"));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await TryAsync(other, "201", "201"));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await TryAsync(leader, "101", "101"));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, await TryAsync(leader, "201", "101"));
    }

    private static async Task<string?> NodeAsync(SignedIn who) => (await who.GetAsync("/api/v1/me").OkAsync()).GetProperty("rootNodes")[0].GetProperty("id").GetString();

    private Task<HttpResponseMessage> RevealAsync(SignedIn who, string door, string? purpose = "visit", string justification = "约定上门时间", string? of = null) => who.SendAsync(
        HttpMethod.Post, $"/api/v1/households/{_scene.Household(door).Id}/residents/{_scene.Head(of ?? door)}/phone-reveals", new { purpose, justification });

    private Task<SignedIn> SignInAsync(string who) => _api.SignInAsync(_scene.OpenIdOf(who));
}
