using System.CommandLine;
using System.Globalization;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Npgsql;

namespace Backend.Features.Admin;

/// <summary><c>admin report-retention</c>: how long each table is kept, how many rows are due for deletion today, and why the others stay (PD10). Exit code 0; 2: no answer.</summary>
internal static class ReportRetention
{
    public static Command Command(IConfiguration? given, TimeProvider clock)
    {
        var command = new Command("report-retention", "保存期限表：每类信息保存多少天、今天有多少条到期、为什么");
        command.SetAction((parsed, cancellation) => RunAsync(
            given ?? Host.CreateApplicationBuilder().Configuration, clock, parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error, cancellation));
        return command;
    }

    private static Task<int> RunAsync(IConfiguration configuration, TimeProvider clock, TextWriter output, TextWriter error, CancellationToken cancellation) =>
        AdminTool.TryAsync("报告", error, async () =>
        {
            await using var worker = AdminTool.ConnectAs("Worker", configuration);
            foreach (var rule in RetentionRule.All)
            {
                if (rule.Days is not { } days)
                {
                    await output.WriteLineAsync($"{rule.Table}：不按天数删除。{rule.Why}。");
                    continue;
                }

                await using var count = worker.CreateCommand($"select count(*) from {rule.Table} where {rule.Since} < $1");
                count.Parameters.Add(new NpgsqlParameter { Value = rule.Before(clock.Today()) });
                var due = (long)(await count.ExecuteScalarAsync(cancellation))!;
                await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{rule.Table}：自 {rule.Since} 起 {days} 天，到期 {due} 条。{rule.Why}。"));
            }

            return 0;
        });
}
