using System.Collections.Frozen;
using System.Diagnostics;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using JsonOptions = Microsoft.AspNetCore.Http.Json.JsonOptions;

namespace Backend.Platform.Errors;

/// <summary>
/// Every refusal the api can give: status, stable code (what clients switch on) and Chinese title. The answer is always
/// <c>application/problem+json</c> (RFC 9457). New codes are added here and nowhere else.
/// </summary>
internal sealed record Problem(int Status, string Code, string Title)
{
    public ProblemHttpResult Result(string? detail = null, IDictionary<string, object?>? more = null) =>
        TypedResults.Problem(Details(detail, more));

    /// <summary>A refusal of single members; keys are the JSON paths of the members.</summary>
    public ProblemHttpResult Result(IReadOnlyDictionary<string, string[]> errors) =>
        TypedResults.Problem(Details("请检查标出的内容后重新提交。", new Dictionary<string, object?> { ["errors"] = errors }));

    public ProblemDetails Details(string? detail = null, IDictionary<string, object?>? more = null)
    {
        var details = new ProblemDetails { Status = Status, Title = Title, Detail = detail, Type = $"urn:problem:{Code}" };
        details.Extensions["code"] = Code;
        foreach (var (key, value) in more ?? new Dictionary<string, object?>()) details.Extensions[key] = value;
        return details;
    }
}

internal static class Problems
{
    public static readonly Problem Invalid = new(400, "invalid_request", "请求内容有误");
    public static readonly Problem MalformedBody = new(400, "malformed_body", "请求内容无法读取");
    public static readonly Problem CursorInvalid = new(400, "cursor_invalid", "翻页标记无效，请从第一页重新加载");
    public static readonly Problem IdempotencyKeyMissing = new(400, "idempotency_key_missing", "缺少 Idempotency-Key");
    public static readonly Problem CodeInvalid = new(400, "login_code_invalid", "登录凭证无效或已使用，请重新登录");
    public static readonly Problem PhoneCodeInvalid = new(400, "phone_code_invalid", "手机号凭证无效、已使用或已过期，请重新获取");
    public static readonly Problem NotSignedIn = new(401, "not_signed_in", "请先登录");
    public static readonly Problem SessionEnded = new(401, "session_ended", "登录已失效，请重新登录");
    public static readonly Problem RefreshTokenInvalid = new(401, "refresh_token_invalid", "登录已失效，请重新登录");
    public static readonly Problem TicketInvalid = new(401, "ticket_invalid", "票据无效、已使用或已过期，请重新打开");
    public static readonly Problem SignInRefused = new(401, "sign_in_refused", "登录信息不对，请核对后重新登录");
    public static readonly Problem AccountNotBound = new(403, "account_not_bound", "该微信尚未绑定账号");
    public static readonly Problem BindingWaiting = new(403, "binding_waiting", "绑定申请正在等待确认");
    public static readonly Problem AccountMoved = new(403, "account_moved", "您的账号已改绑到另一个微信");
    public static readonly Problem HighRiskUser = new(403, "wechat_high_risk", "微信暂时限制登录，请联系您的楼层长");
    public static readonly Problem PrivacyNoticeRequired = new(403, "privacy_notice_required", "请先阅读隐私告知");
    public static readonly Problem OperationNotAllowed = new(403, "operation_not_allowed", "您的角色不能进行此操作");
    public static readonly Problem StepUpRequired = new(403, "step_up_required", "请再次输入验证码");
    public static readonly Problem SecondFactorMissing = new(403, "second_factor_missing", "统一身份认证没有使用第二因素");
    public static readonly Problem OidcOff = new(404, "oidc_off", "本平台没有启用统一身份认证");
    public static readonly Problem NotFound = new(404, "not_found", "没有找到，或不在您的可见范围内");
    public static readonly Problem MethodNotAllowed = new(405, "method_not_allowed", "不支持此请求方法");
    public static readonly Problem RequestInFlight = new(409, "request_in_flight", "同一请求正在处理，请稍候");
    public static readonly Problem Conflict = new(409, "conflict", "当前状态不允许此操作");
    public static readonly Problem NoPhone = new(409, "no_phone", "该居民没有登记电话号码");
    public static readonly Problem WallHistoryGone = new(410, "wall_history_gone", "变化记录已过期，请重新加载监测屏");
    public static readonly Problem VersionStale = new(412, "version_stale", "内容已被他人更新，请刷新后再试");
    public static readonly Problem BodyTooLarge = new(413, "body_too_large", "请求内容过大");
    public static readonly Problem MediaTypeUnsupported = new(415, "media_type_unsupported", "请使用 application/json");
    public static readonly Problem IdempotencyKeyReused = new(422, "idempotency_key_reused", "同一 Idempotency-Key 用于了不同内容");
    public static readonly Problem ValueInvalid = new(422, "value_invalid", "标签值有误");
    public static readonly Problem StandInNotAllowed = new(422, "stand_in_not_allowed", "不能这样代理");
    public static readonly Problem AppointmentNotAllowed = new(422, "appointment_not_allowed", "不能这样任免");
    public static readonly Problem InviteInvalid = new(422, "invite_invalid", "邀请无效、已使用或已过期");
    public static readonly Problem NotWithdrawable = new(422, "not_withdrawable", "此用途依法定职责处理，不能撤回");
    public static readonly Problem GuardianConsentMissing = new(422, "guardian_consent_missing", "未满十四周岁，需监护人同意");
    public static readonly Problem GuardianshipNotAllowed = new(422, "guardianship_not_allowed", "不能这样登记监护关系");
    public static readonly Problem PasswordWeak = new(422, "password_weak", "密码过于简单");
    public static readonly Problem CodeWrong = new(422, "code_wrong", "验证码不对或已使用");
    public static readonly Problem OwnHousehold = new(422, "own_household", "不能处理自己家的事项，请由他人处理");
    public static readonly Problem IfMatchMissing = new(428, "if_match_missing", "缺少 If-Match，请先读取最新内容");
    public static readonly Problem TooManyRequests = new(429, "too_many_requests", "操作过于频繁，请稍后再试");
    public static readonly Problem RevealsUsedUp = new(429, "reveals_used_up", "今天查看完整号码的次数已用完，请明天再试");
    public static readonly Problem HeadersTooLarge = new(431, "headers_too_large", "请求头过大");
    public static readonly Problem Unexpected = new(500, "unexpected", "服务出现意外，请稍后再试");
    public static readonly Problem WeChatUnavailable = new(503, "wechat_unavailable", "微信服务暂时不可用，请稍后再试");
    public static readonly Problem OidcUnavailable = new(503, "oidc_unavailable", "统一身份认证暂时不可用，请稍后再试");
    public static readonly Problem DatabaseUnavailable = new(503, "database_unavailable", "服务暂时不可用，请稍后再试");

    /// <summary>All of them, for the contract and for its test.</summary>
    public static readonly FrozenDictionary<string, Problem> ByCode = typeof(Problems).GetFields()
        .Select(f => f.GetValue(null)).OfType<Problem>().ToFrozenDictionary(p => p.Code, StringComparer.Ordinal);

    /// <summary>What a bare status means when the framework refused before any of our code ran.</summary>
    public static Problem OfStatus(int status) => status switch
    {
        400 => MalformedBody,
        401 => NotSignedIn,
        403 => OperationNotAllowed,
        404 => NotFound,
        405 => MethodNotAllowed,
        413 => BodyTooLarge,
        415 => MediaTypeUnsupported,
        429 => TooManyRequests,
        431 => HeadersTooLarge,
        503 => DatabaseUnavailable,
        >= 500 => Unexpected,
        _ => Invalid,
    };

    /// <summary>Completes every problem document: code, Chinese title, trace id, camelCase member names.</summary>
    public static void Complete(ProblemDetailsContext context)
    {
        var details = context.ProblemDetails;
        details.Status ??= context.HttpContext.Response.StatusCode;
        if (!details.Extensions.ContainsKey("code"))
        {
            var problem = details is HttpValidationProblemDetails ? Invalid : OfStatus(details.Status.Value);
            (details.Title, details.Type) = (problem.Title, $"urn:problem:{problem.Code}");
            details.Extensions["code"] = problem.Code;
            if (problem != MalformedBody) details.Detail = null;
        }

        if (details is HttpValidationProblemDetails validation)
        {
            var errors = validation.Errors.ToDictionary(e => CamelCase(e.Key), e => e.Value);
            validation.Errors.Clear();
            foreach (var (key, value) in errors) validation.Errors[key] = value;
        }

        details.Instance = null;
        details.Extensions["traceId"] = Activity.Current?.TraceId.ToString() ?? context.HttpContext.TraceIdentifier;
    }

    /// <summary>Writes a problem outside an endpoint (middleware, authentication).</summary>
    public static Task WriteAsync(HttpContext http, Problem problem, string? detail = null) =>
        problem.Result(detail).ExecuteAsync(http);

    private static string CamelCase(string path) =>
        string.Join('.', path.Split('.').Select(p => p.Length == 0 ? p : char.ToLowerInvariant(p[0]) + p[1..]));
}

/// <summary>
/// Writes every problem document in the one form that there is. The framework's own writer looks at Accept first: to a client that asked for the compact
/// wall alone, or for a page, it would leave a refusal without code and trace id.
/// </summary>
internal sealed class ProblemWriter(IOptions<JsonOptions> json) : IProblemDetailsWriter
{
    public bool CanWrite(ProblemDetailsContext context) => true;

    public async ValueTask WriteAsync(ProblemDetailsContext context)
    {
        Problems.Complete(context);
        // By its own type: a refusal of single members has more to say.
        await context.HttpContext.Response.WriteAsJsonAsync(
            context.ProblemDetails, context.ProblemDetails.GetType(), json.Value.SerializerOptions, "application/problem+json", context.HttpContext.RequestAborted);
    }
}
