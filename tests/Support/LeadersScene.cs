using Backend.Domain.Accounts;
using Backend.Domain.Grid;
using Backend.Domain.Households;
using Backend.Domain.Privacy;
using Backend.Domain.Tiers;
using Backend.Domain.Visits;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Backend.Tests.Support;

/// <summary>
/// One community with its leaders in a test database of the test's own: 区 → 街道 → 社区 (the wall root) → 片区 → 1栋 and 2栋 → floors 1 to 3, with a leader
/// on each floor of 1栋, both buildings and the area, two members of staff, and two households a floor. Everyone is bound to WeChat.
/// </summary>
internal sealed class LeadersScene : IAsyncDisposable
{
    private static readonly Dictionary<Tier, Cadence> Cadences = new()
    {
        [Tier.Red] = new Cadence { Tier = Tier.Red, Days = 7 },
        [Tier.Orange] = new Cadence { Tier = Tier.Orange, Days = 14 },
        [Tier.Yellow] = new Cadence { Tier = Tier.Yellow, Months = 1 },
        [Tier.Green] = new Cadence { Tier = Tier.Green, Months = 3 },
    };

    private readonly NpgsqlDataSource _superuser;
    private readonly Vault _vault = new(PostgresFixture.Secrets.Vault);

    private LeadersScene(PostgresDatabase database)
    {
        Database = database;
        _superuser = new NpgsqlDataSourceBuilder(database.Superuser).Build();
    }

    public PostgresDatabase Database { get; }

    public Dictionary<string, GridNode> Nodes { get; } = [];
    public Dictionary<string, Post> Posts { get; } = [];
    /// <summary>Accounts by the name of what they lead: <c>floor1</c>, <c>building1</c>, <c>area</c>, <c>community</c>, <c>staff1</c>…</summary>
    public Dictionary<string, Guid> Accounts { get; } = [];
    /// <summary>Households by door, e.g. <c>1-1-101</c>.</summary>
    public Dictionary<string, Guid> Households { get; } = [];

    /// <summary>An id that says who it is, for the messages that the stub received.</summary>
    public static string OpenId(string who) => $"openid-of-{who}";

    public static async Task<LeadersScene> CreateAsync(PostgresDatabase database, CancellationToken cancellation = default)
    {
        var scene = new LeadersScene(database);
        await scene.BuildAsync(cancellation);
        return scene;
    }

    /// <summary>The leaders and staff who are told about a household of 1栋 on this floor.</summary>
    public static string[] ToldAbout(int floor) => ["area", "building1", $"floor{floor}", "staff1", "staff2"];

    public string NameOf(Guid account) => Accounts.Single(a => a.Value == account).Key;

    /// <summary>A use case of the main flow: the engine says <paramref name="to"/>, the household takes it, one commit.</summary>
    public static async Task<Guid> ChangeAsync(BackendDb db, Guid household, Tier to, Guid? batch = null, CancellationToken cancellation = default)
    {
        await db.BeginAsync(cancellation);
        var id = Change(db, await db.Households.SingleAsync(h => h.Id == household, cancellation), to, batch);
        await db.CommitAsync(cancellation);
        return id;
    }

    public static Guid Change(BackendDb db, Household household, Tier to, Guid? batch = null)
    {
        var evaluation = new Evaluation
        {
            Day = ShanghaiDay.Of(db.Now),
            EngineTier = to,
            Tier = to,
            State = to == Tier.Red ? TierState.Provisional : null,
            Reasons = [],
            Blockers = [],
            RuleSet = "test",
            RuleSetHash = "0",
        };
        var change = household.Take(Sealed.None, evaluation, Cadences, null, db.Now, Guid.CreateVersion7(), batch)!;
        db.TierChanges.Add(change);
        return change.Id;
    }

    public BackendDb Superuser() => OwnerContext.Create(_superuser);

    public Task<int> ExecuteAsync(string sql, params object[] parameters) => Database.ExecuteAsync(sql, parameters);

    public async Task<Guid> AddAccountAsync(string who, Post? post = null, bool bound = true)
    {
        await using var db = Superuser();
        AddAccount(db, who, post is null ? [] : [post], bound);
        await db.SaveChangesAsync();
        return Accounts[who];
    }

    public async ValueTask DisposeAsync()
    {
        await _superuser.DisposeAsync();
        _vault.Dispose();
    }

    private async Task BuildAsync(CancellationToken cancellation)
    {
        await using var db = Superuser();
        (string Code, string Name)[] levels = [("district", "区"), ("street", "街道"), ("community", "社区"), ("area", "片区"), ("building", "楼栋"), ("floor", "楼层")];
        for (var i = 0; i < levels.Length; i++)
            if (!await db.GridLevels.AnyAsync(l => l.Code == levels[i].Code, cancellation)) db.Add(new Level { Code = levels[i].Code, Name = levels[i].Name, Order = i + 1 });
        // The path label of this scene: a test class may build several in one database.
        var label = $"s{Guid.CreateVersion7():n}";
        var district = Node(db, "district", "district", null, label);
        var street = Node(db, "street", "street", district, "td");
        var community = Node(db, "community", "community", street, "ty", root: true);
        var area = Node(db, "area", "area", community, "a1");
        Lead(db, "street", Role.StreetManager);
        Lead(db, "community", Role.CommunityLeader);
        Lead(db, "area", Role.AreaLeader);
        db.Add(new Backend.Domain.Wall.WallRoot { NodeId = community.Id, Version = 0, HistoryFrom = 0 });
        foreach (var building in (int[])[1, 2])
        {
            var node = Node(db, $"building{building}", "building", area, $"b{building}");
            Lead(db, $"building{building}", Role.BuildingLeader);
            for (var floor = 1; floor <= 3; floor++)
            {
                var name = building == 1 ? $"floor{floor}" : $"other{floor}";
                var on = Node(db, name, "floor", node, $"f{floor}", floor: floor);
                Lead(db, name, Role.FloorLeader);
                foreach (var room in (int[])[1, 2]) Household(db, on, $"{building}-1-{floor}0{room}");
            }
        }

        foreach (var staff in (string[])["staff1", "staff2"])
        {
            Posts[staff] = new Post { Id = Guid.CreateVersion7(), Role = Role.Staff, NodeId = community.Id, Title = "后台服务人员" };
            db.Add(Posts[staff]);
            db.Add(new Assignment { Id = Guid.CreateVersion7(), PostId = Posts[staff].Id, NodeId = community.Id });
            AddAccount(db, staff, [Posts[staff]]);
        }

        await db.SaveChangesAsync(cancellation);
    }

    private GridNode Node(BackendDb db, string name, string level, GridNode? parent, string code, bool root = false, int? floor = null)
    {
        var id = Guid.CreateVersion7();
        Nodes[name] = new GridNode
        {
            Id = id,
            ParentId = parent?.Id,
            LevelCode = level,
            Code = code,
            Name = name,
            Path = parent is null ? code : $"{parent.Path}.{code}",
            RootId = root ? id : parent?.RootId,
            FloorNumber = floor,
        };
        db.Add(Nodes[name]);
        return Nodes[name];
    }

    private void Lead(BackendDb db, string node, Role role)
    {
        Posts[node] = new Post { Id = Guid.CreateVersion7(), Role = role, NodeId = Nodes[node].Id, LeadsNode = true, Title = node };
        db.Add(Posts[node]);
        db.Add(new Assignment { Id = Guid.CreateVersion7(), PostId = Posts[node].Id, NodeId = Nodes[node].Id });
        AddAccount(db, node, [Posts[node]]);
    }

    private void AddAccount(BackendDb db, string who, Post[] posts, bool bound = true)
    {
        var account = new Account { Id = Guid.CreateVersion7(), Name = who };
        Accounts[who] = account.Id;
        db.Add(account);
        foreach (var post in posts) db.Add(new Appointment { Id = Guid.CreateVersion7(), PostId = post.Id, AccountId = account.Id, FromDay = new DateOnly(2020, 1, 1) });
        db.Add(new Consent { Id = Guid.CreateVersion7(), AccountId = account.Id, Purpose = Purpose.Notice, Version = 1, Withdrawn = false, At = Api.Noon, Channel = ConsentChannel.MiniProgram });
        if (!bound) return;
        var identity = Guid.CreateVersion7();
        db.Add(new WeChatIdentity
        {
            Id = identity,
            AccountId = account.Id,
            OpenIdIndex = _vault.BlindIndex(SealedFields.OpenId, $"{account.Id}"),
            OpenId = _vault.Seal(SealedFields.OpenId, identity, OpenId(who)),
            EmploymentBound = true,
        });
    }

    private void Household(BackendDb db, GridNode floor, string door)
    {
        var household = new Household
        {
            Id = Guid.CreateVersion7(),
            NodeId = floor.Id,
            NodePath = floor.Path,
            RootId = floor.RootId!.Value,
            Door = door,
            RecordedOn = new DateOnly(2020, 1, 1),
        };
        Households[door] = household.Id;
        db.Add(household);
        db.Add(new Backend.Domain.Wall.Tile
        {
            HouseholdId = household.Id,
            RootId = household.RootId,
            NodeId = floor.Id,
            NodePath = floor.Path,
            Door = door,
            Tier = Tier.Green,
            Version = 0,
        });
    }
}
