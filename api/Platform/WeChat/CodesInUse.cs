using System.Collections.Concurrent;

namespace Backend.Platform.WeChat;

/// <summary>The codes whose exchange runs at this moment on this replica, of logins and of phone buttons. Single use is WeChat's own answer (40163, 40029).</summary>
internal sealed class CodesInUse
{
    private readonly ConcurrentDictionary<string, byte> _codes = new(StringComparer.Ordinal);

    public IDisposable? TryUse(string code) => _codes.TryAdd(code, 0) ? new Use(this, code) : null;

    private sealed class Use(CodesInUse codes, string code) : IDisposable
    {
        public void Dispose() => codes._codes.TryRemove(code, out _);
    }
}
