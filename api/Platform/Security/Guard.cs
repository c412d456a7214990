using Backend.Domain.Accounts;
using Backend.Platform.Audit;
using Backend.Platform.Errors;

namespace Backend.Platform.Security;

/// <summary>
/// Stands before every endpoint, before its input is read: looks its operation up in the policy table, checks that the session is valid now,
/// and gives the request the scope of exactly those roles that may do it. Default deny: an endpoint without a row answers 403.
/// </summary>
internal sealed class Guard(RequestDelegate next, PolicyTable policy, RightsCache cache)
{
    public Task InvokeAsync(HttpContext http)
    {
        var endpoint = http.GetEndpoint();
        // What is no route of ours is the framework's own refusal: 404, 405, 415. A connection of the hub lasts for hours: nothing of ours waits under it.
        return endpoint is not RouteEndpoint || endpoint.Metadata.GetMetadata<UnguardedAttribute>() is not null ? next(http) : GuardAsync(http, endpoint);
    }

    private async Task GuardAsync(HttpContext http, Endpoint endpoint)
    {
        var me = http.RequestServices.GetRequiredService<CurrentAccount>();
        var operation = endpoint.Metadata.GetMetadata<IEndpointNameMetadata>()?.EndpointName ?? "";
        var row = policy.Find(operation);
        if (row is { Anonymous: true })
        {
            me.Enter(operation, null, [], Persistence.Scope.Nobody);
            await next(http);
            return;
        }

        if (http.User.Identity?.IsAuthenticated != true || SessionClaims.SessionId(http.User) is not { } session)
        {
            await Problems.WriteAsync(http, Problems.NotSignedIn);
            return;
        }

        var rights = await cache.OfAsync(session, http.RequestAborted);
        if (rights is null || rights.AccountId != SessionClaims.AccountId(http.User))
        {
            await Problems.WriteAsync(http, Problems.SessionEnded);
            return;
        }

        var roles = row is null ? [] : rights.Roles.Select(r => r.Role).Where(row.Allows).ToList();
        // A display's column counts whatever roles the account has; the roles decide what a staff wall may reach.
        var allowed = row is not null && rights.Kind switch
        {
            SessionKind.Display => row.Display,
            SessionKind.Hall => row.Hall,
            _ => roles.Count > 0,
        };
        me.Enter(operation, rights, roles, rights.ScopeOf(r => row?.Allows(r) == true, EmergencyReading.Operations.Contains(operation)));
        if (!allowed)
        {
            await http.RequestServices.GetRequiredService<AuditWriter>().RefusalAsync(Problems.OperationNotAllowed.Code, http.RequestAborted);
            await Problems.WriteAsync(http, Problems.OperationNotAllowed);
            return;
        }

        if (rights.AwaitsNotice && endpoint.Metadata.GetMetadata<BeforeNoticeMetadata>() is null)
        {
            // What is known may be older than her word, on another replica too.
            cache.Forget(session);
            if (await cache.OfAsync(session, http.RequestAborted) is not { AwaitsNotice: false })
            {
                await http.RequestServices.GetRequiredService<AuditWriter>().RefusalAsync(Problems.PrivacyNoticeRequired.Code, http.RequestAborted);
                await Problems.PrivacyNoticeRequired.Result("请先阅读隐私告知并确认。").ExecuteAsync(http);
                return;
            }
        }

        await next(http);
    }
}

/// <summary>What a person may do before she has recorded that she read the privacy notice: see who she is, read it, say so, and use the rights that it tells of.</summary>
internal sealed class BeforeNoticeMetadata;

internal static class BeforeNoticeExtensions
{
    public static TBuilder BeforeNotice<TBuilder>(this TBuilder builder) where TBuilder : IEndpointConventionBuilder
    {
        builder.WithMetadata(new BeforeNoticeMetadata());
        return builder;
    }
}

/// <summary>An endpoint that is no operation of the api: health, the page's files, the document. Each names why.</summary>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Class)]
internal sealed class UnguardedAttribute(string why) : Attribute
{
    public string Why => why;
}
