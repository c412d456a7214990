using System.Text.Json.Nodes;
using Backend.Platform.Security;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Contract.Generated;

/// <summary>A request with an effect: whoever may, with the smallest body that is taken.</summary>
internal sealed record WriteRequest(string Who, string Method, string Target, JsonNode? Body = null, string? IfMatch = null, string? Cookie = null);

/// <summary>One for every operation that changes something. Each stands for itself: none needs another to have been sent, or to be left out.</summary>
internal sealed class WriteRequests : IDisposable
{
    private readonly Dictionary<string, WriteRequest> _requests = [];
    private readonly Dictionary<string, SignedIn> _people = [];
    private readonly HttpClient _client;

    private WriteRequests(ContractScene scene) => _client = scene.Client();

    public IReadOnlyCollection<string> Operations => _requests.Keys;

    public WriteRequest this[string operation] => _requests[operation];

    public static async Task<WriteRequests> OfAsync(ContractScene scene)
    {
        var writes = new WriteRequests(scene);
        foreach (var who in (string[])["员工", "楼层长", "社区", "居民", "安全", "街道"]) writes._people[who] = await scene.SignInAsync(who);
        var staff = writes._people["员工"];
        var community = scene.Scene.Node("s.c").Id;
        async Task<string> MakeAsync(string path, object body) => (await staff.SendAsync(HttpMethod.Post, path, body).OkAsync()).GetProperty("id").GetString()!;
        object Days(string who, int from) => new { accountId = scene.Scene.Account(who).Id, fromDay = PostgresFixture.DemoDay.AddDays(from), toDay = PostgresFixture.DemoDay.AddDays(from + 1) };

        var code = $"code-{Guid.CreateVersion7():N}";
        scene.Api.WeChat.AddCode(code, scene.Scene.OpenIdOf("员工"));
        writes.Add("signInWithWeChat", "", "POST", "/sessions/wechat", new { code });
        var proof = scene.Api.Services.GetRequiredService<SecondFactors>();
        (string Invitation, string Proof) invited = (await scene.StaffInvitationAsync(), proof.Begin(scene.Invitee, "somebody").Proof);
        var ownProof = proof.Begin(scene.Scene.Account("安全").Id, "somebody").Proof;
        writes.Add("signInWithPassword", "", "POST", "/sessions/password", new { userName = scene.Scene.UserNameOf(ContractScene.Employee(1)), password = StaffFactors.Word, code = StaffFactors.Code(Api.Noon) });
        writes.Add("stepUpSession", "街道", "POST", "/sessions/current/step-up", new { code = StaffFactors.Code(Api.Noon) });
        writes.Add("changePassword", "安全", "PUT", "/me/password", new { password = StaffFactors.Word, newPassword = StaffFactors.Word });
        writes.Add("beginAuthenticator", "安全", "POST", "/me/authenticator");
        writes.Add("setAuthenticator", "安全", "PUT", "/me/authenticator", new { proof = ownProof, code = StaffFactors.FirstCode(ownProof, Api.Noon) });
        writes.Add("inviteStaff", "安全", "POST", "/staff-invitations", new { userName = $"{scene.Scene.Top}.new", name = "新员工" });
        writes.Add("openStaffInvitation", "", "POST", "/staff-invitations/opening", new { invitation = await scene.StaffInvitationAsync() });
        writes.Add("acceptStaffInvitation", "", "POST", "/staff-invitations/acceptance",
            new { invitation = invited.Invitation, proof = invited.Proof, password = StaffFactors.Word, code = StaffFactors.FirstCode(invited.Proof, Api.Noon) });
        writes.Add("startOidcSignIn", "", "POST", "/oidc/sign-ins");
        var (browser, oidcCode, state) = await scene.ComeBackAsync(binds: false);
        writes.Add("finishOidcSignIn", "", "POST", "/oidc/sessions", new { code = oidcCode, state }, cookie: browser);
        (browser, oidcCode, state) = await scene.ComeBackAsync(binds: true);
        writes.Add("bindOidcIdentity", "", "POST", "/oidc/bindings", new { invitation = await scene.StaffInvitationAsync(), code = oidcCode, state }, cookie: browser);
        foreach (var (operation, method, end, employee) in ((string, string, string, int)[])[("endAccountSessions", "DELETE", "sessions", 2), ("disableAccount", "POST", "disablement", 3), ("enableAccount", "POST", "enablement", 3)])
            writes.Add(operation, "安全", method, $"/staff-accounts/{scene.Scene.Account(ContractScene.Employee(employee)).Id}/{end}");
        writes.Add("proposeStaff", "安全", "POST", $"/staff-posts/{scene.StaffPost}/proposals", new { accountId = scene.Scene.Account(ContractScene.Employee(4)).Id, fromDay = PostgresFixture.DemoDay.AddDays(250), toDay = PostgresFixture.DemoDay.AddDays(250) });
        writes.Add("approveStaff", "安全", "POST", $"/staff-proposals/{await scene.StaffProposalAsync("安全二", 5)}/approval");
        writes.Add("refuseStaff", "安全", "POST", $"/staff-proposals/{await scene.StaffProposalAsync("安全二", 6)}/refusal");
        writes.Add("dismissStaff", "安全", "DELETE", $"/staff-appointments/{await scene.StaffAppointmentAsync()}");
        writes.Add("refreshSession", "", "POST", "/sessions/refresh", new { refreshToken = (await scene.SignInAsync("二层")).RefreshToken });
        writes.Add("endSessionById", "员工", "DELETE", $"/sessions/{await SessionAsync(scene, staff)}");
        writes.Add("createTicket", "员工", "POST", "/tickets", new { purpose = "display", nodeId = community });
        writes.Add("registerDisplay", "员工", "POST", "/displays", new { nodeId = community, name = "一楼大厅" });
        writes.Add("revokeDisplay", "员工", "DELETE", $"/displays/{await MakeAsync("/api/v1/displays", new { nodeId = community, name = "二楼大厅" })}");
        var post = $"/api/v1/posts/{scene.Scene.PostOf("二层").Id}/stand-ins";
        writes.Add("nameStandIn", "员工", "POST", post["/api/v1".Length..], Days("楼层长", 0));
        writes.Add("endStandIn", "员工", "DELETE", $"/stand-ins/{await MakeAsync(post, Days("楼长", 10))}");
        writes.Add("appointLeader", "社区", "POST", $"/posts/{scene.Scene.VacantAt("s.c.a.b.f3").Id}/appointments", new { accountId = scene.Scene.Account("楼层长").Id, fromDay = PostgresFixture.DemoDay });
        writes.Add("dismissLeader", "社区", "DELETE", $"/appointments/{await scene.Database.ScalarAsync<Guid>("select id from appointments where post_id = $1", scene.Scene.PostOf("片区长").Id)}");
        writes.Add("addGridNode", "社区", "POST", $"/grid-nodes/{scene.Scene.Node("s.c.a.b").Id}/nodes", new { nodeCode = "f20", name = "二十层", level = "floor" });
        writes.Add("renameGridNode", "社区", "PUT", $"/grid-nodes/{scene.Scene.Node("s.c.a.b.f7").Id}/name", new { name = "七层" }, "\"0\"");
        writes.Add("moveGridNode", "社区", "PUT", $"/grid-nodes/{scene.Scene.Node("s.c.a.b.f8").Id}/place", new { parentId = scene.Scene.Node("s.c.a.b2").Id }, "\"0\"");
        writes.Add("removeGridNode", "社区", "DELETE", $"/grid-nodes/{scene.Scene.Node("s.c.a.b.f9").Id}", ifMatch: "\"0\"");
        writes.Add("inviteResident", "员工", "POST", $"/residents/{scene.Scene.Head(scene.Door(2))}/invites");
        writes.Add("bindWithInvite", "", "POST", "/binding-requests", new { bindingTicket = await scene.StrangerAsync(), invite = await scene.InviteAsync(staff, scene.Door(3)) });
        writes.Add("bindWithPhone", "", "POST", "/binding-requests/phone", new { bindingTicket = await scene.StrangerAsync(), phoneCode = scene.PhoneCode() });
        writes.Add("approveBinding", "员工", "POST", $"/binding-requests/{await scene.BindingRequestAsync(staff, scene.Door(5))}/approval");
        writes.Add("refuseBinding", "员工", "POST", $"/binding-requests/{await scene.BindingRequestAsync(staff, scene.Door(6))}/refusal");
        var home = scene.Scene.Household(scene.Door(2)).Id;
        writes.Add("revealPhone", "员工", "POST", $"/households/{home}/residents/{scene.Scene.Head(scene.Door(2))}/phone-reveals", new { purpose = "visit", justification = "约定上门时间" });
        writes.Add("openEmergencyAccess", "员工", "POST", "/emergency-accesses", new { nodeId = scene.Scene.Node("s.d").Id, door = "404", hours = 1, justification = "电话打不通，怕有意外" });
        writes.Add("endEmergencyAccess", "员工", "DELETE", "/emergency-accesses/current");
        writes.Add("reviseFacts", "员工", "PUT", $"/households/{home}/facts", new
        {
            values = new[] { new { subject = "household", subjectId = home, tag = "last_major_event", value = "illness", observedAt = PostgresFixture.DemoDay } },
        }, "\"1\"");
        writes.Add("recordConsent", "员工", "POST", "/me/consents", new { purpose = "household_care", noticeVersion = 1 });
        writes.Add("withdrawConsent", "员工", "POST", "/me/consents/withdrawals", new { purpose = "own_photo" });
        writes.Add("fileRightsRequest", "居民", "POST", "/rights-requests", new { kind = "explain", content = "请说明" });
        writes.Add("decideRightsRequest", "员工", "POST", $"/rights-requests/{await ContractScene.RightsRequestAsync(writes._people["居民"])}/decision", new { granted = true, answer = "已说明" });
        writes.Add("recordGuardianship", "员工", "POST", $"/residents/{scene.Child(scene.Door(2))}/guardianships", new { guardianId = scene.Scene.Head(scene.Door(2)), evidence = "户口簿" });
        writes.Add("endGuardianship", "员工", "DELETE", $"/guardianships/{await scene.GuardianshipAsync(staff, scene.Door(3))}");
        writes.Add("recordWeChatConsents", "员工", "POST", "/me/wechat-consents", new { results = new[] { new { templateId = WeChatStub.SubscribeTemplate, result = "accept" } } });
        var notices = (await writes._people["楼层长"].GetAsync("/api/v1/notices").OkAsync()).GetProperty("items");
        writes.Add("readNotice", "楼层长", "POST", $"/notices/{notices[0].GetProperty("id").GetString()}/read");
        notices = (await staff.GetAsync("/api/v1/notices").OkAsync()).GetProperty("items");
        writes.Add("acknowledgeNotice", "员工", "POST", $"/notices/{notices[0].GetProperty("id").GetString()}/acknowledgement");
        // Last, and by somebody else: it ends the session that it is sent with.
        writes.Add("endSession", "社区", "DELETE", "/sessions/current");
        return writes;
    }

    /// <param name="operation">Its id.</param>
    /// <param name="body">Instead of its own.</param>
    /// <param name="key">Null: one of its own. Empty: none.</param>
    public Task<Answer> SendAsync(string operation, string? body = null, string? key = null)
    {
        var write = _requests[operation];
        var request = new GeneratedRequest(write.Method, write.Target, []).With(
            ("Authorization", write.Who.Length == 0 ? null : Authorization(write.Who)), ("Content-Type", "application/json"), ("If-Match", write.IfMatch), ("Cookie", write.Cookie),
            ("Idempotency-Key", key switch { null => Guid.CreateVersion7().ToString(), "" => null, _ => key }));
        return request.WithBody(body ?? write.Body?.ToJsonString()).SendAsync(_client);
    }

    public string Authorization(string who) => $"Bearer {_people[who].AccessToken}";

    public void Dispose() => _client.Dispose();

    private static async Task<string> SessionAsync(ContractScene scene, SignedIn staff)
    {
        await scene.SignInAsync("员工");
        return (await staff.GetAsync("/api/v1/sessions").OkAsync()).GetProperty("items").EnumerateArray().First(s => !s.GetProperty("isCurrent").GetBoolean()).GetProperty("id").GetString()!;
    }

    private void Add(string operation, string who, string method, string path, object? body = null, string? ifMatch = null, string? cookie = null) =>
        _requests[operation] = new WriteRequest(who, method, $"/api/v1{path}", body is null ? null : System.Text.Json.JsonSerializer.SerializeToNode(body), ifMatch, cookie);
}
