using Backend.Tests.Contract.Generated;
using Backend.Tests.Support;
using Microsoft.IdentityModel.Tokens;

namespace Backend.Tests.Contract;

/// <summary>IN03, of every operation that gives pages: a cursor is good for one person, one operation and one filter, and only as it was given.</summary>
public sealed class CursorTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private ContractScene _scene = null!;
    /// <summary>By operation: who reads it, who else may, an address, and the same one under other filters.</summary>
    private Dictionary<string, (string Who, string? Else, string Address, string[] Others)> _lists = null!;

    private Dictionary<string, SignedIn> _readers = null!;

    public async Task InitializeAsync()
    {
        _scene = await ContractScene.StartAsync(fixture.Database);
        _readers = [];
        foreach (var who in (string[])["员工", "社区", "审计", "审计二", "居民"]) _readers[who] = await _scene.SignInAsync(who);
        Guid Node(string path) => _scene.Scene.Node(path).Id;
        _lists = new()
        {
            // Nobody signs in while it is read: each reading is an entry too.
            ["listAuditEntries"] = ("审计", "审计二", "/api/v1/audit-entries?operation=signInWithWeChat&", ["/api/v1/audit-entries?operation=listHouseholds&"]),
            ["listReadings"] = ("居民", null, "/api/v1/me/readings?", []),
            ["listEmergencyAccesses"] = ("员工", "社区", "/api/v1/emergency-accesses?", []),
            ["listHouseholds"] = ("员工", "社区", "/api/v1/households?", [$"/api/v1/households?nodeId={Node("s.c.a.b.f1")}&", "/api/v1/households?tier=green&", $"/api/v1/households?nodeId={Node("s.c")}&tier=green&"]),
            ["listLeaderLoads"] = ("员工", "社区", $"/api/v1/grid-nodes/{Node("s.c")}/leader-loads?", [$"/api/v1/grid-nodes/{Node("s.c.a")}/leader-loads?"]),
            ["listNotices"] = ("员工", "社区", "/api/v1/notices?", []),
        };
        for (var reading = 0; reading < 3; reading++)
        {
            await _readers["员工"].GetAsync("/api/v1/households?limit=100").OkAsync();
            await _readers["员工"].SendAsync(HttpMethod.Post, "/api/v1/emergency-accesses", new { nodeId = Node("s.c"), door = $"none-{reading}", hours = 1, justification = "无人应门" }).OkAsync();
        }
    }

    public async Task DisposeAsync() => await _scene.DisposeAsync();

    [Fact]
    public async Task IN03_every_operation_that_takes_a_cursor_is_tried() => Assert.Equal(
        (await ContractDocument.ReadAsync(_scene.Api)).Operations.Where(o => o.Parameters.Any(p => p.Name == "cursor")).Select(o => o.Id).Order(), _lists.Keys.Order());

    [Fact]
    public async Task IN03_pages_of_any_size_hold_every_row_once_and_in_one_order()
    {
        foreach (var (who, _, address, others) in _lists.Values)
        {
            foreach (var list in (string[])[address, .. others])
            {
                var whole = await RowsAsync(_readers[who], list, 100);
                Assert.NotEmpty(whole);
                Assert.Distinct(whole);
                foreach (var size in (int[])[1, 2, 3]) Assert.Equal(whole, await RowsAsync(_readers[who], list, size));
            }
        }
    }

    [Fact]
    public async Task IN03_a_cursor_that_was_changed_in_one_bit_anywhere_is_refused()
    {
        var tried = 0;
        foreach (var (who, _, address, _) in _lists.Values)
        {
            var cursor = Base64UrlEncoder.DecodeBytes(await CursorAsync(_readers[who], address));
            for (var bit = 0; bit < 8 * cursor.Length; bit += 3)
            {
                var changed = cursor.ToArray();
                changed[bit / 8] ^= (byte)(1 << bit % 8);
                await RefusedAsync(_readers[who], address, Base64UrlEncoder.Encode(changed));
                tried++;
            }

            var whole = Base64UrlEncoder.Encode(cursor);
            foreach (var other in (string[])[whole[..^4], whole + "AAAA", whole[4..], "", "AAAA", "*", "长", "\0", "' or 1=1", new string('A', 5000), Base64UrlEncoder.Encode(cursor.Concat(cursor).ToArray())])
                await RefusedAsync(_readers[who], address, other);
        }

        Figures.Print($"IN03 changed cursors: {tried} of {_lists.Count} operations, all refused");
    }

    [Fact]
    public async Task IN03_a_cursor_of_somebody_else_of_another_operation_or_of_another_filter_is_refused()
    {
        foreach (var (operation, (who, another, address, others)) in _lists)
        {
            var reader = _readers[who];
            var cursor = await CursorAsync(reader, address);
            // Both reach and are told the same.
            if (another is not null) await RefusedAsync(_readers[another], address, cursor);
            foreach (var filtered in others)
            {
                await RefusedAsync(reader, filtered, cursor);
                await RefusedAsync(reader, address, await CursorAsync(reader, filtered));
            }

            foreach (var (_, (_, _, foreign, _)) in _lists.Where(l => l.Key != operation && l.Value.Who == who)) await RefusedAsync(reader, foreign, cursor);
            // And it is good where it belongs, also in a later session.
            await (await _scene.SignInAsync(who)).GetAsync($"{address}limit=1&cursor={Uri.EscapeDataString(cursor)}").OkAsync();
        }
    }

    [Fact]
    public async Task IN03_a_page_has_1_to_100_rows()
    {
        foreach (var (who, _, address, _) in _lists.Values)
        {
            foreach (var size in (string[])["0", "101", "-1", "2147483647", "2147483648", "-2147483649", "99999999999999999999", "1e2", "0x10", "1.5", "ten", "%00"])
                await _readers[who].GetAsync($"{address}limit={size}").RefusedAsync(400, "invalid_request");
            foreach (var size in (string[])["1", "100"]) await _readers[who].GetAsync($"{address}limit={size}").OkAsync();
        }
    }

    private static async Task<List<string>> RowsAsync(SignedIn reader, string address, int size)
    {
        var rows = new List<string>();
        for (string? cursor = ""; cursor is not null;)
        {
            var page = await reader.GetAsync($"{address}limit={size}{(cursor.Length > 0 ? $"&cursor={Uri.EscapeDataString(cursor)}" : "")}").OkAsync();
            var items = page.GetProperty("items").EnumerateArray().Select(i => i.GetRawText()).ToList();
            Assert.InRange(items.Count, 0, size);
            rows.AddRange(items);
            cursor = page.GetProperty("next").GetString();
        }

        return rows;
    }

    private static async Task<string> CursorAsync(SignedIn who, string address) =>
        (await who.GetAsync($"{address}limit=1").OkAsync()).GetProperty("next").GetString() ?? throw new InvalidOperationException($"{address} has no second page.");

    private static Task RefusedAsync(SignedIn who, string address, string cursor) => who.GetAsync($"{address}limit=1&cursor={Uri.EscapeDataString(cursor)}").RefusedAsync(400, "cursor_invalid");
}
