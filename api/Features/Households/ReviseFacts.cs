using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Backend.Domain.Facts;
using Backend.Domain.Households;
using Backend.Domain.Privacy;
using Backend.Domain.Tags;
using Backend.Domain.Tiers;
using Backend.Platform;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Households;

/// <summary>
/// The facts door: staff record dated tag values of a household or its members; nothing is overwritten. The engine evaluates at once (A-07), and a
/// rise applies at once and is told (H1). A client never writes a tier.
/// </summary>
internal static class ReviseFacts
{
    /// <param name="Values">1 to 100 values, recorded together or not at all.</param>
    public sealed record Request(
        [property: Required(ErrorMessage = "请提供 values")]
        [property: Length(1, 100, ErrorMessage = "values 应为 1 到 100 项")]
        IReadOnlyList<Value> Values);

    /// <param name="Subject">Whom the tag belongs to.</param>
    /// <param name="SubjectId">The household, or a current member of it.</param>
    /// <param name="Tag">Code of the tag.</param>
    /// <param name="TagValue">As text: <c>true</c>, an enum code, <c>12000.50</c> yuan, <c>2026-11-20</c>.</param>
    /// <param name="ObservedAt">The day on which it was so; not in the future.</param>
    /// <param name="ValidFrom">Effective day, where it differs from the day of observation.</param>
    /// <param name="ValidTo">Last day on which it holds.</param>
    /// <param name="Evidence">What proves it, free text.</param>
    public sealed record Value(
        SubjectKind Subject,
        Guid SubjectId,
        [property: StringLength(60, ErrorMessage = "tag 过长")] string Tag,
        [property: StringLength(200, ErrorMessage = "value 过长")][property: System.Text.Json.Serialization.JsonPropertyName("value")] string TagValue,
        DateOnly ObservedAt,
        DateOnly? ValidFrom = null,
        DateOnly? ValidTo = null,
        [property: Text(500, ErrorMessage = "evidence 最多 500 个字，不含控制字符")] string? Evidence = null);

    /// <param name="Id">The household.</param>
    /// <param name="Revision">Its new revision, also the ETag.</param>
    /// <param name="Tier">The effective tier after the change.</param>
    /// <param name="State">Its state.</param>
    /// <param name="EngineTier">The rules' own answer.</param>
    /// <param name="TierChanged">Whether tier or state changed by this.</param>
    /// <param name="Reasons">Ids of the rules that fired.</param>
    /// <param name="DueDay">应访日.</param>
    public sealed record Response(Guid Id, int Revision, Tier Tier, TierState? State, Tier EngineTier, bool TierChanged, IReadOnlyList<string> Reasons, DateOnly? DueDay);

    public static void Map(RouteGroupBuilder households) =>
        households.MapPut("/{id:guid}/facts", Handle).WithName("reviseFacts")
            .WithSummary("登记家庭情况")
            .WithDescription("登记带日期的标签值并立即定级；风险上升立即生效并通知网格长。需 If-Match（户的 ETag）与 Idempotency-Key。")
            .InOneTransaction()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.NotFound,
                Problems.VersionStale, Problems.ValueInvalid, Problems.GuardianConsentMissing, Problems.IfMatchMissing);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        Guid id, Request request, [FromHeader(Name = "If-Match")] string? ifMatch,
        BackendDb db, CurrentAccount me, ReferenceData references, TierDesk desk, Vault vault, AuditWriter audit, TimeProvider clock, HttpContext http,
        CancellationToken cancellation)
    {
        // The serialiser's null checks end at the members of a list.
        if (request.Values.Any(v => v is null)) return Problems.Invalid.Result(new Dictionary<string, string[]> { ["values"] = ["不能含空值"] });
        if (string.IsNullOrEmpty(ifMatch)) return Problems.IfMatchMissing.Result();

        // The row lock lets one writer of a household through at a time: the loser sees the winner's revision and gets 412 (RL04).
        var household = await db.Households.FromSql($"select * from households where id = {id} for update").SingleOrDefaultAsync(cancellation);
        if (household is null) return Problems.NotFound.Result();
        if (ifMatch != Revisions.ETag(household.Revision))
        {
            http.Response.Headers.ETag = Revisions.ETag(household.Revision);
            return Problems.VersionStale.Result(more: new Dictionary<string, object?> { ["revision"] = household.Revision, ["tier"] = SnakeCase.Of(household.Tier) });
        }

        var reference = await references.ReadAsync(clock.Today(), cancellation);
        var snapshot = desk.Open(household);
        var (values, errors) = Check(request, household, snapshot, reference.Catalogue, clock.Today(), db.Now);
        if (errors.Count > 0) return Problems.ValueInvalid.Result(errors);
        // PD06: of a child under 14 only what a red rule reads rests on a duty by law.
        foreach (var child in values.Where(v => v.Subject == SubjectKind.Person && !ReadTags.IsReadByRedRule(v.Tag)).Select(v => v.SubjectId).Distinct())
        {
            if (await db.IsChildAsync(vault, child, cancellation) && !await db.IsConsentedAsync(child, Purpose.ChildCare, cancellation))
                return Problems.GuardianConsentMissing.Result("请先由监护人同意“儿童关爱”。");
        }

        var late = values.Any(v => !snapshot.InOrder(v));
        foreach (var (value, input) in values.Zip(request.Values)) db.TagValues.Add(Row(value, input, household, me.Id, vault));
        // A value observed before others that are known: what lies between may have been left out of the snapshot, so all rows are replayed.
        snapshot = late
            ? snapshot.WithRows([.. await StoredValues(db, household.Id, vault, cancellation), .. values], clock.Today())
            : snapshot.With(values, clock.Today());

        var (evaluation, change) = desk.Decide(db, household, snapshot, changed: true, reference, me.Id);
        audit.Add(AuditWriter.Done, [id, .. values.Select(v => v.Id)]);
        http.Response.Headers.ETag = Revisions.ETag(household.Revision);
        return TypedResults.Ok(new Response(
            id, household.Revision, household.Tier, household.State, evaluation.EngineTier, change is not null,
            evaluation.Reasons.Select(r => r.Rule).ToList(), household.DueDay));
    }

    private static (List<OpenedValue> Values, Dictionary<string, string[]> Errors) Check(
        Request request, Household household, FactsSnapshot snapshot, TagCatalogue catalogue, DateOnly today, DateTimeOffset now)
    {
        var members = snapshot.Members.Where(m => m.IsMemberOn(today)).Select(m => m.ResidentId).ToHashSet();
        var (values, errors) = (new List<OpenedValue>(), new Dictionary<string, string[]>());
        foreach (var (input, i) in request.Values.Select((v, i) => (v, i)))
        {
            var at = string.Create(CultureInfo.InvariantCulture, $"values[{i}]");
            if (TagRules.Check(catalogue, input.Tag, input.Subject, input.TagValue, out var canonical) is { } problem)
                errors[$"{at}.{(problem.Code.StartsWith("tag_value", StringComparison.Ordinal) ? "value" : "tag")}"] = [problem.Text];
            if (input.Subject == SubjectKind.Household ? input.SubjectId != household.Id : !members.Contains(input.SubjectId))
                errors[$"{at}.subjectId"] = ["不是这一户，或不是这一户现在的成员"];
            if (input.ObservedAt > today || input.ObservedAt.Year < 1900) errors[$"{at}.observedAt"] = ["应为不晚于今天的日期"];
            if (input.ValidFrom is { } from && (from > today || from.Year < 1900)) errors[$"{at}.validFrom"] = ["应为不晚于今天的日期"];
            if (input.ValidTo is { } to && (to < (input.ValidFrom ?? input.ObservedAt) || to.Year > 2100)) errors[$"{at}.validTo"] = ["不能早于生效日期"];
            values.Add(new OpenedValue(
                Guid.CreateVersion7(now), input.Subject, input.SubjectId, input.Tag, canonical, ValueSource.Staff, input.ObservedAt, input.ValidFrom, input.ValidTo, now));
        }

        return (values, errors);
    }

    private static TagValue Row(OpenedValue value, Value input, Household household, Guid actor, Vault vault) => new()
    {
        Id = value.Id,
        HouseholdId = household.Id,
        NodePath = household.NodePath,
        Subject = value.Subject,
        SubjectId = value.SubjectId,
        TagCode = value.Tag,
        Value = vault.Seal(SealedFields.TagValue, value.Id, value.Value),
        Source = value.Source,
        ObservedAt = value.ObservedAt,
        ValidFrom = value.ValidFrom,
        ValidTo = value.ValidTo,
        RecordedAt = value.RecordedAt,
        RecordedBy = actor,
        Evidence = input.Evidence is { Length: > 0 } evidence ? vault.Seal(SealedFields.TagEvidence, value.Id, evidence) : null,
    };

    private static async Task<List<OpenedValue>> StoredValues(BackendDb db, Guid household, Vault vault, CancellationToken cancellation)
    {
        var rows = await db.TagValues.AsNoTracking().Where(v => v.HouseholdId == household && v.VoidedAt == null).ToListAsync(cancellation);
        return rows.ConvertAll(r => new OpenedValue(
            r.Id, r.Subject, r.SubjectId, r.TagCode, vault.OpenText(SealedFields.TagValue, r.Id, r.Value), r.Source, r.ObservedAt, r.ValidFrom, r.ValidTo, r.RecordedAt));
    }
}
