namespace Backend.Domain.Grid;

/// <summary>Households that hang on one node, by number.</summary>
internal sealed record NodeHouseholds(Guid NodeId, Guid? ParentId, int? FloorNumber, int Count);

/// <summary>
/// Who looks after which households today: of the leader posts that somebody acts in, the nearest: the household's own assignment, then the range
/// of its floors, then node by node upwards. It counts places, not people's merits: what it gives has no order. A pure function of the rows.
/// </summary>
internal sealed class Responsibility
{
    /// <summary>原则上15户左右 .</summary>
    public const int GuideLoad = 15;

    /// <summary>Above this a load is flagged. It blocks nothing: floors of 33 and 39 households exist .</summary>
    public const int WarningLoad = 20;

    private readonly ILookup<Guid, Guid> _byNode;
    private readonly ILookup<Guid, Assignment> _byRange;
    private readonly Func<Guid, IEnumerable<Guid>> _upwards;
    private readonly Dictionary<Guid, int> _loads = [];
    private readonly Dictionary<Guid, int> _without = [];

    /// <param name="acting">Leader posts with a holder or a stand-in today.</param>
    /// <param name="assignments">Assignments to the nodes concerned and all above them, and to households that hang on them.</param>
    /// <param name="households">How many households hang on each node.</param>
    /// <param name="homes">The node of each household that is assigned by itself.</param>
    /// <param name="upwards">A node and its ancestors, nearest first.</param>
    public Responsibility(
        IReadOnlySet<Guid> acting, IReadOnlyCollection<Assignment> assignments, IReadOnlyCollection<NodeHouseholds> households,
        IReadOnlyDictionary<Guid, Guid> homes, Func<Guid, IEnumerable<Guid>> upwards)
    {
        _upwards = upwards;
        var active = assignments.Where(a => acting.Contains(a.PostId)).OrderBy(a => a.PostId).ToList();
        _byNode = active.Where(a => a is { NodeId: not null, FloorFrom: null }).ToLookup(a => a.NodeId!.Value, a => a.PostId);
        _byRange = active.Where(a => a is { NodeId: not null, FloorFrom: not null }).ToLookup(a => a.NodeId!.Value);

        // The same household may be assigned to two; the first post has it, as on the household's page.
        var single = active.Where(a => a.HouseholdId is { } home && homes.ContainsKey(home)).DistinctBy(a => a.HouseholdId).ToList();
        foreach (var assignment in single) Add(_loads, assignment.PostId, 1);
        var taken = single.GroupBy(a => homes[a.HouseholdId!.Value]).ToDictionary(g => g.Key, g => g.Count());
        foreach (var node in households)
        {
            var rest = node.Count - taken.GetValueOrDefault(node.NodeId);
            if (rest == 0) continue;
            if (Of(node) is { } post) Add(_loads, post, rest);
            else Add(_without, node.NodeId, rest);
        }
    }

    /// <summary>Households by the post that looks after them; posts without any are not in it.</summary>
    public IReadOnlyDictionary<Guid, int> Loads => _loads;

    /// <summary>Households that nobody looks after, by the node they hang on.</summary>
    public IReadOnlyDictionary<Guid, int> WithoutLeader => _without;

    /// <summary>The acting leader post of a node or, where there is none, of the nearest node above it.</summary>
    public Guid? Above(Guid node) => _upwards(node).SelectMany(n => _byNode[n]).Select(p => (Guid?)p).FirstOrDefault();

    private Guid? Of(NodeHouseholds node) =>
        (node.ParentId is { } building ? _byRange[building] : [])
        .Where(a => node.FloorNumber >= a.FloorFrom && node.FloorNumber <= a.FloorTo).Select(a => (Guid?)a.PostId).FirstOrDefault() ?? Above(node.NodeId);

    private static void Add(Dictionary<Guid, int> counts, Guid key, int more) => counts[key] = counts.GetValueOrDefault(key) + more;
}
