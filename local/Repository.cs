namespace Local;

/// <summary>Where the clone lies: the folder above this program that holds the solution.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    public static string BackendAssembly => Built("api", "Backend.dll");

    public static string LauncherAssembly => Built("local", "Local.dll");

    /// <summary>A program as this build made it: the same configuration and framework as the running one.</summary>
    private static string Built(string project, string assembly)
    {
        // …/local/bin/Debug/net10.0/ → Debug/net10.0
        var output = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        var framework = Path.GetFileName(output);
        var configuration = Path.GetFileName(Path.GetDirectoryName(output)!);
        return Path.Combine(Root, project, "bin", configuration, framework, assembly);
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Backend.sln"))) return folder.FullName;
        }
        throw new Refusal($"{AppContext.BaseDirectory} 不在本仓库之内：请在仓库里用 make run 启动。");
    }
}
