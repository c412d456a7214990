using Backend.Domain.Grid;

namespace Backend.Domain.Notices;

/// <summary>
/// Who is told of a household's rise (tier-rules.md H1): the leaders of every level below the community's, and the staff who look after it. A leader is
/// whoever holds the post today, or stands in for it. Where nobody does, the next level up that has somebody is told instead; nobody twice.
/// A pure function of the rows and the day.
/// </summary>
internal sealed class Recipients
{
    private readonly int _communityLevel;
    private readonly Dictionary<string, int> _levels;
    private readonly Dictionary<Guid, Post> _posts;
    private readonly ILookup<Guid, Post> _leaderPosts;
    private readonly ILookup<Guid, Assignment> _ofPost;
    private readonly ILookup<Guid, Assignment> _ofNode;
    private readonly ILookup<Guid, Assignment> _ofHousehold;
    private readonly ILookup<Guid, Guid> _holders;

    /// <param name="levels">All levels.</param>
    /// <param name="communityLevel">The order of the community's level: the topmost one with a wall of its own. Leaders of levels below it are always told, those at and above it only for want of others.</param>
    /// <param name="posts">The posts to choose from; the leader posts of the households' paths, and those with an assignment to anything on them.</param>
    /// <param name="assignments">All assignments of these posts.</param>
    /// <param name="appointments">Appointments to these posts, of accounts that can sign in.</param>
    /// <param name="standIns">Stand-ins for these posts, of accounts that can sign in.</param>
    /// <param name="day">Today.</param>
    public Recipients(
        IEnumerable<Level> levels, int communityLevel, IReadOnlyCollection<Post> posts, IReadOnlyCollection<Assignment> assignments,
        IEnumerable<Appointment> appointments, IEnumerable<StandIn> standIns, DateOnly day)
    {
        _communityLevel = communityLevel;
        _levels = levels.ToDictionary(l => l.Code, l => l.Order);
        _posts = posts.ToDictionary(p => p.Id);
        _leaderPosts = posts.Where(p => p is { LeadsNode: true, NodeId: not null }).ToLookup(p => p.NodeId!.Value);
        _ofPost = assignments.ToLookup(a => a.PostId);
        _ofNode = assignments.Where(a => a.NodeId is not null).ToLookup(a => a.NodeId!.Value);
        _ofHousehold = assignments.Where(a => a.HouseholdId is not null).ToLookup(a => a.HouseholdId!.Value);

        // A stand-in acts for the holder, so the holder is not told; a post without a holder may still have one.
        var acting = standIns.Where(s => s.FromDay <= day && day <= s.ToDay).Select(s => (s.PostId, s.AccountId)).ToList();
        var stoodIn = acting.Select(s => s.PostId).ToHashSet();
        _holders = appointments.Where(a => a.FromDay <= day && (a.ToDay is null || day <= a.ToDay) && !stoodIn.Contains(a.PostId))
            .Select(a => (a.PostId, a.AccountId)).Concat(acting).ToLookup(h => h.PostId, h => h.AccountId);
    }

    /// <param name="household">The household.</param>
    /// <param name="path">Its node and all above it, from its own up.</param>
    public IReadOnlySet<Guid> Of(Guid household, IReadOnlyList<GridNode> path)
    {
        var covering = path.SelectMany(n => _ofNode[n.Id]).Where(a => Covers(a, path)).Concat(_ofHousehold[household]).ToList();
        var leaders = Leaders(covering, path);
        var told = new HashSet<Guid>();
        for (var i = 0; i < path.Count; i++)
        {
            // A household that hangs on the community itself is still somebody's.
            if (i > 0 && _levels[path[i].LevelCode] <= _communityLevel) continue;
            var first = path.Skip(i).FirstOrDefault(n => leaders[n.Id].Any());
            if (first is not null) told.UnionWith(leaders[first.Id]);
        }

        told.UnionWith(covering.Where(a => _posts[a.PostId].Role == Role.Staff).SelectMany(a => _holders[a.PostId]));
        return told;
    }

    /// <summary>The acting leaders of a household by the node whose level they lead.</summary>
    private ILookup<Guid, Guid> Leaders(List<Assignment> covering, IReadOnlyList<GridNode> path)
    {
        // A leader post with assignments looks after these alone: half a building, not the other half.
        var byNode = path.SelectMany(n => _leaderPosts[n.Id])
            .Where(p => !_ofPost[p.Id].Any() || covering.Exists(a => a.PostId == p.Id))
            .Select(p => (Node: p.NodeId!.Value, Post: p.Id)).ToList();
        var placed = byNode.Select(s => s.Post).ToHashSet();
        // Whoever has the household by its floor or by name is its nearest leader, whatever node the post hangs on.
        var byAssignment = covering.Where(a => !placed.Contains(a.PostId) && IsLeader(_posts[a.PostId]))
            .Select(a => (Node: a.NodeId is { } node && a.FloorFrom is null ? node : path[0].Id, Post: a.PostId));
        return byNode.Concat(byAssignment).SelectMany(s => _holders[s.Post], (s, account) => (s.Node, Account: account)).ToLookup(s => s.Node, s => s.Account);
    }

    private static bool IsLeader(Post post) =>
        post.LeadsNode || post.Role is Role.FloorLeader or Role.BuildingLeader or Role.AreaLeader or Role.CommunityLeader;

    private static bool Covers(Assignment assignment, IReadOnlyList<GridNode> path)
    {
        if (assignment.FloorFrom is null) return true;
        var floor = path.Select(n => n.FloorNumber).FirstOrDefault(f => f is not null);
        return floor >= assignment.FloorFrom && floor <= assignment.FloorTo;
    }
}
