namespace Backend.Platform.Outbox;

internal static class OutboxRegistration
{
    /// <summary>
    /// Dispatcher, wake-ups between replicas and delivery pump, each a hosted service that tests can also take from the container. The features
    /// name their handlers: <c>AddOutbox(configuration, catalogue => catalogue.Handle&lt;TierChanged, AlarmLeaders&gt;())</c>.
    /// </summary>
    public static IServiceCollection AddOutbox(this IServiceCollection services, IConfiguration configuration, Action<OutboxCatalogue> handlers)
    {
        var catalogue = new OutboxCatalogue();
        handlers(catalogue);
        services.AddSingleton(catalogue);
        services.AddSingleton<IMessageChannel, EmploymentMessages>();
        services.AddSingleton<IMessageChannel, SubscribeMessages>();
        services.AddHostedSingleton<OutboxDispatcher>();
        services.AddHostedSingleton<DeliveryPump>();
        services.AddHostedSingleton(s => new WakeUps(DirectConnection.Of(configuration), s.GetRequiredService<OutboxSignal>(), s.GetRequiredService<ILogger<WakeUps>>()));
        return services;
    }

    /// <summary>A background service that can also be taken from the container.</summary>
    public static IServiceCollection AddHostedSingleton<T>(this IServiceCollection services, Func<IServiceProvider, T>? make = null) where T : BackgroundService
    {
        if (make is null) services.AddSingleton<T>();
        else services.AddSingleton(make);
        return services.AddHostedService(s => s.GetRequiredService<T>());
    }
}

/// <summary>The connection string for what does not pass a transaction pooler: LISTEN, NOTIFY and locks that outlive a transaction.</summary>
internal static class DirectConnection
{
    public static string Of(IConfiguration configuration) =>
        configuration.GetConnectionString("Direct") ?? configuration.GetConnectionString("App")
        ?? throw new InvalidOperationException("ConnectionStrings:App is missing.");
}
