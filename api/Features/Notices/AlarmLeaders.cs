using Backend.Domain.Messages;
using Backend.Domain.Notices;
using Backend.Platform.Outbox;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Notices;

/// <summary>
/// A rise opens exactly one alarm and tells those responsible (A-26, tier-rules.md H1). What a batch raises only opens its alarm here: the batch
/// tells each person once, when it is finished (<see cref="TellBatch"/>).
/// </summary>
internal sealed class AlarmLeaders(ILogger<AlarmLeaders> log) : IHandle<TierChanged>
{
    public async Task HandleAsync(TierChanged message, BackendDb db, CancellationToken cancellation)
    {
        if (!message.Rise) return;
        // Where the household is now: whoever looks after it now must come.
        var path = await db.Households.Where(h => h.Id == message.HouseholdId).Select(h => h.NodePath).SingleAsync(cancellation);
        var alarms = await WriteNotices.OpenAlarmsAsync(db, [new(message.TierChangeId, message.HouseholdId, path, message.To)], cancellation);
        if (message.BatchId is not null) return;

        var told = await Responsible.ForAsync(db, [new(message.HouseholdId, path)], ShanghaiDay.Of(db.Now), cancellation);
        var alarm = alarms[message.TierChangeId];
        if (told[message.HouseholdId].Count == 0) log.OperatorAlarm("alarm_without_recipient", alarm);
        await WriteNotices.TellAsync(db, CauseKind.TierChange, message.TierChangeId, [.. told[message.HouseholdId].Select(account => (account, alarm))], cancellation);
    }
}
