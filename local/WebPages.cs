namespace Local;

/// <summary>Builds the wall into api/wwwroot when a source changed; one line says so, and nothing is said when nothing is to do.</summary>
internal static class WebPages
{
    public static async Task BuildAsync(Action<string> say, CancellationToken cancellation)
    {
        var said = new List<string>();
        using var child = ChildProcess.Start(
            ["bash", Path.Combine(Repository.Root, "local/web.sh")],
            new ChildOptions
            {
                WorkingDirectory = Repository.Root,
                Output = line =>
                {
                    said.Add(line);
                    if (line.EndsWith('…')) say(line);
                },
            });
        await child.WaitAsync(cancellation);
        if (child.ExitCode != 0) throw new Refusal($"网页没有构建成功：\n{string.Join('\n', said)}");
    }
}
