using Backend.Domain.Households;
using Backend.Domain.Messages;
using Backend.Domain.Tiers;
using Backend.Platform.Outbox;
using Backend.Tests.Support;

namespace Backend.Tests.Features.Notices;

/// <summary>What a batch raises reaches each person as one notice with a list; an acknowledgement stops exactly what it lists.</summary>
public sealed class TellBatchTests : LeadersTest
{
    [Fact]
    public async Task RL06_each_person_gets_one_notice_with_the_households_that_are_hers()
    {
        var replica = AddReplica();
        await BatchAsync(replica, Tier.Red, "1-1-101", "1-1-102", "1-1-301", "2-1-101");
        await replica.DrainAsync();

        Assert.Equal(4, await CountAsync("alarms"));
        Assert.Equal(0, await CountAsync("notices where cause_kind <> 'batch'"));
        Assert.Equal(
            [("area", 4L), ("building1", 3L), ("building2", 1L), ("floor1", 2L), ("floor3", 1L), ("other1", 1L), ("staff1", 4L), ("staff2", 4L)],
            await ListsAsync());
        Assert.Equal(8, WeChat.Sent.Count);
        Assert.Equal(8, WeChat.Sent.DistinctBy(s => s.OpenId).Count());
    }

    [Fact]
    public async Task RL05_the_order_in_which_messages_are_handled_and_how_often_changes_nothing()
    {
        var replica = AddReplica();
        await BatchAsync(replica, Tier.Red, "1-1-101", "1-1-301");
        // The end of the batch is handled before any of its changes.
        await Scene.ExecuteAsync("update outbox_messages set due_at = $1 where kind = 'tier_changed.1'", Clock.GetUtcNow().AddMinutes(5).UtcDateTime);
        await replica.DrainAsync();
        var early = await ListsAsync();
        Assert.Equal(2, await CountAsync("alarms"));

        Clock.Advance(TimeSpan.FromMinutes(5));
        await replica.DrainAsync();
        await Scene.ExecuteAsync("update outbox_messages set done_at = null");
        await replica.DrainAsync();

        Assert.Equal(early, await ListsAsync());
        Assert.Equal(2, await CountAsync("alarms"));
        Assert.Equal(6, WeChat.Sent.Count);
    }

    [Fact]
    public async Task A_batch_that_raised_nothing_tells_nobody()
    {
        var replica = AddReplica();
        await BatchAsync(replica, Tier.Red);
        await replica.DrainAsync();

        Assert.Equal(0, await CountAsync("notices"));
        Assert.Empty(replica.Log.OperatorAlarms);
    }

    [Fact]
    public async Task RL05_a_delivery_stops_when_all_of_its_own_alarms_are_taken_while_the_others_go_on()
    {
        var replica = AddReplica();
        WeChat.Answer = (_, _) => Task.FromResult(new DeliveryOutcome(SendResult.Retry, "transient"));
        await BatchAsync(replica, Tier.Red, "1-1-101", "1-1-301");
        await replica.DrainAsync();

        // The leader of floor 1 takes hers; whoever lists the other household too is still called.
        await Scene.ExecuteAsync("update alarms set acknowledged_at = $1 where household_id = $2", Clock.GetUtcNow().UtcDateTime, Scene.Households["1-1-101"]);
        await replica.DrainAsync();
        Assert.Equal("floor1", Scene.NameOf(await Database.ScalarAsync<Guid>("select account_id from deliveries where state = 'stopped'")));
        Assert.Equal(1, await CountAsync("deliveries where state = 'stopped'"));

        WeChat.Answer = null;
        var before = WeChat.Sent.Count;
        Clock.Advance(TimeSpan.FromHours(1));
        await replica.DrainAsync();
        Assert.Equal(["area", "building1", "floor3", "staff1", "staff2"],
            WeChat.Sent.Skip(before).Select(s => s.OpenId["openid-of-".Length..]).Order(StringComparer.Ordinal));
        Assert.Equal(5, await CountAsync("deliveries where channel = 'employment_message' and state = 'sent'"));
    }

    private async Task BatchAsync(Replica replica, Tier to, params string[] doors)
    {
        var batch = new Batch { Id = Guid.CreateVersion7(), Kind = BatchKind.Import, Day = new DateOnly(2026, 11, 25), StartedAt = Clock.GetUtcNow(), FinishedAt = Clock.GetUtcNow() };
        await using (var db = replica.Worker())
        {
            await db.BeginAsync(default);
            db.Add(batch);
            await db.CommitAsync(default);
        }

        foreach (var door in doors)
        {
            await using var db = replica.Worker();
            await LeadersScene.ChangeAsync(db, Scene.Households[door], to, batch.Id);
        }

        await using var last = replica.Worker();
        await last.BeginAsync(default);
        last.Send(new BatchFinished(batch.Id));
        await last.CommitAsync(default);
    }

    /// <summary>How many alarms each person's one notice lists.</summary>
    private async Task<IEnumerable<(string Who, long Alarms)>> ListsAsync()
    {
        var lists = new List<(string, long)>();
        foreach (var (who, account) in Scene.Accounts.OrderBy(a => a.Key, StringComparer.Ordinal))
        {
            if (await CountAsync("notices where account_id = $1", account) == 0) continue;
            Assert.Equal(1, await CountAsync("notices where account_id = $1", account));
            lists.Add((who, await CountAsync("notice_alarms where account_id = $1", account)));
        }

        return lists;
    }
}
