using System.Globalization;

namespace Local;

/// <summary>The clone's <c>.local/</c>: one launcher at a time works in it.</summary>
internal sealed class LocalFolder : IDisposable
{
    private readonly FileStream _lock;

    private LocalFolder(FileStream held) => _lock = held;

    /// <summary><c>LOCAL_FOLDER</c> names another one, so that a test does not meet the service that its developer runs.</summary>
    public static string Root { get; } = Environment.GetEnvironmentVariable("LOCAL_FOLDER") is { Length: > 0 } other
        ? Path.GetFullPath(other)
        : Path.Combine(Repository.Root, ".local");

    public static string Secrets => Path.Combine(Root, "secrets");

    public static string Photos => Path.Combine(Root, "photos");

    public static string AuditSink => Path.Combine(Root, "audit-heads");

    public static LocalFolder Open() =>
        TryOpen() ?? throw new Refusal($"本仓库已在运行（进程 {RunningLauncher()}）。请先停止它，或执行 make reset。");

    /// <summary>Null while another launcher holds it. The kernel lets go of the lock when its holder dies, however it dies.</summary>
    public static LocalFolder? TryOpen()
    {
        try
        {
            Directory.CreateDirectory(Root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            var held = new FileStream(LockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            File.WriteAllText(PidFile, Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
            return new LocalFolder(held);
        }
        catch (UnauthorizedAccessException)
        {
            throw new Refusal($"{Root} 不属于当前用户，无法写入。请让它的主人执行 make reset，或在自己的目录里另取一份代码。");
        }
        catch (IOException)
        {
            return null;
        }
    }

    public static int? RunningLauncher() =>
        File.Exists(PidFile) && int.TryParse(File.ReadAllText(PidFile), CultureInfo.InvariantCulture, out var id) ? id : null;

    public void Dispose() => _lock.Dispose();

    private static string LockFile => Path.Combine(Root, "launcher.lock");

    private static string PidFile => Path.Combine(Root, "launcher.pid");
}
