using Local;

namespace Bench;

/// <summary>
/// Everything that stands while the rows are measured: a durable PostgreSQL with two databases (the demo district, and copies of it around it), one
/// published Release api on each, the stub of WeChat, and signed-in people.
/// </summary>
internal sealed class Stage : IAsyncDisposable
{
    private readonly LocalFolder _folder;
    private readonly List<IAsyncDisposable> _owned = [];

    private Stage(BenchOptions options, Tools tools, LocalFolder folder, Secrets secrets, PostgresServer postgres)
    {
        (Options, Tools, _folder, Secrets, Postgres) = (options, tools, folder, secrets, postgres);
    }

    public BenchOptions Options { get; }
    public Tools Tools { get; }
    public Secrets Secrets { get; }
    public PostgresServer Postgres { get; }
    public WeChatAnswers WeChat { get; private set; } = null!;
    /// <summary>The demo district alone.</summary>
    public District Small { get; private set; } = null!;
    /// <summary>The same with copies around it; null when no row wants it.</summary>
    public District? Large { get; private set; }

    /// <summary>What the api held before its first request.</summary>
    public long IdleBytes { get; private set; }

    /// <summary>Files of this run: nginx's folder, scripts of wrk and pgbench.</summary>
    public static string Folder => Path.Combine(LocalFolder.Root, "work");

    public static async Task<Stage> SetAsync(BenchOptions options, Tools tools, Action<string> say, CancellationToken cancellation)
    {
        var folder = LocalFolder.Open();
        Directory.CreateDirectory(Folder);
        var secrets = await Secrets.LoadOrCreateAsync(LocalFolder.Secrets, cancellation);
        say("启动 PostgreSQL（落盘，fsync 开启）…");
        var postgres = await PostgresServer.StartAsync(new PostgresOptions(await ClusterHome.ForCloneAsync(LocalFolder.Root, cancellation), secrets.SuperuserPassword)
        {
            Say = say,
            // Room for the large district; the commit times are what the pushes are measured from.
            Settings = ["shared_buffers=1GB", "max_wal_size=8GB", "checkpoint_timeout=30min", "track_commit_timestamp=on"],
        }, cancellation);
        var stage = new Stage(options, tools, folder, secrets, postgres);
        try
        {
            await stage.FillAsync(say, cancellation);
            return stage;
        }
        catch
        {
            await stage.DisposeAsync();
            throw;
        }
    }

    private async Task FillAsync(Action<string> say, CancellationToken cancellation)
    {
        WeChat = await WeChatAnswers.StartAsync(cancellation);
        _owned.Add(WeChat);
        var day = LaunchOptions.Today;
        var seeding = new Seeding(Postgres, Secrets, day, say);
        await seeding.SmallAsync(cancellation);
        var large = Options.Only.Count == 0 || Options.Only.Contains("P5");
        if (large) await seeding.LargeAsync(Options.ManyHouseholds, cancellation);

        // From here on everybody stays where it belongs.
        await Cores.MoveAsync(Environment.ProcessId, BenchOptions.LoadCore, cancellation);
        await Cores.MoveAsync(Postgres.ProcessId, BenchOptions.ServerCore, cancellation);

        say("启动 api（Release，绑定在 0 号核）…");
        Small = await District.OpenAsync(this, Seeding.Small, cancellation);
        _owned.Add(Small);
        // Idle is what it holds before anybody came, once its start has settled.
        await Task.Delay(TimeSpan.FromSeconds(5), cancellation);
        IdleBytes = Small.ResidentBytes();
        say($"{Seeding.Staff:N0} 名后台服务人员与全部楼层长登录…");
        await Small.SignInAllAsync(staffToo: true, cancellation);
        if (!large) return;
        Large = await District.OpenAsync(this, Seeding.Large(Options.ManyHouseholds), cancellation);
        _owned.Add(Large);
        await Large.SignInAllAsync(staffToo: false, cancellation);
    }

    /// <summary>Everybody has a token that lasts for the next row.</summary>
    public async Task StayFreshAsync(CancellationToken cancellation)
    {
        await Small.StayFreshAsync(cancellation);
        if (Large is { } large) await large.StayFreshAsync(cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var owned in Enumerable.Reverse(_owned)) await owned.DisposeAsync();
        await Postgres.DisposeAsync();
        _folder.Dispose();
    }
}
