using Bench.Ceilings;
using Bench.Load;
using Local;

namespace Bench.Rows;

/// <summary>P1, P2 and P3: the wall of 2,802 tiles as 1,000 people read it, against nginx with the very same bytes.</summary>
internal abstract class Wall(string id, string work, double goal, string what, params string[] headers) : Row
{
    public override string Id => id;

    public override string Work => work;

    protected virtual bool Unchanged => false;

    public override async Task<IReadOnlyList<Result>> MeasureAsync(Stage stage, bool warmUp, CancellationToken cancellation)
    {
        var district = stage.Small;
        var path = $"/api/v1/grid-nodes/{district.Community}/wall";
        var (bytes, type, encoding, tag) = await OnceAsync(district, path, cancellation);
        Check(bytes);
        await using var nginx = await NginxServer.StartAsync(stage, bytes, type, encoding, cancellation);
        string[] ours = Unchanged ? [.. headers, $"If-None-Match: {tag}"] : headers;
        string[] theirs = Unchanged ? [.. headers, $"If-None-Match: {await nginx.ETagAsync(cancellation)}"] : headers;
        var product = await Wrk.WriteAsync(stage, id, district.Staff.Select(p => Wrk.Get(path, [Wrk.Bearer(p), .. ours])), cancellation);
        // The same requests with the same long headers: both must read them.
        var ceiling = await Wrk.WriteAsync(stage, $"{id}-nginx", district.Staff.Select(p => Wrk.Get(path, [Wrk.Bearer(p), .. theirs])), cancellation);
        // Whoever asks for the first time is let in by the whole of the guard; what is measured is everybody's every other time.
        await product.RunAsync(district.Address, stage.Options.Turn, cancellation);
        var sqlBefore = await district.TransactionsAsync(cancellation);
        var turn = stage.Options.Turn;
        var requests = 0.0;
        var (measured, limit) = await InTurnsAsync(stage.Options.Turns,
            async () =>
            {
                var rate = (await product.RunAsync(district.Address, turn, cancellation)).PerSecond;
                requests += rate * turn.TotalSeconds;
                return rate;
            },
            async () => (await ceiling.RunAsync(nginx.Address, turn, cancellation)).PerSecond);
        var sql = await district.TransactionsAsync(cancellation) - sqlBefore;
        var result = Result.OfRates(id, $"{what}, {bytes.Length:N0} bytes{(Unchanged ? " not sent" : "")}", goal, $"nginx, {(Unchanged ? "304" : "the same bytes")}", limit, measured);
        // The background's own polls are a few a second; a command a request would be thousands.
        return [result with { Measured = Result.Text($"{result.Measured}, {sql / requests:0.0000} SQL transactions a request"), Met = result.Met && sql < requests / 100 }];
    }

    /// <summary>That the answer is what the row says it is.</summary>
    protected abstract void Check(byte[] bytes);

    private async Task<(byte[] Bytes, string Type, string? Encoding, string Tag)> OnceAsync(District district, string path, CancellationToken cancellation)
    {
        using var request = District.Request(HttpMethod.Get, path, district.Staff[0]);
        foreach (var header in headers)
        {
            var parts = header.Split(": ", 2);
            request.Headers.TryAddWithoutValidation(parts[0], parts[1]);
        }

        using var answer = await district.Client.SendAsync(request, cancellation);
        if (!answer.IsSuccessStatusCode) throw new Refusal($"{path}：{(int)answer.StatusCode}");
        return (await answer.Content.ReadAsByteArrayAsync(cancellation), answer.Content.Headers.ContentType?.MediaType ?? "", answer.Content.Headers.ContentEncoding.FirstOrDefault(),
            answer.Headers.ETag?.ToString() ?? throw new Refusal("监测屏没有 ETag。"));
    }
}

internal sealed class WholeWall() : Wall("P1", "整面监测屏（brotli）", 0.40, "whole wall, 2,802 tiles, brotli", "Accept: application/json", "Accept-Encoding: br")
{
    protected override void Check(byte[] bytes)
    {
        using var unpacked = new System.IO.Compression.BrotliStream(new MemoryStream(bytes), System.IO.Compression.CompressionMode.Decompress);
        var tiles = System.Text.Json.JsonDocument.Parse(unpacked).RootElement.GetProperty("tiles").GetArrayLength();
        if (tiles != 2802) throw new Refusal($"监测屏有 {tiles} 个方块，应为 2802。");
    }
}

internal sealed class CompactWall() : Wall("P2", "整面监测屏（紧凑形式）", 0.55, "whole wall, compact form", "Accept: application/vnd.backend.wall-tiers; v=1")
{
    protected override void Check(byte[] bytes)
    {
        // One line of text, then two bits a tile.
        var line = Array.IndexOf(bytes, (byte)'\n');
        if (line < 0 || bytes.Length - line - 1 != (2802 + 3) / 4) throw new Refusal("紧凑形式不是 2,802 个方块，每块两位。");
    }
}

internal sealed class UnchangedWall() : Wall("P3", "监测屏未变（304）", 0.50, "wall 304", "Accept: application/json", "Accept-Encoding: br")
{
    protected override bool Unchanged => true;

    protected override void Check(byte[] bytes)
    {
        if (bytes.Length == 0) throw new Refusal("监测屏是空的。");
    }
}
