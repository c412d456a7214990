using Backend.Domain.Messages;
using Backend.Domain.Notices;
using Backend.Domain.Tiers;
using Backend.Platform.Outbox;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Notices;

/// <summary>What one batch (import, night) raised reaches each person as one notice with the list of its alarms, not as one a household.</summary>
internal sealed class TellBatch(ILogger<TellBatch> log) : IHandle<BatchFinished>
{
    public async Task HandleAsync(BatchFinished message, BackendDb db, CancellationToken cancellation)
    {
        var changes = await db.TierChanges.AsNoTracking().Where(c => c.BatchId == message.BatchId)
            .Join(db.Households, c => c.HouseholdId, h => h.Id, (c, h) => new { c.Id, c.HouseholdId, h.NodePath, c.From, c.FromState, c.To, c.ToState })
            .ToListAsync(cancellation);
        var rises = changes.Where(c => TierChange.Rises(c.From, c.FromState, c.To, c.ToState))
            .Select(c => new WriteNotices.Rise(c.Id, c.HouseholdId, c.NodePath, c.To)).ToList();
        if (rises.Count == 0) return;

        // Their own messages may still be on the way, or be late for a day: whatever opens an alarm first, there is one.
        var alarms = await WriteNotices.OpenAlarmsAsync(db, rises, cancellation);
        var places = rises.Select(r => new Responsible.Place(r.HouseholdId, r.NodePath)).DistinctBy(p => p.HouseholdId).ToList();
        var told = await Responsible.ForAsync(db, places, ShanghaiDay.Of(db.Now), cancellation);
        foreach (var rise in rises.Where(r => told[r.HouseholdId].Count == 0)) log.OperatorAlarm("alarm_without_recipient", alarms[rise.TierChangeId]);
        await WriteNotices.TellAsync(db, CauseKind.Batch, message.BatchId,
            [.. rises.SelectMany(r => told[r.HouseholdId], (r, account) => (account, alarms[r.TierChangeId]))], cancellation);
    }
}
