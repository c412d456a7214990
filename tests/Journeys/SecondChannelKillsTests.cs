using System.Net.Http.Headers;
using System.Net.Http.Json;
using Backend.Domain.Grid;
using Backend.Platform.Security;
using Backend.Tests.Platform.Persistence;
using Backend.Tests.Platform.WeChat;
using Backend.Tests.Support;

namespace Backend.Tests.Journeys;

/// <summary>
/// RL06 under fire: two replicas, and kill -9 while WeChat has taken a subscribe message and its answer is still on the way. The message costs one credit, goes
/// out at most once more, and the ledger agrees with the deliveries after every round.
/// </summary>
public sealed class SecondChannelKillsTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>
{
    private static readonly int Rounds = ProofSize.Full ? 50 : 2;
    private readonly PostgresDatabase _database = fixture.Database;

    [Fact]
    public async Task RL06_a_kill_between_call_and_mark_costs_one_credit_and_at_most_one_message_more()
    {
        using var weChat = new WeChatStub();
        var today = ShanghaiDay.Of(TimeProvider.System.GetUtcNow());
        var scene = new Scene(RowLevelSecurityTests.VaultOf(_database)).Person("楼层长", Role.FloorLeader, "s.c.a.b.f1", leads: true).Person("员工", Role.Staff, "s.c");
        var homes = Enumerable.Range(0, Rounds).Select(i => scene.Home("s.c.a.b.f1", $"{scene.Top}-{i}", today).Id).ToList();
        await scene.SaveAsync(_database);
        var (leader, openId) = (scene.Account("楼层长").Id, scene.OpenIdOf("楼层长"));
        await _database.ExecuteAsync("update we_chat_identities set employment_bound = false where account_id = $1", leader);
        await _database.ExecuteAsync($"""
            insert into subscription_credits (id, account_id, template_id, kind, remaining, last_result, last_result_at)
            values ($1, $2, '{WeChatStub.SubscribeTemplate}', 'one_time', {Rounds}, 'accept', clock_timestamp())
            """, Guid.CreateVersion7(), leader);
        for (var i = 0; i < 2 * Rounds; i++) weChat.Consent(openId);

        var settings = new Dictionary<string, string?>(_database.Settings());
        foreach (var (key, value) in weChat.Configuration) settings[key] = value;
        await using var one = await BackendProcess.StartAsync(settings);
        await using var two = await BackendProcess.StartAsync(settings);
        weChat.AddCode("staff", scene.OpenIdOf("员工"), again: true);

        for (var round = 0; round < Rounds; round++)
        {
            weChat.Always(WeChatCall.SubscribeMessage, StubAnswer.DoneButAnswerLost);
            var before = weChat.SendsTo(openId);
            await IllAsync(one, homes[round], today);
            await Wait.Until(() => weChat.SendsTo(openId) == before + 1);
            // Whichever of them is calling.
            await Task.WhenAll(one.KillAsync(), two.KillAsync());

            // Taken in the commit of the attempt: no kill can separate them.
            Assert.Equal(Rounds - round - 1, await LeftAsync(leader));
            Assert.Equal(1L, await DeliveriesAsync("state = 'sending' and attempts = 1"));
            weChat.Always(WeChatCall.SubscribeMessage, null);
            // As if the minute after a lost answer had passed, and with it the lease.
            await _database.ExecuteAsync("update deliveries set due_at = clock_timestamp() where channel = 'subscribe_message' and state = 'sending'");
            await _database.ExecuteAsync("update we_chat_identities set leased_until = null where account_id = $1", leader);
            await Task.WhenAll(one.StartAgainAsync(), two.StartAgainAsync());
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            while (await DeliveriesAsync("state <> 'sent'") > 0) await Task.Delay(20, patience.Token);

            Assert.Equal(before + 2, weChat.SendsTo(openId));
            Assert.Equal(Rounds - round - 1, await LeftAsync(leader));
        }

        Assert.Equal(Rounds, await DeliveriesAsync("state = 'sent' and attempts = 2 and repeats = 1"));
        Assert.Equal(0, await LeftAsync(leader));
    }

    private static async Task IllAsync(BackendProcess backend, Guid home, DateOnly today)
    {
        var token = (await backend.Client.PostAsJsonAsync("/api/v1/sessions/wechat", new { code = "staff" }).OkAsync()).GetProperty("accessToken").GetString()!;
        using var request = new HttpRequestMessage(HttpMethod.Put, $"/api/v1/households/{home}/facts")
        {
            Content = JsonContent.Create(new { values = new[] { new { subject = "household", subjectId = home, tag = "last_major_event", value = "illness", observedAt = today } } }),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        request.Headers.Add("Idempotency-Key", $"key-{home}");
        request.Headers.TryAddWithoutValidation("If-Match", "\"1\"");
        await backend.Client.SendAsync(request).OkAsync();
    }

    private Task<int> LeftAsync(Guid account) => _database.ScalarAsync<int>("select remaining from subscription_credits where account_id = $1", account);

    private Task<long> DeliveriesAsync(string where) => _database.ScalarAsync<long>($"select count(*) from deliveries where channel = 'subscribe_message' and {where}");
}
