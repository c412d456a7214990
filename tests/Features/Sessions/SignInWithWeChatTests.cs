using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using Backend.Domain.Grid;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Backend.Tests.Features.Sessions;

public sealed class SignInWithWeChatTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private Api _api = null!;
    private Scene _scene = null!;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database);
        _scene = await new Scene(_api.Services.GetRequiredService<Vault>())
            .Person("小王", Role.FloorLeader, "s.c.a.b1.f1", leads: true).SaveAsync(fixture.Database);
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task A_bound_identity_gets_a_session_and_knows_who_it_is()
    {
        var leader = await _api.SignInAsync(_scene.OpenIdOf("小王"));
        var me = await leader.GetAsync("/api/v1/me").OkAsync();
        Assert.Equal("小王", me.GetProperty("name").GetString());
        Assert.Equal("floor_leader", me.GetProperty("roles")[0].GetString());
        Assert.Equal(_scene.Node("s.c.a.b1.f1").Id, me.GetProperty("rootNodes")[0].GetProperty("id").GetGuid());
        Assert.Equal("测试平台", me.GetProperty("deployment").GetProperty("title").GetString());
    }

    [Fact]
    public async Task ID03_nothing_about_rights_stands_in_the_token()
    {
        var leader = await _api.SignInAsync(_scene.OpenIdOf("小王"));
        var token = new JsonWebToken(leader.AccessToken);
        Assert.Equal("at+jwt", token.Typ);
        Assert.Equal("ES256", token.Alg);
        Assert.Equal(TimeSpan.FromMinutes(15), token.ValidTo - token.ValidFrom);
        Assert.Equal(["aud", "exp", "iat", "iss", "jti", "nbf", "sid", "sub"], token.Claims.Select(c => c.Type).Order().ToArray());
    }

    [Fact]
    public async Task An_identity_that_nobody_has_bound_gets_a_ticket_and_no_session()
    {
        _api.WeChat.AddCode("stranger", "oNobody_0000000000000000001");
        var before = await fixture.Database.ScalarAsync<long>("select count(*) from sessions");
        var refused = await _api.Anonymous().PostAsJsonAsync("/api/v1/sessions/wechat", new { code = "stranger" }).RefusedAsync(403, "account_not_bound");
        var ticket = refused.GetProperty("bindingTicket").GetString()!;
        Assert.True(ticket.Length >= 43, "256 random bits");
        Assert.Equal(before, await fixture.Database.ScalarAsync<long>("select count(*) from sessions"));
        Assert.Equal(_api.Clock.GetUtcNow().AddMinutes(10), new DateTimeOffset(
            await fixture.Database.ScalarAsync<DateTime>("select expires_at from binding_tickets where hash = $1", Tokens.Hash(ticket))));
    }

    [Fact]
    public async Task ID02_fifty_parallel_uses_of_one_code_give_one_session()
    {
        _api.WeChat.AddCode("one-code", _scene.OpenIdOf("小王"));
        var before = await fixture.Database.ScalarAsync<long>("select count(*) from sessions");
        var client = _api.Anonymous();
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => client.PostAsJsonAsync("/api/v1/sessions/wechat", new { code = "one-code" })));
        Assert.Single(answers, a => a.IsSuccessStatusCode);
        Assert.All(answers.Where(a => !a.IsSuccessStatusCode), a => Assert.Contains((int)a.StatusCode, (int[])[400, 409]));
        Assert.Equal(before + 1, await fixture.Database.ScalarAsync<long>("select count(*) from sessions"));
    }

    [Theory]
    [InlineData(40029, 400, "login_code_invalid")]
    [InlineData(40163, 400, "login_code_invalid")]
    [InlineData(40226, 403, "wechat_high_risk")]
    [InlineData(40125, 503, "wechat_unavailable")]
    public async Task A_refusal_by_WeChat_has_a_clear_answer(int errcode, int status, string code)
    {
        _api.WeChat.Script(WeChatCall.CodeToSession, StubAnswer.Refuse(errcode));
        await _api.Anonymous().PostAsJsonAsync("/api/v1/sessions/wechat", new { code = $"code-{errcode}" }).RefusedAsync(status, code);
    }

    [Theory]
    [InlineData("{}", 400, "malformed_body")]
    [InlineData("""{"code":null}""", 400, "malformed_body")]
    [InlineData("""{"code":""}""", 400, "invalid_request")]
    [InlineData("""{"code":"a b"}""", 400, "invalid_request")]
    [InlineData("""{"code":"a\u0000b"}""", 400, "invalid_request")]
    [InlineData("""{"code":"a","code":"b"}""", 400, "malformed_body")]
    [InlineData("""{"code":"a","openid":"o123"}""", 400, "malformed_body")]
    [InlineData("""{"code":12}""", 400, "malformed_body")]
    [InlineData("""{"code":""", 400, "malformed_body")]
    [InlineData("[]", 400, "malformed_body")]
    [InlineData("", 400, "invalid_request")]
    [InlineData("null", 400, "invalid_request")]
    public async Task ID01_AZ09_input_that_is_not_a_code_and_nothing_else_is_refused(string body, int status, string code) =>
        await _api.Anonymous().PostAsync("/api/v1/sessions/wechat", new StringContent(body, Encoding.UTF8, "application/json")).RefusedAsync(status, code);

    [Fact]
    public async Task Another_content_type_is_refused() =>
        await _api.Anonymous().PostAsync("/api/v1/sessions/wechat", new StringContent("code=1", Encoding.UTF8, "application/x-www-form-urlencoded")).RefusedAsync(415, "media_type_unsupported");

    [Fact]
    public async Task IN05_a_body_over_the_bound_is_refused() =>
        await _api.Anonymous().PostAsync("/api/v1/sessions/wechat", new StringContent($$"""{"code":"{{new string('x', 300_000)}}"}""", Encoding.UTF8, "application/json"))
            .RefusedAsync(413, "body_too_large");

    [Fact]
    public async Task ID03_forged_and_unsuitable_tokens_are_refused()
    {
        var session = await _api.SignInAsync(_scene.OpenIdOf("小王"));
        var good = new JsonWebToken(session.AccessToken);
        var (account, sid) = (good.Subject, good.GetClaim("sid").Value);
        using var ours = ECDsa.Create();
        ours.ImportFromPem(fixture.Database.Settings()["Tokens:SigningKey"]);
        using var theirs = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var rsa = RSA.Create(2048);
        var now = _api.Clock.GetUtcNow().UtcDateTime;
        var kid = good.Kid;

        string Make(SecurityKey? key = null, string alg = "ES256", string typ = "at+jwt", string iss = "backend", string aud = "mini-program",
            DateTime? from = null, DateTime? to = null, string? id = null, Action<SecurityTokenDescriptor>? change = null)
        {
            key ??= new ECDsaSecurityKey(ours) { KeyId = id ?? kid };
            var descriptor = new SecurityTokenDescriptor
            {
                TokenType = typ,
                Issuer = iss,
                Audience = aud,
                IssuedAt = from ?? now,
                NotBefore = from ?? now,
                Expires = to ?? (from ?? now).AddMinutes(15),
                Claims = new Dictionary<string, object> { ["sub"] = account, ["sid"] = sid },
                SigningCredentials = new SigningCredentials(key, alg),
            };
            change?.Invoke(descriptor);
            return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(descriptor);
        }

        string Parts(string header, string payload, string signature) => $"{Encode(header)}.{Encode(payload)}.{signature}";
        static string Encode(string text) => Base64UrlEncoder.Encode(text);
        static string Jwk(ECDsa key) => $"{{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"{Base64UrlEncoder.Encode(key.ExportParameters(false).Q.X!)}\",\"y\":\"{Base64UrlEncoder.Encode(key.ExportParameters(false).Q.Y!)}\"}}";
        var payload = $$"""{"sub":"{{account}}","sid":"{{sid}}","iss":"backend","aud":"mini-program","exp":{{new DateTimeOffset(now).ToUnixTimeSeconds() + 600}},"nbf":{{new DateTimeOffset(now).ToUnixTimeSeconds()}}}""";
        var (h, p, s) = (session.AccessToken.Split('.')[0], session.AccessToken.Split('.')[1], session.AccessToken.Split('.')[2]);
        var pem = Encoding.UTF8.GetBytes(ours.ExportSubjectPublicKeyInfoPem());
        var forged = new Dictionary<string, string>
        {
            ["another key"] = Make(new ECDsaSecurityKey(theirs) { KeyId = kid }),
            ["another key and kid"] = Make(new ECDsaSecurityKey(theirs) { KeyId = "other" }),
            ["our key under another kid"] = Make(id: "other"),
            ["RSA"] = Make(new RsaSecurityKey(rsa) { KeyId = kid }, "RS256"),
            ["PSS"] = Make(new RsaSecurityKey(rsa) { KeyId = kid }, "PS256"),
            ["HMAC with our public key"] = Make(new SymmetricSecurityKey(pem) { KeyId = kid }, "HS256"),
            ["HMAC with zeros"] = Make(new SymmetricSecurityKey(new byte[32]) { KeyId = kid }, "HS256"),
            ["type JWT"] = Make(typ: "JWT"),
            ["type id"] = Make(typ: "id+jwt"),
            ["type in capitals"] = Make(typ: "AT+JWT2"),
            ["another issuer"] = Make(iss: "elsewhere"),
            ["issuer in capitals"] = Make(iss: "Backend"),
            ["another audience"] = Make(aud: "console"),
            ["expired"] = Make(from: now.AddMinutes(-20)),
            ["expired by a minute"] = Make(from: now.AddMinutes(-16)),
            ["not yet"] = Make(from: now.AddMinutes(5)),
            ["lives for an hour"] = Make(to: now.AddHours(1)),
            ["lives for a year"] = Make(to: now.AddYears(1)),
            ["without expiry"] = Make(change: d => d.Expires = null),
            ["without not-before"] = Make(change: d => d.NotBefore = null),
            ["without subject"] = Make(change: d => d.Claims.Remove("sub")),
            ["without session"] = Make(change: d => d.Claims.Remove("sid")),
            ["another account"] = Make(change: d => d.Claims["sub"] = Guid.CreateVersion7().ToString()),
            ["another session"] = Make(change: d => d.Claims["sid"] = Guid.CreateVersion7().ToString()),
            ["subject is no id"] = Make(change: d => d.Claims["sub"] = "admin"),
            ["without issuer"] = Make(change: d => d.Issuer = null),
            ["without audience"] = Make(change: d => d.Audience = null),
            ["alg none"] = Parts("""{"alg":"none","typ":"at+jwt"}""", payload, ""),
            ["alg None"] = Parts("""{"alg":"None","typ":"at+jwt"}""", payload, ""),
            ["no signature"] = $"{h}.{p}.",
            ["half a signature"] = $"{h}.{p}.{s[..^10]}",
            ["signature of zeros"] = $"{h}.{p}.{Base64UrlEncoder.Encode(new byte[64])}",
            ["changed payload"] = $"{h}.{Encode(payload)}.{s}",
            ["changed header"] = $"{Encode($$"""{"alg":"ES256","typ":"at+jwt","kid":"{{kid}}","x":1}""")}.{p}.{s}",
            ["key in the header"] = Parts("{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"jwk\":" + Jwk(theirs) + "}", payload, s),
            ["key by address"] = Parts("""{"alg":"ES256","typ":"at+jwt","jku":"http://127.0.0.1:1/keys"}""", payload, s),
            ["key id is a path"] = Make(id: "../../dev/null"),
            ["two parts"] = $"{h}.{p}",
            ["four parts"] = $"{session.AccessToken}.x",
            ["five empty parts"] = "....",
            ["the refresh token"] = session.RefreshToken,
            ["text"] = "null",
        };
        Assert.True(forged.Count >= 40);
        foreach (var (name, token) in forged)
        {
            using var client = _api.Anonymous();
            client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", $"Bearer {token}");
            var answer = await client.GetAsync("/api/v1/me");
            Assert.True((int)answer.StatusCode == 401, $"{name}: {(int)answer.StatusCode}");
        }

        // The same maker makes a good one: the refusals above are not for want of skill.
        using var holder = _api.Anonymous();
        holder.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Make());
        Assert.Equal(200, (int)(await holder.GetAsync("/api/v1/me")).StatusCode);
    }

    [Fact]
    public async Task RL09_a_token_in_the_query_is_not_read()
    {
        var session = await _api.SignInAsync(_scene.OpenIdOf("小王"));
        await _api.Anonymous().GetAsync($"/api/v1/me?access_token={session.AccessToken}").RefusedAsync(401, "not_signed_in");
    }

    [Fact]
    public async Task ID04_a_refresh_token_rotates_and_a_lost_answer_can_be_repeated_once_more()
    {
        var session = await _api.SignInAsync(_scene.OpenIdOf("小王"));
        var first = await Refresh(session.RefreshToken).OkAsync();
        var again = await Refresh(session.RefreshToken).OkAsync();
        Assert.Equal(first.GetProperty("refreshToken").GetString(), again.GetProperty("refreshToken").GetString());
        var second = await Refresh(first.GetProperty("refreshToken").GetString()!).OkAsync();
        Assert.NotEqual(first.GetProperty("refreshToken").GetString(), second.GetProperty("refreshToken").GetString());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(40)]
    public async Task ID04_a_spent_token_of_an_older_generation_ends_the_family(int generations)
    {
        var session = await _api.SignInAsync(_scene.OpenIdOf("小王"));
        var newest = session.RefreshToken;
        for (var i = 0; i < generations; i++) newest = (await Refresh(newest).OkAsync()).GetProperty("refreshToken").GetString()!;
        // The immediate predecessor may be repeated for ten seconds; anything older, or later, is a copy in other hands.
        if (generations == 1) _api.Clock.Advance(TimeSpan.FromSeconds(11));
        await Refresh(session.RefreshToken).RefusedAsync(401, "refresh_token_invalid");
        await Refresh(newest).RefusedAsync(401, "refresh_token_invalid");
        _api.Clock.Advance(TimeSpan.FromSeconds(4));
        await session.GetAsync("/api/v1/me").RefusedAsync(401, "session_ended");
    }

    [Fact]
    public async Task ID04_a_refresh_token_ends_after_seven_idle_days()
    {
        var session = await _api.SignInAsync(_scene.OpenIdOf("小王"));
        _api.Clock.Advance(TimeSpan.FromDays(7));
        await Refresh(session.RefreshToken).RefusedAsync(401, "refresh_token_invalid");
    }

    [Fact]
    public async Task A_session_that_was_ended_is_refused_at_once_and_cannot_be_renewed()
    {
        var session = await _api.SignInAsync(_scene.OpenIdOf("小王"));
        Assert.Equal(204, (int)(await session.Client.DeleteAsync("/api/v1/sessions/current")).StatusCode);
        await session.GetAsync("/api/v1/me").RefusedAsync(401, "session_ended");
        await Refresh(session.RefreshToken).RefusedAsync(401, "refresh_token_invalid");
    }

    [Fact]
    public async Task AU01_sign_in_and_refusals_are_on_record()
    {
        var session = await _api.SignInAsync(_scene.OpenIdOf("小王"));
        var id = new JsonWebToken(session.AccessToken).GetClaim("sid").Value;
        Assert.Equal(1L, await fixture.Database.ScalarAsync<long>("select count(*) from audit_entries where operation = 'signInWithWeChat' and result = 'done' and $1 = any(target_ids)", Guid.Parse(id)));
        await session.SendAsync(HttpMethod.Put, $"/api/v1/households/{Guid.CreateVersion7()}/facts", new { values = Array.Empty<object>() }).RefusedAsync(403, "operation_not_allowed");
        Assert.Equal(1L, await fixture.Database.ScalarAsync<long>("select count(*) from audit_entries where operation = 'reviseFacts' and result = 'operation_not_allowed' and session_id = $1", Guid.Parse(id)));
    }

    private Task<HttpResponseMessage> Refresh(string token) => _api.Anonymous().PostAsJsonAsync("/api/v1/sessions/refresh", new { refreshToken = token });
}
