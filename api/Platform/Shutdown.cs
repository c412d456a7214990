using System.Runtime.InteropServices;
using Backend.Platform.Realtime;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Options;

namespace Backend.Platform;

/// <summary>Section <c>Shutdown</c> of the configuration. All of a stop takes 20 s at most (RL19).</summary>
internal sealed class ShutdownOptions
{
    /// <summary>How long it serves on after SIGTERM while <c>/health/ready</c> already refuses: longer than the balancer takes to notice.</summary>
    public TimeSpan Notice { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long requests and background work that have begun may take after that.</summary>
    public TimeSpan Drain { get; set; } = TimeSpan.FromSeconds(13);
}

/// <summary>
/// SIGTERM, in the order that loses no request (RL19): readiness off; serve on until the balancer has noticed; tell the hub clients to reconnect;
/// only then stop listening and wait for what has begun. The framework's own lifetime would stop listening at once, with requests still on their way,
/// and would drop the hub's connections without a word. A second signal skips the waiting.
/// </summary>
/// <param name="lifetime">Stops the host.</param>
/// <param name="services">Asked only when a signal comes: a lifetime is made before the settings of anything have been checked.</param>
/// <param name="log">Says that it begins.</param>
internal sealed class Shutdown(IHostApplicationLifetime lifetime, IServiceProvider services, ILogger<Shutdown> log) : IHostLifetime, IDisposable
{
    /// <summary>How long the hub's clients may take to hear that they should reconnect.</summary>
    public static readonly TimeSpan HubLimit = TimeSpan.FromSeconds(2);

    private static readonly PosixSignal[] Signals = [PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGQUIT];
    private readonly List<PosixSignalRegistration> _registrations = [];
    private int _begun;

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        foreach (var signal in Signals)
        {
            _registrations.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                _ = Task.Run(StopAsync, CancellationToken.None);
            }));
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _registrations.ForEach(r => r.Dispose());

    private async Task StopAsync()
    {
        if (Interlocked.Increment(ref _begun) == 1)
        {
            var notice = services.GetRequiredService<IOptions<ShutdownOptions>>().Value.Notice;
            log.LogInformation("Stopping: not ready from now on, serving on for {Notice}.", notice);
            services.GetRequiredService<Readiness>().Leave();
            await Task.Delay(notice);
            await AskToReconnectAsync(services.GetRequiredService<LiveConnections>());
        }

        lifetime.StopApplication();
    }

    /// <summary>The polite close of the hub protocol, which allows the client to reconnect; asked again of whoever connects meanwhile.</summary>
    private static async Task AskToReconnectAsync(LiveConnections connections)
    {
        for (var began = TimeProvider.System.GetTimestamp(); connections.Open > 0 && TimeProvider.System.GetElapsedTime(began) < HubLimit; await Task.Delay(20))
            foreach (var connection in connections.All()) connection.Context.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
    }
}

internal static class ShutdownRegistration
{
    public static IServiceCollection AddShutdown(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<ShutdownOptions>().Bind(configuration.GetSection("Shutdown"))
            .Validate(o => o.Notice >= TimeSpan.Zero && o.Drain > TimeSpan.Zero && o.Notice + Shutdown.HubLimit + o.Drain <= TimeSpan.FromSeconds(20),
                "Shutdown:Notice 与 Shutdown:Drain 之和最多 18 秒（RL19）。")
            .ValidateOnStart();
        services.Configure<HostOptions>(host =>
        {
            // Read by itself: the host is made before anything is validated, and a refused start should say why in its own words.
            host.ShutdownTimeout = (configuration.GetSection("Shutdown").Get<ShutdownOptions>() ?? new ShutdownOptions()).Drain;
            // One after the other, a slow request would leave the sends that have begun no time to store their outcome.
            host.ServicesStopConcurrently = true;
        });
        services.AddSingleton<IHostLifetime, Shutdown>();
        return services;
    }
}
