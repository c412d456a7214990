using Backend.Domain.Grid;
using Backend.Platform.Persistence;

namespace Backend.Platform.Security;

/// <summary>Who calls, and what this operation may reach. Filled by <see cref="Guard"/> before the handler runs; the scope of the request's transaction.</summary>
internal sealed class CurrentAccount : IScopeSource
{
    private Rights? _rights;

    public bool IsSignedIn => _rights is not null;

    public Guid Id => Signed.AccountId;

    public Guid SessionId => Signed.SessionId;

    public Rights Rights => Signed;

    /// <summary>Her own household: nobody decides about it herself (AZ15).</summary>
    public bool LivesIn(Guid household) => Signed.Roles.Any(r => r.Role == Role.Resident && r.Homes.Contains(household));

    /// <summary>By which of her roles that may do this operation she reaches a household: each brings its own field rights, and no other's (AZ10).</summary>
    public IEnumerable<Role> RolesOver(Guid household, string nodePath) => Signed.Roles.Where(r => Roles.Contains(r.Role)
        && (r.Homes.Contains(household) || r.Emergencies.Any(e => e.Household == household) || r.Nodes.Any(n => Rights.IsWithin(nodePath, n.Path)))).Select(r => r.Role);

    /// <summary>The emergency accesses under which this operation is done. The audit names them, and so the household sees it, also after the end.</summary>
    public IEnumerable<Guid> Emergencies => !EmergencyReading.Operations.Contains(Operation) || _rights is null ? []
        : _rights.Roles.Where(r => Roles.Contains(r.Role)).SelectMany(r => r.Emergencies).Select(e => e.Id);

    public string Operation { get; private set; } = "";

    /// <summary>Roles held now that may do this operation.</summary>
    public IReadOnlyList<Role> Roles { get; private set; } = [];

    public Scope Current { get; private set; } = Scope.Nobody;

    public void Enter(string operation, Rights? rights, IReadOnlyList<Role> roles, Scope scope) =>
        (Operation, _rights, Roles, Current) = (operation, rights, roles, scope);

    /// <summary>Sign-in: the account is known only after the identity was found; from here on its own rows are visible, and nothing else.</summary>
    public void Become(Guid account) => Current = new Scope(account, [], []);

    private Rights Signed => _rights ?? throw new InvalidOperationException("Nobody is signed in.");
}
