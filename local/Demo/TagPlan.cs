using System.Globalization;
using Backend.Domain.Households;
using Backend.Domain.Tags;
using Backend.Domain.Tiers;

namespace Local.Demo;

/// <summary>
/// The tag values: every fact that facts.md marks "asked", the signals of each household, and a plausible part of the rest of the catalogue.
/// Tags that a table of ours stands for (facts.md rule 1) are not stored. Income and work are dated 2021 and 2022; everything else was seen
/// at the household's last survey, so many days before the day of loading.
/// </summary>
internal sealed class TagPlan
{
    private readonly DemoRandom _random = new("tags");
    private readonly DemoIds _ids;
    private PlannedHousehold _household = null!;
    private int _survey;

    public TagPlan(DemoIds ids, List<PlannedHousehold> households)
    {
        _ids = ids;
        foreach (var household in households)
        {
            _household = household;
            _survey = _random.Between(20, 300);
            household.CheckedDaysAgo = household.Gap == Gap.IncomeCheck ? _random.Between(372, 430) : _survey;
            household.MoveIn = When.On(_random.Between(2018, 2020), _random.Between(1, 12), _random.Between(1, 28));
            Income();
            Home();
            Monitoring();
            foreach (var person in household.People)
            {
                Base(person);
                Health(person);
                School(person);
                Work(person);
            }
            Burdens();
        }
    }

    private void Income()
    {
        var h = _household;
        var other = Math.Max(1, h.NetIncome - h.Wages);
        var otherBefore = h.NetIncomeYearBefore - h.WagesYearBefore;
        var (business, property) = (otherBefore * h.Business / other, otherBefore * h.Property / other);
        Of(Figures.YearBefore, h.WagesYearBefore, business, property, otherBefore - business - property);
        Of(Figures.StatisticsDay, h.Wages, h.Business, h.Property, h.Transfer);
        Add("income_checked_on", null, When.Ago(h.CheckedDaysAgo), ValueSource.Visit, observed: When.Ago(h.CheckedDaysAgo));

        void Of(DateOnly day, long wage, long business, long property, long transfer)
        {
            var at = new When(day, 0, 0);
            Add("wage_income", Money(wage), source: ValueSource.Import, observed: at);
            Add("business_income", Money(business), source: ValueSource.Import, observed: at);
            Add("property_income", Money(property), source: ValueSource.Import, observed: at);
            Add("transfer_income", Money(transfer), source: ValueSource.Import, observed: at);
        }
    }

    private void Home()
    {
        var h = _household;
        var grade = h.Signal == Signal.Guarantee && _random.Chance(400) ? "c" : _random.Chance(850) ? "a" : "b";
        var unsafeWater = h.Signal == Signal.Guarantee && grade != "c" && _random.Chance(500);
        if (h.Gap != Gap.Housing) Add("housing_grade", grade, source: ValueSource.Department);
        Add("water_safe", unsafeWater ? "false" : "true", source: ValueSource.Department);
        if (h.Signal == Signal.Guarantee && grade != "c" && !unsafeWater) Add("guarantee_gap", _random.Pick(["food", "clothing", "schooling"]));
        else if (h.Tier >= Tier.Orange && grade != "c" && !unsafeWater) Add("guarantee_gap", "none");
        Add("move_in_date", null, h.MoveIn, ValueSource.Import, observed: h.MoveIn);
        Add("relocation_kind", "registered", source: ValueSource.Import, observed: h.MoveIn);
        var origin = string.Create(CultureInfo.InvariantCulture, $"{_random.Pick(Towns)}{_random.Pick(Villages)}第{_random.Between(1, 12)}组");
        h.FormerAddress = string.Create(CultureInfo.InvariantCulture, $"{origin}{_random.Between(1, 180)}号");
        Add("origin_village", origin, source: ValueSource.Import, observed: h.MoveIn);
        if (_random.Chance(300)) Add("lifted_year", _random.Weighted<string>([("2018", 1), ("2019", 3), ("2020", 2)]), source: ValueSource.Import, observed: h.MoveIn);
        Add("original_cause", _random.Weighted<string>([("skill", 26), ("capital", 20), ("illness", 14), ("labour", 12), ("transport", 10), ("land", 6), ("schooling", 6), ("disability", 4), ("motivation", 2)]), source: ValueSource.Import, observed: h.MoveIn);
        if (_random.Chance(350)) Add("title_deed", _random.Chance(940) ? "true" : "false", source: ValueSource.Department);
        if (_random.Chance(260)) Add("vehicle", _random.Weighted<string>([("motorcycle", 60), ("car", 30), ("commercial", 10)]));
        if (_random.Chance(180)) Add("asset_dividend", "true", source: ValueSource.Import);
        if (h.Occupancy is Occupancy.PartAway or Occupancy.AllAway) Add("family_link", _random.Chance(700) ? "true" : "false");
    }

    private void Monitoring()
    {
        var h = _household;
        if (h.Tier >= Tier.Orange)
        {
            Add("main_risk", h.Signal switch
            {
                Signal.RigidCosts => "illness",
                Signal.Guarantee => "housing",
                Signal.Event => "accident",
                _ => _random.Weighted<string>([("illness", 30), ("job", 26), ("labour", 16), ("disability", 12), ("schooling", 10), ("business", 6)]),
            }, source: ValueSource.Import);
            if (_random.Chance(160)) Add("other_risks", "schooling|job", source: ValueSource.Import);
            Add("helper_assigned", "true", source: ValueSource.Staff);
        }
        var dibao = h.Labour == 0 ? 620 : h.Tier switch { Tier.Red => 480, Tier.Orange => 240, Tier.Yellow => 110, _ => 25 };
        if (_random.Chance(dibao))
        {
            Add("dibao", "true", source: ValueSource.Department);
            Add("dibao_grade", _random.Weighted<string>([("a", 20), ("b", 45), ("c", 35)]), source: ValueSource.Department);
        }
    }

    private void Burdens()
    {
        var h = _household;
        if (h.RigidCosts > 0) Add("rigid_expense", Money(h.RigidCosts));
        if (h.DisasterLoss > 0) Add("disaster_loss", Money(h.DisasterLoss));
        if (h.Debt > 0) Add("debt_total", Money(h.Debt), source: ValueSource.Resident);
        if (h.Signal == Signal.Event)
        {
            var day = When.Ago(_random.Between(9, 60));
            Add("last_major_event", _random.Weighted<string>([("illness", 45), ("accident", 30), ("death", 15), ("fire", 10)]), source: ValueSource.Staff, observed: day);
        }
        else if (_random.Chance(30)) Add("last_major_event", _random.Weighted<string>([("illness", 40), ("accident", 25), ("death", 25), ("disaster", 10)]), source: ValueSource.Staff, observed: When.Ago(_random.Between(130, 720)));
        switch (h.Signal)
        {
            case Signal.SingleParent: Add("single_parent", "true", source: ValueSource.Staff); break;
            case Signal.LoanOverdue: Add("loan_overdue", "true", source: ValueSource.Department); break;
            case Signal.Reliefs: Add("temporary_relief_12m", _random.Chance(800) ? "2" : "3", source: ValueSource.Department); break;
            case Signal.UtilityArrears: Add("utility_arrears", "true", source: ValueSource.Department); break;
            case Signal.HomeHazard: Add("home_hazard", _random.Pick(["fire", "gas", "electric", "fall"])); break;
            case Signal.LowWaterUse: Add("low_water_use", "true", source: ValueSource.Department); break;
            default:
                if (h.Tier >= Tier.Orange && _random.Chance(120)) Add("temporary_relief_12m", "1", source: ValueSource.Department);
                break;
        }
    }

    private void Base(PlannedPerson p)
    {
        Add(p, "gender", p.Male ? "male" : "female", source: ValueSource.Import);
        Add(p, "birth_date", null, p.Born, ValueSource.Import);
        Add(p, "relation_to_head", p.Relation, source: ValueSource.Import);
        Insurance(p);
        if (p.IsHead && p.Age >= 22)
        {
            var married = _household.People.Any(o => o.Relation == "spouse");
            Add(p, "marital_status", married ? "married" : p.Age >= 62 ? "widowed" : _household.Signal == Signal.SingleParent ? _random.Pick(["divorced", "widowed"]) : _random.Pick(["single", "married", "divorced"]));
        }
        var lost = _household.Signal == Signal.LostContact && p == _household.Workers.Last();
        if (lost) Add(p, "residence_status", "lost");
        else if (_household.Signal == Signal.InHospital && p == _household.Head) Add(p, "residence_status", "hospital");
        else if (p.Away) Add(p, "residence_status", _random.Weighted<string>([("in_county", 150), ("in_province", 400), ("out_province", 450)]));
        else if (p is { Kind: Kind.Student, Age: >= 19 } && _random.Chance(800)) Add(p, "residence_status", "school");
        else if (p.IsHead && _random.Chance(300)) Add(p, "residence_status", "home");
        if (p.IsHead)
        {
            if (_random.Chance(180)) Add(p, "preferred_contact", _random.Weighted<string>([("phone", 50), ("voice", 25), ("video", 15), ("door", 10)]), source: ValueSource.Resident);
            if (_random.Chance(220)) Add(p, "smartphone_online", _random.Chance(p.Age < 60 ? 920 : 380) ? "true" : "false");
            if (_random.Chance(120)) Add(p, "spoken_language", _random.Weighted<string>([("dialect", 80), ("minority", 19), ("sign", 1)]));
            if (_random.Chance(300)) Add(p, "pension_insured", "true", source: ValueSource.Department);
            if (_random.Chance(60)) Add(p, "hukou_type", "unified", source: ValueSource.Import);
            if (_random.Chance(30)) Add(p, "ethnicity", _random.Pick(["汉族", "彝族", "回族", "布依族"]), source: ValueSource.Resident);
        }
        if (p.Age >= 20)
        {
            if (_random.Chance(55)) Add(p, "political_status", _random.Weighted<string>([("member", 80), ("probationary", 5), ("league", 15)]), source: ValueSource.Staff);
            if (_random.Chance(12)) Add(p, "veteran", "true", source: ValueSource.Department);
            if (_random.Chance(45)) Add(p, "volunteer", "true");
        }
    }

    private void Insurance(PlannedPerson p)
    {
        // The last person is the one who is not recorded, or who fell out of insurance a few days ago.
        var last = p == _household.People[^1];
        if (_household.Gap == Gap.Insurance && last) return;
        if (_household.Signal == Signal.InsuranceGap && p.IsHead)
        {
            Add(p, "medical_insured", "true", source: ValueSource.Department, observed: When.Ago(400 + _survey));
            Add(p, "medical_insured", "false", source: ValueSource.Department, observed: When.Ago(_random.Between(3, 12)));
            return;
        }
        Add(p, "medical_insured", "true", source: ValueSource.Department);
    }

    private void Health(PlannedPerson p)
    {
        var kind = _random.Below(100);
        string? health = null, selfCare = p.Age >= 70 ? "full" : null, caregiver = null;
        var grade = 0;
        if (p.Heavy)
        {
            if (_household.Signal == Signal.Unprotected && p == _household.People.First(o => o.Heavy)) (health, selfCare, caregiver) = ("frail", "none", "nobody");
            else if (p.Kind == Kind.Elder)
            {
                if (kind < 45) (health, selfCare) = ("frail", kind < 20 ? "part" : "full");
                else if (kind < 65) health = "major";
                else if (kind < 75) Add(p, "dementia", "true", source: ValueSource.Department);
                else if (kind < 90) (selfCare, caregiver) = ("none", "family");
                else grade = 1 + kind % 2;
                if (kind is >= 65 and < 75) (selfCare, caregiver) = ("part", "family");
            }
            else if (kind < 62) grade = 1 + kind % 2;
            else if (kind < 76) Add(p, "mental_follow_up", "true", source: ValueSource.Department);
            else health = "major";
        }
        else if (p.Kind == Kind.Incapable)
        {
            if (kind < 55) grade = 3 + kind % 2;
            else health = "chronic";
        }
        else if (p.Kind == Kind.Elder && kind < 45 || p is { Kind: Kind.Worker, Age: >= 45 } && kind < 8) health = "chronic";

        if (health is not null) Add(p, "health_status", health);
        if (health == "chronic") Add(p, "chronic_kind", _random.Weighted<string>([("hypertension", 48), ("diabetes", 18), ("copd", 14), ("heart", 10), ("kidney", 4), ("other", 6)]));
        if (health == "major")
        {
            Add(p, "major_illness_kind", _random.Pick(Illnesses), source: ValueSource.Department);
            Add(p, "major_illness_since", null, When.Ago(_random.Between(150, 1500)), ValueSource.Department);
            if (_random.Chance(700)) Add(p, "medical_aid", "true", source: ValueSource.Department);
        }
        if (grade > 0)
        {
            Add(p, "disability_certified", "true", source: ValueSource.Department);
            Add(p, "disability_kind", _random.Weighted<string>([("limb", 44), ("vision", 12), ("hearing", 14), ("speech", 3), ("intellect", 12), ("mental", 10), ("multiple", 5)]), source: ValueSource.Department);
            Add(p, "disability_grade", grade.ToString(CultureInfo.InvariantCulture), source: ValueSource.Department);
            Add(p, "disability_cert_expiry", null, When.Ago(-_random.Between(90, 3000)), ValueSource.Department);
            if (grade <= 2)
            {
                selfCare ??= kind % 3 == 0 ? "part" : "full";
                if (_random.Chance(900)) Add(p, "disability_care_subsidy", "true", source: ValueSource.Department);
                if (_random.Chance(200)) Add(p, "device_need", "true");
            }
            else if (_random.Chance(250)) Add(p, "disability_living_subsidy", "true", source: ValueSource.Department);
        }
        if (health == "frail") selfCare ??= "full";
        if (selfCare is not null) Add(p, "self_care", selfCare);
        if (selfCare == "part") caregiver ??= "family";
        if (caregiver is not null) Add(p, "caregiver", caregiver);
        if (p.Medical > 0) Add(p, "medical_self_paid_12m", Money(p.Medical), source: ValueSource.Department);
        if (health is not null || p.Kind == Kind.Elder && _random.Chance(400)) Add(p, "family_doctor", _random.Chance(880) ? "true" : "false", source: ValueSource.Department);
        if (p.Kind == Kind.Elder)
        {
            if (p.Age >= 80) Add(p, "elder_allowance", "true", source: ValueSource.Department);
            if (_random.Chance(600)) Add(p, "pension_monthly", Money(_random.Between(10_300L, 38_000L)), source: ValueSource.Department);
            if (p.Heavy && _random.Chance(250)) Add(p, "medicine_delivery", "true");
        }
        if (_household.Signal == Signal.InHospital && p.IsHead) Add(p, "in_hospital", "true", source: ValueSource.Department, observed: When.Ago(_random.Between(3, 12)));
        if (_household.Signal == Signal.ElderAlone)
        {
            Add(p, "elder_alone", "true");
            Add(p, "greeting_plan", "both", source: ValueSource.Staff);
            Add(p, "emergency_contact", "true");
        }
        if (_household.Signal == Signal.ElderLeftBehind && p.Kind == Kind.Elder)
        {
            Add(p, "elder_left_behind", "true");
            Add(p, "greeting_plan", _random.Pick(["morning", "evening", "both"]), source: ValueSource.Staff);
        }
        if (p is { Male: false, Kind: Kind.Worker, Age: < 36 } && kind == 0) Add(p, "maternity", "true", source: ValueSource.Department);
    }

    private void School(PlannedPerson p)
    {
        if (p.Age < 16)
        {
            var parentAtHome = _household.Workers.Any(w => !w.Away) || _household.Occupancy == Occupancy.AllAway || _household.Head.Kind == Kind.Incapable;
            Add(p, "child_guardian", _household.Signal == Signal.OrphanSupport ? "relative" : parentAtHome && _household.Head.Age < 60 ? "parent" : "grandparent");
            // From five on, and the capacity at fifteen: a birthday soon after the day of loading leaves nothing unknown.
            if (p.Age >= 5) Add(p, "dropout", "false", source: ValueSource.Department);
            if (p.Age == 15) Add(p, "labour_capacity", "none");
            if (p.Age >= 8 && (_household.Signal == Signal.ChildMood && p == FirstPupil || _random.Chance(100)))
                Add(p, "child_mood", _household.Signal == Signal.ChildMood && p == FirstPupil ? "crisis" : _random.Chance(900) ? "steady" : "low");
            if (_household.Signal == Signal.DropoutRisk && p == FirstPupil) Add(p, "dropout_risk", "true");
            if (_household.Signal == Signal.LeftBehindChild) Add(p, "left_behind_child", "true");
            if (_household.Signal == Signal.OrphanSupport) Add(p, "orphan_support", "true", source: ValueSource.Department);
        }
        var stage = p switch
        {
            { Age: < 3 } => null,
            { Age: <= 5 } => "kindergarten",
            { Age: <= 11 } => "primary",
            { Age: <= 15 } => "junior",
            { Kind: Kind.Student, Age: <= 18 } => p.Order % 3 == 0 ? "vocational" : "senior",
            { Kind: Kind.Student } => "college",
            _ => null,
        };
        if (stage is null) return;
        Add(p, "school_stage", stage, source: ValueSource.Department);
        if (_random.Chance(160)) Add(p, "school_name", _random.Pick(Schools) + stage switch { "kindergarten" => "幼儿园", "primary" => "小学", "junior" => "初级中学", "senior" => "高级中学", "vocational" => "职业学校", _ => "学院" });
        if (p.Age >= 12 && _random.Chance(550)) Add(p, "boarding", "true");
        if (p.Age >= 6 && _random.Chance(180)) Add(p, "study_note", _random.Weighted<string>([("good", 40), ("average", 48), ("struggling", 12)]));
        if (p.Education > 0) Add(p, "education_self_paid", Money(p.Education), source: ValueSource.Resident);
        if (_household.Tier >= Tier.Yellow && p.Age >= 6 && _random.Chance(650)) Add(p, "student_aid", "true", source: ValueSource.Department);
        if (stage == "vocational" && _random.Chance(700)) Add(p, "yulu_plan", "true", source: ValueSource.Department);
    }

    /// <summary>The child that a household's mood or dropout signal is about: the oldest.</summary>
    private PlannedPerson? FirstPupil => _household.People.Where(o => o.Kind == Kind.Child).MaxBy(o => o.Age);

    private void Work(PlannedPerson p)
    {
        var (before, then) = (new When(Figures.YearBefore, 0, 0), new When(Figures.StatisticsDay, 0, 0));
        if (p.Kind == Kind.Student)
        {
            Add(p, "labour_capacity", p.Capacity);
        }
        if (p.Kind == Kind.Incapable) Add(p, "labour_capacity", p.Capacity, source: ValueSource.Import, observed: before);
        if (p.Kind != Kind.Worker) return;
        Add(p, "labour_capacity", p.Capacity, source: ValueSource.Import, observed: before);
        Add(p, "employment_status", p.StatusYearBefore, source: ValueSource.Import, observed: before);
        if (p.Status != p.StatusYearBefore) Add(p, "employment_status", p.Status, source: ValueSource.Import, observed: then);
        if (_random.Chance(600)) Add(p, "education_level", _random.Weighted<string>([("none", 8), ("primary", 38), ("junior", 36), ("senior", 8), ("vocational", 6), ("college", 3), ("bachelor", 1)]), source: ValueSource.Import);
        var main = p == _household.Workers.FirstOrDefault(w => w.Status == "employed");
        if (p.Status == "employed")
        {
            Add(p, "monthly_wage", Money(p.MonthlyWage), source: ValueSource.Import, observed: then);
            if (p.Away || _random.Chance(500)) Add(p, "work_area", p.Away ? _random.Pick(["province", "other_province"]) : _random.Weighted<string>([("community", 30), ("county", 70)]));
            var months = main && _household.Signal == Signal.FewMonths ? _random.Between(2, 5) : main ? _random.Between(8, 12) : _random.Between(4, 12);
            Add(p, "months_worked_12m", months.ToString(CultureInfo.InvariantCulture));
            if (_random.Chance(350)) Add(p, "employer", _random.Pick(Employers));
            if (_random.Chance(250)) Add(p, "labour_contract", _random.Chance(700) ? "true" : "false");
            if (_random.Chance(70)) Add(p, "public_job", "true", source: ValueSource.Department);
        }
        if (main && _household.Signal == Signal.JobLost) Add(p, "job_lost_date", null, When.Ago(_random.Between(6, 25)), observed: When.Ago(5));
        if (main && _household.Signal == Signal.WageArrears) Add(p, "wage_arrears", "true", source: ValueSource.Resident);
        if (p.Status == "seeking")
        {
            Add(p, "job_wish", _random.Weighted<string>([("now", 50), ("soon", 25), ("local_only", 25)]), source: ValueSource.Resident);
            Add(p, "wish_area", _random.Weighted<string>([("walk", 35), ("county", 45), ("province", 20)]), source: ValueSource.Resident);
            Add(p, "wish_hours", _random.Weighted<string>([("full", 60), ("school_hours", 25), ("flexible", 15)]), source: ValueSource.Resident);
            if (_random.Chance(600)) Add(p, "wish_job", _random.Pick(Jobs), source: ValueSource.Resident);
            if (_random.Chance(400)) Add(p, "training_wish", _random.Pick(Jobs) + "初级班", source: ValueSource.Resident);
        }
        if (p.Capacity == "skilled")
        {
            Add(p, "skills", _random.Pick(Jobs));
            if (_random.Chance(500)) Add(p, "certificate", "true", source: ValueSource.Department);
        }
        if (_random.Chance(120)) Add(p, "training_12m", _random.Between(1, 3).ToString(CultureInfo.InvariantCulture), source: ValueSource.Department);
    }

    private void Add(string tag, string? text, When? date = null, ValueSource source = ValueSource.Visit, When? observed = null) =>
        Add(SubjectKind.Household, _household.Id, tag, text, date, source, observed ?? When.Ago(_survey));

    private void Add(PlannedPerson person, string tag, string? text, When? date = null, ValueSource source = ValueSource.Visit, When? observed = null) =>
        // A baby is seen after its birth.
        Add(SubjectKind.Person, person.Id, tag, text, date, source, observed ?? When.Ago(person.Age == 0 ? Math.Min(_survey, person.SinceBirthday - 10) : _survey));

    private void Add(SubjectKind subject, Guid id, string tag, string? text, When? date, ValueSource source, When observed) =>
        _household.Values.Add(new PlannedValue(_ids.Next(), subject, id, tag, text, date, source, observed, _random.Between(8 * 60 + 30, 18 * 60)));

    /// <summary>Yuan without needless zeros, the form that the catalogue's rules store.</summary>
    private static string Money(long fen) => (fen / 100m).ToString("0.##", CultureInfo.InvariantCulture);

    // Invented, and words that appear in no table in the clear.
    private static readonly string[] Towns = ["虚拟甲乡", "虚拟乙乡", "虚拟丙镇", "虚拟丁乡", "虚拟戊镇"];
    private static readonly string[] Villages = ["云脚村", "石榴箐村", "老鹰岩村", "大麦塘村", "半坡村", "羊圈沟村", "水井湾村", "核桃林村", "松毛坪村", "独树村"];
    private static readonly string[] Schools = ["示例第一", "示例第二", "示例实验", "示例育才", "示例新民"];
    private static readonly string[] Employers = ["示例制衣厂", "示例家具有限公司", "示例蔬菜合作社", "示例物业公司", "示例电子厂", "示例建筑劳务公司", "示例超市", "示例食品厂", "示例快递站", "示例保洁公司", "示例养殖场", "示例餐饮店"];
    private static readonly string[] Jobs = ["电焊操作", "挖掘机驾驶", "中式烹调", "家政服务", "缝纫加工", "仓库理货", "保安巡查", "养老护理", "育婴照料", "果树栽培"];
    private static readonly string[] Illnesses = ["虚拟重症甲", "虚拟重症乙", "虚拟重症丙", "虚拟重症丁"];
}
