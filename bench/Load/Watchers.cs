using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Local;

namespace Bench.Load;

/// <summary>
/// Many WebSocket clients in one process on the load's core, as bare as they can be: a socket, the upgrade, and for every message a look whether it
/// holds what is waited for. The same clients watch the product's hub and the bare topic, so what they cost stands on both sides.
/// </summary>
internal sealed class Watchers : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly List<Watcher> _watchers = [];
    private readonly CancellationTokenSource _closing = new();
    private Task? _pinging;
    private volatile Expected? _expected;

    public int Count => _watchers.Count;

    /// <summary>Those that are still connected.</summary>
    public int Open => _watchers.Count(w => w.IsOpen);

    /// <summary>Connects them, some hundred at a time.</summary>
    /// <param name="address">Where the WebSocket is.</param>
    /// <param name="headers">Header lines of each client's upgrade; as many clients as these.</param>
    /// <param name="isSignalR">Whether the hub's handshake follows the upgrade, and pings in its way.</param>
    /// <param name="cancellation">Ends the connecting.</param>
    /// <param name="receiveBuffer">Bytes that the kernel keeps for a client that does not read; 0 for its own choice.</param>
    public static async Task<Watchers> ConnectAsync(
        Uri address, IReadOnlyList<string> headers, bool isSignalR, CancellationToken cancellation, int receiveBuffer = 0)
    {
        var all = new Watchers();
        var clients = new Watcher[headers.Count];
        await Parallel.ForAsync(0, headers.Count, new ParallelOptions { MaxDegreeOfParallelism = 200, CancellationToken = cancellation }, async (i, cancelled) =>
            clients[i] = await Watcher.ConnectAsync(all, address, headers[i], isSignalR, receiveBuffer, cancelled));
        all._watchers.AddRange(clients);
        if (isSignalR) all._pinging = all.PingAsync();
        return all;
    }

    /// <summary>Begins to read. A client that never does is a stalled one.</summary>
    public void Read()
    {
        foreach (var watcher in _watchers) watcher.Read();
    }

    /// <summary>Waits until every client has had a message that holds each of these, and gives when each had the last of them.</summary>
    /// <param name="marks">Texts that only the awaited messages hold.</param>
    /// <param name="act">What makes the server send.</param>
    /// <returns>Timestamps of <see cref="Stopwatch"/>, one a client; fewer than there are clients when some were never told.</returns>
    public async Task<IReadOnlyList<long>> TellAllAsync(IReadOnlyList<string> marks, Func<Task> act)
    {
        var expected = new Expected([.. marks.Select(m => Encoding.ASCII.GetBytes(m))], _watchers.Count);
        foreach (var watcher in _watchers) watcher.Heard = 0;
        _expected = expected;
        await act();
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            await expected.All.Task.WaitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            // The caller sees how many were not told.
        }

        _expected = null;
        lock (expected.Times) return [.. expected.Times];
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        foreach (var watcher in _watchers) watcher.Dispose();
        if (_pinging is not null) await _pinging;
        _closing.Dispose();
    }

    private async Task PingAsync()
    {
        try
        {
            using var timer = new PeriodicTimer(TimeSpan.FromSeconds(8));
            while (await timer.WaitForNextTickAsync(_closing.Token))
                foreach (var watcher in _watchers) watcher.Ping();
        }
        catch (OperationCanceledException)
        {
            // Closing.
        }
    }

    private sealed class Expected(byte[][] marks, int clients)
    {
        public byte[][] Marks => marks;
        public List<long> Times { get; } = new(clients);
        public TaskCompletionSource All { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Told(long at)
        {
            lock (Times)
            {
                Times.Add(at);
                if (Times.Count == clients) All.TrySetResult();
            }
        }
    }

    /// <summary>One client.</summary>
    private sealed class Watcher : IDisposable
    {
        private static readonly byte[] Handshake = Masked("{\"protocol\":\"json\",\"version\":1}\u001e"), PingFrame = Masked("{\"type\":6}\u001e");

        private readonly Watchers _all;
        private readonly Socket _socket;
        private readonly List<byte> _parts = [];
        private byte[] _buffer = ArrayPool<byte>.Shared.Rent(2048);
        private int _length;

        private Watcher(Watchers all, Socket socket) => (_all, _socket) = (all, socket);

        /// <summary>A bit for each mark that was heard.</summary>
        public ulong Heard { get; set; }

        public bool IsOpen { get; private set; } = true;

        public static async Task<Watcher> ConnectAsync(Watchers all, Uri address, string headers, bool isSignalR, int receiveBuffer, CancellationToken cancellation)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            if (receiveBuffer > 0) socket.ReceiveBufferSize = receiveBuffer;
            var watcher = new Watcher(all, socket);
            await socket.ConnectAsync(IPAddress.Loopback, address.Port, cancellation);
            await socket.SendAsync(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture,
                $"GET {address.PathAndQuery} HTTP/1.1\r\nHost: 127.0.0.1:{address.Port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n{headers}\r\n")), cancellation);
            // The upgrade's answer ends with an empty line; whatever follows is frames.
            int end;
            while ((end = watcher.Unread.IndexOf("\r\n\r\n"u8)) < 0) await watcher.FillAsync(cancellation);
            if (!watcher.Unread.StartsWith("HTTP/1.1 101"u8)) throw new Refusal($"{address.AbsolutePath}：{Encoding.ASCII.GetString(watcher.Unread)}");
            watcher.Drop(end + 4);
            if (!isSignalR) return watcher;

            await socket.SendAsync(Handshake, cancellation);
            // {}\x1e, and in the same frame perhaps what the hub said at once: taken as a frame like all others.
            while (watcher.Unread.IndexOf((byte)0x1e) < 0) await watcher.FillAsync(cancellation);
            return watcher;
        }

        public void Read() => _ = ReadAsync();

        public void Ping()
        {
            if (!IsOpen) return;
            try
            {
                _socket.Send(PingFrame, SocketFlags.None, out _);
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                IsOpen = false;
            }
        }

        public void Dispose()
        {
            IsOpen = false;
            // At once: a polite close of 5,000 would be a benchmark of its own.
            _socket.LingerState = new LingerOption(true, 0);
            _socket.Dispose();
        }

        private ReadOnlySpan<byte> Unread => _buffer.AsSpan(0, _length);

        private async Task ReadAsync()
        {
            try
            {
                while (true)
                {
                    Take();
                    await FillAsync(CancellationToken.None);
                }
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException or Refusal)
            {
                IsOpen = false;
            }
        }

        private async ValueTask FillAsync(CancellationToken cancellation)
        {
            if (_length == _buffer.Length) Array.Resize(ref _buffer, _buffer.Length * 2);
            var read = await _socket.ReceiveAsync(_buffer.AsMemory(_length), SocketFlags.None, cancellation);
            if (read == 0) throw new Refusal("连接被服务端关闭。");
            _length += read;
        }

        /// <summary>Takes all whole frames out of the buffer.</summary>
        private void Take()
        {
            var at = 0;
            while (_length - at >= 2)
            {
                var (head, size) = (2, (long)(_buffer[at + 1] & 0x7f));
                if (size == 126)
                {
                    if (_length - at < 4) break;
                    (head, size) = (4, BinaryPrimitives.ReadUInt16BigEndian(_buffer.AsSpan(at + 2)));
                }
                else if (size == 127)
                {
                    if (_length - at < 10) break;
                    (head, size) = (10, BinaryPrimitives.ReadInt64BigEndian(_buffer.AsSpan(at + 2)));
                }

                if (_length - at < head + size) break;
                // Text and its continuations; control frames say nothing. A long message comes in several frames, and what is waited for may stand across two.
                var payload = _buffer.AsSpan(at + head, (int)size);
                var isLast = (_buffer[at] & 0x80) != 0;
                if ((_buffer[at] & 0x0f) <= 1)
                {
                    if (!isLast || _parts.Count > 0) _parts.AddRange(payload);
                    if (isLast) Look(_parts.Count > 0 ? System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_parts) : payload);
                    if (isLast) _parts.Clear();
                }

                at += head + (int)size;
            }

            if (at > 0) Drop(at);
        }

        private void Look(ReadOnlySpan<byte> message)
        {
            if (_all._expected is not { } expected) return;
            var whole = expected.Marks.Length == 64 ? ulong.MaxValue : (1UL << expected.Marks.Length) - 1;
            if (Heard == whole) return;
            for (var i = 0; i < expected.Marks.Length; i++)
                if ((Heard & (1UL << i)) == 0 && message.IndexOf(expected.Marks[i]) >= 0) Heard |= 1UL << i;
            if (Heard == whole) expected.Told(Stopwatch.GetTimestamp());
        }

        private void Drop(int count)
        {
            _length -= count;
            Buffer.BlockCopy(_buffer, count, _buffer, 0, _length);
        }

        /// <summary>A text frame as a client sends it: masked, here with zeros.</summary>
        private static byte[] Masked(string text) => [0x81, (byte)(0x80 | text.Length), 0, 0, 0, 0, .. Encoding.ASCII.GetBytes(text)];
    }
}
