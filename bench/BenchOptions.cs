using Bench.Rows;
using Local;

namespace Bench;

/// <summary>How long and which: <c>QUICK=1</c> for short rounds while developing, <c>ROWS=P5,P13</c> for some rows, <c>PROOF_SIZE=full</c> for a million households.</summary>
internal sealed record BenchOptions(bool Quick, bool Full, IReadOnlySet<string> Only)
{
    /// <summary>The product and its database run here, and each ceiling when its turn comes.</summary>
    public const int ServerCore = 0;

    /// <summary>Whoever asks runs here: load generators, watching clients, this program, the stub of WeChat.</summary>
    public const int LoadCore = 1;

    public static BenchOptions Read()
    {
        if (Environment.ProcessorCount < 2) throw new Refusal("make bench 需要至少两个核：一个给服务与数据库，一个给负载。");
        return new BenchOptions(
            Environment.GetEnvironmentVariable("QUICK") is "1",
            Environment.GetEnvironmentVariable("PROOF_SIZE") is "full",
            (Environment.GetEnvironmentVariable("ROWS") ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).ToHashSet());
    }

    /// <summary>One turn of a closed loop.</summary>
    public TimeSpan Turn => TimeSpan.FromSeconds(Quick ? 2 : 3);

    /// <summary>How often product and ceiling take turns; the medians count. Warming up is as long: it is the whole benchmark once before.</summary>
    public int Turns => Quick ? 3 : 5;

    /// <summary>Households of the large district (P5).</summary>
    public int ManyHouseholds => Full ? 1_000_000 : Quick ? 28_000 : 280_000;

    public bool Wants(Row row) => Only.Count == 0 || Only.Contains(row.Id);
}
