using System.Collections.Concurrent;
using Backend.Platform;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Authentication;

namespace Backend.Features.Wall;

/// <summary>
/// Answers <c>GET …/wall</c> before routing, sign-in and every other work, for a caller whom <see cref="ReadWall"/> has let in with the very same
/// credentials, as long as her token lasts and her rights are the same object: any change of rights, the end of a session and midnight make
/// another one (RightsCache), and then the long way decides anew. No SQL, nothing computed: an unchanged wall is a comparison of two texts.
/// It stands before the limits by account too: counting such an answer would cost more than giving it.
/// </summary>
internal sealed class AnswerReadyWalls(ReadyWalls walls, RightsCache cache, TimeProvider clock, IHostEnvironment environment) : IMiddleware
{
    private const string Before = "/api/v1/grid-nodes/", After = "/wall";
    private const int MaxEntries = 50_000, IdLength = 36;

    private readonly ConcurrentDictionary<(string Credentials, Guid Node), Admission> _admissions = new();

    private sealed record Admission(Rights Rights, DateTimeOffset Until);

    /// <summary>Remembers that these credentials may see this node's wall by these rights.</summary>
    public void LetIn(HttpContext http, Guid node, Rights rights)
    {
        if (Credentials(http.Request) is not { } credentials) return;
        if (_admissions.Count >= MaxEntries) _admissions.Clear();
        var until = http.Features.Get<IAuthenticateResultFeature>()?.AuthenticateResult?.Properties?.ExpiresUtc ?? DateTimeOffset.MaxValue;
        _admissions[(credentials, node)] = new Admission(rights, until);
    }

    public Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (Find(context.Request) is not { } wall) return next(context);
        SafeHeaders.Add(context.Response.Headers, environment);
        return ReadyAnswer.WriteAsync(context, wall);
    }

    private ReadyWall? Find(HttpRequest request)
    {
        var path = request.Path.Value;
        if (path is null || path.Length != Before.Length + IdLength + After.Length || !HttpMethods.IsGet(request.Method)
            || !path.StartsWith(Before, StringComparison.Ordinal) || !path.EndsWith(After, StringComparison.Ordinal)
            || !Guid.TryParseExact(path.AsSpan(Before.Length, IdLength), "D", out var node)
            || Credentials(request) is not { } credentials || !_admissions.TryGetValue((credentials, node), out var admission)) return null;
        if (admission.Until > clock.GetUtcNow() && cache.TryGet(admission.Rights.SessionId, out var rights) && ReferenceEquals(rights, admission.Rights))
            return walls.Find(node);
        _admissions.TryRemove((credentials, node), out _);
        return null;
    }

    /// <summary>All that sign-in looks at, in its order (Authentication).</summary>
    private static string? Credentials(HttpRequest request) =>
        request.Headers.Authorization is [{ Length: > 0 } authorization] ? authorization
        : request.Headers.Authorization.Count == 0 && request.Headers.Cookie is [{ Length: > 0 } cookie] ? cookie
        : null;
}
