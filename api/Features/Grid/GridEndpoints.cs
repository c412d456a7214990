namespace Backend.Features.Grid;

/// <summary>The grid as the caller reaches it, and the grid at work: who looks after whom, and where nobody does.</summary>
internal static class GridEndpoints
{
    public static void MapGrid(this RouteGroupBuilder api)
    {
        var nodes = api.MapGroup("/grid-nodes").WithTags("Grid");
        ListGridNodes.Map(nodes);
        ReadOverview.Map(nodes);
        ReadCoverage.Map(nodes);
        ListLeaderLoads.Map(nodes);
        ListVacancies.Map(nodes);
        ListPosts.Map(nodes);
        AddGridNode.Map(nodes);
        RenameGridNode.Map(nodes);
        MoveGridNode.Map(nodes);
        RemoveGridNode.Map(nodes);

        var posts = api.MapGroup("/posts").WithTags("Grid");
        AppointLeader.Map(posts);
        NameStandIn.Map(posts);
        DismissLeader.Map(api.MapGroup("/appointments").WithTags("Grid"));
        EndStandIn.Map(api.MapGroup("/stand-ins").WithTags("Grid"));
    }
}
