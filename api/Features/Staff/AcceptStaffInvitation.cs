using System.ComponentModel.DataAnnotations;
using Backend.Domain.Accounts;
using Backend.Platform;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Staff;

/// <summary>
/// An invited member of staff sets both factors (ID06, ID07) and gets her recovery codes. Whatever she signed in by before ends, and so do her sessions at
/// browsers: this is the way back for somebody who has lost everything.
/// </summary>
internal static class AcceptStaffInvitation
{
    /// <param name="Invitation">What the security administrator or the operator handed her.</param>
    /// <param name="Proof">What <see cref="OpenStaffInvitation"/> answered.</param>
    /// <param name="Password">12 to 128 characters, none of the common ones.</param>
    /// <param name="Code">The first code that the authenticator shows.</param>
    public sealed record Request(
        [property: Required(ErrorMessage = "请提供邀请"), StringLength(100, ErrorMessage = "邀请过长")] string Invitation,
        [property: Required(ErrorMessage = "请提供 proof"), StringLength(100, ErrorMessage = "proof 过长")] string Proof,
        [property: Required(ErrorMessage = "请输入密码"), Text(Passwords.Longest, ErrorMessage = "密码过长")] string Password,
        [property: Required(ErrorMessage = "请输入验证码")]
        [property: RegularExpression("^[0-9]{6}$", ErrorMessage = "验证码为 6 位数字", MatchTimeoutInMilliseconds = 100)]
        string Code);

    /// <param name="RecoveryCodes">Ten, each good for one sign-in without the authenticator; shown only here.</param>
    public sealed record Response(IReadOnlyList<string> RecoveryCodes);

    public static void Map(RouteGroupBuilder invitations) =>
        invitations.MapPost("/acceptance", Handle).WithName("acceptStaffInvitation")
            .WithSummary("接受员工邀请")
            .WithDescription("设置密码（至少 12 个字符，不能是常见密码），并用验证器的第一个验证码确认，得到 10 个恢复码，只显示这一次。邀请随即用完；原有的密码、验证器、恢复码、统一身份认证的绑定和浏览器登录随即失效。")
            .ForConsole()
            .Limited(LimitedBy.Address)
            .Refuses(Problems.Invalid, Problems.InviteInvalid, Problems.CodeWrong, Problems.PasswordWeak, Problems.TooManyRequests);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Request request, BackendDb db, AppDataSource source, CurrentAccount me, Passwords passwords, SecondFactors factors, AuditWriter audit, HttpContext http, CancellationToken cancellation)
    {
        var invitation = Tokens.Hash(request.Invitation);
        if (await StaffSignIn.FindInvitedAsync(source, invitation, db.Now, cancellation) is not { } account) return await audit.RefuseAsync(Problems.InviteInvalid, cancellation, "请联系安全管理员重新邀请。");
        me.Become(account);
        await db.BeginAsync(cancellation);
        var userName = await db.Accounts.Where(a => a.Id == account).Select(a => a.UserName!).SingleAsync(cancellation);
        await db.RollbackAsync(cancellation);
        if (Passwords.Weakness(request.Password, userName) is { } weakness) return await audit.RefuseAsync(Problems.PasswordWeak, cancellation, weakness);
        var fresh = Guid.CreateVersion7(db.Now);
        if (factors.Finish(account, fresh, request.Proof, request.Code) is not { } set) return await audit.RefuseAsync(Problems.CodeWrong, cancellation);
        // No connection is held over it.
        if (await passwords.HashAsync(request.Password, cancellation) is not { } password) return await audit.LaterAsync(http, Passwords.Busy, cancellation);

        await db.BeginAsync(cancellation);
        if (!await db.UseInvitationAsync(account, invitation, cancellation))
        {
            await db.RollbackAsync(cancellation);
            return await audit.RefuseAsync(Problems.InviteInvalid, cancellation, "请联系安全管理员重新邀请。");
        }

        db.StaffCredentials.Add(new StaffCredential
        {
            Id = fresh,
            AccountId = account,
            Password = password,
            Totp = set.Totp,
            LastStep = set.Step,
            RecoveryCodes = set.Hashes,
            ChangedAt = db.Now,
        });
        audit.Add(AuditWriter.Done, account);
        await db.CommitAsync(cancellation);
        return TypedResults.Ok(new Response(set.Codes));
    }
}
