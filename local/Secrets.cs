using System.Security.Cryptography;
using Backend.Platform.Audit;
using Backend.Platform.Security;

namespace Local;

/// <summary>
/// What a machine must keep to itself: database passwords, vault keys, the keys of the tokens and of the audit chain, and the WeChat secret. Made once, random; never
/// in the repository, in an argument or in a log (BR01).
/// </summary>
internal sealed record Secrets
{
    public required string SuperuserPassword { get; init; }
    public required string OwnerPassword { get; init; }
    public required string AppPassword { get; init; }
    public required string WorkerPassword { get; init; }
    public required string BackupPassword { get; init; }
    public required string VaultKey { get; init; }
    public required string VaultIndexKey { get; init; }
    public required string SigningKey { get; init; }
    public required string RefreshKey { get; init; }
    public required string AuditKey { get; init; }
    public required string WeChatSecret { get; init; }

    public VaultOptions Vault => new() { CurrentKey = 1, Keys = { [1] = VaultKey }, IndexKey = VaultIndexKey };

    public AuditOptions Audit => new() { CurrentKey = 1, Keys = { [1] = AuditKey } };

    /// <summary>The api's settings that follow from the secrets, by configuration key.</summary>
    public Dictionary<string, string?> Settings(string appConnectionString, string workerConnectionString) => new()
    {
        ["ConnectionStrings:App"] = appConnectionString,
        ["ConnectionStrings:Worker"] = workerConnectionString,
        ["Vault:CurrentKey"] = "1",
        ["Vault:Keys:1"] = VaultKey,
        ["Vault:IndexKey"] = VaultIndexKey,
        ["Tokens:SigningKey"] = SigningKey,
        ["Tokens:RefreshKey"] = RefreshKey,
        ["Audit:CurrentKey"] = "1",
        ["Audit:Keys:1"] = AuditKey,
        ["WeChat:AppSecret"] = WeChatSecret,
    };

    public static Secrets Generate() => new()
    {
        SuperuserPassword = Word(),
        OwnerPassword = Word(),
        AppPassword = Word(),
        WorkerPassword = Word(),
        BackupPassword = Word(),
        VaultKey = Key(),
        VaultIndexKey = Key(),
        SigningKey = NewSigningKey(),
        RefreshKey = Key(),
        AuditKey = Key(),
        WeChatSecret = Word(),
    };

    /// <summary>One file a secret, readable by their owner alone. A missing one is made.</summary>
    public static async Task<Secrets> LoadOrCreateAsync(string folder, CancellationToken cancellation)
    {
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var fresh = Generate();
        return new Secrets
        {
            SuperuserPassword = await Keep("database-superuser", fresh.SuperuserPassword),
            OwnerPassword = await Keep("database-owner", fresh.OwnerPassword),
            AppPassword = await Keep("database-app", fresh.AppPassword),
            WorkerPassword = await Keep("database-worker", fresh.WorkerPassword),
            BackupPassword = await Keep("database-backup", fresh.BackupPassword),
            VaultKey = await Keep("vault-key-1", fresh.VaultKey),
            VaultIndexKey = await Keep("vault-index-key", fresh.VaultIndexKey),
            SigningKey = await Keep("token-signing-key.pem", fresh.SigningKey),
            RefreshKey = await Keep("token-refresh-key", fresh.RefreshKey),
            AuditKey = await Keep("audit-key-1", fresh.AuditKey),
            WeChatSecret = await Keep("wechat-app-secret", fresh.WeChatSecret),
        };

        Task<string> Keep(string name, string made) => SecretFile.KeepAsync(Path.Combine(folder, name), made, cancellation);
    }

    private static string Word() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));

    private static string Key() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    private static string NewSigningKey()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return key.ExportPkcs8PrivateKeyPem();
    }
}

/// <summary>Files that only their owner may read (0600), never seen half written.</summary>
internal static class SecretFile
{
    public static async Task<string> KeepAsync(string file, string made, CancellationToken cancellation)
    {
        if (!File.Exists(file)) await WriteAsync(file, made, cancellation);
        return (await File.ReadAllTextAsync(file, cancellation)).Trim();
    }

    public static async Task WriteAsync(string file, string text, CancellationToken cancellation)
    {
        var unfinished = file + ".new";
        File.Delete(unfinished);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
        await using (var writer = new StreamWriter(unfinished, options)) await writer.WriteAsync(text.AsMemory(), cancellation);
        File.Move(unfinished, file, overwrite: true);
    }
}
