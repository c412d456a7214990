using System.Security.Cryptography;
using System.Text.Json;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.Security;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Npgsql;

namespace Backend.Platform.Persistence;

/// <summary>
/// Runs a handler inside the one transaction of its use case and commits when it answers 2xx: state, history, outbox, audit row and idempotency
/// record together (RL01). A handler therefore never begins or commits. Where the policy table asks for it, the <c>Idempotency-Key</c> is
/// honoured (RL02): "in flight" is seen by a try-lock on the key, because an uncommitted row would block instead of answer.
/// </summary>
internal sealed class OneTransaction(
    BackendDb db, CurrentAccount me, PolicyTable policy, AuditWriter audit, Vault vault, IOptions<Microsoft.AspNetCore.Http.Json.JsonOptions> json) : IEndpointFilter
{
    public const string KeyHeader = "Idempotency-Key";
    private const int MaxKeyLength = 100;

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var cancellation = http.RequestAborted;
        var needsKey = policy.Find(me.Operation)?.Key == KeyRule.Required;
        var key = http.Request.Headers[KeyHeader].ToString();
        if (needsKey && (key.Length is 0 or > MaxKeyLength || key.Any(c => c is < '!' or > '~')))
            return Problems.IdempotencyKeyMissing.Result($"请在请求头 {KeyHeader} 中给出 1 到 {MaxKeyLength} 个可见字符，每次操作一个，重试时不变。");

        await db.BeginAsync(cancellation);
        byte[] bodyHash = [];
        var route = "";
        if (needsKey)
        {
            (route, bodyHash) = ($"{http.Request.Method} {http.Request.Path}", await HashBodyAsync(http.Request, cancellation));
            if (!await TryLockAsync(route, key, cancellation)) return await RefuseAsync(Problems.RequestInFlight.Result("请稍候再用同一 Idempotency-Key 重试。"), cancellation);
            var earlier = await db.IdempotencyRecords.AsNoTracking().SingleOrDefaultAsync(r => r.AccountId == me.Id && r.Route == route && r.Key == key, cancellation);
            if (earlier is not null)
            {
                await db.RollbackAsync(cancellation);
                return earlier.BodyHash.AsSpan().SequenceEqual(bodyHash)
                    ? new StoredAnswer(earlier.Status, vault.Open(SealedFields.IdempotencyAnswer, earlier.Id, earlier.Answer), earlier.ETag)
                    : Problems.IdempotencyKeyReused.Result("请为新的操作使用新的 Idempotency-Key。");
            }
        }

        var result = await next(context);
        var status = StatusOf(result);
        if (status >= 400) return await RefuseAsync(result, cancellation);

        audit.AddUnlessWritten();
        if (needsKey)
        {
            var id = Guid.CreateVersion7(db.Now);
            db.IdempotencyRecords.Add(new IdempotencyRecord
            {
                Id = id,
                AccountId = me.Id,
                Route = route,
                Key = key,
                BodyHash = bodyHash,
                Status = status,
                Answer = vault.Seal(SealedFields.IdempotencyAnswer, id, Body(result)),
                ETag = http.Response.Headers[HeaderNames.ETag].ToString() is { Length: > 0 } etag ? etag : null,
                CreatedAt = db.Now,
            });
        }

        try
        {
            await db.CommitAsync(cancellation);
        }
        catch (DbUpdateException exception) when (exception.InnerException is PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege })
        {
            // It was within the caller's reach when it was read, or as this replica knew the grid, and is no longer: it has moved.
            http.Response.Headers.Remove(HeaderNames.ETag);
            return await RefuseAsync(Problems.NotFound.Result(), cancellation);
        }
        catch (DbUpdateConcurrencyException)
        {
            // Somebody else's commit came between our read and our write: the revision no longer holds (RL04).
            http.Response.Headers.Remove(HeaderNames.ETag);
            return await RefuseAsync(Problems.VersionStale.Result(), cancellation);
        }

        return result;
    }

    private async Task<object?> RefuseAsync(object? result, CancellationToken cancellation)
    {
        await db.RollbackAsync(cancellation);
        var code = (Unwrap(result) as Microsoft.AspNetCore.Http.HttpResults.ProblemHttpResult)?.ProblemDetails.Extensions["code"] as string;
        await audit.RefusalAsync(code ?? "refused", cancellation);
        return result;
    }

    private async Task<bool> TryLockAsync(string route, string key, CancellationToken cancellation)
    {
        var name = $"{me.Id}\n{route}\n{key}";
        return await db.Database.SqlQuery<bool>($"select pg_try_advisory_xact_lock(hashtextextended({name}, 0)) as \"Value\"").SingleAsync(cancellation);
    }

    private static async Task<byte[]> HashBodyAsync(HttpRequest request, CancellationToken cancellation)
    {
        request.Body.Position = 0;
        return await SHA256.HashDataAsync(request.Body, cancellation);
    }

    private byte[] Body(object? result) => Unwrap(result) is IValueHttpResult { Value: { } value }
        ? JsonSerializer.SerializeToUtf8Bytes(value, value.GetType(), json.Value.SerializerOptions)
        : [];

    private static int StatusOf(object? result) => Unwrap(result) is IStatusCodeHttpResult { StatusCode: { } status } ? status : 200;

    private static object? Unwrap(object? result) => result is INestedHttpResult nested ? Unwrap(nested.Result) : result;

    /// <summary>The first answer, word for word.</summary>
    private sealed class StoredAnswer(int status, byte[] body, string? etag) : IResult
    {
        public async Task ExecuteAsync(HttpContext http)
        {
            http.Response.StatusCode = status;
            if (etag is not null) http.Response.Headers[HeaderNames.ETag] = etag;
            if (body.Length == 0) return;
            http.Response.ContentType = "application/json; charset=utf-8";
            await http.Response.Body.WriteAsync(body, http.RequestAborted);
        }
    }
}

/// <summary>Keeps the body readable a second time, so that its hash can be compared (RL02). Bodies are at most 256 KB (IN05) and stay in memory.</summary>
internal sealed class RereadableBody(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext http)
    {
        if (http.Request.Headers.ContainsKey(OneTransaction.KeyHeader)) http.Request.EnableBuffering(bufferThreshold: 256 * 1024);
        return next(http);
    }
}

internal static class OneTransactionExtensions
{
    /// <summary>The handler runs in one transaction that begins before it and is committed after it.</summary>
    public static TBuilder InOneTransaction<TBuilder>(this TBuilder builder) where TBuilder : IEndpointConventionBuilder =>
        builder.AddEndpointFilter<TBuilder, OneTransaction>();
}
