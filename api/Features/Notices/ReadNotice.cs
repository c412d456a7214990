using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Notices;

/// <summary>Marks a notice as read. Reading stops nothing: only "I take it" does.</summary>
internal static class ReadNotice
{
    public static void Map(RouteGroupBuilder notices) =>
        notices.MapPost("/{id:guid}/read", Handle).WithName("readNotice")
            .WithSummary("标为已读")
            .WithDescription("只标记已读，不停止任何提醒；确认收到请用 acknowledgement。")
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    public static async Task<Results<NoContent, ProblemHttpResult>> Handle(Guid id, BackendDb db, CurrentAccount me, CancellationToken cancellation)
    {
        var notice = await db.Notices.SingleOrDefaultAsync(n => n.Id == id && n.AccountId == me.Id, cancellation);
        if (notice is null) return Problems.NotFound.Result();
        notice.ReadAt ??= db.Now;
        return TypedResults.NoContent();
    }
}
