namespace Backend.Platform.WeChat;

/// <summary>An access token of one mini-program.</summary>
/// <param name="Value">The credential itself: sealed wherever it is stored, in no log.</param>
/// <param name="ExpiresAt">When WeChat stops taking it.</param>
/// <param name="Version">Raised by each write. Tells a renewed token from the one before even if WeChat gave the same text again.</param>
internal sealed record AccessToken(string Value, DateTimeOffset ExpiresAt, long Version)
{
    public override string ToString() => $"AccessToken version {Version}";
}

/// <summary>The right to renew, known by its end: no two leases on one mini-program's token end at the same time.</summary>
internal sealed record RenewalLease(DateTimeOffset Until);

/// <summary>
/// Where all replicas keep the one access token of a mini-program, and who of them may renew it (RL11). The implementer seals the value at rest and
/// gives leases atomically, by one clock for all replicas (a database's own).
/// </summary>
internal interface ISharedTokenStore
{
    /// <summary>The token as last written, valid or not; null when none was ever written.</summary>
    Task<AccessToken?> ReadAsync(string appId, CancellationToken cancellation);

    /// <summary>The lease, for one caller at a time, until it writes or gives it back, or <paramref name="length"/> has passed. Null: another has it.</summary>
    Task<RenewalLease?> TryTakeRenewalLeaseAsync(string appId, TimeSpan length, CancellationToken cancellation);

    /// <summary>Stores the token under the next version and ends the lease, in one step. Null, and nothing stored, when the lease is over already.</summary>
    Task<AccessToken?> WriteAsync(string appId, RenewalLease lease, string value, DateTimeOffset expiresAt, CancellationToken cancellation);

    /// <summary>Ends the lease without a token; does nothing when it is over already.</summary>
    Task GiveBackAsync(string appId, RenewalLease lease, CancellationToken cancellation);
}

/// <summary>The store of a service that runs as one process.</summary>
internal sealed class InMemoryTokenStore(TimeProvider clock) : ISharedTokenStore
{
    private sealed record Row(AccessToken? Token, RenewalLease? Lease);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Row> _rows = [];

    public Task<AccessToken?> ReadAsync(string appId, CancellationToken cancellation)
    {
        lock (_lock) return Task.FromResult(_rows.GetValueOrDefault(appId)?.Token);
    }

    public Task<RenewalLease?> TryTakeRenewalLeaseAsync(string appId, TimeSpan length, CancellationToken cancellation)
    {
        lock (_lock)
        {
            var row = _rows.GetValueOrDefault(appId) ?? new Row(null, null);
            if (row.Lease is not null && row.Lease.Until > clock.GetUtcNow()) return Task.FromResult<RenewalLease?>(null);
            var lease = new RenewalLease(clock.GetUtcNow() + length);
            _rows[appId] = row with { Lease = lease };
            return Task.FromResult<RenewalLease?>(lease);
        }
    }

    public Task<AccessToken?> WriteAsync(string appId, RenewalLease lease, string value, DateTimeOffset expiresAt, CancellationToken cancellation)
    {
        lock (_lock)
        {
            if (_rows.GetValueOrDefault(appId) is not { } row || row.Lease != lease) return Task.FromResult<AccessToken?>(null);
            var token = new AccessToken(value, expiresAt, (row.Token?.Version ?? 0) + 1);
            _rows[appId] = new Row(token, null);
            return Task.FromResult<AccessToken?>(token);
        }
    }

    public Task GiveBackAsync(string appId, RenewalLease lease, CancellationToken cancellation)
    {
        lock (_lock)
        {
            if (_rows.GetValueOrDefault(appId) is { } row && row.Lease == lease) _rows[appId] = row with { Lease = null };
        }
        return Task.CompletedTask;
    }
}
