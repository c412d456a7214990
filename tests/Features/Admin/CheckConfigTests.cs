using Backend.Tests.Support;

namespace Backend.Tests.Features.Admin;

/// <summary>RL23: an operator sees all that is wrong with a configuration at once, before any start and without a network.</summary>
public sealed class CheckConfigTests
{
    private const string Weak = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    [Fact]
    public async Task RL23_a_good_configuration_passes_without_a_database()
    {
        var (code, output, error) = await AdminRun.RunAsync(["check-config"], Settings());
        Assert.Equal((0, ""), (code, error));
        Assert.StartsWith("设置没有问题。", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RL23_a_configuration_without_an_identity_provider_passes_too()
    {
        var settings = Settings();
        foreach (var name in settings.Keys.Where(k => k.StartsWith("Oidc:", StringComparison.Ordinal)).ToList()) settings.Remove(name);
        var (code, _, error) = await AdminRun.RunAsync(["check-config"], settings);
        Assert.Equal((0, ""), (code, error));
    }

    [Theory]
    [InlineData("ConnectionStrings:App", null, "缺少 ConnectionStrings:App。")]
    [InlineData("ConnectionStrings:Worker", "Host=db;Nonsense=1", "ConnectionStrings:Worker 格式有误。")]
    [InlineData("Vault:Keys:1", null, "Vault:Keys 中没有")]
    [InlineData("Vault:CurrentKey", "9", "Vault:Keys 中没有")]
    [InlineData("Vault:CurrentKey", "one", "Vault:CurrentKey 格式有误。")]
    [InlineData("Vault:IndexKey", Weak, "Vault:IndexKey 过弱")]
    [InlineData("Vault:OtherIndexKey", Weak, "Vault:OtherIndexKey 过弱")]
    [InlineData("Vault:Suites:1", "des", "Vault:Suites:1 应为 aes 或 sm4。")]
    [InlineData("Tokens:SigningKey", null, "缺少 Tokens:SigningKey。")]
    [InlineData("Tokens:RefreshKey", null, "缺少 Tokens:RefreshKey。")]
    [InlineData("Tokens:PublishedKeys:next", "x", "Tokens:PublishedKeys:next 应为 P-256")]
    [InlineData("Audit:Keys:1", Weak, "Audit:Keys:1 过弱")]
    [InlineData("WeChat:AppSecret", null, "WeChat:AppSecret")]
    [InlineData("WeChat:BaseAddress", "http://api.weixin.qq.com", "WeChat:BaseAddress 应为 https 地址 (BR04)。")]
    [InlineData("Shutdown:Drain", "00:10:00", "Shutdown:Notice")]
    [InlineData("Proxies:Known:0", "0.0.0.0/0", "Proxies:Known 应为反向代理的地址或网段")]
    [InlineData("Proxies:Known:0", "proxy", "Proxies:Known 应为反向代理的地址或网段")]
    [InlineData("Proxies:Hops", "0", "Proxies:Hops 应为 1 以上的整数。")]
    [InlineData("RateLimits:Strict:PerAddress", "0", "RateLimits:Strict:PerAddress 应为 1 以上的整数。")]
    [InlineData("RateLimits:Strict:PerAccount", "many", "RateLimits:Strict:PerAccount 格式有误。")]
    [InlineData("Oidc:Authority", null, "Oidc:Authority 应为完整的 https 地址")]
    [InlineData("Oidc:Authority", "http://login.example", "Oidc:Authority 应为完整的 https 地址")]
    [InlineData("Oidc:Authority", "http://127.0.0.1/realm", "Oidc:Authority 应为 https 地址 (BR04)。")]
    [InlineData("Oidc:Authority", "https://login.example/?a=b", "Oidc:Authority 应为完整的 https 地址")]
    [InlineData("Oidc:ClientId", null, "缺少 Oidc:ClientId")]
    [InlineData("Oidc:ClientSecret", null, "缺少 Oidc:ClientSecret")]
    [InlineData("Oidc:ClientSecret", "short", "缺少 Oidc:ClientSecret")]
    [InlineData("Oidc:RedirectAddress", null, "Oidc:RedirectAddress 应为本平台后台页面的完整 https 地址")]
    [InlineData("Oidc:RedirectAddress", "/console", "Oidc:RedirectAddress 应为本平台后台页面的完整 https 地址")]
    [InlineData("Oidc:RedirectAddress", "https://somebody@console.example/", "Oidc:RedirectAddress 应为本平台后台页面的完整 https 地址")]
    [InlineData("Oidc:Amr", " ", "Oidc:Amr 与 Oidc:Acr 不能都为空")]
    [InlineData("Oidc:AnswerLimit", "00:01:00", "Oidc:AnswerLimit 应大于 0，至多 5 秒。")]
    [InlineData("Oidc:AnswerLimit", "soon", "Oidc:AnswerLimit 格式有误。")]
    [InlineData("Files:Folder", "/nowhere", "Files:Folder 指向的文件夹 /nowhere 不存在。")]
    public async Task RL23_each_fault_is_said_in_Chinese_as_a_start_says_it(string key, string? value, string said)
    {
        var settings = Settings();
        settings[key] = value;
        var (code, output, error) = await AdminRun.RunAsync(["check-config"], settings);
        Assert.Equal((1, ""), (code, output));
        Assert.Contains(said, error, StringComparison.Ordinal);
        Assert.All(error.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => Assert.Contains(line, c => c >= '一'));
        foreach (var secret in Secrets(settings)) Assert.DoesNotContain(secret, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RL23_all_faults_are_said_at_once()
    {
        var settings = Settings();
        settings["ConnectionStrings:App"] = $"Host=db;Username=backend_worker;SSL Mode=Require;{PasswordOf($"{Guid.CreateVersion7():N}")}";
        settings["Vault:IndexKey"] = settings["Vault:Keys:1"];
        settings["Tokens:SigningKey"] = null;
        settings["WeChat:AppId"] = null;
        var (code, _, error) = await AdminRun.RunAsync(["check-config"], settings);
        Assert.Equal(1, code);
        foreach (var said in (string[])["ConnectionStrings:App 应为 SSL Mode=VerifyFull", "使用了同一数据库角色 backend_worker", "Vault:IndexKey 与 Vault:Keys", "缺少 Tokens:SigningKey", "WeChat:AppId"])
            Assert.Contains(said, error, StringComparison.Ordinal);
        Assert.Equal(error.Split('\n').Length, error.Split('\n').Distinct().Count());
    }

    [Fact]
    public async Task RL23_every_command_has_its_help_in_Chinese()
    {
        foreach (var command in (string[])["check-config", "rotate-keys", "migrate", "verify-audit"])
        {
            var (code, output, _) = await AdminRun.RunAsync([command, "--help"], new Dictionary<string, string?>());
            Assert.Equal(0, code);
            Assert.Contains(output, c => c >= '一');
        }
    }

    /// <summary>As in production, with a database that is not there.</summary>
    private static Dictionary<string, string?> Settings()
    {
        var (app, worker) = ($"{Guid.CreateVersion7():N}", $"{Guid.CreateVersion7():N}");
        var settings = PostgresFixture.Secrets.Settings(
            $"Host=127.0.0.1;Port=1;Username=backend_app;SSL Mode=VerifyFull;{PasswordOf(app)}", $"Host=127.0.0.1;Port=1;Username=backend_worker;SSL Mode=VerifyFull;{PasswordOf(worker)}");
        settings["WeChat:AppId"] = WeChatStub.AppId;
        settings["WeChat:AppSecret"] = WeChatStub.AppSecret;
        settings["WeChat:RedAlarmTemplate"] = WeChatStub.RedAlarmTemplate;
        settings["WeChat:MiniProgramPage"] = WeChatStub.MiniProgramPage;
        settings["WeChat:BaseAddress"] = "https://api.weixin.qq.com";
        settings["Oidc:Authority"] = "https://login.example/realm";
        settings["Oidc:ClientId"] = "backend-console";
        settings["Oidc:ClientSecret"] = $"{Guid.CreateVersion7():N}";
        settings["Oidc:RedirectAddress"] = "https://console.example/";
        return settings;
    }

    private static string PasswordOf(string word) => new Npgsql.NpgsqlConnectionStringBuilder { Password = word }.ConnectionString;

    private static IEnumerable<string> Secrets(Dictionary<string, string?> settings) =>
        ((string[])["Vault:Keys:1", "Vault:IndexKey", "Tokens:RefreshKey", "Audit:Keys:1", "WeChat:AppSecret", "Oidc:ClientSecret"]).Select(k => settings.GetValueOrDefault(k)).OfType<string>().Where(s => s.Length > 10);
}
