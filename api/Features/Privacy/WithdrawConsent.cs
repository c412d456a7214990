using System.ComponentModel.DataAnnotations;
using Backend.Domain.Facts;
using Backend.Domain.Privacy;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.Files;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Privacy;

/// <summary>
/// Takes a consent back, for oneself or a ward, also one that was never given (PD07). What rested on it goes with it at once: photos with their files, a child's
/// contact, tags of a child that no red rule reads. What rests on a duty by law cannot be withdrawn; it can be corrected, explained or asked to be deleted.
/// </summary>
internal static class WithdrawConsent
{
    /// <param name="Purpose">用途.</param>
    /// <param name="ResidentId">Her ward; null: herself.</param>
    public sealed record Request(
        [property: Required(ErrorMessage = "请提供 purpose")]
        [property: RegularExpression(Domain.Privacy.Purpose.CodePattern, ErrorMessage = "purpose 应为 1 到 40 个小写字母或下划线", MatchTimeoutInMilliseconds = 100)]
        string Purpose,
        Guid? ResidentId = null);

    public static void Map(RouteGroupBuilder me) =>
        me.MapPost("/consents/withdrawals", Handle).WithName("withdrawConsent")
            .WithSummary("撤回同意")
            .WithDescription("撤回本人（或本人监护的儿童）对一项用途的同意，依此保存的内容随即删除；不影响此前的处理。依法定职责的用途不能撤回。")
            .InOneTransaction()
            .BeforeNotice()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.NotFound, Problems.Conflict, Problems.NotWithdrawable);

    public static async Task<Results<NoContent, ProblemHttpResult>> Handle(
        Request request, BackendDb db, CurrentAccount me, TierDesk desk, Vault vault, PhotoStore photos, AuditWriter audit, CancellationToken cancellation)
    {
        if (await db.NoticeAsync(cancellation) is not { } notice) return Problems.Conflict.Result();
        var (consent, purpose, refusal) = await db.ConsentOfAsync(me, request.Purpose, request.ResidentId, withdrawn: true, notice, cancellation);
        if (consent is null) return refusal!;
        if (purpose!.Basis != LegalBasis.Consent) return Problems.NotWithdrawable.Result("可以申请更正、删除或说明。");

        db.Consents.Add(consent);
        await db.SaveChangesAsync(cancellation);
        if (purpose.Code == Purpose.ChildCare) await ForgetFactsAsync(db, consent.ResidentId!.Value, desk, vault, cancellation);
        var gone = await db.Database.SqlQuery<Guid>($"select app.forget_withdrawn({consent.Id}, {ReadTags.OfRedRules.ToArray()}) as \"Value\"").ToListAsync(cancellation);
        audit.Add(AuditWriter.Done, [consent.Id, .. gone]);
        // Before the commit: a row without its picture shows nothing, a picture without its row would stay.
        foreach (var photo in gone) photos.Delete(photo);
        return TypedResults.NoContent();
    }

    /// <summary>The snapshot repeats what the engine reads of the tag values.</summary>
    private static async Task ForgetFactsAsync(BackendDb db, Guid child, TierDesk desk, Vault vault, CancellationToken cancellation)
    {
        var household = await db.Households.FromSql($"select h.* from households h join residents r on r.household_id = h.id where r.id = {child} for update of h").SingleOrDefaultAsync(cancellation);
        if (household is null) return;
        var snapshot = desk.Open(household);
        var kept = snapshot with { Values = [.. snapshot.Values.Where(v => v.SubjectId != child || ReadTags.IsReadByRedRule(v.Tag))] };
        if (kept.Values.Count < snapshot.Values.Count) household.Forget(vault.Seal(SealedFields.FactsSnapshot, household.Id, kept.ToBytes()), ShanghaiDay.Of(db.Now));
    }
}
