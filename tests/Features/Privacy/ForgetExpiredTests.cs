using Backend.Domain.Grid;
using Backend.Features.Admin;
using Backend.Features.Privacy;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace Backend.Tests.Features.Privacy;

/// <summary>PD10: what has been kept for its time goes, and nothing else; the list says why the rest stays.</summary>
public sealed class ForgetExpiredTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private Api _api = null!;
    private Scene _scene = null!;

    public async Task InitializeAsync()
    {
        _api = await Api.StartAsync(fixture.Database);
        _scene = new Scene(_api.Services.GetRequiredService<Vault>()).Person("员工", Role.Staff, "s.c");
        _scene.Home("s.c.a.b.f1", $"{_scene.Top}-1", Day);
        _scene.Joined("居民", $"{_scene.Top}-1");
        await _scene.SaveAsync(fixture.Database);
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public void PD10_every_personal_table_has_its_time_or_a_reason_and_every_rule_is_a_table()
    {
        var tables = ColumnClass.All.Select(c => c.Table).ToHashSet();
        Assert.Empty(ColumnClass.All.Where(c => c.IsPersonal).Select(c => c.Table).Distinct().Except(RetentionRule.All.Select(r => r.Table)));
        Assert.Empty(RetentionRule.All.Select(r => r.Table).Except(tables));
        Assert.Equal(RetentionRule.All.Count, RetentionRule.All.DistinctBy(r => r.Table).Count());
        Assert.All(RetentionRule.All, r => Assert.NotEmpty(r.Why));
    }

    [Fact]
    public async Task PD10_each_row_goes_the_day_after_its_last_and_not_on_it()
    {
        var person = new FullPerson(_api.Services.GetRequiredService<Vault>(), _scene, $"{_scene.Top}-1", "居民");
        await person.WriteAsync(fixture.Database);
        await fixture.Database.ExecuteAsync("""
            insert into outbox_messages (id, kind, handler, payload, created_at, due_at, attempts, done_at, parked_at) values
                (gen_random_uuid(), 'k', 'done', '{}', $1, $1, 0, $1, null), (gen_random_uuid(), 'k', 'open', '{}', $1, $1, 0, null, $1)
            """, Api.Noon);
        await fixture.Database.ExecuteAsync("insert into call_counts (key, ends_at, calls) values ('\\x06', $1, 1)", Api.Noon);
        await fixture.Database.ExecuteAsync("insert into moved_bindings (open_id_index, identity_id, moved_at) select '\\x07', id, $1 from we_chat_identities limit 1", Api.Noon);
        await fixture.Database.ExecuteAsync("insert into binding_tickets (id, hash, open_id_index, open_id, expires_at) values (gen_random_uuid(), '\\x01', '\\x02', '\\x03', $1)", Api.Noon);

        var databases = _api.Services.GetRequiredService<BackendDbFactory>();
        await fixture.Database.ExecuteAsync("insert into staff_invitations (id, hash, account_id, issued_at, expires_at) values (gen_random_uuid(), '\\x04', $2, $1, $1)", Api.Noon, person.Account);
        await fixture.Database.ExecuteAsync("""
            insert into reveals (id, account_id, household_id, resident_id, purpose, justification, revealed_at)
            select gen_random_uuid(), $2, household_id, id, 'visit', '\x05', $1 from residents limit 1
            """, Api.Noon, person.Account);
        await fixture.Database.ExecuteAsync("""
            insert into emergency_accesses (id, account_id, role, node_id, door, justification, opened_at, ends_at)
            values (gen_random_uuid(), $2, 'staff', gen_random_uuid(), '101', '\x06', $1, $1)
            """, Api.Noon, person.Account);
        foreach (var rule in RetentionRule.All.Where(r => r.Days is not null))
        {
            // All rows are of the demo's day.
            var last = Day.AddDays(rule.Days!.Value);
            await rule.ApplyAsync(databases, last, default);
            Assert.True(await DueAsync(rule) > 0, $"{rule.Table} went too early");
            await rule.ApplyAsync(databases, last.AddDays(1), default);
            Assert.True(await DueAsync(rule) == 0, $"{rule.Table} is kept for too long");
        }

        Assert.Equal(1, await fixture.Database.ScalarAsync<long>("select count(*) from outbox_messages where handler = 'open'"));
        foreach (var kept in RetentionRule.All.Where(r => r.Days is null && OwnData.Links.ContainsKey(r.Table)))
            Assert.True(await fixture.Database.ScalarAsync<long>($"select count(*) from {kept.Table}") > 0, $"{kept.Table} is gone");
        var job = _api.Services.GetServices<IHostedService>().OfType<ForgetExpired>().Single();
        await job.RunAsync(Day.AddDays(2000), default);
        Assert.Equal(0, await job.RunAsync(Day.AddDays(2000), default));
    }

    [Fact]
    public async Task PD10_the_worker_deletes_neither_open_requests_nor_unsent_messages()
    {
        await fixture.Database.ExecuteAsync("insert into outbox_messages (id, kind, handler, payload, created_at, due_at, attempts, parked_at) values (gen_random_uuid(), 'k', 'waits', '{}', $1, $1, 0, $1)", Api.Noon);
        await using var connection = new NpgsqlConnection(fixture.Database.Worker);
        await connection.OpenAsync();
        await using (var delete = new NpgsqlCommand("delete from outbox_messages where handler = 'waits'", connection)) Assert.Equal(0, await delete.ExecuteNonQueryAsync());
        foreach (var table in (string[])["residents", "tag_values", "consents", "audit_entries", "visits"])
            Assert.False(await fixture.Database.ScalarAsync<bool>($"select has_table_privilege('backend_worker', '{table}', 'delete')"));
    }

    [Fact]
    public async Task PD06_PD10_the_reports_are_one_command_each_and_name_nobody()
    {
        var child = _scene.Member($"{_scene.Top}-1", "小明明", Day.AddYears(-9), Day);
        await fixture.Database.ExecuteAsync("update households set snapshot = $2 where id = $1", _scene.Household($"{_scene.Top}-1").Id, _scene.Household($"{_scene.Top}-1").Snapshot.Bytes);
        await _scene.SaveAsync(fixture.Database);
        await (await _api.SignInAsync(_scene.OpenIdOf("员工"))).SendAsync(HttpMethod.Post, $"/api/v1/residents/{child}/invites").RefusedAsync(422, "guardian_consent_missing");

        var year = await fixture.Database.ScalarAsync<int>("select extract(year from max(at))::int from audit_entries");
        var (code, output, error) = await RunAsync("report-minors", "--year", $"{year}");
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("儿童 1 人，所在户 1 户", output, StringComparison.Ordinal);
        Assert.Contains("拒绝 1 次", output, StringComparison.Ordinal);
        Assert.DoesNotContain("小明明", output, StringComparison.Ordinal);
        Assert.DoesNotContain($"{child}", output, StringComparison.Ordinal);

        (code, output, error) = await RunAsync("report-retention");
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("idempotency_records：自 created_at 起 7 天", output, StringComparison.Ordinal);
        Assert.Contains("audit_entries：不按天数删除。依规定保存三年以上", output, StringComparison.Ordinal);
    }

    /// <summary>Rows from the demo's day and before.</summary>
    private Task<long> DueAsync(RetentionRule rule) => fixture.Database.ScalarAsync<long>($"select count(*) from {rule.Table} where {rule.Since} <= $1", Api.Noon);

    private async Task<(int Code, string Output, string Error)> RunAsync(params string[] words)
    {
        var (output, error) = (new StringWriter { NewLine = "\n" }, new StringWriter { NewLine = "\n" });
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(fixture.Database.Settings()).Build();
        return (await AdminCommands.RunAsync(words, output, error, configuration), output.ToString(), error.ToString());
    }
}
