using System.Net.Http.Json;
using Backend.Domain.Accounts;
using Backend.Domain.Grid;
using Backend.Domain.Households;
using Backend.Platform.Files;
using Backend.Platform.Outbox;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Contract.Generated;

/// <summary>Who sends requests.</summary>
/// <param name="Name">In the scene.</param>
/// <param name="Role">Of a person; null: a screen, or nobody.</param>
/// <param name="Kind">Of a screen.</param>
internal sealed record Caller(string Name, Role? Role, SessionKind? Kind = null)
{
    public bool May(OperationPolicy row) => row.Anonymous || Kind switch
    {
        SessionKind.Display => row.Display,
        SessionKind.Hall => row.Hall,
        _ => Role is { } role && row.Allows(role),
    };
}

/// <summary>A district in which every operation has something to answer: two communities, people of every role, screens, photos, alarms.</summary>
internal sealed class ContractScene : IAsyncDisposable
{
    private static readonly (string Name, Role Role, string Path, bool Leads)[] People =
    [
        ("员工", Role.Staff, "s.c", false), ("楼层长", Role.FloorLeader, "s.c.a.b.f1", true), ("二层", Role.FloorLeader, "s.c.a.b.f2", true), ("楼长", Role.BuildingLeader, "s.c.a.b", true),
        ("片区长", Role.AreaLeader, "s.c.a", true), ("社区", Role.CommunityLeader, "s.c", true), ("街道", Role.StreetManager, "s", false), ("区", Role.DistrictManager, "", false),
        ("劳务", Role.LabourOfficer, "s.c", false), ("系统", Role.SystemAdmin, "", false), ("安全", Role.SecurityAdmin, "", false), ("安全二", Role.SecurityAdmin, "", false), ("审计", Role.AuditAdmin, "", false), ("审计二", Role.AuditAdmin, "", false), ("外社区", Role.Staff, "s.d", false), ("外楼层", Role.FloorLeader, "s.d.a.b.f1", true),
    ];

    private const int Employees = 40;

    private const string Invited = "受邀", Bound = "已绑定", BoundSubject = "subject-who-is-bound", InvitedSubject = "subject-who-is-invited";

    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<string, Guid> _children = [];
    private int _days = 300;

    private ContractScene(PostgresDatabase database) => Database = database;

    public PostgresDatabase Database { get; }

    public Api Api { get; private set; } = null!;

    public OidcStub Oidc { get; } = new();

    public Scene Scene { get; private set; } = null!;

    public static IReadOnlyList<Caller> Callers { get; } =
    [
        .. People.Select(p => new Caller(p.Name, p.Role)), new Caller("居民", Role.Resident), new Caller("监测屏", null, SessionKind.Display), new Caller("大厅屏", null, SessionKind.Hall), new Caller("无", null),
    ];

    public static async Task<ContractScene> StartAsync(PostgresDatabase database)
    {
        var scene = new ContractScene(database);
        await scene.BuildAsync();
        return scene;
    }

    /// <summary>Neither cookies nor redirects: what is sent and what comes back is for the test to see.</summary>
    public HttpClient Client() => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        RequestHeaderEncodingSelector = (_, _) => System.Text.Encoding.UTF8,
        Expect100ContinueTimeout = TimeSpan.FromSeconds(30),
    })
    { BaseAddress = Api.Address };

    /// <summary>With a second factor shown just now. Whoever was disabled by what was sent before may come back.</summary>
    public async Task<SignedIn> SignInAsync(string who)
    {
        await Database.ExecuteAsync("update accounts set disabled_at = null where id = $1 and disabled_at is not null", Scene.Account(who).Id);
        var signedIn = await Api.SignInAsync(Scene.OpenIdOf(who));
        await Database.ExecuteAsync("update sessions set stepped_up_at = $2 where account_id = $1", Scene.Account(who).Id, Api.Noon);
        return signedIn;
    }

    /// <summary>The header that a caller shows from now on; null for nobody.</summary>
    public async Task<(string Name, string Value)?> CredentialsAsync(Caller caller)
    {
        if (caller.Role is not null) return ("Authorization", $"Bearer {(await SignInAsync(caller.Name)).AccessToken}");
        if (caller.Kind is null) return null;
        var staff = await SignInAsync("员工");
        var node = Scene.Node("s.c").Id;
        var given = caller.Kind == SessionKind.Display
            ? await staff.SendAsync(HttpMethod.Post, "/api/v1/tickets", new { purpose = "display", nodeId = node }).OkAsync()
            : await staff.SendAsync(HttpMethod.Post, "/api/v1/displays", new { nodeId = node, name = "一楼大厅" }).OkAsync();
        using var browser = Client();
        using var opened = await browser.GetAsync($"/wall?ticket={given.GetProperty("ticket").GetString()}");
        return ("Cookie", opened.Headers.GetValues("Set-Cookie").Single().Split(';')[0]);
    }

    /// <summary>What a client knows without having been answered: login codes, the template it asks for, the order of a wall's tiles.</summary>
    public async Task<KnownValues> KnownAsync(bool strays)
    {
        var known = new KnownValues(strays);
        foreach (var who in (string[])["楼层长", "员工", "居民"]) known.Add("", "loginCode", Code(Scene.OpenIdOf(who)));
        known.Add("", "loginCode", Code($"o{Scene.Top}-unbound"));
        known.Add("", "templateId", WeChatStub.SubscribeTemplate);
        var staff = await SignInAsync("员工");
        // Some have been invited and wait for a leader, others have yet to show what they were given.
        foreach (var door in Enumerable.Range(2, 8).Select(Door))
        {
            var (bindingTicket, invite) = (await StrangerAsync(), await InviteAsync(staff, door));
            known.Add("", "residentId", $"{Scene.Head(door)}");
            known.Add("", "residentId", $"{Child(door)}");
            known.Add("", "guardianId", $"{Scene.Head(door)}");
            known.Add("", $"guardian of {Child(door)}", $"{Scene.Head(door)}");
            known.AddLink($"/api/v1/residents/{Scene.Head(door)}/invites");
            known.Add("", "bindingTicket", bindingTicket);
            known.Add("", "invite", invite);
            known.Add("", "phoneCode", PhoneCode());
        }
        foreach (var door in Enumerable.Range(1, 9).Select(Door)) known.AddLink($"/api/v1/households/{Scene.Household(door).Id}/residents/{Scene.Head(door)}/phone-reveals");
        // Only what is empty moves: whoever sends requests keeps her households.
        foreach (var floor in Enumerable.Range(7, 3)) known.AddLink($"/api/v1/grid-nodes/{Scene.Node($"s.c.a.b.f{floor}").Id}/place");
        for (var i = 3; i < Employees; i++) known.AddLink($"/api/v1/staff-accounts/{Scene.Account(Employee(i)).Id}/disablement");
        foreach (var number in Enumerable.Range(1, 40)) known.Add("", "nodeCode", $"new_{number}");
        foreach (var purpose in (string[])["privacy_notice", "household_care", "own_photo"]) known.Add("", "purpose", purpose);
        var resident = await SignInAsync("居民");
        for (var i = 0; i < 12; i++)
        {
            known.Add("", "rightsRequestId", await RightsRequestAsync(resident));
            known.Add("", "guardianshipId", await GuardianshipAsync(staff, Door(2 + i % 8)));
        }

        // These are dismissed again; whoever sends requests keeps her post.
        var community = await SignInAsync("社区");
        foreach (var (floor, day) in from floor in Enumerable.Range(3, 4) from day in Enumerable.Range(200, 5) select (floor, PostgresFixture.DemoDay.AddDays(day)))
        {
            var appointed = await community.SendAsync(
                HttpMethod.Post, $"/api/v1/posts/{Scene.VacantAt($"s.c.a.b.f{floor}").Id}/appointments",
                new { accountId = Scene.Account("二层").Id, fromDay = day, toDay = day }).OkAsync();
            known.AddLink($"/api/v1/appointments/{appointed.GetProperty("id").GetString()}");
        }

        foreach (var word in (string[])["password", "newPassword"]) known.Add("", word, StaffFactors.Word);
        for (var i = 0; i < Employees; i++) known.Add("", "userName", Scene.UserNameOf(Employee(i)));
        for (var i = 0; i < 24; i++)
        {
            known.Add("", "invitation", await StaffInvitationAsync());
            foreach (var binds in (bool[])[false, true])
            {
                var (cookie, oidcCode, state) = await ComeBackAsync(binds);
                known.Add("", binds ? "stateToBind" : "stateToSignIn", state);
                known.Add("", $"code of {state}", oidcCode);
                known.Add("", $"cookie of {state}", cookie);
            }

            known.Add("", "staffProposalId", $"{await StaffProposalAsync("安全", i)}");
            known.Add("", "staffProposalId", $"{await StaffProposalAsync("安全二", i)}");
            known.AddLink($"/api/v1/staff-appointments/{await StaffAppointmentAsync()}");
        }

        using var ask = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/grid-nodes/{Scene.Node("s.c").Id}/wall");
        ask.Headers.Accept.ParseAdd("application/vnd.backend.wall-tiers");
        using var wall = await staff.Client.SendAsync(ask);
        known.Add("", "layoutVersion", (await wall.Content.ReadAsStringAsync()).Split(' ')[1]);
        return known;
    }

    /// <summary>The child of the household behind a door, from the second to the ninth.</summary>
    public Guid Child(string door) => _children[door];

    public async Task<string> GuardianshipAsync(SignedIn staff, string door) => (await staff.SendAsync(
        HttpMethod.Post, $"/api/v1/residents/{Child(door)}/guardianships", new { guardianId = Scene.Head(door), evidence = "户口簿" }).OkAsync()).GetProperty("id").GetString()!;

    public static async Task<string> RightsRequestAsync(SignedIn resident) =>
        (await resident.SendAsync(HttpMethod.Post, "/api/v1/rights-requests", new { kind = "explain", content = "请说明" }).OkAsync()).GetProperty("id").GetString()!;

    /// <summary>Those who sign in at a browser and do nothing else.</summary>
    public static string Employee(int number) => $"后台{number}";

    public Guid Invitee => Scene.Account(Invited).Id;

    public Guid StaffPost => Scene.VacantAt("s.c").Id;

    /// <summary>One that ends no other.</summary>
    public async Task<string> StaffInvitationAsync()
    {
        var invitation = Tokens.Random();
        await Database.ExecuteAsync("insert into staff_invitations (id, hash, account_id, issued_at, expires_at) values ($1, $2, $3, $4, $5)",
            Guid.CreateVersion7(), Tokens.Hash(invitation), Invitee, Api.Noon, Api.Noon.AddDays(7));
        return invitation;
    }

    /// <summary>A browser has come back from the identity provider, of somebody who is bound or of somebody who shall be.</summary>
    public async Task<(string Cookie, string Code, string State)> ComeBackAsync(bool binds)
    {
        var browser = await OidcBrowser.SetOutAsync(Api);
        var (code, state) = Oidc.Authorise(browser.Address, binds ? InvitedSubject : BoundSubject);
        return (browser.Cookie, code, state);
    }

    /// <summary>For a day of its own, by this administrator.</summary>
    public async Task<Guid> StaffProposalAsync(string by, int employee)
    {
        var day = PostgresFixture.DemoDay.AddDays(Interlocked.Increment(ref _days));
        var body = new { accountId = Scene.Account(Employee(employee)).Id, fromDay = day, toDay = day };
        return (await (await SignInAsync(by)).SendAsync(HttpMethod.Post, $"/api/v1/staff-posts/{StaffPost}/proposals", body).OkAsync()).GetProperty("id").GetGuid();
    }

    public async Task<Guid> StaffAppointmentAsync()
    {
        var (id, day) = (Guid.CreateVersion7(), PostgresFixture.DemoDay.AddDays(Interlocked.Increment(ref _days)));
        await Database.ExecuteAsync("insert into appointments (id, post_id, account_id, from_day, to_day) values ($1, $2, $3, $4, $4)", id, StaffPost, Scene.Account(Employee(0)).Id, day);
        return id;
    }

    /// <summary>The binding ticket of somebody whom nobody has bound.</summary>
    public async Task<string> StrangerAsync()
    {
        using var answer = await Api.Anonymous().PostAsJsonAsync("/api/v1/sessions/wechat", new { code = Code($"o{Guid.CreateVersion7():N}"[..28]) });
        return (await answer.JsonAsync()).GetProperty("bindingTicket").GetString()!;
    }

    /// <summary>Of a phone button, for a number that nobody has.</summary>
    public string PhoneCode()
    {
        var code = $"phone-{Guid.CreateVersion7():N}";
        Api.WeChat.AddPhone(code, "10087654321", again: true);
        return code;
    }

    public async Task<string> InviteAsync(SignedIn leader, string door) =>
        (await leader.SendAsync(HttpMethod.Post, $"/api/v1/residents/{Scene.Head(door)}/invites").OkAsync()).GetProperty("invite").GetString()!;

    /// <summary>Somebody has shown the invite of this door's head.</summary>
    public async Task<Guid> BindingRequestAsync(SignedIn leader, string door)
    {
        var (bindingTicket, invite) = (await StrangerAsync(), await InviteAsync(leader, door));
        await Api.Anonymous().PostAsJsonAsync("/api/v1/binding-requests", new { bindingTicket, invite }).OkAsync();
        return await Database.ScalarAsync<Guid>("select id from binding_requests where resident_id = $1 order by requested_at desc, id desc limit 1", Scene.Head(door));
    }

    /// <summary>All rows of all tables but the audit's and the limits', which count refusals too: equal texts mean that nothing was stored.</summary>
    public async Task<string> StoredAsync()
    {
        var tables = await Database.ScalarAsync<string[]>("select array_agg(relname::text order by relname) from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' and relname not like 'audit%' and relname <> 'call_counts'");
        var sums = tables!.Select(t => $"select '{t} ' || count(*) || ' ' || coalesce(md5(string_agg(md5(t::text), '' order by md5(t::text))), '') as line from \"{t}\" t");
        return (await Database.ScalarAsync<string>($"select string_agg(line, E'\\n') from ({string.Join(" union all ", sums)}) s"))!;
    }

    public async ValueTask DisposeAsync()
    {
        await Api.DisposeAsync();
        Oidc.Dispose();
        _folder.Dispose();
    }

    private string Code(string openId)
    {
        var code = $"code-{Guid.CreateVersion7():N}";
        Api.WeChat.AddCode(code, openId, again: true);
        return code;
    }

    private async Task BuildAsync()
    {
        Api = await Api.StartAsync(Database, new Dictionary<string, string?>(Api.Unlimited.Concat(Oidc.Configuration)) { ["Files:Folder"] = _folder.Path });
        Scene = new Scene(Api.Services.GetRequiredService<Vault>());
        foreach (var (name, role, path, leads) in People) Scene.Person(name, role, path, leads).AtBrowser(name);
        for (var i = 0; i < Employees; i++) Scene.AtBrowser(Employee(i));
        // Nobody is proposed for these beforehand, so that they are free on any day.
        for (var seat = 0; seat < 16; seat++) Scene.Vacant(Role.LabourOfficer, "s.c");
        Scene.Add(Oidc.Bound(Scene.Known(Bound).Id, BoundSubject, Api.Services.GetRequiredService<Vault>()));
        Scene.AtBrowser(Invited).Vacant(Role.Staff, "s.c");
        for (var seat = 0; seat < 16; seat++) Scene.Vacant(Role.FloorLeader, $"s.c.a.b.f{3 + seat % 4}");
        foreach (var empty in (string[])["b.f7", "b.f8", "b.f9", "b2"]) Scene.Place($"s.c.a.{empty}");
        for (var i = 1; i <= 12; i++) Scene.Home(i <= 9 ? $"s.c.a.b.f{(i - 1) / 3 + 1}" : "s.d.a.b.f1", Door(i), PostgresFixture.DemoDay);
        for (var i = 2; i <= 9; i++) _children[Door(i)] = Scene.Member(Door(i), $"儿童{i}", PostgresFixture.DemoDay.AddYears(-9), PostgresFixture.DemoDay);
        var (photo, leader) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var home = Scene.Household(Door(1));
        Scene.Add(new Photo { Id = photo, HouseholdId = home.Id, NodePath = home.NodePath, ContentType = "image/png", Width = 160, Height = 160, TakenAt = Api.Noon });
        Scene.Add(new AccountPhoto { Id = leader, AccountId = Scene.Account("楼层长").Id, ContentType = "image/png", Width = 160, Height = 160, TakenAt = Api.Noon });
        await Scene.SaveAsync(Database);
        await Database.ExecuteAsync("update residents r set photo_id = p.id from photos p where p.household_id = r.household_id");
        Scene.Known("居民").ResidentId = await Database.ScalarAsync<Guid>("select id from residents where household_id = $1", home.Id);
        await Scene.SaveAsync(Database);
        foreach (var one in (Guid[])[photo, leader]) await Api.Services.GetRequiredService<PhotoStore>().WriteAsync(one, "a picture"u8.ToArray(), default);
        var staff = await SignInAsync("员工");
        foreach (var door in Enumerable.Range(0, 24).Select(i => Door(2 + i % 8))) await BindingRequestAsync(staff, door);
        // Three households turn red, and everybody who looks after them is told.
        foreach (var id in ((int[])[1, 4, 7]).Select(i => Scene.Household(Door(i)).Id))
        {
            var values = new[] { new { subject = "household", subjectId = id, tag = "last_major_event", value = "illness", observedAt = PostgresFixture.DemoDay } };
            await staff.SendAsync(HttpMethod.Put, $"/api/v1/households/{id}/facts", new { values }, ifMatch: "\"1\"").OkAsync();
        }

        var (dispatcher, pump) = (Api.Services.GetRequiredService<OutboxDispatcher>(), Api.Services.GetRequiredService<DeliveryPump>());
        while (await dispatcher.DrainAsync(default) + await pump.DrainAsync(default) > 0) { }
    }

    public string Door(int number) => $"{Scene.Top}-{number}";
}
