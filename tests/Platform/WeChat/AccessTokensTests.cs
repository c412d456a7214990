using Backend.Platform.WeChat;
using Backend.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace Backend.Tests.Platform.WeChat;

public class AccessTokensTests
{
    private const string AppId = WeChatStub.AppId;

    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 9, 21, 0, 0, 0, TimeSpan.Zero));

    [Fact]
    public async Task RL11_a_token_is_kept_until_five_minutes_before_its_end_and_not_longer_than_half_a_minute_more()
    {
        using var stub = new WeChatStub();
        await using var rig = Rig.At(stub, _clock);

        await rig.Send();
        _clock.Advance(TimeSpan.FromSeconds(7200 - 301));
        await rig.Send();
        Assert.Equal(1, stub.Calls(WeChatCall.StableToken));

        _clock.Advance(TimeSpan.FromSeconds(31)); // the jitter
        await rig.Send();
        await rig.Send();
        Assert.Equal(2, stub.Calls(WeChatCall.StableToken));
    }

    [Fact]
    public async Task RL11_two_replicas_with_one_store_renew_once_per_expiry()
    {
        using var stub = new WeChatStub();
        var store = new InMemoryTokenStore(_clock);
        await using var first = Rig.At(stub, _clock, store);
        await using var second = Rig.At(stub, _clock, store);

        for (var expiry = 1; expiry <= 3; expiry++)
        {
            var gate = new TaskCompletionSource();
            stub.Script(WeChatCall.StableToken, StubAnswer.After(gate.Task));
            var sends = Enumerable.Range(0, 40).Select(i => (i % 2 == 0 ? first : second).Send($"oFAKE_openid_{i:D16}")).ToArray();
            await Wait.Until(() => stub.Calls(WeChatCall.StableToken) == expiry);
            gate.SetResult();

            Assert.All(await Task.WhenAll(sends), o => Assert.Equal(WeChatErrorClass.Ok, o.Class));
            Assert.Equal(expiry, stub.Calls(WeChatCall.StableToken));
            _clock.Advance(TimeSpan.FromSeconds(7200));
        }
    }

    [Fact]
    public async Task RL11_two_replicas_that_see_the_same_stale_token_renew_it_once()
    {
        using var stub = new WeChatStub();
        var store = new InMemoryTokenStore(_clock);
        await using var first = Rig.At(stub, _clock, store);
        await using var second = Rig.At(stub, _clock, store);
        await Task.WhenAll(first.Send(), second.Send());
        Assert.Equal(1, stub.Calls(WeChatCall.StableToken));

        stub.RevokeToken();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => (i % 2 == 0 ? first : second).Send($"oFAKE_openid_{i:D16}")));

        Assert.Equal(2, stub.Calls(WeChatCall.StableToken));
        Assert.Equal(22, stub.Messages.Count);
    }

    [Fact]
    public async Task RL11_a_renewed_token_of_the_same_text_counts_as_renewed()
    {
        using var tokens = new AccessTokens(new InMemoryTokenStore(_clock), _clock);
        var renewals = 0;
        Task<Renewal> Renew(CancellationToken _)
        {
            renewals++;
            return Task.FromResult(new Renewal("SAME", TimeSpan.FromHours(2)));
        }

        var before = (await tokens.GetAsync(AppId, Renew, default)).Token!;
        var after = (await tokens.ReplaceAsync(AppId, before, Renew, default)).Token!;
        Assert.Equal(after, (await tokens.ReplaceAsync(AppId, before, Renew, default)).Token);
        Assert.Equal(2, renewals);
        Assert.Equal(before.Value, after.Value);
    }

    [Fact]
    public async Task RL11_while_one_replica_renews_the_others_go_on_with_the_old_token()
    {
        using var stub = new WeChatStub();
        var store = new InMemoryTokenStore(_clock);
        await using var first = Rig.At(stub, _clock, store);
        await using var second = Rig.At(stub, _clock, store);
        await Task.WhenAll(first.Send(), second.Send());
        _clock.Advance(TimeSpan.FromSeconds(7200 - 260));

        var gate = new TaskCompletionSource();
        stub.Script(WeChatCall.StableToken, StubAnswer.After(gate.Task));
        var renewing = first.Send();
        await Wait.Until(() => stub.Calls(WeChatCall.StableToken) == 2);

        Assert.Equal(WeChatErrorClass.Ok, (await second.Send()).Class);
        Assert.False(renewing.IsCompleted);
        gate.SetResult();
        Assert.Equal(WeChatErrorClass.Ok, (await renewing).Class);
        Assert.Equal(2, stub.Calls(WeChatCall.StableToken));
    }

    [Fact]
    public async Task RL11_a_replica_that_died_while_renewing_is_replaced_when_its_lease_ends()
    {
        var store = new InMemoryTokenStore(_clock);
        Assert.NotNull(await store.TryTakeRenewalLeaseAsync(AppId, TimeSpan.FromSeconds(20), default));
        using var tokens = new AccessTokens(store, _clock);

        var waiting = tokens.GetAsync(AppId, _ => Task.FromResult(new Renewal("T", TimeSpan.FromHours(2))), default);
        Assert.False(waiting.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(20));

        Assert.Equal("T", (await waiting).Token!.Value);
    }

    [Fact]
    public async Task RL11_a_failed_renewal_gives_the_lease_back_and_the_old_token_serves_on()
    {
        var store = new InMemoryTokenStore(_clock);
        using var tokens = new AccessTokens(store, _clock);
        var failures = 0;
        Task<Renewal> Fail(CancellationToken _)
        {
            failures++;
            return Task.FromResult(new Renewal(null, TimeSpan.Zero, WeChatErrorClass.Configuration, 40164));
        }

        await tokens.GetAsync(AppId, _ => Task.FromResult(new Renewal("OLD", TimeSpan.FromHours(2))), default);
        _clock.Advance(TimeSpan.FromSeconds(7200 - 200));
        Assert.Equal("OLD", (await tokens.GetAsync(AppId, Fail, default)).Token!.Value);
        Assert.Equal("OLD", (await tokens.GetAsync(AppId, Fail, default)).Token!.Value);
        Assert.Equal(1, failures); // not asked again at each call

        _clock.Advance(TimeSpan.FromSeconds(195)); // its last seconds
        var none = await tokens.GetAsync(AppId, Fail, default);
        Assert.Equal((null, WeChatErrorClass.Configuration, 40164), (none.Token, none.Class, none.Code));
        Assert.NotNull(await store.TryTakeRenewalLeaseAsync(AppId, TimeSpan.FromSeconds(1), default));
    }

    [Fact]
    public async Task RL11_a_renewal_that_throws_gives_the_lease_back()
    {
        var store = new InMemoryTokenStore(_clock);
        using var tokens = new AccessTokens(store, _clock);

        await Assert.ThrowsAsync<OperationCanceledException>(() => tokens.GetAsync(AppId, _ => throw new OperationCanceledException(), default));

        Assert.NotNull(await store.TryTakeRenewalLeaseAsync(AppId, TimeSpan.FromSeconds(1), default));
    }

    [Fact]
    public async Task RL11_a_token_that_comes_in_its_last_minutes_is_not_asked_for_at_each_call()
    {
        using var tokens = new AccessTokens(new InMemoryTokenStore(_clock), _clock);
        var renewals = 0;
        Task<Renewal> Renew(CancellationToken _)
        {
            renewals++;
            return Task.FromResult(new Renewal("T", TimeSpan.FromSeconds(120)));
        }

        for (var i = 0; i < 5; i++) await tokens.GetAsync(AppId, Renew, default);
        Assert.Equal(1, renewals);
        _clock.Advance(TimeSpan.FromSeconds(30));
        await tokens.GetAsync(AppId, Renew, default);
        Assert.Equal(2, renewals);
    }

    [Fact]
    public async Task RL11_who_lost_its_lease_on_the_way_stores_nothing_and_can_still_send()
    {
        var store = new InMemoryTokenStore(_clock);
        using var tokens = new AccessTokens(store, _clock);
        RenewalLease? other = null;

        var slow = await tokens.GetAsync(AppId, async _ =>
        {
            _clock.Advance(TimeSpan.FromSeconds(21));
            other = await store.TryTakeRenewalLeaseAsync(AppId, TimeSpan.FromSeconds(20), default);
            return new Renewal("SLOW", TimeSpan.FromHours(2));
        }, default);

        Assert.Equal("SLOW", slow.Token!.Value);
        Assert.Null(await store.ReadAsync(AppId, default));
        Assert.Equal(1, (await store.WriteAsync(AppId, other!, "OTHER", _clock.GetUtcNow().AddHours(2), default))!.Version);
        Assert.Equal("OTHER", (await tokens.GetAsync(AppId, _ => throw new InvalidOperationException("not needed"), default)).Token!.Value);
    }

    [Fact]
    public async Task A_token_of_another_mini_program_is_never_used()
    {
        using var tokens = new AccessTokens(new InMemoryTokenStore(_clock), _clock);

        await tokens.GetAsync("wxA", _ => Task.FromResult(new Renewal("A", TimeSpan.FromHours(2))), default);
        Assert.Equal("B", (await tokens.GetAsync("wxB", _ => Task.FromResult(new Renewal("B", TimeSpan.FromHours(2))), default)).Token!.Value);
        Assert.Equal("A", (await tokens.GetAsync("wxA", _ => throw new InvalidOperationException("not needed"), default)).Token!.Value);
    }

    [Fact]
    public void PD05_a_token_does_not_show_itself_in_a_text()
    {
        Assert.DoesNotContain("SECRET", new AccessToken("SECRET", default, 1).ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("SECRET", new Renewal("SECRET", default).ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("SECRET", new TokenResult(new AccessToken("SECRET", default, 1)).ToString(), StringComparison.Ordinal);
    }
}
