using System.CommandLine;
using System.Text.RegularExpressions;
using Backend.Domain.Accounts;
using Backend.Domain.Grid;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Admin;

/// <summary>
/// <c>admin create-user</c>: makes an administrator (ID07: there are no default accounts), with a post of that role on the topmost node, and prints her one-time
/// invitation. It is how the first two security administrators come to be; everybody after them is proposed and approved (AZ15).
/// </summary>
internal static class CreateUser
{
    private static readonly Dictionary<Role, string> Titles = new()
    {
        [Role.SystemAdmin] = "系统管理员",
        [Role.SecurityAdmin] = "安全管理员",
        [Role.AuditAdmin] = "审计管理员",
    };

    public static Command Command(IConfiguration? given)
    {
        var role = new Option<string>("--role") { Description = $"角色：{string.Join("、", Titles.Select(t => $"{SnakeCase.Of(t.Key)}（{t.Value}）"))}", Required = true };
        role.AcceptOnlyFromAmong([.. Titles.Keys.Select(r => SnakeCase.Of(r))]);
        var name = new Option<string>("--name") { Description = "姓名", Required = true };
        var userName = UserNameOption();
        var command = new Command("create-user", "新建一名管理员，在标准输出上给出其一次性邀请（7 天内有效，只显示这一次）") { role, name, userName };
        command.SetAction((parsed, cancellation) => AdminTool.ChangeAsync(
            given ?? Host.CreateApplicationBuilder().Configuration, "createUser",
            db => CreateAsync(db, SnakeCase.Parse<Role>(parsed.GetRequiredValue(role)), parsed.GetRequiredValue(name), parsed.GetRequiredValue(userName), cancellation),
            parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error, cancellation));
        return command;
    }

    internal static Option<string> UserNameOption()
    {
        var userName = new Option<string>("--user-name") { Description = "登录用户名：3 到 32 个小写字母、数字、点、下划线或连字符", Required = true };
        userName.Validators.Add(result =>
        {
            if (!UserName.IsMatch(result.GetValueOrDefault<string>() ?? "")) result.AddError("--user-name 应为 3 到 32 个小写字母、数字、点、下划线或连字符，以字母或数字开头。");
        });
        return userName;
    }

    private static async Task<(Guid[]?, string)> CreateAsync(BackendDb db, Role role, string name, string userName, CancellationToken cancellation)
    {
        if (name.Length is 0 or > 50 || name.Any(char.IsControl)) return (null, "--name 应为 1 到 50 个字，不含控制字符。");
        var top = await db.GridNodes.Where(n => n.ParentId == null).OrderBy(n => n.Path).Select(n => (Guid?)n.Id).FirstOrDefaultAsync(cancellation);
        if (top is not { } node) return (null, "还没有网格：请先导入区、街道和社区。");
        var (account, post, appointment, invitation, token) = (Guid.CreateVersion7(db.Now), Guid.CreateVersion7(db.Now), Guid.CreateVersion7(db.Now), Guid.CreateVersion7(db.Now), Tokens.Random(24));
        var made = await db.Database.SqlQuery<bool>($"""
            select app.create_administrator({account}, {name}, {userName}, {SnakeCase.Of(role)}, {Titles[role]}, {post}, {node}, {appointment}, {ShanghaiDay.Of(db.Now)},
                {invitation}, {Tokens.Hash(token)}, {db.Now}, {db.Now + StaffInvitation.Lifetime}) as "Value"
            """).SingleAsync(cancellation);
        return made ? ([account, post, appointment, invitation], token) : (null, $"用户名 {userName} 已被使用；重新邀请请用 admin invite。");
    }

    private static readonly Regex UserName = new(StaffCredential.UserNamePattern, RegexOptions.NonBacktracking);
}
