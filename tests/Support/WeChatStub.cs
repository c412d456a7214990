using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using WireMock;
using WireMock.RequestBuilders;
using WireMock.ResponseBuilders;
using WireMock.Server;
using WireMock.Settings;
using WireMock.Types;
using WireMock.Util;

namespace Backend.Tests.Support;

/// <summary>The calls of WeChat that the service makes.</summary>
public enum WeChatCall
{
    CodeToSession,
    StableToken,
    EmploymentMessage,
    SubscribeMessage,
    PhoneNumber,
}

/// <summary>A message that "WeChat" took, whether or not its answer reached the caller.</summary>
public sealed record StubMessage(string OpenId, string TemplateId, string Page, IReadOnlyDictionary<string, string> Values, string RawBody);

/// <summary>One scripted answer, used up by one call.</summary>
/// <param name="Body">Instead of the usual answer; null: the usual one.</param>
/// <param name="Takes">Whether WeChat does what it was asked (spends the code, delivers the message) although the answer says otherwise or is lost.</param>
/// <param name="Gate">The answer waits for it.</param>
public sealed record StubAnswer(string? Body = null, int Status = 200, bool Takes = false, Task? Gate = null, string ContentType = "application/json; encoding=utf-8", string? Location = null)
{
    /// <summary>The usual answer, when <paramref name="gate"/> has been reached.</summary>
    public static StubAnswer After(Task gate) => new(Gate: gate);

    /// <summary>A refusal by errcode. WeChat's text for it comes from wechat-stubs.json.</summary>
    public static StubAnswer Refuse(int errcode) => new(WeChatStub.ErrorBody(errcode));

    /// <summary>Nothing is done and no answer comes before the stub is disposed.</summary>
    public static StubAnswer Hang { get; } = new(Gate: new TaskCompletionSource().Task);

    /// <summary>It is done, but no answer comes before the stub is disposed.</summary>
    public static StubAnswer DoneButAnswerLost { get; } = new(Takes: true, Gate: new TaskCompletionSource().Task);
}

/// <summary>
/// WeChat over real HTTP for tests: logins by the codes a test names, one token at a time, messages counted by recipient. Behaves like WeChat unless
/// scripted (a code works once, an old token is refused, a subscribe message needs a consent). A call that it does not know fails the test when the stub is disposed.
/// Every stub is a server of its own: tests run in parallel.
/// </summary>
public sealed class WeChatStub : IDisposable
{
    public const string AppId = "wx0000000000000001";
    public const string AppSecret = "FAKE_secret_0000000000000000001";
    public const string RedAlarmTemplate = "FAKE_EMP_TMPL_0001";
    public const string SubscribeTemplate = "FAKE_TMPL_RED_ALERT_0001";
    public const string MiniProgramPage = "pages/notice/list";

    private static readonly JsonNode Bodies = JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Support", "wechat-stubs.json")))!;

    private sealed class Code(string openId, string? unionId, bool again)
    {
        public string OpenId => openId;
        public string? UnionId => unionId;
        public bool Again => again;
        public int Uses;
    }

    private readonly WireMockServer _server;
    private readonly TaskCompletionSource _disposed = new();
    private readonly ConcurrentDictionary<string, Code> _codes = new();
    private sealed class PhoneCode(string number, string country, bool again)
    {
        public string Number => number;
        public string Country => country;
        public bool Again => again;
        public string? OpenId;
        public int Uses;
    }

    private readonly ConcurrentDictionary<string, PhoneCode> _phones = new();
    private readonly ConcurrentDictionary<WeChatCall, ConcurrentQueue<StubAnswer>> _scripts = new();
    private readonly ConcurrentDictionary<WeChatCall, StubAnswer> _standing = new();
    private readonly ConcurrentDictionary<WeChatCall, int> _calls = new();
    private readonly ConcurrentQueue<StubMessage> _messages = new();
    private readonly ConcurrentDictionary<string, int> _consents = new();
    private readonly ConcurrentQueue<string> _unmatched = new();
    private int _tokenNumber = 1;

    public WeChatStub()
    {
        _server = WireMockServer.Start(new WireMockServerSettings { DisableJsonBodyParsing = true, MaxRequestLogCount = 100 });
        Map(WeChatCall.CodeToSession, "jscode2session", CodeToSession);
        Map(WeChatCall.StableToken, "stable_token", StableToken);
        Map(WeChatCall.EmploymentMessage, "employeerelationmsg/send", EmploymentMessage);
        Map(WeChatCall.SubscribeMessage, "subscribe/send", SubscribeMessage);
        Map(WeChatCall.PhoneNumber, "getuserphonenumber", PhoneNumber);
        _server.Given(Request.Create().UsingAnyMethod()).AtPriority(1000).RespondWith(Response.Create().WithCallback(request =>
        {
            _unmatched.Enqueue($"{request.Method} {request.Path}");
            return Json("""{"errcode":404,"errmsg":"no such call in the stub"}""", new StubAnswer(Status: 404));
        }));
    }

    public Uri BaseAddress => new(_server.Url!);

    /// <summary>By which a number's watermark is stamped.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>The section <c>WeChat</c> that points a service at this stub, without a pause before repeats.</summary>
    public IReadOnlyDictionary<string, string?> Configuration => new Dictionary<string, string?>
    {
        ["WeChat:BaseAddress"] = BaseAddress.ToString(),
        ["WeChat:AppId"] = AppId,
        ["WeChat:AppSecret"] = AppSecret,
        ["WeChat:RedAlarmTemplate"] = RedAlarmTemplate,
        ["WeChat:SubscribeTemplate"] = SubscribeTemplate,
        ["WeChat:MiniProgramPage"] = MiniProgramPage,
        ["WeChat:RetryDelay"] = "00:00:00",
    };

    /// <summary>Every message that was really taken, in order. An uncertain outcome for the caller is in it when WeChat took the message.</summary>
    public IReadOnlyCollection<StubMessage> Messages => _messages;

    /// <summary>Calls that the stub does not know, as method and path.</summary>
    public IReadOnlyCollection<string> Unmatched => _unmatched;

    /// <summary>The token that sends are checked against now.</summary>
    public string CurrentToken => TokenText(Volatile.Read(ref _tokenNumber));

    public static string ErrorBody(int errcode) => new JsonObject
    {
        ["errcode"] = errcode,
        ["errmsg"] = (string?)Bodies["errmsg"]![errcode.ToString(CultureInfo.InvariantCulture)] ?? "refused rid: 00000000-00000000-00000099",
    }.ToJsonString();

    /// <summary>Messages really taken for one person.</summary>
    public int SendsTo(string openId) => _messages.Count(m => m.OpenId == openId);

    /// <summary>How often a call arrived, whatever became of it.</summary>
    public int Calls(WeChatCall call) => _calls.GetValueOrDefault(call);

    /// <summary>Makes <paramref name="code"/> log in as <paramref name="openId"/>: once, as with WeChat, or again and again.</summary>
    public void AddCode(string code, string openId, string? unionId = null, bool again = false)
    {
        foreach (var secret in (string?[])[code, openId, unionId]) WholeLog.Run.Hide(secret ?? "");
        _codes[code] = new Code(openId, unionId, again);
    }

    /// <summary>Makes <paramref name="code"/> the one of a phone button that gives this number.</summary>
    public void AddPhone(string code, string number, string country = "86", string? openId = null, bool again = false)
    {
        foreach (var secret in (string[])[code, number]) WholeLog.Run.Hide(secret);
        _phones[code] = new PhoneCode(number, country, again) { OpenId = openId };
    }

    /// <summary>What WeChat says of a number; of another mini-program, another time or another form where a test asks for it.</summary>
    public string PhoneBody(string number, object? country = null, string appId = AppId, object? timestamp = null)
    {
        var body = Bodies["getuserphonenumber"]!["success"]!.DeepClone();
        var info = body["phone_info"]!;
        info["phoneNumber"] = country is null or "86" ? number : $"+{country}{number}";
        info["purePhoneNumber"] = number;
        info["countryCode"] = JsonSerializer.SerializeToNode(country ?? "86");
        info["watermark"]!["appid"] = appId;
        info["watermark"]!["timestamp"] = JsonSerializer.SerializeToNode(timestamp ?? Clock.GetUtcNow().ToUnixTimeSeconds());
        return body.ToJsonString();
    }

    /// <summary>The person has tapped "accept": one subscribe message more is taken for her.</summary>
    public void Consent(string openId) => _consents.AddOrUpdate(openId, 1, (_, n) => n + 1);

    /// <summary>From now on the token given out before is refused as stale (40001), and a renewal gives the next one.</summary>
    public void RevokeToken() => Interlocked.Increment(ref _tokenNumber);

    /// <summary>The next answers to <paramref name="call"/>, one a call; afterwards it behaves as usual.</summary>
    public void Script(WeChatCall call, params StubAnswer[] answers)
    {
        var queue = _scripts.GetOrAdd(call, _ => new());
        foreach (var answer in answers) queue.Enqueue(answer);
    }

    /// <summary>Every answer to <paramref name="call"/> until another word; null: as usual again.</summary>
    public void Always(WeChatCall call, StubAnswer? answer)
    {
        if (answer is null) _standing.TryRemove(call, out _);
        else _standing[call] = answer;
    }

    /// <exception cref="InvalidOperationException">The service made a call that the stub does not know.</exception>
    public void AssertNoUnmatched()
    {
        if (!_unmatched.IsEmpty) throw new InvalidOperationException("Unmatched outside calls: " + string.Join(", ", _unmatched));
    }

    public void Dispose()
    {
        _disposed.TrySetResult();
        _server.Stop();
        _server.Dispose();
        AssertNoUnmatched();
    }

    private void Map(WeChatCall call, string name, Func<IRequestMessage, string> usual)
    {
        var stub = Bodies[name]!;
        _server.Given(Request.Create().WithPath((string)stub["path"]!).UsingMethod((string)stub["method"]!)).RespondWith(Response.Create().WithCallback(async request =>
        {
            _calls.AddOrUpdate(call, 1, (_, n) => n + 1);
            if (!(_scripts.TryGetValue(call, out var queue) && queue.TryDequeue(out var answer)) && !_standing.TryGetValue(call, out answer)) return Json(usual(request), new StubAnswer());
            if (answer.Takes) usual(request);
            if (answer.Gate is { } gate && await Task.WhenAny(gate, _disposed.Task) == _disposed.Task) return Json("", new StubAnswer(Status: 503));
            return Json(answer.Body ?? (answer.Takes || answer.Status != 200 ? "" : usual(request)), answer);
        }));
    }

    private static ResponseMessage Json(string body, StubAnswer answer)
    {
        var headers = new Dictionary<string, WireMockList<string>> { ["Content-Type"] = new(answer.ContentType) };
        if (answer.Location is { } location) headers["Location"] = new(location);
        return new ResponseMessage
        {
            StatusCode = answer.Status,
            Headers = headers,
            BodyData = new BodyData { BodyAsString = body, DetectedBodyType = BodyType.String },
        };
    }

    private string CodeToSession(IRequestMessage request)
    {
        if (Query(request, "appid") != AppId) return ErrorBody(40013);
        if (Query(request, "secret") != AppSecret) return ErrorBody(40125);
        if (!_codes.TryGetValue(Query(request, "js_code") ?? "", out var code)) return ErrorBody(40029);
        if (Interlocked.Increment(ref code.Uses) > 1 && !code.Again) return ErrorBody(40163);
        var body = Bodies["jscode2session"]!["success"]!.DeepClone();
        body["openid"] = code.OpenId;
        if (code.UnionId is not null) body["unionid"] = code.UnionId;
        return body.ToJsonString();
    }

    private string StableToken(IRequestMessage request)
    {
        var asked = JsonNode.Parse(request.Body!)!;
        if ((string?)asked["grant_type"] != "client_credential") return ErrorBody(40002);
        if ((string?)asked["appid"] != AppId) return ErrorBody(40013);
        if ((string?)asked["secret"] != AppSecret) return ErrorBody(40125);
        if (asked["force_refresh"] is not null) return ErrorBody(45009);
        var body = Bodies["stable_token"]!["success"]!.DeepClone();
        body["access_token"] = CurrentToken;
        return body.ToJsonString();
    }

    private string EmploymentMessage(IRequestMessage request)
    {
        if (Query(request, "access_token") != CurrentToken) return ErrorBody(40001);
        var asked = JsonNode.Parse(request.Body!)!;
        if (asked["data"]?.GetValueKind() != JsonValueKind.String) return ErrorBody(40097);
        var values = JsonNode.Parse((string)asked["data"]!)!["data"]!.AsObject().ToDictionary(v => v.Key, v => (string)v.Value!["value"]!);
        _messages.Enqueue(new StubMessage((string)asked["touser"]!, (string)asked["template_id"]!, (string)asked["page"]!, values, request.Body!));
        return Bodies["employeerelationmsg/send"]!["success"]!.ToJsonString();
    }

    private string SubscribeMessage(IRequestMessage request)
    {
        if (Query(request, "access_token") != CurrentToken) return ErrorBody(40001);
        var asked = JsonNode.Parse(request.Body!)!;
        if (asked["data"] is not JsonObject data || (string?)asked["template_id"] != SubscribeTemplate) return ErrorBody(asked["data"] is JsonObject ? 40037 : 47003);
        var openId = (string)asked["touser"]!;
        int left;
        do
        {
            left = _consents.GetOrAdd(openId, 0);
            if (left == 0) return ErrorBody(43101);
        }
        while (!_consents.TryUpdate(openId, left - 1, left));

        _messages.Enqueue(new StubMessage(openId, SubscribeTemplate, (string)asked["page"]!, data.ToDictionary(v => v.Key, v => (string)v.Value!["value"]!), request.Body!));
        return Bodies["subscribe/send"]!["success"]!.ToJsonString();
    }

    private string PhoneNumber(IRequestMessage request)
    {
        if (Query(request, "access_token") != CurrentToken) return ErrorBody(40001);
        var asked = JsonNode.Parse(request.Body!)!;
        if (!_phones.TryGetValue((string?)asked["code"] ?? "", out var phone)) return ErrorBody(40029);
        if (phone.OpenId is { } pressed && pressed != (string?)asked["openid"]) return ErrorBody(40003);
        return Interlocked.Increment(ref phone.Uses) > 1 && !phone.Again ? ErrorBody(40029) : PhoneBody(phone.Number, phone.Country);
    }

    private static string? Query(IRequestMessage request, string name) =>
        request.Query is { } query && query.TryGetValue(name, out var values) ? values.FirstOrDefault() : null;

    private static string TokenText(int number) => $"FAKE_STABLE_TOKEN_{number:D4}";
}
