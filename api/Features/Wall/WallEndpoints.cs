namespace Backend.Features.Wall;

/// <summary>监测屏: the tiles of a node, what changed since a version, and the page itself.</summary>
internal static class WallEndpoints
{
    public static void MapWall(this RouteGroupBuilder api)
    {
        var wall = api.MapGroup("/grid-nodes/{id:guid}/wall").WithTags("Wall");
        ReadWall.Map(wall);
        ReadWallLayout.Map(wall);
        ReadWallChanges.Map(wall);
        var display = api.MapGroup("/display").WithTags("Wall");
        ReadDisplay.Map(display);
        ReadHall.Map(display);
        var displays = api.MapGroup("/displays").WithTags("Wall");
        RegisterDisplay.Map(displays);
        ListDisplays.Map(displays);
        RevokeDisplay.Map(displays);
    }

    public static void AddWall(this IServiceCollection services)
    {
        services.AddSingleton<ReadyWalls>();
        services.AddSingleton<AnswerReadyWalls>();
    }

    /// <summary>Before the platform: see <see cref="AnswerReadyWalls"/>.</summary>
    public static void UseReadyWalls(this WebApplication app) => app.Use(next =>
    {
        // As a function and not as a middleware class of the container, which would open a scope of services for every request; and asked for only
        // here, when the settings that it stands on have been checked.
        var ready = app.Services.GetRequiredService<AnswerReadyWalls>();
        return context => ready.InvokeAsync(context, next);
    });

    public static void MapWallPage(this WebApplication app) => OpenWall.Map(app);
}
