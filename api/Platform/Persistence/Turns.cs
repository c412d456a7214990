using System.Runtime.ExceptionServices;

namespace Backend.Platform.Persistence;

/// <summary>
/// One reader at a time for what many ask at once. Whoever waited while another met a silent database fails with her: one after the other, each would
/// wait it out anew, and the last for minutes (RL14).
/// </summary>
internal sealed class Turns : IDisposable
{
    private readonly SemaphoreSlim _one = new(1);
    private volatile ExceptionDispatchInfo? _silence;

    public async Task<T> TakeAsync<T>(Func<Task<T>> read, CancellationToken cancellation)
    {
        var before = _silence;
        await _one.WaitAsync(cancellation);
        try
        {
            if (_silence is { } meanwhile && meanwhile != before) meanwhile.Throw();
            return await read();
        }
        catch (Exception e) when (DatabaseFaults.IsSilence(e) && _silence?.SourceException != e)
        {
            _silence = ExceptionDispatchInfo.Capture(e);
            throw;
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();
}
