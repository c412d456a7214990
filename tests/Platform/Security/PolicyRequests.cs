using Backend.Platform.Files;
using Backend.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace Backend.Tests.Platform.Security;

/// <summary>One question of the matrix: may this caller do this operation to this object?</summary>
internal sealed record Cell(PolicyDistrict District, PolicyRequest Request, Caller Caller, Target Target);

/// <summary>
/// How a valid request of an operation is made. Method and route come from the contract, <c>{id}</c> from the object, an Idempotency-Key of its own goes with
/// every change; what else it takes stands here.
/// </summary>
/// <param name="Operation">The operation.</param>
/// <param name="About">What its object is. An operation that may be asked with and without one, or about two kinds, stands here once for each.</param>
internal sealed record PolicyRequest(string Operation, TargetKind About)
{
    /// <summary>The rest of the route and the query.</summary>
    public Func<Cell, string>? Query { get; init; }

    public Func<Cell, Task<object>>? Body { get; init; }

    /// <summary>The current revision of the household or node goes along, so that two may not ask at once.</summary>
    public bool TakesRevision { get; init; }

    /// <summary>It uses up or changes the factors by which somebody signs in, so that one asks after the other.</summary>
    public bool IsAlone { get; init; }

    /// <summary>It ends the session that asks.</summary>
    public bool SpendsSession { get; init; }

    /// <summary>It says by itself who signs in, whatever session it comes with.</summary>
    public bool SignsIn { get; init; }

    /// <summary>Who signs in comes from the identity provider, with the cookie of the browser that set out.</summary>
    public Func<Cell, Task<(object Body, string Cookie)>>? FromProvider { get; init; }

    /// <summary>Whoever sends it, it is asked by nobody whom the service knows.</summary>
    public bool IsNameless { get; init; }

    /// <summary>Its answer holds no personal field and leaves no audit entry (AU02); a denial of it does.</summary>
    public bool IsUnaudited { get; init; }

    public string Name => About == TargetKind.Nothing ? Operation : $"{Operation} {About}";
}

/// <summary>
/// The requests of every operation of the contract. An operation that is missing here fails the matrix: a new one is put in with its object and, where it uses
/// its object up, with how that is renewed (<see cref="PolicyDistrict.RenewedAsync"/>).
/// </summary>
internal static class PolicyRequests
{
    public static readonly IReadOnlyList<PolicyRequest> All =
    [
        new("signInWithWeChat", TargetKind.Nothing) { Body = With(c => new { code = c.District.NewCode() }), SignsIn = true },
        new("signInWithPassword", TargetKind.Nothing) { Body = c => c.District.NewPasswordSignInAsync(), SignsIn = true, IsAlone = true },
        new("startOidcSignIn", TargetKind.Nothing) { IsUnaudited = true },
        new("finishOidcSignIn", TargetKind.Nothing) { FromProvider = c => c.District.NewOidcSignInAsync(), SignsIn = true },
        new("bindOidcIdentity", TargetKind.Nothing) { FromProvider = c => c.District.NewOidcBindingAsync(), SignsIn = true },
        new("refreshSession", TargetKind.Nothing) { Body = async c => new { refreshToken = await c.District.NewRefreshTokenAsync() }, SignsIn = true },
        new("endSession", TargetKind.Nothing) { SpendsSession = true },
        new("stepUpSession", TargetKind.Nothing) { Body = async c => new { code = await c.District.NewRecoveryCodeAsync(c.Caller.Account) }, IsAlone = true },
        new("listSessions", TargetKind.Nothing),
        new("endSessionById", TargetKind.Session),
        new("bindWithInvite", TargetKind.Nothing) { Body = async c => await c.District.NewBindingAsync(), IsNameless = true },
        new("bindWithPhone", TargetKind.Nothing) { Body = async c => await c.District.NewPhoneBindingAsync(), IsNameless = true },
        new("inviteResident", TargetKind.Resident),
        new("listBindingRequests", TargetKind.Nothing),
        new("approveBinding", TargetKind.BindingRequest),
        new("refuseBinding", TargetKind.BindingRequest),
        new("readMe", TargetKind.Nothing),
        new("changePassword", TargetKind.Nothing) { Body = With(_ => new { password = StaffFactors.Word, newPassword = StaffFactors.Word }), IsAlone = true },
        new("beginAuthenticator", TargetKind.Nothing),
        new("setAuthenticator", TargetKind.Nothing) { Body = With(c => c.District.NewAuthenticator(c.Caller.Account ?? Guid.Empty)), IsAlone = true },
        new("createTicket", TargetKind.Nothing) { Body = With(_ => new { purpose = "hub" }) },
        new("createTicket", TargetKind.Node) { Body = With(c => new { purpose = "display", nodeId = c.Target.Id }) },

        new("inviteStaff", TargetKind.Nothing) { Body = With(_ => new { name = "新员工", userName = $"u{Guid.CreateVersion7():N}"[..32] }) },
        new("openStaffInvitation", TargetKind.Nothing) { Body = async c => new { invitation = await c.District.NewStaffInvitationAsync() }, SignsIn = true },
        new("acceptStaffInvitation", TargetKind.Nothing) { Body = c => c.District.NewAcceptanceAsync(), SignsIn = true, IsAlone = true },
        new("listStaffAccounts", TargetKind.Nothing),
        new("listAccountSessions", TargetKind.Account),
        new("endAccountSessions", TargetKind.Account),
        new("disableAccount", TargetKind.Account),
        new("enableAccount", TargetKind.Account),
        new("listStaffPosts", TargetKind.Nothing),
        new("proposeStaff", TargetKind.StaffPost) { Body = With(c => c.District.NewDays(c.District.WhoMayBeStaff)) },
        new("approveStaff", TargetKind.StaffProposal),
        new("refuseStaff", TargetKind.StaffProposal),
        new("dismissStaff", TargetKind.StaffAppointment),

        new("readDisplay", TargetKind.Nothing) { IsUnaudited = true },
        new("readHall", TargetKind.Nothing) { IsUnaudited = true },
        new("registerDisplay", TargetKind.HallNode) { Body = With(c => new { nodeId = c.Target.Id, name = "一楼大厅" }) },
        new("listDisplays", TargetKind.Nothing),
        new("revokeDisplay", TargetKind.Display),
        new("addGridNode", TargetKind.Branch) { Body = With(_ => new { nodeCode = $"n{Guid.CreateVersion7():N}"[14..], name = "新网格", level = "floor" }) },
        new("renameGridNode", TargetKind.Branch) { Body = With(_ => new { name = "新名称" }), TakesRevision = true },
        new("moveGridNode", TargetKind.Branch) { Body = With(c => new { parentId = c.Target.Node ?? Guid.Empty, position = 3 }), TakesRevision = true },
        new("removeGridNode", TargetKind.Branch) { TakesRevision = true },
        new("readWall", TargetKind.Node) { IsUnaudited = true },
        new("readWallLayout", TargetKind.Node) { Query = c => c.District.WallOf(c.Target).Layout, IsUnaudited = true },
        new("readWallChanges", TargetKind.Node) { Query = c => $"?after={c.District.WallOf(c.Target).Version}", IsUnaudited = true },

        new("listGridNodes", TargetKind.Nothing) { IsUnaudited = true },
        new("readOverview", TargetKind.Node),
        new("readCoverage", TargetKind.Node),
        new("listLeaderLoads", TargetKind.Node),
        new("listVacancies", TargetKind.Node),
        new("listPosts", TargetKind.Node),
        new("appointLeader", TargetKind.Vacancy) { Body = With(c => c.District.NewDays(c.District.WhoMayBeNamed(c))) },
        new("dismissLeader", TargetKind.Appointment),
        new("nameStandIn", TargetKind.Post) { Body = With(c => c.District.NewDays(c.District.WhoMayBeNamed(c))) },
        new("endStandIn", TargetKind.StandIn),

        new("listHouseholds", TargetKind.Nothing),
        new("listHouseholds", TargetKind.Node) { Query = c => $"?nodeId={c.Target.Id}" },
        new("readHousehold", TargetKind.Household),
        new("readDecisionSheet", TargetKind.Household),
        new("explainReach", TargetKind.Household),
        new("reviseFacts", TargetKind.Household) { Body = With(c => PolicyDistrict.Fact("household", c.Target.Id, "water_safe")), TakesRevision = true },
        new("revealPhone", TargetKind.Member) { Query = c => $"{c.District.MemberOf(c.Target)}/phone-reveals", Body = With(_ => new { purpose = "visit", justification = "约定上门时间" }) },
        new("listReadings", TargetKind.Nothing),
        new("openEmergencyAccess", TargetKind.Nothing) { Body = c => c.District.NewEmergencyAsync(c.Caller.Account), IsAlone = true },
        new("listEmergencyAccesses", TargetKind.Nothing),
        new("endEmergencyAccess", TargetKind.Nothing),
        new("listAuditEntries", TargetKind.Nothing),
        new("exportAuditEntries", TargetKind.Nothing) { Query = _ => "?from=2026-01-01&to=2026-12-31" },
        new("readPhoto", TargetKind.Photo) { Query = LinkOf },
        new("readPhoto", TargetKind.Face) { Query = LinkOf },

        new("listNotices", TargetKind.Nothing),
        new("readNotice", TargetKind.Notice),
        new("acknowledgeNotice", TargetKind.Alarm),
        new("readWeChatConsents", TargetKind.Nothing),
        new("readPrivacyNotice", TargetKind.Nothing) { IsUnaudited = true },
        new("listConsents", TargetKind.Nothing),
        new("recordConsent", TargetKind.Nothing) { Body = With(_ => new { purpose = "privacy_notice", noticeVersion = 1 }) },
        new("withdrawConsent", TargetKind.Nothing) { Body = With(_ => new { purpose = "own_photo" }) },
        new("readMyData", TargetKind.Nothing),
        new("fileRightsRequest", TargetKind.Nothing) { Body = With(_ => new { kind = "explain", content = "请说明" }) },
        new("listRightsRequests", TargetKind.Nothing),
        new("decideRightsRequest", TargetKind.RightsRequest) { Body = With(_ => new { granted = true, answer = "已说明" }) },
        new("listGuardianships", TargetKind.Household),
        new("recordGuardianship", TargetKind.Child) { Body = async c => new { guardianId = await c.District.GuardianOfAsync(c.Target), evidence = "户口簿" } },
        new("endGuardianship", TargetKind.Guardianship),
        new("recordWeChatConsents", TargetKind.Nothing) { Body = With(_ => new { results = new[] { new { templateId = WeChatStub.SubscribeTemplate, result = "accept" } } }) },
    ];

    /// <summary>A true link of this very viewer, so that only her reach decides.</summary>
    public static string LinkOf(PolicyDistrict district, Caller viewer, Target photo)
    {
        var link = district.Api.Services.GetRequiredService<PhotoLinks>().To(photo.Id, viewer.Account ?? Guid.Empty)!;
        return link[link.IndexOf('?', StringComparison.Ordinal)..];
    }

    private static string LinkOf(Cell cell) => LinkOf(cell.District, cell.Caller, cell.Target);

    private static Func<Cell, Task<object>> With(Func<Cell, object> body) => cell => Task.FromResult(body(cell));
}
