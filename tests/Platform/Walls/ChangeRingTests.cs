using Backend.Domain.Tiers;
using Backend.Platform.Walls;

namespace Backend.Tests.Platform.Walls;

/// <summary>The changes that a wall keeps in memory: whole versions, in order, and never a wrong beginning (RL07).</summary>
public sealed class ChangeRingTests
{
    [Fact]
    public void RL07_any_sequence_of_bursts_answers_as_the_whole_history_does()
    {
        var random = new Random(7);
        for (var run = 0; run < 50; run++)
        {
            var ring = ChangeRing.From(100);
            var history = new List<WallChange>();
            var version = 100L;
            for (var burst = 0; burst < 60; burst++)
            {
                var changes = new List<WallChange>();
                for (var v = random.Next(1, 6); v > 0; v--)
                {
                    version++;
                    for (var n = random.Next(1, run % 5 == 0 ? 400 : 30); n > 0; n--) changes.Add(new WallChange(version, random.Next(9) == 0, Tile(n)));
                }

                history.AddRange(changes);
                var before = (ring, seen: ring.After(ring.Start).ToArray());
                ring = ring.Append(version, changes);

                Assert.Equal(before.seen, before.ring.After(before.ring.Start).ToArray());
                Assert.True(ring.After(ring.Start).Length <= ChangeRing.Capacity);
                var after = ring.Start + random.NextInt64(version - ring.Start + 1);
                Assert.Equal(history.Where(c => c.Version > after), ring.After(after).ToArray());
            }
        }
    }

    [Fact]
    public void What_is_older_than_the_ring_is_an_error_and_never_a_gap()
    {
        var ring = ChangeRing.From(5).Append(6, [new WallChange(6, false, Tile(1))]);
        Assert.Equal(5, ring.Start);
        Assert.Throws<ArgumentOutOfRangeException>(() => ring.After(4).Length);
        // One burst that is too large leaves nothing to be answered from memory.
        var large = ring.Append(7, [.. Enumerable.Range(0, ChangeRing.Capacity + 1).Select(n => new WallChange(7, false, Tile(n)))]);
        Assert.Equal(7, large.Start);
        Assert.Equal(0, large.After(7).Length);
    }

    [Fact]
    public void A_wall_after_any_changes_is_the_wall_that_was_read_anew()
    {
        var random = new Random(8);
        var tiles = Enumerable.Range(0, 40).ToDictionary(n => n, Tile);
        var wall = new RootWall(Guid.CreateVersion7(), 1, 0, tiles.Values);
        for (var version = 2; version < 300; version++)
        {
            var changes = new List<WallChange>();
            for (var n = random.Next(1, 4); n > 0; n--)
            {
                var id = random.Next(60);
                var removed = random.Next(10) == 0 && tiles.ContainsKey(id);
                // Mostly a colour, now and then another door.
                var tile = (tiles.GetValueOrDefault(id) ?? Tile(id)) with { Tier = (Tier)random.Next(4) };
                if (random.Next(15) == 0) tile = tile with { Door = $"新-{random.Next(1000)}" };
                if (removed) tiles.Remove(id);
                else tiles[id] = tile;
                changes.Add(new WallChange(version, removed, tile));
            }

            var before = wall.Tiles.ToArray();
            var next = wall.After(version, 0, changes);
            Assert.Equal(before, wall.Tiles);
            wall = next;
            var anew = new RootWall(wall.Root, version, 0, tiles.Values);
            Assert.Equal(anew.Tiles, wall.Tiles);
            Assert.Equal(anew.Counts, wall.Counts);
        }
    }

    private static WallTile Tile(int n) =>
        new(new Guid(n, 0, 0, new byte[8]), Guid.Empty, $"s.c.a.b{n % 7}.f{n % 3}", $"{n}", (Tier)(n % 4), null, null, null);
}
