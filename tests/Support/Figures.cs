namespace Backend.Tests.Support;

/// <summary>The figures of the long proofs: one line each, shown by `make prove` at its end (local/test.sh).</summary>
internal static class Figures
{
    private static readonly Lock Lock = new();

    public static void Print(FormattableString figures)
    {
        var line = FormattableString.Invariant(figures);
        lock (Lock)
        {
            Directory.CreateDirectory(Path.Combine(Local.Repository.Root, "artifacts"));
            File.AppendAllText(Path.Combine(Local.Repository.Root, "artifacts", "figures.txt"), line + "\n");
        }
    }
}
