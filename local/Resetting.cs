namespace Local;

/// <summary>`make reset`: stops what runs here and drops the cluster, the keys and the logs of this clone.</summary>
internal static class Resetting
{
    public static async Task<int> RunAsync(Action<string> say, CancellationToken cancellation)
    {
        if (!Directory.Exists(LocalFolder.Root))
        {
            say("没有本地数据，无需清除。");
            return 0;
        }
        var folder = LocalFolder.TryOpen();
        if (folder is null && LocalFolder.RunningLauncher() is { } id)
        {
            say($"停止正在运行的服务（进程 {id}）…");
            ChildProcess.SignalProcess(id, UnixSignal.Term);
            for (var wait = 0; wait < 200 && folder is null; wait++)
            {
                await Task.Delay(50, cancellation);
                folder = LocalFolder.TryOpen();
            }
        }
        if (folder is null) throw new Refusal("正在运行的服务没有停止，未清除任何数据。");
        using (folder)
        {
            // A link belongs to a run as root: what it points to is root's to drop.
            var link = new DirectoryInfo(Path.Combine(LocalFolder.Root, "postgres"));
            if (link.LinkTarget is not null && !Environment.IsPrivilegedProcess)
            {
                say($"{link.LinkTarget} 由 root 建立，留待 root 删除。");
                File.Delete(link.FullName);
            }
            else
            {
                var home = await ClusterHome.ForCloneAsync(LocalFolder.Root, cancellation);
                await PostgresServer.EndLeftoverAsync(home, cancellation);
                home.Delete();
                if (link.LinkTarget is not null) File.Delete(link.FullName);
            }
            Directory.Delete(LocalFolder.Root, recursive: true);
        }
        say("已清除本地数据；下次 make run 会重新装入演示片区。");
        return 0;
    }
}
