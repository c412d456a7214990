namespace Bench.Rows;

/// <summary>P15: resident memory of the api before its first request, and after all the rest of this benchmark, once it is at rest.</summary>
internal sealed class ProcessMemory : Row
{
    private const double Mebibyte = 1024 * 1024;

    public override string Id => "P15";

    public override string Work => "常驻内存";

    public override async Task<IReadOnlyList<Result>> MeasureAsync(Stage stage, bool warmUp, CancellationToken cancellation)
    {
        await stage.Small.RestAsync(cancellation);
        var (idle, after) = (stage.IdleBytes / Mebibyte, stage.Small.ResidentBytes() / Mebibyte);
        return
        [
            new Result(Id, "resident memory, idle", "≤ 110 MB", "–", Result.Text($"{idle:0} MB"), "–", idle <= 110),
            new Result(Id, "resident memory, after the benchmark, at rest", "≤ 240 MB", "–", Result.Text($"{after:0} MB"), "–", after <= 240),
        ];
    }
}
