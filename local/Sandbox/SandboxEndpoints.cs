using System.Text.Json;
using System.Text.Json.Nodes;
using Backend.Platform.WeChat;

namespace Local.Sandbox;

/// <summary>
/// The local WeChat: the same HTTP calls with WeChat's paths, its order of checks and its error codes, and a page that shows what it received.
/// For this machine only; it is no part of the service.
/// </summary>
internal static class SandboxEndpoints
{
    private const int LargestBody = 64 * 1024;

    /// <summary>Adds the state. The api must be given the same AppId and secret.</summary>
    public static IServiceCollection AddWeChatSandbox(this IServiceCollection services, string appId, string appSecret)
    {
        services.AddSingleton(provider => new WeChatSandbox(appId, appSecret, provider.GetService<TimeProvider>() ?? TimeProvider.System));
        return services;
    }

    /// <summary>Maps WeChat's calls under their own paths, and the page under <c>/sandbox</c>.</summary>
    public static void MapWeChatSandbox(this WebApplication app)
    {
        app.MapGet("/sns/jscode2session", CodeToSession);
        app.MapPost("/cgi-bin/stable_token", StableToken);
        app.MapGet("/cgi-bin/stable_token", () => Error(43002, "require POST method"));
        app.MapPost("/cgi-bin/message/wxopen/employeerelationmsg/send", SendEmploymentMessage);
        app.MapGet("/cgi-bin/message/wxopen/employeerelationmsg/send", () => Error(43002, "require POST method"));
        app.MapPost("/cgi-bin/message/subscribe/send", SendSubscribeMessage);
        app.MapGet("/cgi-bin/message/subscribe/send", () => Error(43002, "require POST method"));
        app.MapPost("/wxa/business/getuserphonenumber", GivePhone);
        app.MapGet("/wxa/business/getuserphonenumber", () => Error(43002, "require POST method"));
        app.MapGet("/sandbox", Page);
        app.MapGet("/sandbox/messages", Messages);
    }

    private static IResult CodeToSession(HttpRequest request, WeChatSandbox sandbox)
    {
        string? appId = request.Query["appid"], secret = request.Query["secret"], code = request.Query["js_code"];
        if (string.IsNullOrEmpty(appId)) return Error(41002, "appid missing");
        if (string.IsNullOrEmpty(secret)) return Error(41004, "appsecret missing");
        if (string.IsNullOrEmpty(code)) return Error(41008, "missing code");
        if (request.Query["grant_type"] != "authorization_code") return Error(40002, "invalid grant_type");
        if (appId != sandbox.AppId) return Error(40013, "invalid appid");
        if (!sandbox.IsSecret(secret)) return Error(40125, "invalid appsecret");
        if (!DemoCodes.IsAccepted(code)) return Error(40029, "invalid code");
        // As WeChat: no errcode on success, and a session_key that the service must drop.
        return Json(new JsonObject { ["session_key"] = "AAECAwQFBgcICQoLDA0ODw==", ["openid"] = DemoCodes.OpenIdOf(code) });
    }

    private static async Task<IResult> StableToken(HttpRequest request, WeChatSandbox sandbox, CancellationToken cancellation)
    {
        var (body, refusal) = await ReadAsync(request, cancellation);
        if (body is null) return refusal!;
        if (Text(body, "grant_type") != "client_credential") return Error(40002, "invalid grant_type");
        if (Text(body, "appid") is not { Length: > 0 } appId) return Error(41002, "appid missing");
        if (Text(body, "secret") is not { Length: > 0 } secret) return Error(41004, "appsecret missing");
        if (appId != sandbox.AppId) return Error(40013, "invalid appid");
        if (!sandbox.IsSecret(secret)) return Error(40125, "invalid appsecret");
        var (token, expiresIn) = sandbox.GiveToken();
        return Json(new JsonObject { ["access_token"] = token, ["expires_in"] = expiresIn });
    }

    private static async Task<IResult> SendEmploymentMessage(HttpRequest request, WeChatSandbox sandbox, CancellationToken cancellation)
    {
        if (RefuseToken(request, sandbox) is { } refused) return refused;
        var (body, refusal) = await ReadAsync(request, cancellation);
        if (body is null) return refusal!;
        if (Text(body, "template_id") is not { Length: > 0 and <= 128 } template || Text(body, "page") is not { Length: > 0 and <= 1024 } page || page[0] == '/'
            || Text(body, "touser") is not { Length: > 0 } openId || Text(body, "data") is not { Length: > 0 } data) return Error(40097, "invalid args");
        if (!DemoCodes.IsOpenId(openId)) return Error(40003, "invalid openid");
        if (DemoCodes.IsUnboundOpenId(openId)) return Error(40256, "invalid employee relation");

        // data is a text that holds JSON.
        if (Parse(data)?["data"] is not JsonObject { Count: > 0 } pairs) return Error(40097, "invalid args");
        if (ReadValues(pairs, out var values) is { } bad) return bad;
        sandbox.Receive("用工消息", openId, template, page, values);
        return Json(new JsonObject { ["errcode"] = 0, ["errmsg"] = "ok" });
    }

    private static async Task<IResult> SendSubscribeMessage(HttpRequest request, WeChatSandbox sandbox, CancellationToken cancellation)
    {
        if (RefuseToken(request, sandbox) is { } refused) return refused;
        var (body, refusal) = await ReadAsync(request, cancellation);
        if (body is null) return refusal!;
        if (Text(body, "touser") is not { Length: > 0 } openId || !DemoCodes.IsOpenId(openId)) return Error(40003, "invalid openid");
        if (Text(body, "template_id") is not { Length: > 0 and <= 128 } template) return Error(40037, "invalid template_id");
        // Without a page the card opens nothing; with one it must be in the app.
        var page = body["page"] is null ? "" : Text(body, "page");
        if (page is null or { Length: > 1024 } || page.StartsWith('/')) return Error(41030, "invalid page");
        if (body["miniprogram_state"] is not null && Text(body, "miniprogram_state") is not ("developer" or "trial" or "formal")) return Error(40097, "invalid args");
        if (body["data"] is not JsonObject { Count: > 0 } pairs) return Error(47003, "argument invalid! data invalid");
        if (ReadValues(pairs, out var values) is { } bad) return bad;
        // Everybody of the demo has consented, for good; strangers never.
        if (DemoCodes.IsUnboundOpenId(openId)) return Error(43101, "user refuse to accept the msg");
        var number = sandbox.Receive("订阅消息", openId, template, page, values);
        return Json(new JsonObject { ["errcode"] = 0, ["errmsg"] = "ok", ["msgid"] = number });
    }

    private static async Task<IResult> GivePhone(HttpRequest request, WeChatSandbox sandbox, CancellationToken cancellation)
    {
        if (RefuseToken(request, sandbox) is { } refused) return refused;
        var (body, refusal) = await ReadAsync(request, cancellation);
        if (body is null) return refusal!;
        if (body["openid"] is not null && (Text(body, "openid") is not { } openId || !DemoCodes.IsOpenId(openId))) return Error(40003, "invalid openid");
        if (Text(body, "code") is not { } code || DemoCodes.PhoneOf(code) is not { } number) return Error(40029, "invalid code");
        return Json(new JsonObject
        {
            ["errcode"] = 0,
            ["errmsg"] = "ok",
            ["phone_info"] = new JsonObject
            {
                ["phoneNumber"] = number,
                ["purePhoneNumber"] = number,
                ["countryCode"] = "86",
                ["watermark"] = new JsonObject { ["timestamp"] = sandbox.Now.ToUnixTimeSeconds(), ["appid"] = sandbox.AppId },
            },
        });
    }

    private static IResult? RefuseToken(HttpRequest request, WeChatSandbox sandbox)
    {
        string? token = request.Query["access_token"];
        if (string.IsNullOrEmpty(token)) return Error(41001, "access_token missing");
        return sandbox.IsToken(token) ? null : Error(40001, "invalid credential, access_token is invalid or not latest");
    }

    private static IResult? ReadValues(JsonObject pairs, out List<SandboxValue> values)
    {
        values = [];
        foreach (var (key, pair) in pairs)
        {
            if (pair is not JsonObject content || Text(content, "value") is not { } value || !TemplateValues.IsValid(key, value)) return Error(47003, $"argument invalid! data.{key}.value invalid");
            values.Add(new SandboxValue(key, value));
        }

        return null;
    }

    private static IResult Page(HttpResponse response)
    {
        response.Headers.ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'";
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.CacheControl = "no-store";
        return Results.Text(SandboxPage.Html, "text/html; charset=utf-8");
    }

    private static IResult Messages(HttpResponse response, WeChatSandbox sandbox)
    {
        response.Headers.CacheControl = "no-store";
        return Results.Json(new { received = sandbox.Received, messages = sandbox.Messages }, JsonSerializerOptions.Web);
    }

    private static async Task<(JsonObject? Body, IResult? Refusal)> ReadAsync(HttpRequest request, CancellationToken cancellation)
    {
        using var buffer = new MemoryStream();
        var chunk = new byte[8192];
        int count;
        while ((count = await request.Body.ReadAsync(chunk, cancellation)) > 0)
        {
            if (buffer.Length + count > LargestBody) return (null, Error(47001, "data format error"));
            buffer.Write(chunk, 0, count);
        }
        if (buffer.Length == 0) return (null, Error(44002, "empty post data"));
        return Parse(System.Text.Encoding.UTF8.GetString(buffer.ToArray())) is { } body ? (body, null) : (null, Error(47001, "data format error"));
    }

    private static JsonObject? Parse(string text)
    {
        try
        {
            var parsed = JsonNode.Parse(text) as JsonObject;
            _ = parsed?.Count; // duplicate names show only here
            return parsed;
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            return null;
        }
    }

    private static string? Text(JsonObject body, string name) =>
        body[name] is JsonValue value && value.GetValueKind() == JsonValueKind.String ? (string?)value : null;

    private static IResult Error(int errcode, string text) => Json(new JsonObject { ["errcode"] = errcode, ["errmsg"] = $"{text} rid: {Rid()}" });

    private static string Rid()
    {
        var hex = Guid.CreateVersion7().ToString("N");
        return $"{hex[..8]}-{hex[8..16]}-{hex[24..]}";
    }

    // Status 200 for errors too, and the odd content type: as WeChat.
    private static IResult Json(JsonObject body) => Results.Text(body.ToJsonString(), "application/json; encoding=utf-8");
}
