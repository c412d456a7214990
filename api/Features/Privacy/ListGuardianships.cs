using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Privacy;

/// <summary>Who acts for which child of a household today.</summary>
internal static class ListGuardianships
{
    public sealed record Response(IReadOnlyList<Item> Items);

    /// <param name="Id">To end it by.</param>
    /// <param name="GuardianId">监护人.</param>
    /// <param name="GuardianName">Her name.</param>
    /// <param name="WardId">The child.</param>
    /// <param name="WardName">Its name.</param>
    /// <param name="FromDay">First day.</param>
    /// <param name="ToDay">Last day, at the latest the one before the 14th birthday.</param>
    /// <param name="Evidence">What proves it.</param>
    public sealed record Item(Guid Id, Guid GuardianId, string GuardianName, Guid WardId, string WardName, DateOnly FromDay, DateOnly ToDay, string Evidence);

    public static void Map(RouteGroupBuilder households) =>
        households.MapGet("/{id:guid}/guardianships", Handle).WithName("listGuardianships")
            .WithSummary("一户的监护关系")
            .WithDescription("该户今天有效的监护关系。")
            .ForConsole()
            .InOneTransaction()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(Guid id, BackendDb db, Vault vault, AuditWriter audit, CancellationToken cancellation)
    {
        if (!await db.Households.AnyAsync(h => h.Id == id, cancellation)) return Problems.NotFound.Result();
        var today = ShanghaiDay.Of(db.Now);
        var rows = await db.Guardianships.AsNoTracking().Where(g => g.HouseholdId == id && g.FromDay <= today && g.ToDay >= today)
            .Join(db.Residents, g => g.GuardianId, r => r.Id, (g, r) => new { g, Guardian = r.Name })
            .Join(db.Residents, x => x.g.WardId, r => r.Id, (x, r) => new { x.g, x.Guardian, Ward = r.Name })
            .OrderBy(x => x.g.FromDay).ThenBy(x => x.g.Id).ToListAsync(cancellation);
        audit.Add(AuditWriter.Done, [id, .. rows.Select(x => x.g.WardId).Distinct()]);
        return TypedResults.Ok(new Response(rows.ConvertAll(x => new Item(
            x.g.Id, x.g.GuardianId, x.Guardian, x.g.WardId, x.Ward, x.g.FromDay, x.g.ToDay, vault.OpenText(SealedFields.GuardianshipEvidence, x.g.Id, x.g.Evidence)))));
    }
}
