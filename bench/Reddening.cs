using System.Globalization;
using System.Text.Json;
using Local;

namespace Bench;

/// <summary>The main job from outside: a green household of the community has a serious illness recorded, and its tile turns red.</summary>
internal sealed class Reddening(District district)
{
    private readonly Queue<Guid> _greens = new();
    // A page that is read again holds those that are still waiting.
    private readonly HashSet<Guid> _seen = [];
    private Person? _staff;

    /// <summary>Green households that have not been used yet.</summary>
    public async Task<IReadOnlyList<Guid>> TakeAsync(int count, CancellationToken cancellation)
    {
        _staff ??= await district.SignInAsync(Local.Sandbox.DemoCodes.OpenIdOf("demo-staff"), cancellation);
        string? next = null;
        while (_greens.Count < count)
        {
            var page = await district.ReadAsync($"/api/v1/households?nodeId={district.Community}&tier=green&limit=100{(next is null ? "" : $"&cursor={next}")}", _staff, cancellation);
            foreach (var id in page.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetGuid()).Where(_seen.Add)) _greens.Enqueue(id);
            next = page.GetProperty("next").GetString();
            if (next is null && _greens.Count < count) throw new Refusal("绿色的户用完了，请删除 .local/bench 后重来。");
        }

        return [.. Enumerable.Range(0, count).Select(_ => _greens.Dequeue())];
    }

    public async Task<Guid> OneAsync(CancellationToken cancellation)
    {
        var household = (await TakeAsync(1, cancellation))[0];
        await RedAsync(household, cancellation);
        return household;
    }

    /// <summary>Returns when the change is committed and answered.</summary>
    public async Task RedAsync(Guid household, CancellationToken cancellation)
    {
        using var read = District.Request(HttpMethod.Get, $"/api/v1/households/{household}", _staff!);
        using var current = await district.Client.SendAsync(read, cancellation);
        if (!current.IsSuccessStatusCode) throw new Refusal($"读取住户：{(int)current.StatusCode}");
        var today = LaunchOptions.Today.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        using var change = District.Request(HttpMethod.Put, $"/api/v1/households/{household}/facts", _staff!);
        change.Headers.IfMatch.Add(current.Headers.ETag!);
        change.Headers.Add("Idempotency-Key", Guid.CreateVersion7().ToString());
        change.Content = JsonContent.Create(new { values = new[] { new { subject = "household", subjectId = household, tag = "last_major_event", value = "illness", observedAt = today, validFrom = today } } });
        using var changed = await district.Client.SendAsync(change, cancellation);
        var text = await changed.Content.ReadAsStringAsync(cancellation);
        if (!changed.IsSuccessStatusCode) throw new Refusal($"登记家庭情况：{(int)changed.StatusCode} {text}");
        if (JsonDocument.Parse(text).RootElement.GetProperty("tier").GetString() != "red") throw new Refusal($"该户没有变红：{text}");
    }
}
