namespace Backend.Tests.Platform.WeChat;

internal static class Wait
{
    /// <summary>Until something seen from another thread is so; gives up after 20 s.</summary>
    public static async Task Until(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!condition()) await Task.Delay(5, limit.Token);
    }
}
