using Backend.Domain.Facts;
using Backend.Domain.Grid;
using Backend.Domain.Households;
using Backend.Domain.Privacy;
using Backend.Domain.Tags;
using Backend.Domain.Tiers;
using Backend.Domain.Visits;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.Files;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace Backend.Features.Households;

/// <summary>One household in one call: masked people with their photos, tier with reasons, due day, last visits, open measures, her leader, and what nobody knows yet.</summary>
internal static class ReadHousehold
{
    /// <param name="Id">The household.</param>
    /// <param name="Revision">Also the ETag; changes name it in If-Match.</param>
    /// <param name="Door">门牌.</param>
    /// <param name="NodeId">The node it hangs on.</param>
    /// <param name="NodeNames">Names from the community down to that node.</param>
    /// <param name="Tier">四色等级.</param>
    /// <param name="State">等级状态.</param>
    /// <param name="EngineTier">The rules' own answer.</param>
    /// <param name="Reasons">定级依据, most severe first.</param>
    /// <param name="WayOut">未满足条件 for a milder tier.</param>
    /// <param name="Income">收入状况: <c>below_line</c>, <c>near_line</c>, <c>above_line</c> or <c>unknown</c>; never an amount.</param>
    /// <param name="RegisterStatus">登记状态.</param>
    /// <param name="Occupancy">入住状态.</param>
    /// <param name="DueDay">应访日.</param>
    /// <param name="People">Current members, masked, the head first.</param>
    /// <param name="LastVisits">The last five, newest first.</param>
    /// <param name="OpenMeasures">帮扶措施 in progress.</param>
    /// <param name="Leader">包保责任人, null when every post up the path is vacant.</param>
    /// <param name="Unknowns">Asked facts without an answer, with the person and the tag that settles them.</param>
    public sealed record Response(
        Guid Id, int Revision, string Door, Guid NodeId, IReadOnlyList<string> NodeNames, Tier Tier, TierState? State, Tier EngineTier,
        IReadOnlyList<ReasonLine> Reasons, IReadOnlyList<BlockerLine> WayOut, string Income, RegisterStatus RegisterStatus, Occupancy Occupancy,
        DateOnly? DueDay, IReadOnlyList<Person> People, IReadOnlyList<VisitLine> LastVisits, IReadOnlyList<MeasureLine> OpenMeasures,
        LeaderLine? Leader, IReadOnlyList<UnknownLine> Unknowns);

    public sealed record ReasonLine(string Rule, Tier Tier, string Text);

    public sealed record BlockerLine(string Id, string Missing);

    /// <param name="Id">The resident.</param>
    /// <param name="Name">Her name.</param>
    /// <param name="IsHead">户主.</param>
    /// <param name="Age">Full years, null when the birth date is not known.</param>
    /// <param name="Phone">Masked, <c>138****1234</c>; null when there is none.</param>
    /// <param name="IdNumber">Masked; null when there is none.</param>
    /// <param name="PhotoUrl">Her photo, null when there is none. For the caller's own session, five minutes.</param>
    public sealed record Person(Guid Id, string Name, bool IsHead, int? Age, string? Phone, string? IdNumber, string? PhotoUrl);

    public sealed record VisitLine(DateOnly Day, VisitKind Kind, string Visitor, bool Counted);

    public sealed record MeasureLine(string Kind, DateOnly OpenedOn, string? Responsible);

    /// <param name="Title">Title of the post.</param>
    /// <param name="Name">Who holds it, or stands in.</param>
    /// <param name="Role">Its role.</param>
    /// <param name="PhotoUrl">Her photo, as of residents.</param>
    public sealed record LeaderLine(string Title, string Name, Role Role, string? PhotoUrl);

    public sealed record UnknownLine(string Fact, SubjectKind Subject, Guid? SubjectId, string Tag, string TagName);

    public static void Map(RouteGroupBuilder households) =>
        households.MapGet("/{id:guid}", Handle).WithName("readHousehold")
            .WithSummary("住户详情")
            .WithDescription("一次返回该户的全部情况：成员（脱敏）、等级与依据、应访日、近期随访、在办措施、责任人和待补信息。")
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound);

    private const string BirthDate = "birth_date", Income = "net_income_per_capita";

    private const string People = $"""
        select r.id, r.name, m.is_head, r.phone, r.id_number, r.photo_id,
            case when r.phone is not null or r.photo_id is not null then array(
                select distinct on (c.purpose) case when c.withdrawn then '' else c.purpose end from consents c
                where c.resident_id = r.id and c.purpose in ('child_photo', 'child_contact') order by c.purpose, c.at desc, c.id desc) end
        from memberships m join residents r on r.id = m.resident_id
        where m.household_id = {ScopedCommands.Target} and m.to_day is null order by m.is_head desc, r.id
        """;

    private const string Visits = $"""
        select v.visited_at, v.kind, a.name, v.counted from visits v left join accounts a on a.id = v.visitor_account_id
        where v.household_id = {ScopedCommands.Target} order by v.visited_at desc limit 5
        """;

    private const string Measures = $"""
        select m.kind, m.opened_on, a.name from measures m left join accounts a on a.id = m.responsible_account_id
        where m.household_id = {ScopedCommands.Target} and m.finished_on is null order by m.opened_on
        """;

    // The nearest leader who holds the post or stands in today: the household's own assignment, then its floors, then node by node upwards. Each
    // source is found by index from the household, so the page costs the same however large the grid is.
    private const string Leader = $"""
        with home as materialized (
            select h.id, h.node_path, n.parent_id, n.floor_number from households h join grid_nodes n on n.id = h.node_id where h.id = {ScopedCommands.Target}),
        candidates as (
            select s.post_id, 1000 as nearness from assignments s where s.household_id = (select id from home)
            union all
            select s.post_id, 900 from assignments s
            where s.node_id = (select parent_id from home) and (select floor_number from home) between s.floor_from and s.floor_to
            union all
            select s.post_id, nlevel(n.path) from grid_nodes n join assignments s on s.node_id = n.id and s.floor_from is null
            where n.path = any(array(select subpath(node_path, 0, i) from home, generate_series(1, nlevel(node_path)) i)))
        select p.title, a.name, p.role, (select f.id from account_photos f where f.account_id = a.id) from candidates c
        join posts p on p.id = c.post_id and p.role in ('floor_leader', 'building_leader', 'area_leader', 'community_leader')
        join lateral (
            select account_id, 0 as rank from appointments where post_id = p.id and from_day <= @day and (to_day is null or to_day >= @day)
            union all select account_id, 1 from stand_ins where post_id = p.id and @day between from_day and to_day
            order by rank limit 1) h on true
        join accounts a on a.id = h.account_id
        order by c.nearness desc, p.id limit 1
        """;

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, AppDataSource source, GridMap map, ReferenceData references, TierDesk desk, Vault vault, PhotoLinks photos, FieldRights fields, CurrentAccount me,
        AuditWriter audit, TimeProvider clock, HttpContext http, CancellationToken cancellation)
    {
        var day = clock.Today();
        var grid = await map.ReadAsync(cancellation);
        var reference = await references.ReadAsync(day, cancellation);
        await using var reader = await ScopedCommands.ReadAsync(source, me.Current, Commands(id, day, audit), cancellation);

        var rows = reader.Rows;
        if (await HouseholdRow.ReadAsync(rows, cancellation) is not { } household) return Problems.NotFound.Result();
        var view = fields.Of(me.RolesOver(id, household.NodePath));
        var snapshot = desk.Open(household);
        var reading = desk.Look(household, snapshot, reference);

        await reader.NextResultAsync(cancellation);
        var people = new List<Person>();
        while (await rows.ReadAsync(cancellation))
        {
            var person = rows.GetGuid(0);
            var age = AgeOf(snapshot, person, day);
            // PD06: of a child under 14 neither contact nor photo without a guardian's consent.
            bool IsShown(string purpose) => age is not < Guardianship.EndsAtAge || !rows.IsDBNull(6) && rows.GetFieldValue<string[]>(6).Contains(purpose);
            people.Add(new Person(
                person, rows.GetString(1), rows.GetBoolean(2), view.Sees(BirthDate) ? age : null,
                view.Sees(IdentityFields.Phone) && IsShown(Purpose.ChildContact) && Opened(rows, 3, vault, SealedFields.ResidentPhone, person) is { } phone ? Masks.Phone(phone) : null,
                view.Sees(IdentityFields.IdNumber) && Opened(rows, 4, vault, SealedFields.ResidentIdNumber, person) is { } number ? Masks.IdNumber(number) : null,
                photos.To(rows.IsDBNull(5) || !view.Sees(IdentityFields.Photo) || !IsShown(Purpose.ChildPhoto) ? null : rows.GetGuid(5), me.Id)));
        }

        await reader.NextResultAsync(cancellation);
        var visits = new List<VisitLine>();
        while (await rows.ReadAsync(cancellation))
            visits.Add(new VisitLine(ShanghaiDay.Of(rows.GetFieldValue<DateTimeOffset>(0)), SnakeCase.Parse<VisitKind>(rows.GetString(1)), rows.IsDBNull(2) ? "" : rows.GetString(2), rows.GetBoolean(3)));

        await reader.NextResultAsync(cancellation);
        var measures = new List<MeasureLine>();
        while (await rows.ReadAsync(cancellation))
            measures.Add(new MeasureLine(rows.GetString(0), rows.GetFieldValue<DateOnly>(1), rows.IsDBNull(2) ? null : rows.GetString(2)));

        await reader.NextResultAsync(cancellation);
        var leader = await rows.ReadAsync(cancellation) ? new LeaderLine(
            rows.GetString(0), rows.GetString(1), SnakeCase.Parse<Role>(rows.GetString(2)), photos.To(rows.IsDBNull(3) ? null : rows.GetGuid(3), me.Id)) : null;

        http.Response.Headers.ETag = Revisions.ETag(household.Revision);
        return TypedResults.Ok(new Response(
            household.Id, household.Revision, household.Door, household.NodeId,
            grid.Upwards(household.NodeId).TakeWhile(p => p.RootId is not null).Select(p => p.Name).Reverse().ToList(),
            household.Tier, household.State, reading.Evaluation.EngineTier,
            reading.Evaluation.Reasons.Select(r => new ReasonLine(r.Rule, r.Tier, RuleTexts.Short(r.Rule))).ToList(),
            reading.Evaluation.Blockers.Select(b => new BlockerLine(b.Id, b.Missing)).ToList(),
            view.SeesBand(Income) ? IncomeOf(reading, reference.Rules.At(household.NodePath, day)) : "unknown", household.RegisterStatus, household.Occupancy, household.DueDay,
            people, visits, measures, leader,
            reading.Facts.Unknowns.Where(u => view.Asks(u.Tag)).Select(u => new UnknownLine(u.Fact, u.Subject, u.SubjectId, u.Tag, reference.Catalogue.Find(u.Tag)?.Name ?? u.Tag)).ToList()));
    }

    /// <summary>All that the page reads, its audit row with the household's own: one round trip whatever the household has.</summary>
    internal static IReadOnlyList<NpgsqlBatchCommand> Commands(Guid id, DateOnly day, AuditWriter audit) =>
    [
        audit.FoundCommand(id, foundBy: HouseholdRow.Sql, also: ScopedCommands.KeepTarget),
        ScopedCommands.Command(People),
        ScopedCommands.Command(Visits),
        ScopedCommands.Command(Measures),
        ScopedCommands.Command(Leader, new NpgsqlParameter("day", day)),
    ];

    private static int? AgeOf(FactsSnapshot snapshot, Guid person, DateOnly day)
    {
        var born = snapshot.Values.LastOrDefault(v => v.SubjectId == person && v.Tag == BirthDate)?.Value;
        return DateOnly.TryParse(born, System.Globalization.CultureInfo.InvariantCulture, out var date) ? FactsMapping.Age(date, day) : null;
    }

    private static string IncomeOf(TierReading reading, RuleParameters rules)
    {
        var (income, size) = (reading.Facts.NetIncome12m, reading.Facts.HouseholdSize.Value);
        if (income.IsUnknown || size == 0) return "unknown";
        return income.Value < rules.MonitoringLine * size ? "below_line"
            : income.Value <= rules.MonitoringLine * rules.AttentionFactor * size ? "near_line" : "above_line";
    }

    private static string? Opened(NpgsqlDataReader rows, int column, Vault vault, string field, Guid id) =>
        rows.IsDBNull(column) ? null : vault.OpenText(field, id, new Sealed(rows.GetFieldValue<byte[]>(column)));
}

/// <summary>A household's row in a hand-written batch.</summary>
internal static class HouseholdRow
{
    public const string Sql = """
        select id, node_id, node_path::text, root_id, door, recorded_on, tier, state, engine_tier, register_status, occupancy, due_day, last_visit_day, revision, snapshot
        from households where id = @id
        """;

    public static async Task<Household?> ReadAsync(NpgsqlDataReader rows, CancellationToken cancellation) => !await rows.ReadAsync(cancellation) ? null : new Household
    {
        Id = rows.GetGuid(0),
        NodeId = rows.GetGuid(1),
        NodePath = rows.GetString(2),
        RootId = rows.GetGuid(3),
        Door = rows.GetString(4),
        RecordedOn = rows.GetFieldValue<DateOnly>(5),
        Tier = SnakeCase.Parse<Tier>(rows.GetString(6)),
        State = rows.IsDBNull(7) ? null : SnakeCase.Parse<TierState>(rows.GetString(7)),
        EngineTier = SnakeCase.Parse<Tier>(rows.GetString(8)),
        RegisterStatus = SnakeCase.Parse<RegisterStatus>(rows.GetString(9)),
        Occupancy = SnakeCase.Parse<Occupancy>(rows.GetString(10)),
        DueDay = rows.IsDBNull(11) ? null : rows.GetFieldValue<DateOnly>(11),
        LastVisitDay = rows.IsDBNull(12) ? null : rows.GetFieldValue<DateOnly>(12),
        Revision = rows.GetInt32(13),
        Snapshot = new Sealed(rows.GetFieldValue<byte[]>(14)),
    };
}
