using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Platform.Security;
using Backend.Tests.Platform.Persistence;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;

namespace Backend.Tests.Platform.Security;

/// <summary>ID05: the keys of access tokens are changed by restarting the replicas in turn, and nobody who holds a good token is refused meanwhile.</summary>
public sealed class KeyRotationTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>
{
    private const int Rotations = 3;

    [Fact]
    public async Task ID05_three_rotations_on_two_replicas_under_load_refuse_no_good_token()
    {
        var scene = await new Scene(RowLevelSecurityTests.VaultOf(fixture.Database)).Person("员工", Role.Staff, "s.c").SaveAsync(fixture.Database);
        var keys = Enumerable.Range(0, Rotations + 1).Select(_ => NewKey()).ToList();
        var replicas = new Api[2];
        for (var i = 0; i < 2; i++) replicas[i] = await StartAsync(keys[0]);
        var first = await replicas[0].SignInAsync(scene.OpenIdOf("员工"));
        var (access, refresh) = (first.AccessToken, first.RefreshToken);
        var tokens = new ConcurrentQueue<string>([access]);

        var (good, refused, signers) = (0, new ConcurrentQueue<string>(), new ConcurrentDictionary<string, byte>());
        using var stop = new CancellationTokenSource();
        var readers = Enumerable.Range(0, 4).Select(n => Task.Run(async () =>
        {
            for (var turn = n; !stop.IsCancellationRequested; turn++)
            {
                await Task.Delay(5);
                var token = tokens.ElementAt(turn % tokens.Count);
                if (await AskAsync(replicas[turn % 2], () => new HttpRequestMessage(HttpMethod.Get, "/api/v1/me") { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", token) } }) is not { } answer) continue;
                using (answer)
                {
                    if (answer.StatusCode == HttpStatusCode.OK) Interlocked.Increment(ref good);
                    else refused.Enqueue($"{(int)answer.StatusCode} for a token of {new JsonWebToken(token).Kid}");
                }
            }
        })).Append(Task.Run(async () =>
        {
            // New tokens all the time, of whichever replica; each is used at once on the other.
            for (var turn = 0; !stop.IsCancellationRequested; turn++)
            {
                await Task.Delay(20);
                if (await AskAsync(replicas[turn % 2], () => new HttpRequestMessage(HttpMethod.Post, "/api/v1/sessions/refresh") { Content = JsonContent.Create(new { refreshToken = refresh }) }) is not { } answer) continue;
                using (answer)
                {
                    var body = await answer.Content.ReadFromJsonAsync<JsonElement>();
                    if (!answer.IsSuccessStatusCode)
                    {
                        refused.Enqueue($"refresh: {body}");
                        continue;
                    }

                    refresh = body.GetProperty("refreshToken").GetString()!;
                    var made = body.GetProperty("accessToken").GetString()!;
                    signers.TryAdd(new JsonWebToken(made).Kid, 0);
                    tokens.Enqueue(made);
                    if (tokens.Count > 40) tokens.TryDequeue(out _);
                }
            }
        })).ToList();

        for (var turn = 0; turn < Rotations; turn++)
        {
            // Publish the next on all; let it sign on one after the other, publishing the former; in a later rotation the one before is forgotten.
            await RestartBothAsync(keys[turn], keys[turn + 1]);
            await RestartBothAsync(keys[turn + 1], keys[turn]);
            // The longest life of a token goes by before the former one is forgotten; here, until none of its tokens is used any more.
            while (tokens.Any(t => new JsonWebToken(t).Kid == Kid(keys[turn])) && refused.IsEmpty) await Task.Delay(10);
        }

        await stop.CancelAsync();
        await Task.WhenAll(readers);
        Assert.Empty(refused);
        Assert.True(good > 100, $"only {good} requests");
        Assert.Equal(Rotations + 1, signers.Count);
        foreach (var replica in replicas) await replica.DisposeAsync();

        async Task RestartBothAsync(string signing, string published)
        {
            for (var i = 0; i < 2; i++)
            {
                var (old, reached) = (replicas[i], good);
                replicas[i] = await StartAsync(signing, published);
                await old.DisposeAsync();
                while (good < reached + 20 && refused.IsEmpty) await Task.Delay(10);
            }
        }
    }

    [Fact]
    public async Task ID05_the_published_set_holds_public_parts_alone_and_may_be_kept_by_anybody()
    {
        var (signing, next) = (NewKey(), NewKey());
        await using var api = await StartAsync(signing, next);
        using var answer = await api.Anonymous().GetAsync("/.well-known/jwks.json");
        Assert.Equal((HttpStatusCode.OK, "application/jwk-set+json", "public, max-age=300"), (answer.StatusCode, answer.Content.Headers.ContentType?.MediaType, answer.Headers.CacheControl?.ToString()));
        var keys = (await answer.JsonAsync()).GetProperty("keys").EnumerateArray().ToList();
        Assert.Equal([Kid(signing), Kid(next)], keys.Select(k => k.GetProperty("kid").GetString()));
        Assert.All(keys, k => Assert.Equal(["kty", "use", "alg", "kid", "crv", "x", "y"], k.EnumerateObject().Select(p => p.Name)));

        // Whoever has the set can check a token with it.
        var scene = await new Scene(api.Services.GetRequiredService<Vault>()).Person("员工", Role.Staff, "s.c").SaveAsync(fixture.Database);
        var signedIn = await api.SignInAsync(scene.OpenIdOf("员工"));
        using var key = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = Decode(keys[0], "x"), Y = Decode(keys[0], "y") },
        });
        var parts = signedIn.AccessToken.Split('.');
        Assert.True(key.VerifyData(System.Text.Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), System.Buffers.Text.Base64Url.DecodeFromChars(parts[2]), HashAlgorithmName.SHA256));

        static byte[] Decode(JsonElement key, string name) => System.Buffers.Text.Base64Url.DecodeFromChars(key.GetProperty(name).GetString());
    }

    [Fact]
    public async Task ID05_a_token_of_a_key_that_is_retired_is_refused_and_of_one_that_only_waits_for_its_turn_is_not()
    {
        var scene = await new Scene(RowLevelSecurityTests.VaultOf(fixture.Database)).Person("员工", Role.Staff, "s.c").SaveAsync(fixture.Database);
        var (former, present) = (NewKey(), NewKey());
        string token;
        await using (var api = await StartAsync(former)) token = (await api.SignInAsync(scene.OpenIdOf("员工"))).AccessToken;

        await using (var knows = await StartAsync(present, former))
        {
            await MeAsync(knows, token).OkAsync();
            knows.Clock.Advance(Tokens.AccessLifetime + TimeSpan.FromSeconds(31));
            await MeAsync(knows, token).RefusedAsync(401, "not_signed_in");
        }

        await using var forgot = await StartAsync(present);
        await MeAsync(forgot, token).RefusedAsync(401, "not_signed_in");
    }

    [Theory]
    [InlineData("not a key")]
    [InlineData(null)]
    public async Task RL23_a_published_key_that_is_none_stops_the_start(string? key)
    {
        var refused = await Assert.ThrowsAnyAsync<Exception>(() => Api.StartAsync(fixture.Database, new Dictionary<string, string?> { ["Tokens:PublishedKeys:next"] = key ?? PublicOf(ECCurve.NamedCurves.nistP384) }));
        Assert.Contains("Tokens:PublishedKeys:next 应为 P-256", refused.ToString(), StringComparison.Ordinal);
    }

    /// <summary>Null: that replica was going down; a balancer would have given it no request.</summary>
    private static async Task<HttpResponseMessage?> AskAsync(Api replica, Func<HttpRequestMessage> request)
    {
        try
        {
            using var client = replica.Anonymous();
            using var message = request();
            return await client.SendAsync(message);
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            return null;
        }
    }

    private static async Task<HttpResponseMessage> MeAsync(Api api, string token)
    {
        using var client = api.Anonymous();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await client.GetAsync("/api/v1/me");
    }

    private Task<Api> StartAsync(string signing, string? published = null)
    {
        var settings = new Dictionary<string, string?>(Api.Unlimited) { ["Tokens:SigningKey"] = signing };
        if (published is not null) settings["Tokens:PublishedKeys:other"] = PublicOf(published);
        return Api.StartAsync(fixture.Database, settings);
    }

    private static string NewKey()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return key.ExportPkcs8PrivateKeyPem();
    }

    private static string PublicOf(string pem)
    {
        using var key = ECDsa.Create();
        key.ImportFromPem(pem);
        return key.ExportSubjectPublicKeyInfoPem();
    }

    private static string PublicOf(ECCurve curve)
    {
        using var key = ECDsa.Create(curve);
        return key.ExportSubjectPublicKeyInfoPem();
    }

    private static string Kid(string pem)
    {
        using var tokens = new Tokens(new TokenOptions { SigningKey = pem, RefreshKey = PostgresFixture.Secrets.RefreshKey }, TimeProvider.System);
        return JsonSerializer.Deserialize<JsonElement>(tokens.KeySet).GetProperty("keys")[0].GetProperty("kid").GetString()!;
    }
}
