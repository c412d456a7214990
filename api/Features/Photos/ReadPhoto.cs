using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.Files;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;

namespace Backend.Features.Photos;

/// <summary>
/// One photo by a link that <c>readHousehold</c> gave (A-90, A-40, IN07). A forged, foreign or expired link is answered like a missing photo, before anything
/// is looked up; a good one still shows only what the viewer reaches now.
/// </summary>
internal static class ReadPhoto
{
    // A household's photo by reach; a leader's by the rule of her name: for anyone who is signed in.
    private const string ContentType = "select content_type from photos where id = @id union all select content_type from account_photos where id = @id";

    public static void Map(RouteGroupBuilder photos) =>
        photos.MapGet("/{id:guid}", Handle).WithName("readPhoto")
            .WithSummary("照片")
            .WithDescription("按 readHousehold 给出的链接读取照片：链接 5 分钟内有效，仅限本人登录使用（小程序用 wx.downloadFile 并带上 Authorization）。")
            .Produces<Stream>(StatusCodes.Status200OK, "image/png", "image/jpeg", "image/webp")
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    public static async Task<Results<FileContentHttpResult, ProblemHttpResult>> Handle(
        Guid id, PhotoLinks links, PhotoStore photos, AppDataSource source, CurrentAccount me, AuditWriter audit, HttpContext http, CancellationToken cancellation,
        string? until = null, string? mac = null)
    {
        if (!links.Allows(id, me.Id, until, mac)) return await audit.RefuseAsync(Problems.NotFound, cancellation);

        string? type = null;
        await using (var reader = await ScopedCommands.ReadAsync(source, me.Current, [audit.FoundCommand(id, foundBy: ContentType)], cancellation))
        {
            if (await reader.Rows.ReadAsync(cancellation)) type = reader.Rows.GetString(0);
        }

        if (type is null || await photos.ReadAsync(id, cancellation) is not { } picture) return Problems.NotFound.Result();
        http.Response.Headers[HeaderNames.CacheControl] = "private, no-store";
        return TypedResults.File(picture, type, $"photo.{type["image/".Length..]}");
    }
}
