using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Local;

/// <summary>What the caller may choose: <c>PORT</c> (the start page takes the next one), <c>--as-of DAY</c> of the demo, or <c>reset</c>.</summary>
internal sealed record LaunchOptions(int Port, DateOnly AsOf, bool AsOfGiven = false, bool Reset = false)
{
    public Uri Api { get; } = new($"http://127.0.0.1:{Port}");

    public Uri StartPage { get; } = new($"http://127.0.0.1:{Port + 1}");

    /// <summary>The places are in China, and a Chinese day has one zone without summer time.</summary>
    public static DateOnly Today => DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().ToOffset(TimeSpan.FromHours(8)).DateTime);

    public static LaunchOptions Parse(string[] args)
    {
        var port = 5080;
        if (Environment.GetEnvironmentVariable("PORT") is { Length: > 0 } chosen
            && !(int.TryParse(chosen, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and < 65535))
        {
            throw new Refusal($"PORT={chosen} 不是可用的端口号（1 到 65534）。");
        }
        var asOf = Today;
        return args switch
        {
            [] => new(port, asOf),
            ["reset"] => new(port, asOf, Reset: true),
            ["--as-of", var day] when DateOnly.TryParseExact(day, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out asOf) => new(port, asOf, AsOfGiven: true),
            _ => throw new Refusal("用法：dotnet run --project local [--as-of YYYY-MM-DD | reset]"),
        };
    }

    public void RefuseBusyPorts()
    {
        foreach (var address in (Uri[])[Api, StartPage])
        {
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, address.Port);
                listener.Start();
            }
            catch (SocketException)
            {
                throw new Refusal($"端口 {address.Port} 已被占用。请换一个端口，例如：make run PORT={Port + 1000}");
            }
        }
    }
}
