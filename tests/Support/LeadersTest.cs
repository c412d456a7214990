using Backend.Domain.Notices;
using Backend.Platform.Outbox;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Backend.Tests.Support;

/// <summary>A test with a community of its own in a database of its own, a clock that it moves, and as many replicas as it asks for.</summary>
public abstract class LeadersTest : IAsyncLifetime
{
    private readonly List<Replica> _replicas = [];
    private PostgresDatabase? _database;
    private LeadersScene? _scene;

    internal FakeTimeProvider Clock { get; } = new(new DateTimeOffset(2026, 11, 25, 2, 0, 0, TimeSpan.Zero));

    /// <summary>The first channel to a phone.</summary>
    internal ChannelStub WeChat { get; } = new(Channel.EmploymentMessage);

    /// <summary>The second one; there is none until a test names its template.</summary>
    internal ChannelStub Subscribe { get; } = new(Channel.SubscribeMessage);

    internal PostgresDatabase Database => _database ?? throw new InvalidOperationException("The test has not started.");

    internal LeadersScene Scene => _scene ?? throw new InvalidOperationException("The test has not started.");

    /// <summary>False for a test that builds a district of its own.</summary>
    protected virtual bool HasScene => true;

    internal Replica AddReplica(Action<OutboxCatalogue>? handlers = null, Action<IServiceCollection>? more = null)
    {
        var replica = new Replica(Database, Clock, [WeChat, Subscribe], handlers, more);
        _replicas.Add(replica);
        return replica;
    }

    internal Task<long> CountAsync(string from, params object[] parameters) => Database.ScalarAsync<long>($"select count(*) from {from}", parameters);

    public virtual async Task InitializeAsync()
    {
        _database = await (await PostgresFixture.ClusterAsync()).CreateAsync(PostgresFixture.Migrated);
        if (HasScene) _scene = await LeadersScene.CreateAsync(_database);
    }

    public virtual async Task DisposeAsync()
    {
        foreach (var replica in _replicas) await replica.DisposeAsync();
        if (_scene is not null) await _scene.DisposeAsync();
        if (_database is not null) await _database.DisposeAsync();
    }
}
