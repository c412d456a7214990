using Backend.Domain.Tiers;
using Backend.Platform.Outbox;
using Backend.Tests.Support;

namespace Backend.Tests.Platform.Outbox;

/// <summary>
/// The second channel to a phone: when it is taken, and that each message takes one credit of the person's, whatever happens between call and mark
/// (RL06). The stubs count the real sends.
/// </summary>
public sealed class SecondChannelTests : LeadersTest
{
    private const string Red = "1-1-201", Template = "TMPL";
    private static readonly DeliveryOutcome Sent = new(SendResult.Sent, "ok");

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        Subscribe.CreditTemplate = Template;
    }

    [Fact]
    public async Task RL06_where_the_first_channel_takes_the_message_the_second_is_left_alone()
    {
        foreach (var who in LeadersScene.ToldAbout(floor: 2)) await CreditAsync(who, 3);
        var replica = AddReplica();
        await ReddenAsync(replica, Red);

        Assert.Equal((5, 0), (WeChat.Sent.Count, Subscribe.Sent.Count));
        Assert.Equal(0, await CountAsync("deliveries where channel = 'subscribe_message'"));
        Assert.Equal(15, await Database.ScalarAsync<long>("select sum(remaining) from subscription_credits"));
    }

    [Fact]
    public async Task RL06_whoever_has_no_employment_relation_is_told_over_the_second_channel_for_one_credit()
    {
        await UnbindAsync("area", "floor2");
        await CreditAsync("area", 2);
        await CreditAsync("floor2", null);
        var replica = AddReplica();
        await ReddenAsync(replica, Red);

        Assert.Equal(["area", "floor2"], Subscribe.Sent.Select(s => Who(s.OpenId)).Order());
        Assert.Equal(3, WeChat.Sent.Count);
        Assert.Equal((1, null), (await LeftAsync("area"), await LeftAsync("floor2")));
        Assert.Equal(2, await CountAsync("deliveries where channel = 'employment_message' and state = 'failed' and last_outcome = 'not_bound'"));
        Assert.Equal(2, await CountAsync("deliveries where channel = 'subscribe_message' and state = 'sent' and step = 0 and attempts = 1"));
        Assert.Equal(0, await CountAsync("we_chat_identities where leased_until is not null"));
    }

    [Theory]
    [InlineData(nameof(SendResult.GiveUp), "recipient_invalid", 40003)]
    [InlineData(nameof(SendResult.NotBound), "not_subscribed", 50001)]
    public async Task RL06_what_the_first_channel_refuses_for_good_goes_over_the_second(string result, string outcome, int code)
    {
        await CreditAsync("area", 1);
        Refuse("area", new DeliveryOutcome(Enum.Parse<SendResult>(result), outcome, code));
        var replica = AddReplica();
        await ReddenAsync(replica, Red);

        Assert.Equal("area", Who(Assert.Single(Subscribe.Sent).OpenId));
        Assert.Equal(0, await LeftAsync("area"));
        Assert.Equal(1, await CountAsync("deliveries where channel = 'employment_message' and state = 'failed' and last_outcome = $1", outcome));
    }

    [Fact]
    public async Task RL05_what_people_must_mend_first_goes_over_the_second_channel_meanwhile_and_is_then_superseded()
    {
        await CreditAsync("area", 2);
        Refuse("area", new DeliveryOutcome(SendResult.Retry, "not_granted", 43104, OperatorAlarm: true, NextChannel: true));
        var replica = AddReplica();
        await ReddenAsync(replica, Red);

        Assert.Equal("area", Who(Assert.Single(Subscribe.Sent).OpenId));
        Assert.Equal(1, await CountAsync("deliveries where channel = 'employment_message' and state = 'stopped' and last_outcome = 'not_granted'"));
        // Mended an hour later: she has been told already.
        WeChat.Answer = null;
        Clock.Advance(TimeSpan.FromHours(1));
        await replica.DrainAsync();
        Assert.Equal((5, 1, 1), (WeChat.Sent.Count, Subscribe.Sent.Count, await LeftAsync("area")));
    }

    [Fact]
    public async Task RL05_what_is_parked_after_a_day_goes_over_the_second_channel()
    {
        await CreditAsync("area", 1);
        Refuse("area", new DeliveryOutcome(SendResult.Retry, "transient", -1));
        var replica = AddReplica();
        await ReddenAsync(replica, Red);
        for (var hours = 0; hours < 30 && Subscribe.Sent.Count == 0; hours++)
        {
            Clock.Advance(TimeSpan.FromHours(1));
            await replica.DrainAsync();
        }

        Assert.Equal("area", Who(Assert.Single(Subscribe.Sent).OpenId));
        Assert.Equal(1, await CountAsync("deliveries where channel = 'employment_message' and state = 'parked'"));
        Assert.Equal(0, await LeftAsync("area"));
    }

    [Fact]
    public async Task RL06_an_uncertain_first_channel_is_no_reason_for_the_second()
    {
        await CreditAsync("area", 1);
        Refuse("area", new DeliveryOutcome(SendResult.Uncertain, "uncertain"));
        var replica = AddReplica();
        await ReddenAsync(replica, Red);
        Clock.Advance(TimeSpan.FromMinutes(2));
        await replica.DrainAsync();

        Assert.Equal(6, WeChat.Sent.Count);
        Assert.Empty(Subscribe.Sent);
    }

    [Fact]
    public async Task Without_a_credit_nothing_is_sent_and_it_is_shown()
    {
        await UnbindAsync("area", "floor2");
        await CreditAsync("area", 0);
        var replica = AddReplica();
        await ReddenAsync(replica, Red);

        Assert.Empty(Subscribe.Sent);
        Assert.Equal(2, await CountAsync("deliveries where channel = 'subscribe_message' and state = 'failed' and last_outcome = 'not_subscribed' and attempts = 0"));
        Assert.Equal(5, await CountAsync("deliveries where channel = 'live' and state = 'sent'"));
    }

    [Fact]
    public async Task A_deployment_without_a_template_has_no_second_channel()
    {
        Subscribe.CreditTemplate = null;
        await UnbindAsync("area");
        var replica = AddReplica();
        await ReddenAsync(replica, Red);

        Assert.Equal(0, await CountAsync("deliveries where channel = 'subscribe_message'"));
    }

    [Fact]
    public async Task RL06_one_credit_is_one_message_however_many_alarms_wait_and_however_many_replicas_look()
    {
        await UnbindAsync("area");
        await CreditAsync("area", 1);
        var (one, two) = (AddReplica(), AddReplica());
        foreach (var door in (string[])["1-1-101", "1-1-201", "1-1-301"]) await ChangeAsync(one, door);
        await one.Dispatcher.DrainAsync(default);

        for (var i = 0; i < 20 && await CountAsync("deliveries where state in ('waiting', 'sending')") > 0; i++)
            await Task.WhenAll(one.Pump.DrainAsync(default), two.Pump.DrainAsync(default));

        Assert.Single(Subscribe.Sent);
        Assert.Equal(0, await LeftAsync("area"));
        Assert.Equal(2, await CountAsync("deliveries where channel = 'subscribe_message' and state = 'failed' and last_outcome = 'not_subscribed'"));
    }

    [Fact]
    public async Task RL06_two_replicas_send_one_at_a_time_to_one_person_over_both_channels_and_take_a_credit_each()
    {
        await UnbindAsync("area", "floor2", "building1");
        foreach (var who in (string[])["area", "floor2", "building1"]) await CreditAsync(who, 10);
        var (one, two) = (AddReplica(), AddReplica());
        var (open, most) = (new System.Collections.Concurrent.ConcurrentDictionary<string, int>(), 0);
        WeChat.Answer = Subscribe.Answer = async (openId, _) =>
        {
            var now = open.AddOrUpdate(openId, 1, (_, n) => n + 1);
            if (now > 1) Interlocked.Exchange(ref most, now);
            await Task.Delay(5, CancellationToken.None);
            open.AddOrUpdate(openId, 0, (_, n) => n - 1);
            return Sent;
        };
        foreach (var door in (string[])["1-1-201", "1-1-202"])
            foreach (var tier in (Tier[])[Tier.Yellow, Tier.Red])
                await ChangeAsync(one, door, tier);
        await one.Dispatcher.DrainAsync(default);
        for (var i = 0; i < 40 && await CountAsync("deliveries where state in ('waiting', 'sending')") > 0; i++)
            await Task.WhenAll(one.Pump.DrainAsync(default), two.Pump.DrainAsync(default));

        Assert.Equal(0, most);
        Assert.Equal((8, 12), (WeChat.Sent.Count, Subscribe.Sent.Count));
        Assert.Equal(12, Subscribe.Sent.Distinct().Count());
        foreach (var who in (string[])["area", "floor2", "building1"]) Assert.Equal(6, await LeftAsync(who));
    }

    [Fact]
    public async Task RL06_a_definite_refusal_gives_the_credit_back_and_its_repeat_takes_it_again()
    {
        await UnbindAsync("area");
        await CreditAsync("area", 1);
        var replica = AddReplica();
        Subscribe.Answer = (_, _) => Task.FromResult(new DeliveryOutcome(SendResult.Retry, "transient", -1));
        await ReddenAsync(replica, Red);
        Assert.Equal(1, await LeftAsync("area"));

        Subscribe.Answer = null;
        Clock.Advance(TimeSpan.FromMinutes(1));
        await replica.DrainAsync();

        Assert.Equal(2, Subscribe.Sent.Count);
        Assert.Equal(0, await LeftAsync("area"));
        Assert.Equal(1, await CountAsync("deliveries where channel = 'subscribe_message' and state = 'sent' and attempts = 2 and repeats = 0"));
    }

    [Fact]
    public async Task RL06_what_is_refused_for_good_or_taken_on_meanwhile_costs_no_credit()
    {
        await UnbindAsync("area", "floor2");
        await CreditAsync("area", 1);
        await CreditAsync("floor2", 1);
        var replica = AddReplica();
        Subscribe.Answer = (openId, _) => Task.FromResult(Who(openId) == "area"
            ? new DeliveryOutcome(SendResult.GiveUp, "content_rejected", 45168)
            : new DeliveryOutcome(SendResult.Retry, "transient", -1));
        await ReddenAsync(replica, Red);
        await Scene.ExecuteAsync("update alarms set acknowledged_at = $1", Clock.GetUtcNow().UtcDateTime);
        Clock.Advance(TimeSpan.FromHours(1));
        await replica.DrainAsync();

        Assert.Equal((1, 1), (await LeftAsync("area"), await LeftAsync("floor2")));
        Assert.Equal(1, await CountAsync("deliveries where channel = 'subscribe_message' and state = 'stopped'"));
    }

    [Fact]
    public async Task RL06_an_uncertain_outcome_keeps_its_credit_and_its_one_repeat_takes_no_second()
    {
        await UnbindAsync("area");
        await CreditAsync("area", 5);
        var replica = AddReplica();
        Subscribe.Answer = (_, _) => Task.FromResult(new DeliveryOutcome(SendResult.Uncertain, "uncertain"));
        await ReddenAsync(replica, Red);
        Assert.Equal((1, 4), (Subscribe.Sent.Count, await LeftAsync("area")));

        for (var i = 0; i < 30; i++)
        {
            Clock.Advance(TimeSpan.FromMinutes(1));
            await replica.DrainAsync();
        }

        Assert.Equal((2, 4), (Subscribe.Sent.Count, await LeftAsync("area")));
        Assert.Equal(1, await CountAsync("deliveries where channel = 'subscribe_message' and state = 'uncertain' and repeats = 1"));
    }

    [Fact]
    public async Task RL06_a_repeat_that_is_certainly_not_sent_neither_returns_nor_takes_a_credit()
    {
        await UnbindAsync("area");
        await CreditAsync("area", 5);
        var replica = AddReplica();
        var answers = new Queue<DeliveryOutcome>([new(SendResult.Uncertain, "uncertain"), new(SendResult.Retry, "transient", -1), Sent]);
        Subscribe.Answer = (_, _) => Task.FromResult(answers.Dequeue());
        await ReddenAsync(replica, Red);
        foreach (var minutes in (int[])[1, 5, 60])
        {
            Clock.Advance(TimeSpan.FromMinutes(minutes));
            await replica.DrainAsync();
            Assert.Equal(4, await LeftAsync("area"));
        }

        Assert.Equal(3, Subscribe.Sent.Count);
        Assert.Equal(1, await CountAsync("deliveries where channel = 'subscribe_message' and state = 'sent' and repeats = 1"));
    }

    [Fact]
    public async Task RL06_a_kill_between_call_and_mark_costs_one_credit_and_at_most_one_message_more()
    {
        await UnbindAsync("area", "floor2");
        await CreditAsync("area", 5);
        await CreditAsync("floor2", 1);
        var killed = AddReplica();
        var calls = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Subscribe.Answer = (_, _) =>
        {
            if (Subscribe.Sent.Count == 2) calls.TrySetResult();
            return new TaskCompletionSource<DeliveryOutcome>().Task;
        };
        await ChangeAsync(killed, Red);
        await killed.Dispatcher.DrainAsync(default);
        // It never comes back: as if the process were gone while WeChat was answering.
        _ = killed.Pump.DrainAsync(default);
        await calls.Task.WaitAsync(TimeSpan.FromSeconds(10));
        // The credit is taken before the call, in the commit of the attempt.
        Assert.Equal((4, 0), (await LeftAsync("area"), await LeftAsync("floor2")));

        Subscribe.Answer = null;
        var next = AddReplica();
        Clock.Advance(TimeSpan.FromSeconds(60));
        await Scene.ExecuteAsync("update we_chat_identities set leased_until = clock_timestamp() where leased_until is not null");
        await next.DrainAsync();

        // The last credit is spent on the first try: its repeat goes out all the same.
        Assert.Equal((4, 0), (await LeftAsync("area"), await LeftAsync("floor2")));
        Assert.Equal(4, Subscribe.Sent.Count);
        Assert.Equal(2, await CountAsync("deliveries where channel = 'subscribe_message' and state = 'sent' and repeats = 1 and attempts = 2"));
    }

    [Fact]
    public async Task RL06_a_sender_given_up_for_dead_does_not_touch_the_ledger()
    {
        await UnbindAsync("area");
        await CreditAsync("area", 5);
        var late = AddReplica();
        var answers = new TaskCompletionSource<DeliveryOutcome>(TaskCreationOptions.RunContinuationsAsynchronously);
        var calls = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Subscribe.Answer = (_, _) =>
        {
            calls.TrySetResult();
            return answers.Task;
        };
        await ChangeAsync(late, Red);
        await late.Dispatcher.DrainAsync(default);
        var drain = late.Pump.DrainAsync(default);
        await calls.Task.WaitAsync(TimeSpan.FromSeconds(10));
        Subscribe.Answer = null;
        Clock.Advance(TimeSpan.FromSeconds(60));
        await Scene.ExecuteAsync("update we_chat_identities set leased_until = null");
        await AddReplica().DrainAsync();

        answers.SetResult(new DeliveryOutcome(SendResult.NoCredit, "not_subscribed", 43101));
        await drain;

        Assert.Equal(4, await LeftAsync("area"));
        Assert.Equal(1, await CountAsync("deliveries where channel = 'subscribe_message' and state = 'sent'"));
    }

    [Theory]
    [InlineData(7)]
    [InlineData(null)]
    public async Task RL11_43101_sets_the_ledger_to_zero_and_the_next_alarm_makes_no_call(int? credits)
    {
        await UnbindAsync("area");
        await CreditAsync("area", credits);
        var replica = AddReplica();
        Subscribe.Answer = (_, _) => Task.FromResult(new DeliveryOutcome(SendResult.NoCredit, "not_subscribed", 43101));
        await ReddenAsync(replica, Red);
        await ReddenAsync(replica, "1-1-202");

        Assert.Single(Subscribe.Sent);
        Assert.Equal(0, await LeftAsync("area"));
        Assert.Equal("refused", await Database.ScalarAsync<string>("select last_result from subscription_credits"));
        Assert.Equal(2, await CountAsync("deliveries where channel = 'subscribe_message' and state = 'failed' and last_outcome = 'not_subscribed'"));
    }

    [Fact]
    public async Task RL06_nothing_left_for_the_repeat_of_a_lost_answer_leaves_it_uncertain_and_not_failed()
    {
        await UnbindAsync("area");
        await CreditAsync("area", 1);
        var replica = AddReplica();
        var answers = new Queue<DeliveryOutcome>([new(SendResult.Uncertain, "uncertain"), new(SendResult.NoCredit, "not_subscribed", 43101)]);
        Subscribe.Answer = (_, _) => Task.FromResult(answers.Dequeue());
        await ReddenAsync(replica, Red);
        Clock.Advance(TimeSpan.FromSeconds(60));
        await replica.DrainAsync();
        Clock.Advance(TimeSpan.FromHours(1));
        await replica.DrainAsync();

        Assert.Equal((2, 0), (Subscribe.Sent.Count, await LeftAsync("area")));
        Assert.Equal(1, await CountAsync("deliveries where channel = 'subscribe_message' and state = 'uncertain' and repeats = 1"));
    }

    private static string Who(string openId) => openId[LeadersScene.OpenId("").Length..];

    /// <summary>The first channel answers this to one person, and sends to the others.</summary>
    private void Refuse(string who, DeliveryOutcome outcome) =>
        WeChat.Answer = (openId, _) => Task.FromResult(Who(openId) == who ? outcome : Sent);

    private async Task UnbindAsync(params string[] people)
    {
        foreach (var who in people) await Scene.ExecuteAsync("update we_chat_identities set employment_bound = false where account_id = $1", Scene.Accounts[who]);
    }

    /// <param name="who">Whose.</param>
    /// <param name="remaining">Null: a long-term template that she has opened.</param>
    private Task<int> CreditAsync(string who, int? remaining) => Scene.ExecuteAsync($"""
        insert into subscription_credits (id, account_id, template_id, kind, remaining, last_result, last_result_at)
        values ($1, $2, '{Template}', '{(remaining is null ? "long_term" : "one_time")}', {(remaining is { } n ? $"{n}" : "null")}, 'accept', $3)
        """, Guid.CreateVersion7(), Scene.Accounts[who], Clock.GetUtcNow().UtcDateTime);

    private Task<int?> LeftAsync(string who) =>
        Database.ScalarAsync<int?>("select remaining from subscription_credits where account_id = $1", Scene.Accounts[who]);

    private async Task ReddenAsync(Replica replica, string door)
    {
        await ChangeAsync(replica, door);
        await replica.DrainAsync();
    }

    private async Task ChangeAsync(Replica replica, string door, Tier to = Tier.Red)
    {
        await using var db = replica.Worker();
        await LeadersScene.ChangeAsync(db, Scene.Households[door], to);
    }
}
