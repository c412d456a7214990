using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using Local;

namespace Backend.Tests.Support;

/// <summary>
/// A phone with the mini-program on it: <c>miniprogram-contract/test/phone.mjs</c>, a bare realm in which the packed client runs as WeChat would run
/// it. <see cref="RunAsync"/> runs a piece of its code, <see cref="DoAsync"/> does something to the phone itself.
/// </summary>
internal sealed class Phone : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<int, TaskCompletionSource<JsonElement>> _asked = new();
    private readonly ConcurrentQueue<string> _complaints = new();
    private readonly Process _process;
    private readonly Task _reading;
    private int _last;

    private Phone(Process process)
    {
        _process = process;
        _reading = ReadAsync();
    }

    /// <summary>What the program said on its console, and promises that nobody looked after.</summary>
    public IReadOnlyCollection<string> Complaints => _complaints;

    /// <param name="address">Where the api listens.</param>
    /// <param name="codes">What wx.login gives, one after the other.</param>
    public static Phone Start(Uri address, params string[] codes) => Start("test/phone.mjs", address, codes);

    /// <summary>No phone at all: the package in Node, with the browser's host.</summary>
    public static Phone StartNode(Uri address, params string[] codes) => Start("test/node.mjs", address, codes);

    private static Phone Start(string script, Uri address, string[] codes)
    {
        var info = new ProcessStartInfo("node")
        {
            WorkingDirectory = Path.Combine(Repository.Root, "miniprogram-contract"),
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        foreach (var word in (string[])[script, address.ToString(), .. codes]) info.ArgumentList.Add(word);
        return new Phone(Process.Start(info)!);
    }

    /// <summary>Runs the body of an async function in the realm and gives what it returns.</summary>
    public Task<JsonElement> RunAsync(string code) => AskAsync(new { run = code });

    public Task<JsonElement> DoAsync(string what, object? with = null) => AskAsync(new { @do = what, with });

    /// <summary>Asks again until an expression holds; what it stays at is said when it does not.</summary>
    public async Task UntilAsync(string expression)
    {
        // One question a time, each answered from the program's own event loop.
        var start = TimeProvider.System.GetTimestamp();
        while (!(await RunAsync($"return !!({expression})")).GetBoolean())
        {
            if (TimeProvider.System.GetElapsedTime(start) > Patience)
                Assert.Fail($"never true: {expression}; states {await RunAsync("return this.states || null")}; complaints {string.Join('\n', _complaints)}");
            await Task.Delay(20);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        await _reading;
        _process.Dispose();
    }

    private async Task<JsonElement> AskAsync(object command)
    {
        var id = Interlocked.Increment(ref _last);
        var answer = new TaskCompletionSource<JsonElement>(TaskCreationOptions.RunContinuationsAsynchronously);
        _asked[id] = answer;
        var line = JsonSerializer.SerializeToNode(command)!.AsObject();
        line["id"] = id;
        lock (_process) _process.StandardInput.WriteLine(line.ToJsonString());
        return await answer.Task.WaitAsync(Patience);
    }

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            using var document = JsonDocument.Parse(line);
            var said = document.RootElement.Clone();
            if (said.TryGetProperty("complaint", out var complaint)) _complaints.Enqueue(complaint.GetString()!);
            else if (!_asked.TryRemove(said.GetProperty("id").GetInt32(), out var asked)) _complaints.Enqueue(line);
            else if (said.TryGetProperty("value", out var value)) asked.SetResult(value);
            else asked.SetException(new InvalidOperationException(said.GetProperty("error").GetString()));
        }

        foreach (var asked in _asked.Values) asked.TrySetException(new InvalidOperationException($"The phone is off: {string.Join('\n', _complaints)}"));
    }
}
