using System.Globalization;
using Microsoft.AspNetCore.SignalR;

namespace Bench;

/// <summary>A SignalR server that does nothing but take connections: the ceiling of a reconnect storm (P10). A process of its own: <c>Bench.dll bare-hub PORT</c>.</summary>
internal static class BareHub
{
    public const string Path = "/hub";

    public static async Task<int> RunAsync(int port)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}"));
        builder.Services.AddSignalR();
        var app = builder.Build();
        app.MapHub<Nothing>(Path);
        await app.RunAsync();
        return 0;
    }

    private sealed class Nothing : Hub;
}
