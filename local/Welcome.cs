namespace Local;

/// <summary>What the newcomer reads when everything is ready.</summary>
internal static class Welcome
{
    public static void Print(LaunchOptions options, TimeSpan took)
    {
        Console.WriteLine($"""

            服务已就绪，用时 {took.TotalSeconds:0.0} 秒。

              起始页    {options.StartPage}        打开大屏、查看令牌、让一户变红，都在这里
              api       {options.Api}
              微信沙箱  {new Uri(options.StartPage, "sandbox")}

              演示账号（微信登录码，无需密码）：
            """);
        foreach (var account in DemoAccount.All) Console.WriteLine($"    {account.Code,-22}{account}");
        Console.WriteLine("""

              按 Ctrl-C 停止；再次 make run 保留数据，make reset 清除数据。

            """);
    }
}

/// <summary>The people of the demo district who sign in with one click; the codes work in environment <c>Local</c> only.</summary>
internal sealed record DemoAccount(string Code, string Title, string Who, bool HasWall = true, bool HasHall = false, bool IsResident = false)
{
    public static IReadOnlyList<DemoAccount> All { get; } =
    [
        new("demo-staff", "后台服务人员", "铜源社区，看整个社区", HasHall: true),
        new("demo-floor-leader", "楼层长", "铜源社区，一个楼层"),
        new("demo-building-leader", "楼长", "铜源社区，一栋楼"),
        new("demo-area-leader", "片区长", "铜源社区，一个片区"),
        new("demo-street", "街道工作人员", "一个街道", HasHall: true),
        new("demo-district", "区级管理人员", "全区", HasHall: true),
        new("demo-resident", "居民", "铜源社区，自己一户", HasWall: false, IsResident: true),
        new("demo-admin", "系统管理员", "部署与账号", HasWall: false),
    ];

    public override string ToString() => $"{Title}：{Who}";
}
