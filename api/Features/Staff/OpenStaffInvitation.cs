using System.ComponentModel.DataAnnotations;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Staff;

/// <summary>What an invited member of staff needs to set up her authenticator (ID06). It may be asked again: only <see cref="AcceptStaffInvitation"/> uses the invitation up.</summary>
internal static class OpenStaffInvitation
{
    public sealed record Request([property: Required(ErrorMessage = "请提供邀请"), StringLength(100, ErrorMessage = "邀请过长")] string Invitation);

    /// <param name="UserName">By which she will sign in.</param>
    /// <param name="Uri"><c>otpauth://</c>, for the QR code of an authenticator app.</param>
    /// <param name="Proof">To send back with the first code, within 15 minutes.</param>
    public sealed record Response(string UserName, string Uri, string Proof);

    public static void Map(RouteGroupBuilder invitations) =>
        invitations.MapPost("/opening", Handle).WithName("openStaffInvitation")
            .WithSummary("打开员工邀请")
            .WithDescription("凭一次性邀请得到用户名和验证器的密钥：用验证器扫描 uri，再设置密码并以第一个验证码接受邀请。")
            .ForConsole()
            .Limited(LimitedBy.Address)
            .Refuses(Problems.Invalid, Problems.InviteInvalid);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Request request, BackendDb db, AppDataSource source, CurrentAccount me, SecondFactors factors, AuditWriter audit, CancellationToken cancellation)
    {
        if (await StaffSignIn.FindInvitedAsync(source, Tokens.Hash(request.Invitation), db.Now, cancellation) is not { } account) return await audit.RefuseAsync(Problems.InviteInvalid, cancellation, "请联系安全管理员重新邀请。");

        me.Become(account);
        await db.BeginAsync(cancellation);
        var userName = await db.Accounts.Where(a => a.Id == account).Select(a => a.UserName!).SingleAsync(cancellation);
        audit.Add(AuditWriter.Done, account);
        await db.CommitAsync(cancellation);
        var begun = factors.Begin(account, userName);
        return TypedResults.Ok(new Response(userName, begun.Uri, begun.Proof));
    }
}
