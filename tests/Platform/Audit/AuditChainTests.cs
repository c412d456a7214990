using System.Diagnostics;
using Backend.Domain.Grid;
using Backend.Features.Admin;
using Backend.Platform;
using Backend.Platform.Audit;
using Backend.Platform.Security;
using Backend.Tests.Platform.Persistence;
using Backend.Tests.Support;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Backend.Tests.Platform.Audit;

/// <summary>The audit chain (AU02, AU03): whoever owns the database can change what is audited, but not without being found.</summary>
public sealed class AuditChainTests : IAsyncLifetime
{
    private ChainUnderTest? _chain;

    private ChainUnderTest Chain => _chain ?? throw new InvalidOperationException("The test has not started.");

    public async Task InitializeAsync() => _chain = await ChainUnderTest.CreateAsync();

    public async Task DisposeAsync() => await Chain.DisposeAsync();

    [Fact]
    public async Task AU03_an_untouched_chain_verifies()
    {
        Assert.Equal(0, await Chain.Sealer().PassAsync(default));
        Assert.Equal(0, await Chain.Database.ScalarAsync<long>("select count(*) from audit_seals"));
        await Chain.GrowAsync(12);
        Chain.Signer = new AuditSigner(new AuditKeys(Chain.Options));
        await Chain.WriteAsync(3);

        var report = await Chain.VerifyAsync();

        Assert.Equal(new AuditReport(12, Chain.Seals.Sum(s => s.Count), 3, 0, 2, 0, 12, null), report);
        // Nothing new, nothing to seal.
        Assert.Equal(3, await Chain.Sealer().PassAsync(default));
        Assert.Equal(0, await Chain.Sealer().PassAsync(default));
        Assert.Equal(13L, await Chain.Database.ScalarAsync<long>("select count(*) from audit_seals"));
        Assert.Empty(Chain.Log.OperatorAlarms);
    }

    [Fact]
    public async Task AU03_every_random_tampering_by_the_superuser_is_found_and_its_first_seal_is_named()
    {
        await Chain.GrowAsync(12);
        var columns = DataClasses.Rows.Where(r => r.Table is "audit_entries" or "audit_seals").Select(r => $"{r.Table}.{r.Column}");
        Assert.Equal(columns.Order(), Tampering.Columns.Order());
        await using var connection = new NpgsqlConnection(Chain.Database.Superuser);
        await connection.OpenAsync();
        var (missed, watch) = (new List<string>(), Stopwatch.StartNew());
        foreach (var tampering in Tampering.Of(Chain, new Random(3)).Take(ProofSize.Tamperings))
        {
            await using var transaction = await connection.BeginTransactionAsync();
            await using (var command = new NpgsqlCommand(tampering.Sql, connection)) Assert.NotEqual(0, await command.ExecuteNonQueryAsync());
            using var verifier = new AuditVerifier(new AuditKeys(Chain.Options));
            var finding = (await verifier.RunAsync(connection, Chain.Sink, default)).Finding;
            if (finding?.Seal != tampering.Seal) missed.Add($"{tampering}: {finding}");
            await transaction.RollbackAsync();
        }

        Assert.Empty(missed);
        Assert.Null((await Chain.VerifyAsync()).Finding);
        Figures.Print($"AU03 tampering by the superuser: {ProofSize.Tamperings} at random, of {Tampering.Columns.Count()} columns, of entries, seals and tails: all found, each with its first seal, {watch.Elapsed.TotalSeconds:0.0} s");
    }

    [Fact]
    public async Task AU03_the_entry_that_was_changed_is_named_even_before_it_is_sealed()
    {
        await Chain.GrowAsync(3);
        foreach (var open in await Chain.WriteAsync(4))
        {
            await Chain.Database.ExecuteAsync("update audit_entries set address = '::2' where id = $1", open.Id);
            Assert.Equal(new AuditFinding(AuditFault.EntryWrong, null, open.Id), (await Chain.VerifyAsync()).Finding);
            await Chain.Database.ExecuteAsync("update audit_entries set address = $2 where id = $1", open.Id, (object?)open.Address ?? DBNull.Value);
            Assert.Null((await Chain.VerifyAsync()).Finding);
        }

        // The ids of a list are the seal's to cover.
        var list = (await Chain.WriteAsync(4)).Single(e => AuditKeys.CoveredBy(e.Mac) == MacOf.EntryWithoutIds);
        await Chain.Database.ExecuteAsync("update audit_entries set target_ids = '{}' where id = $1", list.Id);
        Assert.Null((await Chain.VerifyAsync()).Finding);
        await Chain.Database.ExecuteAsync("update audit_entries set roles = 'resident' where id = $1", list.Id);

        // Sealed all the same, and told.
        Assert.Equal(8, await Chain.Sealer().PassAsync(default));
        Assert.Contains($"audit_entry_suspect: {list.Id}", Assert.Single(Chain.Log.OperatorAlarms), StringComparison.Ordinal);
        Assert.Equal(new AuditFinding(AuditFault.EntryWrong, 4, list.Id), (await Chain.VerifyAsync()).Finding);
    }

    [Fact]
    public async Task AU03_a_transaction_that_commits_late_is_in_the_seal_after_its_end_and_holds_up_nobody()
    {
        var sealer = Chain.Sealer();
        await using var late = await Chain.WriteAndWaitAsync();
        await using var never = await Chain.WriteAndWaitAsync();
        await Chain.WriteAsync(2);
        Assert.Equal(2, await sealer.PassAsync(default));
        await Chain.WriteAsync(1);
        Assert.Equal(1, await sealer.PassAsync(default));
        Assert.Equal(0, await sealer.PassAsync(default));

        await late.CommitAsync();
        Assert.Equal(1, (await Chain.VerifyAsync()).Unsealed);
        await Chain.WriteAsync(1);
        Assert.Equal(2, await sealer.PassAsync(default));

        await never.DisposeAsync();
        Assert.Equal(0, await sealer.PassAsync(default));
        // What was rolled back has left its number missing.
        Assert.Equal(new AuditReport(3, 5, 0, 0, 1, 1, 3, null), await Chain.VerifyAsync());
    }

    [Fact]
    public async Task AU03_writers_that_commit_in_any_order_and_two_sealers_at_once_make_one_chain()
    {
        const int writers = 6, transactions = 40;
        var random = new Random(5);
        var delays = Enumerable.Range(0, writers).Select(_ => Enumerable.Range(0, transactions).Select(_ => random.Next(12)).ToList()).ToList();
        var writing = Task.WhenAll(delays.Select(own => Task.Run(async () =>
        {
            foreach (var delay in own)
            {
                await using var write = await Chain.WriteAndWaitAsync();
                // No wait for anything: it mixes the order in which they commit.
                await Task.Delay(delay);
                await write.CommitAsync();
            }
        })));
        // What the sink is given while a verification runs is no cut tail.
        var verifying = Task.Run(async () =>
        {
            var reports = new List<AuditReport>();
            while (!writing.IsCompleted)
                if (File.Exists($"{Chain.Sink}0")) reports.Add(await VerifyAsync($"{Chain.Sink}0"));
                else await Task.Delay(1);
            return reports;
        });
        var passes = await Task.WhenAll(Enumerable.Range(0, 2).Select(n => Task.Run(async () =>
        {
            var (sealer, passes) = (Chain.Sealer(sink: $"{Chain.Sink}{n}"), 0);
            for (; !writing.IsCompleted; passes++) await sealer.PassAsync(default);
            return passes;
        })));
        await writing;
        Assert.All(await verifying, r => Assert.Null(r.Finding));
        await Chain.Sealer().PassAsync(default);

        var report = await Chain.VerifyAsync();
        Assert.Equal((null, writers * transactions, 0L), (report.Finding, report.Entries, report.Unsealed));
        Assert.True(report.Seals > 2, $"{report}");
        // Each sealer's own copies hold too.
        for (var n = 0; n < 2; n++)
        {
            var own = await VerifyAsync($"{Chain.Sink}{n}");
            Assert.Null(own.Finding);
            Assert.True(own.Heads > 0);
        }

        Figures.Print($"AU03 two sealers, {writers} writers in mixed order: {report.Entries} entries in one chain of {report.Seals} seals, {passes.Sum()} passes, verified {(await verifying).Count} times meanwhile: none skipped, none twice");

        async Task<AuditReport> VerifyAsync(string sink)
        {
            using var verifier = new AuditVerifier(new AuditKeys(Chain.Options));
            return await verifier.RunAsync(Chain.Database.Worker, sink, default);
        }
    }

    [Fact]
    public async Task AU03_a_head_that_a_killed_sealer_left_uncopied_is_copied_by_the_next_pass_of_any()
    {
        await Chain.GrowAsync(2);
        await Chain.WriteAsync(1);
        var gone = Directory.CreateDirectory($"{Chain.Sink}.gone");
        var sink = Path.Combine(gone.FullName, "heads");
        var dying = Chain.Sealer(sink: sink);
        gone.Delete(recursive: true);
        // It seals, and then the copy fails: what a kill between the two leaves behind.
        await Assert.ThrowsAnyAsync<IOException>(() => dying.PassAsync(default));
        Assert.Equal((3L, 2L), ((await Chain.VerifyAsync()).Seals, (await Chain.VerifyAsync()).Heads));

        Assert.Equal(0, await Chain.Sealer().PassAsync(default));

        Assert.Equal((null, 3L), ((await Chain.VerifyAsync()).Finding, (await Chain.VerifyAsync()).Heads));
        // Half a line of a kill in the middle of a write is no head, and spoils none.
        await File.AppendAllTextAsync(Chain.Sink, "audit-seal 4 00");
        await Chain.WriteAsync(1);
        await Chain.Sealer().PassAsync(default);
        Assert.Equal((null, 4L), ((await Chain.VerifyAsync()).Finding, (await Chain.VerifyAsync()).Heads));
        Assert.Empty(Chain.Log.OperatorAlarms);
    }

    [Fact]
    public async Task AU03_a_tail_that_was_cut_off_is_alarmed_by_the_sealer_and_found_after_it_has_grown_again()
    {
        await Chain.GrowAsync(4);
        var sealer = Chain.Sealer();
        await Chain.Database.ExecuteAsync("delete from audit_seals where number > 2");
        Assert.True(await sealer.PassAsync(default) > 0);
        await sealer.PassAsync(default);

        Assert.Contains("audit_chain_cut", Assert.Single(Chain.Log.OperatorAlarms), StringComparison.Ordinal);
        Assert.Equal(new AuditFinding(AuditFault.HeadWrong, 3), (await Chain.VerifyAsync()).Finding);
        File.Delete(Chain.Sink);
        Assert.Null((await Chain.VerifyAsync()).Finding);
    }

    [Fact]
    public async Task AU03_keys_are_rotated_and_one_that_is_lost_is_said()
    {
        var other = new AuditOptions { CurrentKey = 2, Keys = { [1] = Chain.Options.Keys[1], [2] = PostgresFixture.Secrets.RefreshKey } };
        await Chain.GrowAsync(2);
        Chain.Signer = new AuditSigner(new AuditKeys(other));
        await Chain.WriteAsync(3);
        await Chain.Sealer(other).PassAsync(default);
        var (entries, seals) = ("select count(*) from audit_entries where get_byte(mac, 3) = 2", "select count(*) from audit_seals where get_byte(mac, 3) = 2");
        Assert.Equal((3L, 1L), (await Chain.Database.ScalarAsync<long>(entries), await Chain.Database.ScalarAsync<long>(seals)));

        Assert.Null((await Chain.VerifyAsync(other)).Finding);
        Assert.Equal(new AuditFinding(AuditFault.KeyUnknown, 3), (await Chain.VerifyAsync()).Finding);
        other.Keys.Remove(1);
        Assert.Equal(new AuditFinding(AuditFault.KeyUnknown, 1), (await Chain.VerifyAsync(other)).Finding);
        // A key of the same number that is not the same.
        other.Keys[1] = other.Keys[2];
        Assert.Equal(new AuditFinding(AuditFault.SealWrong, 1), (await Chain.VerifyAsync(other)).Finding);
    }

    [Fact]
    public async Task AU03_entries_from_before_the_chain_are_in_the_first_seal_and_nowhere_else()
    {
        const string before = "insert into audit_entries (id, operation, target_ids, result, correlation_id) select gen_random_uuid(), 'readHousehold', '{}', 'done', '' from generate_series(1, 5)";
        await Chain.Database.ExecuteAsync(before);
        Assert.Equal(5, (await Chain.VerifyAsync()).Unsealed);
        await Chain.WriteAsync(1);
        Assert.Equal(6, await Chain.Sealer().PassAsync(default));
        Assert.Equal(new AuditReport(1, 6, 0, 5, 1, 0, 1, null), await Chain.VerifyAsync());
        Assert.Empty(Chain.Log.OperatorAlarms);

        await Chain.Database.ExecuteAsync(before);
        Assert.Equal(AuditFault.EntryWithoutMac, (await Chain.VerifyAsync()).Finding?.Fault);
        await Chain.Sealer().PassAsync(default);
        var finding = (await Chain.VerifyAsync()).Finding;
        Assert.Equal((AuditFault.EntryWithoutMac, 2L), (finding?.Fault, finding?.Seal));
        Assert.Contains("audit_entry_suspect", Assert.Single(Chain.Log.OperatorAlarms), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AU02_entries_and_seals_are_append_only_for_everybody_and_moment_and_order_are_the_databases()
    {
        await Chain.GrowAsync(1);
        var (app, worker, owner) = (Chain.Database.App, Chain.Database.Worker, Chain.Database.Owner);
        static string Insert(string column, string value) =>
            $"insert into audit_entries (id, operation, target_ids, result, correlation_id, {column}) values (gen_random_uuid(), 'test', '{{}}', 'done', '', {value})";
        foreach (var role in (string[])[app, worker])
            foreach (var sql in (string[])[
                "update audit_entries set result = 'x'", "delete from audit_entries", "truncate audit_entries",
                "update audit_seals set entries = 0", "delete from audit_seals", "truncate audit_seals",
                Insert("at", "now()"), Insert("xid", "'1'")])
                Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, (await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(role, sql))).SqlState);
        foreach (var sql in (string[])["select from audit_seals", "insert into audit_seals select 9, now(), pg_current_snapshot(), 1, '', ''"])
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, (await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(app, sql))).SqlState);
        // Row level security is forced: even the owner reaches no row.
        foreach (var sql in (string[])["update audit_entries set result = 'x'", "delete from audit_entries", "update audit_seals set entries = 0", "delete from audit_seals"])
            Assert.Equal(0, await ExecuteAsync(owner, sql));
        Assert.Null((await Chain.VerifyAsync()).Finding);
    }

    [Fact]
    public async Task AU03_every_way_in_which_the_api_writes_an_entry_is_signed_and_sealed_within_five_seconds()
    {
        using var vault = new Vault(PostgresFixture.Secrets.Vault);
        var scene = new Scene(vault).Person("楼层长", Role.FloorLeader, "s.c.a.b1.f1", leads: true);
        var home = scene.Home("s.c.a.b1.f1", "1-1-101", PostgresFixture.DemoDay);
        await scene.SaveAsync(Chain.Database);
        await using var api = await Api.StartAsync(Chain.Database);
        var leader = await api.SignInAsync(scene.OpenIdOf("楼层长"));
        await leader.GetAsync("/api/v1/households").OkAsync();
        await leader.GetAsync($"/api/v1/households/{home.Id}").OkAsync();
        await leader.GetAsync($"/api/v1/households/{Guid.CreateVersion7()}").RefusedAsync(404, "not_found");
        await leader.GetAsync("/api/v1/notices").OkAsync();
        await leader.SendAsync(HttpMethod.Post, "/api/v1/tickets", new { purpose = "hub" }).OkAsync();
        await leader.SendAsync(HttpMethod.Put, $"/api/v1/households/{home.Id}/facts", new { values = Array.Empty<object>() }).RefusedAsync(403, "operation_not_allowed");
        const string written = """
            select string_agg(distinct operation || ' ' || result || ' ' || get_byte(mac, 4), ', ' order by operation || ' ' || result || ' ' || get_byte(mac, 4)) from audit_entries
            """;
        Assert.Equal("createTicket done 1, listHouseholds done 2, listNotices done 1, readHousehold done 1, readHousehold not_found 1, reviseFacts operation_not_allowed 1, signInWithWeChat done 1",
            await Chain.Database.ScalarAsync<string>(written));
        Assert.Equal(7, (await Chain.VerifyAsync()).Unsealed);

        api.Clock.Advance(TimeSpan.FromSeconds(5));
        var watch = Stopwatch.StartNew();
        while (await Chain.Database.ScalarAsync<long>("select coalesce(sum(entries), 0)::bigint from audit_seals") < 7 && watch.Elapsed < TimeSpan.FromSeconds(30)) await Task.Delay(10);

        Assert.Equal(new AuditReport(1, 7, 0, 0, 1, 0, null, null), await Chain.VerifyAsync());
        Assert.Empty(api.Errors);
    }

    [Fact]
    public async Task AU03_the_command_says_in_Chinese_what_it_found_and_gives_its_exit_code()
    {
        await Chain.GrowAsync(3);
        var settings = Chain.Database.Settings();
        var (code, said, refused) = await VerifyAsync(settings);
        Assert.Equal((0, ""), (code, refused));
        Assert.Contains("审计链完好：封存 3 次", said, StringComparison.Ordinal);
        Assert.Contains("没有第二存放处", said, StringComparison.Ordinal);
        (code, said, _) = await VerifyAsync(settings, "--sink", Chain.Sink);
        Assert.Equal(0, code);
        Assert.Contains("核对了 3 个链头", said, StringComparison.Ordinal);

        settings["Audit:Sink"] = Chain.Sink;
        await Chain.Database.ExecuteAsync("delete from audit_seals where number = 3");
        (code, said, refused) = await VerifyAsync(settings);
        Assert.Equal((1, "", "审计链有误：第二存放处记有第 3 号封存，数据库中没有或不同，尾部被截去或重写。"), (code, said, refused.Trim()));
        await Chain.Database.ExecuteAsync("update audit_entries set operation = 'readMe' where id = $1", Chain.Seals[1][0]);
        (code, _, refused) = await VerifyAsync(settings);
        Assert.Equal((1, $"审计链有误：第 2 号封存的审计记录 {Chain.Seals[1][0]} 被改动，或不是由本服务写入。"), (code, refused.Trim()));

        await Chain.Database.ExecuteAsync("delete from audit_entries; delete from audit_seals");
        (code, _, refused) = await VerifyAsync(settings, "--sink", "/no/such/file");
        Assert.Equal((2, "无法核对：读不到第二存放处 /no/such/file。"), (code, refused.Trim()));
        (code, _, refused) = await VerifyAsync(new Dictionary<string, string?>(settings) { ["Audit:CurrentKey"] = "7" });
        Assert.Equal(2, code);
        Assert.Contains("Audit:Keys", refused, StringComparison.Ordinal);
        (code, _, refused) = await VerifyAsync(new Dictionary<string, string?>(settings) { ["ConnectionStrings:Worker"] = $"{Chain.Database.Worker};Port=1" });
        Assert.Equal(2, code);
        Assert.StartsWith("无法核对：数据库没有回答", refused, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AU03_a_server_whose_transaction_numbers_are_behind_the_chain_stops_the_start()
    {
        await using var worker = NpgsqlDataSource.Create(Chain.Database.Worker);
        await AuditSealer.CheckServerAsync(worker, default);
        await Chain.GrowAsync(1);
        await AuditSealer.CheckServerAsync(worker, default);
        await Chain.Database.ExecuteAsync("update audit_seals set snapshot = '999999999999:999999999999:'");
        var refused = await Assert.ThrowsAsync<StartRefused>(() => AuditSealer.CheckServerAsync(worker, default));
        Assert.Contains("pg_resetwal", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AU03_signing_an_entry_costs_about_a_microsecond()
    {
        const int batch = 500;
        var entries = Enumerable.Range(0, batch).Select(_ => Chain.Entry()).ToList();
        var best = TimeSpan.MaxValue;
        // The best of many short ones: the machine is shared.
        for (var turn = 0; turn < 400; turn++)
        {
            var began = Stopwatch.GetTimestamp();
            foreach (var entry in entries) Chain.Signer.Sign(entry);
            if (Stopwatch.GetElapsedTime(began) is var elapsed && elapsed < best) best = elapsed;
        }

        Figures.Print($"AU03 signing an entry: {best.TotalMicroseconds / batch:0.00} µs");
        Assert.True(best.TotalMicroseconds / batch < 10, $"{best / batch}");
    }

    /// <summary>In full size a million entries; what is kept after them is what a verification keeps at any moment.</summary>
    [Fact]
    public async Task AU03_a_million_entries_are_verified_within_a_minute()
    {
        const int atOnce = 500;
        var total = ProofSize.Full ? 1_000_000 : 5_000;
        var (sealer, watch) = (Chain.Sealer(), Stopwatch.StartNew());
        for (var written = 0; written < total; written += atOnce)
        {
            await Chain.CopyAsync(atOnce);
            await sealer.PassAsync(default);
        }

        await Chain.Database.ExecuteAsync("analyze audit_entries, audit_seals");
        var (writing, before) = (watch.Elapsed, GC.GetTotalMemory(forceFullCollection: true));
        watch.Restart();
        var report = await Chain.VerifyAsync();
        var (verifying, kept) = (watch.Elapsed, GC.GetTotalMemory(forceFullCollection: true) - before);

        Assert.Equal((null, total, total / atOnce), (report.Finding, report.Entries, report.Seals));
        Figures.Print($"AU03 {total} entries in {report.Seals} seals: written and sealed in {writing.TotalSeconds:0.0} s, verified in {verifying.TotalSeconds:0.0} s, {kept / 1024} KB kept");
        Assert.True(verifying < TimeSpan.FromSeconds(60) || !ProofSize.Full, $"It took {verifying}.");
    }

    private static async Task<(int Code, string Output, string Error)> VerifyAsync(IReadOnlyDictionary<string, string?> settings, params string[] more)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var code = await AdminCommands.RunAsync(["verify-audit", .. more], output, error, new ConfigurationBuilder().AddInMemoryCollection(settings).Build());
        return (code, output.ToString(), error.ToString());
    }

    private static async Task<int> ExecuteAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteNonQueryAsync();
    }
}
