using System.Net.Http.Headers;
using System.Net.Http.Json;
using Backend.Domain.Grid;
using Backend.Tests.Platform.Persistence;
using Backend.Tests.Support;

namespace Backend.Tests.Platform.Security;

/// <summary>
/// AZ11: a right that was taken away in the database has gone on every replica within five seconds: for requests, for open hub connections and for tokens that
/// are renewed, with or without LISTEN. The replicas' clocks are moved by five seconds and no more.
/// </summary>
public sealed class RightsChangeTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>
{
    private static readonly DateOnly Day = PostgresFixture.DemoDay, Yesterday = Day.AddDays(-1);
    private readonly Api[] _replicas = new Api[2];

    [Theory]
    [InlineData("dismissed")]
    [InlineData("demoted")]
    [InlineData("assignment moved")]
    [InlineData("stand-in ended")]
    [InlineData("session ended")]
    [InlineData("account disabled")]
    public async Task AZ11_a_lost_right_has_gone_on_both_replicas_within_five_seconds(string how)
    {
        // The grid first: the replicas' clocks stand still, and they would not look at it again.
        var scenes = new List<Scene>();
        for (var i = 0; i < ProofSize.RightsChanges; i++) scenes.Add(await SceneAsync(how));
        // A hundred repeats come from one address.
        for (var i = 0; i < 2; i++) _replicas[i] = await Api.StartAsync(fixture.Database, Api.Unlimited);
        await using (_replicas[0])
        await using (_replicas[1])
            for (var i = 0; i < scenes.Count; i++) await LoseAsync(how, scenes[i], listens: i % 2 == 0);
    }

    private static string HolderIn(string how) => how == "stand-in ended" ? "邻楼" : "楼长";

    private async Task<Scene> SceneAsync(string how)
    {
        var scene = new Scene(RowLevelSecurityTests.VaultOf(fixture.Database))
            .Person("楼长", Role.BuildingLeader, "s.c.a.b1", leads: true).Person("邻楼", Role.BuildingLeader, "s.c.a.b2", leads: true).Vacant(Role.FloorLeader, "s.c.a.b1.f1");
        scene.Home("s.c.a.b1.f1", $"{scene.Top}-1", Day);
        scene.Home("s.c.a.b1.f2", $"{scene.Top}-2", Day);
        if (how == "stand-in ended")
            scene.Add(new StandIn { Id = Guid.CreateVersion7(), PostId = scene.PostOf("楼长").Id, AccountId = scene.Account("邻楼").Id, FromDay = Day.AddDays(-9), ToDay = Day.AddDays(9) });
        return await scene.SaveAsync(fixture.Database);
    }

    private async Task LoseAsync(string how, Scene scene, bool listens)
    {
        var (below, lost, who) = (scene.Household($"{scene.Top}-1").Id, scene.Household($"{scene.Top}-2").Id, HolderIn(how));
        var signedIn = await _replicas[0].SignInAsync(scene.OpenIdOf(who));
        var hubs = new HubClient[2];
        for (var i = 0; i < 2; i++)
        {
            await ReadAsync(_replicas[i], signedIn.AccessToken, lost).OkAsync();
            hubs[i] = await HubClient.ConnectAsync(_replicas[i], signedIn.AccessToken);
        }

        if (!listens) await fixture.Database.ExecuteAsync("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query ilike 'listen%'");
        await TakeAwayAsync(how, scene, scene.Account(who).Id);
        foreach (var replica in _replicas) replica.Clock.Advance(TimeSpan.FromSeconds(5));

        var isOut = how is "session ended" or "account disabled";
        for (var i = 0; i < 2; i++)
        {
            if (isOut) await ReadAsync(_replicas[i], signedIn.AccessToken, lost).RefusedAsync(401, "session_ended");
            else if (how == "dismissed") await GoneAsync(_replicas[i], signedIn.AccessToken, lost);
            else await ReadAsync(_replicas[i], signedIn.AccessToken, lost).RefusedAsync(404, "not_found");
            await hubs[i].ClosedAsync();
            await hubs[i].DisposeAsync();
        }

        using var client = _replicas[1].Anonymous();
        using var renewed = await client.PostAsJsonAsync("/api/v1/sessions/refresh", new { refreshToken = signedIn.RefreshToken });
        Assert.Equal(isOut ? 401 : 200, (int)renewed.StatusCode);
        if (isOut) return;
        var token = (await renewed.JsonAsync()).GetProperty("accessToken").GetString()!;
        await GoneAsync(_replicas[1], token, lost);
        if (how == "demoted") await ReadAsync(_replicas[1], token, below).OkAsync();
    }

    private Task TakeAwayAsync(string how, Scene scene, Guid account) => how switch
    {
        "dismissed" => fixture.Database.ExecuteAsync("update appointments set to_day = $1 where account_id = $2", Yesterday, account),
        "demoted" => fixture.Database.ExecuteAsync("with former as (update appointments set to_day = $1 where account_id = $2) insert into appointments (id, post_id, account_id, from_day) values ($3, $4, $2, $5)",
            Yesterday, account, Guid.CreateVersion7(), scene.VacantAt("s.c.a.b1.f1").Id, Day),
        "assignment moved" => fixture.Database.ExecuteAsync("update assignments set node_id = $1 where post_id = $2", scene.Node("s.c.a.b2").Id, scene.PostOf("楼长").Id),
        "stand-in ended" => fixture.Database.ExecuteAsync("update stand_ins set to_day = $1 where account_id = $2", Yesterday, account),
        "session ended" => fixture.Database.ExecuteAsync("update sessions set ended_at = $1 where account_id = $2", _replicas[0].Clock.GetUtcNow(), account),
        "account disabled" => fixture.Database.ExecuteAsync("update accounts set disabled_at = $1 where id = $2", _replicas[0].Clock.GetUtcNow(), account),
        _ => throw new ArgumentOutOfRangeException(nameof(how)),
    };

    /// <summary>Out of sight, or no role left to ask with.</summary>
    private static async Task GoneAsync(Api api, string token, Guid household)
    {
        using var answer = await ReadAsync(api, token, household);
        Assert.Contains((int)answer.StatusCode, (int[])[403, 404]);
    }

    private static async Task<HttpResponseMessage> ReadAsync(Api api, string token, Guid household)
    {
        using var client = api.Anonymous();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await client.GetAsync($"/api/v1/households/{household}");
    }
}
