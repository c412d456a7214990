using Backend.Domain.Notices;
using Backend.Domain.Tiers;
using Backend.Platform.Persistence;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Notices;

/// <summary>
/// Writes alarms, notices and deliveries, each under its unique key: whatever of it exists already stays as it is, so a message that is handled
/// twice changes nothing (RL06). Rows go in in a fixed order, so that two such transactions wait for each other and never deadlock.
/// </summary>
internal static class WriteNotices
{
    /// <summary>The channels of the first step.</summary>
    private static readonly Channel[] FirstStep = [Channel.Live, Channel.EmploymentMessage];

    internal sealed record Rise(Guid TierChangeId, Guid HouseholdId, string NodePath, Tier To);

    /// <summary>Opens one alarm a rise and gives their ids by tier change.</summary>
    public static async Task<IReadOnlyDictionary<Guid, Guid>> OpenAlarmsAsync(BackendDb db, IReadOnlyCollection<Rise> rises, CancellationToken cancellation)
    {
        var ordered = rises.OrderBy(r => r.TierChangeId).ToList();
        var changes = ordered.Select(r => r.TierChangeId).ToArray();
        await db.Database.ExecuteSqlAsync($"""
            insert into alarms (id, tier_change_id, household_id, node_path, tier, opened_at)
            select id, tier_change_id, household_id, node_path::ltree, tier, {db.Now}
            from unnest({Ids(db, ordered.Count)}, {changes}, {ordered.Select(r => r.HouseholdId).ToArray()},
                {ordered.Select(r => r.NodePath).ToArray()}, {ordered.Select(r => SnakeCase.Of(r.To)).ToArray()})
                as r(id, tier_change_id, household_id, node_path, tier)
            on conflict (tier_change_id) do nothing
            """, cancellation);
        return await db.Alarms.AsNoTracking().Where(a => changes.Contains(a.TierChangeId)).ToDictionaryAsync(a => a.TierChangeId, a => a.Id, cancellation);
    }

    /// <summary>One notice an account with the alarms it lists, and one delivery a channel.</summary>
    public static async Task TellAsync(
        BackendDb db, CauseKind kind, Guid cause, IReadOnlyCollection<(Guid Account, Guid Alarm)> lines, CancellationToken cancellation)
    {
        var ordered = lines.Distinct().OrderBy(l => l.Account).ThenBy(l => l.Alarm).ToList();
        var accounts = ordered.Select(l => l.Account).Distinct().ToArray();
        await NoticesAsync(db, kind, cause, accounts, cancellation);
        await db.Database.ExecuteSqlAsync($"""
            insert into notice_alarms (notice_id, alarm_id, account_id)
            select n.id, l.alarm_id, n.account_id
            from unnest({ordered.Select(l => l.Account).ToArray()}, {ordered.Select(l => l.Alarm).ToArray()}) as l(account_id, alarm_id)
            join notices n on n.cause_id = {cause} and n.account_id = l.account_id
            on conflict do nothing
            """, cancellation);
        var sends = accounts.SelectMany(_ => FirstStep, (account, channel) => (Account: account, Channel: SnakeCase.Of(channel))).ToList();
        await db.Database.ExecuteSqlAsync($"""
            insert into deliveries (id, notice_id, account_id, cause_id, step, channel, state, due_at, attempts, repeats, created_at)
            select d.id, n.id, n.account_id, {cause}, 0, d.channel, 'waiting', {db.Now}, 0, 0, {db.Now}
            from unnest({Ids(db, sends.Count)}, {sends.Select(s => s.Account).ToArray()}, {sends.Select(s => s.Channel).ToArray()}) as d(id, account_id, channel)
            join notices n on n.cause_id = {cause} and n.account_id = d.account_id
            on conflict (cause_id, step, account_id, channel) do nothing
            """, cancellation);
    }

    /// <summary>
    /// One notice an account that lists no alarm, and its live push. A delivery goes out while an alarm is open (DeliveryPump); this one has nothing to wait for
    /// or to stop, so it is written as sent: each replica tells its own connections of what stands so (NoticeFeed).
    /// </summary>
    public static async Task TellLiveAsync(BackendDb db, CauseKind kind, Guid cause, IReadOnlyCollection<Guid> told, CancellationToken cancellation)
    {
        var accounts = told.Order().ToArray();
        await NoticesAsync(db, kind, cause, accounts, cancellation);
        await db.Database.ExecuteSqlAsync($"""
            insert into deliveries (id, notice_id, account_id, cause_id, step, channel, state, due_at, attempts, repeats, last_outcome, created_at)
            select d.id, n.id, n.account_id, {cause}, 0, {SnakeCase.Of(Channel.Live)}, {SnakeCase.Of(DeliveryState.Sent)}, {db.Now}, 1, 0, 'ok', {db.Now}
            from unnest({Ids(db, accounts.Length)}, {accounts}) as d(id, account_id) join notices n on n.cause_id = {cause} and n.account_id = d.account_id
            on conflict (cause_id, step, account_id, channel) do nothing
            """, cancellation);
    }

    private static Task<int> NoticesAsync(BackendDb db, CauseKind kind, Guid cause, Guid[] accounts, CancellationToken cancellation) => db.Database.ExecuteSqlAsync($"""
        insert into notices (id, account_id, cause_kind, cause_id, created_at)
        select id, account_id, {SnakeCase.Of(kind)}, {cause}, {db.Now} from unnest({Ids(db, accounts.Length)}, {accounts}) as n(id, account_id)
        on conflict (cause_id, account_id) do nothing
        """, cancellation);

    private static Guid[] Ids(BackendDb db, int count) => [.. Enumerable.Range(0, count).Select(_ => Guid.CreateVersion7(db.Now))];
}
