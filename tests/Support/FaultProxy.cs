using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Backend.Tests.Support;

public enum Way
{
    ToServer,
    ToClient,
}

/// <summary>
/// A TCP proxy before one server of this machine that does what networks do (BR07): it delays, trickles, falls silent, closes one half, and cuts:
/// now, at the n-th byte of a connection, or just before a given message is delivered.
/// </summary>
internal sealed class FaultProxy : IAsyncDisposable
{
    private readonly int _target;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentDictionary<Link, byte> _links = new();
    private readonly Task _accepting;
    private Cutting? _cutting;
    private int _accepted;
    private volatile bool _silent;

    public FaultProxy(int target)
    {
        _target = target;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How many connections it has taken so far.</summary>
    public int Accepted => Volatile.Read(ref _accepted);

    /// <summary>What is held back before each piece goes on, either way.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>How many bytes go on at a time, with a millisecond between; null: as they come.</summary>
    public int? Trickle { get; set; }

    /// <summary>Everything is accepted, nothing passes and nothing is closed: a machine that stopped, a cable that was pulled.</summary>
    public bool Silent
    {
        get => _silent;
        set => _silent = value;
    }

    /// <summary>Whoever connects is reset at once.</summary>
    public bool Refusing { get; set; }

    /// <summary>Resets every connection that is open.</summary>
    public void CutAll()
    {
        foreach (var link in _links.Keys) link.Cut();
    }

    /// <summary>Tells the receivers of one way that no more comes; the other way goes on.</summary>
    public void HalfClose(Way way)
    {
        foreach (var link in _links.Keys) link.Receiver(way).Shutdown(SocketShutdown.Send);
    }

    /// <summary>Resets the first connection on which these bytes are about to be delivered; they and what follows them never arrive. Ends when it has.</summary>
    public Task CutBefore(Way way, ReadOnlySpan<byte> message) => Set(new Cutting(way, message.ToArray(), 0));

    /// <summary>Resets the first connection that delivers its <paramref name="count"/>-th byte from now on. Ends when it has.</summary>
    public Task CutAfter(Way way, long count) => Set(new Cutting(way, null, count));

    public void Heal() => Volatile.Write(ref _cutting, null);

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Stop();
        await _accepting;
        CutAll();
        await Task.WhenAll(_links.Keys.Select(l => l.Ended));
        _end.Dispose();
    }

    private Task Set(Cutting cutting)
    {
        Volatile.Write(ref _cutting, cutting);
        return cutting.Done.Task;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptSocketAsync(_end.Token);
                Interlocked.Increment(ref _accepted);
                var link = new Link(client);
                if (Refusing)
                {
                    link.Cut();
                    continue;
                }

                _links[link] = 0;
                link.Ended = Task.Run(() => ServeAsync(link));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The proxy ends.
        }
    }

    private async Task ServeAsync(Link link)
    {
        try
        {
            await link.Server.ConnectAsync(IPAddress.Loopback, _target, _end.Token);
            await Task.WhenAll(PassAsync(link, Way.ToServer), PassAsync(link, Way.ToClient));
            link.Close();
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // One side is gone, so the other is told.
            link.Cut();
        }
        finally
        {
            _links.TryRemove(link, out _);
        }
    }

    private async Task PassAsync(Link link, Way way)
    {
        var (from, to) = (link.Receiver(way == Way.ToServer ? Way.ToClient : Way.ToServer), link.Receiver(way));
        var buffer = new byte[16 * 1024];
        var search = new Search();
        while (true)
        {
            var length = await from.ReceiveAsync(buffer, SocketFlags.None, _end.Token);
            while (_silent) await Task.Delay(5, _end.Token);
            if (length == 0)
            {
                to.Shutdown(SocketShutdown.Send);
                return;
            }

            if (Delay > TimeSpan.Zero) await Task.Delay(Delay, _end.Token);
            var cutting = Volatile.Read(ref _cutting);
            var place = cutting?.Way == way ? search.PlaceOf(cutting, buffer.AsSpan(0, length)) : null;
            // One cut a plan: the connection that comes next passes.
            if (place is { } at && Interlocked.CompareExchange(ref _cutting, null, cutting) == cutting)
            {
                await SendAsync(to, buffer.AsMemory(0, at));
                link.Cut();
                cutting!.Done.SetResult();
                return;
            }

            await SendAsync(to, buffer.AsMemory(0, length));
        }
    }

    private async Task SendAsync(Socket to, ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var piece = Math.Min(Trickle ?? bytes.Length, bytes.Length);
            var sent = await to.SendAsync(bytes[..piece], SocketFlags.None, _end.Token);
            bytes = bytes[sent..];
            if (bytes.Length > 0 && Trickle is not null) await Task.Delay(1, _end.Token);
        }
    }

    private sealed record Cutting(Way Way, byte[]? Message, long Count)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>Looks for the place of a cut in one way of one connection, across the pieces in which it arrives.</summary>
    private sealed class Search
    {
        private Cutting? _for;
        private long _passed;
        private byte[] _tail = [];

        /// <summary>How many bytes of this piece are still delivered before the cut; null when it is not yet due.</summary>
        public int? PlaceOf(Cutting cutting, ReadOnlySpan<byte> piece)
        {
            if (_for != cutting) (_for, _passed, _tail) = (cutting, 0, []);
            if (cutting.Message is not { } message)
            {
                var left = cutting.Count - _passed;
                _passed += piece.Length;
                return left <= piece.Length ? (int)left : null;
            }

            byte[] all = [.. _tail, .. piece];
            if (all.AsSpan().IndexOf(message) is >= 0 and var found) return Math.Max(0, found - _tail.Length);
            _tail = all[^Math.Min(all.Length, message.Length - 1)..];
            return null;
        }
    }

    private sealed class Link(Socket client)
    {
        private readonly Lock _lock = new();
        private bool _closed;

        public Socket Client { get; } = client;

        public Socket Server { get; } = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

        public Task Ended { get; set; } = Task.CompletedTask;

        public Socket Receiver(Way way) => way == Way.ToServer ? Server : Client;

        /// <summary>A reset: both ends see an error, not an end.</summary>
        public void Cut()
        {
            lock (_lock)
            {
                if (_closed) return;
                Client.LingerState = Server.LingerState = new LingerOption(true, 0);
            }

            Close();
        }

        public void Close()
        {
            lock (_lock)
            {
                if (_closed) return;
                _closed = true;
                Client.Dispose();
                Server.Dispose();
            }
        }
    }
}
