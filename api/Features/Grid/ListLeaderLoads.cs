using System.ComponentModel.DataAnnotations;
using Backend.Domain.Grid;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Backend.Features.Grid;

/// <summary>
/// How many households each leader looks after, in grid order. It finds those who carry too much, so that somebody helps them; it ranks nobody, so
/// it cannot be sorted by load.
/// </summary>
internal static class ListLeaderLoads
{
    /// <param name="Guide">About so many are meant.</param>
    /// <param name="WarnAbove">More than this is flagged; a warning, not a block.</param>
    /// <param name="Leaders">Leaders of the place.</param>
    /// <param name="Households">Households they look after.</param>
    /// <param name="Mean">Households a leader, one decimal; 0 without leaders.</param>
    /// <param name="Above">How many leaders are flagged.</param>
    /// <param name="Items">One page, in grid order.</param>
    /// <param name="Next">Cursor of the next page, null on the last.</param>
    public sealed record Response(int Guide, int WarnAbove, int Leaders, int Households, decimal Mean, int Above, IReadOnlyList<Item> Items, string? Next);

    /// <param name="PostId">The post.</param>
    /// <param name="Title">Its title.</param>
    /// <param name="Role">Its role; above the floors only where households have no nearer leader.</param>
    /// <param name="NodeId">Where it stands in the grid.</param>
    /// <param name="NodeName">Name of that node.</param>
    /// <param name="Holder">Who holds it, null while it is vacant.</param>
    /// <param name="StandIn">Who acts for her today.</param>
    /// <param name="Households">Households of this place that the post looks after.</param>
    /// <param name="Above">Whether that is above <c>warnAbove</c>.</param>
    public sealed record Item(Guid PostId, string Title, Role Role, Guid NodeId, string NodeName, string? Holder, string? StandIn, int Households, bool Above);

    public static void Map(RouteGroupBuilder nodes) =>
        nodes.MapGet("/{id:guid}/leader-loads", Handle).WithName("listLeaderLoads")
            .WithSummary("网格长包户数")
            .WithDescription("每位网格长负责的户数，按网格顺序排列，不排名；原则上 15 户左右，超过 20 户提示。用 next 翻页。")
            .ForConsole()
            .Refuses(Problems.Invalid, Problems.CursorInvalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, GridMap map, AppDataSource source, CurrentAccount me, Cursors cursors, AuditWriter audit, TimeProvider clock, CancellationToken cancellation,
        [Range(1, 100, ErrorMessage = "limit 应为 1 到 100")] int limit = 50, string? cursor = null)
    {
        var grid = await map.ReadAsync(cancellation);
        if (grid.Find(id, me.Current) is not { } place) return Problems.NotFound.Result();
        var after = "";
        if (cursor is not null)
        {
            if (cursors.Read($"{id}", cursor) is not { } position) return Problems.CursorInvalid.Result();
            after = position;
        }

        await using var reader = await ScopedCommands.ReadAsync(source, me.Current, [.. GridAtWork.Commands(grid, place, clock.Today()), audit.ReadCommand([id])], cancellation);
        var work = await GridAtWork.ReadAsync(reader, grid, place, cancellation);
        var all = work.Loads.ToList();
        var page = all.Where(l => string.CompareOrdinal(work.KeyOf(l.Post), after) > 0).Take(limit + 1).ToList();
        var households = all.Sum(l => l.Households);
        return TypedResults.Ok(new Response(
            Responsibility.GuideLoad, Responsibility.WarningLoad, all.Count, households,
            all.Count == 0 ? 0 : decimal.Round((decimal)households / all.Count, 1, MidpointRounding.AwayFromZero), all.Count(IsAbove),
            page.Take(limit).Select(l => new Item(
                l.Post.Id, l.Post.Title, l.Post.Role, l.Post.NodeId, work.NameOf(l.Post.NodeId), l.Post.Holder, l.Post.StandIn, l.Households, IsAbove(l))).ToList(),
            page.Count > limit ? cursors.Sign($"{id}", work.KeyOf(page[limit - 1].Post)) : null));
    }

    public static bool IsAbove((PostToday Post, int Households) load) => load.Households > Responsibility.WarningLoad;
}
