using System.ComponentModel.DataAnnotations;
using Backend.Domain.Accounts;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Platform.WeChat;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace Backend.Features.Sessions;

/// <summary>
/// Exchanges a code of <c>wx.login</c> for a session. The WeChat identity comes only from this exchange (ID01); the exchange goes out before the
/// first command, and is never retried blindly: after a lost answer the client logs in again (ID02).
/// </summary>
internal static class SignInWithWeChat
{
    private static readonly TimeSpan BindingTicketLifetime = TimeSpan.FromMinutes(10);

    public sealed record Request(
        [property: Required(ErrorMessage = "请提供 wx.login 的 code")]
        [property: RegularExpression(WeChatClient.CodePattern, ErrorMessage = "code 应为 1 到 128 个可见字符", MatchTimeoutInMilliseconds = 100)]
        string Code);

    public static void Map(RouteGroupBuilder sessions) =>
        sessions.MapPost("/wechat", Handle).WithName("signInWithWeChat")
            .WithSummary("微信登录")
            .WithDescription("用 wx.login 的 code 换取登录。未绑定的微信得到 403 account_not_bound（已申请而未确认的为 binding_waiting，三十天内已改绑到另一个微信的为 account_moved）和 10 分钟内有效的 bindingTicket，没有登录。")
            .Refuses(Problems.Invalid, Problems.CodeInvalid, Problems.AccountNotBound, Problems.BindingWaiting, Problems.AccountMoved, Problems.HighRiskUser, Problems.RequestInFlight, Problems.WeChatUnavailable);

    public static async Task<Results<Ok<SessionTokens>, ProblemHttpResult>> Handle(
        Request request, WeChatClient weChat, CodesInUse codes, BackendDb db, AppDataSource source, SharedLimits limits, CurrentAccount me, Vault vault, Tokens tokens,
        AuditWriter audit, HttpContext http, CancellationToken cancellation)
    {
        // Of parallel uses of one code one goes out; the others are told at once (ID02).
        using var use = codes.TryUse(request.Code);
        if (use is null) return Problems.RequestInFlight.Result("该登录凭证正在使用，请重新调用 wx.login。");

        switch (await weChat.CodeToSessionAsync(request.Code, cancellation))
        {
            case CodeExchange.Identity identity:
                return await OpenSession(identity.OpenId, db, source, limits, me, vault, tokens, audit, http, cancellation);
            case CodeExchange.CodeInvalid:
                return await NobodyAsync(limits, me, audit, http, cancellation) ?? Problems.CodeInvalid.Result("请重新调用 wx.login 后再登录。");
            case CodeExchange.HighRisk:
                return Problems.HighRiskUser.Result();
            case CodeExchange.Unavailable { CodeMayBeSpent: true }:
                return Problems.WeChatUnavailable.Result("登录结果不明，请重新调用 wx.login 后再登录。");
            default:
                return Problems.WeChatUnavailable.Result();
        }
    }

    /// <summary>Session and audit row, for one round trip with their commit: at eight in the morning everybody signs in.</summary>
    internal static IReadOnlyList<NpgsqlBatchCommand> Commands(Guid session, Guid account, string token, DateTimeOffset now, AuditWriter audit) =>
    [
        ScopedCommands.Command("""
            insert into sessions (id, account_id, kind, token_hash, created_at, last_used_at, expires_at)
            values (@id, @account, @kind, @hash, @now, @now, @end)
            """,
            new("id", session), new("account", account), new("kind", SnakeCase.Of(SessionKind.WeChat)), new("hash", Tokens.Hash(token)), new("now", now), new("end", now + Tokens.RefreshLifetime)),
        audit.ChangeCommand(AuditWriter.Done, session),
    ];

    private static async Task<Results<Ok<SessionTokens>, ProblemHttpResult>> OpenSession(
        string openId, BackendDb db, AppDataSource source, SharedLimits limits, CurrentAccount me, Vault vault, Tokens tokens, AuditWriter audit, HttpContext http, CancellationToken cancellation)
    {
        var indexes = vault.BlindIndexes(SealedFields.OpenId, openId);
        var (account, wait) = await limits.FindAccountAsync(indexes, cancellation);
        if (wait is { } later) return await audit.LaterAsync(http, later, cancellation);
        var token = Tokens.Random();
        if (account is not { } id)
        {
            if (await NobodyAsync(limits, me, audit, http, cancellation) is { } refused) return refused;
            var ticket = new BindingTicket
            {
                Id = Guid.CreateVersion7(db.Now),
                Hash = Tokens.Hash(token),
                OpenIdIndex = indexes[0],
                OpenId = Domain.Privacy.Sealed.None,
                ExpiresAt = db.Now + BindingTicketLifetime,
            };
            ticket.OpenId = vault.Seal(SealedFields.BindingOpenId, ticket.Id, openId);
            await db.BeginAsync(cancellation);
            db.BindingTickets.Add(ticket);
            var (refusal, advice) = await SignIn.BindingStateAsync(db, indexes, cancellation) switch
            {
                BindingState.Waiting => (Problems.BindingWaiting, "请等待您的包保责任人确认，确认后重新登录即可。"),
                // The old phone of an account that was taken along to another one: what its owner has not done herself she hears here (ID06).
                BindingState.Moved => (Problems.AccountMoved, "如果不是您本人办理，请立即联系您的楼层长。"),
                _ => (Problems.AccountNotBound, "请凭邀请或手机号申请绑定；没有邀请请联系您的楼层长。"),
            };
            audit.Add(refusal.Code);
            await db.CommitAsync(cancellation);
            return refusal.Result(advice, new Dictionary<string, object?> { ["bindingTicket"] = token });
        }

        me.Become(id);
        var session = Guid.CreateVersion7(db.Now);
        await ScopedCommands.WriteAsync(source, me.Current, Commands(session, id, token, db.Now, audit), cancellation);
        return TypedResults.Ok(new SessionTokens(tokens.Access(id, session), token, (int)Tokens.AccessLifetime.TotalSeconds));
    }

    /// <summary>A sign-in that found nobody counts for its address (RL17). One that found somebody does not: whoever uses that count up locks out nobody behind the same address.</summary>
    private static async Task<ProblemHttpResult?> NobodyAsync(SharedLimits limits, CurrentAccount me, AuditWriter audit, HttpContext http, CancellationToken cancellation) =>
        await limits.CountAsync(me.Operation, http, me, LimitedBy.Address, null, cancellation) is { } wait ? await audit.LaterAsync(http, wait, cancellation) : null;
}
