using System.Collections.Concurrent;
using Backend.Platform;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Authentication;

namespace Backend.Features.Wall;

/// <summary>
/// Answers <c>GET …/wall</c> and <c>…/wall/changes</c> before routing, sign-in and every other work, for a caller whom the operation itself has let in
/// with the very same credentials, as long as her token lasts and her rights are the same object: any change of rights, the end of a session and
/// midnight make another one (RightsCache), and then the long way decides anew. No SQL, nothing computed: an unchanged wall is a comparison of two
/// texts. It stands before the limits by account too: counting such an answer would cost more than giving it.
/// </summary>
internal sealed class AnswerReadyWalls(ReadyWalls walls, RightsCache cache, TimeProvider clock, IHostEnvironment environment)
{
    public const string Wall = "/wall", Changes = "/wall/changes";

    private const string Before = "/api/v1/grid-nodes/";
    private const int MaxEntries = 50_000, IdLength = 36;

    private readonly ConcurrentDictionary<(string Credentials, Guid Node, string Operation), Admission> _admissions = new();

    private sealed record Admission(Rights Rights, DateTimeOffset Until);

    /// <summary>Remembers that these credentials may do this with this node by these rights.</summary>
    public void LetIn(HttpContext http, Guid node, string operation, Rights rights)
    {
        if (Credentials(http.Request) is not { } credentials) return;
        if (_admissions.Count >= MaxEntries) _admissions.Clear();
        var until = http.Features.Get<IAuthenticateResultFeature>()?.AuthenticateResult?.Properties?.ExpiresUtc ?? DateTimeOffset.MaxValue;
        _admissions[(credentials, node, operation)] = new Admission(rights, until);
    }

    public Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        if (!IsWall(request, out var node, out var operation) || Find(request, node, operation) is not { } wall) return next(context);
        if (operation == Wall)
        {
            SafeHeaders.Add(context.Response.Headers, environment);
            return ReadyAnswer.WriteAsync(context, wall);
        }

        // One parameter and no other: whatever else stands there is for the long way to judge.
        if (request.Query is not { Count: 1 } query || query["after"] is not [{ } after] || wall.ChangesSince(after) is not { } bytes) return next(context);
        SafeHeaders.Add(context.Response.Headers, environment);
        return ReadyAnswer.WriteChangesAsync(context, bytes);
    }

    private static bool IsWall(HttpRequest request, out Guid node, out string operation)
    {
        (node, operation) = (default, "");
        if (request.Path.Value is not { Length: > 0 } path || !HttpMethods.IsGet(request.Method) || !path.StartsWith(Before, StringComparison.Ordinal)) return false;
        operation = path.Length == Before.Length + IdLength + Wall.Length ? Wall : path.Length == Before.Length + IdLength + Changes.Length ? Changes : "";
        return operation.Length > 0 && path.EndsWith(operation, StringComparison.Ordinal) && Guid.TryParseExact(path.AsSpan(Before.Length, IdLength), "D", out node);
    }

    private ReadyWall? Find(HttpRequest request, Guid node, string operation)
    {
        if (Credentials(request) is not { } credentials || !_admissions.TryGetValue((credentials, node, operation), out var admission)) return null;
        if (admission.Until > clock.GetUtcNow() && cache.TryGet(admission.Rights.SessionId, out var rights) && ReferenceEquals(rights, admission.Rights))
            return walls.Find(node);
        _admissions.TryRemove((credentials, node, operation), out _);
        return null;
    }

    /// <summary>All that sign-in looks at, in its order (Authentication).</summary>
    private static string? Credentials(HttpRequest request) =>
        request.Headers.Authorization is [{ Length: > 0 } authorization] ? authorization
        : request.Headers.Authorization.Count == 0 && request.Headers.Cookie is [{ Length: > 0 } cookie] ? cookie
        : null;
}
