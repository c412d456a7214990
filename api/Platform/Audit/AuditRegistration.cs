using Backend.Platform.Outbox;

namespace Backend.Platform.Audit;

internal static class AuditRegistration
{
    public static IServiceCollection AddAudit(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddSingleton(_ => new AuditKeys(AuditOptions.Of(configuration)));
        services.AddSingleton<AuditSigner>();
        services.AddSingleton<AuditExport>();
        services.AddSingleton(s => new AuditSink(AuditOptions.Of(configuration).Sink, s.GetRequiredService<ILogger<AuditSink>>()));
        services.AddHostedSingleton<AuditSealer>();
        services.AddScoped<AuditWriter>();
        return services;
    }
}
