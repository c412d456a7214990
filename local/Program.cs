using System.Diagnostics;
using Local;
using Local.Demo;

// Everything on one machine, in this order: PostgreSQL, roles, migrations, the demo district, the WeChat sandbox with the start page, the api.
// What each step is for stands in docs/adr/001-two-commands.md.
using var stop = new StopSignals();
var watch = Stopwatch.StartNew();
try
{
    var options = LaunchOptions.Parse(args);
    if (options.Reset) return await Resetting.RunAsync(Say, stop.Token);

    using var folder = LocalFolder.Open();
    var secrets = await Secrets.LoadOrCreateAsync(LocalFolder.Secrets, stop.Token);
    options.RefuseBusyPorts();

    await WebPages.BuildAsync(Say, stop.Token);

    Say($"启动 PostgreSQL（只监听本机，数据在 {LocalFolder.Root}/postgres）…");
    await using var postgres = await PostgresServer.StartAsync(
        new PostgresOptions(await ClusterHome.ForCloneAsync(LocalFolder.Root, stop.Token), secrets.SuperuserPassword) { Say = Say }, stop.Token);
    var database = new DemoDatabase(postgres, secrets);

    Say($"PostgreSQL {postgres.Major} 就绪；检查数据库角色与表结构…");
    await database.MigrateAsync(stop.Token);

    if (await database.IsEmptyAsync(stop.Token))
    {
        Say($"装入演示片区（日期 {options.AsOf:yyyy-MM-dd}，全部为虚构数据）…");
        await database.LoadAsync(options.AsOf, stop.Token);
    }
    else if (options.AsOfGiven)
    {
        Say("演示数据已有，--as-of 不改变它；需要另一天请先 make reset。");
    }

    if (await DemoPhotos.WriteOnceAsync(LocalFolder.Photos, secrets.Vault, stop.Token)) Say("画好演示照片（程序绘制的图形，不是真人）…");

    Say("启动微信沙箱与起始页…");
    await using var page = await StartPage.StartAsync(options, secrets, stop.Token);

    Say("启动 api…");
    await using var api = await ApiProcess.StartAsync(options, database.Settings(), stop.Token);

    Welcome.Print(options, watch.Elapsed);
    page.WarmUp(stop.Token);
    var ended = await Task.WhenAny(stop.Requested, api.Ended, postgres.Ended);
    if (ended == stop.Requested) return Stopped();
    throw new Refusal(ended == api.Ended ? $"api 意外退出，日志在 {api.LogFile}：\n{api.LastLines()}" : $"PostgreSQL 意外退出，日志在 {LocalFolder.Root}/postgres/postgres.log。");
}
catch (Refusal refusal)
{
    Console.Error.WriteLine(refusal.Message);
    return 1;
}
catch (OperationCanceledException) when (stop.Token.IsCancellationRequested)
{
    return Stopped();
}

void Say(string step) => Console.WriteLine($"[{watch.Elapsed.TotalSeconds,5:0.0} 秒] {step}");

int Stopped()
{
    Say("收到停止信号，正在停止 api 与 PostgreSQL，数据保留。");
    return 0;
}
