using System.Collections.Concurrent;
using System.Diagnostics;

namespace Backend.Tests.Support;

/// <summary>Counts the SQL commands that this process sends to one test database, by the driver's own trace. What costs grow with is asserted in these.</summary>
internal sealed class SqlCount : IDisposable
{
    private readonly ConcurrentQueue<(string Trace, string Text)> _commands = new();
    private readonly ActivityListener _listener;

    public SqlCount(PostgresDatabase database)
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Npgsql",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                if (Equals(activity.GetTagItem("db.namespace") ?? activity.GetTagItem("db.name"), database.Name))
                    _commands.Enqueue((activity.TraceId.ToHexString(), (activity.GetTagItem("db.query.text") ?? activity.GetTagItem("db.statement"))?.ToString() ?? activity.DisplayName));
            },
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public int Count => _commands.Count;

    public IReadOnlyCollection<string> Commands => [.. _commands.Select(c => c.Text)];

    /// <summary>Those of one request, by the trace that it was sent under, in their order.</summary>
    public IReadOnlyList<string> Of(string trace) => [.. _commands.Where(c => c.Trace == trace).Select(c => c.Text)];

    public void Reset() => _commands.Clear();

    public void Dispose() => _listener.Dispose();
}
