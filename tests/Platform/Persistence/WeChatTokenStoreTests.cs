using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Platform.WeChat;
using Backend.Tests.Support;
using Npgsql;

namespace Backend.Tests.Platform.Persistence;

public sealed class WeChatTokenStoreTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(5), Over = TimeSpan.FromMilliseconds(1);
    private static readonly DateTimeOffset End = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly string _appId = "wx" + Guid.CreateVersion7().ToString("N");
    private readonly Vault _vault = new(PostgresFixture.Secrets.Vault);
    private NpgsqlDataSource _source = null!;
    private WeChatTokenStore _store = null!;

    public Task InitializeAsync()
    {
        _source = NpgsqlDataSource.Create(fixture.Database.Worker);
        _store = new WeChatTokenStore(new WorkerDataSource(_source, 30), _vault);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await _source.DisposeAsync();
        _vault.Dispose();
    }

    [Fact]
    public async Task RL11_a_token_is_read_as_it_was_written_and_each_write_raises_the_version()
    {
        Assert.Null(await _store.ReadAsync(_appId, default));
        for (var version = 1; version <= 3; version++)
        {
            var lease = await _store.TryTakeRenewalLeaseAsync(_appId, Long, default);
            var written = await _store.WriteAsync(_appId, lease!, "FAKE_STABLE_TOKEN with a space", End, default);
            Assert.Equal(new AccessToken("FAKE_STABLE_TOKEN with a space", End, version), written);
            Assert.Equal(written, await _store.ReadAsync(_appId, default));
        }
    }

    [Fact]
    public async Task RL11_of_many_replicas_one_gets_the_lease_until_it_ends()
    {
        for (var round = 0; round < 10; round++)
        {
            var leases = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _store.TryTakeRenewalLeaseAsync(_appId, Long, default)));
            var lease = Assert.Single(leases, l => l is not null)!;
            if (round % 2 == 0) await _store.GiveBackAsync(_appId, lease, default);
            else Assert.NotNull(await _store.WriteAsync(_appId, lease, "T", End, default));
        }
    }

    [Fact]
    public async Task RL11_who_let_its_lease_run_out_writes_nothing_and_takes_nothing_from_the_next()
    {
        var late = await _store.TryTakeRenewalLeaseAsync(_appId, Over, default);
        await Task.Delay(20);
        Assert.Null(await _store.WriteAsync(_appId, late!, "LATE", End, default));

        var next = await _store.TryTakeRenewalLeaseAsync(_appId, Long, default);
        Assert.NotNull(next);
        Assert.Null(await _store.WriteAsync(_appId, late!, "LATE", End, default));
        await _store.GiveBackAsync(_appId, late!, default);
        Assert.Null(await _store.TryTakeRenewalLeaseAsync(_appId, Long, default));
        Assert.Equal("NEXT", (await _store.WriteAsync(_appId, next, "NEXT", End, default))!.Value);
    }

    [Fact]
    public async Task PD02_the_token_is_sealed_at_rest_and_one_sealed_with_a_lost_key_is_no_token()
    {
        var lease = await _store.TryTakeRenewalLeaseAsync(_appId, Long, default);
        await _store.WriteAsync(_appId, lease!, "FAKE_STABLE_TOKEN_0001", End, default);
        Assert.Equal(0L, await fixture.Database.ScalarAsync<long>(
            "select count(*) from we_chat_tokens where position(convert_to('FAKE_STABLE_TOKEN', 'UTF8') in token) > 0"));

        await fixture.Database.ExecuteAsync("update we_chat_tokens set token = set_byte(token, 20, (get_byte(token, 20) + 1) % 256) where app_id = $1", _appId);
        Assert.Null(await _store.ReadAsync(_appId, default));
        lease = await _store.TryTakeRenewalLeaseAsync(_appId, Long, default);
        Assert.NotNull(await _store.WriteAsync(_appId, lease!, "AGAIN", End, default));
        Assert.Equal("AGAIN", (await _store.ReadAsync(_appId, default))!.Value);
    }

    [Fact]
    public async Task RL11_two_replicas_on_one_database_renew_once_per_expiry()
    {
        var clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(new DateTimeOffset(2026, 9, 21, 0, 0, 0, TimeSpan.Zero));
        using var first = new AccessTokens(_store, clock);
        using var second = new AccessTokens(_store, clock);
        var renewals = 0;
        async Task<Renewal> Renew(CancellationToken cancellation)
        {
            var number = Interlocked.Increment(ref renewals);
            await Task.Delay(30, cancellation);
            return new Renewal($"T{number}", TimeSpan.FromHours(2));
        }

        for (var expiry = 1; expiry <= 3; expiry++)
        {
            var results = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => (i % 2 == 0 ? first : second).GetAsync(_appId, Renew, default)));
            Assert.All(results, r => Assert.Equal($"T{expiry}", r.Token!.Value));
            Assert.Equal(expiry, renewals);
            clock.Advance(TimeSpan.FromHours(2));
        }

        // And a stale token that both have seen, of the same text as before.
        var stale = (await first.GetAsync(_appId, Renew, default)).Token!;
        await Task.WhenAll(first.ReplaceAsync(_appId, stale, Renew, default), second.ReplaceAsync(_appId, stale, Renew, default));
        Assert.Equal(5, renewals);
    }

    [Fact]
    public async Task AZ05_the_app_role_cannot_read_the_token()
    {
        await using var app = NpgsqlDataSource.Create(fixture.Database.App);
        await using var command = app.CreateCommand("select token from we_chat_tokens");
        var refusal = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteScalarAsync());
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refusal.SqlState);
    }
}
