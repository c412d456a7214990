using Backend.Platform.Outbox;
using Backend.Platform.Security;
using Backend.Tests.Contract.Generated;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Contract;

/// <summary>RL02, of every operation that the policy table asks a key of: one key, one effect, one answer.</summary>
public sealed class RepeatedWritesTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private ContractScene _scene = null!;
    private WriteRequests _writes = null!;

    public async Task InitializeAsync()
    {
        _scene = await ContractScene.StartAsync(fixture.Database);
        _writes = await WriteRequests.OfAsync(_scene);
    }

    public async Task DisposeAsync()
    {
        _writes.Dispose();
        await _scene.DisposeAsync();
    }

    public static TheoryData<string> WithKey => [.. PolicyTable.Load().Rows.Where(r => r.Key == KeyRule.Required).Select(r => r.Operation)];

    [Theory]
    [MemberData(nameof(WithKey))]
    public async Task RL02_one_key_is_one_effect_and_one_answer_however_often_it_is_sent(string operation)
    {
        var (before, done) = (await _scene.StoredAsync(), await DoneAsync(operation));
        foreach (var none in (string[])["", new string('k', 101), "两", "two words"])
            Assert.Equal((400, "idempotency_key_missing"), Of(await _writes.SendAsync(operation, key: none)));
        Assert.Equal(before, await _scene.StoredAsync());

        // Two at once: one has the effect, the other waits for it or is told that it runs.
        var both = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => _writes.SendAsync(operation, key: "one")));
        Assert.All(both, a => Assert.True(a.Succeeded || Of(a) == (409, "request_in_flight"), a.Text));
        var first = both.First(a => a.Succeeded);
        await QuietAsync();
        var after = await _scene.StoredAsync();
        Assert.NotEqual(before, after);

        for (var i = 0; i < 5; i++)
        {
            var again = await _writes.SendAsync(operation, key: "one");
            Assert.Equal((first.Status, first.Text, first.Headers.GetValueOrDefault("ETag")), (again.Status, again.Text, again.Headers.GetValueOrDefault("ETag")));
        }

        var other = _writes[operation].Body is { } body ? body.ToJsonString() + " " : "{}";
        Assert.Equal((422, "idempotency_key_reused"), Of(await _writes.SendAsync(operation, other, "one")));
        await QuietAsync();
        Assert.Equal(after, await _scene.StoredAsync());
        Assert.Equal(1, await DoneAsync(operation) - done);
    }

    [Fact]
    public void RL02_every_write_of_the_policy_table_is_tried() =>
        Assert.Equal(PolicyTable.Load().Rows.Where(r => r.Key != KeyRule.None).Select(r => r.Operation).Order(), _writes.Operations.Order());

    private static (int, string?) Of(Answer answer) => (answer.Status, answer.Code);

    private Task<long> DoneAsync(string operation) => fixture.Database.ScalarAsync<long>("select count(*) from audit_entries where operation = $1 and result = 'done'", operation);

    /// <summary>What a change sets going is part of its effect.</summary>
    private async Task QuietAsync()
    {
        while (await fixture.Database.ScalarAsync<long>("select count(*) from outbox_messages where done_at is null and parked_at is null") > 0
            || await _scene.Api.Services.GetRequiredService<DeliveryPump>().DrainAsync(default) > 0)
            await Task.Delay(10);
    }
}
