namespace Backend.Features.Grid;

/// <summary>The grid as the caller reaches it.</summary>
internal static class GridEndpoints
{
    public static void MapGrid(this RouteGroupBuilder api)
    {
        var nodes = api.MapGroup("/grid-nodes").WithTags("Grid");
        ListGridNodes.Map(nodes);
        ReadOverview.Map(nodes);
    }
}
