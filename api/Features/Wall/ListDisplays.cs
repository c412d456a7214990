using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Wall;

/// <summary>The screens of public halls within reach that are registered now.</summary>
internal static class ListDisplays
{
    public sealed record Response(IReadOnlyList<Item> Displays);

    public sealed record Item(Guid Id, Guid NodeId, string Name, DateTimeOffset RegisteredAt);

    public static void Map(RouteGroupBuilder displays) =>
        displays.MapGet("/", Handle).WithName("listDisplays")
            .WithSummary("已登记的大厅屏")
            .WithDescription("本人负责范围内仍有效的大厅屏。")
            .ForConsole()
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed);

    public static async Task<Ok<Response>> Handle(BackendDb db, CancellationToken cancellation) =>
        TypedResults.Ok(new Response(await db.Displays.AsNoTracking().Where(d => d.RevokedAt == null)
            .OrderBy(d => d.RegisteredAt).ThenBy(d => d.Id).Take(500).Select(d => new Item(d.Id, d.NodeId, d.Name, d.RegisteredAt)).ToListAsync(cancellation)));
}
