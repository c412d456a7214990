using System.CommandLine;
using System.Globalization;
using Backend.Domain.Facts;
using Backend.Domain.Privacy;
using Backend.Platform.Security;
using Npgsql;

namespace Backend.Features.Admin;

/// <summary>
/// <c>admin report-minors --year 2026</c>: the yearly report on children under 14 (PD06; minors regulation Art. 37): how many, consents given and withdrawn,
/// guardianships, readings of their households, refusals. Numbers alone, no name and no id. Exit code 0; 2: no answer.
/// </summary>
internal static class ReportMinors
{
    public static Command Command(IConfiguration? given)
    {
        var year = new Option<int>("--year") { Description = "哪一年（上海时间）", Required = true };
        year.Validators.Add(v =>
        {
            if (v.GetValueOrDefault<int>() is < 2020 or > ShanghaiDay.LatestYear) v.AddError("年份应在 2020 年以后。");
        });
        var command = new Command("report-minors", "未成年人信息保护年度报告：只有数量，没有姓名") { year };
        command.SetAction((parsed, cancellation) => RunAsync(
            given ?? Host.CreateApplicationBuilder().Configuration, parsed.GetValue(year), parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error, cancellation));
        return command;
    }

    private static Task<int> RunAsync(IConfiguration configuration, int year, TextWriter output, TextWriter error, CancellationToken cancellation) =>
        AdminTool.TryAsync("报告", error, async () =>
        {
            using var vault = new Vault(VaultOptions.Of(configuration));
            await using var worker = AdminTool.ConnectAs("Worker", configuration);
            var (first, next) = (new DateOnly(year, 1, 1), new DateOnly(year + 1, 1, 1));
            var (from, to) = (ShanghaiDay.At(first, TimeOnly.MinValue), ShanghaiDay.At(next, TimeOnly.MinValue));
            var (children, homes) = await ChildrenAsync(worker, vault, first, next.AddDays(-1), cancellation);

            async Task<long> CountAsync(string sql)
            {
                await using var count = worker.CreateCommand(sql);
                count.Parameters.Add(new NpgsqlParameter("from", from));
                count.Parameters.Add(new NpgsqlParameter("to", to));
                if (sql.Contains("@homes", StringComparison.Ordinal)) count.Parameters.Add(new NpgsqlParameter("homes", homes.ToArray()));
                return (long)(await count.ExecuteScalarAsync(cancellation))!;
            }

            const string Consents = "select count(*) from consents c join purposes p on p.code = c.purpose where p.of_child and c.at >= @from and c.at < @to and c.withdrawn = ";
            var (given, withdrawn) = (await CountAsync($"{Consents} false"), await CountAsync($"{Consents} true"));
            var guardianships = await CountAsync("select count(*) from guardianships where recorded_at >= @from and recorded_at < @to");
            var readings = await CountAsync("""
                select count(*) from audit_entries where at >= @from and at < @to and result = 'done' and operation like 'read%' and target_ids && @homes
                """);
            var refused = await CountAsync("select count(*) from audit_entries where at >= @from and at < @to and result = 'guardian_consent_missing'");
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"""
                {year} 年未成年人信息保护年度报告（未满十四周岁，只有数量）
                儿童 {children} 人，所在户 {homes.Count} 户。
                登记监护关系 {guardianships} 件；监护人给出同意 {given} 件，撤回 {withdrawn} 件。
                工作人员查阅这些户 {readings} 次，均有审计记录；因没有监护人同意而拒绝 {refused} 次。
                批量清单不含儿童信息；没有批量导出。
                """));
            return 0;
        });

    /// <summary>Who was under 14 on some day of the year, by the birth dates in the snapshots.</summary>
    private static async Task<(int Children, List<Guid> Homes)> ChildrenAsync(NpgsqlDataSource worker, Vault vault, DateOnly first, DateOnly last, CancellationToken cancellation)
    {
        var (children, homes) = (0, new List<Guid>());
        await using var command = worker.CreateCommand("select id, snapshot from households where length(snapshot) > 0");
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            var id = reader.GetGuid(0);
            var snapshot = FactsSnapshot.FromBytes(vault.Open(SealedFields.FactsSnapshot, id, new Sealed(reader.GetFieldValue<byte[]>(1))));
            var here = snapshot.Members.Count(m => snapshot.Values.LastOrDefault(v => v.SubjectId == m.ResidentId && v.Tag == "birth_date")?.Value is { } born
                && DateOnly.TryParseExact(born, "yyyy-MM-dd", out var birth) && birth <= last && Guardianship.LastDay(birth) >= first);
            if (here == 0) continue;
            children += here;
            homes.Add(id);
        }

        return (children, homes);
    }
}
