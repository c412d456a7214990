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
/// A security administrator makes somebody an account for the browser, or gives somebody new factors who has lost hers (ID06, ID07): the one invitation of
/// that account, 192 random bits, shown once and kept as a hash. The account has no right before two persons have given it a post (AZ15).
/// </summary>
internal static class InviteStaff
{
    private const int InvitationBytes = 24;

    /// <param name="UserName">By which she signs in from now on.</param>
    /// <param name="Name">Of somebody new; or:</param>
    /// <param name="AccountId">An account that there is. Exactly one of the two.</param>
    public sealed record Request(
        [property: Required(ErrorMessage = "请填写用户名")]
        [property: RegularExpression(StaffCredential.UserNamePattern, ErrorMessage = "用户名为 3 到 32 个小写字母、数字、点、下划线或连字符", MatchTimeoutInMilliseconds = 100)]
        string UserName,
        [property: Text(50, MinimumLength = 1, ErrorMessage = "姓名为 1 到 50 个字，不含控制字符")] string? Name = null,
        Guid? AccountId = null);

    /// <param name="AccountId">Whose invitation it is.</param>
    /// <param name="Invitation">To hand to her; shown only here.</param>
    /// <param name="ExpiresAt">Its end, unless it is used before.</param>
    public sealed record Response(Guid AccountId, string Invitation, DateTimeOffset ExpiresAt);

    public static void Map(RouteGroupBuilder invitations) =>
        invitations.MapPost("/", Handle).WithName("inviteStaff")
            .WithSummary("邀请员工")
            .WithDescription("为新员工建立后台账号，或为已有账号重新邀请：一次性邀请 7 天内有效，只显示这一次；再次邀请会使之前的邀请失效。账号在任职获批之前没有任何权限；不能邀请自己。需要再次验证。")
            .ForConsole()
            .Limited(LimitedBy.Account | LimitedBy.Device)
            .InOneTransaction()
            .RequiresStepUp()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.StepUpRequired, Problems.AppointmentNotAllowed, Problems.Conflict);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(Request request, BackendDb db, CurrentAccount me, AuditWriter audit, CancellationToken cancellation)
    {
        if (request.Name is null == request.AccountId is null) return Wrong("name", "请填写姓名，或选择一个账号");
        if (await db.Accounts.AnyAsync(a => a.UserName == request.UserName && a.Id != request.AccountId, cancellation)) return Problems.Conflict.Result("该用户名已被使用。");
        if (request.AccountId is not { } who)
        {
            who = Guid.CreateVersion7(db.Now);
            db.Accounts.Add(new Account { Id = who, Name = request.Name!, UserName = request.UserName, CreatedAt = db.Now });
            await db.SaveChangesAsync(cancellation);
        }
        else
        {
            if (who == me.Id) return Problems.AppointmentNotAllowed.Result("不能邀请自己，请由另一名安全管理员邀请。");
            var account = await db.Accounts.SingleOrDefaultAsync(a => a.Id == who && a.DisabledAt == null, cancellation);
            if (account is null) return Wrong("accountId", "没有这个账号，或已停用");
            account.UserName = request.UserName;
            await db.StaffInvitations.Where(i => i.AccountId == who && i.UsedAt == null && i.RevokedAt == null).ExecuteUpdateAsync(i => i.SetProperty(x => x.RevokedAt, db.Now), cancellation);
        }

        var token = Tokens.Random(InvitationBytes);
        var invitation = new StaffInvitation
        {
            Id = Guid.CreateVersion7(db.Now),
            Hash = Tokens.Hash(token),
            AccountId = who,
            IssuedBy = me.Id,
            IssuedAt = db.Now,
            ExpiresAt = db.Now + StaffInvitation.Lifetime,
        };
        db.StaffInvitations.Add(invitation);
        audit.Add(AuditWriter.Done, invitation.Id, who);
        return TypedResults.Ok(new Response(who, token, invitation.ExpiresAt));

        static ProblemHttpResult Wrong(string member, string why) => Problems.Invalid.Result(new Dictionary<string, string[]> { [member] = [why] });
    }
}
