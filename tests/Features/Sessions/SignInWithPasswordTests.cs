using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using Backend.Domain.Grid;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Features.Sessions;

/// <summary>Staff at a browser: two factors, counts that lock out nobody but strangers, a way back for who has lost something (ID06 to ID08).</summary>
public sealed class SignInWithPasswordTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private const string Wrong = "000000";

    private Api _api = null!;
    private Scene _scene = null!;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database);
        _scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("员工", Role.Staff, "s.c").AtBrowser("员工")
            .Person("安全", Role.SecurityAdmin, "").AtBrowser("安全")
            .Person("安全二", Role.SecurityAdmin, "").AtBrowser("安全二");
        await _scene.SaveAsync(fixture.Database);
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task ID07_two_factors_open_a_session_of_twelve_hours_that_half_an_hour_of_rest_ends()
    {
        var console = await ConsoleAsync("员工");
        var me = await console.GetAsync("/api/v1/me").OkAsync();
        Assert.Equal(("员工", "staff"), (me.GetProperty("name").GetString(), me.GetProperty("roles")[0].GetString()));
        Assert.Equal("console", (await console.GetAsync("/api/v1/sessions").OkAsync()).GetProperty("items")[0].GetProperty("kind").GetString());
        var refresh = console.RefreshToken;
        for (var minutes = 0; minutes < 12 * 60 - 29; minutes += 29)
        {
            _api.Clock.Advance(TimeSpan.FromMinutes(29));
            refresh = (await RefreshAsync(refresh).OkAsync()).GetProperty("refreshToken").GetString()!;
        }

        _api.Clock.Advance(TimeSpan.FromMinutes(29));
        await RefreshAsync(refresh).RefusedAsync(401, "refresh_token_invalid");

        var idle = await ConsoleAsync("员工");
        _api.Clock.Advance(TimeSpan.FromMinutes(30));
        await RefreshAsync(idle.RefreshToken).RefusedAsync(401, "refresh_token_invalid");
        Assert.Equal(2, await fixture.Database.ScalarAsync<long>("select count(*) from audit_entries where operation = 'signInWithPassword' and result = 'done' and account_id = $1", _scene.Account("员工").Id));
    }

    [Fact]
    public async Task ID07_a_code_counts_once_whoever_shows_it_and_the_neighbouring_steps_count_too()
    {
        var code = StaffFactors.Code(_api.Clock.GetUtcNow());
        var both = await Task.WhenAll(SignInAsync("员工", code), SignInAsync("员工", code));
        Assert.Equal([200, 401], both.Select(a => (int)a.StatusCode).Order());
        Array.ForEach(both, a => a.Dispose());
        await SignInAsync("员工", StaffFactors.Code(_api.Clock.GetUtcNow().AddSeconds(-30))).RefusedAsync(401, "sign_in_refused");
        await SignInAsync("员工", StaffFactors.Code(_api.Clock.GetUtcNow().AddSeconds(30))).OkAsync();
        await SignInAsync("员工", StaffFactors.Code(_api.Clock.GetUtcNow().AddSeconds(60))).RefusedAsync(401, "sign_in_refused");
    }

    [Fact]
    public async Task ID07_an_unknown_name_a_wrong_password_and_a_wrong_code_are_not_told_apart()
    {
        var right = StaffFactors.Code(_api.Clock.GetUtcNow());
        // Whose hash has the rounds of today, so that the time can be compared.
        var hash = await _api.Services.GetRequiredService<Passwords>().HashAsync(StaffFactors.Word, default);
        await fixture.Database.ExecuteAsync("update staff_credentials set password = $2 where account_id = $1", _scene.Account("员工").Id, hash!);
        (string Name, string UserName, string Word, string Code)[] tries =
        [
            ("unknown", $"{_scene.Top}.nobody", StaffFactors.Word, right), ("password", _scene.UserNameOf("员工"), "wrong horse battery", right), ("code", _scene.UserNameOf("员工"), StaffFactors.Word, Wrong),
        ];
        var (texts, times) = (new HashSet<string>(), tries.ToDictionary(t => t.Name, _ => new List<double>()));
        for (var round = 0; round < 5; round++)
        {
            foreach (var (name, userName, word, code) in tries)
            {
                var watch = Stopwatch.StartNew();
                using var answer = await PostAsync(userName, word, code);
                times[name].Add(watch.Elapsed.TotalMilliseconds);
                Assert.Equal(401, (int)answer.StatusCode);
                var text = await answer.Content.ReadAsStringAsync();
                texts.Add(text[..text.IndexOf("\"traceId\"", StringComparison.Ordinal)]);
            }
        }

        Assert.Single(texts);
        var medians = times.ToDictionary(t => t.Key, t => t.Value.Order().ElementAt(2));
        Figures.Print($"ID07 refused sign-ins, median of 5: {string.Join(", ", medians.Select(m => $"{m.Key} {m.Value:0} ms"))}");
        // Each pays for one hash, which is most of it.
        Assert.True(medians.Values.Max() < 3 * medians.Values.Min(), string.Join(", ", medians));
    }

    [Fact]
    public async Task ID07_strangers_use_up_their_own_ten_tries_on_all_replicas_together_and_a_known_browser_still_gets_in()
    {
        var device = (await SignInAsync("员工", StaffFactors.Code(_api.Clock.GetUtcNow())).OkAsync()).GetProperty("deviceToken").GetString()!;
        _api.Clock.Advance(Totp.Step);
        await using var other = await Api.StartAsync(fixture.Database);
        for (var i = 1; i < 10; i++)
        {
            using var client = (i % 2 == 0 ? _api : other).Anonymous();
            await PostAsync(_scene.UserNameOf("员工"), "wrong horse battery", Wrong, i == 5 ? "a stranger's token" : null, client).RefusedAsync(401, "sign_in_refused");
        }

        var code = StaffFactors.Code(_api.Clock.GetUtcNow());
        using (var late = await SignInAsync("员工", code))
        {
            Assert.Equal(429, (int)late.StatusCode);
            Assert.InRange((int)late.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 15 * 60);
        }

        Assert.Equal(device, (await SignInAsync("员工", code, device).OkAsync()).GetProperty("deviceToken").GetString());
        // And nobody learns by it which names there are.
        for (var i = 0; i < 10; i++) await PostAsync($"{_scene.Top}.none", "wrong horse battery", Wrong).RefusedAsync(401, "sign_in_refused");
        await PostAsync($"{_scene.Top}.none", "wrong horse battery", Wrong).RefusedAsync(429, "too_many_requests");
        _api.Clock.Advance(TimeSpan.FromMinutes(15));
        await SignInAsync("员工", StaffFactors.Code(_api.Clock.GetUtcNow())).OkAsync();
    }

    [Fact]
    public async Task ID06_ID07_an_invited_member_of_staff_sets_both_factors_and_an_invitation_holds_once_for_seven_days_until_the_next_one()
    {
        var administrator = await ConsoleAsync("安全");
        var userName = $"{_scene.Top}.new";
        var first = (await administrator.SendAsync(HttpMethod.Post, "/api/v1/staff-invitations", new { name = "新员工", userName }).OkAsync());
        var account = first.GetProperty("accountId").GetGuid();
        await administrator.SendAsync(HttpMethod.Post, "/api/v1/staff-invitations", new { name = "另一人", userName }).RefusedAsync(409, "conflict");
        var invitation = (await administrator.SendAsync(HttpMethod.Post, "/api/v1/staff-invitations", new { accountId = account, userName }).OkAsync()).GetProperty("invitation").GetString()!;
        await OpenAsync(first.GetProperty("invitation").GetString()!).RefusedAsync(422, "invite_invalid");

        var opened = await OpenAsync(invitation).OkAsync();
        Assert.Equal(userName, opened.GetProperty("userName").GetString());
        Assert.StartsWith("otpauth://totp/", opened.GetProperty("uri").GetString(), StringComparison.Ordinal);
        var proof = opened.GetProperty("proof").GetString()!;
        foreach (var weak in (string[])["short", "aaaaaaaaaaaaaaa", "password123456", "123456789012345", userName + "1"])
            await AcceptAsync(invitation, proof, weak).RefusedAsync(422, "password_weak");
        await AcceptAsync(invitation, proof, StaffFactors.Word, Wrong).RefusedAsync(422, "code_wrong");
        var foreign = await OpenAsync(await InviteAsync(administrator, "员工")).OkAsync();
        await AcceptAsync(invitation, foreign.GetProperty("proof").GetString()!, StaffFactors.Word).RefusedAsync(422, "code_wrong");
        var both = await Task.WhenAll(AcceptAsync(invitation, proof, StaffFactors.Word), AcceptAsync(invitation, proof, StaffFactors.Word));
        Assert.Equal([200, 422], both.Select(a => (int)a.StatusCode).Order());
        Array.ForEach(both, a => a.Dispose());

        _api.Clock.Advance(Totp.Step);
        await PostAsync(userName, StaffFactors.Word, StaffFactors.FirstCode(proof, _api.Clock.GetUtcNow())).OkAsync();
        await administrator.SendAsync(HttpMethod.Post, "/api/v1/staff-invitations", new { accountId = _scene.Account("安全").Id, userName = _scene.UserNameOf("安全") }).RefusedAsync(422, "appointment_not_allowed");
        var late = await InviteAsync(administrator, "员工");
        _api.Clock.Advance(TimeSpan.FromDays(7));
        await OpenAsync(late).RefusedAsync(422, "invite_invalid");
    }

    [Fact]
    public async Task ID07_who_has_lost_everything_comes_back_by_a_new_invitation_and_her_old_factors_and_sessions_end()
    {
        var (administrator, old) = (await ConsoleAsync("安全"), await ConsoleAsync("员工"));
        var invitation = await InviteAsync(administrator, "员工");
        var proof = (await OpenAsync(invitation).OkAsync()).GetProperty("proof").GetString()!;
        await AcceptAsync(invitation, proof, "quite another phrase").OkAsync();
        await _api.Services.GetRequiredService<RightsCache>().PollAsync(default);
        await old.GetAsync("/api/v1/me").RefusedAsync(401, "session_ended");
        _api.Clock.Advance(Totp.Step);
        await SignInAsync("员工", StaffFactors.Code(_api.Clock.GetUtcNow())).RefusedAsync(401, "sign_in_refused");
        await PostAsync(_scene.UserNameOf("员工"), "quite another phrase", StaffFactors.FirstCode(proof, _api.Clock.GetUtcNow())).OkAsync();
    }

    [Fact]
    public async Task ID07_ID08_a_recovery_code_signs_in_once_and_lets_her_set_up_another_authenticator()
    {
        var console = await ConsoleAsync("员工");
        var begun = await console.SendAsync(HttpMethod.Post, "/api/v1/me/authenticator").OkAsync();
        var proof = begun.GetProperty("proof").GetString()!;
        var codes = (await console.SendAsync(HttpMethod.Put, "/api/v1/me/authenticator", new { proof, code = StaffFactors.FirstCode(proof, _api.Clock.GetUtcNow()) }).OkAsync())
            .GetProperty("recoveryCodes").EnumerateArray().Select(c => c.GetString()!).ToList();
        Assert.Equal(10, codes.Distinct().Count());
        _api.Clock.Advance(Totp.Step);
        await SignInAsync("员工", StaffFactors.Code(_api.Clock.GetUtcNow())).RefusedAsync(401, "sign_in_refused");
        Assert.Equal(9, (await SignInAsync("员工", codes[0]).OkAsync()).GetProperty("recoveryCodesLeft").GetInt32());
        await SignInAsync("员工", codes[0]).RefusedAsync(401, "sign_in_refused");
        // Neither secrets nor codes are readable in the database.
        Assert.Equal(0, await fixture.Database.ScalarAsync<long>("select count(*) from staff_credentials c where c::text ilike '%' || $1 || '%'", codes[1]));
        Assert.Equal(SecondFactors.HashOf(codes[1]), await fixture.Database.ScalarAsync<byte[]>("select recovery_codes[1] from staff_credentials where account_id = $1", _scene.Account("员工").Id));
    }

    [Fact]
    public async Task ID08_a_fresh_second_factor_lasts_five_minutes_and_is_asked_for_anew()
    {
        var administrator = await ConsoleAsync("安全");
        object Body(int i) => new { name = "新员工", userName = $"{_scene.Top}.s{i}" };
        await administrator.SendAsync(HttpMethod.Post, "/api/v1/staff-invitations", Body(1)).OkAsync();
        _api.Clock.Advance(TimeSpan.FromMinutes(5));
        await administrator.SendAsync(HttpMethod.Post, "/api/v1/staff-invitations", Body(2)).RefusedAsync(403, "step_up_required");
        await StepUpAsync(administrator, Wrong).RefusedAsync(422, "code_wrong");
        var code = StaffFactors.Code(_api.Clock.GetUtcNow());
        await StepUpAsync(administrator, code).OkAsync();
        await StepUpAsync(administrator, code).RefusedAsync(422, "code_wrong");
        await administrator.SendAsync(HttpMethod.Post, "/api/v1/staff-invitations", Body(2)).OkAsync();
        // It belongs to the session, not to the account.
        var phone = await _api.SignInAsync(_scene.OpenIdOf("安全"));
        await phone.SendAsync(HttpMethod.Post, "/api/v1/staff-invitations", Body(3)).RefusedAsync(403, "step_up_required");
        for (var i = 0; i < 7; i++) await StepUpAsync(administrator, Wrong).RefusedAsync(422, "code_wrong");
        await StepUpAsync(administrator, Wrong).RefusedAsync(429, "too_many_requests");
    }

    [Fact]
    public async Task ID07_another_password_ends_her_other_browsers_and_the_old_one_no_longer_holds()
    {
        var other = await ConsoleAsync("员工");
        _api.Clock.Advance(Totp.Step);
        var console = await ConsoleAsync("员工");
        const string phrase = "quite another phrase";
        Task<HttpResponseMessage> ChangeAsync(string word, string newPassword) => console.SendAsync(HttpMethod.Put, "/api/v1/me/password", new { password = word, newPassword });
        await ChangeAsync(StaffFactors.Word, "welcome123456").RefusedAsync(422, "password_weak");
        await ChangeAsync("wrong horse battery", phrase).RefusedAsync(422, "code_wrong");
        await ChangeAsync(StaffFactors.Word, phrase).OkAsync();
        await _api.Services.GetRequiredService<RightsCache>().PollAsync(default);
        await other.GetAsync("/api/v1/me").RefusedAsync(401, "session_ended");
        await console.GetAsync("/api/v1/me").OkAsync();
        _api.Clock.Advance(Totp.Step);
        await SignInAsync("员工", StaffFactors.Code(_api.Clock.GetUtcNow())).RefusedAsync(401, "sign_in_refused");
        await PostAsync(_scene.UserNameOf("员工"), phrase, StaffFactors.Code(_api.Clock.GetUtcNow())).OkAsync();
        Assert.Equal(1, await fixture.Database.ScalarAsync<long>("select count(*) from staff_credentials where account_id = $1 and password like 'pbkdf2-sha512$210000$%'", _scene.Account("员工").Id));
    }

    [Theory]
    [InlineData(59, "287082")]
    [InlineData(1111111109, "081804")]
    [InlineData(1111111111, "050471")]
    [InlineData(1234567890, "005924")]
    [InlineData(2000000000, "279037")]
    [InlineData(20000000000, "353130")]
    public void ID07_the_codes_are_those_of_RFC_6238(long seconds, string code) =>
        Assert.Equal(code, Totp.Code("12345678901234567890"u8, Totp.StepOf(DateTimeOffset.FromUnixTimeSeconds(seconds))));

    [Theory]
    [InlineData("", "")]
    [InlineData("f", "MY")]
    [InlineData("fo", "MZXQ")]
    [InlineData("foo", "MZXW6")]
    [InlineData("foob", "MZXW6YQ")]
    [InlineData("foobar", "MZXW6YTBOI")]
    public void ID07_secrets_are_written_as_RFC_4648_says(string text, string expected) => Assert.Equal(expected, Totp.Base32(System.Text.Encoding.ASCII.GetBytes(text)));

    private async Task<SignedIn> ConsoleAsync(string who)
    {
        var body = await SignInAsync(who, StaffFactors.Code(_api.Clock.GetUtcNow())).OkAsync();
        var (client, access) = (_api.Anonymous(), body.GetProperty("accessToken").GetString()!);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", access);
        return new SignedIn(client, access, body.GetProperty("refreshToken").GetString()!);
    }

    private Task<HttpResponseMessage> SignInAsync(string who, string code, string? device = null) => PostAsync(_scene.UserNameOf(who), StaffFactors.Word, code, device);

    private Task<HttpResponseMessage> PostAsync(string userName, string word, string code, string? deviceToken = null, HttpClient? client = null) =>
        (client ?? _api.Anonymous()).PostAsJsonAsync("/api/v1/sessions/password", new { userName, password = word, code, deviceToken });

    private Task<HttpResponseMessage> RefreshAsync(string refreshToken) => _api.Anonymous().PostAsJsonAsync("/api/v1/sessions/refresh", new { refreshToken });

    private static Task<HttpResponseMessage> StepUpAsync(SignedIn console, string code) => console.SendAsync(HttpMethod.Post, "/api/v1/sessions/current/step-up", new { code });

    private async Task<string> InviteAsync(SignedIn administrator, string who) =>
        (await administrator.SendAsync(HttpMethod.Post, "/api/v1/staff-invitations", new { accountId = _scene.Account(who).Id, userName = _scene.UserNameOf(who) }).OkAsync()).GetProperty("invitation").GetString()!;

    private Task<HttpResponseMessage> OpenAsync(string invitation) => _api.Anonymous().PostAsJsonAsync("/api/v1/staff-invitations/opening", new { invitation });

    private Task<HttpResponseMessage> AcceptAsync(string invitation, string proof, string word, string? code = null) =>
        _api.Anonymous().PostAsJsonAsync("/api/v1/staff-invitations/acceptance", new { invitation, proof, password = word, code = code ?? StaffFactors.FirstCode(proof, _api.Clock.GetUtcNow()) });
}
