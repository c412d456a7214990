using Microsoft.Extensions.Options;

namespace Backend.Platform.Oidc;

internal static class OidcRegistration
{
    /// <summary>Adds <see cref="OidcProvider"/> with the section <c>Oidc</c> of the configuration. Whether there is a provider at all, it says itself.</summary>
    public static IServiceCollection AddOidc(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddSingleton<IValidateOptions<OidcOptions>, OidcOptionsCheck>();
        services.AddOptions<OidcOptions>().Bind(configuration.GetSection(OidcOptions.Section)).ValidateOnStart();
        services.AddSingleton<OidcMetadata>();
        services.AddSingleton<OidcLimits>();
        services.AddSingleton<OidcAttempts>();
        services.AddHttpClient<OidcProvider>(http =>
            {
                // The provider holds the limit over all that one answer takes.
                http.Timeout = Timeout.InfiniteTimeSpan;
                http.MaxResponseContentBufferSize = OidcProvider.LargestAnswer;
            })
            .UseSocketsHttpHandler((handler, provider) =>
            {
                handler.AllowAutoRedirect = false;
                handler.UseCookies = false;
                handler.ConnectTimeout = TimeSpan.FromSeconds(2);
                handler.PooledConnectionLifetime = TimeSpan.FromMinutes(5);
                handler.PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30);
                handler.MaxConnectionsPerServer = OidcLimits.Parallel;
                handler.MaxResponseHeadersLength = 16; // KB
                handler.MaxResponseDrainSize = 0;
                // The egress proxy of a data centre is for the world outside, not for this machine's own.
                handler.UseProxy = !(Uri.TryCreate(provider.GetRequiredService<IOptions<OidcOptions>>().Value.Authority, UriKind.Absolute, out var authority) && authority.IsLoopback);
            })
            // The exchange carries a code and the client's secret. The provider's client logs what is worth knowing itself.
            .RemoveAllLoggers();
        return services;
    }
}
