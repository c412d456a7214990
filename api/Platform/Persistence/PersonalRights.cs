using Backend.Domain.Privacy;
using Backend.Platform.Security;
using Microsoft.EntityFrameworkCore;

namespace Backend.Platform.Persistence;

/// <summary>A resident for whom an account may speak today: herself, or her ward.</summary>
internal sealed record SpokenFor(Guid ResidentId, Guid HouseholdId, string NodePath, bool IsWard);

/// <summary>Who speaks for whom, what was consented to, and who is a child: asked by every slice that must know.</summary>
internal static class PersonalRights
{
    /// <summary>The privacy notice of this day.</summary>
    public static Task<PrivacyNotice?> NoticeAsync(this BackendDb db, CancellationToken cancellation)
    {
        var today = ShanghaiDay.Of(db.Now);
        return db.PrivacyNotices.AsNoTracking().Where(n => n.FromDay <= today).OrderByDescending(n => n.FromDay).ThenByDescending(n => n.Version).FirstOrDefaultAsync(cancellation);
    }

    /// <summary>The caller herself first, if she is a resident; then her wards.</summary>
    public static async Task<IReadOnlyList<SpokenFor>> SpeaksForAsync(this BackendDb db, CancellationToken cancellation)
    {
        var rows = await db.Database.SqlQuery<SpokenFor>($"select resident_id, household_id, node_path::text, is_ward from app.speaks_for({ShanghaiDay.Of(db.Now)})").ToListAsync(cancellation);
        return [.. rows.OrderBy(r => r.IsWard).ThenBy(r => r.ResidentId).DistinctBy(r => r.ResidentId)];
    }

    /// <summary>Whether a guardian's consent for a child holds: the newest word of any guardian. The child must be in sight.</summary>
    public static async Task<bool> IsConsentedAsync(this BackendDb db, Guid child, string purpose, CancellationToken cancellation) =>
        await db.Consents.Where(c => c.ResidentId == child && c.Purpose == purpose).OrderByDescending(c => c.At).ThenByDescending(c => c.Id)
            .Select(c => (bool?)!c.Withdrawn).FirstOrDefaultAsync(cancellation) == true;

    /// <summary>The recorded birth date of somebody in sight; null when none is known.</summary>
    public static async Task<DateOnly?> BirthDateAsync(this BackendDb db, Vault vault, Guid resident, CancellationToken cancellation)
    {
        var value = await db.TagValues.AsNoTracking().Where(v => v.SubjectId == resident && v.TagCode == "birth_date" && v.VoidedAt == null)
            .OrderByDescending(v => v.ObservedAt).ThenByDescending(v => v.RecordedAt).ThenByDescending(v => v.Id).FirstOrDefaultAsync(cancellation);
        return value is null ? null : vault.OpenBirthDate(value.Id, value.Value);
    }

    /// <summary>The birth date in a tag value; null when it is none.</summary>
    public static DateOnly? OpenBirthDate(this Vault vault, Guid value, Sealed content) =>
        DateOnly.TryParseExact(vault.OpenText(SealedFields.TagValue, value, content), "yyyy-MM-dd", out var birth) ? birth : null;

    /// <summary>Whether somebody in sight is known to be under 14 today.</summary>
    public static async Task<bool> IsChildAsync(this BackendDb db, Vault vault, Guid resident, CancellationToken cancellation) =>
        Guardianship.IsChild(await db.BirthDateAsync(vault, resident, cancellation), ShanghaiDay.Of(db.Now));

    /// <summary>PD06: a child in sight whose phone, or WeChat identity, may not be kept: no guardian consents.</summary>
    public static async Task<bool> LacksContactConsentAsync(this BackendDb db, Vault vault, Guid resident, CancellationToken cancellation) =>
        await db.IsChildAsync(vault, resident, cancellation) && !await db.IsConsentedAsync(resident, Purpose.ChildContact, cancellation);
}
