using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Local;

/// <summary>
/// The folder of one cluster: data, log, port, as root also a copy of npm's server. It belongs to the user that PostgreSQL runs as, and nobody
/// else can look into it.
/// </summary>
internal sealed record ClusterHome(string Folder, UnixUser? User)
{
    public string Data => Path.Combine(Folder, "data");

    public string Log => Path.Combine(Folder, "postgres.log");

    public string PortFile => Path.Combine(Folder, "port");

    /// <summary>
    /// The cluster of a clone lies under its <c>.local/</c>. As root it lies under the system's temporary folder, named after the clone, because the
    /// other user may not be able to enter the clone (a 0700 home); <c>.local/postgres</c> is then a link to it.
    /// </summary>
    public static async Task<ClusterHome> ForCloneAsync(string localFolder, CancellationToken cancellation)
    {
        var user = UnixUser.ForPostgres();
        var place = Path.Combine(localFolder, "postgres");
        if (user is null)
        {
            if (new DirectoryInfo(place).LinkTarget is not null)
                throw new Refusal($"{place} 是 root 用户运行时建立的。请先执行 make reset，再以当前用户运行。");
            Directory.CreateDirectory(place, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            return new ClusterHome(await RealPathAsync(place, cancellation), null);
        }
        var clone = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Path.GetFullPath(localFolder))))[..12];
        var home = new ClusterHome(Path.Combine(await OpenFolderAsync(user, cancellation), $"backend-{user.Uid}-{clone}"), user);
        await home.CreateAsync(cancellation);
        var link = new DirectoryInfo(place);
        if (link.LinkTarget != home.Folder)
        {
            if (link.LinkTarget is not null) File.Delete(place);
            else if (link.Exists) throw new Refusal($"{place} 是普通用户运行时建立的。请先执行 make reset，再以 root 运行。");
            Directory.CreateSymbolicLink(place, home.Folder);
        }
        return home;
    }

    /// <summary>A fresh cluster for one test run. Those that a killed run of the same user left behind are removed first.</summary>
    public static async Task<ClusterHome> TemporaryAsync(string purpose, CancellationToken cancellation)
    {
        var user = UnixUser.ForPostgres();
        var root = user is null ? await RealPathAsync(Path.GetTempPath(), cancellation) : await OpenFolderAsync(user, cancellation);
        // The name carries who runs it: fixed names shared by two users would stand in each other's way.
        var runner = Environment.UserName;
        foreach (var old in Directory.GetDirectories(root, $"backend-{purpose}-{runner}-*"))
        {
            var parts = Path.GetFileName(old).Split('-');
            if (int.TryParse(parts[^2], CultureInfo.InvariantCulture, out var id) && !Directory.Exists($"/proc/{id}")) TryDelete(old);
        }
        var unique = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));
        var home = new ClusterHome(Path.Combine(root, $"backend-{purpose}-{runner}-{Environment.ProcessId}-{unique}"), user);
        await home.CreateAsync(cancellation);
        return home;
    }

    public void Delete() => TryDelete(Folder);

    private async Task CreateAsync(CancellationToken cancellation)
    {
        if (User is null)
        {
            Directory.CreateDirectory(Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            return;
        }
        // Anybody may create names in the temporary folder: one that is there must be a folder of our user, not a link and not somebody else's.
        var info = new DirectoryInfo(Folder);
        if (info.Exists || info.LinkTarget is not null)
        {
            var said = await ChildProcess.RunAsync(["stat", "-c", "%u %F", Folder], new ChildOptions(), cancellation);
            if (said.Trim() != $"{User.Uid} directory")
                throw new Refusal($"{Folder} 已存在，但不属于用户 {User.Uid}。请检查并删除它。");
            return;
        }
        await ChildProcess.RunAsync(["mkdir", "-m", "0700", Folder], new ChildOptions(), cancellation);
        await ChildProcess.RunAsync(["chown", $"{User.Uid}:{User.Gid}", Folder], new ChildOptions(), cancellation);
    }

    // TMPDIR of root may point into a private folder.
    private static async Task<string> OpenFolderAsync(UnixUser user, CancellationToken cancellation)
    {
        foreach (var folder in (string[])[Path.GetTempPath(), "/tmp", "/var/tmp"])
        {
            try
            {
                await ChildProcess.RunAsync(["test", "-w", folder, "-a", "-x", folder], new ChildOptions { User = user }, cancellation);
                return await RealPathAsync(folder, cancellation);
            }
            catch (Refusal)
            {
                // Not for this user; the next one.
            }
        }
        throw new Refusal($"用户 {user.Uid} 在 /tmp 和 /var/tmp 都不能写，PostgreSQL 无处存放数据。");
    }

    // The kernel names a process's folder by its real path; ours must be the same to recognise a server of ours.
    private static async Task<string> RealPathAsync(string folder, CancellationToken cancellation) =>
        (await ChildProcess.RunAsync(["realpath", folder], new ChildOptions(), cancellation)).Trim();

    private static void TryDelete(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A leftover in the temporary folder harms nobody; the next run tries again.
        }
    }
}
