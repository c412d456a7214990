using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Backend.Domain.Grid;
using Backend.Platform.Audit;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Features.Audit;

/// <summary>The auditor takes the audit with her, with its proof (AU04, ID08); what is in the file is <see cref="Platform.Audit.AuditFileTests"/>'s to show.</summary>
public sealed class ExportAuditEntriesTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private Api _api = null!;
    private Scene _scene = null!;
    private SignedIn _auditor = null!;
    private string _today = null!;

    public async Task InitializeAsync()
    {
        await fixture.Database.ExecuteAsync("delete from call_counts");
        _api = await Api.StartAsync(fixture.Database, new Dictionary<string, string?> { ["RateLimits:Strict:PerDevice"] = "5" });
        _scene = new Scene(_api.Services.GetRequiredService<Vault>()).Person("审计", Role.AuditAdmin, "").Person("系统", Role.SystemAdmin, "");
        await _scene.SaveAsync(fixture.Database);
        _auditor = await _api.SignInAsync(_scene.OpenIdOf("审计"));
        // Seals are made by the database's clock.
        _today = ShanghaiDay.Today(TimeProvider.System).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
    }

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task AU04_ID08_an_auditor_who_has_just_shown_a_second_factor_gets_a_file_that_verifies_and_that_is_an_entry_which_names_its_ends()
    {
        await _auditor.GetAsync(Path(_today, _today)).RefusedAsync(403, "step_up_required");
        await StepUpAsync();
        await SealedAsync();
        using var answer = await _auditor.GetAsync(Path(_today, _today));

        Assert.Equal((200, "application/x-ndjson", "no-store"), ((int)answer.StatusCode, answer.Content.Headers.ContentType?.ToString(), answer.Headers.CacheControl?.ToString()));
        Assert.Equal(("attachment", $"audit-{_today.Replace("-", "", StringComparison.Ordinal)}-{_today.Replace("-", "", StringComparison.Ordinal)}.ndjson"),
            (answer.Content.Headers.ContentDisposition?.DispositionType, answer.Content.Headers.ContentDisposition?.FileName));
        using var folder = new TemporaryFolder();
        var path = System.IO.Path.Combine(folder.Path, "audit.ndjson");
        await File.WriteAllBytesAsync(path, await answer.Content.ReadAsByteArrayAsync());
        using var verifier = new AuditFileVerifier(new AuditKeys(PostgresFixture.Secrets.Audit));
        var report = await verifier.RunAsync(path, default);
        Assert.Null(report.Finding);
        Assert.Equal(await fixture.Database.ScalarAsync<decimal>("select sum(entries) from audit_seals"), report.Entries);
        Assert.Equal((_scene.Account("审计").Id, _api.Clock.GetUtcNow()), (verifier.Header!.ExportedBy, verifier.Header.ExportedAt));

        var entries = (await File.ReadAllLinesAsync(path)).Select(l => JsonSerializer.Deserialize<JsonElement>(l)).Where(l => l.GetProperty("line").GetString() == "entry").ToList();
        Assert.Contains(entries, e => e.GetProperty("result").GetString() == "step_up_required" && e.GetProperty("operation").GetString() == "exportAuditEntries");
        Assert.Equal(1, await fixture.Database.ScalarAsync<long>(
            "select count(*) from audit_entries where operation = 'exportAuditEntries' and result = 'done' and target_ids = array[$1, $2]", entries[0].GetProperty("id").GetGuid(), entries[^1].GetProperty("id").GetGuid()));
        Assert.Empty(_api.Errors);
    }

    [Fact]
    public async Task AU04_days_without_a_seal_give_a_file_without_one()
    {
        await StepUpAsync();
        var text = await (await _auditor.GetAsync(Path("2020-01-01", "2020-12-31"))).Content.ReadAsStringAsync();
        Assert.Equal(2, text.TrimEnd('\n').Split('\n').Length);
        Assert.Equal(1, await fixture.Database.ScalarAsync<long>("select count(*) from audit_entries where operation = 'exportAuditEntries' and result = 'done' and target_ids = '{}' and account_id = $1", _scene.Account("审计").Id));
    }

    [Theory]
    [InlineData("2026-11-20", "2026-11-19")]
    [InlineData("2026-01-01", "2027-01-02")]
    [InlineData("2026-1-1", "2026-01-02")]
    [InlineData("1899-12-31", "1900-01-01")]
    [InlineData("2100-12-31", "2101-01-01")]
    [InlineData("", "2026-01-01")]
    public async Task AU04_IN02_what_are_no_days_of_one_year_is_refused(string from, string to)
    {
        await StepUpAsync();
        await _auditor.GetAsync(Path(from, to)).RefusedAsync(400, "invalid_request");
    }

    [Fact]
    public async Task AU04_RL17_nobody_else_exports_and_she_not_without_end()
    {
        var system = await _api.SignInAsync(_scene.OpenIdOf("系统"));
        await fixture.Database.ExecuteAsync("update sessions set stepped_up_at = $1", _api.Clock.GetUtcNow());
        await system.GetAsync(Path(_today, _today)).RefusedAsync(403, "operation_not_allowed");
        for (var i = 0; i < 5; i++)
        {
            using var answer = await _auditor.GetAsync(Path("2020-01-01", "2020-01-01"));
            Assert.Equal(200, (int)answer.StatusCode);
        }

        await _auditor.GetAsync(Path("2020-01-01", "2020-01-01")).RefusedAsync(429, "too_many_requests");
        _api.Clock.Advance(StepUp.Lifetime);
        _api.Clock.Advance(SharedLimits.Window);
        await (await _api.SignInAsync(_scene.OpenIdOf("审计"))).GetAsync(Path("2020-01-01", "2020-01-01")).RefusedAsync(403, "step_up_required");
    }

    private static string Path(string from, string to) => $"/api/v1/audit-entries/export?from={from}&to={to}";

    private Task StepUpAsync() => fixture.Database.ExecuteAsync("update sessions set stepped_up_at = $2 where account_id = $1", _scene.Account("审计").Id, _api.Clock.GetUtcNow());

    private async Task SealedAsync()
    {
        var due = await fixture.Database.ScalarAsync<long>("select count(*) from audit_entries");
        var watch = Stopwatch.StartNew();
        _api.Clock.Advance(TimeSpan.FromSeconds(5));
        while (await fixture.Database.ScalarAsync<decimal>("select coalesce(sum(entries), 0) from audit_seals") < due && watch.Elapsed < TimeSpan.FromSeconds(30)) await Task.Delay(10);
    }
}
