using System.Security.Cryptography;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Local;

namespace Backend.Tests.Launcher;

public sealed class SecretsTests
{
    [Fact]
    public async Task BR01_secrets_are_made_once_differ_between_clones_and_only_their_owner_may_read_them()
    {
        using var one = new TemporaryFolder();
        using var two = new TemporaryFolder();
        var made = await Secrets.LoadOrCreateAsync(Path.Combine(one.Path, "secrets"), CancellationToken.None);
        var again = await Secrets.LoadOrCreateAsync(Path.Combine(one.Path, "secrets"), CancellationToken.None);
        var other = await Secrets.LoadOrCreateAsync(Path.Combine(two.Path, "secrets"), CancellationToken.None);

        Assert.Equal(made, again);
        Assert.Empty(Values(made).Intersect(Values(other)));
        foreach (var file in Directory.GetFiles(Path.Combine(one.Path, "secrets")))
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.Combine(one.Path, "secrets")));
    }

    [Fact]
    public void ID03_the_signing_key_is_P256_and_the_other_keys_have_256_bits()
    {
        var secrets = Secrets.Generate();
        using var key = ECDsa.Create();
        key.ImportFromPem(secrets.SigningKey);
        Assert.Equal("1.2.840.10045.3.1.7", key.ExportParameters(false).Curve.Oid.Value);
        foreach (var text in (string[])[secrets.VaultKey, secrets.VaultIndexKey, secrets.RefreshKey, secrets.AuditKey])
            Assert.Equal(32, Convert.FromBase64String(text).Length);
        using var vault = new Vault(secrets.Vault);
        Assert.Equal("x", vault.OpenText(SealedFields.ResidentPhone, Guid.Empty, vault.Seal(SealedFields.ResidentPhone, Guid.Empty, "x")));
    }

    private static IEnumerable<string> Values(Secrets secrets) => secrets.Settings("", "").Where(setting => setting.Value?.Length > 8).Select(setting => setting.Value!);
}
