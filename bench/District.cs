using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Backend.Platform.Security;
using Local;
using Local.Sandbox;
using Npgsql;

namespace Bench;

/// <summary>Somebody who has signed in: the token, and the session behind it.</summary>
internal sealed record Person(string Token, Guid Account, Guid Session)
{
    private readonly long _signedInAt = Stopwatch.GetTimestamp();

    /// <summary>Whether her access token, which lives 15 minutes, lasts as long as a row does.</summary>
    public bool IsFresh => Stopwatch.GetElapsedTime(_signedInAt) < TimeSpan.FromMinutes(8);
}

/// <summary>A leader, her roles, what she reaches as the api sets it, and some of her households.</summary>
internal sealed record LeaderAtWork(Person Person, string Roles, string Reach, string Homes, IReadOnlyList<Guid> Households);

/// <summary>One database with the published api on it as a child process, and the people who use it.</summary>
internal sealed class District : IAsyncDisposable
{
    private readonly ChildProcess _api;
    private readonly Stage _stage;

    private District(Stage stage, string database, ChildProcess api, Uri address)
    {
        (_stage, Database, _api, Address) = (stage, database, api, address);
        Client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 16, UseProxy = false }) { BaseAddress = address };
    }

    public string Database { get; }
    public Uri Address { get; }
    public HttpClient Client { get; }
    public int ProcessId => _api.Id;
    /// <summary>铜源社区, whose wall has 2,802 tiles.</summary>
    public Guid Community { get; private set; }
    public IReadOnlyList<Person> Staff { get; private set; } = [];
    public IReadOnlyList<LeaderAtWork> Leaders { get; private set; } = [];

    public string Superuser => _stage.Postgres.SuperuserConnectionString(Database);

    /// <summary>What pgbench connects with: the very role of the api, under row level security.</summary>
    public NpgsqlConnectionStringBuilder App => new(_stage.Postgres.ConnectionString("backend_app", _stage.Secrets.AppPassword, Database));

    public static string Published => Path.Combine(LocalFolder.Root, "api");

    public static async Task<District> OpenAsync(Stage stage, string database, CancellationToken cancellation)
    {
        var address = new Uri($"http://127.0.0.1:{Ports.Free()}");
        var settings = stage.Secrets.Settings(
            stage.Postgres.ConnectionString("backend_app", stage.Secrets.AppPassword, database),
            stage.Postgres.ConnectionString("backend_worker", stage.Secrets.WorkerPassword, database));
        foreach (var (key, value) in stage.WeChat.Settings) settings[key] = value;
        // All load comes from one address, as it would through a proxy: its limits are raised, those of accounts are not.
        settings["RateLimits:AddressPerMinute"] = settings["RateLimits:Strict:PerAddress"] = "100000000";
        // And one person signs in more often than any would.
        settings["RateLimits:Strict:PerAccount"] = "100000000";
        var log = Path.Combine(LocalFolder.Root, $"{database}.log");
        File.Delete(log);
        var api = ChildProcess.Start(
            Cores.On(BenchOptions.ServerCore, [BackendHost.Command[0], Path.Combine(Published, "Backend.dll")]),
            new ChildOptions { WorkingDirectory = Published, Environment = BackendHost.Environment("Bench", address, settings), LogFile = log, WhenParentDies = UnixSignal.Kill });
        var district = new District(stage, database, api, address);
        try
        {
            await BackendHost.WaitUntilReadyAsync(api, district.Client, TimeSpan.FromSeconds(60), cancellation);
            return district;
        }
        catch (Refusal refusal)
        {
            await district.DisposeAsync();
            throw new Refusal($"{refusal.Message} 日志在 {log}：\n{string.Join('\n', File.ReadLines(log).TakeLast(20))}");
        }
    }

    /// <summary>Signs in every floor leader, and 1,000 of the back office if wanted, through the api itself.</summary>
    public async Task SignInAllAsync(bool staffToo, CancellationToken cancellation)
    {
        Leaders = await LeadersAsync(cancellation);
        if (!staffToo) return;
        Community = await ScalarAsync<Guid>($"select id from grid_nodes where path = '{Seeding.Community}'", cancellation);
        var staff = new Person[Seeding.Staff];
        // One by one at first: a process that has just started compiles what they need, and its limits are for one that runs.
        for (var number = 0; number < 20; number++) staff[number] = await SignInAsync(Seeding.StaffOpenId(number), cancellation);
        await Parallel.ForAsync(20, staff.Length, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = cancellation },
            async (number, cancelled) => staff[number] = await SignInAsync(Seeding.StaffOpenId(number), cancelled));
        Staff = staff;
    }

    /// <summary>The whole benchmark takes longer than an access token lives: whoever has an old one signs in again.</summary>
    public async Task StayFreshAsync(CancellationToken cancellation)
    {
        if (!Leaders[0].Person.IsFresh) await SignInAllAsync(staffToo: Staff.Count > 0, cancellation);
    }

    public async Task<Person> SignInAsync(string openId, CancellationToken cancellation) =>
        await TrySignInAsync(openId, cancellation) ?? throw new Refusal($"{openId} 没有绑定账号。");

    /// <summary>Null when nobody has bound the identity.</summary>
    private async Task<Person?> TrySignInAsync(string openId, CancellationToken cancellation)
    {
        using var answer = await Client.PostAsJsonAsync(new Uri("/api/v1/sessions/wechat", UriKind.Relative), new { code = WeChatAnswers.CodeOf(openId, Guid.CreateVersion7().ToString("N")) }, cancellation);
        var text = await answer.Content.ReadAsStringAsync(cancellation);
        if (answer.StatusCode == System.Net.HttpStatusCode.Forbidden) return null;
        if (!answer.IsSuccessStatusCode) throw new Refusal($"登录失败：{(int)answer.StatusCode} {text}");
        var token = JsonDocument.Parse(text).RootElement.GetProperty("accessToken").GetString()!;
        var claims = JsonDocument.Parse(Microsoft.IdentityModel.Tokens.Base64UrlEncoder.Decode(token.Split('.')[1])).RootElement;
        return new Person(token, claims.GetProperty(SessionClaims.Account).GetGuid(), claims.GetProperty(SessionClaims.Session).GetGuid());
    }

    public async Task<JsonElement> ReadAsync(string path, Person person, CancellationToken cancellation)
    {
        using var request = Request(HttpMethod.Get, path, person);
        using var answer = await Client.SendAsync(request, cancellation);
        var text = await answer.Content.ReadAsStringAsync(cancellation);
        return answer.IsSuccessStatusCode ? JsonDocument.Parse(text).RootElement : throw new Refusal($"GET {path}：{(int)answer.StatusCode} {text}");
    }

    public static HttpRequestMessage Request(HttpMethod method, string path, Person person)
    {
        var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {person.Token}");
        return request;
    }

    public async Task<T> ScalarAsync<T>(string sql, CancellationToken cancellation)
    {
        await using var connection = new NpgsqlConnection(Superuser);
        await connection.OpenAsync(cancellation);
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync(cancellation))!;
    }

    public async Task ExecuteAsync(string sql, CancellationToken cancellation)
    {
        await using var connection = new NpgsqlConnection(Superuser);
        await connection.OpenAsync(cancellation);
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 120 };
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>Transactions of the whole database since its statistics began; they follow at most a second behind.</summary>
    public Task<long> TransactionsAsync(CancellationToken cancellation) =>
        ScalarAsync<long>("select xact_commit + xact_rollback from pg_stat_database where datname = current_database()", cancellation);

    /// <summary>Waits until what an earlier row has set going (notices, deliveries) is done: the next one must not pay for it.</summary>
    public async Task QuietAsync(CancellationToken cancellation)
    {
        var before = await TransactionsAsync(cancellation);
        for (var second = 0; second < 60; second++)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), cancellation);
            var now = await TransactionsAsync(cancellation);
            // The background looks around a dozen times a second.
            if (now - before < 30) return;
            before = now;
        }

        throw new Refusal("服务在一分钟内没有安静下来。");
    }

    /// <summary>Waits until it is quiet and the service has given back what it does not need at rest (MemoryAtRest looks every five seconds).</summary>
    public async Task RestAsync(CancellationToken cancellation)
    {
        await QuietAsync(cancellation);
        await Task.Delay(TimeSpan.FromSeconds(15), cancellation);
    }

    /// <summary>Resident memory of the api's process in bytes, as the kernel counts it.</summary>
    public long ResidentBytes() => long.Parse(
        File.ReadLines($"/proc/{ProcessId}/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture) * 1024;

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _api.StopAsync((UnixSignal.Term, TimeSpan.FromSeconds(5)));
        _api.Dispose();
    }

    private async Task<IReadOnlyList<LeaderAtWork>> LeadersAsync(CancellationToken cancellation)
    {
        var accounts = await RowsAsync("""
            select distinct a.account_id from appointments a join posts p on p.id = a.post_id where p.role = 'floor_leader' and a.to_day is null order by 1
            """, r => r.GetGuid(0), cancellation);
        var pages = new ConcurrentDictionary<Guid, (Person Person, IReadOnlyList<Guid> Households)>();
        await Parallel.ForEachAsync(accounts, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = cancellation }, async (account, cancelled) =>
        {
            // Demo leaders have the openid of their account; those behind a demo code are left out.
            if (await TrySignInAsync(DemoCodes.OpenIdOf(account.ToString()), cancelled) is not { } person) return;
            var page = await ReadAsync("/api/v1/households?limit=50", person, cancelled);
            pages[person.Session] = (person, [.. page.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("id").GetGuid())]);
        });

        // Roles and reach as the api has written them beside that reading; single households are not part of it.
        var leaders = await RowsAsync("""
            select e.session_id, e.roles, e.scope, coalesce((select string_agg(h, ',') from (
                select s.household_id::text as h from appointments p join assignments s on s.post_id = p.post_id where p.account_id = e.account_id and s.household_id is not null
                union select m.household_id::text from accounts a join memberships m on m.resident_id = a.resident_id and m.to_day is null where a.id = e.account_id) x), '')
            from audit_entries e where e.operation = 'listHouseholds' and e.at > now() - interval '10 minutes'
            """, r => (Session: r.GetGuid(0), Roles: r.GetString(1), Reach: r.IsDBNull(2) ? "" : r.GetString(2), Homes: r.GetString(3)), cancellation);
        var atWork = leaders.Where(l => pages.ContainsKey(l.Session)).DistinctBy(l => l.Session)
            .Select(l => new LeaderAtWork(pages[l.Session].Person, l.Roles, l.Reach, l.Homes, pages[l.Session].Households)).OrderBy(l => l.Person.Account).ToList();
        return atWork.Count > 100 ? atWork : throw new Refusal($"只有 {atWork.Count} 名楼层长能登录。");
    }

    private async Task<List<T>> RowsAsync<T>(string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancellation)
    {
        await using var connection = new NpgsqlConnection(Superuser);
        await connection.OpenAsync(cancellation);
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellation)) rows.Add(read(reader));
        return rows;
    }
}
