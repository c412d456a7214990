using System.CommandLine;
using Backend.Domain.Accounts;
using Backend.Platform.Security;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Admin;

/// <summary><c>admin invite</c>: a new one-time invitation of an account of staff, for instance when the last security administrator has lost everything. Former invitations end; the account's rights stay as they are.</summary>
internal static class InviteUser
{
    public static Command Command(IConfiguration? given)
    {
        var userName = CreateUser.UserNameOption();
        var command = new Command("invite", "重新邀请一个后台账号，在标准输出上给出一次性邀请（7 天内有效，只显示这一次）") { userName };
        command.SetAction((parsed, cancellation) => AdminTool.ChangeAsync(given ?? Host.CreateApplicationBuilder().Configuration, "inviteUser", async db =>
        {
            var (invitation, token, name) = (Guid.CreateVersion7(db.Now), Tokens.Random(24), parsed.GetRequiredValue(userName));
            var account = await db.Database.SqlQuery<Guid?>(
                $"select app.invite_user({name}, {invitation}, {Tokens.Hash(token)}, {db.Now}, {db.Now + StaffInvitation.Lifetime}) as \"Value\"").SingleAsync(cancellation);
            return account is { } who ? ((Guid[]?)[who, invitation], token) : (null, $"没有用户名为 {name} 的账号，或已停用。");
        }, parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error, cancellation));
        return command;
    }
}
