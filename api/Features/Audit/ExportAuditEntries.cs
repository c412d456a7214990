using System.Globalization;
using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Backend.Features.Audit;

/// <summary>
/// A piece of the audit as a file that proves itself (AU04, adr/017): the seals of some days and their entries, as people read them and with the bytes that
/// their MACs cover; <c>admin verify-audit --file</c> verifies it without the database. Needs a fresh second factor (ID08). That she has exported, and from
/// which entry to which, is an entry too, committed before the first byte leaves.
/// </summary>
internal static class ExportAuditEntries
{
    private const int MostDays = 366;

    public static void Map(RouteGroupBuilder entries) =>
        entries.MapGet("/export", Handle).WithName("exportAuditEntries")
            .WithSummary("导出审计记录")
            .WithDescription(
                "把 from 到 to（上海日期，含首尾，至多 366 天）之间封存的审计记录连同证明导出为一个文件，每行一个 JSON，"
                + "可用 admin verify-audit --file 脱离数据库核对。按封存的时间归入日期；尚未封存的不在其中，会在下一次导出中。内容保密，请妥善保管。仅限审计管理员；导出本身也会被记录。需要再次验证。")
            .ForConsole()
            .Limited(LimitedBy.Account | LimitedBy.Device)
            .InOneTransaction()
            .RequiresStepUp()
            .Produces<Stream>(StatusCodes.Status200OK, AuditFile.ContentType)
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.OperationNotAllowed, Problems.StepUpRequired);

    public static async Task<Results<PushStreamHttpResult, ProblemHttpResult>> Handle(
        QueryDay from, QueryDay to, AuditExport export, BackendDb db, CurrentAccount me, AuditWriter audit, HttpContext http, ILogger<AuditExport> log, CancellationToken cancellation)
    {
        var (first, last) = (from.Value, to.Value);
        if (last < first) return Problems.Invalid.Result(new Dictionary<string, string[]> { ["to"] = ["不应早于 from"] });
        if (last.DayNumber - first.DayNumber >= MostDays) return Problems.Invalid.Result(new Dictionary<string, string[]> { ["to"] = ["一次至多导出 366 天"] });
        var range = await export.FindAsync(first, last, cancellation);
        audit.Add(AuditWriter.Done, range.Ends);
        var header = new AuditFileHeader(AuditFile.Format, first, last, db.Now, me.Id, range.Former, range.FormerMac);
        return TypedResults.Stream(WriteAsync, AuditFile.ContentType, string.Create(CultureInfo.InvariantCulture, $"audit-{first:yyyyMMdd}-{last:yyyyMMdd}.ndjson"));

        async Task WriteAsync(Stream file)
        {
            try
            {
                await export.WriteAsync(file, header, range.Last, cancellation);
            }
            catch (Exception e) when (http.Response.HasStarted && DatabaseFaults.IsOutage(e))
            {
                // Too late for a problem document: the client sees that the connection breaks off, and a file without its footer does not verify.
                log.LogWarning("exportAuditEntries broke off: the database is away or too slow: {Fault}.", DatabaseFaults.NameOf(e));
                http.Abort();
            }
        }
    }
}
