using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Local;

/// <summary>
/// A private PostgreSQL: one cluster in one folder, listening on 127.0.0.1 only, started as a child of this process. `make run` and the tests use the
/// same class.
/// </summary>
internal sealed class PostgresServer : IAsyncDisposable
{
    public const string Superuser = "postgres";

    private readonly PostgresOptions _options;
    private readonly PostgresBinaries _binaries;
    private ChildProcess? _child;

    private PostgresServer(PostgresOptions options, PostgresBinaries binaries)
    {
        _options = options;
        _binaries = binaries;
    }

    public int Port { get; private set; }

    public int Major => _binaries.Major;

    /// <summary>True when this start created the cluster.</summary>
    public bool IsNew { get; private set; }

    /// <summary>Ends when the running server does, wanted or not.</summary>
    public Task Ended => _child?.WaitAsync(CancellationToken.None) ?? Task.CompletedTask;

    public int ProcessId => _child?.Id ?? throw new InvalidOperationException("The server does not run.");

    /// <summary>Connection string of a role of this cluster. Pooled, unless the caller wants a connection that leaves nothing open.</summary>
    public string ConnectionString(string user, string password, string database, bool pooled = true) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = Port,
        Username = user,
        Password = password,
        Database = database,
        Pooling = pooled,
    }.ConnectionString;

    /// <summary>Unpooled: a template must have no open connection.</summary>
    public string SuperuserConnectionString(string database = "postgres") => ConnectionString(Superuser, _options.SuperuserPassword, database, pooled: false);

    /// <exception cref="Refusal">No server, a cluster of another major version, or it does not start; the text says what to do.</exception>
    public static async Task<PostgresServer> StartAsync(PostgresOptions options, CancellationToken cancellation)
    {
        var home = options.Home;
        var wanted = ClusterMajor(home);
        var binaries = await PostgresBinaries.FindAsync(wanted, options.Say, cancellation);
        binaries = await binaries.ReadableByAsync(home.User, home.Folder, cancellation);
        var server = new PostgresServer(options, binaries);
        await EndLeftoverAsync(home, cancellation);
        if (wanted is null) await server.CreateClusterAsync(cancellation);
        await server.StartAgainAsync(cancellation);
        return server;
    }

    /// <summary>Starts it: after a stop on the same port, for its clients know it; the first time on the port of last time when that is free.</summary>
    public async Task StartAgainAsync(CancellationToken cancellation)
    {
        var again = Port != 0;
        for (var attempt = 1; ; attempt++)
        {
            if (!again) Port = ChoosePort(attempt == 1 && File.Exists(_options.Home.PortFile) ? await File.ReadAllTextAsync(_options.Home.PortFile, cancellation) : null);
            var logLength = LogLength();
            _child = ChildProcess.Start(
                [_binaries.Postgres, "-D", _options.Home.Data, .. Settings().SelectMany(setting => (string[])["-c", setting])],
                new ChildOptions
                {
                    WorkingDirectory = _options.Home.Folder,
                    User = _options.Home.User,
                    LogFile = _options.Home.Log,
                    // Fast shutdown: sessions end, data is kept.
                    WhenParentDies = UnixSignal.Int,
                });
            if (await AcceptsAsync(_child, cancellation))
            {
                await File.WriteAllTextAsync(_options.Home.PortFile, Port.ToString(CultureInfo.InvariantCulture), cancellation);
                return;
            }
            var log = LogSince(logLength);
            _child.Dispose();
            _child = null;
            // Between choosing the port and listening on it somebody else took it.
            if (attempt < 5 && log.Contains("could not bind", StringComparison.Ordinal))
            {
                await Task.Delay(100, cancellation);
                continue;
            }
            throw new Refusal($"PostgreSQL 没有启动，日志在 {_options.Home.Log}：\n{log}");
        }
    }

    /// <summary>Fast shutdown, then immediate: a second and a bit; the write-ahead log keeps what was committed in either case.</summary>
    public async Task StopAsync()
    {
        if (_child is not { } child) return;
        await child.StopAsync((UnixSignal.Int, TimeSpan.FromSeconds(0.8)), (UnixSignal.Quit, TimeSpan.FromSeconds(0.4)));
        child.Dispose();
        _child = null;
    }

    /// <summary>kill -9 of the postmaster, as a crash test wants it; its backends notice and end. <see cref="StartAgainAsync"/> recovers.</summary>
    public async Task KillAsync()
    {
        var child = _child ?? throw new InvalidOperationException("The server does not run.");
        await child.StopAsync();
        child.Dispose();
        _child = null;
        await EndBackendsAsync(_options.Home.Data, CancellationToken.None);
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private static int? ClusterMajor(ClusterHome home)
    {
        var file = Path.Combine(home.Data, "PG_VERSION");
        return File.Exists(file) ? int.Parse(File.ReadAllText(file).Trim(), CultureInfo.InvariantCulture) : null;
    }

    private async Task CreateClusterAsync(CancellationToken cancellation)
    {
        var home = _options.Home;
        // A half-made cluster must not look like a whole one: it gets its name when it is done.
        var unfinished = home.Data + ".new";
        if (Directory.Exists(unfinished)) Directory.Delete(unfinished, recursive: true);
        if (Directory.Exists(home.Data)) Directory.Delete(home.Data, recursive: true);
        var passwordFile = Path.Combine(home.Folder, "password");
        await SecretFile.WriteAsync(passwordFile, _options.SuperuserPassword, cancellation);
        if (home.User is { } user) await ChildProcess.RunAsync(["chown", $"{user.Uid}:{user.Gid}", passwordFile], new ChildOptions(), cancellation);
        try
        {
            await ChildProcess.RunAsync(
                [
                    _binaries.InitDb, "-D", unfinished, "-U", Superuser, "--pwfile=" + passwordFile, "--auth=scram-sha-256",
                    "--encoding=UTF8", "--locale=C", "--no-instructions", .. _options.Fsync ? (string[])[] : ["--no-sync"],
                ],
                new ChildOptions { WorkingDirectory = home.Folder, User = home.User }, cancellation);
        }
        finally
        {
            File.Delete(passwordFile);
        }
        Directory.Move(unfinished, home.Data);
        IsNew = true;
    }

    private IEnumerable<string> Settings() =>
    [
        "listen_addresses=127.0.0.1",
        $"port={Port}",
        "unix_socket_directories=",
        "max_connections=300",
        "shared_buffers=256MB",
        "timezone=UTC",
        "log_timezone=UTC",
        "jit=off",
        .. _options.Fsync ? (string[])[] : ["fsync=off", "synchronous_commit=off", "full_page_writes=off"],
        .. _options.Settings,
    ];

    private static int ChoosePort(string? last)
    {
        if (int.TryParse(last, CultureInfo.InvariantCulture, out var port) && IsFree(port)) return port;
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private async Task<bool> AcceptsAsync(ChildProcess child, CancellationToken cancellation)
    {
        // Recovery after a crash can take a while; an end of the process ends the wait at once.
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(TimeSpan.FromSeconds(60));
        try
        {
            while (!child.HasExited)
            {
                try
                {
                    await using var connection = new NpgsqlConnection(SuperuserConnectionString());
                    await connection.OpenAsync(patience.Token);
                    return true;
                }
                catch (PostgresException refused) when (refused.SqlState is PostgresErrorCodes.InvalidPassword)
                {
                    await StopAsync();
                    throw new Refusal("数据库的密码与 .local/secrets 里的不符（密钥文件丢失或被替换）。请恢复它，或执行 make reset 重新开始。");
                }
                catch (NpgsqlException)
                {
                    await Task.Delay(20, patience.Token);
                }
            }
        }
        catch (OperationCanceledException)
        {
            await child.StopAsync((UnixSignal.Quit, TimeSpan.FromSeconds(1)));
            cancellation.ThrowIfCancellationRequested();
        }
        return false;
    }

    /// <summary>
    /// A server that an earlier run left behind (it was killed with -9) is stopped; a pid file whose number now belongs to another process is removed.
    /// </summary>
    public static async Task EndLeftoverAsync(ClusterHome home, CancellationToken cancellation)
    {
        var pidFile = Path.Combine(home.Data, "postmaster.pid");
        // Where the kernel shows no processes as folders, PostgreSQL's own lock decides alone.
        if (!File.Exists(pidFile) || !Directory.Exists("/proc/self")) return;
        if (int.TryParse((await File.ReadAllLinesAsync(pidFile, cancellation)).FirstOrDefault(), CultureInfo.InvariantCulture, out var id) && WorksIn(id, home.Data))
        {
            foreach (var signal in (UnixSignal[])[UnixSignal.Int, UnixSignal.Quit, UnixSignal.Kill])
            {
                ChildProcess.SignalProcess(id, signal);
                for (var wait = 0; wait < 75 && WorksIn(id, home.Data); wait++) await Task.Delay(20, cancellation);
                if (!WorksIn(id, home.Data)) break;
            }
        }
        await EndBackendsAsync(home.Data, cancellation);
        if (File.Exists(pidFile)) File.Delete(pidFile);
    }

    // A postmaster killed with -9 leaves its backends for the moment they need to notice; a new one refuses to start beside them.
    private static async Task EndBackendsAsync(string data, CancellationToken cancellation)
    {
        for (var wait = 0; wait < 150; wait++)
        {
            var left = Directory.GetDirectories("/proc")
                .Select(folder => int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var id) ? id : 0)
                .Where(id => id > 0 && WorksIn(id, data)).ToList();
            if (left.Count == 0) return;
            if (wait == 50) left.ForEach(id => ChildProcess.SignalProcess(id, UnixSignal.Quit));
            if (wait == 100) left.ForEach(id => ChildProcess.SignalProcess(id, UnixSignal.Kill));
            await Task.Delay(20, cancellation);
        }
    }

    // Every process of a cluster works in its data folder. A zombie has no folder any more.
    private static bool WorksIn(int id, string data)
    {
        try
        {
            return new DirectoryInfo($"/proc/{id}/cwd").LinkTarget == data;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private long LogLength() => File.Exists(_options.Home.Log) ? new FileInfo(_options.Home.Log).Length : 0;

    private string LogSince(long length)
    {
        if (!File.Exists(_options.Home.Log)) return "";
        using var reader = new StreamReader(_options.Home.Log);
        reader.BaseStream.Position = length;
        return reader.ReadToEnd().Trim();
    }
}

/// <summary>One cluster: where it lies, its superuser's password, and whether it must survive a crash (tests go without).</summary>
internal sealed record PostgresOptions(ClusterHome Home, string SuperuserPassword)
{
    public bool Fsync { get; init; } = true;
    public IReadOnlyList<string> Settings { get; init; } = [];
    public Action<string> Say { get; init; } = _ => { };
}
