using Backend.Domain.Accounts;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Sessions;

/// <summary>Where I am signed in now (ID09). A display in a public hall stands for itself and is not among them: see ListDisplays.</summary>
internal static class ListSessions
{
    /// <summary>More than anybody has; the last used come first.</summary>
    private const int Most = 200;

    public sealed record Response(IReadOnlyList<Item> Items);

    /// <param name="Id">The session.</param>
    /// <param name="Kind">A phone, a console, or a wall that was opened in a browser.</param>
    /// <param name="IsCurrent">The one that asks.</param>
    /// <param name="CreatedAt">When it was signed in.</param>
    /// <param name="LastUsedAt">Its last renewal, every 15 minutes while it is in use; of a wall, its opening.</param>
    /// <param name="ExpiresAt">When it ends by itself.</param>
    public sealed record Item(Guid Id, SessionKind Kind, bool IsCurrent, DateTimeOffset CreatedAt, DateTimeOffset LastUsedAt, DateTimeOffset ExpiresAt);

    public static void Map(RouteGroupBuilder sessions) =>
        sessions.MapGet("/", Handle).WithName("listSessions")
            .WithSummary("我的登录")
            .WithDescription("本人仍有效的登录：手机、后台和打开的监测屏，最近使用的在前。陌生的登录可以逐个结束。")
            .InOneTransaction()
            .BeforeNotice()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded);

    public static async Task<Ok<Response>> Handle(BackendDb db, CurrentAccount me, CancellationToken cancellation) =>
        TypedResults.Ok(new Response(await db.Sessions.AsNoTracking().Live(db.Now)
            .OrderByDescending(s => s.LastUsedAt).ThenBy(s => s.Id).Take(Most)
            .Select(s => new Item(s.Id, s.Kind, s.Id == me.SessionId, s.CreatedAt, s.LastUsedAt, s.ExpiresAt)).ToListAsync(cancellation)));

    /// <summary>A person's own sessions that have not ended, by hand or by time; row level security leaves those of her account alone.</summary>
    public static IQueryable<Session> Live(this IQueryable<Session> sessions, DateTimeOffset now)
    {
        // A renewed session may rest for seven days, a console for half an hour, whatever its end says (ID04, ID07); a wall lasts until its end.
        var (idle, idleConsole) = (now - Tokens.RefreshIdle, now - Tokens.ConsoleIdle);
        return sessions.Where(s => s.Kind != SessionKind.Hall && s.EndedAt == null && s.ExpiresAt > now
            && (s.Kind != SessionKind.WeChat || s.LastUsedAt > idle) && (s.Kind != SessionKind.Console || s.LastUsedAt > idleConsole));
    }
}
