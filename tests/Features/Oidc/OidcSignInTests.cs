using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Backend.Domain.Grid;
using Backend.Platform.Oidc;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Features.Oidc;

/// <summary>
/// Staff at the district's identity provider: an invitation binds, two factors shown just now sign in, and whatever is not exactly what was asked for is refused
/// (ID01, ID06 to ID08). The provider is untrusted input (IN10, IN12).
/// </summary>
public sealed class OidcSignInTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private const string Refused = "sign_in_refused";

    private readonly OidcStub _provider = new();
    private readonly string _subject = $"subject-{Guid.CreateVersion7():N}";
    private readonly Dictionary<string, long> _before = [];
    private Api _api = null!;
    private Scene _scene = null!;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database, _provider.Configuration);
        _provider.Now = _api.Clock.GetUtcNow;
        _scene = new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("员工", Role.Staff, "s.c").AtBrowser("员工")
            .Person("安全", Role.SecurityAdmin, "").AtBrowser("安全")
            .Person("统一", Role.SecurityAdmin, "");
        _scene.Account("统一").UserName = _scene.UserNameOf("统一");
        _scene.Add(_provider.Bound(_scene.Account("统一").Id, _subject, _api.Services.GetRequiredService<Vault>()));
        await _scene.SaveAsync(fixture.Database);
        foreach (var operation in (string[])["finishOidcSignIn", "bindOidcIdentity"])
            foreach (var result in (string[])["done", Refused, "second_factor_missing", "invite_invalid", "conflict"]) _before[$"{operation} {result}"] = await CountAsync(operation, result, null);
    }

    public async Task DisposeAsync()
    {
        await _api.DisposeAsync();
        _provider.Dispose();
    }

    [Fact]
    public async Task ID07_ID08_who_has_shown_two_factors_at_the_provider_gets_the_session_that_a_password_gives()
    {
        var console = await ConsoleAsync();
        var me = await console.GetAsync("/api/v1/me").OkAsync();
        Assert.Equal(("统一", "security_admin"), (me.GetProperty("name").GetString(), me.GetProperty("roles")[0].GetString()));
        Assert.Equal("console", (await console.GetAsync("/api/v1/sessions").OkAsync()).GetProperty("items")[0].GetProperty("kind").GetString());

        // Step-up: five minutes from the moment at which she showed her factors; then she shows them again.
        object Body(int i) => new { name = "新员工", userName = $"{_scene.Top}.o{i}" };
        await console.SendAsync(HttpMethod.Post, "/api/v1/staff-invitations", Body(1)).OkAsync();
        _api.Clock.Advance(TimeSpan.FromMinutes(5));
        await console.SendAsync(HttpMethod.Post, "/api/v1/staff-invitations", Body(2)).RefusedAsync(403, "step_up_required");
        await console.SendAsync(HttpMethod.Post, "/api/v1/sessions/current/step-up", new { code = "000000" }).RefusedAsync(422, "code_wrong");
        await (await ConsoleAsync()).SendAsync(HttpMethod.Post, "/api/v1/staff-invitations", Body(2)).OkAsync();

        var refresh = (await RefreshAsync(console.RefreshToken).OkAsync()).GetProperty("refreshToken").GetString()!;
        for (var minutes = 5; minutes < 12 * 60 - 29; minutes += 29)
        {
            _api.Clock.Advance(TimeSpan.FromMinutes(29));
            refresh = (await RefreshAsync(refresh).OkAsync()).GetProperty("refreshToken").GetString()!;
        }

        _api.Clock.Advance(TimeSpan.FromMinutes(29));
        await RefreshAsync(refresh).RefusedAsync(401, "refresh_token_invalid");
        var idle = await ConsoleAsync();
        _api.Clock.Advance(TimeSpan.FromMinutes(30));
        await RefreshAsync(idle.RefreshToken).RefusedAsync(401, "refresh_token_invalid");
        Assert.Equal(3, await AuditedAsync("finishOidcSignIn", "done", _scene.Account("统一").Id));
    }

    [Fact]
    public async Task ID08_factors_that_were_shown_a_while_ago_count_from_then_and_those_of_before_she_set_out_not_at_all()
    {
        var browser = await OidcBrowser.SetOutAsync(_api);
        _api.Clock.Advance(TimeSpan.FromMinutes(4));
        var late = await ConsoleAsync(browser, new OidcFault { Claims = c => c["auth_time"] = (_api.Clock.GetUtcNow() - TimeSpan.FromMinutes(4)).ToUnixTimeSeconds() });
        await late.SendAsync(HttpMethod.Post, "/api/v1/staff-invitations", new { name = "新员工", userName = $"{_scene.Top}.o3" }).OkAsync();
        _api.Clock.Advance(TimeSpan.FromMinutes(1));
        await late.SendAsync(HttpMethod.Post, "/api/v1/staff-invitations", new { name = "新员工", userName = $"{_scene.Top}.o4" }).RefusedAsync(403, "step_up_required");
        await SignInAsync(new OidcFault { Claims = c => c["auth_time"] = (_api.Clock.GetUtcNow() - TimeSpan.FromMinutes(1)).ToUnixTimeSeconds() }).RefusedAsync(401, Refused);
    }

    /// <summary>Everything that may be wrong with an ID token. None of these is told apart, and each leaves its audit entry.</summary>
    [Fact]
    public async Task ID01_ID07_an_ID_token_that_is_not_exactly_the_one_that_was_asked_for_is_refused()
    {
        var (own, other) = (_provider.Keys[0], OidcKey.Rsa("first"));
        var published = ((RSA)own.Key).ExportSubjectPublicKeyInfoPem();
        OidcFault Claim(string name, JsonNode? value) => new() { Claims = c => c[name] = value?.DeepClone() };
        OidcFault Without(string name) => new() { Claims = c => c.Remove(name) };
        OidcFault Mac(byte[] key) => new() { Header = h => h["alg"] = "HS256", Sign = content => HMACSHA256.HashData(key, content) };
        var now = _api.Clock.GetUtcNow().ToUnixTimeSeconds();
        var faults = new Dictionary<string, OidcFault>
        {
            ["another nonce"] = Claim("nonce", Tokens.Random()),
            ["no nonce"] = Without("nonce"),
            ["another audience"] = Claim("aud", "another"),
            ["an audience more"] = Claim("aud", new JsonArray(OidcStub.ClientId, "another")),
            ["another authorised party"] = Claim("azp", "another"),
            ["another issuer"] = Claim("iss", "https://elsewhere.example"),
            ["an issuer with a slash more"] = Claim("iss", _provider.Authority + "/"),
            ["expired"] = Claim("exp", now - 31),
            ["no end"] = Without("exp"),
            ["not yet valid"] = Claim("nbf", now + 31),
            ["no subject"] = Without("sub"),
            ["an empty subject"] = Claim("sub", ""),
            ["an endless subject"] = Claim("sub", new string('s', 256)),
            ["a subject in letters that none has"] = Claim("sub", "张三"),
            ["no moment of authentication"] = Without("auth_time"),
            ["a moment to come"] = Claim("auth_time", now + 3600),
            ["a moment that is none"] = Claim("auth_time", "yesterday"),
            ["no algorithm"] = new() { Header = h => h["alg"] = "none", Sign = _ => [] },
            ["HS256 with the public key"] = Mac(Encoding.ASCII.GetBytes(published)),
            ["HS256 with the modulus"] = Mac(((RSA)own.Key).ExportParameters(false).Modulus!),
            ["RS512"] = new() { Header = h => h["alg"] = "RS512", Sign = content => ((RSA)own.Key).SignData(content, HashAlgorithmName.SHA512, RSASignaturePadding.Pkcs1) },
            ["PS256"] = new() { Header = h => h["alg"] = "PS256", Sign = content => ((RSA)own.Key).SignData(content, HashAlgorithmName.SHA256, RSASignaturePadding.Pss) },
            ["another key under this name"] = new() { Sign = other.Sign },
            ["a key that nobody knows"] = new() { Header = h => h["kid"] = "unknown", Sign = other.Sign },
            ["no name of a key"] = new() { Header = h => h.Remove("kid") },
            ["a key of its own beside it"] = new() { Header = h => (h["kid"], h["jwk"]) = ("own", other.Published), Sign = other.Sign },
            ["no signature"] = new() { Sign = _ => [] },
            ["somebody whom nobody has bound"] = Claim("sub", "nobody-has-bound-this-one"),
        };
        var texts = new HashSet<string>();
        foreach (var (what, fault) in faults)
        {
            var before = await AuditedAsync("finishOidcSignIn", Refused);
            using var answer = await SignInAsync(fault);
            Assert.True((int)answer.StatusCode == 401, $"{what}: {(int)answer.StatusCode}");
            var text = await answer.Content.ReadAsStringAsync();
            texts.Add(text[..text.IndexOf("\"traceId\"", StringComparison.Ordinal)]);
            Assert.Equal(before + 1, await AuditedAsync("finishOidcSignIn", Refused));
        }

        Assert.Contains(Refused, Assert.Single(texts), StringComparison.Ordinal);
        Figures.Print($"ID01 unsuitable ID tokens: {faults.Count} refused, 0 accepted, one answer");
        // A wrong password gets the same.
        using var password = await _api.Anonymous().PostAsJsonAsync("/api/v1/sessions/password", new { userName = _scene.UserNameOf("员工"), password = "wrong horse battery", code = "000000" });
        Assert.StartsWith(Assert.Single(texts), await password.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await ConsoleAsync();
    }

    [Fact]
    public async Task ID07_without_a_second_factor_at_the_provider_nobody_gets_in()
    {
        foreach (var amr in (JsonNode?[])[null, new JsonArray(), new JsonArray("pwd"), new JsonArray("pwd", "MFA"), "pwd mfa"])
            await SignInAsync(new OidcFault { Claims = c => c["amr"] = amr?.DeepClone() }).RefusedAsync(403, "second_factor_missing");
        await SignInAsync(new OidcFault { Claims = c => (c["amr"], c["acr"]) = (null, "mfa") }).RefusedAsync(403, "second_factor_missing");
        Assert.Equal(6, await AuditedAsync("finishOidcSignIn", "second_factor_missing"));

        await using var api = await Api.StartAsync(fixture.Database, new Dictionary<string, string?>(_provider.Configuration) { ["Oidc:Amr"] = "", ["Oidc:Acr"] = "silver gold" });
        var browser = await OidcBrowser.SetOutAsync(api);
        Assert.Contains("acr_values=silver%20gold", browser.Address, StringComparison.Ordinal);
        await FinishAsync(browser.Cookie, _provider.Authorise(browser.Address, _subject), api).RefusedAsync(403, "second_factor_missing");
        browser = await OidcBrowser.SetOutAsync(api);
        await FinishAsync(browser.Cookie, _provider.Authorise(browser.Address, _subject, new OidcFault { Claims = c => c["acr"] = "gold" }), api).OkAsync();
    }

    [Fact]
    public async Task ID01_a_state_is_good_once_for_ten_minutes_in_the_browser_that_set_out_on_every_replica()
    {
        await using var replica = await Api.StartAsync(fixture.Database, _provider.Configuration);
        var (browser, stranger) = (await OidcBrowser.SetOutAsync(_api), await OidcBrowser.SetOutAsync(_api));
        var back = _provider.Authorise(browser.Address, _subject);
        await FinishAsync(null, back).RefusedAsync(401, Refused);
        await FinishAsync("oidc=", back).RefusedAsync(401, Refused);
        await FinishAsync(stranger.Cookie, back).RefusedAsync(401, Refused);
        await FinishAsync(browser.Cookie, back with { State = new string('A', 64) }).RefusedAsync(401, Refused);
        await FinishAsync(browser.Cookie, back with { State = _provider.Authorise(stranger.Address, _subject).State }).RefusedAsync(401, Refused);
        Assert.Equal(0, _provider.Calls(OidcCall.Token));
        // Set out here, come back there.
        await FinishAsync(browser.Cookie, back, replica).OkAsync();
        await FinishAsync(browser.Cookie, back).RefusedAsync(401, Refused);
        // Another good code does not make the state good again.
        await FinishAsync(browser.Cookie, back with { Code = _provider.Authorise(browser.Address, _subject).Code }, replica).RefusedAsync(401, Refused);
        Assert.Equal(1, _provider.Calls(OidcCall.Token));

        var (slow, late) = (await OidcBrowser.SetOutAsync(_api), await OidcBrowser.SetOutAsync(_api));
        _api.Clock.Advance(TimeSpan.FromMinutes(10) - TimeSpan.FromSeconds(1));
        await FinishAsync(slow.Cookie, _provider.Authorise(slow.Address, _subject)).OkAsync();
        _api.Clock.Advance(TimeSpan.FromSeconds(1));
        await FinishAsync(late.Cookie, _provider.Authorise(late.Address, _subject)).RefusedAsync(401, Refused);
        Assert.Equal(8, await AuditedAsync("finishOidcSignIn", Refused));
    }

    [Fact]
    public async Task ID01_of_twenty_who_come_back_with_one_state_at_once_one_gets_a_session_and_a_code_is_of_its_own_browser()
    {
        var browser = await OidcBrowser.SetOutAsync(_api);
        var back = _provider.Authorise(browser.Address, _subject);
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => FinishAsync(browser.Cookie, back)));
        Assert.Equal((1, 19), (answers.Count(a => (int)a.StatusCode == 200), answers.Count(a => (int)a.StatusCode == 401)));
        Array.ForEach(answers, a => a.Dispose());

        // A thief who has seen the address of the way back puts the code into a way of her own: the verifier is not hers.
        var (victim, thief) = (await OidcBrowser.SetOutAsync(_api), await OidcBrowser.SetOutAsync(_api));
        var (stolen, own) = (_provider.Authorise(victim.Address, _subject), _provider.Authorise(thief.Address, _subject));
        await FinishAsync(thief.Cookie, own with { Code = stolen.Code }).RefusedAsync(401, Refused);
    }

    [Fact]
    public async Task ID07_a_disabled_account_stays_out_and_its_sessions_end_and_comes_back_when_it_is_enabled()
    {
        var (administrator, console) = (await PasswordAsync("安全"), await ConsoleAsync());
        var account = $"/api/v1/staff-accounts/{_scene.Account("统一").Id}";
        var listed = (await administrator.GetAsync("/api/v1/staff-accounts").OkAsync()).GetProperty("items").EnumerateArray().ToDictionary(i => i.GetProperty("id").GetGuid(), i => i.GetProperty("isOidcBound").GetBoolean());
        Assert.Equal((true, false), (listed[_scene.Account("统一").Id], listed[_scene.Account("员工").Id]));
        await administrator.SendAsync(HttpMethod.Post, $"{account}/disablement").OkAsync();
        await _api.Services.GetRequiredService<RightsCache>().PollAsync(default);
        await console.GetAsync("/api/v1/me").RefusedAsync(401, "session_ended");
        await SignInAsync().RefusedAsync(401, Refused);
        Assert.Equal(1, await AuditedAsync("finishOidcSignIn", Refused));
        await administrator.SendAsync(HttpMethod.Post, $"{account}/enablement").OkAsync();
        await ConsoleAsync();
    }

    [Fact]
    public async Task ID06_ID07_an_invitation_binds_an_identity_once_and_what_she_signed_in_by_before_ends_either_way()
    {
        var (administrator, old) = (await PasswordAsync("安全"), await PasswordAsync("员工"));
        var subject = $"subject-{Guid.CreateVersion7():N}";
        await SignInAsync(subject: subject).RefusedAsync(401, Refused);
        var invitation = await InviteAsync(administrator, "员工");
        await BindAsync(Tokens.Random(), subject).RefusedAsync(422, "invite_invalid");
        await BindAsync(invitation, subject, new OidcFault { Claims = c => c["nonce"] = "another" }).RefusedAsync(401, Refused);
        await BindAsync(invitation, subject, new OidcFault { Claims = c => c.Remove("amr") }).RefusedAsync(403, "second_factor_missing");
        // Neither her name nor an address binds anybody, and one identity is of one account.
        await BindAsync(invitation, _subject).RefusedAsync(409, "conflict");
        var both = await Task.WhenAll(BindAsync(invitation, subject), BindAsync(invitation, subject));
        Assert.Equal([204, 422], both.Select(a => (int)a.StatusCode).Order());
        Array.ForEach(both, a => a.Dispose());
        await BindAsync(invitation, subject).RefusedAsync(422, "invite_invalid");
        foreach (var (result, times) in ((string, long)[])[("done", 1), ("invite_invalid", 3), (Refused, 1), ("second_factor_missing", 1), ("conflict", 1)])
            Assert.Equal(times, await AuditedAsync("bindOidcIdentity", result));

        await _api.Services.GetRequiredService<RightsCache>().PollAsync(default);
        await old.GetAsync("/api/v1/me").RefusedAsync(401, "session_ended");
        _api.Clock.Advance(Totp.Step);
        await PostPasswordAsync("员工", StaffFactors.Word, StaffFactors.Code(_api.Clock.GetUtcNow())).RefusedAsync(401, Refused);
        var bound = await ConsoleAsync(subject: subject);
        Assert.Equal("员工", (await bound.GetAsync("/api/v1/me").OkAsync()).GetProperty("name").GetString());
        Assert.Equal(1, await fixture.Database.ScalarAsync<long>("select count(*) from oidc_identities where account_id = $1", _scene.Account("员工").Id));
        Assert.Equal(0, await fixture.Database.ScalarAsync<long>("select count(*) from oidc_identities i where i::text like '%' || $1 || '%' or encode(subject, 'escape') like '%' || $1 || '%'", subject));

        // And back: a password instead.
        invitation = await InviteAsync(administrator, "员工");
        var proof = (await _api.Anonymous().PostAsJsonAsync("/api/v1/staff-invitations/opening", new { invitation }).OkAsync()).GetProperty("proof").GetString()!;
        await _api.Anonymous().PostAsJsonAsync("/api/v1/staff-invitations/acceptance", new { invitation, proof, password = "quite another phrase", code = StaffFactors.FirstCode(proof, _api.Clock.GetUtcNow()) }).OkAsync();
        await _api.Services.GetRequiredService<RightsCache>().PollAsync(default);
        await bound.GetAsync("/api/v1/me").RefusedAsync(401, "session_ended");
        await SignInAsync(subject: subject).RefusedAsync(401, Refused);
    }

    [Fact]
    public async Task ID07_the_database_itself_shows_nobody_another_ones_identity_and_binds_none_for_her()
    {
        var (staff, other) = (_scene.Account("员工").Id, _scene.Account("统一").Id);
        const string bind = "insert into oidc_identities (id, account_id, subject_index, subject, bound_at) values ($1, $2, $3, $3, now())";
        Assert.Equal("42501", await fixture.Database.RefusedAsync(staff, "", bind, Guid.CreateVersion7(), other, RandomNumberGenerator.GetBytes(32)));
        Assert.Equal("42501", await fixture.Database.RefusedAsync(staff, "", "update oidc_identities set account_id = $1", staff));
        // Not even the security administration, which sees who is bound.
        Assert.Equal("42501", await fixture.Database.RefusedAsync(_scene.Account("安全").Id, "", bind, Guid.CreateVersion7(), other, RandomNumberGenerator.GetBytes(32)));
    }

    [Fact]
    public async Task ID07_the_provider_changes_its_keys_and_no_sign_in_fails()
    {
        await ConsoleAsync();
        await ConsoleAsync();
        Assert.Equal((1, 1), (_provider.Calls(OidcCall.Discovery), _provider.Calls(OidcCall.Keys)));
        var former = _provider.Keys[0];
        _provider.Keys.Insert(0, OidcKey.Ec("second"));
        _api.Clock.Advance(TimeSpan.FromMinutes(1));
        await ConsoleAsync();
        Assert.Equal(2, _provider.Calls(OidcCall.Keys));
        _provider.Keys.RemoveAt(1);
        _api.Clock.Advance(OidcMetadata.Lifetime);
        await ConsoleAsync();
        // What the provider has taken back signs nobody in any more, and guessing at names of keys is no way to keep it busy.
        var read = _provider.Calls(OidcCall.Keys);
        for (var i = 0; i < 5; i++) await SignInAsync(new OidcFault { Header = h => (h["alg"], h["kid"]) = ("RS256", former.Kid), Sign = former.Sign }).RefusedAsync(401, Refused);
        Assert.Equal(read, _provider.Calls(OidcCall.Keys));
        _api.Clock.Advance(TimeSpan.FromMinutes(1));
        for (var i = 0; i < 5; i++) await SignInAsync(new OidcFault { Header = h => (h["alg"], h["kid"]) = ("RS256", former.Kid), Sign = former.Sign }).RefusedAsync(401, Refused);
        Assert.Equal(read + 1, _provider.Calls(OidcCall.Keys));
    }

    [Fact]
    public async Task IN10_IN12_a_provider_that_is_away_slow_or_answers_garbage_is_said_to_be_unavailable_and_nothing_of_it_is_followed()
    {
        using var trap = new TcpListener(IPAddress.Loopback, 0);
        trap.Start();
        var elsewhere = $"http://127.0.0.1:{((IPEndPoint)trap.LocalEndpoint).Port}";
        string Described(string name, string value)
        {
            var description = _provider.Description();
            description[name] = value;
            return description.ToJsonString();
        }

        (string What, string Body, int Status, string? Location)[] garbage =
        [
            ("500", "{}", 500, null), ("garbage", "<html>no</html>", 200, null), ("nothing", "", 200, null), ("a list", "[]", 200, null), ("deep", new string('[', 100_000), 200, null),
            ("huge", $"{{\"a\":\"{new string('x', OidcProvider.LargestAnswer)}\"}}", 200, null), ("a redirect", "", 302, elsewhere), ("not found", "{}", 404, null),
        ];
        foreach (var (what, body, status, location) in garbage)
        {
            foreach (var call in Enum.GetValues<OidcCall>())
            {
                _provider.Always(call, body, status, location);
                await UnavailableAsync($"{call} {what}", starts: call != OidcCall.Token);
                _provider.Always(call, null);
            }
        }

        foreach (var (what, body) in ((string, string)[])[
            ("another issuer", Described("issuer", "https://elsewhere.example")), ("a token endpoint elsewhere", Described("token_endpoint", $"{elsewhere}/token")),
            ("keys elsewhere", Described("jwks_uri", $"{elsewhere}/keys")), ("keys in a file", Described("jwks_uri", "file:///etc/passwd")), ("a way in elsewhere", Described("authorization_endpoint", $"{elsewhere}/authorise"))])
        {
            _provider.Always(OidcCall.Discovery, body);
            await UnavailableAsync(what, starts: true);
            _provider.Always(OidcCall.Discovery, null);
        }

        foreach (var (what, body, status) in ((string, string, int)[])[
            ("no ID token", """{"access_token":"x"}""", 200), ("an ID token that is a number", """{"id_token":1}""", 200), ("another secret", """{"error":"invalid_client"}""", 401), ("busy", """{"error":"temporarily_unavailable"}""", 503)])
        {
            _provider.Always(OidcCall.Token, body, status);
            await UnavailableAsync(what, starts: false);
        }

        foreach (var token in (string[])["", "x", "a.b", "a.b.c", "..", new string('x', 200_000), "a.b.c.d.e"])
        {
            _provider.Always(OidcCall.Token, new JsonObject { ["id_token"] = token }.ToJsonString());
            await SignInAsync().RefusedAsync(401, Refused);
        }

        _provider.Always(OidcCall.Token, null);
        Assert.False(trap.Pending(), "Somebody called.");
        await ConsoleAsync();
        foreach (var call in (OidcCall[])[OidcCall.Token, OidcCall.Discovery])
        {
            _provider.Hang(call);
            // The limit is over all that it takes, however many calls that are.
            var began = Stopwatch.GetTimestamp();
            await UnavailableAsync($"{call} hangs", starts: call != OidcCall.Token);
            Assert.InRange(Stopwatch.GetElapsedTime(began).TotalSeconds, 4, 9);
        }

        // Nobody listens at all.
        await using var alone = await Api.StartAsync(fixture.Database, new Dictionary<string, string?>(_provider.Configuration) { ["Oidc:Authority"] = "http://127.0.0.1:1/realm" });
        await alone.Anonymous().PostAsync("/api/v1/oidc/sign-ins", null).RefusedAsync(503, "oidc_unavailable");
        Assert.All(_api.Errors, e => Assert.DoesNotContain(_subject, e, StringComparison.Ordinal));
    }

    [Fact]
    public async Task RL18_a_provider_that_fails_ten_times_is_left_alone_for_a_while()
    {
        _api.Clock.Advance(OidcMetadata.Lifetime);
        _provider.Always(OidcCall.Discovery, "{}", 500);
        var before = _provider.Calls(OidcCall.Discovery);
        for (var i = 0; i < 15; i++) await _api.Anonymous().PostAsync("/api/v1/oidc/sign-ins", null).RefusedAsync(503, "oidc_unavailable");
        Assert.Equal(10, _provider.Calls(OidcCall.Discovery) - before);
        _provider.Always(OidcCall.Discovery, null);
        await _api.Anonymous().PostAsync("/api/v1/oidc/sign-ins", null).RefusedAsync(503, "oidc_unavailable");
        _api.Clock.Advance(OidcLimits.BreakDuration);
        await ConsoleAsync();
        // Wrong codes are answers: nobody shuts the way in by guessing.
        for (var i = 0; i < 15; i++) await SignInAsync(new OidcFault { Claims = c => c["aud"] = "somebody else" }).RefusedAsync(401, Refused);
        await ConsoleAsync();
    }

    [Fact]
    public async Task ID07_without_its_settings_there_is_no_such_way_in()
    {
        await using var api = await Api.StartAsync(fixture.Database);
        foreach (var (path, body) in ((string, object?)[])[("sign-ins", null), ("sessions", new { code = "x", state = new string('x', 64) }), ("bindings", new { invitation = "x", code = "x", state = new string('x', 64) })])
            await api.Anonymous().PostAsync($"/api/v1/oidc/{path}", body is null ? null : JsonContent.Create(body)).RefusedAsync(404, "oidc_off");
    }

    [Fact]
    public async Task PD05_nothing_of_the_way_to_the_provider_and_back_is_logged()
    {
        var browser = await OidcBrowser.SetOutAsync(_api);
        var (code, state) = _provider.Authorise(browser.Address, _subject);
        await FinishAsync(browser.Cookie, (code, state)).OkAsync();
        await SignInAsync(new OidcFault { Claims = c => c["nonce"] = "another" }).RefusedAsync(401, Refused);
        foreach (var secret in (string[])[code, state, _subject, browser.Cookie["oidc=".Length..], _provider.Configuration["Oidc:ClientSecret"]!])
            Assert.DoesNotContain(WholeLog.Run.Words, w => w.Key.Contains(secret, StringComparison.Ordinal));
    }

    /// <summary>Said as it is, never as a fault of ours; and what was known of the provider before is forgotten, so that it is asked.</summary>
    private async Task UnavailableAsync(string what, bool starts)
    {
        _api.Clock.Advance(OidcMetadata.Lifetime);
        using var answer = await (starts ? _api.Anonymous().PostAsync("/api/v1/oidc/sign-ins", null) : SignInAsync());
        Assert.True((int)answer.StatusCode == 503, $"{what}: {(int)answer.StatusCode}");
        await Task.FromResult(answer).RefusedAsync(503, "oidc_unavailable");
    }

    private async Task<SignedIn> ConsoleAsync(OidcBrowser? browser = null, OidcFault? fault = null, string? subject = null)
    {
        browser ??= await OidcBrowser.SetOutAsync(_api);
        return SignedInBy(await FinishAsync(browser.Cookie, _provider.Authorise(browser.Address, subject ?? _subject, fault)).OkAsync());
    }

    private async Task<HttpResponseMessage> SignInAsync(OidcFault? fault = null, string? subject = null)
    {
        var browser = await OidcBrowser.SetOutAsync(_api);
        return await FinishAsync(browser.Cookie, _provider.Authorise(browser.Address, subject ?? _subject, fault));
    }

    private Task<HttpResponseMessage> FinishAsync(string? cookie, (string Code, string State) back, Api? api = null) => SendAsync(api ?? _api, "sessions", cookie, new { code = back.Code, state = back.State });

    private async Task<HttpResponseMessage> BindAsync(string invitation, string subject, OidcFault? fault = null)
    {
        var browser = await OidcBrowser.SetOutAsync(_api);
        var (code, state) = _provider.Authorise(browser.Address, subject, fault);
        return await SendAsync(_api, "bindings", browser.Cookie, new { invitation, code, state });
    }

    private static async Task<HttpResponseMessage> SendAsync(Api api, string path, string? cookie, object body)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = api.Address };
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/api/v1/oidc/{path}") { Content = JsonContent.Create(body) };
        if (cookie is not null) request.Headers.Add("Cookie", cookie);
        return await client.SendAsync(request);
    }

    private async Task<SignedIn> PasswordAsync(string who) => SignedInBy(await PostPasswordAsync(who, StaffFactors.Word, StaffFactors.Code(_api.Clock.GetUtcNow())).OkAsync());

    private Task<HttpResponseMessage> PostPasswordAsync(string who, string word, string code) =>
        _api.Anonymous().PostAsJsonAsync("/api/v1/sessions/password", new { userName = _scene.UserNameOf(who), password = word, code });

    private SignedIn SignedInBy(System.Text.Json.JsonElement body)
    {
        var (client, access) = (_api.Anonymous(), body.GetProperty("accessToken").GetString()!);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", access);
        return new SignedIn(client, access, body.GetProperty("refreshToken").GetString()!);
    }

    private async Task<string> InviteAsync(SignedIn administrator, string who) =>
        (await administrator.SendAsync(HttpMethod.Post, "/api/v1/staff-invitations", new { accountId = _scene.Account(who).Id, userName = _scene.UserNameOf(who) }).OkAsync()).GetProperty("invitation").GetString()!;

    private Task<HttpResponseMessage> RefreshAsync(string refreshToken) => _api.Anonymous().PostAsJsonAsync("/api/v1/sessions/refresh", new { refreshToken });

    /// <summary>How many entries this test has left: a refusal names nobody by whom they could be told from another test's.</summary>
    private async Task<long> AuditedAsync(string operation, string result, Guid? account = null) =>
        await CountAsync(operation, result, account) - (account is null ? _before.GetValueOrDefault($"{operation} {result}") : 0);

    private Task<long> CountAsync(string operation, string result, Guid? account) => fixture.Database.ScalarAsync<long>(
        "select count(*) from audit_entries where operation = $1 and result = $2 and ($3 = '00000000-0000-0000-0000-000000000000' or account_id = $3)", operation, result, account ?? Guid.Empty);
}
