using System.ComponentModel.DataAnnotations;
using Backend.Domain.Accounts;
using Backend.Platform;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Backend.Features.Sessions;

/// <summary>
/// Signs staff in at a browser by user name, password and a second factor (ID07). An unknown name, a wrong password and a wrong code get the same answer
/// after the same work. A recovery code stands in for a lost authenticator, once.
/// </summary>
internal static class SignInWithPassword
{
    /// <param name="UserName">As it was invited.</param>
    /// <param name="Password">Her password.</param>
    /// <param name="Code">Six digits of her authenticator, or one of her recovery codes.</param>
    /// <param name="DeviceToken">What an earlier sign-in at this browser answered, so that strangers' tries do not count against it.</param>
    public sealed record Request(
        [property: Required(ErrorMessage = "请输入用户名")]
        [property: RegularExpression(StaffCredential.UserNamePattern, ErrorMessage = "用户名为 3 到 32 个小写字母、数字、点、下划线或连字符", MatchTimeoutInMilliseconds = 100)]
        string UserName,
        [property: Required(ErrorMessage = "请输入密码"), Text(Passwords.Longest, ErrorMessage = "密码过长")] string Password,
        [property: Required(ErrorMessage = "请输入验证码")]
        [property: RegularExpression("^[0-9A-Za-z-]{6,30}$", ErrorMessage = "请输入 6 位验证码，或一个恢复码", MatchTimeoutInMilliseconds = 100)]
        string Code,
        [property: Text(100, ErrorMessage = "deviceToken 最多 100 个字符，不含控制字符")] string? DeviceToken = null);

    /// <param name="AccessToken">Bearer token for the <c>Authorization</c> header, 15 minutes.</param>
    /// <param name="RefreshToken">Single use, as with a phone; 12 hours at most, 30 minutes idle.</param>
    /// <param name="ExpiresIn">Seconds until the access token ends.</param>
    /// <param name="DeviceToken">For this browser to keep and to show at the next sign-in.</param>
    /// <param name="RecoveryCodesLeft">How many recovery codes are left.</param>
    public sealed record Response(string AccessToken, string RefreshToken, int ExpiresIn, string DeviceToken, int RecoveryCodesLeft);

    public static void Map(RouteGroupBuilder sessions) =>
        sessions.MapPost("/password", Handle).WithName("signInWithPassword")
            .WithSummary("后台登录")
            .WithDescription("工作人员在浏览器上用用户名、密码和验证码（或恢复码）登录；12 小时内有效，30 分钟不使用即退出。用户名、密码或验证码不对时回答相同。15 分钟内最多 10 次，已登录过的浏览器凭 deviceToken 单独计数。")
            .ForConsole()
            .Limited(LimitedBy.Address)
            .Refuses(Problems.Invalid, Problems.SignInRefused, Problems.TooManyRequests);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Request request, BackendDb db, AppDataSource source, SharedLimits limits, CurrentAccount me, Passwords passwords, SecondFactors factors, Tokens tokens, AuditWriter audit, HttpContext http,
        CancellationToken cancellation)
    {
        var device = request.DeviceToken ?? Tokens.Random();
        var found = await StaffSignIn.FindAsync(source, request.UserName, Tokens.Hash(device), cancellation);
        if (found is not null) me.Become(found.AccountId);
        if (await limits.CountTryAsync($"sign-in {request.UserName} {found?.DeviceId}", cancellation) is { } wait) return await audit.LaterAsync(http, wait, cancellation);
        // No connection is held over it.
        if (await passwords.MatchAsync(found?.Password ?? Passwords.Nobody, request.Password, cancellation) is not { } knows) return await audit.LaterAsync(http, Passwords.Busy, cancellation);

        await db.BeginAsync(cancellation);
        var credential = await db.LockCredentialAsync(found?.AccountId ?? Guid.Empty, cancellation);
        var has = credential is not null && factors.Use(credential, request.Code);
        // The hash that was compared must still be hers: she may have changed it meanwhile.
        if (!knows || !has || credential!.Password != found!.Password)
        {
            await db.RollbackAsync(cancellation);
            return await audit.RefuseAsync(Problems.SignInRefused, cancellation);
        }

        var (session, refresh) = db.OpenConsole(found.AccountId, shownAt: db.Now);
        if (found.DeviceId is null)
        {
            // What a stranger brings is nobody's: a known browser's token is always one that was made here.
            device = Tokens.Random();
            db.StaffDevices.Add(new StaffDevice { Id = Guid.CreateVersion7(db.Now), AccountId = found.AccountId, Hash = Tokens.Hash(device), CreatedAt = db.Now });
        }

        audit.Add(AuditWriter.Done, session);
        await db.CommitAsync(cancellation);
        return TypedResults.Ok(new Response(tokens.Access(found.AccountId, session), refresh, (int)Tokens.AccessLifetime.TotalSeconds, device, credential.RecoveryCodes.Length));
    }
}
