using Backend.Domain.Accounts;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Staff;

/// <summary>Where somebody else is signed in, for the security administration (ID09).</summary>
internal static class ListAccountSessions
{
    public sealed record Response(IReadOnlyList<Item> Items);

    /// <param name="Id">The session.</param>
    /// <param name="Kind">A phone, a console, or a wall that was opened in a browser.</param>
    /// <param name="CreatedAt">When it was signed in.</param>
    /// <param name="LastUsedAt">Its last renewal.</param>
    /// <param name="ExpiresAt">When it ends by itself.</param>
    public sealed record Item(Guid Id, SessionKind Kind, DateTimeOffset CreatedAt, DateTimeOffset LastUsedAt, DateTimeOffset ExpiresAt);

    /// <summary>As the database gives it.</summary>
    private sealed record Row(Guid Id, string Kind, DateTimeOffset CreatedAt, DateTimeOffset LastUsedAt, DateTimeOffset ExpiresAt);

    public static void Map(RouteGroupBuilder accounts) =>
        accounts.MapGet("/{id:guid}/sessions", Handle).WithName("listAccountSessions")
            .WithSummary("某账号的登录")
            .WithDescription("该账号尚未结束的登录，最近使用的在前。")
            .ForConsole()
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(Guid id, BackendDb db, AuditWriter audit, CancellationToken cancellation)
    {
        if (!await db.Accounts.AnyAsync(a => a.Id == id, cancellation)) return Problems.NotFound.Result();
        var rows = await db.Database.SqlQuery<Row>($"select id, kind, created_at, last_used_at, expires_at from app.sessions_of({id}, {db.Now})").ToListAsync(cancellation);
        audit.Add(AuditWriter.Done, id);
        return TypedResults.Ok(new Response([.. rows.Select(r => new Item(r.Id, SnakeCase.Parse<SessionKind>(r.Kind), r.CreatedAt, r.LastUsedAt, r.ExpiresAt))]));
    }
}
