namespace Backend.Platform.WeChat;

/// <summary>A token to call with, or why there is none. Without a token nothing was sent, so the class is never <see cref="WeChatErrorClass.Uncertain"/>.</summary>
internal sealed record TokenResult(AccessToken? Token, WeChatErrorClass Class = WeChatErrorClass.Ok, int? Code = null, string? Rid = null);

/// <summary>What WeChat gave for a renewal.</summary>
/// <param name="Value">Null: it gave none, and the rest says why.</param>
internal sealed record Renewal(string? Value, TimeSpan ExpiresIn, WeChatErrorClass Class = WeChatErrorClass.Ok, int? Code = null, string? Rid = null)
{
    public override string ToString() => $"Renewal {Class}";
}

/// <summary>
/// Keeps the access token: one renewal per expiry over all replicas (RL11), and the compare-and-drop that a stale token needs. It makes no call
/// itself; whoever asks for a token brings the way to renew it. One instance a process.
/// </summary>
internal sealed class AccessTokens(ISharedTokenStore store, TimeProvider clock, TimeProvider? machine = null, Func<double>? jitter = null) : IDisposable
{
    /// <summary>WeChat makes the next token five minutes before the end of the last, and takes both in between.</summary>
    public static readonly TimeSpan RenewBefore = TimeSpan.FromSeconds(300);

    /// <summary>Spread of the renewal over replicas. Only ever later: an earlier call would be given the old token again.</summary>
    private static readonly TimeSpan Spread = TimeSpan.FromSeconds(30);

    /// <summary>Longer than a renewal with all its repeats can take (<see cref="CallLimits.TokenTotal"/>), so that a lease ends early only when its holder died.</summary>
    private static readonly TimeSpan LeaseLength = TimeSpan.FromSeconds(20);

    /// <summary>How long a call waits for another replica's renewal: over the lease, so that a dead holder is replaced rather than given up on.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(25);

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);

    /// <summary>An old token is not used in its last seconds: the call takes time too.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(10);

    /// <summary>Pause before the next try after a failed renewal, while the old token still lasts.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(30);

    private sealed record Held(string AppId, AccessToken Token, DateTimeOffset RenewAt);

    private readonly TimeProvider _machine = machine ?? TimeProvider.System;
#pragma warning disable RS0030 // jitter, no secret
    private readonly Func<double> _jitter = jitter ?? Random.Shared.NextDouble;
#pragma warning restore RS0030
    private readonly SemaphoreSlim _renewing = new(1, 1);
    private Held? _held;

    public Task<TokenResult> GetAsync(string appId, Func<CancellationToken, Task<Renewal>> renew, CancellationToken cancellation) =>
        Volatile.Read(ref _held) is { } held && held.AppId == appId && clock.GetUtcNow() < held.RenewAt
            ? Task.FromResult(new TokenResult(held.Token))
            : ObtainAsync(appId, newerThan: 0, renew, cancellation);

    /// <summary>
    /// WeChat called <paramref name="stale"/> stale. If the cache still holds that same token it is dropped and renewed, else somebody has done so
    /// already and the newer one is given. The caller repeats its call once, not oftener.
    /// </summary>
    public Task<TokenResult> ReplaceAsync(string appId, AccessToken stale, Func<CancellationToken, Task<Renewal>> renew, CancellationToken cancellation) =>
        ObtainAsync(appId, newerThan: stale.Version, renew, cancellation);

    public void Dispose() => _renewing.Dispose();

    private async Task<TokenResult> ObtainAsync(string appId, long newerThan, Func<CancellationToken, Task<Renewal>> renew, CancellationToken cancellation)
    {
        await _renewing.WaitAsync(cancellation);
        try
        {
            if (_held is { } held && held.AppId == appId && held.Token.Version > newerThan && clock.GetUtcNow() < held.RenewAt) return new TokenResult(held.Token);
            Volatile.Write(ref _held, null);

            var started = _machine.GetTimestamp();
            while (true)
            {
                var shared = await store.ReadAsync(appId, cancellation);
                if (shared?.Version > newerThan && !IsDue(shared)) return Hold(appId, shared);

                if (await store.TryTakeRenewalLeaseAsync(appId, LeaseLength, cancellation) is { } lease)
                    return await RenewAsync(appId, lease, newerThan, renew, cancellation);

                // Another replica is at it. The token of before works until its end, unless it is the one that was called stale.
                if (shared?.Version > newerThan && Lasts(shared)) return new TokenResult(shared);

                if (_machine.GetElapsedTime(started) > Patience) return new TokenResult(null, WeChatErrorClass.Transient);
                await Task.Delay(Poll, _machine, cancellation);
            }
        }
        finally
        {
            _renewing.Release();
        }
    }

    private async Task<TokenResult> RenewAsync(
        string appId, RenewalLease lease, long newerThan, Func<CancellationToken, Task<Renewal>> renew, CancellationToken cancellation)
    {
        var written = false;
        try
        {
            // Once more under the lease: the last holder may have written between our look and our lease.
            var shared = await store.ReadAsync(appId, cancellation);
            if (shared?.Version > newerThan && !IsDue(shared)) return Hold(appId, shared);

            var asked = clock.GetUtcNow();
            var renewal = await renew(cancellation);
            if (renewal.Value is null)
            {
                if (shared?.Version > newerThan && Lasts(shared)) return Hold(appId, shared, clock.GetUtcNow() + Pause);
                return new TokenResult(null, renewal.Class, renewal.Code, renewal.Rid);
            }

            var token = await store.WriteAsync(appId, lease, renewal.Value, asked + renewal.ExpiresIn, cancellation);
            written = token is not null;

            // The lease ran out on the way, and its next holder writes, or has written. Our token is good for this one call.
            return token is null ? new TokenResult(new AccessToken(renewal.Value, asked + renewal.ExpiresIn, shared?.Version ?? 0)) : Hold(appId, token);
        }
        finally
        {
            if (!written) await store.GiveBackAsync(appId, lease, CancellationToken.None);
        }
    }

    /// <summary>Whether the token has reached its last five minutes.</summary>
    private bool IsDue(AccessToken token) => clock.GetUtcNow() >= token.ExpiresAt - RenewBefore;

    private bool Lasts(AccessToken token) => clock.GetUtcNow() < token.ExpiresAt - Margin;

    private TokenResult Hold(string appId, AccessToken token, DateTimeOffset? renewAt = null)
    {
        var now = clock.GetUtcNow();
        var due = renewAt ?? token.ExpiresAt - RenewBefore + (Spread * _jitter());
        // WeChat may give a token that is in its last minutes already, when its clock and ours differ: then ask again soon, but not at each call.
        if (due <= now) due = now + Pause < token.ExpiresAt - Margin ? now + Pause : token.ExpiresAt - Margin;
        Volatile.Write(ref _held, new Held(appId, token, due));
        return new TokenResult(token);
    }
}
