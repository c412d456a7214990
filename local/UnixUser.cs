namespace Local;

/// <summary>A user of this machine, by number.</summary>
internal sealed record UnixUser(uint Uid, uint Gid)
{
    /// <summary>
    /// PostgreSQL refuses to run as root: the existing unprivileged user that it runs as instead. Null for everybody else, who runs it as herself.
    /// </summary>
    public static UnixUser? ForPostgres()
    {
        if (!Environment.IsPrivilegedProcess) return null;
        var users = File.ReadLines("/etc/passwd").Select(line => line.Split(':')).Where(user => user.Length >= 4)
            .GroupBy(user => user[0]).ToDictionary(group => group.Key, group => group.First());
        foreach (var name in (string[])["postgres", "nobody", "daemon"])
        {
            if (users.TryGetValue(name, out var user) && uint.TryParse(user[2], out var uid) && uint.TryParse(user[3], out var gid) && uid != 0)
                return new UnixUser(uid, gid);
        }
        throw new Refusal("PostgreSQL 不能以 root 运行，而本机没有 postgres、nobody 或 daemon 用户可用。请换普通用户运行。");
    }
}

/// <summary>Programs of this machine, found without a shell.</summary>
internal static class Programs
{
    public static string? Find(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "/usr/local/bin:/usr/bin:/bin").Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    public static string Need(string name, string forWhat) =>
        Find(name) ?? throw new Refusal($"找不到 {name}（{forWhat}），请先安装它。");
}
