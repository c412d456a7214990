using Backend.Platform.Security;

namespace Backend.Platform.Files;

internal static class FilesRegistration
{
    /// <summary>The store of photos in <c>Files:Folder</c>. A folder that is named and is not there stops the start (RL23).</summary>
    public static IServiceCollection AddFiles(this IServiceCollection services, IConfiguration configuration)
    {
        var folder = configuration["Files:Folder"] is { Length: > 0 } named ? named : null;
        services.AddSingleton(s => new PhotoStore(folder, s.GetRequiredService<Vault>(), s.GetRequiredService<ILogger<PhotoStore>>()));
        services.AddSingleton<PhotoLinks>();
        services.AddHostedService(_ => new FolderCheck(folder));
        return services;
    }

    private sealed class FolderCheck(string? folder) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => folder is null || Directory.Exists(folder)
            ? Task.CompletedTask
            : throw new InvalidOperationException($"拒绝启动：Files:Folder 指向的文件夹 {folder} 不存在。");

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
