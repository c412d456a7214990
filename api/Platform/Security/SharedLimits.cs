using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using NpgsqlTypes;

namespace Backend.Platform.Security;

/// <summary>For whom an operation is counted.</summary>
[Flags]
internal enum LimitedBy
{
    /// <summary>The account that is signed in.</summary>
    Account = 1,

    /// <summary>Its session, which is one phone or one browser; of somebody whom nobody knows yet what her phone was given.</summary>
    Device = 2,

    /// <summary>Where the call comes from. A whole community may sit behind one address.</summary>
    Address = 4,
}

/// <param name="Key">A hash of what is counted and for whom.</param>
/// <param name="Most">How many within one window.</param>
internal readonly record struct CallCount(byte[] Key, int Most)
{
    public static CallCount Of(string what, int most) => new(SHA256.HashData(Encoding.UTF8.GetBytes(what)), most);
}

/// <summary>How often each operation with a strict limit may be called within one window. An address stands for a whole community behind it.</summary>
internal sealed record StrictLimits(int PerAccount, int PerDevice, int PerAddress)
{
    public static StrictLimits Of(IConfiguration configuration)
    {
        return new StrictLimits(Setting(nameof(PerAccount), 60), Setting(nameof(PerDevice), 40), Setting(nameof(PerAddress), 600));

        int Setting(string name, int usual) =>
            configuration.GetValue($"RateLimits:Strict:{name}", usual) is var most and >= 1 ? most : throw new StartRefused($"RateLimits:Strict:{name} 应为 1 以上的整数。");
    }
}

/// <summary>
/// The strict limits (RL17): of operations that let somebody in, search or hand something out, each counted by itself in windows of 15 minutes, on all
/// replicas together. The limits of all other calls are each replica's own: asking the database about every read would cost more than the read.
/// </summary>
internal sealed class SharedLimits(AppDataSource source, StrictLimits limits, TimeProvider clock)
{
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(15);

    /// <summary>Counts a call, whatever comes of it.</summary>
    /// <returns>Null: it may go on. Else how long to wait.</returns>
    public async Task<TimeSpan?> CountAsync(CallCount[] counts, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow();
        await using var command = source.Source.CreateCommand("select key, calls, ends_at from app.count_calls(@keys, @lasting, @now)");
        AddParameters(command.Parameters, counts, now);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        TimeSpan? wait = null;
        while (await reader.ReadAsync(cancellation))
        {
            var key = reader.GetFieldValue<byte[]>(0);
            var one = WaitOf(counts.First(c => c.Key.AsSpan().SequenceEqual(key)), reader.GetInt32(1), reader.GetFieldValue<DateTimeOffset>(2), now);
            if (wait is null || one > wait) wait = one;
        }

        return wait;
    }

    public Task<TimeSpan?> CountAsync(string operation, HttpContext http, CurrentAccount me, LimitedBy by, string? device, CancellationToken cancellation)
    {
        var counts = new List<CallCount>(3);
        if (by.HasFlag(LimitedBy.Account)) counts.Add(CallCount.Of($"{operation} account {me.Id}", limits.PerAccount));
        if (by.HasFlag(LimitedBy.Device)) counts.Add(CallCount.Of($"{operation} device {device ?? me.SessionId.ToString()}", limits.PerDevice));
        if (by.HasFlag(LimitedBy.Address)) counts.Add(CallCount.Of($"{operation} address {Address(http)}", limits.PerAddress));
        return CountAsync([.. counts], cancellation);
    }

    /// <summary>The account behind a WeChat identity, and the count of its sign-ins in the same round trip: at eight in the morning everybody signs in.</summary>
    /// <param name="openIdIndexes">Under any of which the identity may stand (<see cref="Vault.BlindIndexes"/>).</param>
    public async Task<(Guid? Account, TimeSpan? Wait)> FindAccountAsync(byte[][] openIdIndexes, CancellationToken cancellation)
    {
        var (now, count) = (clock.GetUtcNow(), CallCount.Of($"signInWithWeChat account {Convert.ToHexString(openIdIndexes[0])}", limits.PerAccount));
        await using var command = source.Source.CreateCommand("select app.account_of_open_id(@indexes), c.calls, c.ends_at from app.count_calls(@keys, @lasting, @now) c");
        command.Parameters.Add(new NpgsqlParameter("indexes", openIdIndexes));
        AddParameters(command.Parameters, [count], now);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        await reader.ReadAsync(cancellation);
        return (reader.IsDBNull(0) ? null : reader.GetGuid(0), WaitOf(count, reader.GetInt32(1), reader.GetFieldValue<DateTimeOffset>(2), now));
    }

    /// <summary>As addresses are counted: of IPv6 the half that a provider gives to one customer.</summary>
    public static string Address(HttpContext http)
    {
        if (http.Connection.RemoteIpAddress is not { } address) return "";
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return address.ToString();
        var bytes = address.GetAddressBytes();
        Array.Clear(bytes, 8, 8);
        return $"{new IPAddress(bytes)}/64";
    }

    private static TimeSpan? WaitOf(CallCount count, int calls, DateTimeOffset endsAt, DateTimeOffset now) => calls <= count.Most ? null : endsAt - now;

    private static void AddParameters(NpgsqlParameterCollection parameters, CallCount[] counts, DateTimeOffset now)
    {
        parameters.Add(new NpgsqlParameter("keys", NpgsqlDbType.Array | NpgsqlDbType.Bytea) { Value = counts.Select(c => c.Key).ToArray() });
        parameters.Add(new NpgsqlParameter("lasting", Window));
        parameters.Add(new NpgsqlParameter("now", now));
    }
}

internal static class SharedLimitExtensions
{
    /// <summary>Counts the operation on all replicas. It stands before <see cref="OneTransactionExtensions.InOneTransaction"/>: a call that is refused holds no transaction.</summary>
    /// <param name="operation">The operation.</param>
    /// <param name="by">For whom.</param>
    /// <param name="device">What stands for the device of a caller who is not signed in.</param>
    public static RouteHandlerBuilder Limited(this RouteHandlerBuilder operation, LimitedBy by, Func<EndpointFilterInvocationContext, string>? device = null) =>
        operation.AddEndpointFilter(async (context, next) =>
        {
            var (http, cancellation) = (context.HttpContext, context.HttpContext.RequestAborted);
            var me = http.RequestServices.GetRequiredService<CurrentAccount>();
            if (await http.RequestServices.GetRequiredService<SharedLimits>().CountAsync(me.Operation, http, me, by, device?.Invoke(context), cancellation) is not { } wait) return await next(context);
            return await http.RequestServices.GetRequiredService<AuditWriter>().LaterAsync(http, wait, cancellation);
        });

    /// <summary>429, and when to come again.</summary>
    public static ProblemHttpResult Later(this HttpContext http, TimeSpan wait, Problem? problem = null, string? why = null)
    {
        http.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        return (problem ?? Problems.TooManyRequests).Result(why);
    }

    /// <summary>The same of a call outside any transaction, with its entry.</summary>
    public static async Task<ProblemHttpResult> LaterAsync(this AuditWriter audit, HttpContext http, TimeSpan wait, CancellationToken cancellation)
    {
        await audit.RefusalAsync(Problems.TooManyRequests.Code, cancellation);
        return http.Later(wait);
    }
}
