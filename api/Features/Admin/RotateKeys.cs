using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using Backend.Platform;
using Backend.Platform.Files;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Backend.Features.Admin;

/// <summary>
/// <c>admin rotate-keys</c>: changes all sealed values, blind indexes and photos over to the present keys while the service runs, as <c>backend_owner</c>
/// (PD02, PD03). May be ended at any moment and goes on from there. Exit code 0: nothing stands under another key any more; 1: something does, or it was
/// ended; 2: it could not be begun, or a value does not open.
/// </summary>
internal static class RotateKeys
{
    public static Command Command(IConfiguration? given)
    {
        var check = new Option<bool>("--check") { Description = "只统计还有多少值在用其他密钥，什么都不改" };
        var command = new Command("rotate-keys", "把所有加密的值、查找索引和照片换到现在的密钥；服务不必停止，可以随时中断，再次执行会接着做") { check };
        command.SetAction((parsed, cancellation) => RunAsync(
            given ?? Host.CreateApplicationBuilder().Configuration, parsed.GetValue(check), parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(IConfiguration configuration, bool onlyCheck, TextWriter output, TextWriter error, CancellationToken cancellation)
    {
        try
        {
            using var vault = new Vault(VaultOptions.Of(configuration));
            await using var source = AdminTool.ConnectAs("Owner", configuration);
            var rotation = new KeyRotation(source, vault, TimeProvider.System);
            return onlyCheck
                ? await CheckAsync(rotation, output, cancellation)
                : await RotateAsync(rotation, PhotoStore.Of(configuration, vault, NullLogger<PhotoStore>.Instance), vault.CurrentKey, output, error, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            await error.WriteLineAsync("已中断。已换的值有效，再次执行会接着做。");
            return 1;
        }
        catch (StartRefused e)
        {
            await error.WriteLineAsync($"无法轮换密钥：{e.Reason}");
        }
        catch (RotationRuns)
        {
            await error.WriteLineAsync("无法轮换密钥：另一个 rotate-keys 正在执行。");
        }
        catch (CryptographicException e)
        {
            await error.WriteLineAsync($"无法轮换密钥：有值打不开，它的密钥不在 Vault:Keys 中，或被改动（{e.Message}）。");
        }
        catch (NpgsqlException e)
        {
            await error.WriteLineAsync($"无法轮换密钥：{DatabaseFaults.NameOf(e)}。再次执行会接着做。");
        }

        return 2;
    }

    private static async Task<int> RotateAsync(KeyRotation rotation, PhotoStore photos, uint key, TextWriter output, TextWriter error, CancellationToken cancellation)
    {
        void Tell(RotationProgress progress)
        {
            if (progress.Remaining is { } remaining) output.WriteLine(Say(progress.Field, progress.Changed, remaining));
        }

        var left = await rotation.RunAsync(Tell, cancellation);
        var pictures = await photos.ChangeKeysAsync(cancellation);
        await output.WriteLineAsync(Say("照片", pictures.Changed, pictures.Remaining));
        if (left + pictures.Remaining == 0)
        {
            await output.WriteLineAsync($"完成：所有值都在用密钥 {key}。");
            return 0;
        }

        await error.WriteLineAsync("没有完成：还有值在用其他密钥。请确认所有副本都已把 Vault:CurrentKey 改为新密钥并重启，再执行一次。");
        return 1;
    }

    private static async Task<int> CheckAsync(KeyRotation rotation, TextWriter output, CancellationToken cancellation)
    {
        var columns = await rotation.CountAsync(cancellation);
        foreach (var column in columns) await output.WriteLineAsync(Say(column.Field, column.Changed, column.Remaining ?? 0));
        return columns.All(c => c.Remaining == 0) ? 0 : 1;
    }

    private static string Say(string what, long changed, long remaining) => string.Create(CultureInfo.InvariantCulture, $"{what}：已换 {changed} 个，还剩 {remaining} 个");
}
