using System.ComponentModel.DataAnnotations;
using Backend.Platform;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Sessions;

/// <summary>
/// Sets another password (ID07) and ends her other sessions at browsers. It takes no <c>Idempotency-Key</c>: what would be kept of its body is a fast hash of
/// two passwords.
/// </summary>
internal static class ChangePassword
{
    /// <param name="Password">The one that holds now.</param>
    /// <param name="NewPassword">12 to 128 characters, none of the common ones.</param>
    public sealed record Request(
        [property: Required(ErrorMessage = "请输入现在的密码"), Text(Passwords.Longest, ErrorMessage = "密码过长")] string Password,
        [property: Required(ErrorMessage = "请输入新密码"), Text(Passwords.Longest, ErrorMessage = "密码过长")] string NewPassword);

    public static void Map(RouteGroupBuilder me) =>
        me.MapPut("/password", Handle).WithName("changePassword")
            .WithSummary("修改密码")
            .WithDescription("修改后台登录的密码：至少 12 个字符，不能是常见密码。本人在其他浏览器上的登录随即结束。需要再次验证。")
            .ForConsole()
            .InOneTransaction()
            .RequiresStepUp()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.StepUpRequired, Problems.CodeWrong, Problems.PasswordWeak, Problems.TooManyRequests);

    public static async Task<Results<NoContent, ProblemHttpResult>> Handle(
        Request request, BackendDb db, SharedLimits limits, CurrentAccount me, Passwords passwords, AuditWriter audit, HttpContext http, CancellationToken cancellation)
    {
        if (await limits.CountTryAsync($"password {me.SessionId}", cancellation) is { } wait) return http.Later(wait);
        var userName = await db.Accounts.Where(a => a.Id == me.Id).Select(a => a.UserName).SingleAsync(cancellation);
        var before = await db.StaffCredentials.AsNoTracking().SingleOrDefaultAsync(c => c.AccountId == me.Id, cancellation);
        if (before is null || userName is null) return Problems.CodeWrong.Result("该账号没有后台登录。");
        if (Passwords.Weakness(request.NewPassword, userName) is { } weakness) return Problems.PasswordWeak.Result(weakness);
        var (matches, hash) = (await passwords.MatchAsync(before.Password, request.Password, cancellation), await passwords.HashAsync(request.NewPassword, cancellation));
        if (matches is null || hash is null) return http.Later(Passwords.Busy);
        if (matches == false) return Problems.CodeWrong.Result("现在的密码不对。");
        var credential = (await db.LockCredentialAsync(me.Id, cancellation))!;
        (credential.Password, credential.ChangedAt) = (hash, db.Now);
        await db.EndConsolesAsync(me.Id, me.SessionId, cancellation);
        audit.Add(AuditWriter.Done, me.Id);
        return TypedResults.NoContent();
    }
}
