using Backend.Domain.Grid;
using Backend.Domain.Tiers;
using Backend.Features.Tiers;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Backend.Tests.Features.Tiers;

/// <summary>The night moves by date what no writer touches, once, on any number of replicas, and tells it as one batch (RL10).</summary>
public sealed class ReevaluateDueHouseholdsTests : LeadersTest
{
    private static readonly DateOnly Recorded = PostgresFixture.DemoDay;
    /// <summary>The day on which twenty days without insurance have become more than thirty.</summary>
    private static readonly DateOnly Night = Recorded.AddDays(11);
    private Scene _district = null!;

    protected override bool HasScene => false;

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        Clock.SetUtcNow(ShanghaiDay.At(Night, new TimeOnly(0, 10)));
        _district = new Scene(new Vault(PostgresFixture.Secrets.Vault))
            .Person("楼层长", Role.FloorLeader, "s.c.a.b.f1", leads: true).Person("员工", Role.Staff, "s.c");
    }

    [Fact]
    public async Task Only_what_is_due_is_read_only_what_differs_is_written_and_the_rest_gets_its_next_day()
    {
        var (rises, same, notDue) = (Uninsured("1"), Home("2", due: Night), Home("3", due: Night.AddDays(2)));
        await _district.SaveAsync(Database);
        var replica = Replica();

        Assert.Equal(2, await NightOf(replica).RunAsync(Night, default));

        Assert.Equal(("red", 2), await RowAsync(rises));
        // Its first evaluation notes since when it has been quiet; the next one finds nothing to write but its next day.
        Assert.Equal(("green", 2), await RowAsync(same));
        await Database.ExecuteAsync("update households set next_evaluation_on = $1 where id = $2", Night.AddDays(1), same);
        Assert.Equal(1, await NightOf(replica).RunAsync(Night.AddDays(1), default));
        Assert.Equal(("green", 2), await RowAsync(same));
        Assert.Equal(("green", 1), await RowAsync(notDue));
        Assert.Equal(0, await CountAsync("households where next_evaluation_on <= $1", Night.AddDays(1)));
        Assert.Equal(Night.AddDays(2), await Database.ScalarAsync<DateOnly>("select next_evaluation_on from households where id = $1", notDue));
        Assert.Equal(1, await CountAsync("tier_changes where batch_id is not null and actor_account_id is null and to_state = 'provisional'"));
        Assert.Equal(1, await CountAsync("tile_changes"));
        // The evidence is sealed and there.
        Assert.True(await Database.ScalarAsync<int>("select length(evidence) from tier_changes") > 100);
    }

    [Fact]
    public async Task RL10_four_replicas_share_one_night_and_everything_happens_once()
    {
        for (var i = 0; i < 40; i++) Uninsured($"{i}");
        await _district.SaveAsync(Database);
        var replicas = Enumerable.Range(0, 4).Select(_ => Replica()).ToList();

        var counts = await Task.WhenAll(replicas.Select(r => NightOf(r).RunAsync(Night, default)));

        Assert.Equal(40, counts.Sum());
        Assert.Equal(40, await CountAsync("tier_changes"));
        Assert.Equal(1, await CountAsync("batches where finished_at is not null"));
        Assert.Equal(1, await CountAsync("outbox_messages where kind = 'batch_finished.1'"));
        await Task.WhenAll(replicas.Select(r => r.Dispatcher.DrainAsync(default)));
        Assert.Equal(40, await CountAsync("alarms"));
        Assert.Equal(2, await CountAsync("notices where cause_kind = 'batch'"));
        Assert.Equal(80, await CountAsync("notice_alarms"));

        Assert.Equal(0, await NightOf(replicas[0]).RunAsync(Night, default));
        Assert.Equal(1, await CountAsync("outbox_messages where kind = 'batch_finished.1'"));
    }

    [Fact]
    public async Task RL10_a_night_cut_off_by_a_kill_is_finished_after_the_restart_and_told_once()
    {
        var (before, after) = (Uninsured("1"), Uninsured("2"));
        await _district.SaveAsync(Database);
        var killed = Replica();
        // The first half was committed, and then the process was gone: the second is put back to where the first night found it.
        await Database.ExecuteAsync("update households set next_evaluation_on = $1 where id = $2", Night.AddDays(5), after);
        await NightOf(killed).RunAsync(Night, default);
        await Database.ExecuteAsync("delete from outbox_messages where kind = 'batch_finished.1'");
        await Database.ExecuteAsync("update batches set finished_at = null");
        await Database.ExecuteAsync("update households set next_evaluation_on = $1 where id = $2", Night, after);

        var next = Replica();
        Assert.Equal(1, await NightOf(next).RunAsync(Night, default));
        await next.Dispatcher.DrainAsync(default);

        Assert.Equal(("red", 2), await RowAsync(before));
        Assert.Equal(("red", 2), await RowAsync(after));
        Assert.Equal(2, await CountAsync("notices"));
        Assert.Equal(4, await CountAsync("notice_alarms"));
    }

    [Fact]
    public async Task RL10_what_a_night_raised_that_nobody_finished_is_told_by_the_next_one()
    {
        Uninsured("1");
        await _district.SaveAsync(Database);
        var replica = Replica();
        await NightOf(replica).RunAsync(Night, default);
        await Database.ExecuteAsync("delete from outbox_messages where kind = 'batch_finished.1'");
        await Database.ExecuteAsync("update batches set finished_at = null");

        Clock.Advance(TimeSpan.FromDays(1));
        await NightOf(replica).RunAsync(Night.AddDays(1), default);
        await replica.Dispatcher.DrainAsync(default);

        Assert.Equal(2, await CountAsync("batches where finished_at is not null"));
        Assert.Equal(2, await CountAsync("notices n join batches b on b.id = n.cause_id where b.day = $1", Night));
    }

    [Fact]
    public async Task RL10_a_household_that_cannot_be_read_holds_nobody_up_and_is_alarmed()
    {
        var (broken, rises) = (Uninsured("1"), Uninsured("2"));
        await _district.SaveAsync(Database);
        await Database.ExecuteAsync("update households set snapshot = '\\x0000000100' where id = $1", broken);
        var replica = Replica();

        await NightOf(replica).RunAsync(Night, default);

        Assert.Equal(("green", 1), await RowAsync(broken));
        Assert.Equal(("red", 2), await RowAsync(rises));
        Assert.Contains(replica.Log.OperatorAlarms, a => a.Contains($"household_unreadable: {broken}", StringComparison.Ordinal));
        Assert.Equal(Night.AddDays(1), await Database.ScalarAsync<DateOnly>("select next_evaluation_on from households where id = $1", broken));
        Assert.Equal(1, await CountAsync("batches where finished_at is not null"));
    }

    [Fact]
    public async Task AZ17_the_night_lowers_no_tier()
    {
        var home = _district.Home("s.c.a.b.f1", $"{_district.Top}-1", Recorded);
        (home.Tier, home.NextEvaluationOn) = (Tier.Yellow, Night);
        await _district.SaveAsync(Database);
        await Database.ExecuteAsync("update tiles set tier = 'yellow' where household_id = $1", home.Id);

        await NightOf(Replica()).RunAsync(Night, default);

        Assert.Equal("yellow", (await RowAsync(home.Id)).Tier);
        Assert.Equal(0, await CountAsync("tier_changes"));
        Assert.Equal(0, await CountAsync("tile_changes"));
    }

    [Fact]
    public async Task RL10_the_night_runs_by_itself_from_ten_past_midnight_in_Shanghai_and_after_a_start()
    {
        var first = Uninsured("1");
        await _district.SaveAsync(Database);
        Clock.SetUtcNow(ShanghaiDay.At(Night, new TimeOnly(15, 0)));
        var replica = Replica();
        var night = NightOf(replica);
        await night.StartAsync(default);
        // A start in the afternoon makes up for a night that nobody ran.
        await UntilAsync("batches where day = $1 and finished_at is not null", Night);
        Assert.Equal("red", (await RowAsync(first)).Tier);

        Clock.SetUtcNow(ShanghaiDay.At(Night.AddDays(1), new TimeOnly(0, 8)));
        Clock.Advance(TimeSpan.FromMinutes(1));
        await Task.Delay(50);
        Assert.Equal(1, await CountAsync("batches"));
        Clock.Advance(TimeSpan.FromMinutes(2));
        await UntilAsync("batches where day = $1 and finished_at is not null", Night.AddDays(1));

        // A clock that jumps by four hundred days makes one night, not four hundred.
        Clock.Advance(TimeSpan.FromDays(400));
        await UntilAsync("batches where day = $1 and finished_at is not null", Night.AddDays(401));
        Assert.Equal(3, await CountAsync("batches"));
        await night.StopAsync(default);
    }

    [Fact]
    public async Task RL10_in_production_the_night_refuses_to_run_by_a_clock_that_differs_from_the_databases()
    {
        Uninsured("1");
        await _district.SaveAsync(Database);
        var replica = AddReplica(more: s => Add(s, Environments.Production));
        var night = NightOf(replica);
        await night.StartAsync(default);
        for (var i = 0; i < 500 && replica.Log.OperatorAlarms.Count == 0; i++) await Task.Delay(10);

        Assert.Contains("clock_differs", replica.Log.OperatorAlarms[0], StringComparison.Ordinal);
        Assert.Equal(0, await CountAsync("batches"));
        await night.StopAsync(default);
    }

    private Guid Uninsured(string number)
    {
        var home = _district.Home("s.c.a.b.f1", $"{_district.Top}-{number}", Recorded, ("medical_insured", "false"));
        home.NextEvaluationOn = Night;
        return home.Id;
    }

    private Guid Home(string number, DateOnly due)
    {
        var home = _district.Home("s.c.a.b.f1", $"{_district.Top}-{number}", Recorded);
        home.NextEvaluationOn = due;
        return home.Id;
    }

    private Replica Replica() => AddReplica(more: s => Add(s, "Test"));

    private static ReevaluateDueHouseholds NightOf(Replica replica) => replica.Get<ReevaluateDueHouseholds>();

    private static void Add(IServiceCollection services, string environment)
    {
        services.AddSingleton<TierDesk>();
        services.AddSingleton<IHostEnvironment>(new HostingEnvironment { EnvironmentName = environment });
        services.AddSingleton<ReevaluateDueHouseholds>();
    }

    private async Task<(string Tier, int Revision)> RowAsync(Guid household) => (
        (await Database.ScalarAsync<string>("select tier from households where id = $1", household))!,
        await Database.ScalarAsync<int>("select revision from households where id = $1", household));

    private async Task UntilAsync(string from, params object[] parameters)
    {
        for (var i = 0; i < 1000 && await CountAsync(from, parameters) == 0; i++) await Task.Delay(10);
        Assert.Equal(1, await CountAsync(from, parameters));
    }

    private sealed class HostingEnvironment : IHostEnvironment
    {
        public string EnvironmentName { get; set; } = "";
        public string ApplicationName { get; set; } = "";
        public string ContentRootPath { get; set; } = "";
        public Microsoft.Extensions.FileProviders.IFileProvider ContentRootFileProvider { get; set; } = new Microsoft.Extensions.FileProviders.NullFileProvider();
    }
}
