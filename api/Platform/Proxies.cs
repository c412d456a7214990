using System.Net;
using Microsoft.AspNetCore.HttpOverrides;

namespace Backend.Platform;

/// <summary>
/// The reverse proxies that are believed when they say from where and by which scheme a request came (IN13). Without the setting nobody is. Limits by address
/// and the addresses in the audit are then the client's, and a display's cookie knows that its way is encrypted.
/// </summary>
internal static class Proxies
{
    private const string Known = "Proxies:Known", Hops = "Proxies:Hops";

    public static ForwardedHeadersOptions? Of(IConfiguration configuration)
    {
        var known = configuration.GetSection(Known).Get<string[]>() ?? [];
        var hops = configuration.GetValue(Hops, 1);
        if (hops < 1) throw new StartRefused($"{Hops} 应为 1 以上的整数。");
        if (known.Length == 0) return null;
        // One entry for each proxy on the way: whatever stands before them was written by the client.
        var options = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto, ForwardLimit = hops };
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var text in known)
        {
            var network = IPAddress.TryParse(text, out var address) ? new System.Net.IPNetwork(address, address.GetAddressBytes().Length * 8)
                : System.Net.IPNetwork.TryParse(text, out var range) ? range
                : default;
            // Everybody is no proxy.
            if (network.PrefixLength == 0) throw new StartRefused($"{Known} 应为反向代理的地址或网段（如 10.0.0.5 或 10.0.0.0/24），不能是所有地址。");
            options.KnownIPNetworks.Add(network);
        }

        return options;
    }
}
