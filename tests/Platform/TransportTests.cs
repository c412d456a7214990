using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Backend.Tests.Support;
using Local;
using Npgsql;

namespace Backend.Tests.Platform;

/// <summary>BR04, IN13: in production, over a PostgreSQL that shows a certificate of our own authority: the right one is taken, any other is not.</summary>
public sealed class TransportTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private PostgresCluster? _cluster;
    private PostgresDatabase? _database;

    private string Authority(string name) => Path.Combine(_folder.Path, $"{name}.crt");

    [Fact]
    public async Task BR04_the_service_talks_TLS_to_the_database_whose_certificate_it_knows_and_to_no_other()
    {
        var settings = Settings("127.0.0.1", Authority("ours"));
        await using (var backend = await BackendProcess.StartAsync(settings, environment: "Production"))
        {
            Assert.Equal(HttpStatusCode.OK, (await backend.Client.GetAsync(new Uri("/health/ready", UriKind.Relative))).StatusCode);
            const string sessions = "select count(*) from pg_stat_ssl s join pg_stat_activity a on a.pid = s.pid where a.application_name like 'backend-%'";
            Assert.True(await _database!.ScalarAsync<long>(sessions) >= 3);
            Assert.Equal(0L, await _database.ScalarAsync<long>(sessions + " and not s.ssl"));
        }

        // Signed by somebody else; and signed by us, but for another name.
        foreach (var bad in (Dictionary<string, string?>[])[Settings("127.0.0.1", Authority("theirs")), Settings("localhost", Authority("ours"))])
        {
            var (code, said) = await BackendProcess.RunToEndAsync(bad, "Production");
            Assert.Equal(1, code);
            Assert.Contains("拒绝启动：ConnectionStrings:App 无法连接数据库", said, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task IN13_in_production_there_is_no_contract_to_read_and_a_browser_asks_for_TLS_from_then_on()
    {
        await using var backend = await BackendProcess.StartAsync(Settings("127.0.0.1", Authority("ours")), environment: "Production");
        foreach (var path in (string[])["/swagger/v1/swagger.json", "/swagger/v1/swagger.yaml", "/swagger", "/swagger/index.html", "/docs", "/docs/v1", "/openapi.yaml"])
            await backend.Client.GetAsync(new Uri(path, UriKind.Relative)).RefusedAsync(404, "not_found");
        foreach (var path in (string[])["/api/v1/me", "/wall", "/health/live", "/nowhere"])
        {
            using var answer = await backend.Client.GetAsync(new Uri(path, UriKind.Relative));
            Assert.Equal(["max-age=31536000"], answer.Headers.GetValues("Strict-Transport-Security"));
            Assert.Equal(["nosniff"], answer.Headers.GetValues("X-Content-Type-Options"));
        }
    }

    public async Task InitializeAsync()
    {
        _cluster = await PostgresCluster.StartAsync(durable: false, CancellationToken.None, async home =>
        {
            using var ours = Sign("ours");
            using var theirs = Sign("theirs");
            var (certificate, key) = (Path.Combine(home.Folder, "server.crt"), Path.Combine(home.Folder, "server.key"));
            await File.WriteAllTextAsync(certificate, ours.ExportCertificatePem());
            await SecretFile.WriteAsync(key, ours.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem(), CancellationToken.None);
            if (home.User is { } user) await ChildProcess.RunAsync(["chown", $"{user.Uid}:{user.Gid}", certificate, key], new ChildOptions(), CancellationToken.None);
            return ["ssl=on", $"ssl_cert_file={certificate}", $"ssl_key_file={key}"];
        });
        _database = await _cluster.CreateAsync(PostgresFixture.Migrated);
    }

    public async Task DisposeAsync()
    {
        if (_database is not null) await _database.DisposeAsync();
        if (_cluster is not null) await _cluster.DisposeAsync();
        _folder.Dispose();
    }

    private Dictionary<string, string?> Settings(string host, string authority)
    {
        var settings = _database!.Settings();
        foreach (var name in (string[])["App", "Worker"])
        {
            settings[$"ConnectionStrings:{name}"] = new NpgsqlConnectionStringBuilder(settings[$"ConnectionStrings:{name}"])
            {
                Host = host,
                SslMode = SslMode.VerifyFull,
                RootCertificate = authority,
            }.ConnectionString;
        }

        settings["WeChat:AppId"] = WeChatStub.AppId;
        settings["WeChat:RedAlarmTemplate"] = WeChatStub.RedAlarmTemplate;
        settings["WeChat:MiniProgramPage"] = WeChatStub.MiniProgramPage;
        return settings;
    }

    /// <summary>A certificate for 127.0.0.1 by an authority of this name, whose own certificate is kept as a file.</summary>
    private X509Certificate2 Sign(string authority)
    {
        var today = TimeProvider.System.GetUtcNow();
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var authorityRequest = new CertificateRequest($"CN={authority}", authorityKey, HashAlgorithmName.SHA256);
        authorityRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var issuer = authorityRequest.CreateSelfSigned(today.AddDays(-2), today.AddDays(2));
        File.WriteAllText(Authority(authority), issuer.ExportCertificatePem());

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=database", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(issuer, today.AddDays(-1), today.AddDays(1), RandomNumberGenerator.GetBytes(8));
        return certificate.CopyWithPrivateKey(key);
    }
}
