using System.ComponentModel.DataAnnotations;
using Backend.Domain.Accounts;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Sessions;

/// <summary>
/// Rotates a refresh token (ID04). The immediate predecessor may be repeated within 10 s and gets the same successor; any other spent token ends
/// the family, because somebody has a copy.
/// </summary>
internal static class RefreshSession
{
    public sealed record Request(
        [property: Required(ErrorMessage = "请提供 refreshToken")]
        [property: StringLength(100, ErrorMessage = "refreshToken 过长")]
        string RefreshToken);

    public static void Map(RouteGroupBuilder sessions) =>
        sessions.MapPost("/refresh", Handle).WithName("refreshSession")
            .WithSummary("续期登录")
            .WithDescription("每个 refreshToken 只能使用一次，返回下一个；10 秒内可用上一个重试并得到相同结果。重复使用旧值会使登录失效。")
            .Refuses(Problems.Invalid, Problems.RefreshTokenInvalid);

    public static async Task<Results<Ok<SessionTokens>, ProblemHttpResult>> Handle(
        Request request, BackendDb db, AppDataSource source, CurrentAccount me, Tokens tokens, RightsCache rights, AuditWriter audit, CancellationToken cancellation)
    {
        var hash = Tokens.Hash(request.RefreshToken);
        var found = await SignIn.FindSessionAsync(source, [hash], cancellation)
            ?? await SignIn.FindSessionAsync(source, tokens.SuccessorHashes(request.RefreshToken), cancellation);
        if (found is not { Kind: SessionKind.WeChat or SessionKind.Console }) return Problems.RefreshTokenInvalid.Result();

        me.Become(found.AccountId);
        await db.BeginAsync(cancellation);
        // The row lock decides between two uses at once: the second sees what the first has made of it.
        var session = await db.Sessions.FromSql($"select * from sessions where id = {found.Id} for update").SingleOrDefaultAsync(cancellation);
        if (session is null || session.EndedAt is not null || session.ExpiresAt <= db.Now || session.LastUsedAt + Tokens.IdleOf(session.Kind) <= db.Now
            || !await db.Accounts.AnyAsync(a => a.Id == found.AccountId && a.DisabledAt == null, cancellation))
        {
            await db.RollbackAsync(cancellation);
            return Problems.RefreshTokenInvalid.Result();
        }

        var successor = tokens.Successor(request.RefreshToken);
        if (session.TokenHash.AsSpan().SequenceEqual(hash))
        {
            (session.PreviousTokenHash, session.TokenHash) = (hash, Tokens.Hash(successor));
            (session.RotatedAt, session.LastUsedAt) = (db.Now, db.Now);
        }
        else if (session.PreviousTokenHash?.AsSpan().SequenceEqual(hash) != true || session.RotatedAt + Tokens.RetryWindow < db.Now)
        {
            session.EndedAt = db.Now;
            audit.Add("refresh_token_reused", session.Id);
            await db.CommitAsync(cancellation);
            rights.Forget(session.Id);
            return Problems.RefreshTokenInvalid.Result("该登录凭证已被使用过，为安全起见登录已结束，请重新登录。");
        }

        audit.Add(AuditWriter.Done, session.Id);
        await db.CommitAsync(cancellation);
        return TypedResults.Ok(new SessionTokens(tokens.Access(session.AccountId, session.Id), successor, (int)Tokens.AccessLifetime.TotalSeconds));
    }
}
