using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace Backend.Platform.Oidc;

/// <summary>
/// What the provider says of itself and its keys, read when it is first needed and kept for an hour. The library's own manager is not used: it goes by the machine's
/// clock, and fetches new keys behind the back of the very sign-in that needs them.
/// </summary>
internal sealed class OidcMetadata(TimeProvider clock) : IDisposable
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);

    /// <summary>A signature that no known key has made is a reason to read again, but no more often than this.</summary>
    public static readonly TimeSpan AtLeast = TimeSpan.FromMinutes(1);

    private sealed record Known(OpenIdConnectConfiguration Value, DateTimeOffset At);

    private readonly SemaphoreSlim _turn = new(1);
    private volatile Known? _known;

    public async Task<OpenIdConnectConfiguration> GetAsync(TimeSpan maxAge, Func<CancellationToken, Task<OpenIdConnectConfiguration>> read, CancellationToken cancellation)
    {
        if (Fresh(maxAge) is { } known) return known;
        await _turn.WaitAsync(cancellation);
        try
        {
            if (Fresh(maxAge) is { } meanwhile) return meanwhile;
            _known = new Known(await read(cancellation), clock.GetUtcNow());
            return _known.Value;
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();

    private OpenIdConnectConfiguration? Fresh(TimeSpan maxAge) => _known is { } known && clock.GetUtcNow() - known.At < maxAge ? known.Value : null;
}
