namespace Backend.Tests.Support;

/// <summary>
/// How long the long proofs are: small in `make test`, full in `make prove`, which sets <c>PROOF_SIZE=full</c>. Each proof asks for its pair of sizes
/// where it stands; the pairs are the table of docs/design, section 7.
/// </summary>
internal static class ProofSize
{
    public static bool Full { get; } = Environment.GetEnvironmentVariable("PROOF_SIZE") switch
    {
        null or "" or "small" => false,
        "full" => true,
        var other => throw new InvalidOperationException($"PROOF_SIZE={other}: small or full."),
    };

    public static int PolicyCells => Of(2_000, 20_000);
    public static int Reach => Of(2_000, 20_000);
    public static int RightsChanges => Of(5, 100);
    public static int HiddenPairs => Of(50, 5_000);
    public static int GeneratedRequests => Of(5_000, 100_000);
    public static int ApiKills => Of(10, 200);
    public static int PostgresKills => Of(3, 50);
    public static int CommitCuts => Of(10, 200);
    public static int Restarts => Of(3, 50);
    public static int Tamperings => Of(100, 1_000);
    public static int OfflineSchedules => Of(500, 10_000);
    public static int SimulatedDays => Of(31, 366);
    public static int SimulatedKills => Of(5, 50);

    private static int Of(int small, int full) => Full ? full : small;
}
