using Backend.Domain.Accounts;
using Backend.Domain.Grid;
using Backend.Domain.Households;
using Backend.Domain.Notices;
using Backend.Domain.Privacy;
using Backend.Domain.Tags;
using Backend.Domain.Tiers;
using Backend.Domain.Visits;
using Backend.Domain.Wall;
using Backend.Platform.Audit;
using Backend.Platform.Outbox;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;
using Npgsql;

namespace Backend.Platform.Persistence;

/// <summary>
/// The one door to the database and the one transaction of a use case. <see cref="BeginAsync"/> sets the scope as the first statement;
/// <see cref="CommitAsync"/> saves entities, history, outbox messages, audit and idempotency rows, then raises the wall versions in one raw
/// statement and commits: nothing follows the version lock but the commit (design.md section 3).
/// </summary>
internal sealed class BackendDb : DbContext
{
    private readonly IScopeSource _scope;
    private readonly OutboxCatalogue _outbox;
    private readonly OutboxSignal _signal;
    private readonly CommittedWallVersions _committed;
    private readonly TimeProvider _clock;

    public BackendDb(
        DbContextOptions<BackendDb> options, IScopeSource scope, OutboxCatalogue outbox, OutboxSignal signal, CommittedWallVersions committed, TimeProvider clock)
        : base(options)
    {
        (_scope, _outbox, _signal, _committed, _clock) = (scope, outbox, signal, committed, clock);
        Database.AutoTransactionBehavior = AutoTransactionBehavior.Never;
        Database.AutoSavepointsEnabled = false;
    }

    public DbSet<Level> GridLevels => Set<Level>();
    public DbSet<GridNode> GridNodes => Set<GridNode>();
    public DbSet<PartyBody> PartyBodies => Set<PartyBody>();
    public DbSet<Post> Posts => Set<Post>();
    public DbSet<Appointment> Appointments => Set<Appointment>();
    public DbSet<Assignment> Assignments => Set<Assignment>();
    public DbSet<StandIn> StandIns => Set<StandIn>();
    public DbSet<Account> Accounts => Set<Account>();
    public DbSet<AccountPhoto> AccountPhotos => Set<AccountPhoto>();
    public DbSet<WeChatIdentity> WeChatIdentities => Set<WeChatIdentity>();
    public DbSet<Session> Sessions => Set<Session>();
    public DbSet<Display> Displays => Set<Display>();
    public DbSet<Ticket> Tickets => Set<Ticket>();
    public DbSet<BindingTicket> BindingTickets => Set<BindingTicket>();
    public DbSet<Invite> Invites => Set<Invite>();
    public DbSet<BindingRequest> BindingRequests => Set<BindingRequest>();
    public DbSet<Reveal> Reveals => Set<Reveal>();
    public DbSet<EmergencyAccess> EmergencyAccesses => Set<EmergencyAccess>();
    public DbSet<PrivacyNotice> PrivacyNotices => Set<PrivacyNotice>();
    public DbSet<Purpose> Purposes => Set<Purpose>();
    public DbSet<Consent> Consents => Set<Consent>();
    public DbSet<Guardianship> Guardianships => Set<Guardianship>();
    public DbSet<RightsRequest> RightsRequests => Set<RightsRequest>();
    public DbSet<StaffCredential> StaffCredentials => Set<StaffCredential>();
    public DbSet<StaffDevice> StaffDevices => Set<StaffDevice>();
    public DbSet<OidcIdentity> OidcIdentities => Set<OidcIdentity>();
    public DbSet<StaffInvitation> StaffInvitations => Set<StaffInvitation>();
    public DbSet<StaffProposal> StaffProposals => Set<StaffProposal>();
    public DbSet<Tag> Tags => Set<Tag>();
    public DbSet<Household> Households => Set<Household>();
    public DbSet<Resident> Residents => Set<Resident>();
    public DbSet<Membership> Memberships => Set<Membership>();
    public DbSet<TagValue> TagValues => Set<TagValue>();
    public DbSet<RegisterMark> RegisterMarks => Set<RegisterMark>();
    public DbSet<Measure> Measures => Set<Measure>();
    public DbSet<Photo> Photos => Set<Photo>();
    public DbSet<MonthlyEvaluation> MonthlyEvaluations => Set<MonthlyEvaluation>();
    public DbSet<Visit> Visits => Set<Visit>();
    public DbSet<Cadence> Cadences => Set<Cadence>();
    public DbSet<WorkingDay> WorkingDays => Set<WorkingDay>();
    public DbSet<TierChange> TierChanges => Set<TierChange>();
    public DbSet<Batch> Batches => Set<Batch>();
    public DbSet<Alarm> Alarms => Set<Alarm>();
    public DbSet<Notice> Notices => Set<Notice>();
    public DbSet<NoticeAlarm> NoticeAlarms => Set<NoticeAlarm>();
    public DbSet<Delivery> Deliveries => Set<Delivery>();
    public DbSet<DeliveryAttempt> DeliveryAttempts => Set<DeliveryAttempt>();
    public DbSet<SubscriptionCredit> SubscriptionCredits => Set<SubscriptionCredit>();
    public DbSet<WallRoot> WallRoots => Set<WallRoot>();
    public DbSet<Tile> Tiles => Set<Tile>();
    public DbSet<TileChange> TileChanges => Set<TileChange>();
    public DbSet<AuditEntry> AuditEntries => Set<AuditEntry>();
    public DbSet<IdempotencyRecord> IdempotencyRecords => Set<IdempotencyRecord>();
    public DbSet<OutboxMessage> OutboxMessages => Set<OutboxMessage>();
    public DbSet<Setting> Settings => Set<Setting>();
    public DbSet<RuleSetVersion> RuleSets => Set<RuleSetVersion>();
    public DbSet<WeChatToken> WeChatTokens => Set<WeChatToken>();

    /// <summary>The scope that this context's transactions run under.</summary>
    public Scope Scope => _scope.Current;

    /// <summary>The moment of this use case, UTC.</summary>
    public DateTimeOffset Now => _clock.GetUtcNow();

    /// <summary>Wall versions that the last <see cref="CommitAsync"/> gave, by root.</summary>
    public IReadOnlyDictionary<Guid, long> WallVersions { get; private set; } = new Dictionary<Guid, long>();

    /// <summary>A subtree of the grid that takes another place, with all that hangs on it; carried out by <see cref="CommitAsync"/>, where the wall versions are raised.</summary>
    public GridMove? Move { get; set; }

    internal bool InScope { get; private set; }

    /// <summary>Opens the transaction and sets the scope in it. Doing it twice is a bug and throws.</summary>
    public async Task BeginAsync(CancellationToken cancellation)
    {
        await Database.BeginTransactionAsync(cancellation);
        InScope = true;
        await ScopedCommands.SetScopeAsync(this, Scope, cancellation);
    }

    /// <summary>Of those who do the same thing at once, on whatever replica, each waits here for the transaction of the one before, and then sees what it has done.</summary>
    /// <param name="what">The thing and whose it is.</param>
    public Task TakeTurnAsync(string what, CancellationToken cancellation) =>
        Database.ExecuteSqlAsync($"select pg_advisory_xact_lock(hashtextextended({what}, 0))", cancellation);

    /// <summary>Saves everything of the use case and commits it as one.</summary>
    public async Task CommitAsync(CancellationToken cancellation)
    {
        var households = ChangeTracker.Entries<Household>().Select(e => e.Entity).ToList();
        var messages = households.SelectMany(h => h.Messages).ToList();
        foreach (var message in messages) Send(message);

        await SaveChangesAsync(cancellation);
        var tiles = households.Where(h => h.TileChanged).ToList();
        if (Move is { } move) WallVersions = await WallVersionCounter.MoveAsync(this, move, cancellation);
        else if (tiles.Count > 0) WallVersions = await WallVersionCounter.RaiseAsync(this, tiles, cancellation);
        try
        {
            await Database.CommitTransactionAsync(cancellation);
        }
        finally
        {
            // Also when the answer to COMMIT was lost: it may stand all the same (RL14).
            if (messages.Count > 0 || tiles.Count > 0 || Move is not null || _sent) _signal.Set();
        }

        if (tiles.Count > 0 || Move is not null) _committed.Add(WallVersions);
        InScope = false;
        foreach (var household in households) household.ClearMessages();
        _sent = false;
        Move = null;
    }

    public async Task RollbackAsync(CancellationToken cancellation)
    {
        if (!InScope) return;
        InScope = false;
        await Database.RollbackTransactionAsync(cancellation);
    }

    /// <summary>Puts a message into the outbox, one row for each handler, in this transaction.</summary>
    public void Send(object message)
    {
        _sent = true;
        OutboxMessages.AddRange(_outbox.Rows(message, Now));
    }

    private bool _sent;

    public override int SaveChanges(bool acceptAllChangesOnSuccess) =>
        throw new NotSupportedException("The synchronous paths are closed; use CommitAsync.");

    protected override void ConfigureConventions(ModelConfigurationBuilder builder)
    {
        builder.Properties<Sealed>().HaveConversion<SealedConverter>();
        builder.Properties<DateTimeOffset>().HaveColumnType("timestamp with time zone");
        foreach (var type in typeof(BackendDb).Assembly.GetTypes().Where(t => t.IsEnum && t.Namespace?.StartsWith("Backend.", StringComparison.Ordinal) == true))
            builder.Properties(type).HaveConversion(typeof(SnakeCaseConverter<>).MakeGenericType(type));
    }

    protected override void OnModelCreating(ModelBuilder model)
    {
        model.HasPostgresExtension("ltree");
        model.ApplyConfigurationsFromAssembly(typeof(BackendDb).Assembly);
        foreach (var entity in model.Model.GetEntityTypes())
        {
            foreach (var property in entity.GetProperties())
            {
                if (property.Name is "NodePath" or "Path" && property.ClrType == typeof(string)) property.SetColumnType("ltree");
                var type = Nullable.GetUnderlyingType(property.ClrType) ?? property.ClrType;
                if (!type.IsEnum) continue;
                // What the enum says is a constraint in the database too.
                var column = property.GetColumnName();
                var values = string.Join(", ", Enum.GetNames(type).Select(n => $"'{SnakeCase.Of(n)}'"));
                entity.AddCheckConstraint($"ck_{entity.GetTableName()}_{column}", $"\"{column}\" in ({values})");
            }
        }
    }

    private sealed class SealedConverter() : ValueConverter<Sealed, byte[]>(v => v.Bytes, v => new Sealed(v));
}

/// <summary>Where a context's scope comes from: the signed-in account, or nobody.</summary>
internal interface IScopeSource
{
    Scope Current { get; }
}

internal sealed class FixedScope(Scope scope) : IScopeSource
{
    public Scope Current => scope;
}

/// <summary>Opens a connection of the same role for hand-written hot reads; see <see cref="ScopedCommands"/>.</summary>
internal sealed class AppDataSource(NpgsqlDataSource source) : IAsyncDisposable, IDisposable
{
    public NpgsqlDataSource Source => source;

    /// <summary>Seconds that a request waits for one command.</summary>
    public int Limit { get; } = new NpgsqlConnectionStringBuilder(source.ConnectionString).CommandTimeout;

    public void Dispose() => source.Dispose();

    public ValueTask DisposeAsync() => source.DisposeAsync();
}

/// <summary>Background work only; named in Platform and nowhere else (architecture test).</summary>
/// <param name="source">As the worker.</param>
/// <param name="requestLimit">Seconds that a request waits for one command.</param>
internal sealed class WorkerDataSource(NpgsqlDataSource source, int requestLimit) : IAsyncDisposable, IDisposable
{
    public NpgsqlDataSource Source => source;

    /// <summary>A read that a request waits for (rights, grid, reference data): under a request's limit, not background work's.</summary>
    public NpgsqlCommand ForRequest(string sql)
    {
        var command = source.CreateCommand(sql);
        command.CommandTimeout = requestLimit;
        return command;
    }

    public void Dispose() => source.Dispose();

    public ValueTask DisposeAsync() => source.DisposeAsync();
}
