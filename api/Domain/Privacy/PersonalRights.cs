using Backend.Domain.Visits;

namespace Backend.Domain.Privacy;

/// <summary>隐私告知: what this deployment does with personal data, as a text with a version. The one with the newest first day holds; nobody uses the service before reading it.</summary>
internal sealed class PrivacyNotice
{
    public required int Version { get; init; }
    public required DateOnly FromDay { get; init; }
    public required string Content { get; init; }
}

public enum LegalBasis
{
    /// <summary>Needed for a duty by law: it is told, not asked, and cannot be withdrawn (PIPL Art. 13 (3)).</summary>
    StatutoryDuty,
    /// <summary>Only while the person agrees (PIPL Art. 13 (1), 15).</summary>
    Consent,
}

/// <summary>用途: what personal data are processed for, and on which basis. Data, not code.</summary>
internal sealed class Purpose
{
    /// <summary>What a code looks like.</summary>
    public const string CodePattern = "^[a-z_]{1,40}$";

    /// <summary>Reading the privacy notice itself.</summary>
    public const string Notice = "privacy_notice";
    public const string ChildPhoto = "child_photo";
    public const string ChildContact = "child_contact";
    public const string ChildCare = "child_care";

    public required string Code { get; init; }
    public required string Name { get; init; }
    public required LegalBasis Basis { get; init; }
    /// <summary>Sensitive data: it is asked for on its own (PIPL Art. 29).</summary>
    public required bool Sensitive { get; init; }
    /// <summary>Given by a guardian for a ward under 14 and for nobody else (PIPL Art. 31).</summary>
    public required bool OfChild { get; init; }
    public required string Content { get; init; }
    public required int Position { get; init; }
}

public enum ConsentChannel
{
    MiniProgram,
    Browser,
}

/// <summary>个人同意: one row of the ledger, given or withdrawn; the newest of a person and purpose holds (PD07). Of a statutory duty it records that she was told.</summary>
internal sealed class Consent
{
    public required Guid Id { get; init; }
    /// <summary>Who said it: herself, or the guardian.</summary>
    public required Guid AccountId { get; init; }
    /// <summary>About whom; null for an account that is no resident.</summary>
    public Guid? ResidentId { get; init; }
    public required string Purpose { get; init; }
    /// <summary>Of the privacy notice that was shown.</summary>
    public required int Version { get; init; }
    public required bool Withdrawn { get; init; }
    public required DateTimeOffset At { get; init; }
    public required ConsentChannel Channel { get; init; }
}

/// <summary>监护关系: a guardian of the same household acts for a ward under 14. It ends by itself the day before the 14th birthday.</summary>
internal sealed class Guardianship
{
    public const int EndsAtAge = 14;

    public required Guid Id { get; init; }
    public required Guid GuardianId { get; init; }
    public required Guid WardId { get; init; }
    public required Guid HouseholdId { get; init; }
    public required string NodePath { get; set; }
    public required DateOnly FromDay { get; init; }
    public required DateOnly ToDay { get; set; }
    /// <summary>What proves it, e.g. the household booklet.</summary>
    public required Sealed Evidence { get; init; }
    public required Guid RecordedBy { get; init; }
    public required DateTimeOffset RecordedAt { get; init; }

    public bool HoldsOn(DateOnly day) => FromDay <= day && day <= ToDay;

    /// <summary>Whether somebody is known to be under 14 on that day.</summary>
    public static bool IsChild(DateOnly? birth, DateOnly day) => birth is { } known && day <= LastDay(known);

    /// <summary>The last day on which somebody is a child in this sense.</summary>
    public static DateOnly LastDay(DateOnly birth) => birth.AddYears(EndsAtAge).AddDays(-1);
}

public enum RightsRequestKind
{
    Correct,
    Delete,
    Explain,
}

public enum RightsRequestState
{
    Open,
    /// <summary>One member of staff has agreed to a deletion; a second one must.</summary>
    AgreedOnce,
    Granted,
    Refused,
}

/// <summary>个人信息权利请求: a person asks that her data be corrected, deleted or explained, for herself or her ward (PD08).</summary>
internal sealed class RightsRequest
{
    /// <summary>PIPL Art. 50 says "in good time"; this deployment says 15 working days.</summary>
    public const int WorkingDays = 15;

    public required Guid Id { get; init; }
    /// <summary>Who asks.</summary>
    public required Guid AccountId { get; init; }
    /// <summary>About whom.</summary>
    public required Guid ResidentId { get; init; }
    public required Guid HouseholdId { get; init; }
    public required string NodePath { get; set; }
    public required RightsRequestKind Kind { get; init; }
    public RightsRequestState State { get; set; }
    public required Sealed Content { get; init; }
    public required DateTimeOffset RequestedAt { get; init; }
    public required DateOnly DueDay { get; init; }
    /// <summary>Who agreed first to a deletion.</summary>
    public Guid? AgreedBy { get; set; }
    public Guid? DecidedBy { get; set; }
    public DateTimeOffset? DecidedAt { get; set; }
    /// <summary>What was done, or why not.</summary>
    public Sealed? Answer { get; set; }

    public bool IsOpen => State is RightsRequestState.Open or RightsRequestState.AgreedOnce;

    /// <summary>The day by which it must be answered: the 15th working day after the one on which it came.</summary>
    /// <param name="asked">The Shanghai day on which it came.</param>
    /// <param name="calendar">Days that differ from Monday to Friday.</param>
    public static DateOnly DueDayOf(DateOnly asked, IEnumerable<WorkingDay> calendar)
    {
        var exceptions = calendar.ToDictionary(d => d.Day, d => d.Working);
        var day = asked;
        for (var left = WorkingDays; left > 0;)
        {
            day = day.AddDays(1);
            if (exceptions.TryGetValue(day, out var working) ? working : day.DayOfWeek is not (DayOfWeek.Saturday or DayOfWeek.Sunday)) left--;
        }

        return day;
    }
}
