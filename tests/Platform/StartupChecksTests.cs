using Backend.Tests.Support;

namespace Backend.Tests.Platform;

/// <summary>
/// RL23, BR04: the built api as a process of its own refuses each bad configuration with exit code 1 and one line that says which setting is wrong,
/// without the value and without a stack trace.
/// </summary>
public sealed class StartupChecksTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>
{
    private const string Weak = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", Short = "c2hvcnQ=";
    private const string OtherCurve = "-----BEGIN PRIVATE KEY-----\nnot a key\n-----END PRIVATE KEY-----";

    private PostgresDatabase Database => fixture.Database;

    [Theory]
    [InlineData("no connection string", "ConnectionStrings:App", null, "缺少 ConnectionStrings:App")]
    [InlineData("a connection string that is none", "ConnectionStrings:App", "Host=127.0.0.1;Nonsense=1", "ConnectionStrings:App 格式有误")]
    [InlineData("no key", "Vault:Keys:1", null, "Vault:Keys 中没有")]
    [InlineData("a short key", "Vault:Keys:1", Short, "Vault:Keys:1 应为 32 个随机字节")]
    [InlineData("a weak key", "Vault:IndexKey", Weak, "Vault:IndexKey 过弱")]
    [InlineData("no refresh key", "Tokens:RefreshKey", null, "缺少 Tokens:RefreshKey")]
    [InlineData("no audit key", "Audit:Keys:1", null, "Audit:Keys 中没有")]
    [InlineData("a weak audit key", "Audit:Keys:1", Weak, "Audit:Keys:1 过弱")]
    [InlineData("a second sink out of reach", "Audit:Sink", "/nowhere/heads", "Audit:Sink 指向的文件")]
    [InlineData("no signing key", "Tokens:SigningKey", null, "缺少 Tokens:SigningKey")]
    [InlineData("a signing key that is none", "Tokens:SigningKey", OtherCurve, "Tokens:SigningKey 应为 P-256")]
    [InlineData("no WeChat secret", "WeChat:AppSecret", null, "WeChat:AppSecret")]
    [InlineData("WeChat in the clear", "WeChat:BaseAddress", "http://api.weixin.qq.com", "WeChat:BaseAddress")]
    [InlineData("a stop without end", "Shutdown:Drain", "00:10:00", "Shutdown:Notice")]
    [InlineData("no time zones", "TZDIR", "/nowhere", "tzdata")]
    public async Task RL23_a_bad_setting_stops_the_start(string what, string key, string? value, string reason)
    {
        var settings = Settings();
        settings[key] = value;
        await AssertRefusedAsync(settings, reason, what, value);
    }

    [Theory]
    [InlineData("postgres")]
    [InlineData("backend_app")]
    [InlineData("111111111111111111")]
    [InlineData("")]
    public async Task RL23_a_default_or_weak_password_stops_the_start(string password)
    {
        var settings = Settings();
        settings["ConnectionStrings:App"] = $"{settings["ConnectionStrings:App"]};Password={password}";
        await AssertRefusedAsync(settings, "ConnectionStrings:App", "a weak password", password);
    }

    [Fact]
    public async Task RL23_a_database_role_with_too_many_rights_stops_the_start()
    {
        foreach (var (connection, reason) in ((string, string)[])[(Database.Superuser, "权限过大"), (Database.Owner, "backend_owner"), (Database.Backup, "权限过大"), (Database.Worker, "同一数据库角色")])
        {
            var settings = Settings();
            settings["ConnectionStrings:App"] = connection;
            await AssertRefusedAsync(settings, reason, "a powerful role");
        }
    }

    [Fact]
    public async Task RL23_a_database_without_our_schema_an_older_one_and_one_without_forced_row_level_security_stop_the_start()
    {
        await using var other = await Database.Cluster.CreateAsync(PostgresFixture.Migrated);
        var settings = PostgresFixture.Secrets.Settings(other.App, other.Worker);
        foreach (var (key, value) in Settings()) settings.TryAdd(key, value);
        await other.ExecuteAsync("alter table households no force row level security");
        await AssertRefusedAsync(settings, "行级安全未强制启用", "row level security off");
        await other.ExecuteAsync("alter table households force row level security");
        await other.ExecuteAsync("alter table accounts drop column disabled_at cascade");
        await AssertRefusedAsync(settings, "accounts.disabled_at", "an older schema");
        await other.ExecuteAsync("drop schema public cascade");
        await AssertRefusedAsync(settings, "admin migrate", "no schema");
    }

    [Fact]
    public async Task RL23_a_wrong_password_and_a_database_out_of_reach_stop_the_start()
    {
        var settings = Settings();
        settings["ConnectionStrings:App"] = $"{settings["ConnectionStrings:App"]};Password=0123456789abcdef";
        await AssertRefusedAsync(settings, "28P01", "a wrong password", "0123456789abcdef");
        settings["ConnectionStrings:App"] = $"{Database.App};Port=1";
        await AssertRefusedAsync(settings, "ConnectionStrings:App 无法连接数据库", "nothing listens there");
    }

    [Theory]
    [InlineData("")]
    [InlineData("SSL Mode=Require")]
    [InlineData("SSL Mode=Prefer")]
    [InlineData("SSL Mode=VerifyCA")]
    public async Task BR04_outside_a_developers_machine_the_database_is_reached_with_a_checked_certificate_or_not_at_all(string mode)
    {
        var settings = Settings();
        settings["ConnectionStrings:App"] += $";{mode}";
        await AssertRefusedAsync(settings, "SSL Mode=VerifyFull", "no checked certificate", environment: "Production");
    }

    [Fact]
    public async Task BR04_outside_a_developers_machine_WeChat_is_reached_by_https_even_on_loopback()
    {
        var settings = Settings();
        settings["ConnectionStrings:App"] += ";SSL Mode=VerifyFull";
        settings["ConnectionStrings:Worker"] += ";SSL Mode=VerifyFull";
        await AssertRefusedAsync(settings, "WeChat:BaseAddress 应为 https", "WeChat in the clear", environment: "Production");
        settings["WeChat:BaseAddress"] = "https://api.weixin.qq.com";
        // The settings pass; the server of the tests has no certificate to show.
        await AssertRefusedAsync(settings, "ConnectionStrings:App 无法连接数据库", "no certificate", environment: "Production");
    }

    [Fact]
    public async Task RL23_a_pool_smaller_than_what_is_warmed_is_no_reason_not_to_start()
    {
        var settings = Settings();
        foreach (var name in (string[])["ConnectionStrings:App", "ConnectionStrings:Worker"]) settings[name] += ";Maximum Pool Size=3";
        await using var backend = await BackendProcess.StartAsync(settings);
        Assert.DoesNotContain(backend.Output, l => l.Contains("拒绝启动", StringComparison.Ordinal));
    }

    [Fact]
    public async Task RL23_an_audit_key_that_is_also_the_vaults_stops_the_start()
    {
        var settings = Settings();
        settings["Audit:Keys:1"] = settings["Vault:Keys:1"];
        await AssertRefusedAsync(settings, "Audit:Keys:1 与 Vault 的密钥相同", "one key for two things");
    }

    private Dictionary<string, string?> Settings()
    {
        var settings = Database.Settings();
        foreach (var (key, value) in new Dictionary<string, string?>
        {
            ["WeChat:BaseAddress"] = "http://127.0.0.1:9",
            ["WeChat:AppId"] = WeChatStub.AppId,
            ["WeChat:AppSecret"] = WeChatStub.AppSecret,
            ["WeChat:RedAlarmTemplate"] = WeChatStub.RedAlarmTemplate,
            ["WeChat:MiniProgramPage"] = WeChatStub.MiniProgramPage,
        }) settings[key] = value;
        return settings;
    }

    private static async Task AssertRefusedAsync(IReadOnlyDictionary<string, string?> settings, string reason, string what, string? secret = null, string environment = "Test")
    {
        var (code, said) = await BackendProcess.RunToEndAsync(settings, environment);
        Assert.True(code == 1, $"{what}: exit code {code}\n{said}");
        var lines = said.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains(lines, l => l.StartsWith("拒绝启动：", StringComparison.Ordinal) && l.Contains(reason, StringComparison.Ordinal));
        Assert.DoesNotContain(lines, l => l.StartsWith("   at ", StringComparison.Ordinal));
        // Neither here nor in the log before it (BR01).
        foreach (var name in (string[])["Vault:Keys:1", "Vault:IndexKey", "Audit:Keys:1", "Tokens:RefreshKey", "WeChat:AppSecret"])
            if (settings.GetValueOrDefault(name) is { Length: > 0 } kept) Assert.DoesNotContain(kept, said, StringComparison.Ordinal);
        if (secret is { Length: > 6 } && !secret.StartsWith("http", StringComparison.Ordinal)) Assert.DoesNotContain(secret, said.Replace("backend_app 与", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }
}
