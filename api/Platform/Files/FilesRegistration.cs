using Backend.Platform.Security;

namespace Backend.Platform.Files;

internal static class FilesRegistration
{
    /// <summary>The store of photos in <c>Files:Folder</c>. A folder that is named and is not there stops the start (RL23).</summary>
    public static IServiceCollection AddFiles(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddSingleton(s => PhotoStore.Of(configuration, s.GetRequiredService<Vault>(), s.GetRequiredService<ILogger<PhotoStore>>()));
        services.AddSingleton<PhotoLinks>();
        return services;
    }
}
