using System.CommandLine;
using System.Globalization;
using Backend.Platform;
using Backend.Platform.Audit;
using Backend.Platform.Persistence;
using Npgsql;

namespace Backend.Features.Admin;

/// <summary>
/// <c>admin verify-audit</c>: verifies the whole audit chain with the service's own configuration and says what it found first (AU03); with <c>--file</c> an
/// exported piece of it instead, for which it needs the keys and no database (AU04). Exit code 0: in order; 1: something is wrong; 2: it could not be
/// verified. The last two are said on standard error.
/// </summary>
internal static class VerifyAudit
{
    public static Command Command(IConfiguration? given)
    {
        var sink = new Option<string>("--sink") { Description = "第二存放处的文件，或含有链头的日志；缺省为设置 Audit:Sink" };
        var file = new Option<string>("--file") { Description = "改为核对一个导出的文件（exportAuditEntries）；只需要设置 Audit:Keys，不读数据库和第二存放处" };
        var command = new Command("verify-audit", "核对审计链或导出的文件：发现对已封存审计记录的改动、删除、插入、调换和截尾") { sink, file };
        command.Validators.Add(v =>
        {
            if (v.GetValue(sink) is not null && v.GetValue(file) is not null) v.AddError("--file 与 --sink 不能同时给出。");
        });
        command.SetAction((parsed, cancellation) =>
        {
            var (configuration, output, error) = (given ?? Host.CreateApplicationBuilder().Configuration, parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);
            return parsed.GetValue(file) is { } path
                ? TryAsync(error, $"导出文件 {path}", () => VerifyFileAsync(configuration, path, output, error, cancellation))
                : TryAsync(error, $"第二存放处 {parsed.GetValue(sink) ?? configuration["Audit:Sink"]}", () => VerifyDatabaseAsync(configuration, parsed.GetValue(sink), output, error, cancellation));
        });
        return command;
    }

    private static async Task<int> VerifyDatabaseAsync(IConfiguration configuration, string? sink, TextWriter output, TextWriter error, CancellationToken cancellation)
    {
        var options = AuditOptions.Of(configuration);
        var worker = PersistenceRegistration.Parse("Worker", configuration.GetConnectionString("Worker")).ConnectionString;
        using var verifier = new AuditVerifier(new AuditKeys(options));
        var report = await verifier.RunAsync(worker, sink ?? options.Sink, cancellation);
        return await AnswerAsync(report.Finding is { } finding ? $"审计链有误：{Say(finding)}。" : null, () => Say(report), output, error);
    }

    private static async Task<int> VerifyFileAsync(IConfiguration configuration, string file, TextWriter output, TextWriter error, CancellationToken cancellation)
    {
        using var verifier = new AuditFileVerifier(new AuditKeys(AuditOptions.Of(configuration)));
        var report = await verifier.RunAsync(file, cancellation);
        return await AnswerAsync(
            report.Finding is { } finding ? string.Create(CultureInfo.InvariantCulture, $"导出文件有误，第 {finding.Line} 行：{Say(finding)}。") : null, () => Say(report, verifier.Header!), output, error);
    }

    private static async Task<int> AnswerAsync(string? wrong, Func<string> right, TextWriter output, TextWriter error)
    {
        await (wrong is null ? output : error).WriteLineAsync(wrong ?? right());
        return wrong is null ? 0 : 1;
    }

    private static async Task<int> TryAsync(TextWriter error, string read, Func<Task<int>> verify)
    {
        try
        {
            return await verify();
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
            await error.WriteLineAsync($"无法核对：读不到{read}。");
        }

        return 2;
    }

    private static string Say(AuditReport report, AuditFileHeader header) => string.Create(CultureInfo.InvariantCulture, $"""
        导出文件完好：{header.From:yyyy-MM-dd} 至 {header.To:yyyy-MM-dd}，由账号 {header.ExportedBy} 于 {header.ExportedAt:yyyy-MM-dd HH:mm:ss} (UTC) 导出。
        封存 {report.Seals} 次（从第 {header.FormerSeal + 1} 号起，与前一次封存相连），审计记录 {report.Entries} 条，其中审计链启用之前的 {report.WithoutMac} 条。
        """);

    private static string Say(AuditReport report) => string.Create(CultureInfo.InvariantCulture, $"""
        审计链完好：封存 {report.Seals} 次，审计记录 {report.Entries} 条，其中审计链启用之前的 {report.WithoutMac} 条；尚未封存 {report.Unsealed} 条。
        写入者 {report.Writers} 个，缺号 {report.Gaps} 个（回滚的操作会留下缺号，封存之前被删除的记录也会）。
        {(report.Heads is { } heads ? $"第二存放处：核对了 {heads} 个链头。" : "没有第二存放处可核对，看不出尾部是否被整段截去。")}
        """);

    private static string Say(AuditFinding finding)
    {
        var seal = finding.Seal is { } number ? string.Create(CultureInfo.InvariantCulture, $"第 {number} 号封存") : finding.Line is null ? "尚未封存的部分" : "文件的首行或末行";
        return finding.Fault switch
        {
            AuditFault.SealMissing => $"{seal}缺失",
            AuditFault.SealWrong => $"{seal}被改动、调换，或不是由本服务写入",
            AuditFault.EntriesWrong => $"{seal}的审计记录与封存时不同，有记录被改动、删除、插入或调换次序",
            AuditFault.EntryWrong => $"{seal}的审计记录 {finding.Entry} 被改动，或不是由本服务写入",
            AuditFault.EntryWithoutMac => $"{seal}的审计记录 {finding.Entry} 没有校验码，不是由本服务写入",
            AuditFault.KeyUnknown => $"{seal}{(finding.Entry is { } entry ? $"的审计记录 {entry}" : "")}所用的密钥不在 Audit:Keys 中：密钥丢失，或被改动",
            AuditFault.FileHeaderWrong => "首行被改动，或不是由本服务写入",
            AuditFault.FileLineWrong => "所写内容与签名的内容不符，或不应出现在此处",
            AuditFault.FileFooterWrong => "末行与前面的内容不符，被改动，或不是由本服务写入",
            AuditFault.FileCut => "文件在此处中断，没有末行",
            AuditFault.HeadWrong => $"第二存放处记有{seal}，数据库中没有或不同，尾部被截去或重写",
            _ => throw new ArgumentOutOfRangeException(nameof(finding)),
        };
    }
}
