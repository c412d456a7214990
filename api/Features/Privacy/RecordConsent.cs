using System.ComponentModel.DataAnnotations;
using Backend.Domain.Accounts;
using Backend.Domain.Privacy;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Privacy;

/// <summary>
/// Adds to the ledger that a person consents to one purpose, or that she was told of one that rests on a duty by law (PD07). One purpose a request: what is
/// sensitive is thereby consented to on its own. A guardian says it for her ward.
/// </summary>
internal static class RecordConsent
{
    /// <param name="Purpose">用途, a code of <c>readPrivacyNotice</c>; <c>privacy_notice</c>: she has read it.</param>
    /// <param name="NoticeVersion">The notice that was shown.</param>
    /// <param name="ResidentId">Her ward; null: herself.</param>
    public sealed record Request(
        [property: Required(ErrorMessage = "请提供 purpose")]
        [property: RegularExpression(Domain.Privacy.Purpose.CodePattern, ErrorMessage = "purpose 应为 1 到 40 个小写字母或下划线", MatchTimeoutInMilliseconds = 100)]
        string Purpose,
        [property: Range(1, 1_000_000, ErrorMessage = "noticeVersion 为现行隐私告知的版本")] int NoticeVersion,
        Guid? ResidentId = null);

    /// <param name="Id">The row of the ledger.</param>
    public sealed record Response(Guid Id);

    public static void Map(RouteGroupBuilder me) =>
        me.MapPost("/consents", Handle).WithName("recordConsent")
            .WithSummary("记录同意")
            .WithDescription("就一项用途记录本人（或本人监护的儿童）的同意；依法定职责的用途记录为已告知。noticeVersion 须为现行版本。")
            .InOneTransaction()
            .BeforeNotice()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.NotFound, Problems.Conflict);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(Request request, BackendDb db, CurrentAccount me, AuditWriter audit, CancellationToken cancellation)
    {
        if (await db.NoticeAsync(cancellation) is not { } notice || notice.Version != request.NoticeVersion) return Problems.Conflict.Result("隐私告知已更新，请重新阅读后再确认。");
        var (consent, _, refusal) = await db.ConsentOfAsync(me, request.Purpose, request.ResidentId, withdrawn: false, notice, cancellation);
        if (consent is null) return refusal!;
        db.Consents.Add(consent);
        audit.Add(AuditWriter.Done, consent.ResidentId is { } resident ? [consent.Id, resident] : [consent.Id]);
        return TypedResults.Ok(new Response(consent.Id));
    }

    /// <summary>The row of the ledger that somebody asks for, or why she may not: shared by giving and withdrawing.</summary>
    internal static async Task<(Consent? Consent, Purpose? Purpose, ProblemHttpResult? Refusal)> ConsentOfAsync(
        this BackendDb db, CurrentAccount me, string code, Guid? residentId, bool withdrawn, PrivacyNotice notice, CancellationToken cancellation)
    {
        var purpose = await db.Purposes.AsNoTracking().SingleOrDefaultAsync(p => p.Code == code, cancellation);
        if (purpose is null) return (null, null, Problems.Invalid.Result(new Dictionary<string, string[]> { ["purpose"] = ["不是本平台的用途"] }));
        var speaksFor = await db.SpeaksForAsync(cancellation);
        var about = residentId is null ? speaksFor.FirstOrDefault(s => !s.IsWard) : speaksFor.FirstOrDefault(s => s.ResidentId == residentId);
        if (residentId is not null && about is null) return (null, null, Problems.NotFound.Result());
        if (purpose.OfChild != (about?.IsWard == true))
            return (null, null, Problems.Invalid.Result(new Dictionary<string, string[]> { ["residentId"] = [purpose.OfChild ? "此用途由监护人为未满十四周岁的儿童确认" : "此用途由本人确认"] }));
        return (new Consent
        {
            Id = Guid.CreateVersion7(db.Now),
            AccountId = me.Id,
            ResidentId = about?.ResidentId,
            Purpose = code,
            Version = notice.Version,
            Withdrawn = withdrawn,
            At = db.Now,
            Channel = me.Rights.Kind == SessionKind.WeChat ? ConsentChannel.MiniProgram : ConsentChannel.Browser,
        }, purpose, null);
    }
}
