using Backend.Platform.Errors;
using Backend.Platform.Persistence;
using Microsoft.EntityFrameworkCore;

namespace Backend.Platform.Security;

/// <summary>Lets through whoever has shown a second factor in this session within five minutes (ID08), and asks everybody else for it.</summary>
internal sealed class StepUp(BackendDb db, CurrentAccount me) : IEndpointFilter
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var shown = await db.Sessions.Where(s => s.Id == me.SessionId).Select(s => s.SteppedUpAt).SingleOrDefaultAsync(context.HttpContext.RequestAborted);
        return shown + Lifetime > db.Now ? await next(context) : Problems.StepUpRequired.Result("此操作需要在 5 分钟内验证过第二因素，请输入验证器上的验证码后重试；经统一身份认证登录的，请重新登录后重试。");
    }
}

internal static class StepUpExtensions
{
    /// <summary>The operation needs a fresh second factor. It stands behind <see cref="OneTransactionExtensions.InOneTransaction"/>; name <see cref="Problems.StepUpRequired"/> among its refusals.</summary>
    public static RouteHandlerBuilder RequiresStepUp(this RouteHandlerBuilder operation) => operation.AddEndpointFilter<StepUp>();
}
