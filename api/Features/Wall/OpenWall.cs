using Backend.Domain.Accounts;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.Persistence;
using Backend.Platform.Security;

namespace Backend.Features.Wall;

/// <summary>
/// The wall page at <c>/wall</c>. With <c>?ticket=</c> the single-use ticket is exchanged once for a display session: an HttpOnly, SameSite=Strict
/// cookie for one node and 12 hours (design.md section 4 "Screens"). The page itself holds no data.
/// </summary>
internal static class OpenWall
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(12);

    public static void Map(WebApplication app) =>
        app.MapGet("/wall", Handle).WithName("openWall").ExcludeFromDescription()
            .WithMetadata(new UnguardedAttribute("the page's own files; its data is fetched from guarded operations"));

    public static async Task<IResult> Handle(
        string? ticket, HttpContext http, IWebHostEnvironment environment, BackendDb db, AppDataSource source, CurrentAccount me, AuditWriter audit, CancellationToken cancellation)
    {
        http.Response.Headers.CacheControl = "no-store";
        if (ticket is null)
        {
            var page = environment.WebRootFileProvider.GetFileInfo("wall/index.html");
            return page.Exists ? Results.File(page.PhysicalPath!, "text/html; charset=utf-8") : Problems.NotFound.Result();
        }

        var taken = await SignIn.TakeTicketAsync(source, ticket, TicketPurpose.Display, db.Now, cancellation);
        if (taken is not { NodeId: { } node }) return Problems.TicketInvalid.Result();

        me.Enter("openWall", null, [], Scope.Nobody);
        me.Become(taken.AccountId);
        var token = Tokens.Random();
        var session = new Session
        {
            Id = Guid.CreateVersion7(db.Now),
            AccountId = taken.AccountId,
            Kind = SessionKind.Display,
            TokenHash = Tokens.Hash(token),
            CreatedAt = db.Now,
            LastUsedAt = db.Now,
            ExpiresAt = db.Now + Lifetime,
            NodeId = node,
        };
        await db.BeginAsync(cancellation);
        db.Sessions.Add(session);
        audit.Add(AuditWriter.Done, session.Id, node);
        await db.CommitAsync(cancellation);
        http.Response.Cookies.Append(Authentication.DisplayCookie, token, new CookieOptions
        {
            HttpOnly = true,
            SameSite = SameSiteMode.Strict,
            Secure = http.Request.IsHttps,
            Path = "/",
            MaxAge = Lifetime,
        });
        return Results.Redirect("/wall");
    }
}
