using Backend.Domain.Accounts;
using Backend.Tests.Architecture;
using Npgsql;

namespace Backend.Tests.Platform.Security;

/// <summary>What kinds of objects there are requests about.</summary>
internal enum TargetKind
{
    Nothing,
    Node,
    /// <summary>A node on which a hall's display may be registered.</summary>
    HallNode,
    /// <summary>A node that nothing hangs on, seen from where it hangs itself: its place is the node above it.</summary>
    Branch,
    Household,
    Photo,
    /// <summary>The photo of somebody who holds a post.</summary>
    Face,
    Post,
    /// <summary>A leader's post that nobody holds.</summary>
    Vacancy,
    Appointment,
    StandIn,
    Resident,
    /// <summary>A household with a member who has a phone.</summary>
    Member,
    /// <summary>Somebody who has shown a resident's invite and waits.</summary>
    BindingRequest,
    /// <summary>A child under 14.</summary>
    Child,
    Guardianship,
    RightsRequest,
    /// <summary>Somebody whom the security administration looks after.</summary>
    Account,
    /// <summary>A post of staff or administration that nobody holds.</summary>
    StaffPost,
    StaffProposal,
    StaffAppointment,
    Display,
    Session,
    Notice,
    /// <summary>What a notice lists: one household's alarm.</summary>
    Alarm,
}

/// <summary>The object of a request: where it hangs in the grid, behind which door, whose row it is.</summary>
internal sealed record Target(TargetKind Kind, Guid Id, Guid? Node = null, Guid? Household = null, Guid? Account = null, bool Gone = false)
{
    public static readonly Target Nothing = new(TargetKind.Nothing, Guid.Empty);
}

/// <summary>Somebody who asks: nobody, a person, the browser of a staff wall, a display in a hall.</summary>
/// <param name="Name">For the reader of a failure.</param>
/// <param name="Account">Whose session it is; null without one.</param>
/// <param name="Kind">What kind of session.</param>
/// <param name="Node">The node of a wall or hall.</param>
/// <param name="Display">The registered display of a hall.</param>
/// <param name="Session">The session.</param>
/// <param name="Credentials">What stands in the header.</param>
internal sealed record Caller(
    string Name, Guid? Account = null, SessionKind Kind = SessionKind.WeChat, Guid? Node = null, Guid? Display = null, Guid? Session = null, string Credentials = "");

internal enum Verdict
{
    Allowed,
    NotSignedIn,
    NotAllowed,
    NotFound,
}

/// <summary>
/// What the text of policy.md and the rows of the database say that somebody may do: posts held today, what they are assigned, and the grid's links
/// from child to parent. Nothing of the code under test is asked, neither its rights nor its paths.
/// </summary>
internal sealed class PolicyOracle
{
    /// <summary>What a role of an account stands on, today and at any other time.</summary>
    private sealed record Holding(Guid Account, string Role, bool Now, Guid? Node, Guid? Household);

    private sealed record Place(Guid? Parent, Guid? Root, int? Floor);

    private readonly Dictionary<string, Dictionary<string, string>> _cells, _relations;
    private readonly Dictionary<Guid, Place> _grid;
    private readonly Dictionary<Guid, Guid> _homes;
    private readonly ILookup<Guid, Holding> _holdings;

    private PolicyOracle(Dictionary<Guid, Place> grid, Dictionary<Guid, Guid> homes, IEnumerable<Holding> holdings)
    {
        var lines = File.ReadAllLines(Path.Combine(DirectionTests.Root(), "api/Platform/Security/policy.md"));
        (_cells, _relations) = (Table(lines, "operation"), Table(lines, "relation"));
        (_grid, _homes, _holdings) = (grid, homes, holdings.ToLookup(h => h.Account));
    }

    public IReadOnlyCollection<string> Operations => _cells.Keys;

    public IReadOnlyCollection<string> Relations => _relations.Keys;

    /// <summary>Anonymous, every role, display, hall.</summary>
    public IEnumerable<string> Columns => _cells.Values.First().Keys.Where(c => c != "key");

    public static async Task<PolicyOracle> ReadAsync(NpgsqlDataSource superuser, DateOnly day)
    {
        async Task<List<T>> RowsAsync<T>(string sql, Func<NpgsqlDataReader, T> row)
        {
            await using var command = superuser.CreateCommand(sql);
            await using var reader = await command.ExecuteReaderAsync();
            var rows = new List<T>();
            while (await reader.ReadAsync()) rows.Add(row(reader));
            return rows;
        }

        var grid = (await RowsAsync("select id, parent_id, root_id, floor_number from grid_nodes", r => (Id: r.GetGuid(0), Place: new Place(Id(r, 1), Id(r, 2), r[3] as int?))))
            .ToDictionary(n => n.Id, n => n.Place);
        var homes = (await RowsAsync("select id, node_id from households", r => (Id: r.GetGuid(0), Node: r.GetGuid(1)))).ToDictionary(h => h.Id, h => h.Node);
        var held = await RowsAsync("""
            select h.account_id, p.role, h.from_day, h.to_day, s.node_id, s.floor_from, s.floor_to, s.household_id
            from (select account_id, post_id, from_day, to_day from appointments union all select account_id, post_id, from_day, to_day from stand_ins) h
            join posts p on p.id = h.post_id left join assignments s on s.post_id = p.id
            """, r => (Account: r.GetGuid(0), Role: r.GetString(1), From: r.GetFieldValue<DateOnly>(2), To: r.IsDBNull(3) ? DateOnly.MaxValue : r.GetFieldValue<DateOnly>(3),
                Node: Id(r, 4), Low: r[5] as int?, High: r[6] as int?, Household: Id(r, 7)));
        var residents = await RowsAsync("""
            select id, null::uuid, null::date from accounts where resident_id is not null
            union all select a.id, m.household_id, m.to_day from accounts a join memberships m on m.resident_id = a.resident_id
            """, r => new Holding(r.GetGuid(0), "resident", r.IsDBNull(2), null, Id(r, 1)));
        return new PolicyOracle(grid, homes, [
            .. held.SelectMany(h => (h.Low is { } low ? FloorsOf(h.Node, low, h.High!.Value).DefaultIfEmpty() : [h.Node])
                .Select(node => new Holding(h.Account, h.Role, h.From <= day && day <= h.To, node, h.Household))),
            .. residents]);

        IEnumerable<Guid?> FloorsOf(Guid? building, int low, int high) =>
            grid.Where(n => n.Value.Parent == building && n.Value.Floor >= low && n.Value.Floor <= high).Select(n => (Guid?)n.Key);
    }

    /// <summary>The columns that count for a caller today.</summary>
    public IReadOnlyList<string> ColumnsOf(Caller caller) => caller switch
    {
        { Account: null } => ["anonymous"],
        { Kind: SessionKind.Display } => ["display"],
        { Kind: SessionKind.Hall } => ["hall"],
        { Account: { } account } => [.. _holdings[account].Where(h => h.Now).Select(h => h.Role).Distinct()],
    };

    /// <summary>Those of them that may do an operation at all.</summary>
    public IReadOnlyList<string> MayBy(Caller caller, string operation) => [.. ColumnsOf(caller).Where(c => _cells[operation][c] != "-")];

    public Verdict Expect(Caller caller, string operation, Target target)
    {
        var cells = _cells[operation];
        if (cells["anonymous"] != "-") return Verdict.Allowed;
        if (caller.Account is null) return Verdict.NotSignedIn;
        // Neither a wall nor a hall opens a further display.
        if (operation == "createTicket" && target.Kind == TargetKind.Node && caller.Kind != SessionKind.WeChat) return Verdict.NotAllowed;
        var columns = MayBy(caller, operation);
        if (columns.Count == 0) return Verdict.NotAllowed;
        return columns.Any(c => _relations[RelationOf(caller, c, operation, target)][cells[c]] == "allow") ? Verdict.Allowed : Verdict.NotFound;
    }

    /// <summary>How a caller stands to an object, in one word for each role that she holds, held or will hold.</summary>
    public string RelationsOf(Caller caller, string operation, Target target)
    {
        IEnumerable<string> columns = caller is { Account: { } account, Kind: SessionKind.WeChat }
            ? _holdings[account].Select(h => h.Role).Distinct().Order(StringComparer.Ordinal)
            : ColumnsOf(caller);
        return string.Join(" and ", columns.Select(c => RelationOf(caller, c, operation, target)));
    }

    /// <summary>Whether a node is another or lies below it.</summary>
    public bool IsWithin(Guid node, Guid top) => Upwards(node).Contains(top);

    private string RelationOf(Caller caller, string column, string operation, Target target)
    {
        if (target.Gone) return "deleted";
        if (target.Account is { } owner && owner != caller.Account) return "foreign";
        if (target.Node is not { } node) return "self";

        var (now, ever) = StandsOn(caller, column, operation);
        if (now.Exists(h => h.Household is { } home && home == target.Household)) return column == "resident" ? "own household" : "own node";
        if (now.Exists(h => h.Node == node)) return "own node";
        if (now.Exists(h => Covers(h, node))) return "descendant";
        if (ever.Exists(h => Covers(h, node) || h.Household is { } home && home == target.Household)) return "former";
        var places = ever.Select(h => h.Node ?? (h.Household is { } home ? _homes[home] : null)).OfType<Guid>().ToList();
        // The neighbour's household hangs on the very node above one's own.
        if (places.Exists(p => Upwards(p).Contains(node))) return target.Household is null ? "ancestor" : "sibling";
        if (places.Exists(p => _grid[p].Parent is { } parent && parent == _grid[node].Parent)) return "sibling";
        return places.Exists(p => _grid[p].Root is { } root && root == _grid[node].Root) ? "cousin" : "foreign";
    }

    private (List<Holding> Now, List<Holding> Ever) StandsOn(Caller caller, string column, string operation)
    {
        if (caller.Account is not { } account) return ([], []);
        if (caller.Node is not { } node)
        {
            var held = _holdings[account].Where(h => h.Role == column).ToList();
            return (held.FindAll(h => h.Now), held);
        }

        // A staff wall shows its node while its account reaches it by a role that may; a hall's display stands for itself.
        var shown = new Holding(account, column, true, node, null);
        return column == "hall" || _holdings[account].Any(h => h.Now && _cells[operation][h.Role] != "-" && Covers(h, node)) ? ([shown], [shown]) : ([], [shown]);
    }

    private bool Covers(Holding holding, Guid node) => holding.Node is { } top && IsWithin(node, top);

    private IEnumerable<Guid> Upwards(Guid node)
    {
        for (Guid? at = node; at is { } here; at = _grid[here].Parent) yield return here;
    }

    private static Guid? Id(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetGuid(column);

    /// <summary>A table of the document by its first column, each row by the names of the others.</summary>
    private static Dictionary<string, Dictionary<string, string>> Table(string[] lines, string first)
    {
        static string[] Cells(string line) => [.. line.Trim().Trim('|').Split('|').Select(c => c.Trim())];
        var head = Array.FindIndex(lines, l => l.StartsWith($"| {first} |", StringComparison.Ordinal));
        var columns = Cells(lines[head]);
        return lines.Skip(head + 2).TakeWhile(l => l.StartsWith('|')).Select(Cells).ToDictionary(c => c[0], c => columns.Zip(c).Skip(1).ToDictionary());
    }
}
