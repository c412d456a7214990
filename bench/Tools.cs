using System.Text.RegularExpressions;
using Local;

namespace Bench;

/// <summary>What measures and what is measured against: wrk, nginx, pgbench, Bun. Installed by apt and npm when they are missing and this is root.</summary>
internal sealed partial record Tools(string Wrk, string Nginx, string PgBench, string Bun)
{
    private const string Debian = "apt-get update && RUNLEVEL=1 apt-get install -y --no-install-recommends nginx wrk postgresql-contrib util-linux";

    public static async Task<Tools> FindAsync(Action<string> say, CancellationToken cancellation)
    {
        if (Find() is not { } found)
        {
            if (!Environment.IsPrivilegedProcess || Programs.Find("apt-get") is null)
                throw new Refusal($"make bench 需要 nginx、wrk、pgbench 和 taskset。请让管理员执行：\n  sudo sh -c '{Debian}'");
            say("用 apt 安装 nginx、wrk 与 pgbench（nginx 不作为服务启动）…");
            await ChildProcess.RunAsync(["/bin/sh", "-c", Debian], new ChildOptions { Environment = new Dictionary<string, string?> { ["DEBIAN_FRONTEND"] = "noninteractive" } }, cancellation);
            found = Find() ?? throw new Refusal("安装之后仍然缺少 nginx、wrk、pgbench 或 taskset。");
        }
        return found with { Bun = await BunAsync(say, cancellation) };
    }

    /// <summary>Versions for the report.</summary>
    public async Task<string> VersionsAsync(CancellationToken cancellation)
    {
        var nginx = Number().Match(await SayAsync([Nginx, "-v"])).Value;
        var pgbench = Number().Match(await SayAsync([PgBench, "--version"])).Value;
        var bun = Number().Match(await SayAsync([Bun, "--version"])).Value;
        // wrk answers --version with its usage and the code 1.
        return $"nginx {nginx}, pgbench {pgbench}, wrk 4, Bun {bun}";

        Task<string> SayAsync(IReadOnlyList<string> command) => ChildProcess.RunAsync(command, new ChildOptions(), cancellation);
    }

    private static Tools? Find()
    {
        // Debian keeps servers in sbin and pgbench beside the server.
        var nginx = Programs.Find("nginx") ?? (File.Exists("/usr/sbin/nginx") ? "/usr/sbin/nginx" : null);
        var pgbench = Programs.Find("pgbench") ?? (Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetFiles("/usr/lib/postgresql", "pgbench", SearchOption.AllDirectories).OrderDescending().FirstOrDefault() : null);
        return Programs.Find("wrk") is { } wrk && nginx is not null && pgbench is not null && Programs.Find("taskset") is not null
            ? new Tools(wrk, nginx, pgbench, "") : null;
    }

    private static async Task<string> BunAsync(Action<string> say, CancellationToken cancellation)
    {
        var folder = Path.Combine(Repository.Root, "bench/bun");
        var bun = Path.Combine(folder, "node_modules/@oven/bun-linux-x64/bin/bun");
        if (File.Exists(bun)) return bun;
        say("用 npm 取 Bun（对照用的 WebSocket 主题服务，约 40 MB，只此一次）…");
        await ChildProcess.RunAsync([Programs.Need("npm", "取 Bun"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], new ChildOptions { WorkingDirectory = folder }, cancellation);
        return bun;
    }

    [GeneratedRegex(@"\d+\.\d+(\.\d+)?", RegexOptions.NonBacktracking)]
    private static partial Regex Number();
}
