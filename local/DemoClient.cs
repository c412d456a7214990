using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Local;

/// <summary>Signs in at the api as a demo account and does by HTTP what a client would: the start page has no door of its own.</summary>
internal sealed class DemoClient(HttpClient http) : IDisposable
{
    // The api refuses a second use of a code while its exchange runs (ID02), and two clicks may come at once.
    private readonly SemaphoreSlim _signIn = new(1);

    /// <summary>The session as the api gave it: access token, refresh token, life time.</summary>
    public async Task<JsonElement> SignInAsync(string code, CancellationToken cancellation)
    {
        await _signIn.WaitAsync(cancellation);
        try
        {
            return await SendAsync(HttpMethod.Post, "sessions/wechat", token: null, new { code }, cancellation);
        }
        finally
        {
            _signIn.Release();
        }
    }

    /// <summary>A single-use ticket for the wall of the account's first node.</summary>
    public async Task<string> WallTicketAsync(string code, CancellationToken cancellation)
    {
        var token = await TokenAsync(code, cancellation);
        var nodeId = await RootNodeAsync(token, cancellation);
        var ticket = await SendAsync(HttpMethod.Post, "tickets", token, new { purpose = "display", nodeId }, cancellation);
        return ticket.GetProperty("ticket").GetString()!;
    }

    /// <summary>A ticket that opens a public hall of the account's first node: each registers another display, as a member of staff would.</summary>
    public async Task<string> HallTicketAsync(string code, CancellationToken cancellation)
    {
        var token = await TokenAsync(code, cancellation);
        var nodeId = await RootNodeAsync(token, cancellation);
        using var request = Request(HttpMethod.Post, "displays", token);
        request.Headers.Add("Idempotency-Key", Guid.CreateVersion7().ToString());
        request.Content = JsonContent.Create(new { nodeId, name = "演示大厅屏" });
        using var answer = await http.SendAsync(request, cancellation);
        return (await ReadAsync(answer, cancellation)).GetProperty("ticket").GetString()!;
    }

    /// <summary>The main job: a green household of the staff's community has a serious illness recorded, so its tile turns red and its leaders are told. Gives back its door.</summary>
    public async Task<string> ReddenAsync(string code, CancellationToken cancellation)
    {
        var today = LaunchOptions.Today.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        var token = await TokenAsync(code, cancellation);
        var nodeId = await RootNodeAsync(token, cancellation);
        var page = await SendAsync(HttpMethod.Get, $"households?nodeId={nodeId}&tier=green&limit=50", token, body: null, cancellation);
        var greens = page.GetProperty("items");
        if (greens.GetArrayLength() == 0) throw new Refusal("没有绿色的户了。执行 make reset 可重新装入演示片区。");
        // Not always the first one: a demo shown twice should not empty one staircase.
        var household = greens[Random.Shared.Next(greens.GetArrayLength())].GetProperty("id").GetString()!;

        using var read = Request(HttpMethod.Get, $"households/{household}", token);
        using var current = await http.SendAsync(read, cancellation);
        await ReadAsync(current, cancellation);

        using var change = Request(HttpMethod.Put, $"households/{household}/facts", token);
        change.Headers.IfMatch.Add(current.Headers.ETag ?? throw new Refusal("api 没有给出这户的 ETag。"));
        change.Headers.Add("Idempotency-Key", Guid.CreateVersion7().ToString());
        change.Content = JsonContent.Create(new
        {
            values = new[] { new { subject = "household", subjectId = household, tag = "last_major_event", value = "illness", observedAt = today, validFrom = today } },
        });
        using var changed = await http.SendAsync(change, cancellation);
        await ReadAsync(changed, cancellation);
        return greens.EnumerateArray().Where(green => green.GetProperty("id").GetString() == household)
            .Select(green => $"{green.GetProperty("nodeName").GetString()} {green.GetProperty("door").GetString()}").First();
    }

    /// <summary>Reads what the wall and the main job read, and signs out again.</summary>
    public async Task WarmUpAsync(string code, CancellationToken cancellation)
    {
        var token = await TokenAsync(code, cancellation);
        var nodeId = await RootNodeAsync(token, cancellation);
        await SendAsync(HttpMethod.Get, "grid-nodes", token, body: null, cancellation);
        await SendAsync(HttpMethod.Get, $"grid-nodes/{nodeId}/wall", token, body: null, cancellation);
        var page = await SendAsync(HttpMethod.Get, $"households?nodeId={nodeId}&tier=green&limit=1", token, body: null, cancellation);
        if (page.GetProperty("items").GetArrayLength() > 0)
            await SendAsync(HttpMethod.Get, $"households/{page.GetProperty("items")[0].GetProperty("id").GetString()}", token, body: null, cancellation);
        await SendAsync(HttpMethod.Delete, "sessions/current", token, body: null, cancellation);
    }

    public void Dispose() => _signIn.Dispose();

    private async Task<string> TokenAsync(string code, CancellationToken cancellation) =>
        (await SignInAsync(code, cancellation)).GetProperty("accessToken").GetString()!;

    private async Task<string> RootNodeAsync(string token, CancellationToken cancellation)
    {
        var me = await SendAsync(HttpMethod.Get, "me", token, body: null, cancellation);
        var nodes = me.GetProperty("rootNodes");
        return nodes.GetArrayLength() > 0 ? nodes[0].GetProperty("id").GetString()! : throw new Refusal("这个账号没有可打开大屏的网格。");
    }

    private async Task<JsonElement> SendAsync(HttpMethod method, string path, string? token, object? body, CancellationToken cancellation)
    {
        using var request = Request(method, path, token);
        if (body is not null) request.Content = JsonContent.Create(body);
        using var answer = await http.SendAsync(request, cancellation);
        return await ReadAsync(answer, cancellation);
    }

    private static HttpRequestMessage Request(HttpMethod method, string path, string? token)
    {
        var request = new HttpRequestMessage(method, new Uri($"/api/v1/{path}", UriKind.Relative));
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return request;
    }

    /// <exception cref="Refusal">The api refused; its own Chinese words.</exception>
    private static async Task<JsonElement> ReadAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        var text = await answer.Content.ReadAsStringAsync(cancellation);
        JsonElement json = default;
        try
        {
            if (text.Length > 0) json = JsonDocument.Parse(text).RootElement;
        }
        catch (JsonException)
        {
            // Not JSON; the status alone then says what happened.
        }
        if (answer.IsSuccessStatusCode) return json;
        throw new Refusal($"{Word("title") ?? "api 拒绝了这个请求"}（{(int)answer.StatusCode} {Word("code")}）{Word("detail")}");

        string? Word(string name) => json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) ? value.GetString() : null;
    }
}
