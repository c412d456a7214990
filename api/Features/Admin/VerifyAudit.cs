using System.CommandLine;
using System.Globalization;
using Backend.Platform;
using Backend.Platform.Audit;
using Backend.Platform.Persistence;
using Npgsql;

namespace Backend.Features.Admin;

/// <summary>
/// <c>admin verify-audit</c>: verifies the whole audit chain with the service's own configuration and says what it found first (AU03). Exit code 0: in
/// order; 1: something is wrong; 2: it could not be verified. The last two are said on standard error.
/// </summary>
internal static class VerifyAudit
{
    public static Command Command(IConfiguration? given)
    {
        var sink = new Option<string>("--sink") { Description = "第二存放处的文件，或含有链头的日志；缺省为设置 Audit:Sink" };
        var command = new Command("verify-audit", "核对审计链：发现对已封存审计记录的改动、删除、插入、调换和截尾") { sink };
        command.SetAction((parsed, cancellation) => RunAsync(
            given ?? Host.CreateApplicationBuilder().Configuration, parsed.GetValue(sink),
            parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(IConfiguration configuration, string? sink, TextWriter output, TextWriter error, CancellationToken cancellation)
    {
        try
        {
            var options = AuditOptions.Of(configuration);
            var worker = PersistenceRegistration.Parse("Worker", configuration.GetConnectionString("Worker")).ConnectionString;
            using var verifier = new AuditVerifier(new AuditKeys(options));
            var report = await verifier.RunAsync(worker, sink ?? options.Sink, cancellation);
            if (report.Finding is { } finding)
            {
                await error.WriteLineAsync($"审计链有误：{Say(finding)}。");
                return 1;
            }

            await output.WriteLineAsync(Say(report));
            return 0;
        }
        catch (StartRefused e)
        {
            await error.WriteLineAsync($"无法核对。{e.Message}");
        }
        catch (NpgsqlException e)
        {
            await error.WriteLineAsync($"无法核对：数据库没有回答（{DatabaseFaults.NameOf(e)}）。");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            await error.WriteLineAsync($"无法核对：读不到第二存放处 {sink ?? configuration["Audit:Sink"]}。");
        }

        return 2;
    }

    private static string Say(AuditReport report) => string.Create(CultureInfo.InvariantCulture, $"""
        审计链完好：封存 {report.Seals} 次，审计记录 {report.Entries} 条，其中审计链启用之前的 {report.WithoutMac} 条；尚未封存 {report.Unsealed} 条。
        写入者 {report.Writers} 个，缺号 {report.Gaps} 个（回滚的操作会留下缺号，封存之前被删除的记录也会）。
        {(report.Heads is { } heads ? $"第二存放处：核对了 {heads} 个链头。" : "没有第二存放处可核对，看不出尾部是否被整段截去。")}
        """);

    private static string Say(AuditFinding finding)
    {
        var seal = finding.Seal is { } number ? string.Create(CultureInfo.InvariantCulture, $"第 {number} 号封存") : "尚未封存的部分";
        return finding.Fault switch
        {
            AuditFault.SealMissing => $"{seal}缺失",
            AuditFault.SealWrong => $"{seal}被改动、调换，或不是由本服务写入",
            AuditFault.EntriesWrong => $"{seal}的审计记录与封存时不同，有记录被改动、删除、插入或调换次序",
            AuditFault.EntryWrong => $"{seal}的审计记录 {finding.Entry} 被改动，或不是由本服务写入",
            AuditFault.EntryWithoutMac => $"{seal}的审计记录 {finding.Entry} 没有校验码，不是由本服务写入",
            AuditFault.KeyUnknown => $"{seal}{(finding.Entry is { } entry ? $"的审计记录 {entry}" : "")}所用的密钥不在 Audit:Keys 中：密钥丢失，或被改动",
            AuditFault.HeadWrong => $"第二存放处记有{seal}，数据库中没有或不同，尾部被截去或重写",
            _ => throw new ArgumentOutOfRangeException(nameof(finding)),
        };
    }
}
