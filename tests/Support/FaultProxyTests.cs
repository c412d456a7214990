using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Backend.Tests.Support;

/// <summary>The proxy itself, before a server that gives back what it gets: a fault test is worth no more than its faults.</summary>
public sealed class FaultProxyTests : IAsyncLifetime
{
    private readonly TcpListener _echo = new(IPAddress.Loopback, 0);
    private readonly TcpClient _client = new() { NoDelay = true };
    private FaultProxy? _proxy;
    private Task _echoing = Task.CompletedTask;

    private FaultProxy Proxy => _proxy!;

    [Fact]
    public async Task BR07_it_passes_bytes_and_counts_connections()
    {
        await SayAsync("hello");
        Assert.Equal("hello", await HearAsync(5));
        Assert.Equal(1, Proxy.Accepted);
    }

    [Fact]
    public async Task BR07_it_delays_and_trickles()
    {
        Proxy.Delay = TimeSpan.FromMilliseconds(60);
        var watch = Stopwatch.StartNew();
        await SayAsync("slow");
        Assert.Equal("slow", await HearAsync(4));
        Assert.True(watch.ElapsedMilliseconds >= 115, $"{watch.ElapsedMilliseconds} ms there and back");

        (Proxy.Delay, Proxy.Trickle) = (TimeSpan.Zero, 1);
        await SayAsync("drop by drop");
        Assert.Equal("drop by drop", await HearAsync(12));
    }

    [Fact]
    public async Task BR07_it_falls_silent_and_speaks_again()
    {
        Proxy.Silent = true;
        await SayAsync("anybody?");
        var hearing = HearAsync(8);
        Assert.NotSame(hearing, await Task.WhenAny(hearing, Task.Delay(100)));
        Proxy.Silent = false;
        Assert.Equal("anybody?", await hearing);
    }

    [Fact]
    public async Task BR07_it_cuts_at_the_nth_byte()
    {
        var cut = Proxy.CutAfter(Way.ToClient, 3);
        await SayAsync("abcdef");
        Assert.Equal("abc", await HearAsync(3));
        await cut;
        await Assert.ThrowsAnyAsync<IOException>(() => HearAsync(1));
    }

    [Theory]
    [InlineData(Way.ToServer)]
    [InlineData(Way.ToClient)]
    public async Task BR07_it_cuts_before_a_message_even_when_that_arrives_in_pieces(Way way)
    {
        Proxy.Trickle = 1;
        var cut = Proxy.CutBefore(way, "COMMIT"u8);
        await SayAsync("begin;CO");
        await SayAsync("MMIT");
        await cut;
        await Assert.ThrowsAnyAsync<IOException>(() => HearAsync(12));
    }

    [Fact]
    public async Task BR07_it_closes_one_half()
    {
        await SayAsync("one");
        Assert.Equal("one", await HearAsync(3));
        Proxy.HalfClose(Way.ToClient);
        // The client hears the end, and can still speak.
        Assert.Equal(0, await _client.Client.ReceiveAsync(new byte[1]));
        await SayAsync("two");
    }

    [Fact]
    public async Task BR07_it_cuts_all()
    {
        await SayAsync("one");
        Assert.Equal("one", await HearAsync(3));
        Proxy.CutAll();
        await Assert.ThrowsAnyAsync<IOException>(() => HearAsync(1));
    }

    public async Task InitializeAsync()
    {
        _echo.Start();
        _echoing = EchoAsync();
        _proxy = new FaultProxy(((IPEndPoint)_echo.LocalEndpoint).Port);
        await _client.ConnectAsync(IPAddress.Loopback, Proxy.Port);
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await Proxy.DisposeAsync();
        _echo.Stop();
        await _echoing;
    }

    private async Task EchoAsync()
    {
        try
        {
            using var socket = await _echo.AcceptSocketAsync();
            var buffer = new byte[1024];
            while (await socket.ReceiveAsync(buffer) is var length and > 0) await socket.SendAsync(buffer.AsMemory(0, length));
        }
        catch (SocketException)
        {
            // Cut, as the test wanted it.
        }
    }

    private Task SayAsync(string text) => _client.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes(text)).AsTask();

    private async Task<string> HearAsync(int length)
    {
        var buffer = new byte[length];
        await _client.GetStream().ReadExactlyAsync(buffer);
        return System.Text.Encoding.ASCII.GetString(buffer);
    }
}
