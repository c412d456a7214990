using System.Security.Claims;
using Backend.Platform.Realtime;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.SignalR;
using Microsoft.Extensions.Options;

namespace Backend.Tests.Platform.Realtime;

/// <summary>The book of open connections: parts of large groups (ADR 012), and requests to the hub that have not become connections yet (RL19).</summary>
public sealed class LiveConnectionsTests
{
    private readonly LiveConnections _connections = new(Options.Create(new RealtimeOptions()));

    [Fact]
    public void RL08_a_large_group_is_in_parts_and_each_connection_is_in_one_of_them()
    {
        var node = Guid.CreateVersion7();
        var open = Enumerable.Range(0, 200).Select(_ => Open(node)).ToList();
        Assert.All(open, c => Assert.True(_connections.TryAdd(c)));

        var parts = _connections.PartsOf(HubGroups.Node(node));
        Assert.Equal(64, parts.Count);
        var members = open.SelectMany(LiveConnections.GroupsOf).Where(parts.Contains).ToList();
        Assert.Equal(open.Count, members.Count);
        // 200 in 64 parts: three or four in each.
        Assert.All(members.CountBy(p => p), p => Assert.InRange(p.Value, 3, 4));
    }

    [Fact]
    public void RL08_an_account_has_one_part_and_a_group_that_everybody_left_has_none()
    {
        var node = Guid.CreateVersion7();
        var one = Open(node);
        Assert.True(_connections.TryAdd(one));
        var account = Assert.Single(_connections.PartsOf(HubGroups.Account(one.Reach.AccountId)));
        Assert.Contains(account, LiveConnections.GroupsOf(one));
        Assert.Single(_connections.PartsOf(HubGroups.Node(node)));

        _connections.Remove(one.Context.ConnectionId);
        Assert.Empty(_connections.PartsOf(HubGroups.Node(node)));
        Assert.False(_connections.Hears(HubGroups.Account(one.Reach.AccountId)));
    }

    [Fact]
    public async Task RL19_a_request_to_the_hub_counts_from_its_beginning_to_its_end_and_keeps_no_credentials()
    {
        var http = new DefaultHttpContext();
        http.Request.Headers.Authorization = "Bearer x";
        http.Request.Headers.Cookie = "display=x";
        var end = new TaskCompletionSource();
        var serving = _connections.ServeAsync(http, _ => end.Task);
        Assert.Equal((1, 0), (_connections.Open, _connections.Count));
        Assert.Empty(http.Request.Headers);
        end.SetException(new InvalidOperationException());
        await Assert.ThrowsAsync<InvalidOperationException>(() => serving);
        Assert.Equal(0, _connections.Open);
    }

    private static LiveConnection Open(Guid node)
    {
        var (account, session) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        return new LiveConnection(new Caller(), new HubReach(account, session, [node], [], null), null!, DateTimeOffset.MaxValue);
    }

    private sealed class Caller : HubCallerContext
    {
        public override string ConnectionId { get; } = Guid.CreateVersion7().ToString();

        public override string? UserIdentifier => null;

        public override ClaimsPrincipal? User => null;

        public override IDictionary<object, object?> Items { get; } = new Dictionary<object, object?>();

        public override IFeatureCollection Features { get; } = new FeatureCollection();

        public override CancellationToken ConnectionAborted => default;

        public override void Abort() => throw new NotSupportedException();
    }
}
