using System.Globalization;
using Backend.Domain.Facts;
using Backend.Domain.Visits;

namespace Backend.Domain.Tiers;

/// <summary>
/// The next day on which a rule that depends on the date can answer otherwise, so that the nightly run reads only the households that are due.
/// It collects every day ahead on which some reading changes, then evaluates those days in order until tier, state, rules or blockers differ.
/// </summary>
internal static class NextEvaluation
{
    /// <summary>More turning days than this are not tried out: the household is simply read again on that day.</summary>
    private const int Tried = 24;

    /// <returns>The first day after <paramref name="day"/> with another answer, or an earlier one in doubt; null when there is none.</returns>
    public static DateOnly? After(
        FactsSnapshot snapshot, Tier tier, TierState? state, RuleSet rules, string nodePath, IReadOnlyDictionary<Tier, Cadence> cadences, DateOnly day)
    {
        var cadence = cadences[TierEngine.Kept(tier, state)];
        var now = Answer(day);
        var tried = 0;
        foreach (var turn in Turns(snapshot, rules, nodePath, cadence, day).Where(turn => turn > day).Order())
        {
            if (++tried > Tried || !IsSame(Answer(turn), now)) return turn;
        }

        return null;

        Evaluation Answer(DateOnly on)
        {
            var parameters = rules.At(nodePath, on);
            return TierEngine.Evaluate(FactsMapping.Read(snapshot, on, parameters, cadence), tier, state, parameters);
        }
    }

    /// <summary>Whether two evaluations say the same, but for counters that merely run on.</summary>
    public static bool IsSame(Evaluation a, Evaluation b) => a.Tier == b.Tier && a.State == b.State && a.EngineTier == b.EngineTier
        && a.Reasons.Select(reason => reason.Rule).SequenceEqual(b.Reasons.Select(reason => reason.Rule))
        && a.Blockers.Select(blocker => blocker.Id).SequenceEqual(b.Blockers.Select(blocker => blocker.Id));

    private static HashSet<DateOnly> Turns(FactsSnapshot snapshot, RuleSet rules, string nodePath, Cadence cadence, DateOnly day)
    {
        var turns = new HashSet<DateOnly>(rules.ChangesAfter(nodePath, day));
        // A window may also change its length when the place's parameters change: take each length that is in force from now on.
        foreach (var p in turns.Append(day).Select(on => rules.At(nodePath, on)).Distinct().ToArray()) Add(p);
        return turns;

        void Add(RuleParameters p)
        {
            foreach (var value in snapshot.Values)
            {
                if (ReadTags.TryGet(value.Tag, out var tag)) OfValue(value, tag, p);
            }

            foreach (var member in snapshot.Members)
            {
                if (member.From is { } from) Work(from, p);
                if (member.Until is { } until) Work(until.AddDays(1), p);
            }

            var lastVisit = snapshot.LastCountedVisit ?? snapshot.RecordedOn;
            turns.UnionWith([lastVisit, snapshot.RecordedOn, NoVisit(lastVisit), NoVisit(snapshot.RecordedOn)]);
            if (snapshot.LastHomeVisit is { } home) turns.UnionWith([home, home.AddDays(p.VerifyVisitDays + 1)]);
            if (snapshot.SignalFreeSince is { } quiet) turns.UnionWith([quiet, quiet.AddDays(p.YellowClearDays)]);
            foreach (var mark in snapshot.Register)
            {
                turns.UnionWith([mark.Day, mark.Day.AddDays(p.RedMinDays), mark.Day.AddDays(p.OrangeMinDays)]);
                if (p.OrangeEndDays is { } end) turns.Add(mark.Day.AddDays(end + 1));
            }

            turns.UnionWith(snapshot.FinishedMeasures);
            foreach (var month in snapshot.Months) turns.UnionWith([month.Month, month.Month.AddMonths(2)]);
        }

        void OfValue(SnapshotValue value, ReadTag tag, RuleParameters p)
        {
            turns.Add(value.From);
            if (value.Until is { } until) turns.Add(until.AddDays(1));
            switch (tag)
            {
                case ReadTag.LastMajorEvent or ReadTag.MainEarnerLost:
                    turns.Add(value.From.AddDays(p.EventDays + 1));
                    break;
                case ReadTag.MedicalInsured or ReadTag.GuaranteeGap:
                    turns.Add(value.From.AddDays(p.InsuranceGraceDays + 1));
                    break;
                case ReadTag.WageIncome or ReadTag.BusinessIncome or ReadTag.PropertyIncome or ReadTag.TransferIncome:
                    // The day that looks back on this one for Y5; after a 29 February the one that follows.
                    turns.UnionWith([value.From.AddYears(1), value.From.AddYears(1).AddDays(1)]);
                    if (value.Until is { } last) turns.UnionWith([last.AddDays(1).AddYears(1), last.AddYears(1).AddDays(1), last.AddYears(1).AddDays(2)]);
                    break;
                case ReadTag.EmploymentStatus or ReadTag.LabourCapacity or ReadTag.SchoolStage:
                    Work(value.From, p);
                    if (value.Until is { } ended) Work(ended.AddDays(1), p);
                    break;
                case ReadTag.IncomeCheckedOn or ReadTag.MajorIllnessSince or ReadTag.JobLostDate or ReadTag.MoveInDate or ReadTag.BirthDate
                    when DateOnly.TryParseExact(value.Value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date):
                    turns.Add(date);
                    if (tag == ReadTag.IncomeCheckedOn) turns.Add(date.AddDays(p.IncomeStaleDays + 1));
                    if (tag == ReadTag.MajorIllnessSince) turns.Add(date.AddDays(p.EventDays + 1));
                    if (tag == ReadTag.JobLostDate) turns.Add(date.AddDays(p.JobLostDays + 1));
                    if (tag == ReadTag.MoveInDate) turns.Add(NoVisit(date));
                    if (tag == ReadTag.BirthDate) Birthdays(date, p);
                    break;
            }
        }

        void Birthdays(DateOnly born, RuleParameters p)
        {
            turns.UnionWith([born.AddYears(6), born.AddYears(75)]);
            Work(born.AddYears(16), p);
            Work(born.AddYears(60), p);
        }

        // A span without work may begin here, and turn red when it is too long.
        void Work(DateOnly on, RuleParameters p) => turns.UnionWith([on, on.AddDays(p.ZeroEmploymentDays + 1)]);

        DateOnly NoVisit(DateOnly since) => cadence.After(cadence.After(since)).AddDays(1);
    }
}
