using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Backend.Domain.Accounts;
using Backend.Domain.Grid;
using Backend.Domain.Households;
using Backend.Domain.Tiers;
using Backend.Domain.Wall;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Npgsql;

namespace Backend.Tests.Platform.Security;

/// <summary>
/// AZ03: reach is applied before filter, paging, counts and statistics. Over trees drawn by lot, whose codes begin like one another, every list and every
/// count is compared with the rows that the caller reaches by the grid's links from child to parent (<see cref="PolicyOracle"/>).
/// </summary>
public sealed class ReachTests(MigratedDatabase fixture) : IClassFixture<MigratedDatabase>
{
    private const int Trees = 8, NodesOfTree = 40, HomesOfTree = 150, PostsOfTree = 24;

    private static readonly DateOnly Day = PostgresFixture.DemoDay;
    private static readonly string[] Codes = ["n1", "n10", "n100", "n11", "n2", "n20"];
    private static readonly Role[] Readers = [Role.FloorLeader, Role.BuildingLeader, Role.AreaLeader, Role.CommunityLeader, Role.Staff, Role.StreetManager, Role.DistrictManager];
    private static readonly string[] AboutAll = ["listHouseholds", "listGridNodes", "listDisplays"];
    private static readonly string[] AboutNodes = ["listHouseholds", "readOverview", "readCoverage", "listLeaderLoads", "listVacancies", "listPosts", "readWall"];
    private static readonly Tier[] Urgency = [Tier.Red, Tier.Orange, Tier.Yellow, Tier.Green];

    private sealed record Home(Household Row, int People)
    {
        public Target Target => new(TargetKind.Household, Row.Id, Row.NodeId, Row.Id);
    }

    private sealed class Tree(Scene scene)
    {
        public Scene Scene => scene;
        public List<GridNode> Nodes { get; } = [];
        public List<Home> Homes { get; } = [];
        public List<Post> Posts { get; } = [];
        public HashSet<Guid> Held { get; } = [];
        public List<Display> Displays { get; } = [];
        public HashSet<string> People { get; } = [];
    }

    /// <summary>One question: of whom, about which node, asked how.</summary>
    private sealed record Case(Tree Tree, Caller Caller, SignedIn Client, string Operation, GridNode? Node, Tier? Tier, int Limit);

    [Fact]
    public async Task AZ03_every_list_and_count_holds_exactly_what_the_caller_reaches()
    {
        var lot = new Random(3);
        var trees = new List<Tree>();
        for (var i = 0; i < Trees; i++) trees.Add(await GrowAsync(lot));
        await using var superuser = new NpgsqlDataSourceBuilder(fixture.Database.Superuser).Build();
        var oracle = await PolicyOracle.ReadAsync(superuser, Day);
        await using var api = await Api.StartAsync(fixture.Database, Api.Unlimited);
        var callers = new List<(Tree Tree, Caller Caller, SignedIn Client)>();
        foreach (var tree in trees)
            foreach (var who in tree.People) callers.Add((tree, new Caller(who, tree.Scene.Account(who).Id), await api.SignInAsync(tree.Scene.OpenIdOf(who))));

        var cases = Enumerable.Range(0, ProofSize.Reach).Select(_ => Draw(lot, oracle, callers)).ToList();
        var (watch, rows) = (Stopwatch.StartNew(), 0L);
        await Parallel.ForEachAsync(cases, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (one, _) => Interlocked.Add(ref rows, await CheckAsync(one, oracle)));
        Figures.Print($"AZ03 reach: {cases.Count} lists and counts of {callers.Count} people over {Trees} trees, {rows} rows, 0 foreign rows or counts, {watch.Elapsed.TotalSeconds:0.0} s");
    }

    private static Case Draw(Random lot, PolicyOracle oracle, List<(Tree Tree, Caller Caller, SignedIn Client)> callers)
    {
        T One<T>(IReadOnlyList<T> of) => of[lot.Next(of.Count)];
        var (tree, caller, client) = One(callers);
        var reached = tree.Nodes.FindAll(n => oracle.Expect(caller, "readWall", TargetOf(n)) == Verdict.Allowed);
        var node = reached.Count == 0 || lot.Next(3) == 0 ? null : One(reached);
        var operation = node is not null ? One(AboutNodes) : oracle.Expect(caller, "listDisplays", Target.Nothing) == Verdict.Allowed ? One(AboutAll) : One(AboutAll[..2]);
        return new Case(tree, caller, client, operation, node, lot.Next(3) == 0 ? One(Urgency) : null, lot.Next(1, 30));
    }

    /// <summary>What an answer holds, and what it should by the rows themselves; how many there are.</summary>
    private static async Task<int> CheckAsync(Case one, PolicyOracle oracle)
    {
        var (due, given) = await CompareAsync(one, oracle);
        Assert.True(due.SequenceEqual(given), $"{one.Operation} by {one.Caller.Name} of {one.Node?.Path}: {string.Join(", ", due)} are due, {string.Join(", ", given)} are given");
        return due.Count;
    }

    private static async Task<(List<string> Due, List<string> Given)> CompareAsync(Case one, PolicyOracle oracle)
    {
        var (tree, caller, client, operation, node, tier, limit) = one;
        bool IsUnder(Guid at) => node is null || oracle.IsWithin(at, node.Id);
        bool Reaches(Target target) => oracle.Expect(caller, operation, target) == Verdict.Allowed;
        var homes = tree.Homes.FindAll(h => Reaches(h.Target) && IsUnder(h.Row.NodeId));
        var posts = tree.Posts.FindAll(p => IsUnder(p.NodeId!.Value));
        var vacant = posts.FindAll(p => !tree.Held.Contains(p.Id));
        async Task<JsonElement> ReadAsync(string path) => await client.GetAsync($"/api/v1/{path}").OkAsync();
        Task<JsonElement> ReadNodeAsync(string what) => ReadAsync($"grid-nodes/{node!.Id}/{what}");
        static List<string> Sorted(IEnumerable<Guid> ids) => [.. ids.Select(i => $"{i}").Order(StringComparer.Ordinal)];
        static List<string> Ids(JsonElement answer, string list, string id) => Sorted(answer.GetProperty(list).EnumerateArray().Select(i => i.GetProperty(id).GetGuid()));
        static List<string> Texts(params IEnumerable<int> figures) => [.. figures.Select(f => $"{f}")];
        static int Of(JsonElement answer, string member) => answer.GetProperty(member).GetInt32();
        static int Households(JsonElement list) => list.EnumerateArray().Sum(i => Of(i, "households"));

        switch (operation)
        {
            case "listHouseholds":
                var filter = (node is null ? "" : $"&nodeId={node.Id}") + (tier is { } only ? $"&tier={SnakeCase.Of(only)}" : "");
                var pages = await PagesAsync(client, $"households?limit={limit}{filter}");
                var inOrder = homes.Where(h => tier is null || h.Row.Tier == tier)
                    .OrderBy(h => Array.IndexOf(Urgency, h.Row.Tier)).ThenBy(h => h.Row.DueDay ?? DateOnly.MaxValue).ThenBy(h => $"{h.Row.Id}", StringComparer.Ordinal);
                return ([.. inOrder.Select(h => $"{h.Row.Id} {h.People}")], [.. pages.Select(i => $"{i.GetProperty("id")} {Of(i, "people")}")]);
            case "readWall":
                return (Sorted(homes.Select(h => h.Row.Id)), Ids(await ReadNodeAsync("wall"), "tiles", "id"));
            case "listGridNodes":
                return (Sorted(tree.Nodes.Where(n => Reaches(TargetOf(n))).Select(n => n.Id)), Ids(await ReadAsync("grid-nodes"), "items", "id"));
            case "listDisplays":
                return (Sorted(tree.Displays.Where(d => Reaches(new Target(TargetKind.Display, d.Id, d.NodeId))).Select(d => d.Id)), Ids(await ReadAsync("displays"), "displays", "id"));
            case "listPosts":
                var listed = await ReadNodeAsync("posts");
                return ([$"{posts.Count}", .. Sorted(posts.Select(p => p.Id))], [$"{Of(listed, "count")}", .. Ids(listed, "items", "postId")]);
            case "listVacancies":
                var open = await ReadNodeAsync("vacancies");
                return ([$"{vacant.Count}", .. Sorted(vacant.Select(p => p.Id))], [$"{Of(open, "count")}", .. Ids(open, "items", "postId")]);
            case "readCoverage":
                var coverage = await ReadNodeAsync("coverage");
                return (Texts(homes.Count, homes.Count), Texts(Of(coverage, "households"), Of(coverage, "withoutLeader") + Households(coverage.GetProperty("ledBy"))));
            case "listLeaderLoads":
                // Whoever leads them: all households of the place but those that nobody looks after, page by page as in the sum.
                var loads = (await PagesAsync(client, $"grid-nodes/{node!.Id}/leader-loads?limit={limit}")).Sum(l => Of(l, "households"));
                var (sum, without) = (Of(await ReadNodeAsync("leader-loads?limit=1"), "households"), Of(await ReadNodeAsync("coverage"), "withoutLeader"));
                return (Texts(homes.Count, homes.Count), Texts(loads + without, sum + without));
            default:
                var overview = await ReadNodeAsync("overview");
                var tiers = overview.GetProperty("tiers");
                var leads = posts.FindAll(p => p.LeadsNode);
                return (
                    Texts([homes.Count, homes.Sum(h => h.People), leads.Count, leads.Except(vacant).Count(), vacant.Count, .. Urgency.Select(u => homes.Count(h => h.Row.Tier == u))]),
                    Texts([
                        .. ((string[])["households", "people", "leaderPosts", "filledLeaderPosts", "vacancies"]).Select(m => Of(overview, m)),
                        .. Urgency.Select(u => Of(tiers, SnakeCase.Of(u)))]));
        }
    }

    private static async Task<List<JsonElement>> PagesAsync(SignedIn client, string path)
    {
        var (items, cursor) = (new List<JsonElement>(), "");
        while (true)
        {
            var page = await client.GetAsync($"/api/v1/{path}{cursor}").OkAsync();
            items.AddRange(page.GetProperty("items").EnumerateArray());
            if (page.GetProperty("next").GetString() is not { } next) return items;
            cursor = $"&cursor={Uri.EscapeDataString(next)}";
        }
    }

    private static Target TargetOf(GridNode node) => new(TargetKind.Node, node.Id, node.Id);

    /// <summary>A tree with households on any of its nodes, posts on any, and people who look after nodes, floors or single households of it.</summary>
    private async Task<Tree> GrowAsync(Random lot)
    {
        using var vault = new Vault(PostgresFixture.Secrets.Vault);
        var tree = new Tree(new Scene(vault));
        var paths = new List<string> { "" };
        tree.Nodes.Add(tree.Scene.Place("").Node(""));
        while (paths.Count < NodesOfTree)
        {
            var parent = paths[lot.Next(paths.Count)];
            var path = parent.Length == 0 ? Codes[lot.Next(Codes.Length)] : $"{parent}.{Codes[lot.Next(Codes.Length)]}";
            if (path.Count(c => c == '.') > 4 || paths.Contains(path)) continue;
            paths.Add(path);
            tree.Nodes.Add(tree.Scene.Place(path).Node(path));
        }

        var places = tree.Nodes.FindAll(n => n.RootId is not null);
        for (var i = 0; i < HomesOfTree && places.Count > 0; i++) tree.Homes.Add(NewHome(lot, tree.Scene, places[lot.Next(places.Count)], i));
        for (var i = 0; i < PostsOfTree; i++) AddPost(lot, tree, i);
        foreach (var node in tree.Nodes.Where(n => n.RootId is null || n.RootId == n.Id))
        {
            var by = tree.Scene.Account(tree.People.First()).Id;
            var display = new Display { Id = Guid.CreateVersion7(), NodeId = node.Id, NodePath = node.Path, Name = "大厅", RegisteredBy = by, RegisteredAt = Api.Noon };
            tree.Displays.Add(display);
            tree.Scene.Add(display);
        }

        await tree.Scene.SaveAsync(fixture.Database);
        return tree;
    }

    private static void AddPost(Random lot, Tree tree, int number)
    {
        var node = tree.Nodes[lot.Next(tree.Nodes.Count)];
        var post = new Post { Id = Guid.CreateVersion7(), Role = Readers[lot.Next(Readers.Length)], NodeId = node.Id, LeadsNode = lot.Next(2) == 0, Title = $"{number}" };
        tree.Posts.Add(post);
        tree.Scene.Add(post);
        var floors = lot.Next(4) == 0;
        tree.Scene.Add(lot.Next(4) == 0 && tree.Homes.Count > 0
            ? new Assignment { Id = Guid.CreateVersion7(), PostId = post.Id, HouseholdId = tree.Homes[lot.Next(tree.Homes.Count)].Row.Id }
            : new Assignment { Id = Guid.CreateVersion7(), PostId = post.Id, NodeId = node.Id, FloorFrom = floors ? 1 : null, FloorTo = floors ? 10 : null });
        // The first two are held, so that there is somebody; of the others every fourth is vacant, and some hold two.
        if (number > 1 && lot.Next(4) == 0) return;
        var who = $"holder {lot.Next(PostsOfTree)}";
        tree.Held.Add(post.Id);
        tree.People.Add(who);
        tree.Scene.Add(new Appointment { Id = Guid.CreateVersion7(), PostId = post.Id, AccountId = tree.Scene.Known(who).Id, FromDay = Day.AddYears(-1) });
    }

    private static Home NewHome(Random lot, Scene scene, GridNode node, int number)
    {
        var tier = Urgency[lot.Next(4)];
        var household = new Household
        {
            Id = Guid.CreateVersion7(),
            NodeId = node.Id,
            NodePath = node.Path,
            RootId = node.RootId!.Value,
            Door = number.ToString(CultureInfo.InvariantCulture),
            RecordedOn = Day.AddYears(-2),
            Tier = tier,
            State = tier == Tier.Red ? TierState.Confirmed : null,
            DueDay = lot.Next(4) == 0 ? null : Day.AddDays(lot.Next(20)),
        };
        scene.Add(household);
        scene.Add(new Tile
        {
            HouseholdId = household.Id,
            RootId = household.RootId,
            NodeId = node.Id,
            NodePath = node.Path,
            Door = household.Door,
            Tier = tier,
            State = household.State,
            DueDay = household.DueDay,
            Version = 1,
        });
        var people = lot.Next(4);
        for (var i = 0; i <= people; i++)
        {
            var resident = new Resident { Id = Guid.CreateVersion7(), HouseholdId = household.Id, NodePath = node.Path, Name = $"居民{i}" };
            scene.Add(resident);
            // The last one has moved away.
            scene.Add(new Membership
            {
                Id = Guid.CreateVersion7(),
                HouseholdId = household.Id,
                ResidentId = resident.Id,
                NodePath = node.Path,
                FromDay = household.RecordedOn,
                ToDay = i == people ? Day.AddDays(-1) : null,
                IsHead = i == 0,
            });
        }

        return new Home(household, people);
    }
}
