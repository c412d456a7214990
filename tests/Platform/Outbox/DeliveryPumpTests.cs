using Backend.Domain.Tiers;
using Backend.Platform.Outbox;
using Backend.Tests.Support;

namespace Backend.Tests.Platform.Outbox;

/// <summary>From a notice to the people: every send counted by the stub in WeChat's place (RL05, RL06, RL11).</summary>
public sealed class DeliveryPumpTests : LeadersTest
{
    private const string Red = "1-1-201";

    [Fact]
    public async Task RL06_everyone_responsible_gets_one_message_over_each_channel_and_nobody_else_any()
    {
        var replica = AddReplica();
        await ChangeAsync(replica, Red, Tier.Red);
        await replica.DrainAsync();

        Assert.Equal(LeadersScene.ToldAbout(floor: 2).Select(LeadersScene.OpenId), WeChat.Sent.Select(s => s.OpenId).Order());
        Assert.Equal(10, await CountAsync("deliveries where state = 'sent'"));
        Assert.Equal(5, await CountAsync("deliveries where channel = 'live' and state = 'sent'"));
        // One row before the call and one after it.
        Assert.Equal(5, await CountAsync("delivery_attempts where outcome is null"));
        Assert.Equal(5, await CountAsync("delivery_attempts where outcome = 'ok'"));
        Assert.Equal(0, await CountAsync("we_chat_identities where leased_until is not null"));
    }

    [Fact]
    public async Task RL06_the_attempt_is_committed_before_the_call()
    {
        var replica = AddReplica();
        var seen = new List<long>();
        WeChat.Answer = async (_, _) =>
        {
            var rows = await CountAsync("delivery_attempts a join deliveries d on d.id = a.delivery_id where a.outcome is null and d.state = 'sending'");
            lock (seen) seen.Add(rows);
            return new DeliveryOutcome(SendResult.Sent, "ok");
        };
        await ChangeAsync(replica, Red, Tier.Red);
        await replica.DrainAsync();

        Assert.Equal(5, seen.Count);
        Assert.All(seen, rows => Assert.InRange(rows, 1, 5));
    }

    [Fact]
    public async Task RL06_two_pumps_never_send_two_messages_at_once_to_one_person_and_none_twice()
    {
        var (one, two) = (AddReplica(), AddReplica());
        WeChat.Answer = async (_, _) =>
        {
            await Task.Delay(5, CancellationToken.None);
            return new DeliveryOutcome(SendResult.Sent, "ok");
        };
        // Four households of one floor: twenty messages to five people.
        foreach (var household in (string[])["1-1-201", "1-1-202"])
            foreach (var tier in (Tier[])[Tier.Yellow, Tier.Red])
                await ChangeAsync(one, household, tier);
        await one.Dispatcher.DrainAsync(default);

        for (var i = 0; i < 20 && await CountAsync("deliveries where state <> 'sent'") > 0; i++)
            await Task.WhenAll(one.Pump.DrainAsync(default), two.Pump.DrainAsync(default));

        Assert.Equal(20, WeChat.Sent.Count);
        Assert.Equal(20, WeChat.Sent.Distinct().Count());
        Assert.Equal(1, WeChat.MostToOnePerson);
        Assert.InRange(WeChat.MostInAll, 2, 16);
        Assert.Equal(40, await CountAsync("deliveries where state = 'sent'"));
    }

    [Fact]
    public async Task RL06_an_uncertain_outcome_is_sent_again_once_after_60_seconds_and_then_shown()
    {
        var replica = AddReplica();
        WeChat.Answer = (openId, _) => Task.FromResult(openId == LeadersScene.OpenId("area")
            ? new DeliveryOutcome(SendResult.Uncertain, "uncertain")
            : new DeliveryOutcome(SendResult.Sent, "ok"));
        await ChangeAsync(replica, Red, Tier.Red);
        await replica.DrainAsync();
        Assert.Equal(5, WeChat.Sent.Count);

        Clock.Advance(TimeSpan.FromSeconds(59));
        await replica.DrainAsync();
        Assert.Equal(5, WeChat.Sent.Count);

        Clock.Advance(TimeSpan.FromSeconds(1));
        await replica.DrainAsync();
        Assert.Equal(6, WeChat.Sent.Count);

        for (var hours = 0; hours < 30; hours++)
        {
            Clock.Advance(TimeSpan.FromHours(1));
            await replica.DrainAsync();
        }

        Assert.Equal(6, WeChat.Sent.Count);
        Assert.Equal(1, await CountAsync("deliveries where state = 'uncertain' and repeats = 1 and attempts = 2 and last_outcome = 'uncertain'"));
        Assert.Equal(9, await CountAsync("deliveries where state = 'sent' and repeats = 0"));
    }

    [Fact]
    public async Task RL06_a_process_killed_between_call_and_outcome_leaves_an_uncertain_delivery_that_is_sent_once_more()
    {
        var killed = AddReplica();
        var calls = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        WeChat.Answer = (_, _) =>
        {
            if (WeChat.Sent.Count == 5) calls.TrySetResult();
            return new TaskCompletionSource<DeliveryOutcome>().Task;
        };
        await ChangeAsync(killed, Red, Tier.Red);
        await killed.Dispatcher.DrainAsync(default);
        // It never comes back: as if the process were gone while WeChat was answering.
        _ = killed.Pump.DrainAsync(default);
        await calls.Task.WaitAsync(TimeSpan.FromSeconds(10));

        WeChat.Answer = null;
        var next = AddReplica();
        await next.DrainAsync();
        Assert.Equal(5, WeChat.Sent.Count);

        Clock.Advance(TimeSpan.FromSeconds(60));
        await next.DrainAsync();
        // The lease runs in the database's time and is still held.
        Assert.Equal(5, WeChat.Sent.Count);
        await Scene.ExecuteAsync("update we_chat_identities set leased_until = clock_timestamp() where leased_until is not null");
        await next.DrainAsync();

        Assert.Equal(10, WeChat.Sent.Count);
        Assert.Equal(5, await CountAsync("deliveries where channel = 'employment_message' and state = 'sent' and repeats = 1 and attempts = 2"));
        await next.DrainAsync();
        Assert.Equal(10, WeChat.Sent.Count);
    }

    [Fact]
    public async Task RL06_a_sender_given_up_for_dead_does_not_overwrite_what_came_after_it()
    {
        var late = AddReplica();
        var answers = new TaskCompletionSource<DeliveryOutcome>(TaskCreationOptions.RunContinuationsAsynchronously);
        var calls = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        WeChat.Answer = (_, _) =>
        {
            if (WeChat.Sent.Count == 5) calls.TrySetResult();
            return answers.Task;
        };
        await ChangeAsync(late, Red, Tier.Red);
        await late.Dispatcher.DrainAsync(default);
        var drain = late.Pump.DrainAsync(default);
        await calls.Task.WaitAsync(TimeSpan.FromSeconds(10));
        WeChat.Answer = null;
        Clock.Advance(TimeSpan.FromSeconds(60));
        await Scene.ExecuteAsync("update we_chat_identities set leased_until = null");
        await AddReplica().DrainAsync();

        answers.SetResult(new DeliveryOutcome(SendResult.GiveUp, "template_invalid"));
        await drain;

        Assert.Equal(5, await CountAsync("deliveries where channel = 'employment_message' and state = 'sent' and last_outcome = 'ok'"));
        Assert.Equal(5, await CountAsync("delivery_attempts where number = 1 and outcome = 'template_invalid'"));
    }

    [Fact]
    public async Task RL06_an_exception_of_the_call_counts_as_uncertain_not_as_sent_and_not_as_failed()
    {
        var replica = AddReplica();
        WeChat.Answer = (_, _) => throw new InvalidOperationException("a defect");
        await ChangeAsync(replica, Red, Tier.Red);
        await replica.DrainAsync();

        Assert.Equal(5, await CountAsync("deliveries where channel = 'employment_message' and state = 'uncertain'"));
    }

    [Fact]
    public async Task RL05_what_fails_is_tried_for_a_day_with_growing_pauses_then_parked_and_alarmed_and_never_deleted()
    {
        var replica = AddReplica();
        WeChat.Answer = (_, _) => Task.FromResult(new DeliveryOutcome(SendResult.Retry, "transient", -1));
        await ChangeAsync(replica, Red, Tier.Red);
        await replica.DrainAsync();
        var start = Clock.GetUtcNow();

        while (await CountAsync("deliveries where state = 'parked'") < 5)
        {
            Clock.Advance(TimeSpan.FromMinutes(10));
            await replica.DrainAsync();
            Assert.True(Clock.GetUtcNow() - start < TimeSpan.FromHours(26),
                await Database.ScalarAsync<string>("select string_agg(concat_ws(' ', state, attempts, due_at, created_at, last_outcome), E'\n') from deliveries where channel = 'employment_message'"));
        }

        Assert.True(Clock.GetUtcNow() - start >= TimeSpan.FromHours(24));
        Assert.InRange(WeChat.Sent.Count, 5 * 24, 5 * 145);
        Assert.Contains(replica.Log.OperatorAlarms, a => a.Contains("delivery_parked", StringComparison.Ordinal));
        Assert.Equal(10, await CountAsync("deliveries"));
    }

    [Fact]
    public async Task RL05_when_the_channel_comes_back_what_waited_for_it_goes_out_within_seconds()
    {
        var replica = AddReplica();
        WeChat.Answer = (_, _) => Task.FromResult(new DeliveryOutcome(SendResult.Retry, "transient"));
        await ChangeAsync(replica, Red, Tier.Red);
        await replica.DrainAsync();
        for (var i = 0; i < 20; i++)
        {
            Clock.Advance(TimeSpan.FromMinutes(31));
            await replica.DrainAsync();
        }

        // One of them comes due and passes; the others would wait for up to half an hour.
        WeChat.Answer = null;
        await Scene.ExecuteAsync("update deliveries set due_at = $1 + interval '25 minutes' where channel = 'employment_message'", Clock.GetUtcNow().UtcDateTime);
        await Scene.ExecuteAsync("update deliveries set due_at = $1 where id = (select id from deliveries where channel = 'employment_message' limit 1)", Clock.GetUtcNow().UtcDateTime);
        await replica.DrainAsync();
        Clock.Advance(TimeSpan.FromSeconds(10));
        await replica.DrainAsync();

        Assert.Equal(5, await CountAsync("deliveries where channel = 'employment_message' and state = 'sent'"));
    }

    [Fact]
    public async Task RL11_what_no_repeat_can_mend_is_shown_and_alarmed_once_and_not_repeated()
    {
        var replica = AddReplica();
        WeChat.Answer = (_, _) => Task.FromResult(new DeliveryOutcome(SendResult.GiveUp, "template_invalid", 40037, OperatorAlarm: true));
        await ChangeAsync(replica, Red, Tier.Red);
        await replica.DrainAsync();
        Clock.Advance(TimeSpan.FromHours(1));
        await replica.DrainAsync();

        Assert.Equal(5, WeChat.Sent.Count);
        Assert.Equal(5, await CountAsync("deliveries where state = 'failed' and last_outcome = 'template_invalid'"));
        Assert.Equal(5, await CountAsync("delivery_attempts where error_code = 40037"));
        Assert.Single(replica.Log.OperatorAlarms);
    }

    [Fact]
    public async Task RL11_a_person_without_employment_relation_is_marked_and_not_written_to_again()
    {
        var replica = AddReplica();
        await Scene.AddAccountAsync("newcomer", Scene.Posts["area"], bound: false);
        WeChat.Answer = (openId, _) => Task.FromResult(openId == LeadersScene.OpenId("staff1")
            ? new DeliveryOutcome(SendResult.NotBound, "recipient_invalid", 40256)
            : new DeliveryOutcome(SendResult.Sent, "ok"));
        await ChangeAsync(replica, Red, Tier.Red);
        await replica.DrainAsync();
        await ChangeAsync(replica, "1-1-202", Tier.Red);
        await replica.DrainAsync();

        Assert.Single(WeChat.Sent, s => s.OpenId == LeadersScene.OpenId("staff1"));
        Assert.Equal(1, await CountAsync("we_chat_identities where not employment_bound"));
        // The second one, and both of the newcomer, who is not bound to WeChat at all; the app still tells them.
        Assert.Equal(3, await CountAsync("deliveries where state = 'failed' and last_outcome = 'not_bound'"));
        Assert.Equal(12, await CountAsync("deliveries where channel = 'live' and state = 'sent'"));
    }

    [Fact]
    public async Task RL11_a_quota_waits_until_it_is_new_and_is_not_released_by_another_message()
    {
        var replica = AddReplica();
        var midnight = new DateTimeOffset(2026, 11, 25, 16, 0, 0, TimeSpan.Zero);
        WeChat.Answer = (openId, _) => Task.FromResult(openId == LeadersScene.OpenId("area")
            ? new DeliveryOutcome(SendResult.Retry, "quota_exhausted", 45009, midnight)
            : new DeliveryOutcome(SendResult.Sent, "ok"));
        await ChangeAsync(replica, Red, Tier.Red);
        await replica.DrainAsync();

        var due = await Database.ScalarAsync<DateTime>("select due_at from deliveries where state = 'waiting'");
        Assert.InRange(due, midnight.UtcDateTime, midnight.UtcDateTime.AddMinutes(1));
    }

    [Fact]
    public async Task RL05_a_delivery_stops_when_every_alarm_of_its_notice_is_acknowledged()
    {
        var replica = AddReplica();
        WeChat.Answer = (_, _) => Task.FromResult(new DeliveryOutcome(SendResult.Retry, "transient"));
        await ChangeAsync(replica, Red, Tier.Red);
        await replica.DrainAsync();
        var calls = WeChat.Sent.Count;

        await Scene.ExecuteAsync("update alarms set acknowledged_at = $1", Clock.GetUtcNow().UtcDateTime);
        await replica.DrainAsync();
        Clock.Advance(TimeSpan.FromHours(2));
        await replica.DrainAsync();

        Assert.Equal(5, await CountAsync("deliveries where state = 'stopped'"));
        Assert.Equal(calls, WeChat.Sent.Count);
    }

    [Fact]
    public async Task RL12_live_messages_do_not_wait_for_a_slow_WeChat()
    {
        var replica = AddReplica();
        var answer = new TaskCompletionSource<DeliveryOutcome>(TaskCreationOptions.RunContinuationsAsynchronously);
        WeChat.Answer = (_, _) => answer.Task;
        foreach (var household in (string[])["1-1-101", "1-1-201", "1-1-301"]) await ChangeAsync(replica, household, Tier.Red);
        await replica.Dispatcher.DrainAsync(default);

        await replica.Pump.StartAsync(default);
        for (var i = 0; i < 500 && await CountAsync("deliveries where channel = 'live' and state = 'sent'") < 15; i++) await Task.Delay(10);

        Assert.Equal(15, await CountAsync("deliveries where channel = 'live' and state = 'sent'"));
        Assert.Equal(7, WeChat.MostInAll);
        answer.SetResult(new DeliveryOutcome(SendResult.Sent, "ok"));
        await replica.Pump.StopAsync(default);
    }

    [Fact]
    public async Task PD05_no_openid_stands_in_a_log_line_whatever_happens()
    {
        var replica = AddReplica();
        var n = 0;
        WeChat.Answer = (openId, _) => Interlocked.Increment(ref n) switch
        {
            1 => throw new InvalidOperationException(openId),
            2 => Task.FromResult(new DeliveryOutcome(SendResult.GiveUp, "bug", 40097, OperatorAlarm: true)),
            3 => Task.FromResult(new DeliveryOutcome(SendResult.Uncertain, "uncertain")),
            _ => Task.FromResult(new DeliveryOutcome(SendResult.Retry, "transient")),
        };
        await ChangeAsync(replica, Red, Tier.Red);
        await replica.DrainAsync();

        Assert.DoesNotContain(replica.Log.All, l => l.Text.Contains("openid-of", StringComparison.Ordinal));
    }

    private async Task ChangeAsync(Replica replica, string door, Tier to)
    {
        await using var db = replica.Worker();
        await LeadersScene.ChangeAsync(db, Scene.Households[door], to);
    }
}
