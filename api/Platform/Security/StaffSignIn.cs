using Backend.Domain.Accounts;
using Backend.Platform.Persistence;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Backend.Platform.Security;

/// <param name="AccountId">Whose user name it is.</param>
/// <param name="Password">The hash of her password.</param>
/// <param name="DeviceId">The browser, when it is known to be hers.</param>
internal sealed record FoundStaff(Guid AccountId, string Password, Guid? DeviceId);

/// <param name="AccountId">To whom an identity at the provider is bound.</param>
/// <param name="IsDisabled">Nobody can sign in to it.</param>
internal sealed record BoundStaff(Guid AccountId, bool IsDisabled);

/// <summary>
/// What staff show before anybody knows who they are, and how often they may (ID07): ten tries in 15 minutes, counted for each user name and device. A browser
/// at which she has signed in before has a count of its own; all unknown ones share one, so whoever uses it up locks out nobody but strangers. Names that
/// nobody has are counted alike.
/// </summary>
internal static class StaffSignIn
{
    public const int MostTries = 10;

    public static async Task<FoundStaff?> FindAsync(AppDataSource source, string userName, byte[] device, CancellationToken cancellation)
    {
        await using var command = source.Source.CreateCommand("select * from app.staff_sign_in(@name, @device)");
        command.Parameters.Add(new NpgsqlParameter("name", userName));
        command.Parameters.Add(new NpgsqlParameter("device", device));
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation) ? new FoundStaff(reader.GetGuid(0), reader.GetString(1), reader.IsDBNull(2) ? null : reader.GetGuid(2)) : null;
    }

    /// <summary>Counts a try, whatever comes of it, on every replica alike.</summary>
    /// <param name="limits">The counts.</param>
    /// <param name="what">Of whom, and of which device or session.</param>
    /// <param name="cancellation">The request's.</param>
    /// <returns>Null: it may be made. Else how long to wait.</returns>
    public static Task<TimeSpan?> CountTryAsync(this SharedLimits limits, string what, CancellationToken cancellation) => limits.CountAsync([CallCount.Of(what, MostTries)], cancellation);

    /// <summary>Whose invitation this is, while it holds.</summary>
    public static async Task<Guid?> FindInvitedAsync(AppDataSource source, byte[] invitation, DateTimeOffset now, CancellationToken cancellation)
    {
        await using var command = source.Source.CreateCommand("select app.invited_staff(@hash, @now)");
        command.Parameters.Add(new NpgsqlParameter("hash", invitation));
        command.Parameters.Add(new NpgsqlParameter("now", now));
        return await command.ExecuteScalarAsync(cancellation) as Guid?;
    }

    /// <summary>The caller's own factors, under their row lock: of two who use one code at once the second sees it used.</summary>
    public static Task<StaffCredential?> LockCredentialAsync(this BackendDb db, Guid account, CancellationToken cancellation) =>
        db.StaffCredentials.FromSql($"select * from staff_credentials where account_id = {account} for update").SingleOrDefaultAsync(cancellation);

    /// <summary>Whose identity at the provider this is (<see cref="SealedFields.OidcSubject"/>).</summary>
    public static async Task<BoundStaff?> FindBoundAsync(AppDataSource source, byte[][] subjectIndexes, CancellationToken cancellation)
    {
        await using var command = source.Source.CreateCommand("select * from app.account_of_oidc_subject(@indexes)");
        command.Parameters.Add(new NpgsqlParameter("indexes", subjectIndexes));
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation) ? new BoundStaff(reader.GetGuid(0), reader.GetBoolean(1)) : null;
    }

    /// <summary>Of a sign-in and a change of what it goes by, at once, the second sees what the first has done.</summary>
    public static Task LockSignInAsync(this BackendDb db, Guid account, CancellationToken cancellation) =>
        db.TakeTurnAsync($"sign-in {account}", cancellation);

    /// <summary>
    /// Uses an invitation up; of two at once one does. Former factors, if she had any, end, and so does her binding to the provider and what was opened with either: this is
    /// the way back for somebody who has lost everything, and the one way in is what she sets now.
    /// </summary>
    /// <returns>False: it does not hold, or no longer.</returns>
    public static async Task<bool> UseInvitationAsync(this BackendDb db, Guid account, byte[] invitation, CancellationToken cancellation)
    {
        await db.LockSignInAsync(account, cancellation);
        // Single use is the row lock of this update.
        if (await db.StaffInvitations.Where(i => i.Hash == invitation && i.UsedAt == null && i.RevokedAt == null && i.ExpiresAt > db.Now)
            .ExecuteUpdateAsync(i => i.SetProperty(x => x.UsedAt, db.Now), cancellation) == 0) return false;
        await db.StaffCredentials.Where(c => c.AccountId == account).ExecuteDeleteAsync(cancellation);
        await db.StaffDevices.Where(d => d.AccountId == account).ExecuteDeleteAsync(cancellation);
        await db.OidcIdentities.Where(i => i.AccountId == account).ExecuteDeleteAsync(cancellation);
        await db.EndConsolesAsync(account, null, cancellation);
        return true;
    }

    /// <summary>Opens a session at a browser for somebody who has shown two factors (ID07); from that moment on she need not show one again for a while (ID08).</summary>
    public static (Guid Session, string RefreshToken) OpenConsole(this BackendDb db, Guid account, DateTimeOffset shownAt)
    {
        var (session, refresh) = (Guid.CreateVersion7(db.Now), Tokens.Random());
        db.Sessions.Add(new Session
        {
            Id = session,
            AccountId = account,
            Kind = SessionKind.Console,
            TokenHash = Tokens.Hash(refresh),
            CreatedAt = db.Now,
            LastUsedAt = db.Now,
            ExpiresAt = db.Now + Tokens.ConsoleLifetime,
            SteppedUpAt = shownAt,
        });
        return (session, refresh);
    }

    /// <summary>Ends what was opened with a password that is no more; the session that asks stays.</summary>
    public static Task<int> EndConsolesAsync(this BackendDb db, Guid account, Guid? but, CancellationToken cancellation) =>
        db.Sessions.Where(s => s.AccountId == account && s.Kind == SessionKind.Console && s.EndedAt == null && s.Id != but)
            .ExecuteUpdateAsync(s => s.SetProperty(x => x.EndedAt, db.Now), cancellation);
}
