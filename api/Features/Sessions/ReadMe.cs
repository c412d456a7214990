using Backend.Domain.Grid;
using Backend.Platform.Errors;
using Backend.Platform.OpenApi;
using Backend.Platform.Persistence;
using Backend.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Backend.Features.Sessions;

/// <summary>Who am I: name, roles, the top nodes of my reach, and the texts of this deployment .</summary>
internal static class ReadMe
{
    /// <param name="Id">The account.</param>
    /// <param name="Name">Her name.</param>
    /// <param name="Roles">Roles held today, by posts and stand-ins; <c>resident</c> when she is one.</param>
    /// <param name="RootNodes">The top nodes of her reach, ordered by level, then path; empty when she reaches single households only.</param>
    /// <param name="Deployment">Texts of this deployment by key: <c>title</c>, level and tier names.</param>
    public sealed record Response(Guid Id, string Name, IReadOnlyList<Role> Roles, IReadOnlyList<RootNode> RootNodes, IReadOnlyDictionary<string, string> Deployment);

    public sealed record RootNode(Guid Id, string Name, string Level);

    public static void Map(RouteGroupBuilder me) =>
        me.MapGet("/", Handle).WithName("readMe")
            .WithSummary("我的账号")
            .WithDescription("姓名、角色、可见范围的顶层网格和本平台的文字设置。")
            .InOneTransaction()
            .BeforeNotice()
            .Refuses(Problems.NotSignedIn, Problems.SessionEnded);

    public static async Task<Ok<Response>> Handle(BackendDb db, CurrentAccount me, CancellationToken cancellation)
    {
        var account = await db.Accounts.Where(a => a.Id == me.Id).Select(a => a.Name).SingleAsync(cancellation);
        var all = me.Rights.ScopeOf(_ => true).Paths;
        var nodes = await db.GridNodes.AsNoTracking().Where(n => all.Contains(n.Path))
            .Join(db.GridLevels, n => n.LevelCode, l => l.Code, (n, l) => new { n.Id, n.Name, n.LevelCode, n.Path, l.Order })
            .ToListAsync(cancellation);
        var deployment = await db.Settings.AsNoTracking().Where(s => s.Key.StartsWith("deployment.")).ToListAsync(cancellation);
        return TypedResults.Ok(new Response(
            me.Id, account, me.Rights.Roles.Select(r => r.Role).ToList(),
            nodes.OrderBy(n => n.Order).ThenBy(n => n.Path, StringComparer.Ordinal).Select(n => new RootNode(n.Id, n.Name, n.LevelCode)).ToList(),
            deployment.ToDictionary(s => s.Key["deployment.".Length..], s => s.Value)));
    }
}
