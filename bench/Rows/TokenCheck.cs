using System.Diagnostics;
using Backend.Platform.Security;

namespace Bench.Rows;

/// <summary>P13: what one check of an access token costs that has been checked before, in this process on the load's core.</summary>
internal sealed class TokenCheck : Row
{
    private const int Checks = 20_000;

    public override string Id => "P13";

    public override string Work => "校验访问令牌";

    public override async Task<IReadOnlyList<Result>> MeasureAsync(Stage stage, bool warmUp, CancellationToken cancellation)
    {
        using var tokens = new Tokens(new TokenOptions { SigningKey = stage.Secrets.SigningKey, RefreshKey = stage.Secrets.RefreshKey }, TimeProvider.System);
        var (validation, handler) = (tokens.Validation, new CheckedTokens(TimeProvider.System));
        var known = stage.Small.Staff.Take(500).Select(p => tokens.Access(p.Account, p.Session)).ToList();
        var first = await MicrosecondsAsync(known.Count);
        var turns = new List<double>();
        for (var turn = 0; turn < stage.Options.Turns; turn++) turns.Add(await MicrosecondsAsync(Checks));
        var checkedBefore = Median(turns);
        return [new Result(Id, "token check", "≤ 12 µs", Result.Text($"the first check, with its signature: {first:0.0} µs"), Result.Text($"{checkedBefore:0.0} µs"), "–", checkedBefore <= 12)];

        async Task<double> MicrosecondsAsync(int checks)
        {
            var start = Stopwatch.GetTimestamp();
            for (var i = 0; i < checks; i++)
            {
                var result = await handler.ValidateTokenAsync(known[i % known.Count], validation);
                if (!result.IsValid) throw new InvalidOperationException("A token of our own was refused.");
            }

            return Stopwatch.GetElapsedTime(start).TotalMicroseconds / checks;
        }
    }
}
