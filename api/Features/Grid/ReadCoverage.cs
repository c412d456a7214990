using Backend.Domain.Grid;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Backend.Features.Grid;

/// <summary>居民在哪里，组织覆盖到哪里: whether every household of a place has somebody who looks after it today, and on which level.</summary>
internal static class ReadCoverage
{
    private const int MostPlaces = 200;

    /// <param name="Households">Households at or below the node.</param>
    /// <param name="WithoutLeader">Those that no leader looks after, up to the community: 0 is the aim.</param>
    /// <param name="LedBy">The others by the role of their nearest leader, from the floor up.</param>
    /// <param name="Places">Where the uncovered ones are, in grid order, at most 200 listed.</param>
    public sealed record Response(Guid NodeId, string NodeName, int Households, int WithoutLeader, IReadOnlyList<LedByRole> LedBy, IReadOnlyList<Gap> Places);

    /// <param name="Role">Role of the nearest leader who holds the post or stands in.</param>
    /// <param name="Households">Households whose nearest leader that is.</param>
    public sealed record LedByRole(Role Role, int Households);

    public sealed record Gap(Guid NodeId, string NodeName, int WithoutLeader);

    public static void Map(RouteGroupBuilder nodes) =>
        nodes.MapGet("/{id:guid}/coverage", Handle).WithName("readCoverage")
            .WithSummary("网格覆盖")
            .WithDescription("没有网格长的户数（目标为 0）、所在网格，以及各户最近的网格长属于哪一级。空缺职务由上一级接管。")
            .ForConsole()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, GridMap map, AppDataSource source, CurrentAccount me, AuditWriter audit, TimeProvider clock, CancellationToken cancellation)
    {
        var grid = await map.ReadAsync(cancellation);
        if (grid.Find(id, me.Current) is not { } place) return Problems.NotFound.Result();
        await using var reader = await ScopedCommands.ReadAsync(source, me.Current, [.. GridAtWork.Commands(grid, place, clock.Today()), audit.ReadCommand([id])], cancellation);
        var work = await GridAtWork.ReadAsync(reader, grid, place, cancellation);
        return TypedResults.Ok(new Response(
            place.Id, place.Name, work.HouseholdCount, work.WithoutLeader,
            work.Loads.Where(l => l.Households > 0).GroupBy(l => l.Post.Role).OrderBy(g => g.Key).Select(g => new LedByRole(g.Key, g.Sum(l => l.Households))).ToList(),
            work.Responsibility.WithoutLeader.OrderBy(w => grid.PlaceKey(w.Key), StringComparer.Ordinal).Take(MostPlaces)
                .Select(w => new Gap(w.Key, work.NameOf(w.Key), w.Value)).ToList()));
    }
}
