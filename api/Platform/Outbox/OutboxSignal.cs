namespace Backend.Platform.Outbox;

/// <summary>
/// Wakes what waits for work on this replica: dispatcher, delivery pump, wall feed. A hint: each of them also sweeps once a second, and the sweep
/// is the truth.
/// </summary>
internal sealed class OutboxSignal
{
    private volatile TaskCompletionSource _next = New();
    private volatile TaskCompletionSource _nextLocal = New();

    /// <summary>After a commit of this replica: wakes those who wait here, and through <see cref="WakeUps"/> the other replicas.</summary>
    public void Set()
    {
        Interlocked.Exchange(ref _nextLocal, New()).TrySetResult();
        Wake();
    }

    /// <summary>Another replica has committed. Not passed on, or two replicas would wake each other for ever.</summary>
    public void Wake() => Interlocked.Exchange(ref _next, New()).TrySetResult();

    /// <summary>Take it before looking for work, await it after: a signal in between is not lost.</summary>
    public Task Next => _next.Task;

    /// <summary>The next commit of this replica alone.</summary>
    public Task NextLocal => _nextLocal.Task;

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
