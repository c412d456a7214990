using System.ComponentModel.DataAnnotations;
using Backend.Domain.Privacy;
using Backend.Platform;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Privacy;

/// <summary>
/// Staff record, with evidence, who acts for a child under 14 (PD06, PD08): an adult who lives in the child's household today, so nobody comes to see another
/// household by it. It ends by itself the day before the 14th birthday. Nobody records one in her own household (AZ15).
/// </summary>
internal static class RecordGuardianship
{
    private const int Adult = 18;

    /// <param name="GuardianId">An adult of the same household.</param>
    /// <param name="Evidence">What proves it, e.g. the page of the household booklet.</param>
    public sealed record Request(
        Guid GuardianId,
        [property: Required(ErrorMessage = "请写明依据"), Text(500, ErrorMessage = "evidence 最多 500 个字，不含控制字符")] string Evidence);

    /// <param name="Id">The guardianship.</param>
    /// <param name="ToDay">Its last day.</param>
    public sealed record Response(Guid Id, DateOnly ToDay);

    public static void Map(RouteGroupBuilder residents) =>
        residents.MapPost("/{id:guid}/guardianships", Handle).WithName("recordGuardianship")
            .WithSummary("登记监护关系")
            .WithDescription("为未满十四周岁的儿童登记监护人：须为同户的成年人，写明依据。儿童满十四周岁前一日自动结束。不能登记自己家的。")
            .ForConsole()
            .InOneTransaction()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound, Problems.GuardianshipNotAllowed, Problems.OwnHousehold);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, Request request, BackendDb db, CurrentAccount me, Vault vault, AuditWriter audit, CancellationToken cancellation)
    {
        var ward = await db.Residents.AsNoTracking().SingleOrDefaultAsync(r => r.Id == id, cancellation);
        if (ward is null) return Problems.NotFound.Result();
        if (me.LivesIn(ward.HouseholdId)) return Problems.OwnHousehold.Result();
        var today = ShanghaiDay.Of(db.Now);
        var members = await db.Memberships.Where(m => m.HouseholdId == ward.HouseholdId && m.ToDay == null).Select(m => m.ResidentId).ToListAsync(cancellation);
        if (!members.Contains(id) || !members.Contains(request.GuardianId)) return Problems.GuardianshipNotAllowed.Result("监护人和儿童须为同一户现在的成员。");
        if (await db.BirthDateAsync(vault, id, cancellation) is not { } birth) return Problems.GuardianshipNotAllowed.Result("请先登记儿童的出生日期。");
        if (today > Guardianship.LastDay(birth)) return Problems.GuardianshipNotAllowed.Result("已满十四周岁，由本人行使权利。");
        if (await db.BirthDateAsync(vault, request.GuardianId, cancellation) is not { } born || born.AddYears(Adult) > today)
            return Problems.GuardianshipNotAllowed.Result("监护人须已登记出生日期并年满十八周岁。");

        var guardianshipId = Guid.CreateVersion7(db.Now);
        var guardianship = new Guardianship
        {
            Id = guardianshipId,
            GuardianId = request.GuardianId,
            WardId = id,
            HouseholdId = ward.HouseholdId,
            NodePath = ward.NodePath,
            FromDay = today,
            ToDay = Guardianship.LastDay(birth),
            Evidence = vault.Seal(SealedFields.GuardianshipEvidence, guardianshipId, request.Evidence),
            RecordedBy = me.Id,
            RecordedAt = db.Now,
        };
        db.Guardianships.Add(guardianship);
        audit.Add(AuditWriter.Done, guardianship.Id, id, request.GuardianId);
        return TypedResults.Ok(new Response(guardianship.Id, guardianship.ToDay));
    }
}
