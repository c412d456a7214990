using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Text.Unicode;
using Microsoft.Extensions.Options;
using Polly;
using Polly.Timeout;

namespace Backend.Platform.WeChat;

/// <summary>
/// All that this service says to WeChat. The outcomes are small closed sets; no exception but the caller's own cancellation leaves here for anything
/// that WeChat or the network does. Answers are untrusted input (IN12): limits on size, time and depth, checked types, no redirects.
/// AppSecret and access token travel in the query, so no address is ever logged or put into an exception (PD05).
/// </summary>
internal sealed class WeChatClient(HttpClient http, CallLimits limits, AccessTokens tokens, IOptions<WeChatOptions> options, TimeProvider clock, ILogger<WeChatClient> logger)
{
    /// <summary>A code of <c>wx.login</c> or of the phone number button. The documentation states no shape.</summary>
    public const string CodePattern = @"^[\x21-\x7e]{1,128}$";

    /// <summary>No message takes longer than this, token and repeats included. A sender's lease on a recipient must last longer.</summary>
    public static readonly TimeSpan LongestSend = TimeSpan.FromSeconds(30);

    private const int LargestAnswer = 64 * 1024;

    /// <summary>How old a verified number may be, by the time that WeChat puts beside it.</summary>
    private static readonly TimeSpan PhoneHolds = TimeSpan.FromMinutes(10);

    /// <summary>Its country code: only numbers of elsewhere are written with theirs.</summary>
    private const string Mainland = "86";

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 16 };

    /// <summary>Chinese goes out as it is: WeChat's checks do not see through \u escapes. For WeChat only; nothing made with it reaches a browser.</summary>
    private static readonly JsonSerializerOptions Unescaped = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly WeChatOptions _options = options.Value;

    /// <summary>
    /// Exchanges a login code for the identity behind it (code2Session). A code works once: after a lost answer it is not tried again (ID02),
    /// after WeChat's definite "busy" it is, once.
    /// </summary>
    /// <param name="code">As the mini-program got it from <c>wx.login</c>; anything may stand in it.</param>
    public async Task<CodeExchange> CodeToSessionAsync(string code, CancellationToken cancellation)
    {
        if (!IsPrintable(code, 128)) return new CodeExchange.CodeInvalid();

        var answer = await CallAsync(CallGroup.Login, new Flight(), () => GetOnce(Address("sns/jscode2session",
            ("appid", _options.AppId), ("secret", _options.AppSecret), ("js_code", code), ("grant_type", "authorization_code"))), ReadIdentity, cancellation);

        return answer.Class switch
        {
            WeChatErrorClass.Ok => answer.Value!,
            WeChatErrorClass.CodeInvalid => new CodeExchange.CodeInvalid(),
            WeChatErrorClass.HighRiskUser => new CodeExchange.HighRisk(),
            WeChatErrorClass.Transient or WeChatErrorClass.Uncertain or WeChatErrorClass.RateLimited or WeChatErrorClass.QuotaExhausted =>
                new CodeExchange.Unavailable(answer.MayHaveHappened),
            WeChatErrorClass.Unknown => new CodeExchange.Unavailable(CodeMayBeSpent: true),
            _ => new CodeExchange.Misconfigured(),
        };
    }

    /// <summary>
    /// Exchanges the code of a phone button for the number behind it, which WeChat has verified (getuserphonenumber). As a login code it works once: after a
    /// lost answer it is not tried again, after WeChat's definite "busy" it is, once. Each number may cost money, and WeChat counts the calls of a minute:
    /// after "too frequent" nobody's code goes out before that is over.
    /// </summary>
    /// <param name="code">As the mini-program got it from its phone button; anything may stand in it.</param>
    /// <param name="openId">Who pressed the button: WeChat gives the number of nobody else.</param>
    public async Task<PhoneExchange> VerifyPhoneAsync(string code, string openId, CancellationToken cancellation)
    {
        if (!IsPrintable(code, 128)) return new PhoneExchange.CodeInvalid();
        if (clock.GetUtcNow() < limits.PhonesNotBefore) return new PhoneExchange.Unavailable(CodeMayBeSpent: false);

        var body = JsonSerializer.SerializeToUtf8Bytes(new { code, openid = openId }, Unescaped);
        var answer = await CallWithTokenAsync(CallGroup.Phone, "wxa/business/getuserphonenumber", body, ReadPhone, limits.PhoneTotal, cancellation);
        if (WeChatErrors.NotBefore(answer.Class, clock.GetUtcNow()) is { } later) limits.PhonesNotBefore = later;

        switch (answer.Class)
        {
            case WeChatErrorClass.Ok when answer.Value is { } phone:
                if (phone.AppId == _options.AppId && (clock.GetUtcNow() - phone.At).Duration() <= PhoneHolds) return new PhoneExchange.Verified(phone.Number);
                logger.LogError("WeChat: a phone number was given whose watermark is another mini-program's, or not of these minutes.");
                return new PhoneExchange.CodeInvalid();
            case WeChatErrorClass.Transient or WeChatErrorClass.Uncertain or WeChatErrorClass.RateLimited or WeChatErrorClass.QuotaExhausted:
                return new PhoneExchange.Unavailable(answer.MayHaveHappened);
            case WeChatErrorClass.TokenStale or WeChatErrorClass.NotGranted or WeChatErrorClass.AccountLimited or WeChatErrorClass.Configuration:
                return new PhoneExchange.Misconfigured();
            default:
                // Which code says that somebody else pressed the button is not documented, so any other refusal is read as this one.
                return new PhoneExchange.CodeInvalid();
        }
    }

    /// <summary>
    /// Sends one employment-relation message (用工关系消息) to a leader or a member of staff. Not idempotent: WeChat knows no id of ours, so a lost
    /// answer is <see cref="WeChatErrorClass.Uncertain"/> and never repeated here. At most one message at a time may go to one person; the sender sees to that.
    /// </summary>
    /// <param name="openId">The recipient within this mini-program.</param>
    /// <param name="templateId">Template of the console, as in <see cref="WeChatOptions.RedAlarmTemplate"/>.</param>
    /// <param name="page">Page that the card opens, without leading slash, query allowed; nothing personal in it.</param>
    /// <param name="values">All keys of the template with their texts; fitted here to <see cref="TemplateValues"/>. A value that cannot be made to fit ends as <see cref="WeChatErrorClass.ContentRejected"/> without a call.</param>
    public Task<SendOutcome> SendEmploymentMessageAsync(
        string openId, string templateId, string page, IReadOnlyDictionary<string, string> values, CancellationToken cancellation) =>
        // The body's data is a text that holds JSON: serialised twice.
        SendMessageAsync("cgi-bin/message/wxopen/employeerelationmsg/send", values,
            data => new { template_id = templateId, page, touser = openId, data = JsonSerializer.Serialize(new { data }, Unescaped) }, cancellation);

    /// <summary>
    /// Sends one subscribe message (订阅消息): it uses up a consent of the person, or goes to one who has opened the template for good. As little
    /// idempotent as <see cref="SendEmploymentMessageAsync"/>, with the same outcomes; 43101 says that nothing is left.
    /// </summary>
    /// <param name="openId">The recipient within this mini-program.</param>
    /// <param name="templateId">Template of the console, as in <see cref="WeChatOptions.SubscribeTemplate"/>.</param>
    /// <param name="page">Page that the card opens, without leading slash, query allowed; nothing personal in it.</param>
    /// <param name="values">All keys of the template with their texts; fitted here to <see cref="TemplateValues"/>.</param>
    public Task<SendOutcome> SendSubscribeMessageAsync(
        string openId, string templateId, string page, IReadOnlyDictionary<string, string> values, CancellationToken cancellation) =>
        SendMessageAsync("cgi-bin/message/subscribe/send", values,
            data => new { touser = openId, template_id = templateId, page, miniprogram_state = _options.MiniProgramState, lang = "zh_CN", data }, cancellation);

    private async Task<SendOutcome> SendMessageAsync(
        string path, IReadOnlyDictionary<string, string> values, Func<Dictionary<string, object>, object> bodyOf, CancellationToken cancellation)
    {
        var fitted = new Dictionary<string, object>(values.Count);
        foreach (var (key, value) in values)
        {
            if (TemplateValues.Fit(key, value) is not { } fit)
            {
                logger.LogError("WeChat: message not sent, the value for {Key} cannot be made to fit.", TemplateKey.IsMatch(key) ? key : "a key of no known type");
                return new SendOutcome(WeChatErrorClass.ContentRejected);
            }
            fitted[key] = new { value = fit };
        }

        var body = JsonSerializer.SerializeToUtf8Bytes(bodyOf(fitted), Unescaped);
        var answer = await CallWithTokenAsync(CallGroup.Messages, path, body, _ => Done, LongestSend, cancellation);
        return new SendOutcome(answer.Class, answer.Code, answer.Rid);
    }

    /// <summary>A call that carries the access token: with a newer one once more, if WeChat calls it stale.</summary>
    private async Task<Answer<T>> CallWithTokenAsync<T>(
        CallGroup group, string path, byte[] body, Func<JsonElement, T?> read, TimeSpan longest, CancellationToken cancellation) where T : class
    {
        var flight = new Flight();
        using var limit = new CancellationTokenSource(longest, limits.Machine);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, limit.Token);
        try
        {
            var token = await tokens.GetAsync(_options.AppId, RenewTokenAsync, either.Token);
            if (token.Token is null) return Without(token);
            var answer = await SendAsync(token.Token);
            if (answer.Class != WeChatErrorClass.TokenStale) return answer;

            token = await tokens.ReplaceAsync(_options.AppId, token.Token, RenewTokenAsync, either.Token);
            return token.Token is null ? Without(token) : await SendAsync(token.Token);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            return flight.Open ? Lost<T>("time limit") : NotSent<T>("time limit");
        }

        Task<Answer<T>> SendAsync(AccessToken token) => CallAsync(group, flight, () => Post(Address(path, ("access_token", token.Value)), body), read, either.Token);

        static Answer<T> Without(TokenResult token) => new(token.Class) { Code = token.Code, Rid = token.Rid };
    }

    private async Task<Renewal> RenewTokenAsync(CancellationToken cancellation)
    {
        // Never with force_refresh: that is for a leaked token, and a person's decision.
        var body = JsonSerializer.SerializeToUtf8Bytes(new { grant_type = "client_credential", appid = _options.AppId, secret = _options.AppSecret }, Unescaped);
        var answer = await CallAsync(CallGroup.Token, new Flight(), () => Post(Address("cgi-bin/stable_token"), body), ReadToken, cancellation);
        // Whatever happened to the renewal, the call it is for was not made.
        return answer.Value ?? new Renewal(null, TimeSpan.Zero, answer.Class == WeChatErrorClass.Uncertain ? WeChatErrorClass.Transient : answer.Class, answer.Code, answer.Rid);
    }

    /// <summary>Whether a request is out whose answer has not been read: what decides between "certainly not done" and "may have been done".</summary>
    private sealed class Flight
    {
        public bool Open { get; set; }
    }

    private async Task<Answer<T>> CallAsync<T>(
        CallGroup group, Flight flight, Func<HttpRequestMessage> request, Func<JsonElement, T?> read, CancellationToken cancellation) where T : class
    {
        Answer<T> answer;
        try
        {
            answer = await limits[group].ExecuteAsync(async limited => await ExchangeAsync(group, flight, request, read, limited), cancellation);
        }
        catch (TimeoutRejectedException)
        {
            answer = flight.Open ? Lost<T>("time limit") : NotSent<T>("time limit");
        }
        catch (ExecutionRejectedException e)
        {
            answer = NotSent<T>(e.GetType().Name);
        }

        if (answer.Class != WeChatErrorClass.Ok)
        {
            logger.Log(WeChatErrors.TreatmentOf(answer.Class).OperatorAlarm ? LogLevel.Error : LogLevel.Warning,
                "WeChat: {Group} call ended as {Class}, code {Code}, {Detail}, rid {Rid}.", group, answer.Class, answer.Code, answer.Detail, answer.Rid);
        }
        return answer;
    }

    private async Task<Answer<T>> ExchangeAsync<T>(
        CallGroup group, Flight flight, Func<HttpRequestMessage> request, Func<JsonElement, T?> read, CancellationToken cancellation) where T : class
    {
        var buffer = ArrayPool<byte>.Shared.Rent(LargestAnswer + 1);
        var length = 0;
        try
        {
            using var message = request();
            flight.Open = true;
            using var response = await http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                flight.Open = false;
                return OfStatus<T>(response.StatusCode);
            }

            await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
            int count;
            while (length <= LargestAnswer && (count = await stream.ReadAsync(buffer.AsMemory(length, LargestAnswer + 1 - length), cancellation)) > 0) length += count;
            flight.Open = false;
            return length > LargestAnswer ? Lost<T>("answer too large") : Read(group, buffer.AsMemory(0, length), read);
        }
        catch (HttpRequestException e) when (e.HttpRequestError is HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError
            or HttpRequestError.SecureConnectionError or HttpRequestError.ProxyTunnelError)
        {
            flight.Open = false;
            return NotSent<T>(e.HttpRequestError.ToString());
        }
        catch (OperationCanceledException e) when (e.InnerException is TimeoutException && !cancellation.IsCancellationRequested)
        {
            flight.Open = false;
            return NotSent<T>("connect limit"); // the handler's own, and its only one
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            flight.Open = false;
            return Lost<T>(e is HttpRequestException { HttpRequestError: var error } ? error.ToString() : nameof(IOException));
        }
        finally
        {
            // A session_key or a token may lie in it.
            CryptographicOperations.ZeroMemory(buffer.AsSpan(0, length));
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static Answer<T> Read<T>(CallGroup group, ReadOnlyMemory<byte> body, Func<JsonElement, T?> read) where T : class
    {
        if (body.Span.StartsWith("\uFEFF"u8)) body = body[3..];
        if (!Utf8.IsValid(body.Span)) return Lost<T>("answer not UTF-8");
        try
        {
            using var document = JsonDocument.Parse(body, Strict);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object) return Lost<T>("answer not an object");

            // A missing errcode is 0; numbers arrive as texts now and then.
            var code = 0L;
            if (root.TryGetProperty("errcode", out var errcode) && !TryNumber(errcode, out code)) return Lost<T>("errcode not a number");
            if (code is < int.MinValue or > int.MaxValue) return Lost<T>("errcode not a number");
            if (code == 0) return read(root) is { } value ? new Answer<T>(WeChatErrorClass.Ok, value) { Code = 0 } : Lost<T>("answer without its fields");

            var errorClass = WeChatErrors.Classify((int)code);
            // Where no token was sent 40001 is WeChat's other reading of it: the secret is wrong.
            if (errorClass == WeChatErrorClass.TokenStale && group is CallGroup.Login or CallGroup.Token) errorClass = WeChatErrorClass.Configuration;
            var text = root.TryGetProperty("errmsg", out var errmsg) && errmsg.ValueKind == JsonValueKind.String ? errmsg.GetRawText() : "";
            return new Answer<T>(errorClass) { Code = (int)code, Rid = Find(RequestId, text), Detail = Find(RefusedKey, text) ?? Find(OurAddress, text) };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return Lost<T>("answer not JSON"); // InvalidOperation: a text with half a surrogate pair
        }
    }

    private static CodeExchange.Identity? ReadIdentity(JsonElement root)
    {
        if (!root.TryGetProperty("openid", out var openId) || openId.ValueKind != JsonValueKind.String || !IsIdentifier(openId.GetString()!)) return null;
        string? unionId = null;
        if (root.TryGetProperty("unionid", out var union) && union.ValueKind != JsonValueKind.Null)
        {
            if (union.ValueKind != JsonValueKind.String) return null;
            unionId = union.GetString() is { Length: > 0 } text ? text : null;
            if (unionId is not null && !IsIdentifier(unionId)) return null;
        }
        return new CodeExchange.Identity(openId.GetString()!, unionId);
    }

    /// <summary>What WeChat says of a number, and of what it says it: for which mini-program, and when.</summary>
    private sealed record GivenPhone(string Number, string AppId, DateTimeOffset At)
    {
        public override string ToString() => nameof(GivenPhone);
    }

    private static GivenPhone? ReadPhone(JsonElement root)
    {
        if (Member(root, "phone_info") is not { } info || Member(info, "watermark") is not { } watermark) return null;
        if (Word(info, "purePhoneNumber") is not { Length: >= 5 and <= 20 } number || Word(info, "countryCode") is not { Length: >= 1 and <= 4 } country) return null;
        if (!number.All(char.IsAsciiDigit) || !country.All(char.IsAsciiDigit) || Word(watermark, "appid") is not { } appId) return null;
        if (!watermark.TryGetProperty("timestamp", out var timestamp) || !TryNumber(timestamp, out var seconds) || seconds is < 0 or > uint.MaxValue) return null;
        return new GivenPhone(country == Mainland ? number : $"+{country}{number}", appId, DateTimeOffset.FromUnixTimeSeconds(seconds));

        static JsonElement? Member(JsonElement parent, string name) => parent.TryGetProperty(name, out var member) && member.ValueKind == JsonValueKind.Object ? member : null;

        // Codes and numbers arrive as texts or as numbers.
        static string? Word(JsonElement parent, string name) => !parent.TryGetProperty(name, out var member) ? null : member.ValueKind switch
        {
            JsonValueKind.String => member.GetString(),
            JsonValueKind.Number => member.GetRawText(),
            _ => null,
        };
    }

    private static Renewal? ReadToken(JsonElement root) =>
        root.TryGetProperty("access_token", out var token) && token.ValueKind == JsonValueKind.String && IsPrintable(token.GetString()!, 2048)
        && root.TryGetProperty("expires_in", out var expires) && TryNumber(expires, out var seconds) && seconds > 0
            ? new Renewal(token.GetString(), TimeSpan.FromSeconds(Math.Min(seconds, 7200)))
            : null;

    private static bool TryNumber(JsonElement element, out long number)
    {
        number = 0;
        return element.ValueKind switch
        {
            JsonValueKind.Number => element.TryGetInt64(out number),
            JsonValueKind.String => long.TryParse(element.GetString(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number),
            _ => false,
        };
    }

    /// <summary>WeChat answers 200 also for its errors, so any other status comes from a machine between us and it.</summary>
    private static Answer<T> OfStatus<T>(HttpStatusCode status) where T : class => new(status switch
    {
        HttpStatusCode.TooManyRequests => WeChatErrorClass.RateLimited,
        HttpStatusCode.GatewayTimeout or HttpStatusCode.RequestTimeout => WeChatErrorClass.Uncertain, // a time limit like our own
        >= HttpStatusCode.InternalServerError => WeChatErrorClass.Transient,
        >= HttpStatusCode.OK and < HttpStatusCode.MultipleChoices => WeChatErrorClass.Uncertain,
        _ => WeChatErrorClass.Configuration, // redirects are not followed
    })
    {
        Detail = $"status {(int)status}",
        MayHaveHappened = status is not HttpStatusCode.TooManyRequests and (>= HttpStatusCode.InternalServerError or HttpStatusCode.RequestTimeout or < HttpStatusCode.MultipleChoices),
    };

    private static Answer<T> NotSent<T>(string why) where T : class => new(WeChatErrorClass.Transient) { Detail = why };

    private static Answer<T> Lost<T>(string why) where T : class => new(WeChatErrorClass.Uncertain) { Detail = why, MayHaveHappened = true };

    private static readonly object Done = new();

    private static Uri Address(string path, params ReadOnlySpan<(string Name, string Value)> query)
    {
        var text = path;
        for (var i = 0; i < query.Length; i++) text += (i == 0 ? '?' : '&') + query[i].Name + '=' + Uri.EscapeDataString(query[i].Value);
        return new Uri(text, UriKind.Relative);
    }

    /// <summary>
    /// A GET with an empty body. Without a body .NET's connection layer sends a GET up to four times by itself when the connection is cut before the
    /// answer (seen on 10.0), and a spent code would go out again (ID02).
    /// </summary>
    private static HttpRequestMessage GetOnce(Uri address) => new(HttpMethod.Get, address) { Content = new ByteArrayContent([]) };

    private static HttpRequestMessage Post(Uri address, byte[] body) => new(HttpMethod.Post, address)
    {
        Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json", "utf-8") } },
    };

    private static bool IsPrintable(string text, int longest) => text.Length > 0 && text.Length <= longest && text.All(c => c is > ' ' and <= '~');

    /// <summary>An openid or unionid: about 28 characters in practice.</summary>
    private static bool IsIdentifier(string text) => text.Length is >= 6 and <= 64 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');

    /// <summary>The only parts of errmsg that are read at all, each by its own shape: the rest could name a person.</summary>
    private static string? Find(Regex shape, string text) => shape.Match(text) is { Success: true } match ? match.Groups[1].Value : null;

    private static readonly Regex TemplateKey = Shape(@"\A[a-z_]{1,32}[0-9]{0,4}\z");
    private static readonly Regex RequestId = Shape(@"rid: ([0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8})");
    private static readonly Regex RefusedKey = Shape(@"(data\.[a-z_]{1,32}[0-9]{1,4}\.value)");
    private static readonly Regex OurAddress = Shape(@"invalid ip ([0-9a-fA-F.:]{3,45})");

    // Not RegexOptions.NonBacktracking: its tables take megabytes for each, and none of these can backtrack.
    private static Regex Shape(string pattern) => new(pattern, RegexOptions.CultureInvariant, TimeSpan.FromMilliseconds(100));
}
