using Backend.Domain.Accounts;
using Backend.Platform;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.Persistence;
using Backend.Platform.Security;

namespace Backend.Features.Wall;

/// <summary>
/// The wall page at <c>/wall</c> and the hall page at <c>/hall</c>. With <c>?ticket=</c> the single-use ticket is exchanged once for a display session:
/// an HttpOnly, SameSite=Strict cookie for one node, 12 hours for a member of staff, 90 days from its last use for a registered display (design.md
/// section 4 "Screens"). The pages themselves hold no data.
/// </summary>
internal static class OpenWall
{
    public static readonly TimeSpan StaffLifetime = TimeSpan.FromHours(12), HallLifetime = TimeSpan.FromDays(90);

    public static void Map(WebApplication app)
    {
        var unguarded = new UnguardedAttribute("the page's own files; its data is fetched from guarded operations");
        app.MapGet("/wall", Handle).WithName("openWall").ExcludeFromDescription().WithMetadata(unguarded);
        app.MapGet("/hall", (HttpContext http, IWebHostEnvironment environment) => Pages.Answer(http, environment, "wall/hall.html"))
            .WithName("openHall").ExcludeFromDescription().WithMetadata(unguarded);
    }

    public static async Task<IResult> Handle(
        string? ticket, HttpContext http, IWebHostEnvironment environment, BackendDb db, AppDataSource source, CurrentAccount me, AuditWriter audit, CancellationToken cancellation)
    {
        if (ticket is null) return Pages.Answer(http, environment, "wall/index.html");
        http.Response.Headers.CacheControl = "no-store";

        var taken = await SignIn.TakeTicketAsync(source, ticket, TicketPurpose.Display, db.Now, cancellation);
        if (taken is not { NodeId: { } node }) return Problems.TicketInvalid.Result();

        me.Enter("openWall", null, [], Scope.Nobody);
        me.Become(taken.AccountId);
        var lifetime = taken.DisplayId is null ? StaffLifetime : HallLifetime;
        var token = Tokens.Random();
        var session = new Session
        {
            Id = Guid.CreateVersion7(db.Now),
            AccountId = taken.AccountId,
            Kind = taken.DisplayId is null ? SessionKind.Display : SessionKind.Hall,
            TokenHash = Tokens.Hash(token),
            CreatedAt = db.Now,
            LastUsedAt = db.Now,
            ExpiresAt = db.Now + lifetime,
            NodeId = node,
            DisplayId = taken.DisplayId,
        };
        await db.BeginAsync(cancellation);
        db.Sessions.Add(session);
        audit.Add(AuditWriter.Done, session.Id, node);
        await db.CommitAsync(cancellation);
        SetCookie(http, token, lifetime);
        return Results.Redirect(taken.DisplayId is null ? "/wall" : "/hall");
    }

    public static void SetCookie(HttpContext http, string token, TimeSpan lifetime) =>
        http.Response.Cookies.Append(Authentication.DisplayCookie, token, new CookieOptions
        {
            HttpOnly = true,
            SameSite = SameSiteMode.Strict,
            Secure = http.Request.IsHttps,
            Path = "/",
            MaxAge = lifetime,
        });
}
