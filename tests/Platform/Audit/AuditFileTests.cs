using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Backend.Platform.Audit;
using Backend.Platform.Security;
using Backend.Tests.Features.Admin;
using Backend.Tests.Support;

namespace Backend.Tests.Platform.Audit;

/// <summary>The exported audit proves itself (AU04): a file is verified without the database, and whatever is done to it is found.</summary>
public sealed class AuditFileTests : IAsyncLifetime
{
    private static readonly DateOnly Day = ChainUnderTest.Today.AddDays(-24);

    private ChainUnderTest? _chain;

    private ChainUnderTest Chain => _chain ?? throw new InvalidOperationException("The test has not started.");

    public async Task InitializeAsync() => _chain = await ChainUnderTest.CreateAsync();

    public async Task DisposeAsync() => await Chain.DisposeAsync();

    [Fact]
    public async Task AU04_files_of_days_that_follow_each_other_have_every_sealed_entry_once_and_each_verifies()
    {
        await GrowOverDaysAsync(12);
        await Chain.WriteAsync(3);
        var (seen, seals) = (new List<Guid>(), 0L);
        // The day before has nothing, and neither has the last one, on which nothing is sealed yet.
        for (var day = Day.AddDays(-1); day <= Day.AddDays(5); day = day.AddDays(1))
        {
            var file = await Chain.ExportAsync(day, day);
            var report = await Chain.VerifyFileAsync(file);
            Assert.Null(report.Finding);
            Assert.Equal(seals, Lines(file)[0].GetProperty("formerSeal").GetInt64());
            Assert.Equal(Entries(file).Count, report.Entries);
            seals += report.Seals;
            seen.AddRange(Entries(file).Select(e => e.GetProperty("id").GetGuid()));
        }

        Assert.Equal(12, seals);
        Assert.Equal(Chain.Seals.SelectMany(s => s).Order(), seen.Order());
        var whole = await Chain.VerifyFileAsync(await Chain.ExportAsync(Day, Day.AddDays(365)));
        Assert.Equal(new AuditReport(12, seen.Count, 0, 0, 1, 0, null, null), whole);
        // What waited for its seal is in the next file.
        await Chain.Sealer().PassAsync(default);
        Assert.Equal(3, (await Chain.VerifyFileAsync(await Chain.ExportAsync())).Entries);
    }

    [Fact]
    public async Task AU04_a_file_of_days_without_a_seal_is_a_valid_one()
    {
        var before = await Chain.ExportAsync(Day, Day);
        Assert.Equal(["header", "footer"], Lines(before).Select(l => l.GetProperty("line").GetString()));
        Assert.Equal(new AuditReport(0, 0, 0, 0, 0, 0, null, null), await Chain.VerifyFileAsync(before));
        await GrowOverDaysAsync(3);
        var after = await Chain.ExportAsync(Day.AddDays(20), Day.AddDays(30));
        Assert.Equal(3, Lines(after)[0].GetProperty("formerSeal").GetInt64());
        Assert.Equal(new AuditReport(0, 0, 0, 0, 0, 0, null, null), await Chain.VerifyFileAsync(after));
    }

    [Fact]
    public async Task AU04_every_random_tampering_of_a_file_is_found_where_it_shows()
    {
        await GrowOverDaysAsync(12);
        var whole = await Chain.ExportAsync(Day, Day.AddDays(3));
        var parts = new List<byte[]> { await Chain.ExportAsync(Day, Day.AddDays(1)), await Chain.ExportAsync(Day.AddDays(2), Day.AddDays(3)) };
        var (missed, watch, kinds) = (new List<string>(), Stopwatch.StartNew(), new HashSet<string>());
        foreach (var tampering in FileTampering.Of(whole, parts, new Random(4)).Take(ProofSize.Tamperings))
        {
            kinds.Add(tampering.What);
            var finding = (await Chain.VerifyFileAsync(tampering.File)).Finding;
            if (finding?.Line is not { } line || line < tampering.First || line > tampering.Last) missed.Add($"{tampering.What}, lines {tampering.First} to {tampering.Last}: {finding}");
        }

        Assert.Empty(missed);
        foreach (var file in (byte[][])[whole, .. parts]) Assert.Null((await Chain.VerifyFileAsync(file)).Finding);
        Figures.Print($"AU04 tampering with an exported file: {ProofSize.Tamperings} at random, of {kinds.Count} kinds, in {Lines(whole).Count} lines: all found where they show, {watch.Elapsed.TotalSeconds:0.0} s");
    }

    [Fact]
    public async Task AU04_a_line_says_readably_what_stands_in_the_database()
    {
        await Chain.GrowAsync(3);
        var lines = Lines(await Chain.ExportAsync());
        foreach (var entry in lines.Where(l => l.GetProperty("line").GetString() == "entry"))
        {
            const string written = """
                select jsonb_build_object('id', id, 'accountId', account_id, 'sessionId', session_id, 'roles', string_to_array(roles, ','), 'scope', scope, 'operation', operation,
                    'targetIds', target_ids, 'result', result, 'address', address, 'traceId', correlation_id, 'writerId', writer_id, 'writerNumber', writer_number)::text
                from audit_entries where id = $1
                """;
            var row = JsonSerializer.Deserialize<JsonElement>((await Chain.Database.ScalarAsync<string>(written, entry.GetProperty("id").GetGuid()))!);
            foreach (var column in row.EnumerateObject()) Assert.True(JsonElement.DeepEquals(column.Value, entry.GetProperty(column.Name)), $"{column} is {entry.GetProperty(column.Name)}");
            Assert.Equal(await Chain.Database.ScalarAsync<DateTime>("select at from audit_entries where id = $1", entry.GetProperty("id").GetGuid()), entry.GetProperty("at").GetDateTimeOffset().UtcDateTime);
        }

        foreach (var seal in lines.Where(l => l.GetProperty("line").GetString() == "seal"))
        {
            var number = seal.GetProperty("number").GetInt64();
            Assert.Equal(await Chain.Database.ScalarAsync<string>("select snapshot::text || ' ' || entries || ' ' || encode(hash, 'base64') || ' ' || encode(mac, 'hex') from audit_seals where number = $1", number),
                $"{seal.GetProperty("snapshot").GetString()} {seal.GetProperty("entries")} {seal.GetProperty("hash").GetString()} {Convert.ToHexStringLower(seal.GetProperty("mac").GetBytesFromBase64())}");
            Assert.Equal(await Chain.Database.ScalarAsync<DateTime>("select sealed_at from audit_seals where number = $1", number), seal.GetProperty("sealedAt").GetDateTimeOffset().UtcDateTime);
        }
    }

    [Fact]
    public async Task AU04_seals_larger_than_a_page_a_late_commit_and_entries_from_before_the_chain_are_exported_whole()
    {
        await Chain.Database.ExecuteAsync("insert into audit_entries (id, operation, target_ids, result, correlation_id) select gen_random_uuid(), 'readHousehold', '{}', 'done', '' from generate_series(1, 4001)");
        var sealer = Chain.Sealer();
        Assert.Equal(4001, await sealer.PassAsync(default));
        await using var late = await Chain.WriteAndWaitAsync();
        foreach (var size in (int[])[2000, 4000, 1, 1999, 2001])
        {
            await Chain.CopyAsync(size);
            await sealer.PassAsync(default);
        }

        await late.CommitAsync();
        Assert.Equal(1, await sealer.PassAsync(default));
        Assert.Equal(new AuditReport(7, 14_003, 0, 4001, 1, 0, null, null), await Chain.VerifyFileAsync(await Chain.ExportAsync()));
        Assert.Contains(":", Lines(await Chain.ExportAsync())[4003].GetProperty("snapshot").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AU04_a_chain_that_was_changed_in_the_database_is_exported_as_it_is_and_does_not_verify()
    {
        await Chain.GrowAsync(5);
        await Chain.Database.ExecuteAsync("update audit_entries set operation = 'readMe' where id = $1", Chain.Seals[3][0]);
        await Chain.Database.ExecuteAsync("delete from audit_entries where id = any($1)", Chain.Seals[1].ToArray());
        Assert.Equal((AuditFault.EntriesWrong, 2L), ((await Chain.VerifyFileAsync(await Chain.ExportAsync())).Finding is var f ? (f!.Fault, f.Seal!.Value) : default));
        await Chain.Database.ExecuteAsync("update audit_entries set at = 'infinity', target_ids = array[null]::uuid[], operation = '' where id = $1", Chain.Seals[0][0]);
        var (fault, entry) = (await Chain.VerifyFileAsync(await Chain.ExportAsync())).Finding is { } finding ? (finding.Fault, finding.Entry) : default;
        Assert.Equal((AuditFault.EntryWrong, Chain.Seals[0][0]), (fault, entry));
        await Chain.Database.ExecuteAsync("delete from audit_seals where number in (1, 3)");
        Assert.Equal(AuditFault.SealMissing, (await Chain.VerifyFileAsync(await Chain.ExportAsync())).Finding?.Fault);
    }

    [Fact]
    public async Task AU04_the_command_verifies_a_file_without_a_database_and_says_in_Chinese_which_line_is_wrong()
    {
        await Chain.GrowAsync(3);
        var settings = Chain.Database.Settings().Where(s => s.Key.StartsWith("Audit:", StringComparison.Ordinal)).ToDictionary();
        var file = await Chain.ExportAsync();
        var (code, said, refused) = await VerifyAsync(file);
        Assert.Equal((0, ""), (code, refused));
        Assert.StartsWith("导出文件完好：", said, StringComparison.Ordinal);
        Assert.Contains($"封存 3 次（从第 1 号起，与前一次封存相连），审计记录 {Chain.Seals.Sum(s => s.Count)} 条", said, StringComparison.Ordinal);

        var text = Encoding.UTF8.GetString(file);
        Assert.Equal((1, "", "导出文件有误，第 3 行：所写内容与签名的内容不符，或不应出现在此处。\n"), await VerifyAsync(Encoding.UTF8.GetBytes(Replace(text, 3, "\"operation\":\"", "\"operation\":\"x"))));
        Assert.Equal((1, "", "导出文件有误，第 1 行：首行被改动，或不是由本服务写入。\n"), await VerifyAsync(Encoding.UTF8.GetBytes(Replace(text, 1, "\"from\":\"2", "\"from\":\"1"))));
        Assert.Equal((1, "", "导出文件有误，第 2 行：文件在此处中断，没有末行。\n"), await VerifyAsync(Encoding.UTF8.GetBytes(text[..(text.IndexOf('\n', StringComparison.Ordinal) + 1)])));
        Assert.Equal((1, "", "导出文件有误，第 2 行：第 1 号封存的审计记录与封存时不同，有记录被改动、删除、插入或调换次序。\n"), await VerifyAsync(Encoding.UTF8.GetBytes(string.Join('\n', text.Split('\n').Where((_, i) => i != 2)))));
        var lines = text.TrimEnd('\n').Split('\n');
        Assert.Equal((1, "", $"导出文件有误，第 {lines.Length} 行：末行与前面的内容不符，被改动，或不是由本服务写入。\n"), await VerifyAsync(Encoding.UTF8.GetBytes(Replace(text, lines.Length, "\"seals\":3", "\"seals\":4"))));
        settings["Audit:Keys:2"] = settings["Audit:Keys:1"];
        settings["Audit:CurrentKey"] = "2";
        settings.Remove("Audit:Keys:1");
        Assert.Equal((1, "", "导出文件有误，第 1 行：文件的首行或末行所用的密钥不在 Audit:Keys 中：密钥丢失，或被改动。\n"), await VerifyAsync(file));

        Assert.Equal((2, "", "无法核对：读不到导出文件 /no/such/file。\n"), await AdminRun.RunAsync(["verify-audit", "--file", "/no/such/file"], settings));
        (code, _, refused) = await AdminRun.RunAsync(["verify-audit", "--file", "a", "--sink", "b"], settings);
        Assert.NotEqual(0, code);
        Assert.Contains("--file 与 --sink 不能同时给出", refused, StringComparison.Ordinal);

        Task<(int Code, string Output, string Error)> VerifyAsync(byte[] exported) => AdminRun.RunAsync(["verify-audit", "--file", Chain.FileOf(exported)], settings);
    }

    /// <summary>Pages of the same size, whatever the length of the file.</summary>
    [Fact]
    public async Task AU04_a_long_chain_is_exported_in_constant_memory()
    {
        const int atOnce = 500;
        var total = ProofSize.Full ? 100_000 : 10_000;
        var sealer = Chain.Sealer();
        for (var written = 0; written < total; written += atOnce)
        {
            await Chain.CopyAsync(atOnce);
            await sealer.PassAsync(default);
        }

        await Chain.Database.ExecuteAsync("analyze audit_entries, audit_seals");
        var path = Chain.FileOf([]);
        var (watch, before) = (Stopwatch.StartNew(), GC.GetTotalMemory(forceFullCollection: true));
        long length, kept;
        await using (var file = new PiecesCounted(path))
        {
            await Chain.ExportAsync(file, ChainUnderTest.Today, ChainUnderTest.Today);
            (length, kept) = (file.Length, GC.GetTotalMemory(forceFullCollection: true) - before);
            Assert.InRange(file.Longest, 1, 4 * 1024 * 1024);
            Figures.Print($"AU04 export of {total} entries in {total / atOnce} seals: {watch.Elapsed.TotalSeconds:0.0} s, {length / 1024 / 1024} MB in pieces of at most {file.Longest / 1024} KB, {kept / 1024} KB kept");
        }

        watch.Restart();
        using var verifier = new AuditFileVerifier(new AuditKeys(Chain.Options));
        var report = await verifier.RunAsync(path, default);
        Assert.Equal((null, total, total / atOnce), (report.Finding, report.Entries, report.Seals));
        Figures.Print($"AU04 the file of {total} entries verified in {watch.Elapsed.TotalSeconds:0.0} s, {(GC.GetTotalMemory(forceFullCollection: true) - before) / 1024} KB kept");
    }

    /// <summary>Four days, as many seals on each, around midnight in Shanghai.</summary>
    private async Task GrowOverDaysAsync(int seals)
    {
        await Chain.GrowAsync(seals);
        await Chain.DateAsync(number => ShanghaiDay.At(Day.AddDays((int)(number * 4 - 1) / seals), new TimeOnly(0, 0)).AddSeconds(number));
    }

    private static string Replace(string text, int line, string old, string other) =>
        string.Join('\n', text.Split('\n').Select((l, i) => i == line - 1 ? l.Replace(old, other, StringComparison.Ordinal) : l));

    private static List<JsonElement> Lines(byte[] file) => [.. Encoding.UTF8.GetString(file).TrimEnd('\n').Split('\n').Select(l => JsonSerializer.Deserialize<JsonElement>(l))];

    private static List<JsonElement> Entries(byte[] file) => [.. Lines(file).Where(l => l.GetProperty("line").GetString() == "entry")];

    /// <summary>A file that knows the longest piece that it was given at once.</summary>
    private sealed class PiecesCounted(string path) : FileStream(path, FileMode.Create)
    {
        public int Longest { get; private set; }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Longest = Math.Max(Longest, buffer.Length);
            return base.WriteAsync(buffer, cancellationToken);
        }
    }
}
