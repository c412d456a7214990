using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Backend.Platform.WeChat;

internal static class WeChatRegistration
{
    /// <summary>
    /// Adds <see cref="WeChatClient"/> with the section <c>WeChat</c> of the configuration, checked at start. The shared token store is one of this
    /// process until another <see cref="ISharedTokenStore"/> is registered; more than one replica needs one in the database.
    /// </summary>
    public static IServiceCollection AddWeChat(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddSingleton<IValidateOptions<WeChatOptions>, WeChatOptionsCheck>();
        services.AddOptions<WeChatOptions>().Bind(configuration.GetSection(WeChatOptions.Section)).ValidateOnStart();

        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<ISharedTokenStore, InMemoryTokenStore>();
        services.AddSingleton(provider => new AccessTokens(provider.GetRequiredService<ISharedTokenStore>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new CallLimits(provider.GetRequiredService<IOptions<WeChatOptions>>().Value, provider.GetService<ILoggerFactory>()));

        services.AddSingleton<CodesInUse>();

        services.AddHttpClient<WeChatClient>((provider, http) =>
            {
                http.BaseAddress = provider.GetRequiredService<IOptions<WeChatOptions>>().Value.BaseAddress;
                http.Timeout = Timeout.InfiniteTimeSpan; // CallLimits holds the limits, the answer's body included
            })
            .UseSocketsHttpHandler((handler, provider) => Configure(handler, provider.GetRequiredService<IOptions<WeChatOptions>>().Value))
            // The sender of deliveries keeps its client for good; connections are renewed by their lifetime, not by new handlers.
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan)
            // Addresses carry the AppSecret and the token. The client logs what is worth knowing itself.
            .RemoveAllLoggers();
        return services;
    }

    private static void Configure(SocketsHttpHandler handler, WeChatOptions options)
    {
        handler.AllowAutoRedirect = false;
        handler.UseCookies = false;
        handler.ConnectTimeout = options.ConnectLimit;
        handler.PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30);
        handler.PooledConnectionLifetime = TimeSpan.FromMinutes(5); // follows WeChat's DNS
        handler.MaxConnectionsPerServer = options.ParallelCalls * 2;
        handler.MaxResponseHeadersLength = 16; // KB
        handler.MaxResponseDrainSize = 0;
        // The egress proxy of a data centre is for the world outside, not for this machine's own sandbox.
        handler.UseProxy = !WeChatOptionsCheck.IsLoopback(options.BaseAddress);
    }
}
