namespace Backend.Features.Wall;

/// <summary>监测屏: the tiles of a node, what changed since a version, and the page itself.</summary>
internal static class WallEndpoints
{
    public static void MapWall(this RouteGroupBuilder api)
    {
        var wall = api.MapGroup("/grid-nodes/{id:guid}/wall").WithTags("Wall");
        ReadWall.Map(wall);
        ReadWallChanges.Map(wall);
        ReadDisplay.Map(api.MapGroup("/display").WithTags("Wall"));
    }

    public static void MapWallPage(this WebApplication app) => OpenWall.Map(app);
}
