using Backend.Domain.Grid;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Backend.Features.Grid;

/// <summary>Posts that nobody holds today (空缺), who stands in, and to whom a leader's post passes meanwhile.</summary>
internal static class ListVacancies
{
    private const int MostListed = 200;

    /// <param name="Count">Vacant posts on the node and below it.</param>
    /// <param name="Items">In grid order, at most 200 listed.</param>
    public sealed record Response(int Count, IReadOnlyList<Vacancy> Items);

    /// <param name="PostId">The post.</param>
    /// <param name="Title">Its title.</param>
    /// <param name="Role">Its role.</param>
    /// <param name="NodeId">Where it stands in the grid.</param>
    /// <param name="NodeName">Name of that node.</param>
    /// <param name="StandIn">Who acts in it, null when nobody does.</param>
    /// <param name="StandInUntil">Her last day.</param>
    /// <param name="PassesTo">Of a leader's post without a stand-in: the nearest leader above, to whom its households and alarms go; else null.</param>
    public sealed record Vacancy(Guid PostId, string Title, Role Role, Guid NodeId, string NodeName, string? StandIn, DateOnly? StandInUntil, Leader? PassesTo);

    public sealed record Leader(string Title, string Name);

    public static void Map(RouteGroupBuilder nodes) =>
        nodes.MapGet("/{id:guid}/vacancies", Handle).WithName("listVacancies")
            .WithSummary("空缺职务")
            .WithDescription("今天无人任职的职务、代理人，以及由哪一级网格长接管，按网格顺序排列。")
            .ForConsole()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, GridMap map, AppDataSource source, CurrentAccount me, AuditWriter audit, TimeProvider clock, CancellationToken cancellation)
    {
        var grid = await map.ReadAsync(cancellation);
        if (grid.Find(id, me.Current) is not { } place) return Problems.NotFound.Result();
        await using var reader = await ScopedCommands.ReadAsync(source, me.Current, [.. GridAtWork.Commands(grid, place, clock.Today()), audit.ReadCommand([id])], cancellation);
        var work = await GridAtWork.ReadAsync(reader, grid, place, cancellation);
        var posts = work.AllPosts.ToDictionary(p => p.Id);
        var vacant = work.Vacancies.ToList();
        return TypedResults.Ok(new Response(vacant.Count, vacant.Take(MostListed).Select(p =>
        {
            var above = p is { IsLeader: true, StandIn: null } && work.Responsibility.Above(p.NodeId) is { } post ? posts[post] : null;
            return new Vacancy(p.Id, p.Title, p.Role, p.NodeId, work.NameOf(p.NodeId), p.StandIn, p.StandInUntil,
                above is null ? null : new Leader(above.Title, above.StandIn ?? above.Holder!));
        }).ToList()));
    }
}
