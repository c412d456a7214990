using Backend.Domain.Messages;
using Backend.Domain.Notices;
using Backend.Platform.Outbox;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Notices;

/// <summary>
/// An emergency access is told to the household's people and to the supervisor (B-7): whoever holds the leader's post of its community today, or stands in; where
/// nobody does but the reader herself, of the next node above. In-app and live; a phone's message is for what must be acted on.
/// </summary>
internal sealed class TellOfEmergency(ILogger<TellOfEmergency> log) : IHandle<EmergencyAccessOpened>
{
    public async Task HandleAsync(EmergencyAccessOpened message, BackendDb db, CancellationToken cancellation)
    {
        var people = await db.Memberships.Where(m => m.HouseholdId == message.HouseholdId && m.ToDay == null)
            .Join(db.Accounts.Where(a => a.DisabledAt == null), m => (Guid?)m.ResidentId, a => a.ResidentId, (_, a) => a.Id).ToListAsync(cancellation);
        var supervisors = await SupervisorsAsync(db, message, cancellation);
        if (supervisors.Count == 0) log.OperatorAlarm("emergency_without_supervisor", message.EmergencyAccessId);
        await WriteNotices.TellLiveAsync(db, CauseKind.EmergencyAccess, message.EmergencyAccessId, [.. people.Union(supervisors).Where(a => a != message.AccountId)], cancellation);
    }

    private static async Task<IReadOnlyList<Guid>> SupervisorsAsync(BackendDb db, EmergencyAccessOpened message, CancellationToken cancellation)
    {
        var day = ShanghaiDay.Of(db.Now);
        var active = db.Accounts.Where(a => a.DisabledAt == null && a.Id != message.AccountId).Select(a => a.Id);
        var node = await db.Households.Where(h => h.Id == message.HouseholdId).Select(h => (Guid?)h.RootId).SingleAsync(cancellation);
        while (node is not null)
        {
            var posts = db.Posts.Where(p => p.LeadsNode && p.NodeId == node).Select(p => p.Id);
            var holders = await db.StandIns.Where(s => posts.Contains(s.PostId) && s.FromDay <= day && day <= s.ToDay).Select(s => s.AccountId)
                .Union(db.Appointments.Where(a => posts.Contains(a.PostId) && a.FromDay <= day && (a.ToDay == null || day <= a.ToDay)).Select(a => a.AccountId))
                .Where(a => active.Contains(a)).ToListAsync(cancellation);
            if (holders.Count > 0) return holders;
            node = await db.GridNodes.Where(n => n.Id == node).Select(n => n.ParentId).SingleAsync(cancellation);
        }

        return [];
    }
}
