using Backend.Platform.Outbox;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http.Connections;
using Microsoft.Extensions.Options;

namespace Backend.Platform.Realtime;

internal static class RealtimeRegistration
{
    /// <summary>
    /// The hub, what feeds it and what watches its connections. There is no back-plane and must be none: every replica
    /// reads the history and pushes to its own connections, so a back-plane would multiply each message by the number of replicas.
    /// </summary>
    public static IServiceCollection AddRealtime(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<RealtimeOptions>().Bind(configuration.GetSection("Realtime"))
            .Validate(o => o.ConnectionsPerAccount >= 1, "Realtime:ConnectionsPerAccount 应至少为 1。")
            .Validate(o => o.SendLimit > TimeSpan.Zero && o.SendLimit <= TimeSpan.FromSeconds(15), "Realtime:SendLimit 应大于 0，至多 15 秒 (RL08)。")
            .ValidateOnStart();
        services.AddSignalR(o =>
        {
            o.MaximumReceiveMessageSize = 32 * 1024;
            o.HandshakeTimeout = TimeSpan.FromSeconds(5);
            o.KeepAliveInterval = TimeSpan.FromSeconds(10);
            o.ClientTimeoutInterval = TimeSpan.FromSeconds(30);
            o.MaximumParallelInvocationsPerClient = 1;
            o.EnableDetailedErrors = false;
            o.SupportedProtocols = ["json"];
        }).AddJsonProtocol(o => PlatformRegistration.Configure(o.PayloadSerializerOptions));
        services.AddSingleton<LiveConnections>();
        services.AddSingleton<LivePush>();
        services.AddSingleton<HubRights>();
        services.AddHostedSingleton<ReachWatch>();
        services.AddHostedSingleton<WallFeed>();
        services.AddHostedSingleton<NoticeFeed>();
        return services;
    }

    /// <summary>Maps the hub, over WebSockets alone: the mini-program and the browsers have them, and a ticket opens nothing else (RL09).</summary>
    public static void MapLiveHub(this WebApplication app)
    {
        var limit = app.Services.GetRequiredService<IOptions<RealtimeOptions>>().Value.SendLimit;
        // The framework compares a token's end with the machine's clock. Under another clock (tests) only ReachWatch does.
        var machineTime = app.Services.GetRequiredService<TimeProvider>() == TimeProvider.System;
        var connections = app.Services.GetRequiredService<LiveConnections>();
        var hub = app.MapHub<LiveHub>(Authentication.HubPath, o =>
        {
            o.Transports = HttpTransportType.WebSockets;
            o.CloseOnAuthenticationExpiration = machineTime;
            o.TransportSendTimeout = limit;
            o.TransportMaxBufferSize = 64 * 1024;
            o.ApplicationMaxBufferSize = 32 * 1024;
            o.WebSockets.CloseTimeout = TimeSpan.FromSeconds(2);
        });
        hub.WithMetadata(new UnguardedAttribute("no operation can be called; who connects is checked here, and groups follow the rights of that moment (AZ12)")).DisableRateLimiting().DisableValidation();
        hub.Add(endpoint =>
        {
            var inner = endpoint.RequestDelegate!;
            endpoint.RequestDelegate = http => http.User.Identity?.IsAuthenticated == true ? connections.ServeAsync(http, inner) : http.ChallengeAsync();
        });
    }
}
