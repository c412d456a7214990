using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Backend.Domain.Accounts;
using Backend.Domain.Grid;
using Backend.Domain.Households;
using Backend.Domain.Notices;
using Backend.Domain.Privacy;
using Backend.Domain.Tiers;
using Backend.Platform.Files;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Backend.Tests.Platform.Security;

/// <summary>
/// A small district in which every relation of policy.md exists: two streets, three communities, a building 1 beside a building 10, somebody with each role and
/// each way of holding it, and a crowd whose posts are drawn by lot. The api runs over it with its clock standing still, so what its caches have read stays.
/// </summary>
public sealed class PolicyDistrict : IAsyncLifetime
{
    private const int Crowd = 60, Seed = 20261120;

    private const string IsNearFamilies = "role in ('floor_leader', 'building_leader', 'area_leader')";

    private static readonly DateOnly Day = PostgresFixture.DemoDay, Yesterday = Day.AddDays(-1), Tomorrow = Day.AddDays(1), Long = Day.AddYears(-2), Far = new(2090, 1, 1);

    private static readonly string[] Floors =
    [
        "s1.c1.a1.b1.f1", "s1.c1.a1.b1.f2", "s1.c1.a1.b1.f3", "s1.c1.a1.b10.f1", "s1.c1.a1.b10.f10", "s1.c1.a2.b1.f1", "s1.c2.a1.b1.f1", "s2.c1.a1.b1.f1",
    ];

    /// <summary>Nodes that nothing hangs on.</summary>
    private static readonly string[] Branches = ["s1.x1", "s1.c1.x1", "s1.c1.a1.x1", "s1.c1.a2.x1", "s1.c2.x1", "s1.c2.a1.x1", "s2.c1.x1"];

    /// <summary>Who leads a node of each depth.</summary>
    private static readonly Role[] Leaders = [Role.DistrictManager, Role.StreetManager, Role.CommunityLeader, Role.AreaLeader, Role.BuildingLeader, Role.FloorLeader];

    private static readonly Vault Vault = new(PostgresFixture.Secrets.Vault);

    private const string Subject = "subject-of-the-district";

    private readonly TemporaryFolder _files = new();
    private readonly OidcStub _oidc = new();
    private readonly Scene _scene = new(Vault);
    private readonly List<object> _gone = [];
    private readonly List<Caller> _screens = [];
    private readonly HashSet<string> _chosen = [];
    private readonly List<string> _people = [];
    private readonly List<Post> _seats = [];
    private readonly List<Guid> _accounts = [], _staffPosts = [];
    private readonly ConcurrentDictionary<Guid, SemaphoreSlim> _turns = new();
    private readonly HttpClient _client = new(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false });
    private PostgresDatabase _database = null!;
    private NpgsqlDataSource _superuser = null!;
    private Dictionary<string, (HttpMethod Method, string Route)> _routes = [];
    private Dictionary<Guid, (string Layout, string Version)> _walls = [];
    private List<(Guid Account, Guid Post, Guid Node)> _holders = [];
    private readonly Dictionary<Guid, Guid> _members = [];
    private int _days;

    internal Api Api { get; private set; } = null!;

    internal PostgresDatabase Database => _database;

    internal PolicyOracle Oracle { get; private set; } = null!;

    /// <summary>One for each column of the table and each way of standing to a place.</summary>
    internal IReadOnlyList<Caller> Chosen { get; private set; } = [];

    /// <summary>All of them, the crowd too.</summary>
    internal IReadOnlyList<Caller> Everybody { get; private set; } = [];

    internal ILookup<TargetKind, Target> Targets { get; private set; } = null!;

    /// <summary>Operations of the contract.</summary>
    internal IReadOnlyCollection<string> Operations => _routes.Keys;

    /// <summary>Operations whose route holds an id.</summary>
    internal IEnumerable<string> AddressedOperations => _routes.Where(r => r.Value.Route.Contains("{id}", StringComparison.Ordinal)).Select(r => r.Key);

    /// <summary>Operations whose route holds a child beside its parent.</summary>
    internal IEnumerable<string> NestedOperations => _routes.Where(r => r.Value.Route.Count(c => c == '{') > 1).Select(r => r.Key);

    /// <summary>Whose code and refresh token the matrix uses.</summary>
    internal Guid WhoSignsIn => Account(_people[0]);

    public async Task InitializeAsync()
    {
        _database = await (await PostgresFixture.ClusterAsync()).CreateAsync(PostgresFixture.Migrated);
        _superuser = new NpgsqlDataSourceBuilder(_database.Superuser).Build();
        Settle();
        Fill();
        Draw();
        Furnish();
        Employ();
        await _scene.SaveAsync(_database);
        await MoveInAsync();
        await RemoveAsync();
        Oracle = await PolicyOracle.ReadAsync(_superuser, Day);
        var targets = await ReadTargetsAsync();

        Api = await Api.StartAsync(_database, new Dictionary<string, string?>(Api.Unlimited.Concat(_oidc.Configuration)) { ["Files:Folder"] = _files.Path });
        _client.BaseAddress = Api.Address;
        var store = Api.Services.GetRequiredService<PhotoStore>();
        foreach (var photo in targets.Where(t => t.Kind is TargetKind.Photo or TargetKind.Face)) await store.WriteAsync(photo.Id, "a picture"u8.ToArray(), default);
        Everybody = [new Caller("anonymous"), .. await OpenAsync([.. _people.Select(p => new Caller(p, _scene.Account(p).Id)), .. _screens])];
        Chosen = [.. Everybody.Where(c => c.Account is null || c.Kind != SessionKind.WeChat || _chosen.Contains(c.Name))];
        var never = ((TargetKind[])[
            TargetKind.Appointment, TargetKind.Resident, TargetKind.BindingRequest, TargetKind.Child, TargetKind.Guardianship, TargetKind.RightsRequest,
            TargetKind.Account, TargetKind.StaffPost, TargetKind.StaffProposal, TargetKind.StaffAppointment]).Select(k => new Target(k, Guid.CreateVersion7(), Gone: true));
        Targets = targets.Concat(never).Concat(_gone.SelectMany(GoneTargets)).Concat(Everybody.Where(c => c is { Account: not null, Kind: SessionKind.WeChat })
            .Select(c => new Target(TargetKind.Session, c.Session!.Value, Account: c.Account))).ToLookup(t => t.Kind);
        await ReadContractAsync();
        await ReadWallsAsync();
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await Api.DisposeAsync();
        _oidc.Dispose();
        await _superuser.DisposeAsync();
        await _database.DisposeAsync();
        _files.Dispose();
    }

    /// <summary>One fact as it is already known, so that no tier changes by it.</summary>
    internal static object Fact(string subject, Guid of, string tag) =>
        new { values = new[] { new { subject, subjectId = of, tag, value = "true", observedAt = Text(Day) } } };

    /// <summary>Sends the request of a cell under a trace of its own, by which its audit entry is found again.</summary>
    internal async Task<HttpResponseMessage> SendAsync(Cell cell, string trace)
    {
        var turn = cell.Request.TakesRevision ? _turns.GetOrAdd(cell.Target.Id, _ => new SemaphoreSlim(1))
            : cell.Request.IsAlone ? _turns.GetOrAdd(cell.Request.SignsIn ? WhoSignsIn : cell.Caller.Account ?? Guid.Empty, _ => new SemaphoreSlim(1)) : null;
        if (turn is not null) await turn.WaitAsync();
        try
        {
            using var request = await MessageAsync(cell, trace);
            return await SendAsync(request);
        }
        finally
        {
            turn?.Release();
        }
    }

    internal Task<HttpResponseMessage> SendAsync(HttpRequestMessage request) => _client.SendAsync(request);

    /// <summary>The request of a cell, for who wants to send it herself.</summary>
    internal async Task<HttpRequestMessage> MessageAsync(Cell cell, string trace)
    {
        var (method, route) = _routes[cell.Request.Operation];
        var path = route.Replace("{id}", cell.Target.Id.ToString(), StringComparison.Ordinal);
        if (path.IndexOf('{', StringComparison.Ordinal) is > 0 and var rest) path = path[..rest];
        var request = new HttpRequestMessage(method, path + cell.Request.Query?.Invoke(cell));
        request.Headers.Add("traceparent", $"00-{trace}-{trace[..16]}-01");
        var caller = cell.Request.SpendsSession && cell.Caller.Account is not null ? (await OpenAsync([cell.Caller]))[0] : cell.Caller;
        if (caller.Kind == SessionKind.WeChat) request.Headers.Authorization = caller.Account is null ? null : new AuthenticationHeaderValue("Bearer", caller.Credentials);
        else request.Headers.Add("Cookie", $"display={caller.Credentials}");
        if (method != HttpMethod.Get) request.Headers.Add("Idempotency-Key", trace);
        if (cell.Request.TakesRevision)
            request.Headers.TryAddWithoutValidation("If-Match", $"\"{await _database.ScalarAsync<int>($"select revision from {(cell.Target.Kind == TargetKind.Branch ? "grid_nodes" : "households")} where id = $1", cell.Target.Id)}\"");
        if (cell.Request.Body is { } body) request.Content = JsonContent.Create(await body(cell));
        if (cell.Request.FromProvider is { } come)
        {
            var (brought, cookie) = await come(cell);
            request.Content = JsonContent.Create(brought);
            request.Headers.Add("Cookie", cookie);
        }

        return request;
    }

    internal Caller Named(string name) => Everybody.Single(c => c.Name == name);

    /// <summary>Who lives there today; of a household that is gone somebody who never was.</summary>
    internal Guid MemberOf(Target home) => _members.GetValueOrDefault(home.Id, home.Id);

    internal async Task<string> HeadOfAsync(Target home) =>
        $"{await _database.ScalarAsync<Guid>("select resident_id from memberships where household_id = $1 and to_day is null and is_head", home.Id)}";

    /// <summary>A fresh object in the place of one that a request that is allowed uses up.</summary>
    internal async Task<Target> RenewedAsync(Target target)
    {
        await using var db = OwnerContext.Create(_superuser);
        var id = Guid.CreateVersion7();
        switch (target.Kind)
        {
            case TargetKind.Branch:
                var (branch, above) = (await db.GridNodes.AsNoTracking().SingleAsync(n => n.Id == target.Id), await db.GridNodes.AsNoTracking().SingleAsync(n => n.Id == target.Node));
                db.Add(BranchOf(id, above, branch.LevelCode));
                if (above.RootId is null) db.Add(new Backend.Domain.Wall.WallRoot { NodeId = id, Version = 1, HistoryFrom = 1 });
                break;
            case TargetKind.StandIn:
                var named = await db.StandIns.AsNoTracking().SingleAsync(s => s.Id == target.Id);
                db.Add(new StandIn { Id = id, PostId = named.PostId, AccountId = named.AccountId, FromDay = Far, ToDay = Far });
                break;
            case TargetKind.Appointment:
                var held = await db.Appointments.AsNoTracking().SingleAsync(a => a.Id == target.Id);
                db.Add(new Appointment { Id = id, PostId = held.PostId, AccountId = held.AccountId, FromDay = Far, ToDay = Far });
                break;
            case TargetKind.BindingRequest:
                var asked = await db.BindingRequests.AsNoTracking().SingleAsync(b => b.Id == target.Id);
                var invite = InviteOf(await db.Residents.AsNoTracking().SingleAsync(r => r.Id == asked.ResidentId), $"{id}");
                db.Add(invite);
                db.Add(RequestBy(id, invite));
                break;
            case TargetKind.Guardianship:
                var acts = await db.Guardianships.AsNoTracking().SingleAsync(g => g.Id == target.Id);
                db.Add(GuardianshipOf(id, await db.Residents.AsNoTracking().SingleAsync(r => r.Id == acts.WardId), acts.GuardianId));
                break;
            case TargetKind.RightsRequest:
                var filed = await db.RightsRequests.AsNoTracking().SingleAsync(r => r.Id == target.Id);
                db.Add(RightsRequestOf(id, await db.Residents.AsNoTracking().SingleAsync(r => r.Id == filed.ResidentId)));
                break;
            case TargetKind.Account:
                db.Add(new Account { Id = id, Name = "somebody" });
                break;
            case TargetKind.StaffProposal:
                db.Add(ProposalOf(id, (await db.StaffProposals.AsNoTracking().SingleAsync(p => p.Id == target.Id)).PostId));
                break;
            case TargetKind.StaffAppointment:
                db.Add(LaterOf(id, (await db.Appointments.AsNoTracking().SingleAsync(a => a.Id == target.Id)).PostId));
                break;
            case TargetKind.Display:
                db.Add(DisplayOn(id, await db.GridNodes.AsNoTracking().SingleAsync(n => n.Id == target.Node)));
                break;
            case TargetKind.Session:
                return target with { Id = (await OpenAsync([Everybody.First(c => c.Account == target.Account && c.Kind == SessionKind.WeChat)]))[0].Session!.Value };
            default:
                return target;
        }

        await db.SaveChangesAsync();
        return target with { Id = id };
    }

    /// <summary>Whether the object stands in the route.</summary>
    internal bool IsAddressed(PolicyRequest request) => _routes[request.Operation].Route.Contains("{id}", StringComparison.Ordinal);

    internal string NewCode()
    {
        var code = $"code-{Guid.CreateVersion7():N}";
        Api.WeChat.AddCode(code, _scene.OpenIdOf(_people[0]));
        return code;
    }

    internal async Task<string> NewRefreshTokenAsync()
    {
        var token = Guid.CreateVersion7().ToString("N");
        await using var db = OwnerContext.Create(_superuser);
        db.Add(SessionOf(new Caller("", WhoSignsIn, Session: Guid.CreateVersion7(), Credentials: token)));
        await db.SaveChangesAsync();
        return token;
    }

    /// <summary>A binding ticket, and an invite for one of those whom nobody has bound yet.</summary>
    internal async Task<object> NewBindingAsync()
    {
        var invite = $"{Guid.CreateVersion7()}";
        await using var db = OwnerContext.Create(_superuser);
        var head = _scene.Head($"{Floors[0]}-3");
        db.Add(InviteOf(await db.Residents.AsNoTracking().SingleAsync(r => r.Id == head), invite));
        var bindingTicket = AddBindingTicket(db);
        await db.SaveChangesAsync();
        return new { bindingTicket, invite };
    }

    /// <summary>A binding ticket, and a phone that WeChat has verified.</summary>
    internal async Task<object> NewPhoneBindingAsync()
    {
        var phoneCode = $"phone-{Guid.CreateVersion7():N}";
        Api.WeChat.AddPhone(phoneCode, "10087654321");
        await using var db = OwnerContext.Create(_superuser);
        var bindingTicket = AddBindingTicket(db);
        await db.SaveChangesAsync();
        return new { bindingTicket, phoneCode };
    }

    private static string AddBindingTicket(BackendDb db)
    {
        var (id, ticket) = (Guid.CreateVersion7(), $"{Guid.CreateVersion7()}");
        db.Add(new BindingTicket
        {
            Id = id,
            Hash = Tokens.Hash(ticket),
            OpenIdIndex = id.ToByteArray(),
            OpenId = Vault.Seal(SealedFields.BindingOpenId, id, ticket),
            ExpiresAt = Api.Noon.AddMinutes(10),
        });
        return ticket;
    }

    /// <summary>Who is proposed for posts of staff: nobody who asks.</summary>
    internal Guid WhoMayBeStaff => _scene.Account("to be staff").Id;

    /// <summary>By a recovery code and at a browser of its own, so that none is refused for having come often.</summary>
    internal async Task<object> NewPasswordSignInAsync()
    {
        var deviceToken = Guid.CreateVersion7().ToString();
        await using var db = OwnerContext.Create(_superuser);
        db.Add(new StaffDevice { Id = Guid.CreateVersion7(), AccountId = WhoSignsIn, Hash = Tokens.Hash(deviceToken), CreatedAt = Api.Noon });
        await db.SaveChangesAsync();
        return new { userName = _scene.UserNameOf(_people[0]), password = StaffFactors.Word, code = await NewRecoveryCodeAsync(WhoSignsIn), deviceToken };
    }

    internal async Task<string> NewRecoveryCodeAsync(Guid? account)
    {
        var code = SecondFactors.NewRecoveryCode();
        await _database.ExecuteAsync("update staff_credentials set recovery_codes = recovery_codes || $2 where account_id = $1", account ?? Guid.Empty, SecondFactors.HashOf(code));
        return code;
    }

    internal object NewAuthenticator(Guid account)
    {
        var proof = Api.Services.GetRequiredService<SecondFactors>().Begin(account, "somebody").Proof;
        return new { proof, code = StaffFactors.FirstCode(proof, Api.Noon) };
    }

    internal async Task<string> NewStaffInvitationAsync(Guid? account = null)
    {
        var invitation = Guid.CreateVersion7().ToString();
        await using var db = OwnerContext.Create(_superuser);
        db.Add(new StaffInvitation { Id = Guid.CreateVersion7(), Hash = Tokens.Hash(invitation), AccountId = account ?? WhoSignsIn, IssuedAt = Api.Noon, ExpiresAt = Api.Noon.AddDays(7) });
        await db.SaveChangesAsync();
        return invitation;
    }

    internal async Task<object> NewAcceptanceAsync()
    {
        var proof = Api.Services.GetRequiredService<SecondFactors>().Begin(WhoSignsIn, "somebody").Proof;
        return new { invitation = await NewStaffInvitationAsync(), proof, password = StaffFactors.Word, code = StaffFactors.FirstCode(proof, Api.Noon) };
    }

    /// <summary>Who signs in at the identity provider, and binds the same identity again and again.</summary>
    internal Guid WhoIsBound => _scene.Account("bound to the provider").Id;

    internal async Task<(object Body, string Cookie)> NewOidcSignInAsync()
    {
        var browser = await OidcBrowser.SetOutAsync(Api);
        var (code, state) = _oidc.Authorise(browser.Address, Subject);
        return (new { code, state }, browser.Cookie);
    }

    internal async Task<(object Body, string Cookie)> NewOidcBindingAsync()
    {
        var browser = await OidcBrowser.SetOutAsync(Api);
        var (code, state) = _oidc.Authorise(browser.Address, Subject);
        return (new { invitation = await NewStaffInvitationAsync(WhoIsBound), code, state }, browser.Cookie);
    }

    private StaffProposal ProposalOf(Guid id, Guid post)
    {
        var day = Tomorrow.AddDays(30 + Interlocked.Increment(ref _days));
        return new StaffProposal { Id = id, PostId = post, AccountId = WhoMayBeStaff, FromDay = day, ToDay = day, ProposedBy = _scene.Account("proposer").Id, ProposedAt = Api.Noon };
    }

    private Appointment LaterOf(Guid id, Guid post)
    {
        var day = Tomorrow.AddDays(30 + Interlocked.Increment(ref _days));
        return new Appointment { Id = id, PostId = post, AccountId = WhoMayBeStaff, FromDay = day, ToDay = day };
    }

    private Invite InviteOf(Resident resident, string secret) => new()
    {
        Id = Guid.CreateVersion7(),
        Hash = Tokens.Hash(secret),
        ResidentId = resident.Id,
        HouseholdId = resident.HouseholdId,
        NodePath = resident.NodePath,
        IssuedBy = _scene.Account("staff").Id,
        IssuedAt = Api.Noon,
        ExpiresAt = Api.Noon.AddDays(7),
    };

    private static GridNode BranchOf(Guid id, GridNode above, string level) => new()
    {
        Id = id,
        ParentId = above.Id,
        LevelCode = level,
        Code = $"n{id:N}",
        Name = "空网格",
        Path = $"{above.Path}.n{id:N}",
        RootId = above.RootId ?? id,
    };

    private Guardianship GuardianshipOf(Guid id, Resident ward, Guid guardian) => new()
    {
        Id = id,
        GuardianId = guardian,
        WardId = ward.Id,
        HouseholdId = ward.HouseholdId,
        NodePath = ward.NodePath,
        FromDay = Day,
        ToDay = Day.AddYears(4),
        Evidence = Vault.Seal(SealedFields.GuardianshipEvidence, id, "户口簿"),
        RecordedBy = _scene.Account("staff").Id,
        RecordedAt = Api.Noon,
    };

    private RightsRequest RightsRequestOf(Guid id, Resident about) => new()
    {
        Id = id,
        AccountId = _scene.Account("named long before").Id,
        ResidentId = about.Id,
        HouseholdId = about.HouseholdId,
        NodePath = about.NodePath,
        Kind = RightsRequestKind.Explain,
        Content = Vault.Seal(SealedFields.RightsRequestContent, id, "请说明"),
        RequestedAt = Api.Noon,
        DueDay = Day.AddDays(21),
    };

    /// <summary>An adult of the child's household.</summary>
    internal async Task<Guid> GuardianOfAsync(Target child) => await _database.ScalarAsync<Guid>(
        "select resident_id from memberships where household_id = $1 and to_day is null and is_head", child.Household ?? Guid.Empty);

    private static BindingRequest RequestBy(Guid id, Invite invite) => new()
    {
        Id = id,
        InviteId = invite.Id,
        ResidentId = invite.ResidentId,
        HouseholdId = invite.HouseholdId,
        NodePath = invite.NodePath,
        OpenId = Vault.Seal(SealedFields.RequestedOpenId, id, $"o{id:N}"[..28]),
        OpenIdIndex = id.ToByteArray(),
        RequestedAt = Api.Noon,
    };

    /// <summary>The holder of another post whom the caller may name; of one who may not name anybody just anybody.</summary>
    internal Guid WhoMayBeNamed(Cell cell)
    {
        bool MayBeNamed((Guid Account, Guid Post, Guid Node) held) => held.Account != cell.Caller.Account && !_holders.Exists(o => o.Account == held.Account && o.Post == cell.Target.Id)
            && Oracle.Expect(cell.Caller, cell.Request.Operation, new Target(TargetKind.Post, held.Post, held.Node)) == Verdict.Allowed;
        return _holders.FirstOrDefault(MayBeNamed, _holders[0]).Account;
    }

    /// <summary>On a day that is still free.</summary>
    internal object NewDays(Guid who)
    {
        var day = Text(Tomorrow.AddDays(30 + Interlocked.Increment(ref _days)));
        return new { accountId = who, fromDay = day, toDay = day };
    }

    /// <summary>Of a door that there is not: it opens nothing, so no other cell changes. Her count for the day begins anew.</summary>
    internal async Task<object> NewEmergencyAsync(Guid? account)
    {
        await _database.ExecuteAsync("delete from emergency_accesses where account_id = $1", account ?? Guid.Empty);
        return new { nodeId = Guid.CreateVersion7(), door = "404", hours = 1, justification = "电话打不通，怕有意外" };
    }

    internal (string Layout, string Version) WallOf(Target target) => _walls.GetValueOrDefault(target.Id, _walls[_scene.Node("").Id]);

    /// <summary>The audit entries of these traces.</summary>
    internal async Task<ILookup<string, AuditRow>> AuditAsync(IEnumerable<string> traces)
    {
        await using var command = _superuser.CreateCommand("select correlation_id, operation, account_id, roles, result, target_ids from audit_entries where correlation_id = any($1)");
        command.Parameters.Add(new NpgsqlParameter { Value = traces.ToArray() });
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<AuditRow>();
        while (await reader.ReadAsync())
        {
            rows.Add(new AuditRow(
                reader.GetString(0), reader.GetString(1), reader.IsDBNull(2) ? null : reader.GetGuid(2), reader.IsDBNull(3) ? "" : reader.GetString(3), reader.GetString(4),
                reader.GetFieldValue<Guid[]>(5)));
        }

        return rows.ToLookup(r => r.Trace);
    }

    /// <summary>Floors with three households each, the third without an account, and a leader on every node above them.</summary>
    private void Settle()
    {
        foreach (var floor in Floors)
        {
            foreach (var number in (int[])[1, 2, 3]) _scene.Home(floor, $"{floor}-{number}", Day);
            _scene.Member($"{floor}-3", "儿童", Day.AddYears(-9), Day);
        }

        foreach (var branch in Branches) _scene.Place(branch);
        var nodes = Floors.SelectMany(f => f.Split('.').Select((_, i) => string.Join('.', f.Split('.')[..(i + 1)]))).Append("").Distinct().ToList();
        foreach (var node in nodes)
        {
            var depth = node.Length == 0 ? 0 : node.Split('.').Length;
            // On the way to the first floor the role is the name.
            var isOnTheWay = $"{Floors[0]}.".StartsWith($"{node}.", StringComparison.Ordinal) || depth == 0;
            Hold(isOnTheWay ? $"{Leaders[depth]}" : $"{Leaders[depth]} {node}", Seat(Leaders[depth], node));
        }

        _chosen.UnionWith(Leaders.Select(r => $"{r}"));
        // And one seat on each that waits for somebody.
        foreach (var floor in Floors) Seat(Role.FloorLeader, floor);
    }

    /// <summary>The other roles, and every other way to hold one (A-58, B-14).</summary>
    private void Fill()
    {
        Choose("staff", Seat(Role.Staff, "s1.c1"));
        Choose("labour officer", Seat(Role.LabourOfficer, "s1.c1"));
        Choose("liaison", Seat(Role.DepartmentLiaison, "s1"));
        Choose("system admin", Seat(Role.SystemAdmin, ""));
        Choose("security admin", Seat(Role.SecurityAdmin, ""));
        Choose("audit admin", Seat(Role.AuditAdmin, ""));
        Choose("leader of two floors", Seat(Role.FloorLeader, "s1.c1.a1.b1", floors: (2, 3)));
        Choose("leader of two households", Seat(Role.FloorLeader, "s1.c1.a1.b1", doors: ["s1.c1.a1.b1.f3-1", "s1.c1.a1.b10.f1-1"]));
        Choose("leader until yesterday", Seat(Role.FloorLeader, "s1.c1.a1.b1.f1"), Long, Yesterday);
        Choose("leader until yesterday who lives there", Seat(Role.FloorLeader, "s1.c1.a1.b1.f1"), Long, Yesterday);
        Choose("staff until yesterday, labour officer since", Seat(Role.Staff, "s1.c1"), Long, Yesterday);
        Choose("staff until yesterday, labour officer since", Seat(Role.LabourOfficer, "s1.c2"), Day);
        Choose("leader from tomorrow", Seat(Role.FloorLeader, "s1.c1.a1.b1.f1"), Tomorrow);
        Choose("leader whose last day is today", Seat(Role.FloorLeader, "s1.c1.a1.b1.f1"), Long, Day);
        Choose("leader here, staff there", Seat(Role.FloorLeader, "s1.c1.a1.b1.f2"));
        Choose("leader here, staff there", Seat(Role.Staff, "s1.c2"));
        (string Who, DateOnly From, DateOnly To)[] standIns = [("stand-in", Yesterday, Day), ("stand-in until yesterday", Long, Yesterday), ("stand-in from tomorrow", Tomorrow, Tomorrow)];
        foreach (var (who, from, to) in standIns)
        {
            Choose(who, Seat(Role.FloorLeader, "s1.c1.a1.b10.f1"));
            StandsIn(who, Seat(Role.BuildingLeader, "s1.c1.a2.b1"), from, to);
        }

        foreach (var resident in (string[])["resident", "resident who moved", "resident who left"])
        {
            Account(resident);
            _chosen.Add(resident);
        }

        void Choose(string who, Post post, DateOnly? from = null, DateOnly? to = null)
        {
            Hold(who, post, from, to);
            _chosen.Add(who);
        }
    }

    /// <summary>Everybody can sign in at a browser; posts of staff without a holder, with somebody proposed and somebody appointed for later.</summary>
    private void Employ()
    {
        foreach (var name in _people) _scene.AtBrowser(name);
        foreach (var name in (string[])["to be staff", "proposer"]) _scene.Known(name);
        _scene.Add(_oidc.Bound(_scene.Known("bound to the provider").Id, Subject, Vault));
        for (var i = 0; i < 2; i++)
        {
            _accounts.Add(_scene.Known($"looked after {i}").Id);
            var post = Seat(i == 0 ? Role.Staff : Role.SystemAdmin, i == 0 ? "s1.c1" : "");
            _staffPosts.Add(post.Id);
            _scene.Add(ProposalOf(Guid.CreateVersion7(), post.Id));
            _scene.Add(LaterOf(Guid.CreateVersion7(), post.Id));
        }
    }

    /// <summary>The crowd: any role on any place for any days.</summary>
    private void Draw()
    {
        var lot = new Random(Seed);
        var roles = Enum.GetValues<Role>().Where(r => r != Role.Resident).ToArray();
        string[] places = [.. Floors, .. Floors.Select(f => f[..f.LastIndexOf('.')]), "s1.c1.a1", "s1.c1.a2", "s1.c1", "s1.c2", "s2.c1", "s1", ""];
        (DateOnly From, DateOnly To)[] days = [(Long, Far), (Long, Day), (Day, Far), (Long, Yesterday), (Tomorrow, Tomorrow)];
        for (var i = 0; i < Crowd; i++)
        {
            for (var posts = lot.Next(1, 4); posts > 0; posts--)
            {
                var (place, role, when) = (places[lot.Next(places.Length)], roles[lot.Next(roles.Length)], days[lot.Next(days.Length)]);
                var post = lot.Next(4) switch
                {
                    0 when place.EndsWith("b1", StringComparison.Ordinal) => Seat(role, place, floors: (lot.Next(1, 3), lot.Next(3, 5))),
                    1 => Seat(role, place, doors: [$"{Floors[lot.Next(Floors.Length)]}-1", $"{Floors[lot.Next(Floors.Length)]}-2"]),
                    _ => Seat(role, place),
                };
                // Days from 30 on are kept free for those who are named by the matrix itself.
                if (lot.Next(3) == 0) StandsIn($"one of the crowd {i}", post, when.From, when.To == Far ? Tomorrow : when.To);
                else Hold($"one of the crowd {i}", post, when.From, when.To == Far ? null : when.To);
            }
        }
    }

    /// <summary>Photos, alarms, displays and stand-ins to ask about, and of each kind one that is gone again.</summary>
    private void Furnish()
    {
        foreach (var door in Floors.SelectMany(f => (string[])[$"{f}-1", $"{f}-2"]))
        {
            var home = _scene.Household(door);
            _scene.Add(PhotoOf(home));
            var change = new TierChange
            {
                Id = Guid.CreateVersion7(),
                HouseholdId = home.Id,
                NodePath = home.NodePath,
                From = Tier.Green,
                To = Tier.Orange,
                EngineTier = Tier.Orange,
                RuleSet = "test",
                RuleSetHash = "0",
                Day = Yesterday,
                At = Api.Noon.AddDays(-1),
                Evidence = Sealed.None,
            };
            _scene.Add(change);
            _scene.Add(new Alarm { Id = Guid.CreateVersion7(), TierChangeId = change.Id, HouseholdId = home.Id, NodePath = home.NodePath, Tier = Tier.Orange, OpenedAt = change.At });
        }

        _scene.Known("named long before");
        var leader = _scene.Account($"{Role.FloorLeader}").Id;
        _scene.Add(new AccountPhoto { Id = Guid.CreateVersion7(), AccountId = leader, ContentType = "image/png", Width = 1, Height = 1, TakenAt = Api.Noon });

        var halls = ((string[])["", "s1", "s2", "s1.c1", "s1.c2", "s2.c1"]).ToDictionary(p => p, p => DisplayOn(Guid.CreateVersion7(), _scene.Node(p)));
        foreach (var hall in halls.Values) _scene.Add(hall);

        Screen("staff's wall", "staff", SessionKind.Display, "s1.c1");
        Screen("staff's wall of one building", "staff", SessionKind.Display, "s1.c1.a1.b1");
        Screen("building leader's wall", $"{Role.BuildingLeader}", SessionKind.Display, "s1.c1.a1.b1");
        Screen("wall of staff until yesterday", "staff until yesterday, labour officer since", SessionKind.Display, "s1.c1");
        foreach (var place in (string[])["s1.c1", "s1"]) Screen($"hall of {place}", "staff", SessionKind.Hall, place, halls[place].Id);

        var (community, floor) = (_scene.Node("s1.c1"), _scene.Node(Floors[0]));
        _gone.AddRange([
            new GridNode { Id = Guid.CreateVersion7(), ParentId = community.Id, LevelCode = "area", Code = "gone", Name = "gone", Path = $"{community.Path}.gone", RootId = community.Id },
            new Household { Id = Guid.CreateVersion7(), NodeId = floor.Id, NodePath = floor.Path, RootId = community.Id, Door = "gone", RecordedOn = Long },
            new Post { Id = Guid.CreateVersion7(), Role = Role.FloorLeader, NodeId = floor.Id, Title = "gone" },
            PhotoOf(_scene.Household($"{Floors[0]}-1")),
            new StandIn { Id = Guid.CreateVersion7(), PostId = _seats[0].Id, AccountId = leader, FromDay = Far, ToDay = Far },
            DisplayOn(Guid.CreateVersion7(), community),
            SessionOf(new Caller("", leader, Session: Guid.CreateVersion7(), Credentials: "gone")),
            new Notice { Id = Guid.CreateVersion7(), AccountId = leader, CauseKind = CauseKind.TierChange, CauseId = Guid.CreateVersion7(), CreatedAt = Api.Noon }]);
        foreach (var row in _gone) _scene.Add(row);
        var ended = SessionOf(new Caller("", leader, Session: Guid.CreateVersion7(), Credentials: "ended"));
        ended.EndedAt = Api.Noon.AddDays(-1);
        _scene.Add(ended);
        var revoked = DisplayOn(Guid.CreateVersion7(), community);
        revoked.RevokedAt = Api.Noon.AddDays(-1);
        _scene.Add(revoked);

        void Screen(string name, string by, SessionKind kind, string at, Guid? display = null) =>
            _screens.Add(new Caller(name, _scene.Account(by).Id, kind, _scene.Node(at).Id, display));

        static Photo PhotoOf(Household home) => new()
        {
            Id = Guid.CreateVersion7(),
            HouseholdId = home.Id,
            NodePath = home.NodePath,
            ContentType = "image/png",
            Width = 1,
            Height = 1,
            TakenAt = Api.Noon,
        };
    }

    /// <summary>What is said in words of the database: who lives where, everybody's notices, a stand-in on each place that has a post for one.</summary>
    private async Task MoveInAsync()
    {
        (string Who, string Door)[] homes =
        [
            ("resident", $"{Floors[0]}-1"), ("leader until yesterday who lives there", $"{Floors[0]}-2"), ("resident who moved", $"{Floors[1]}-1"), ("resident who left", $"{Floors[1]}-2"),
            .. Floors[2..].Select((f, i) => ($"one of the crowd {i}", $"{f}-2")),
        ];
        foreach (var (who, door) in homes)
        {
            await _database.ExecuteAsync("update accounts set resident_id = (select resident_id from memberships where household_id = $2) where id = $1",
                _scene.Account(who).Id, _scene.Household(door).Id);
        }

        await _database.ExecuteAsync("""
            insert into memberships (id, household_id, resident_id, node_path, from_day, to_day, is_head, shares_income)
            select gen_random_uuid(), h.id, a.resident_id, h.node_path, h.recorded_on, $3, false, true from households h, accounts a where h.id = $1 and a.id = $2
            """, _scene.Household($"{Floors[2]}-1").Id, _scene.Account("resident who moved").Id, Yesterday);
        await _database.ExecuteAsync(
            "update memberships set to_day = $2 where resident_id = (select resident_id from accounts where id = $1)", _scene.Account("resident who left").Id, Yesterday);
        await _database.ExecuteAsync("""
            insert into notices (id, account_id, cause_kind, cause_id, created_at) select gen_random_uuid(), a.id, 'tier_change', c.id, c.at from accounts a, tier_changes c
            """);
        await _database.ExecuteAsync("""
            insert into notice_alarms (notice_id, alarm_id, account_id) select n.id, a.id, n.account_id from notices n join alarms a on a.tier_change_id = n.cause_id
            """);
        await _database.ExecuteAsync($"""
            insert into appointments (id, post_id, account_id, from_day, to_day)
            select distinct on (node_id) gen_random_uuid(), id, $1, $2, $2 from posts where {IsNearFamilies} order by node_id, id
            """, _scene.Account("named long before").Id, Far);
        await using (var db = OwnerContext.Create(_superuser))
        {
            foreach (var door in Floors.Select(f => $"{f}-3"))
            {
                var (head, home) = (_scene.Head(door), _scene.Household(door).Id);
                var invite = InviteOf(await db.Residents.AsNoTracking().SingleAsync(r => r.Id == head), door);
                db.Add(invite);
                db.Add(RequestBy(Guid.CreateVersion7(), invite));
                var child = await db.Residents.AsNoTracking().SingleAsync(r => r.HouseholdId == home && r.Id != head);
                db.Add(GuardianshipOf(Guid.CreateVersion7(), child, head));
                db.Add(RightsRequestOf(Guid.CreateVersion7(), child));
            }

            await db.SaveChangesAsync();
        }

        await _database.ExecuteAsync($"""
            insert into stand_ins (id, post_id, account_id, from_day, to_day)
            select distinct on (node_id) gen_random_uuid(), id, $1, $2, $2 from posts where {IsNearFamilies} order by node_id, id
            """, _scene.Account("named long before").Id, Far);
    }

    /// <summary>A row that was there and is gone again.</summary>
    private async Task RemoveAsync()
    {
        await using var db = OwnerContext.Create(_superuser);
        db.RemoveRange(_gone);
        await db.SaveChangesAsync();
    }

    private async Task<List<Target>> ReadTargetsAsync()
    {
        await using var command = _superuser.CreateCommand($"""
            select 'Node', id, id, null::uuid, null::uuid, false from grid_nodes
            union all select 'HallNode', id, id, null, null, false from grid_nodes where coalesce(root_id, id) = id
            union all select 'Branch', id, parent_id, null, null, false from grid_nodes where code = 'x1'
            union all select 'Household', id, node_id, id, null, false from households
            union all select 'Photo', p.id, h.node_id, h.id, null, false from photos p join households h on h.id = p.household_id
            union all select 'Face', id, null, null, null, false from account_photos
            union all select 'Post', id, node_id, null, null, false from posts where {IsNearFamilies}
            union all select 'Vacancy', p.id, p.node_id, null, null, false from posts p
                where {IsNearFamilies} and not exists (select from appointments a where a.post_id = p.id and a.from_day < $2 and coalesce(a.to_day, $1) >= $1)
            union all select 'Appointment', a.id, p.node_id, null, null, a.to_day < $1 from appointments a join posts p on p.id = a.post_id
                where {IsNearFamilies} and (a.to_day < $1 or a.from_day = $2)
            union all select 'Member', h.id, h.node_id, h.id, null, false from households h where exists (select from memberships m where m.household_id = h.id and m.to_day is null and m.is_head)
            union all select 'Resident', id, (select node_id from households h where h.id = household_id), household_id, null, false from residents 
                where name <> '儿童' and not exists (select from invites i where i.resident_id = residents.id)
            union all select 'Child', r.id, h.node_id, h.id, null, false from residents r join households h on h.id = r.household_id where r.name = '儿童'
            union all select 'Guardianship', g.id, h.node_id, h.id, null, false from guardianships g join households h on h.id = g.household_id
            union all select 'RightsRequest', q.id, h.node_id, h.id, null, false from rights_requests q join households h on h.id = q.household_id
            union all select 'BindingRequest', b.id, h.node_id, h.id, null, false from binding_requests b join households h on h.id = b.household_id
            union all select 'Account', id, null, null, null, false from accounts where id = any($3)
            union all select 'StaffPost', id, null, null, null, false from posts where id = any($4)
            union all select 'StaffProposal', id, null, null, null, false from staff_proposals
            union all select 'StaffAppointment', id, null, null, null, false from appointments where post_id = any($4)
            union all select 'StandIn', s.id, p.node_id, null, null, s.to_day < $1 from stand_ins s join posts p on p.id = s.post_id where s.to_day < $1 or s.from_day = $2
            union all select 'Display', id, node_id, null, null, revoked_at is not null from displays
            union all select 'Session', id, null, null, account_id, true from sessions
            union all select 'Notice', id, null, null, account_id, false from notices
            union all select 'Alarm', l.notice_id, h.node_id, h.id, l.account_id, false
                from notice_alarms l join alarms a on a.id = l.alarm_id join households h on h.id = a.household_id
            order by 1, 2
            """);
        command.Parameters.Add(new NpgsqlParameter { Value = Day });
        command.Parameters.Add(new NpgsqlParameter { Value = Far });
        command.Parameters.Add(new NpgsqlParameter { Value = _accounts.ToArray() });
        command.Parameters.Add(new NpgsqlParameter { Value = _staffPosts.ToArray() });
        await using var reader = await command.ExecuteReaderAsync();
        var targets = new List<Target> { Target.Nothing };
        Guid? Id(int column) => reader.IsDBNull(column) ? null : reader.GetGuid(column);
        while (await reader.ReadAsync())
            targets.Add(new Target(Enum.Parse<TargetKind>(reader.GetString(0)), reader.GetGuid(1), Id(2), Id(3), Id(4), reader.GetBoolean(5)));

        await using var holders = _superuser.CreateCommand("""
            select a.account_id, p.id, p.node_id from appointments a join posts p on p.id = a.post_id where a.from_day <= $1 and coalesce(a.to_day, $1) >= $1 order by p.id
            """);
        holders.Parameters.Add(new NpgsqlParameter { Value = Day });
        await using var held = await holders.ExecuteReaderAsync();
        while (await held.ReadAsync()) _holders.Add((held.GetGuid(0), held.GetGuid(1), held.GetGuid(2)));

        await using var members = _superuser.CreateCommand("select household_id, resident_id from memberships where to_day is null and is_head");
        await using var living = await members.ExecuteReaderAsync();
        while (await living.ReadAsync()) _members.Add(living.GetGuid(0), living.GetGuid(1));
        return targets;
    }

    private static IEnumerable<Target> GoneTargets(object row) => row switch
    {
        GridNode node => [new(TargetKind.Node, node.Id, Gone: true), new(TargetKind.HallNode, node.Id, Gone: true), new(TargetKind.Branch, node.Id, Gone: true)],
        Household home => [new(TargetKind.Household, home.Id, Gone: true), new(TargetKind.Member, home.Id, Gone: true)],
        Photo photo => [new(TargetKind.Photo, photo.Id, Gone: true)],
        Post post => [new(TargetKind.Post, post.Id, Gone: true), new(TargetKind.Vacancy, post.Id, Gone: true)],
        StandIn standIn => [new(TargetKind.StandIn, standIn.Id, Gone: true)],
        Display display => [new(TargetKind.Display, display.Id, Gone: true)],
        Session session => [new(TargetKind.Session, session.Id, Gone: true)],
        Notice notice => [new(TargetKind.Notice, notice.Id, Gone: true), new(TargetKind.Alarm, notice.Id, Gone: true)],
        _ => throw new InvalidOperationException($"{row.GetType().Name} is no object of a request."),
    };

    private async Task ReadContractAsync()
    {
        var document = await _client.GetFromJsonAsync<JsonElement>("/swagger/v1/swagger.json");
        _routes = document.GetProperty("paths").EnumerateObject().SelectMany(p => p.Value.EnumerateObject().Select(m => (Route: p.Name, Method: m)))
            .ToDictionary(o => o.Method.Value.GetProperty("operationId").GetString()!, o => (HttpMethod.Parse(o.Method.Name), o.Route));
    }

    /// <summary>The layout and the version of each wall, as its compact form says them.</summary>
    private async Task ReadWallsAsync()
    {
        var top = Named($"{Role.DistrictManager}");
        foreach (var node in Targets[TargetKind.Node].Where(n => !n.Gone))
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/grid-nodes/{node.Id}/wall");
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", top.Credentials);
            request.Headers.Accept.ParseAdd("application/vnd.backend.wall-tiers");
            using var answer = await _client.SendAsync(request);
            var head = Encoding.Latin1.GetString(await answer.EnsureSuccessStatusCode().Content.ReadAsByteArrayAsync()).Split('\n')[0].Split(' ');
            _walls[node.Id] = (head[1], head[2]);
        }
    }

    /// <summary>Each caller with a session of her own that begins now.</summary>
    private async Task<List<Caller>> OpenAsync(IReadOnlyList<Caller> callers)
    {
        var tokens = Api.Services.GetRequiredService<Tokens>();
        var open = callers.Select(c =>
        {
            var session = Guid.CreateVersion7();
            return c with { Session = session, Credentials = c.Kind == SessionKind.WeChat ? tokens.Access(c.Account!.Value, session) : $"cookie-{session:N}" };
        }).ToList();
        await using var db = OwnerContext.Create(_superuser);
        db.AddRange(open.Select(SessionOf));
        await db.SaveChangesAsync();
        return open;
    }

    private static Session SessionOf(Caller caller) => new()
    {
        Id = caller.Session!.Value,
        AccountId = caller.Account!.Value,
        Kind = caller.Kind,
        TokenHash = SHA256.HashData(Encoding.UTF8.GetBytes(caller.Credentials)),
        CreatedAt = Api.Noon,
        LastUsedAt = Api.Noon,
        ExpiresAt = Api.Noon.AddDays(90),
        SteppedUpAt = Api.Noon,
        NodeId = caller.Node,
        DisplayId = caller.Display,
    };

    private Display DisplayOn(Guid id, GridNode node) => new()
    {
        Id = id,
        NodeId = node.Id,
        NodePath = node.Path,
        Name = "一楼大厅",
        RegisteredBy = _scene.Account("staff").Id,
        RegisteredAt = Api.Noon,
    };

    /// <summary>A post on a node with what it looks after: the node, floors of it, or single households.</summary>
    private Post Seat(Role role, string at, (int From, int To)? floors = null, string[]? doors = null)
    {
        var post = new Post { Id = Guid.CreateVersion7(), Role = role, NodeId = _scene.Place(at).Node(at).Id, Title = $"{role} {at}" };
        _seats.Add(post);
        _scene.Add(post);
        if (doors is null) _scene.Add(new Assignment { Id = Guid.CreateVersion7(), PostId = post.Id, NodeId = post.NodeId, FloorFrom = floors?.From, FloorTo = floors?.To });
        foreach (var door in doors ?? []) _scene.Add(new Assignment { Id = Guid.CreateVersion7(), PostId = post.Id, HouseholdId = _scene.Household(door).Id });
        return post;
    }

    private void Hold(string who, Post post, DateOnly? from = null, DateOnly? to = null) =>
        _scene.Add(new Appointment { Id = Guid.CreateVersion7(), PostId = post.Id, AccountId = Account(who), FromDay = from ?? Long, ToDay = to });

    private void StandsIn(string who, Post post, DateOnly from, DateOnly to) =>
        _scene.Add(new StandIn { Id = Guid.CreateVersion7(), PostId = post.Id, AccountId = Account(who), FromDay = from, ToDay = to });

    private Guid Account(string who)
    {
        if (!_people.Contains(who)) _people.Add(who);
        return _scene.Known(who).Id;
    }

    private static string Text(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}

/// <summary>What the matrix looks at of an audit entry.</summary>
internal sealed record AuditRow(string Trace, string Operation, Guid? Account, string Roles, string Result, Guid[] Targets);
