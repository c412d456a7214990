using Backend.Domain.Privacy;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Privacy;

/// <summary>The ledger of what was consented to and withdrawn, by oneself and for one's wards (PD07): nothing is overwritten.</summary>
internal static class ListConsents
{
    /// <param name="Items">The newest first.</param>
    public sealed record Response(IReadOnlyList<Item> Items);

    /// <param name="Id">The row.</param>
    /// <param name="ResidentId">About whom; null for an account that is no resident.</param>
    /// <param name="Purpose">用途.</param>
    /// <param name="Basis">Told by law, or asked.</param>
    /// <param name="NoticeVersion">Of the notice that was shown.</param>
    /// <param name="Withdrawn">Taken back by this row.</param>
    /// <param name="At">When.</param>
    /// <param name="Channel">By which way.</param>
    /// <param name="Holds">It is the newest of this person and purpose, and was given.</param>
    public sealed record Item(Guid Id, Guid? ResidentId, string Purpose, LegalBasis Basis, int NoticeVersion, bool Withdrawn, DateTimeOffset At, ConsentChannel Channel, bool Holds);

    public static void Map(RouteGroupBuilder me) =>
        me.MapGet("/consents", Handle).WithName("listConsents")
            .WithSummary("我的同意记录")
            .WithDescription("本人以及本人作为监护人给出和撤回的全部同意，最新的在前。")
            .ForConsole()
            .InOneTransaction()
            .BeforeNotice()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded);

    public static async Task<Ok<Response>> Handle(BackendDb db, CurrentAccount me, AuditWriter audit, CancellationToken cancellation)
    {
        var wards = (await db.SpeaksForAsync(cancellation)).Select(s => s.ResidentId).ToArray();
        var basis = await db.Purposes.AsNoTracking().ToDictionaryAsync(p => p.Code, p => p.Basis, cancellation);
        // Of a ward also what another guardian said.
        var rows = await db.Consents.AsNoTracking().Where(c => c.AccountId == me.Id || c.ResidentId != null && wards.Contains(c.ResidentId.Value))
            .OrderByDescending(c => c.At).ThenByDescending(c => c.Id).ToListAsync(cancellation);
        var newest = rows.DistinctBy(c => (c.ResidentId, c.Purpose)).Select(c => c.Id).ToHashSet();
        audit.Add(AuditWriter.Done, wards);
        return TypedResults.Ok(new Response(rows.ConvertAll(c =>
            new Item(c.Id, c.ResidentId, c.Purpose, basis[c.Purpose], c.Version, c.Withdrawn, c.At, c.Channel, newest.Contains(c.Id) && !c.Withdrawn))));
    }
}
