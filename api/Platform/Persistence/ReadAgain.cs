using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;

namespace Backend.Platform.Persistence;

/// <summary>
/// A GET whose database connection was lost is executed once more from the beginning, with fresh services, while nothing of its answer has left
/// (RL14): after a restart of the database the pools are full of dead connections, and nobody should see that. A change is never repeated here:
/// whether its COMMIT arrived is known only to the idempotency record, which answers the client's own repeat.
/// </summary>
internal sealed class ReadAgain(RequestDelegate next, IServiceScopeFactory scopes, AppDataSource app, WorkerDataSource worker)
{
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(25);

    public async Task InvokeAsync(HttpContext http)
    {
        try
        {
            await next(http);
        }
        catch (Exception e) when (IsRepeatable(http) && DatabaseFaults.IsLostConnection(e))
        {
            await AgainAsync(http);
        }
    }

    // Outside of /api a GET may take a ticket: the hub, the wall's page.
    private static bool IsRepeatable(HttpContext http) =>
        HttpMethods.IsGet(http.Request.Method) && http.Request.Path.StartsWithSegments("/api", StringComparison.Ordinal) && !http.Response.HasStarted;

    private async Task AgainAsync(HttpContext http)
    {
        // Where one connection died, the idle ones of both roles are likely dead too, and there is only this one repeat. A Clear that meets another
        // one under way, be it Npgsql's own, returns at once, while dead connections are still in the pool: it takes a breath to end.
        app.Source.Clear();
        worker.Source.Clear();
        await Task.Delay(Breath, http.RequestAborted);
        // As the request was before routing and authentication looked at it.
        http.Response.Clear();
        http.SetEndpoint(null);
        http.Request.RouteValues.Clear();
        http.User = new ClaimsPrincipal();
        http.Features.Set<IAuthenticateResultFeature>(null);
        var first = http.RequestServices;
        await using var scope = scopes.CreateAsyncScope();
        http.RequestServices = scope.ServiceProvider;
        try
        {
            await next(http);
        }
        finally
        {
            http.RequestServices = first;
        }
    }
}
