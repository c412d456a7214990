using Backend.Domain.Households;
using Backend.Domain.Tiers;
using Backend.Domain.Visits;

namespace Local.Demo;

/// <summary>
/// What has been done for a household so far: register marks, measures (A-15: every red household has one that is open), visits in
/// the rhythm of the colour, stored monthly evaluations, photos. All of it counts back from the day of loading.
/// </summary>
internal sealed class CarePlan
{
    private readonly DemoRandom _random = new("care");
    private readonly DemoIds _ids;
    private readonly LeadersPlan _leaders;

    public CarePlan(DemoIds ids, LeadersPlan leaders, List<PlannedHousehold> households)
    {
        (_ids, _leaders) = (ids, leaders);
        foreach (var household in households)
        {
            Register(household);
            Visits(household);
            Measures(household);
            Months(household);
            if (_random.Chance(550)) household.Photos.Add(new PlannedPhoto(_ids.Next(), household.Head.Id, When.Ago(_random.Between(40, 900))));
            household.Head.PhotoId = household.Photos.FirstOrDefault()?.Id;
        }
    }

    private void Register(PlannedHousehold h)
    {
        Mark(RegisterStatus.Lifted, When.On(_random.Between(2018, 2020), 12, _random.Between(1, 20)), null, null, null);
        if (h.Tier < Tier.Orange) return;
        var kind = h.Signal == Signal.Event || _random.Chance(280) ? "sudden" : "unstable";
        var channel = _random.Weighted<string>([("self", 22), ("cadre", 40), ("department", 20), ("visit", 14), ("proxy", 4)]);
        if (h.Tier == Tier.Red)
        {
            Mark(RegisterStatus.Monitored, When.Ago(_random.Between(25, 560)), kind, channel, null);
            return;
        }
        var eliminated = _random.Between(10, 700);
        Mark(RegisterStatus.Monitored, When.Ago(eliminated + _random.Between(185, 480)), kind, channel, null);
        Mark(RegisterStatus.Eliminated, When.Ago(eliminated), null, null, _random.Chance(930) ? "supported" : "natural");

        void Mark(RegisterStatus status, When day, string? monitored, string? channel, string? elimination) =>
            h.Marks.Add(new PlannedMark(_ids.Next(), status, day, monitored, channel, elimination));
    }

    private void Visits(PlannedHousehold h)
    {
        if (h.Occupancy == Occupancy.Vacant) return;
        // Most are in time, some due today or tomorrow, a few overdue, but none so long that it would be unknown (Y11).
        var late = _random.Below(100);
        var (last, step, count) = h.Tier switch
        {
            Tier.Red => (late < 88 ? _random.Between(1, 6) : late < 96 ? 7 : _random.Between(8, 11), 7, 6),
            Tier.Orange => (late < 90 ? _random.Between(1, 13) : late < 96 ? 14 : _random.Between(15, 20), 14, 4),
            Tier.Yellow when h.Gap == Gap.None => (late < 91 ? _random.Between(1, 27) : late < 97 ? _random.Between(28, 30) : _random.Between(32, 44), 30, 3),
            _ when h.Gap == Gap.Visit => (_random.Between(190, 235), 90, 1),
            _ => (late < 93 ? _random.Between(1, 86) : late < 98 ? _random.Between(87, 90) : _random.Between(93, 120), 90, 2),
        };
        var leader = _leaders.LeaderOf[h.Id];
        var day = last;
        for (var i = 0; i < count; i++)
        {
            var kind = h.Occupancy == Occupancy.AllAway
                ? _random.Weighted<VisitKind>([(VisitKind.Video, 60), (VisitKind.Phone, 40)])
                : i > 0 && _random.Chance(60) ? VisitKind.Phone : VisitKind.Home;
            h.Visits.Add(new PlannedVisit(_ids.Next(), kind, When.Ago(day), _random.Between(8 * 60 + 30, 20 * 60), leader, Counted: true, _random.Chance(300) ? _random.Pick(Notes) : null));
            day += step - _random.Between(0, step / 4);
        }
        // A call by the office is kept and does not count.
        if (_random.Chance(40))
        {
            h.Visits.Add(new PlannedVisit(_ids.Next(), VisitKind.Phone, When.Ago(_random.Between(2, 60)), _random.Between(9 * 60, 17 * 60),
                _leaders.StaffOf[h.Floor.RootId!.Value], Counted: false, null));
        }
    }

    private void Measures(PlannedHousehold h)
    {
        var staff = _leaders.StaffOf[h.Floor.RootId!.Value];
        var leader = _leaders.LeaderOf[h.Id];
        var kind = h.Signal switch
        {
            Signal.RigidCosts or Signal.MedicalCost or Signal.HeavyHealth => "medical_aid",
            Signal.SchoolCost => "education_aid",
            Signal.Unprotected or Signal.ElderAlone => "care_service",
            Signal.Guarantee => "housing_repair",
            Signal.Event or Signal.Reliefs => "temporary_relief",
            _ => _random.Weighted<string>([("job_referral", 30), ("skills_training", 22), ("public_job", 18), ("small_credit", 12), ("industry_support", 18)]),
        };
        switch (h.Tier)
        {
            case Tier.Red:
                var identified = h.Marks[^1].Day.Days;
                Open(Math.Min(identified - 1, _random.Between(5, 160)));
                // A finished one opens the way out (H2b) where the household has been known long enough.
                if (identified > 120 && _random.Chance(620)) Finish(identified - 10, _random.Between(15, identified - 60));
                break;
            case Tier.Orange:
                var (since, until) = (h.Marks[^2].Day.Days, h.Marks[^1].Day.Days);
                Finish(since - 5, until + _random.Between(5, 90));
                if (_random.Chance(250)) Open(_random.Between(5, 200));
                break;
            case Tier.Yellow when _random.Chance(180):
                if (_random.Chance(500)) Open(_random.Between(5, 200));
                else Finish(_random.Between(220, 400), _random.Between(15, 200));
                break;
        }

        void Open(int opened) => h.Measures.Add(new PlannedMeasure(_ids.Next(), kind, _random.Chance(500) ? leader : staff, When.Ago(opened), null, null));

        void Finish(int opened, int finished) =>
            h.Measures.Add(new PlannedMeasure(_ids.Next(), kind, staff, When.Ago(opened), When.Ago(finished), _random.Pick(Outcomes)));
    }

    private void Months(PlannedHousehold h)
    {
        h.QuietSince = h switch
        {
            { Signal: Signal.Quiet } => When.Ago(_random.Between(15, 150)),
            { Tier: Tier.Green } => When.Ago(_random.Between(130, 900)),
            _ => null,
        };
        // Good months in a row up to now, where today's income reaches the clear line (H2c).
        var good = h.NetIncome >= Figures.ClearPerHead * h.Size ? _random.Between(2, 9) : 0;
        var count = h.Tier switch { Tier.Red or Tier.Orange => 8, Tier.Yellow => 4, _ => 1 };
        for (var back = count; back >= 1; back--) h.Months.Add(new PlannedMonth(_ids.Next(), back, back <= good || h.Tier < Tier.Orange && good > 0));
    }

    private static readonly string[] Notes =
    [
        "家中整洁，情况平稳。", "已核对近期务工情况。", "提醒按时缴纳医保。", "老人身体尚好，已送药上门。", "孩子在校表现良好。", "已讲解帮扶政策，家人表示清楚。",
        "反映楼道照明问题，已转物业。", "户主在外务工，与家人视频见面。",
    ];

    private static readonly string[] Outcomes = ["已上岗，按月领取报酬。", "培训结业，取得证书。", "救助款已发放到户。", "房屋修缮完成并验收。", "小额信贷已发放，经营正常。"];
}
