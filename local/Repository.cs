namespace Local;

/// <summary>Where the clone lies: the folder above this program that holds the solution.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <summary>The api as this build made it: the same configuration and framework as the running program.</summary>
    public static string BackendAssembly
    {
        get
        {
            // …/local/bin/Debug/net10.0/ → Debug/net10.0
            var output = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
            var framework = Path.GetFileName(output);
            var configuration = Path.GetFileName(Path.GetDirectoryName(output)!);
            return Path.Combine(Root, "api/bin", configuration, framework, "Backend.dll");
        }
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
