using Backend.Domain.Accounts;
using Backend.Domain.Facts;
using Backend.Domain.Grid;
using Backend.Domain.Households;
using Backend.Domain.Privacy;
using Backend.Domain.Tags;
using Backend.Domain.Tiers;
using Backend.Domain.Visits;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Backend.Tests.Support;

/// <summary>
/// A small district in words of the domain, for tests: nodes by path, people by name, households by door. Rows are written as the superuser when
/// <see cref="SaveAsync"/> is called; names are unique in a scene, so that several scenes share one database (each under its own top node).
/// </summary>
internal sealed class Scene
{
    /// <summary>Of every resident: nobody can have them.</summary>
    public const string Phone = "10012345678", IdNumber = "990113198001010011";

    private static readonly DateOnly LongAgo = new(2020, 1, 1);
    private static readonly DateTimeOffset Before = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly string[] Levels = ["district", "street", "community", "area", "building", "floor"];

    private readonly List<object> _rows = [];
    private readonly Dictionary<string, GridNode> _nodes = [];
    private readonly Dictionary<string, Account> _accounts = [];
    private readonly Dictionary<string, Post> _posts = [];
    private readonly Dictionary<string, Post> _vacant = [];
    private readonly Dictionary<string, Household> _households = [];
    private readonly Dictionary<string, Guid> _heads = [];
    private readonly Vault _vault;

    public Scene(Vault vault) => _vault = vault;

    /// <summary>Short and unlike any other scene's.</summary>
    public string Top { get; } = "x" + Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(5));

    public GridNode Node(string path) => _nodes[path];

    public Account Account(string name) => _accounts[name];

    /// <summary>The post that a person holds; of several the last.</summary>
    public Post PostOf(string name) => _posts[name];

    public Post VacantAt(string path) => _vacant[path];

    public Household Household(string door) => _households[door];

    /// <summary>The resident who is the head of a household.</summary>
    public Guid Head(string door) => _heads[door];

    public string OpenIdOf(string name) => $"o{Top}{_accounts[name].Id.ToString("N")[16..]}";

    /// <summary>Adds a node and all its missing ancestors. Its level follows from its depth: <c>s.c.a.b.f</c> is a floor.</summary>
    public Scene Place(string path)
    {
        if (_nodes.ContainsKey(path)) return this;
        var dot = path.LastIndexOf('.');
        if (dot > 0) Place(path[..dot]);
        else if (path.Length > 0) Place("");
        var parent = path.Length == 0 ? null : _nodes[dot > 0 ? path[..dot] : ""];
        var depth = path.Length == 0 ? 0 : path.Split('.').Length;
        var id = Guid.CreateVersion7();
        var level = Levels[depth];
        var node = new GridNode
        {
            Id = id,
            ParentId = parent?.Id,
            LevelCode = level,
            Code = path.Length == 0 ? Top : path[(dot + 1)..],
            Name = path.Length == 0 ? "测试区" : path[(dot + 1)..],
            Path = path.Length == 0 ? Top : $"{Top}.{path}",
            RootId = level == "community" ? id : parent?.RootId,
            FloorNumber = level == "floor" && int.TryParse(path[(dot + 2)..], out var floor) ? floor : null,
        };
        _nodes[path] = node;
        _rows.Add(node);
        if (level == "community") _rows.Add(new Backend.Domain.Wall.WallRoot { NodeId = id, Version = 1, HistoryFrom = 1 });
        return this;
    }

    /// <summary>Adds a person with a WeChat identity who holds a post on a node and looks after it.</summary>
    public Scene Person(string name, Role role, string path, bool leads = false, bool holds = true)
    {
        Place(path);
        var post = new Post { Id = Guid.CreateVersion7(), Role = role, NodeId = _nodes[path].Id, LeadsNode = leads, Title = $"{_nodes[path].Name}{role}" };
        _rows.Add(post);
        if (holds) _posts[name] = post;
        else _vacant[path] = post;
        _rows.Add(new Assignment { Id = Guid.CreateVersion7(), PostId = post.Id, NodeId = _nodes[path].Id });
        if (holds) _rows.Add(new Appointment { Id = Guid.CreateVersion7(), PostId = post.Id, AccountId = Known(name).Id, FromDay = LongAgo });
        return this;
    }

    /// <summary>Adds a leader post that nobody holds.</summary>
    public Scene Vacant(Role role, string path) => Person("", role, path, leads: true, holds: false);

    public string UserNameOf(string name) => $"{Top}.{_accounts[name].Id.ToString("N")[20..]}";

    /// <summary>Lets somebody sign in at a browser too (<see cref="StaffFactors"/>).</summary>
    public Scene AtBrowser(string name)
    {
        var account = Known(name);
        account.UserName = UserNameOf(name);
        _rows.Add(StaffFactors.Of(account.Id, _vault));
        return this;
    }

    /// <summary>Adds a person without any post.</summary>
    public Account Known(string name)
    {
        if (_accounts.TryGetValue(name, out var known)) return known;
        var account = new Account { Id = Guid.CreateVersion7(), Name = name, CreatedAt = Before };
        _accounts[name] = account;
        _rows.Add(account);
        var openId = OpenIdOf(name);
        WholeLog.Run.Hide(openId);
        var identity = Guid.CreateVersion7();
        _rows.Add(new WeChatIdentity
        {
            Id = identity,
            AccountId = account.Id,
            OpenIdIndex = _vault.BlindIndex(SealedFields.OpenId, openId),
            OpenId = _vault.Seal(SealedFields.OpenId, identity, openId),
            BoundAt = Before,
            EmploymentBound = true,
        });
        _rows.Add(new Consent
        {
            Id = Guid.CreateVersion7(),
            AccountId = account.Id,
            Purpose = Purpose.Notice,
            Version = 1,
            Withdrawn = false,
            At = Before,
            Channel = ConsentChannel.MiniProgram,
        });
        return account;
    }

    /// <summary>The head of a household, joined: her account is bound to a WeChat identity.</summary>
    public Account Joined(string name, string door)
    {
        var account = Known(name);
        account.ResidentId = Head(door);
        return account;
    }

    /// <summary>Adds a household of one adult in work with every asked fact recorded: green on <paramref name="day"/> and for long after.</summary>
    public Household Home(string path, string door, DateOnly day, params (string Tag, string Value)[] others)
    {
        Place(path);
        var node = _nodes[path];
        var head = Guid.CreateVersion7();
        var household = new Household
        {
            Id = Guid.CreateVersion7(),
            NodeId = node.Id,
            NodePath = node.Path,
            RootId = node.RootId!.Value,
            Door = door,
            RecordedOn = day.AddDays(-1000),
            RegisterStatus = RegisterStatus.Lifted,
            LastVisitDay = day.AddDays(-10),
            DueDay = day.AddDays(80),
            NextEvaluationOn = day.AddDays(60),
        };
        var recorded = new DateTimeOffset(day.AddDays(-20).ToDateTime(TimeOnly.MinValue), TimeSpan.Zero);
        var values = new Dictionary<string, (SubjectKind Subject, string Value)>
        {
            ["move_in_date"] = (SubjectKind.Household, "2020-01-01"),
            ["wage_income"] = (SubjectKind.Household, "40000"),
            ["business_income"] = (SubjectKind.Household, "0"),
            ["property_income"] = (SubjectKind.Household, "0"),
            ["transfer_income"] = (SubjectKind.Household, "0"),
            ["income_checked_on"] = (SubjectKind.Household, day.AddDays(-20).ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture)),
            ["housing_grade"] = (SubjectKind.Household, "a"),
            ["water_safe"] = (SubjectKind.Household, "true"),
            ["birth_date"] = (SubjectKind.Person, day.AddYears(-40).ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture)),
            ["medical_insured"] = (SubjectKind.Person, "true"),
            ["labour_capacity"] = (SubjectKind.Person, "ordinary"),
            ["employment_status"] = (SubjectKind.Person, "employed"),
            ["school_stage"] = (SubjectKind.Person, "none"),
        };
        foreach (var (tag, value) in others) values[tag] = (TagCatalogue.Default.Find(tag)!.Subject, value);

        var opened = values.Select(v => new OpenedValue(
            Guid.CreateVersion7(), v.Value.Subject, v.Value.Subject == SubjectKind.Household ? household.Id : head, v.Key, v.Value.Value,
            ValueSource.Visit, day.AddDays(-20), null, null, recorded)).ToList();
        var snapshot = new FactsSnapshot
        {
            HouseholdId = household.Id,
            RecordedOn = household.RecordedOn,
            Members = [new SnapshotMember(head, IsHead: true, SharesIncome: true)],
            Register = [new SnapshotMark(Guid.CreateVersion7(), RegisterStatus.Lifted, household.RecordedOn)],
            LastCountedVisit = household.LastVisitDay,
            LastHomeVisit = household.LastVisitDay,
        }.With(opened, day);
        household.Snapshot = _vault.Seal(SealedFields.FactsSnapshot, household.Id, snapshot.ToBytes());

        WholeLog.Run.Hide($"户主{door}");
        _households[door] = household;
        _heads[door] = head;
        _rows.Add(household);
        _rows.Add(new Resident
        {
            Id = head,
            HouseholdId = household.Id,
            NodePath = node.Path,
            Name = $"户主{door}",
            Phone = _vault.Seal(SealedFields.ResidentPhone, head, Phone),
            IdNumber = _vault.Seal(SealedFields.ResidentIdNumber, head, IdNumber),
        });
        _rows.Add(new Membership { Id = Guid.CreateVersion7(), HouseholdId = household.Id, ResidentId = head, NodePath = node.Path, FromDay = household.RecordedOn, IsHead = true });
        _rows.AddRange(opened.Select(v => new TagValue
        {
            Id = v.Id,
            HouseholdId = household.Id,
            NodePath = node.Path,
            Subject = v.Subject,
            SubjectId = v.SubjectId,
            TagCode = v.Tag,
            Value = _vault.Seal(SealedFields.TagValue, v.Id, v.Value),
            Source = v.Source,
            ObservedAt = v.ObservedAt,
            RecordedAt = v.RecordedAt,
        }));
        _rows.Add(new Backend.Domain.Wall.Tile
        {
            HouseholdId = household.Id,
            RootId = household.RootId,
            NodeId = node.Id,
            NodePath = node.Path,
            Door = door,
            Tier = Tier.Green,
            DueDay = household.DueDay,
            LastVisitDay = household.LastVisitDay,
            Version = 1,
        });
        return household;
    }

    /// <summary>One more member of a household, of whom nothing is known but the birth date.</summary>
    public Guid Member(string door, string name, DateOnly birth, DateOnly day)
    {
        var (home, id, value) = (_households[door], Guid.CreateVersion7(), Guid.CreateVersion7());
        var recorded = new DateTimeOffset(day.AddDays(-20).ToDateTime(TimeOnly.MinValue), TimeSpan.Zero);
        var text = birth.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture);
        var snapshot = FactsSnapshot.FromBytes(_vault.Open(SealedFields.FactsSnapshot, home.Id, home.Snapshot));
        snapshot = snapshot.WithMembers([.. snapshot.Members, new SnapshotMember(id, IsHead: false, SharesIncome: true)], day)
            .With(new OpenedValue(value, SubjectKind.Person, id, "birth_date", text, ValueSource.Visit, day.AddDays(-20), null, null, recorded), day);
        home.Snapshot = _vault.Seal(SealedFields.FactsSnapshot, home.Id, snapshot.ToBytes());
        _rows.Add(new Resident { Id = id, HouseholdId = home.Id, NodePath = home.NodePath, Name = name });
        _rows.Add(new Membership { Id = Guid.CreateVersion7(), HouseholdId = home.Id, ResidentId = id, NodePath = home.NodePath, FromDay = home.RecordedOn });
        _rows.Add(new TagValue
        {
            Id = value,
            HouseholdId = home.Id,
            NodePath = home.NodePath,
            Subject = SubjectKind.Person,
            SubjectId = id,
            TagCode = "birth_date",
            Value = _vault.Seal(SealedFields.TagValue, value, text),
            Source = ValueSource.Visit,
            ObservedAt = day.AddDays(-20),
            RecordedAt = recorded,
        });
        return id;
    }

    /// <summary>The register has this number of a resident, so that she is found by it. Several may share one.</summary>
    public Scene PhoneOf(Guid residentId, string number)
    {
        WholeLog.Run.Hide(number);
        var resident = _rows.OfType<Resident>().Single(r => r.Id == residentId);
        (resident.Phone, resident.PhoneIndex) = (_vault.Seal(SealedFields.ResidentPhone, residentId, number), _vault.BlindIndex(SealedFields.ResidentPhone, number));
        return this;
    }

    public Scene Add(object row)
    {
        _rows.Add(row);
        return this;
    }

    /// <summary>Writes all rows, and the reference data when the database has none yet.</summary>
    public async Task<Scene> SaveAsync(PostgresDatabase database)
    {
        await using var source = new NpgsqlDataSourceBuilder(database.Superuser).Build();
        await using var db = OwnerContext.Create(source);
        if (!await db.GridLevels.AnyAsync())
        {
            db.AddRange(Levels.Select((code, i) => new Level { Code = code, Name = code, Order = i }));
            db.AddRange(TagCatalogue.Default.Tags);
            db.AddRange(
                new Cadence { Tier = Tier.Red, Days = 7 }, new Cadence { Tier = Tier.Orange, Days = 14 },
                new Cadence { Tier = Tier.Yellow, Months = 1 }, new Cadence { Tier = Tier.Green, Months = 3 });
            db.Add(new Setting { Key = "deployment.title", Value = "测试平台" });
        }

        db.AddRange(_rows);
        await db.SaveChangesAsync();
        _rows.Clear();
        return this;
    }
}
