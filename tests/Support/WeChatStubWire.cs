using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Backend.Tests.Support;

/// <summary>
/// A server that is worse than HTTP allows: it hands a test the naked connection after the request has been read. For cut, trickling and oversized answers.
/// </summary>
public sealed class WeChatStubWire : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<Task> _connections = [];
    private readonly Task _accepting;
    private int _requests;

    /// <param name="answer">Runs after a request's head and body arrived; the connection is closed when it returns.</param>
    public WeChatStubWire(Func<Stream, CancellationToken, Task> answer)
    {
        _listener.Start();
        _accepting = AcceptAsync(answer);
    }

    public Uri BaseAddress => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/");

    public int Requests => Volatile.Read(ref _requests);

    public static byte[] Head(long? length, string contentType = "application/json") => Encoding.ASCII.GetBytes(
        $"HTTP/1.1 200 OK\r\nContent-Type: {contentType}\r\n{(length is null ? "" : $"Content-Length: {length}\r\n")}Connection: close\r\n\r\n");

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        // Stopped any earlier, the loop might ask a listener that no longer listens.
        await _accepting;
        _listener.Stop();
        await Task.WhenAll(_connections);
        _stop.Dispose();
    }

    private async Task AcceptAsync(Func<Stream, CancellationToken, Task> answer)
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                _connections.Add(ServeAsync(client, answer));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // stopped
        }
    }

    private async Task ServeAsync(TcpClient client, Func<Stream, CancellationToken, Task> answer)
    {
        using (client)
        {
            try
            {
                await using var stream = client.GetStream();
                await ReadRequestAsync(stream, _stop.Token);
                Interlocked.Increment(ref _requests);
                await answer(stream, _stop.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or IOException)
            {
                // the caller hung up, or the test is over
            }
        }
    }

    private static async Task ReadRequestAsync(NetworkStream stream, CancellationToken cancellation)
    {
        var text = new StringBuilder();
        var buffer = new byte[4096];
        while (true)
        {
            var all = text.ToString();
            var end = all.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end >= 0)
            {
                var length = all[..end].Split("\r\n").FirstOrDefault(l => l.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase));
                if (length is null || all.Length >= end + 4 + int.Parse(length[15..], System.Globalization.CultureInfo.InvariantCulture)) return;
            }
            var count = await stream.ReadAsync(buffer, cancellation);
            if (count == 0) return;
            text.Append(Encoding.Latin1.GetString(buffer, 0, count));
        }
    }
}
