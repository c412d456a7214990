using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json.Serialization;
using Backend.Domain.Notices;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Backend.Platform.WeChat;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Backend.Features.Notices;

/// <summary>
/// Takes down what a person answered to <c>wx.requestSubscribeMessage</c>, template by template. One tap is one request under one Idempotency-Key, so a
/// repeated report never counts twice.
/// </summary>
internal static class RecordWeChatConsents
{
    /// <param name="Results">What <c>wx.requestSubscribeMessage</c> gave, one entry a template.</param>
    public sealed record Request(
        [property: Required(ErrorMessage = "请提供 results"), MinLength(1, ErrorMessage = "至少上报一个模板"), MaxLength(5, ErrorMessage = "一次最多上报五个模板")] IReadOnlyList<Asked> Results);

    /// <param name="TemplateId">The template that was asked for.</param>
    /// <param name="Result">WeChat's own word for the answer.</param>
    public sealed record Asked([property: Required(ErrorMessage = "请提供 templateId"), StringLength(128, MinimumLength = 1, ErrorMessage = "templateId 为 1 到 128 个字符")] string TemplateId, Answer Result);

    /// <summary>WeChat's words, as the phone gets them; every acceptance counts alike, whatever reminder she chose with it.</summary>
    public enum Answer
    {
        [JsonStringEnumMemberName("accept")] Accept,
        [JsonStringEnumMemberName("acceptWithAlert")] AcceptWithAlert,
        [JsonStringEnumMemberName("acceptWithAudio")] AcceptWithAudio,
        [JsonStringEnumMemberName("acceptWithForcePush")] AcceptWithForcePush,
        [JsonStringEnumMemberName("reject")] Reject,
        [JsonStringEnumMemberName("ban")] Ban,
        [JsonStringEnumMemberName("filter")] Filter,
    }

    public static void Map(RouteGroupBuilder consents) =>
        consents.MapPost("/", Handle).WithName("recordWeChatConsents")
            .WithSummary("上报订阅结果")
            .WithDescription("把 wx.requestSubscribeMessage 的结果逐个模板上报：一次性订阅每次同意加一次，长期订阅同意后一直有效。返回最新的模板与次数。")
            .InOneTransaction()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed);

    public static async Task<Results<Ok<ReadWeChatConsents.Response>, ProblemHttpResult>> Handle(
        Request request, BackendDb db, CurrentAccount me, AuditWriter audit, IOptions<WeChatOptions> options, CancellationToken cancellation)
    {
        // The serialiser's null checks end at the members of a list.
        if (request.Results.Any(r => r is null)) return Problems.Invalid.Result(new Dictionary<string, string[]> { ["results"] = ["不能含空值"] });
        var templates = SubscribeTemplate.Of(options.Value).ToDictionary(t => t.Id, t => t.Kind);
        if (Check(request.Results, templates) is { Count: > 0 } errors) return Problems.Invalid.Result(errors);

        // In one order, so that two requests of one account never wait for each other in a circle.
        var answers = request.Results.OrderBy(r => r.TemplateId, StringComparer.Ordinal).ToList();
        foreach (var answer in answers)
        {
            await db.Database.ExecuteSqlAsync($"""
                insert into subscription_credits (id, account_id, template_id, kind, remaining, last_result, last_result_at)
                values ({Guid.CreateVersion7(db.Now)}, {me.Id}, {answer.TemplateId}, {SnakeCase.Of(templates[answer.TemplateId])}, 0, {SnakeCase.Of(Of(answer.Result))}, {db.Now})
                on conflict (account_id, template_id) do nothing
                """, cancellation);
        }

        // Locked: the delivery pump takes from the same rows.
        var ledger = await db.SubscriptionCredits
            .FromSql($"select * from subscription_credits where account_id = {me.Id} order by template_id for update").ToListAsync(cancellation);
        var credits = ledger.ToDictionary(c => c.TemplateId);
        foreach (var answer in answers) credits[answer.TemplateId].Report(Of(answer.Result), db.Now);
        audit.Add(AuditWriter.Done, [.. answers.Select(a => credits[a.TemplateId].Id)]);
        return TypedResults.Ok(ReadWeChatConsents.Of(options.Value, me, ledger));
    }

    private static Dictionary<string, string[]> Check(IReadOnlyList<Asked> results, Dictionary<string, TemplateKind> templates)
    {
        var errors = new Dictionary<string, string[]>();
        foreach (var (result, i) in results.Select((r, i) => (r, i)))
        {
            var at = string.Create(CultureInfo.InvariantCulture, $"results[{i}].templateId");
            if (!templates.ContainsKey(result.TemplateId)) errors[at] = ["不是本平台使用的模板"];
            else if (results.Take(i).Any(r => r.TemplateId == result.TemplateId)) errors[at] = ["同一模板只能上报一次"];
        }

        return errors;
    }

    private static SubscriptionResult Of(Answer answer) => answer switch
    {
        Answer.Reject => SubscriptionResult.Reject,
        Answer.Ban => SubscriptionResult.Ban,
        Answer.Filter => SubscriptionResult.Filter,
        _ => SubscriptionResult.Accept,
    };
}
