using System.Globalization;
using System.Security.Cryptography;
using Backend.Domain.Privacy;
using Backend.Platform.Security;
using Backend.Platform.WeChat;
using Npgsql;

namespace Backend.Platform.Persistence;

/// <summary>
/// WeChat's access token in the table <c>we_chat_tokens</c>, for all replicas: one row a mini-program. Leases run on the database's clock and are
/// decided by one statement each, so no transaction stays open over a call to WeChat. The sealed text is "version token".
/// </summary>
internal sealed class WeChatTokenStore(WorkerDataSource worker, Vault vault) : ISharedTokenStore
{
    public async Task<AccessToken?> ReadAsync(string appId, CancellationToken cancellation) => (await FindAsync(appId, cancellation))?.Token;

    public async Task<RenewalLease?> TryTakeRenewalLeaseAsync(string appId, TimeSpan length, CancellationToken cancellation)
    {
        // clock_timestamp(), not now(): two leases one after the other must not end at the same moment.
        await using var command = worker.Source.CreateCommand("""
            insert into we_chat_tokens as t (id, app_id, leased_until) values ($1, $2, clock_timestamp() + $3)
            on conflict (app_id) do update set leased_until = excluded.leased_until where t.leased_until is null or t.leased_until <= clock_timestamp()
            returning leased_until
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = Guid.CreateVersion7() });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = appId });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = length });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation) ? new RenewalLease(await reader.GetFieldValueAsync<DateTimeOffset>(0, cancellation)) : null;
    }

    public async Task<AccessToken?> WriteAsync(string appId, RenewalLease lease, string value, DateTimeOffset expiresAt, CancellationToken cancellation)
    {
        // Only the holder of the lease writes, so nobody raises the version between this look and the update.
        if (await FindAsync(appId, cancellation) is not { } row) return null;
        var version = (row.Token?.Version ?? 0) + 1;

        await using var command = worker.Source.CreateCommand("""
            update we_chat_tokens set token = $3, expires_at = $4, leased_until = null
            where app_id = $1 and leased_until = $2 and leased_until > clock_timestamp()
            """);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = appId });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = lease.Until });
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = vault.Seal(SealedFields.WeChatToken, row.Id, $"{version.ToString(CultureInfo.InvariantCulture)} {value}").Bytes });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = expiresAt.ToUniversalTime() });
        return await command.ExecuteNonQueryAsync(cancellation) == 1 ? new AccessToken(value, expiresAt, version) : null;
    }

    public async Task GiveBackAsync(string appId, RenewalLease lease, CancellationToken cancellation)
    {
        await using var command = worker.Source.CreateCommand("update we_chat_tokens set leased_until = null where app_id = $1 and leased_until = $2");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = appId });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = lease.Until });
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private async Task<(Guid Id, AccessToken? Token)?> FindAsync(string appId, CancellationToken cancellation)
    {
        await using var command = worker.Source.CreateCommand("select id, token, expires_at from we_chat_tokens where app_id = $1");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = appId });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        if (!await reader.ReadAsync(cancellation)) return null;

        var id = reader.GetGuid(0);
        if (await reader.IsDBNullAsync(1, cancellation)) return (id, null);
        var bytes = await reader.GetFieldValueAsync<byte[]>(1, cancellation);
        var expiresAt = await reader.GetFieldValueAsync<DateTimeOffset>(2, cancellation);
        try
        {
            var text = vault.OpenText(SealedFields.WeChatToken, id, new Sealed(bytes));
            var gap = text.IndexOf(' ', StringComparison.Ordinal);
            return (id, new AccessToken(text[(gap + 1)..], expiresAt, long.Parse(text.AsSpan(0, gap), CultureInfo.InvariantCulture)));
        }
        catch (CryptographicException)
        {
            return (id, null); // sealed with a key that is gone: WeChat gives the token again
        }
    }
}
