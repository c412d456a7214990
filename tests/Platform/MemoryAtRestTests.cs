using Backend.Platform;

namespace Backend.Tests.Platform;

public sealed class MemoryAtRestTests
{
    private const long Megabyte = 1024 * 1024;

    [Fact]
    public void P15_after_a_storm_one_collection_is_made_when_little_happens()
    {
        var memory = new MemoryAtRest();
        Assert.False(memory.IsDue(100 * Megabyte));
        // While it blows nothing is collected here, however much has come together.
        Assert.False(memory.IsDue(400 * Megabyte));
        Assert.False(memory.IsDue(900 * Megabyte));
        Assert.True(memory.IsDue(920 * Megabyte));
        Assert.False(memory.IsDue(921 * Megabyte));
        Assert.False(memory.IsDue(940 * Megabyte));
    }

    [Fact]
    public void P15_rest_alone_collects_nothing_until_it_has_become_worth_it()
    {
        var memory = new MemoryAtRest();
        for (var allocated = Megabyte; allocated < 128 * Megabyte; allocated += Megabyte) Assert.False(memory.IsDue(allocated));
        Assert.True(memory.IsDue(129 * Megabyte));
    }
}
