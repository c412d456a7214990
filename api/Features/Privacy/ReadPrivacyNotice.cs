using Backend.Domain.Privacy;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Privacy;

/// <summary>The privacy notice of today and what consent can be given for. Before the first use it is shown, and <c>recordConsent</c> records that it was read (PD07).</summary>
internal static class ReadPrivacyNotice
{
    /// <param name="NoticeVersion">Say it with <c>recordConsent</c>.</param>
    /// <param name="FromDay">Since when it holds.</param>
    /// <param name="Content">The text, in paragraphs.</param>
    /// <param name="Purposes">What personal data are used for; <c>privacy_notice</c> stands for reading this.</param>
    public sealed record Response(int NoticeVersion, DateOnly FromDay, string Content, IReadOnlyList<Item> Purposes);

    /// <param name="Code">For <c>recordConsent</c>.</param>
    /// <param name="Name">用途.</param>
    /// <param name="Basis">Told by law, or asked.</param>
    /// <param name="Sensitive">Asked for on its own.</param>
    /// <param name="OfChild">By a guardian for a child under 14.</param>
    /// <param name="Content">What it means.</param>
    public sealed record Item(string Code, string Name, LegalBasis Basis, bool Sensitive, bool OfChild, string Content);

    public static void Map(RouteGroupBuilder notice) =>
        notice.MapGet("/", Handle).WithName("readPrivacyNotice")
            .WithSummary("隐私告知")
            .WithDescription("现行的隐私告知及各项用途，登录前即可读取。首次使用前须展示，并用 recordConsent（purpose 为 privacy_notice）记录已阅读；此前其他操作返回 403 privacy_notice_required。")
            .Refuses(Problems.NotFound);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(BackendDb db, CancellationToken cancellation)
    {
        await db.BeginAsync(cancellation);
        var notice = await db.NoticeAsync(cancellation);
        var purposes = await db.Purposes.AsNoTracking().OrderBy(p => p.Position).ToListAsync(cancellation);
        await db.RollbackAsync(cancellation);
        return notice is null
            ? Problems.NotFound.Result()
            : TypedResults.Ok(new Response(notice.Version, notice.FromDay, notice.Content, purposes.ConvertAll(p => new Item(p.Code, p.Name, p.Basis, p.Sensitive, p.OfChild, p.Content))));
    }
}
