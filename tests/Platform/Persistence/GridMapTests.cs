using Backend.Domain.Grid;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Platform.Persistence;

/// <summary>The grid in memory: read again only when it has changed, and then within three seconds (AZ11).</summary>
public sealed class GridMapTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>
{
    [Fact]
    public async Task AZ11_the_grid_is_read_again_after_a_change_of_it_and_after_nothing_else()
    {
        await using var api = await Api.StartAsync(fixture.Database);
        var scene = await new Scene(api.Services.GetRequiredService<Vault>()).Person("员工", Role.Staff, "s.c").SaveAsync(fixture.Database);
        var map = api.Services.GetRequiredService<GridMap>();
        var first = await map.ReadAsync(default);
        Assert.NotNull(first.Find(scene.Node("s.c").Id));

        api.Clock.Advance(TimeSpan.FromSeconds(4));
        Assert.Same(first, await map.ReadAsync(default));

        // Somebody's rights are not the grid's.
        await fixture.Database.ExecuteAsync("update appointments set to_day = $1 where account_id = $2", PostgresFixture.DemoDay, scene.Account("员工").Id);
        api.Clock.Advance(TimeSpan.FromSeconds(4));
        Assert.Same(first, await map.ReadAsync(default));

        await fixture.Database.ExecuteAsync("update grid_nodes set name = '改了名' where id = $1", scene.Node("s.c").Id);
        Assert.Same(first, await map.ReadAsync(default));
        api.Clock.Advance(TimeSpan.FromSeconds(4));
        var second = await map.ReadAsync(default);
        Assert.NotSame(first, second);
        Assert.Equal("改了名", second.Find(scene.Node("s.c").Id)!.Name);
    }
}
