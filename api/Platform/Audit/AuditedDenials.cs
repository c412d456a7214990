using Backend.Platform.Errors;

namespace Backend.Platform.Audit;

internal static class AuditedDenials
{
    /// <summary>
    /// "Not found" is a denial too, and leaves an entry before it is answered (AU01, AU02). A handler that looked into the database has written it with its
    /// read; one that found out from the grid in memory has not, and must not have to think of it.
    /// </summary>
    public static RouteGroupBuilder AuditDenials(this RouteGroupBuilder api) => api.AddEndpointFilter(async (context, next) =>
    {
        var result = await next(context);
        if (result is INestedHttpResult { Result: IStatusCodeHttpResult { StatusCode: StatusCodes.Status404NotFound } })
        {
            var audit = context.HttpContext.RequestServices.GetRequiredService<AuditWriter>();
            if (!audit.IsWritten) await audit.RefusalAsync(Problems.NotFound.Code, context.HttpContext.RequestAborted);
        }

        return result;
    });
}
