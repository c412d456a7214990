using Backend.Domain.Tiers;
using Backend.Platform.Persistence;
using Backend.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Backend.Tests.Platform.Persistence;

/// <summary>The counter of a wall root under many writers at once (docs/adr/006).</summary>
public class WallVersionTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>
{
    private const int Roots = 3, Writers = 6, Rounds = 20;

    [Fact]
    public async Task RL07_versions_have_no_gap_and_never_step_back_whatever_order_writers_touch_the_roots_in()
    {
        var day = PostgresFixture.DemoDay;
        var scene = new Scene(RowLevelSecurityTests.VaultOf(fixture.Database));
        var homes = new List<List<Guid>>();
        for (var r = 0; r < Roots; r++)
            homes.Add([.. Enumerable.Range(0, Writers).Select(w => scene.Home($"s.c{r}.a.b.f{w + 1}", $"{scene.Top}-{r}-{w}", day).Id)]);
        await scene.SaveAsync(fixture.Database);
        await using var source = NpgsqlDataSource.Create(fixture.Database.App);
        var scope = new FixedScope(new Scope(null, [scene.Top], []));

        var seen = new List<(Guid Root, long Version)>[Writers];
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(async writer =>
        {
            seen[writer] = [];
            for (var round = 0; round < Rounds; round++)
            {
                await using var db = new BackendDb(BackendDbFactory.Options(source), scope, new(), new(), new(), TimeProvider.System);
                await db.BeginAsync(default);
                // Each writer touches two roots, in an order of its own.
                var picks = (int[])[(writer + round) % Roots, (writer + round + 1 + writer % 2) % Roots];
                foreach (var pick in picks)
                {
                    var home = await db.Households.SingleAsync(h => h.Id == homes[pick][writer]);
                    home.Take(null, Answer(home.Tier == Tier.Red ? Tier.Green : home.Tier + 1, day), Cadences, null, Api.Noon, Guid.Empty);
                }

                await db.CommitAsync(default);
                seen[writer].AddRange(db.WallVersions.Select(v => (v.Key, v.Value)));
            }
        }));

        foreach (var root in seen.SelectMany(s => s).GroupBy(s => s.Root))
        {
            var versions = root.Select(s => s.Version).Order().ToList();
            Assert.Equal(Enumerable.Range(2, versions.Count).Select(v => (long)v), versions);
            Assert.Equal(versions[^1], await fixture.Database.ScalarAsync<long>("select version from wall_roots where node_id = $1", root.Key));
            Assert.Equal((long)versions.Count, await fixture.Database.ScalarAsync<long>("select count(distinct version) from tile_changes where root_id = $1", root.Key));
        }

        // Each writer saw its own versions of a root only go up.
        foreach (var writer in seen)
            Assert.All(writer.GroupBy(s => s.Root), g => Assert.Equal(g.Select(s => s.Version).Order(), g.Select(s => s.Version)));
        // The tile carries the version of its last change.
        Assert.Equal(0L, await fixture.Database.ScalarAsync<long>("""
            select count(*) from tiles t join (select household_id, max(version) v from tile_changes group by household_id) c using (household_id) where t.version <> c.v
            """));
    }

    private static readonly Dictionary<Tier, Backend.Domain.Visits.Cadence> Cadences = Enum.GetValues<Tier>().ToDictionary(t => t, t => new Backend.Domain.Visits.Cadence { Tier = t, Days = 7 });

    private static Evaluation Answer(Tier tier, DateOnly day) => new()
    {
        Day = day,
        EngineTier = tier,
        Tier = tier,
        State = tier == Tier.Red ? TierState.Provisional : null,
        Reasons = [],
        Blockers = [],
        RuleSet = "test",
        RuleSetHash = "test",
    };
}
