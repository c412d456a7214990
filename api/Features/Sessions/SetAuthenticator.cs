using System.ComponentModel.DataAnnotations;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Backend.Features.Sessions;

/// <summary>Confirms another authenticator by its first code (ID07): the former one and the former recovery codes end, and so do her other sessions at browsers.</summary>
internal static class SetAuthenticator
{
    /// <param name="Proof">What <see cref="BeginAuthenticator"/> answered.</param>
    /// <param name="Code">The first code that the authenticator shows.</param>
    public sealed record Request(
        [property: Required(ErrorMessage = "请提供 proof"), StringLength(100, ErrorMessage = "proof 过长")] string Proof,
        [property: Required(ErrorMessage = "请输入验证码")]
        [property: RegularExpression("^[0-9]{6}$", ErrorMessage = "验证码为 6 位数字", MatchTimeoutInMilliseconds = 100)]
        string Code);

    /// <param name="RecoveryCodes">Ten, each good for one sign-in without the authenticator; shown only here.</param>
    public sealed record Response(IReadOnlyList<string> RecoveryCodes);

    public static void Map(RouteGroupBuilder me) =>
        me.MapPut("/authenticator", Handle).WithName("setAuthenticator")
            .WithSummary("确认更换验证器")
            .WithDescription("用新验证器的第一个验证码确认更换，得到 10 个新的恢复码，只显示这一次；原验证器和原恢复码随即失效，本人在其他浏览器上的登录随即结束。")
            .ForConsole()
            .InOneTransaction()
            .RequiresStepUp()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.StepUpRequired, Problems.CodeWrong);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Request request, BackendDb db, CurrentAccount me, SecondFactors factors, AuditWriter audit, CancellationToken cancellation)
    {
        if (await db.LockCredentialAsync(me.Id, cancellation) is not { } credential || factors.Finish(me.Id, credential.Id, request.Proof, request.Code) is not { } set) return Problems.CodeWrong.Result();
        (credential.Totp, credential.LastStep, credential.RecoveryCodes, credential.ChangedAt) = (set.Totp, set.Step, set.Hashes, db.Now);
        await db.EndConsolesAsync(me.Id, me.SessionId, cancellation);
        audit.Add(AuditWriter.Done, me.Id);
        return TypedResults.Ok(new Response(set.Codes));
    }
}
