using System.ComponentModel.DataAnnotations;
using Backend.Domain.Privacy;
using Backend.Platform;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Outbox;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Readings;

/// <summary>
/// The only way to a full phone number (PD04): of one member of one household, for a purpose and with a justification, counted over all replicas. The number is
/// in this answer and nowhere else: the operation is exempt from Idempotency-Key, because a stored answer would hold it (RL02), and a repeat counts again.
/// </summary>
internal static class RevealPhone
{
    /// <summary>More in an hour is told to the operators, more in a Shanghai day is refused.</summary>
    public const int AlarmedInAnHour = 30, MostInADay = 60;

    /// <param name="Purpose">What it is needed for; the household sees it in its read log.</param>
    /// <param name="Justification">Why, in 2 to 200 characters.</param>
    public sealed record Request(
        [property: Required(ErrorMessage = "请选择用途")] RevealPurpose? Purpose,
        [property: Required(ErrorMessage = "请写明理由")]
        [property: Text(200, MinimumLength = 2, ErrorMessage = "理由应为 2 到 200 个字，不含控制字符")] string Justification);

    /// <param name="Phone">The full number.</param>
    /// <param name="LeftToday">How many numbers the account may still see today.</param>
    public sealed record Response(string Phone, int LeftToday);

    public static void Map(RouteGroupBuilder households) =>
        households.MapPost("/{id:guid}/residents/{residentId:guid}/phone-reveals", Handle).WithName("revealPhone")
            .WithSummary("查看完整号码")
            .WithDescription("查看该户一名成员的完整电话号码，须选择用途并写明理由；逐次记录，居民可以看到。每个账号每天最多 60 次，一小时达 30 次会告警。")
            .InOneTransaction()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound, Problems.NoPhone, Problems.RevealsUsedUp);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, Guid residentId, Request request, BackendDb db, CurrentAccount me, Vault vault, AuditWriter audit, ILogger<Reveal> log, HttpContext http,
        CancellationToken cancellation)
    {
        // Child and parent together (AZ08): a member of this household today, and both within reach.
        var member = await db.Memberships.AsNoTracking().Where(m => m.HouseholdId == id && m.ResidentId == residentId && m.ToDay == null)
            .Join(db.Residents, m => m.ResidentId, r => r.Id, (_, r) => new { r.Phone }).FirstOrDefaultAsync(cancellation);
        if (member is null) return Problems.NotFound.Result();
        if (member.Phone is not { } phone) return Problems.NoPhone.Result();
        // PD06: of a child under 14 no contact is shown without a guardian's consent, and nobody is told that there is one.
        if (await db.LacksContactConsentAsync(vault, residentId, cancellation)) return Problems.NoPhone.Result();

        // One account's reveals wait for each other, on whatever replica: each counts those before it.
        await db.TakeTurnAsync($"reveal {me.Id}", cancellation);
        var tomorrow = ShanghaiDay.At(ShanghaiDay.Of(db.Now).AddDays(1), TimeOnly.MinValue);
        var (today, hour) = (tomorrow.AddDays(-1), db.Now.AddHours(-1));
        var shown = await db.Reveals.Where(r => r.AccountId == me.Id && r.RevealedAt > (today < hour ? today : hour)).Select(r => r.RevealedAt).ToListAsync(cancellation);
        var inADay = shown.Count(at => at >= today);
        if (inADay >= MostInADay) return http.Later(tomorrow - db.Now, Problems.RevealsUsedUp);

        if (shown.Count(at => at > hour) + 1 == AlarmedInAnHour) log.OperatorAlarm("reveal_rate", me.Id);
        var reveal = Guid.CreateVersion7(db.Now);
        db.Reveals.Add(new Reveal
        {
            Id = reveal,
            AccountId = me.Id,
            HouseholdId = id,
            ResidentId = residentId,
            Purpose = request.Purpose!.Value,
            Justification = vault.Seal(SealedFields.RevealJustification, reveal, request.Justification),
            RevealedAt = db.Now,
        });
        audit.Add(AuditWriter.Done, id, residentId, reveal);
        return TypedResults.Ok(new Response(vault.OpenText(SealedFields.ResidentPhone, residentId, phone), MostInADay - inADay - 1));
    }
}
