using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Connections;
using Microsoft.AspNetCore.SignalR.Client;

namespace Backend.Tests.Support;

/// <summary>A real SignalR client on the live hub, over WebSockets without negotiation like the mini-program's, and all it heard, in order.</summary>
internal sealed class HubClient : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly ConcurrentQueue<(string Target, JsonElement Message)> _heard = new();
    private readonly SemaphoreSlim _news = new(0);
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private int _tiles;

    private HubClient(HubConnection connection)
    {
        Connection = connection;
        foreach (var target in (string[])["tilesChanged", "noticeArrived", "resync", "hallChanged"])
        {
            connection.On<JsonElement>(target, message =>
            {
                _heard.Enqueue((target, message));
                if (target == "tilesChanged") Interlocked.Add(ref _tiles, message.GetProperty("tiles").GetArrayLength());
                _news.Release();
            });
        }

        connection.Closed += _ =>
        {
            _closed.TrySetResult();
            _news.Release();
            return Task.CompletedTask;
        };
    }

    public HubConnection Connection { get; }

    /// <summary>Every change of a tile, in the order heard: household, tier, version number.</summary>
    public IReadOnlyList<(Guid Id, string Tier, long Version)> Tiles => [.. _heard.Where(h => h.Target == "tilesChanged")
        .SelectMany(h => h.Message.GetProperty("tiles").EnumerateArray())
        .Select(t => (t.GetProperty("id").GetGuid(), t.GetProperty("tier").GetString()!, Number(t.GetProperty("version").GetString()!)))];

    /// <summary>How many such changes, without looking at each.</summary>
    public int TileCount => Volatile.Read(ref _tiles);

    public IReadOnlyList<Guid> Notices => [.. Of("noticeArrived").Select(m => m.GetProperty("id").GetGuid())];

    public IReadOnlyList<Guid> Resyncs => [.. Of("resync").Select(m => m.GetProperty("root").GetGuid())];

    public IEnumerable<JsonElement> Of(string target) => _heard.Where(h => h.Target == target).Select(h => h.Message);

    /// <summary>Connects with the token in the header, as the mini-program does, and waits until the server has chosen the groups.</summary>
    public static async Task<HubClient> ConnectAsync(Api api, string accessToken, bool awaitGroups = true)
    {
        var client = Build($"{api.Address}hubs/live", o => o.Headers["Authorization"] = $"Bearer {accessToken}");
        await client.Connection.StartAsync();
        if (awaitGroups) await client.UntilAsync(c => c.Resyncs.Count > 0);
        return client;
    }

    public static HubClient Build(string url, Action<Microsoft.AspNetCore.Http.Connections.Client.HttpConnectionOptions>? more = null) =>
        new(new HubConnectionBuilder().WithUrl(url, o =>
        {
            o.SkipNegotiation = true;
            o.Transports = HttpTransportType.WebSockets;
            more?.Invoke(o);
        }).Build());

    /// <summary>Waits for messages until the condition holds.</summary>
    public async Task UntilAsync(Func<HubClient, bool> condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!condition(this)) await _news.WaitAsync(patience.Token);
    }

    public Task ClosedAsync() => _closed.Task.WaitAsync(Patience);

    public bool IsClosed => _closed.Task.IsCompleted;

    public void Clear()
    {
        _heard.Clear();
        Volatile.Write(ref _tiles, 0);
    }

    public async ValueTask DisposeAsync()
    {
        await Connection.DisposeAsync();
        _news.Dispose();
    }

    private static long Number(string version) => long.Parse(version[(version.IndexOf('.', StringComparison.Ordinal) + 1)..], System.Globalization.CultureInfo.InvariantCulture);
}
