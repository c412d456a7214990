using Backend.Domain.Facts;
using Backend.Domain.Privacy;
using Backend.Domain.Tiers;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Local.Demo;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Backend.Tests.Demo;

/// <summary>The demo district as it lies in the database: sealed, whole, and in agreement with the engine.</summary>
public sealed class DemoDatabaseTests(DemoDatabase demo) : IClassFixture<DemoDatabase>
{
    private static DemoDistrict District => DemoFiguresTests.District;

    [Fact]
    public async Task A100_to_A106_every_figure_of_the_report_is_exact_from_the_decrypted_rows()
    {
        using var vault = new Vault(PostgresFixture.Secrets.Vault);
        ReportFigures.AreExact(await DistrictRows.ReadAsync(demo.Database.Superuser, vault));
    }

    [Fact]
    public async Task The_engine_agrees_with_every_tile_and_the_stored_snapshots_are_what_the_rows_say()
    {
        using var vault = new Vault(PostgresFixture.Secrets.Vault);
        var rows = (await DistrictRows.ReadAsync(demo.Database.Superuser, vault)).Households.ToDictionary(h => h.Id);
        var seen = 0;
        await using var source = NpgsqlDataSource.Create(demo.Database.Superuser);
        await foreach (var row in DistrictRows.RowsAsync(source, "select id, snapshot, engine_tier, next_evaluation_on from households"))
        {
            var household = rows[row.GetGuid(0)];
            var snapshot = FactsSnapshot.FromBytes(vault.Open(SealedFields.FactsSnapshot, household.Id, new Sealed((byte[])row[1])));
            Assert.Equal(snapshot.ToBytes(), snapshot.WithRows(household.Values, District.AsOf).ToBytes());
            var run = TierRun.Of(snapshot, household.Tier, household.State, RuleSet.Default, household.Path, DemoDistrict.Cadences, District.AsOf, isNamed: false);
            Assert.Equal((household.Tier, household.State), (run.Evaluation.Tier, run.Evaluation.State));
            Assert.Equal(SnakeCase.Parse<Tier>(row.GetString(2)), run.Evaluation.EngineTier);
            Assert.Equal(row.IsDBNull(3) ? null : row.GetFieldValue<DateOnly>(3), run.NextEvaluationOn);
            Assert.Same(snapshot, run.Snapshot);
            seen++;
        }
        Assert.Equal(7081, seen);
    }

    [Fact]
    public async Task Every_reference_points_at_a_row_although_the_load_spared_the_look_ups()
    {
        await using var source = NpgsqlDataSource.Create(demo.Database.Superuser);
        await using var db = OwnerContext.Create(source);
        var checkedKeys = 0;
        foreach (var key in db.Model.GetEntityTypes().SelectMany(e => e.GetForeignKeys()))
        {
            var (child, parent) = (key.DeclaringEntityType.GetTableName(), key.PrincipalEntityType.GetTableName());
            var (column, target) = (Assert.Single(key.Properties).GetColumnName(), Assert.Single(key.PrincipalKey.Properties).GetColumnName());
            var lost = await demo.Database.ScalarAsync<long>($"select count(*) from \"{child}\" c where c.\"{column}\" is not null and not exists (select from \"{parent}\" p where p.\"{target}\" = c.\"{column}\")");
            Assert.True(lost == 0, $"{child}.{column}: {lost} without {parent}");
            checkedKeys++;
        }
        Assert.True(checkedKeys > 25, $"{checkedKeys} keys");
    }

    [Fact]
    public async Task Tiles_repeat_their_households_at_version_1_and_nothing_has_been_raised()
    {
        Assert.Equal(7081, await demo.Database.ScalarAsync<long>("""
            select count(*) from tiles t join households h on h.id = t.household_id
            where (t.root_id, t.node_id, t.node_path, t.door, t.tier) = (h.root_id, h.node_id, h.node_path, h.door, h.tier)
              and t.state is not distinct from h.state and t.due_day is not distinct from h.due_day
              and t.last_visit_day is not distinct from h.last_visit_day and t.version = 1
            """));
        Assert.Equal(2802, await demo.Database.ScalarAsync<long>("select count(*) from tiles where node_path <@ 'dc.td.ty'"));
        Assert.Equal(4, await demo.Database.ScalarAsync<long>("select count(*) from wall_roots where version = 1 and history_from = 1"));
        foreach (var table in (string[])["alarms", "notices", "deliveries", "outbox_messages", "tier_changes", "tile_changes"])
            Assert.Equal(0, await demo.Database.ScalarAsync<long>($"select count(*) from {table}"));
    }

    [Fact]
    public async Task Paths_of_all_personal_rows_are_those_of_their_household()
    {
        foreach (var table in (string[])["residents", "memberships", "tag_values", "register_marks", "measures", "photos", "monthly_evaluations", "visits", "tiles"])
            Assert.Equal(0, await demo.Database.ScalarAsync<long>($"select count(*) from {table} r join households h on h.id = r.household_id where r.node_path <> h.node_path"));
        Assert.Equal(0, await demo.Database.ScalarAsync<long>("select count(*) from households h join grid_nodes n on n.id = h.node_id where h.node_path <> n.path or h.root_id <> n.root_id"));
    }

    [Fact]
    public async Task A_resident_is_found_by_the_blind_index_and_opened_by_the_vault()
    {
        using var vault = new Vault(PostgresFixture.Secrets.Vault);
        var resident = District.Households[42].Residents[0];
        var id = await demo.Database.ScalarAsync<Guid>("select id from residents where id_number_index = $1", vault.BlindIndex(SealedFields.ResidentIdNumber, resident.IdNumber));
        Assert.Equal(resident.Id, id);
        var phone = await demo.Database.ScalarAsync<byte[]>("select phone from residents where id = $1", id);
        Assert.Equal(resident.Phone, vault.OpenText(SealedFields.ResidentPhone, id, new Sealed(phone!)));
    }

    [Fact]
    public async Task A50_levels_cadences_tags_working_days_and_the_rule_set_are_rows()
    {
        Assert.Equal(6, await demo.Database.ScalarAsync<long>("select count(*) from grid_levels"));
        Assert.Equal("green 0 3,orange 14 0,red 7 0,yellow 0 1", await demo.Database.ScalarAsync<string>("select string_agg(tier || ' ' || days || ' ' || months, ',' order by tier) from cadences"));
        Assert.Equal((137L, 7L, 13L), (
            await demo.Database.ScalarAsync<long>("select count(*) from tags"),
            await demo.Database.ScalarAsync<long>("select count(distinct category_code) from tags"),
            await demo.Database.ScalarAsync<long>("select count(distinct subcategory_code) from tags")));
        // 33 holidays and 6 make-up days of the notice for 2026.
        Assert.Equal((33L, 6L), (
            await demo.Database.ScalarAsync<long>("select count(*) from working_days where not working"),
            await demo.Database.ScalarAsync<long>("select count(*) from working_days where working")));
        Assert.Equal("default-1", await demo.Database.ScalarAsync<string>("select content->>'name' from rule_sets where name = 'default-1'"));
        Assert.Equal("东川区党建引领智慧社区精准服务系统平台", await demo.Database.ScalarAsync<string>("select value from settings where key = 'deployment.title'"));
    }
}
