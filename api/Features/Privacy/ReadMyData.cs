using Backend.Platform.Audit;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Backend.Features.Privacy;

/// <summary>See and copy (PD08): all that is kept about the caller or her ward, from every table, for a machine to read.</summary>
internal static class ReadMyData
{
    /// <param name="PreparedAt">When it was read.</param>
    /// <param name="Tables">Tables that hold something about her.</param>
    /// <param name="Omitted">What is not given, and why.</param>
    public sealed record Response(DateTimeOffset PreparedAt, IReadOnlyList<Table> Tables, IReadOnlyList<Omission> Omitted);

    /// <param name="Name">The table.</param>
    /// <param name="Rows">Its rows about her: texts by column; empty columns are left out.</param>
    public sealed record Table(string Name, IReadOnlyList<IReadOnlyDictionary<string, string>> Rows);

    /// <param name="Name">A table, or a column of one.</param>
    /// <param name="Why">为什么不提供.</param>
    public sealed record Omission(string Name, string Why);

    public static void Map(RouteGroupBuilder me) =>
        me.MapGet("/data", Handle).WithName("readMyData")
            .WithSummary("查看并复制我的全部信息")
            .WithDescription("本平台保存的关于本人（residentId 为本人监护的儿童时，关于该儿童）的全部内容，逐表列出，可作为副本保存。")
            .ForConsole()
            .BeforeNotice()
            .Refuses(Problems.Invalid, Problems.NotSignedIn, Problems.SessionEnded, Problems.NotFound);

    public static async Task<Results<Ok<Response>, ProblemHttpResult>> Handle(
        BackendDb db, CurrentAccount me, AppDataSource source, Vault vault, AuditWriter audit, CancellationToken cancellation, Guid? residentId = null)
    {
        await db.BeginAsync(cancellation);
        var speaksFor = await db.SpeaksForAsync(cancellation);
        await db.RollbackAsync(cancellation);
        var about = residentId is null ? speaksFor.FirstOrDefault(s => !s.IsWard) : speaksFor.FirstOrDefault(s => s.ResidentId == residentId);
        if (residentId is not null && about is null) return await audit.RefuseAsync(Problems.NotFound, cancellation);

        Guid[] targets = about is null ? [] : [about.ResidentId];
        await using var reader = await ScopedCommands.ReadAsync(source, me.Current,
            [.. OwnData.Commands(about?.IsWard == true ? null : me.Id, about?.ResidentId, about?.HouseholdId), audit.ReadCommand(targets)], cancellation);
        var tables = await OwnData.ReadAsync(reader, vault, cancellation);
        return TypedResults.Ok(new Response(
            db.Now, [.. tables.Select(t => new Table(t.Table, t.Rows))],
            [.. OwnData.Omitted.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => new Omission(o.Key, o.Value))]));
    }
}
